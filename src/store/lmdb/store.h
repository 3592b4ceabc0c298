/* The LMDB environment: opening, transactions, and what both readers and the writer may ask.
 *
 * Process rules, from LMDB: open an environment once a process; never fork after; one write transaction at a time (they
 * wait for each other, also across processes). A view and all that is read through it belong to one thread at a time.
 * Everything that is read is borrowed from the map and valid until the view is reset, committed or aborted. */
#ifndef SP_STORE_LMDB_STORE_H
#define SP_STORE_LMDB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_store; /* thread-safe */

/* What can be read from: a snapshot, or an open write transaction (which sees its own writes). */
struct sp_view;

enum sp_store_mode {
    SP_STORE_READ,  /* cannot write data; needs write access to the lock file */
    SP_STORE_WRITE, /* creates missing databases */
};

struct sp_store_options {
    enum sp_store_mode mode;
    uint64_t map_size_bytes; /* of a writer; 0: keep the store's, or 64 GiB for a new one */
    unsigned max_readers;    /* 0: 512 */
    bool no_sync;            /* only for scratch copies and bulk loads: not durable against a crash of the system */
};

/* Opens the environment in the folder `path`. SP_ERR_NOT_FOUND: no store there (the message names the command that makes
 * one); SP_ERR_PRECONDITION: a store of another format, or reader locks do not work here (read-only mount, other PID
 * namespace); SP_ERR_IO. */
enum sp_status sp_store_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                             struct sp_error *error) SP_MUST_USE;

/* Closes it. Every snapshot and write must be closed before. NULL is allowed. */
void sp_store_close(struct sp_store *store);

struct sp_store_create_options {
    uint64_t map_size_bytes; /* 0: 64 GiB */
    struct sp_str schema_yaml;
    struct sp_str key_prefix; /* "sp_" */
    int64_t now_s;
    struct sp_str
        source; /* what it is to follow (replica.h); empty: itself. With one: no schema, revision 0 of epoch 0 */
};

/* Makes a new store in an existing or new folder (mode 0750, data 0640, lock 0660): format, epoch 1, revision 1, the schema.
 * SP_ERR_EXISTS where there is one. */
enum sp_status sp_store_create(const char *path, const struct sp_store_create_options *options,
                               struct sp_error *error) SP_MUST_USE;

/* Clears reader slots of dead processes; *ret_cleared may be NULL. Call every few seconds from the writer. */
enum sp_status sp_store_clear_stale_readers(struct sp_store *store, int *ret_cleared) SP_MUST_USE;

struct sp_store_stats {
    uint64_t map_size_bytes;
    uint64_t used_bytes; /* pages in use and free pages before the last used one: the data file's size */
    unsigned readers;    /* slots in use, over all processes */
    unsigned max_readers;
};
enum sp_status sp_store_stats(struct sp_store *store, struct sp_store_stats *ret_stats) SP_MUST_USE;

struct sp_revision {
    uint64_t epoch;
    uint64_t number;
};

/* ---- snapshots ---- */

struct sp_snapshot;

/* Makes a reader with one long-lived transaction and its cursors, not yet begun. One a thread. SP_ERR_EXHAUSTED: every
 * reader slot is taken. */
enum sp_status sp_snapshot_open(struct sp_store *store, struct sp_snapshot **ret_snapshot) SP_MUST_USE;
void sp_snapshot_close(struct sp_snapshot *snapshot);

/* Begins to read the newest committed state. Allocates nothing. Handles a map that another process grew (waits for the
 * process's other snapshots to be released, then remaps; SP_ERR_UNAVAILABLE where that takes more than a second). Must
 * be released before the thread waits for anything, and before it begins a write. */
enum sp_status sp_snapshot_acquire(struct sp_snapshot *snapshot) SP_MUST_USE;
void sp_snapshot_release(struct sp_snapshot *snapshot);

/* The view of an acquired snapshot. */
struct sp_view *sp_snapshot_view(struct sp_snapshot *snapshot);

/* ---- writes ---- */

struct sp_write;

/* Waits for the write lock. */
enum sp_status sp_write_begin(struct sp_store *store, struct sp_write **ret_write, struct sp_error *error) SP_MUST_USE;
struct sp_view *sp_write_view(struct sp_write *write);

/* The state that the write began from: two writes of one store have the same number where nothing was committed in between. */
size_t sp_write_state(const struct sp_write *write);

/* How much the write has done so far: a number that every put and delete raises. */
uint64_t sp_write_operations(const struct sp_write *write);

/* Says that the work done since the write was at `operations_before` is refused. True where that work wrote nothing, so that
 * the write may go on without it; false where it wrote: from then on the write cannot be committed, only aborted. Everything that may fail
 * inside a write that others share ends with this when it fails. */
bool sp_write_refuse(struct sp_write *write, uint64_t operations_before);

/* Why the write cannot be committed; SP_OK where it can. SP_ERR_INTERNAL: it holds part of a refused change, or entities
 * that no change lists. */
enum sp_status sp_write_check(const struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* Makes everything durable and visible at once, or nothing. Frees the write either way. As sp_write_check; SP_ERR_EXHAUSTED:
 * the map is full (the message says how to grow it). */
enum sp_status sp_write_commit(struct sp_write *write, struct sp_error *error) SP_MUST_USE;
void sp_write_abort(struct sp_write *write);

/* ---- reading meta ---- */

/* The revision of a view, from the sealed head. SP_ERR_CORRUPT. */
enum sp_status sp_view_revision(struct sp_view *view, struct sp_revision *ret_revision) SP_MUST_USE;

/* The settings version with its epoch, which changes with each commit that touched the schema, the key forms or whether a
 * workspace is enabled: what was made of them is good for as long as it stays. SP_ERR_CORRUPT. */
enum sp_status sp_view_settings_version(struct sp_view *view, struct sp_revision *ret_version) SP_MUST_USE;

/* When the writer was last in step with the source of truth (scaled mode); 0: never. SP_ERR_CORRUPT. */
enum sp_status sp_view_synced_at(struct sp_view *view, int64_t *ret_synced_at_s) SP_MUST_USE;
/* Sets it. No revision is assigned. */
enum sp_status sp_write_synced_at(struct sp_write *write, int64_t synced_at_s) SP_MUST_USE;

/* The store's key prefixes (first: for new keys) and whether keys were imported by digest. Borrowed from the view; of a
 * write, until the next change of them. SP_ERR_CORRUPT. */
enum { SP_STORE_MAX_PREFIXES = 16 };
struct sp_key_forms {
    struct sp_str prefixes[SP_STORE_MAX_PREFIXES];
    size_t prefix_count;
    bool accept_foreign;
};
enum sp_status sp_view_key_forms(struct sp_view *view, struct sp_key_forms *ret_forms) SP_MUST_USE;
/* The same without a copy: *ret_forms is in the snapshot, or in `spare`. */
enum sp_status sp_view_key_forms_in_place(struct sp_view *view, struct sp_key_forms *spare,
                                          const struct sp_key_forms **ret_forms) SP_MUST_USE;

#endif
