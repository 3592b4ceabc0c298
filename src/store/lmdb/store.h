/* The LMDB environment: opening, transactions, and what both readers and the writer may ask.
 *
 * Process rules, from LMDB: open an environment once a process; never fork after; one write
 * transaction at a time (they wait for each other, also across processes). A view and all that
 * is read through it belong to one thread at a time. Everything that is read is borrowed from
 * the map and valid until the view is reset, committed or aborted. */
#ifndef SP_STORE_LMDB_STORE_H
#define SP_STORE_LMDB_STORE_H

#include <stdint.h>

#include "base/status.h"
#include "store/lmdb/options.h"

struct sp_store; /* thread-safe */

/* What can be read from: a snapshot, or an open write transaction (which sees its own writes). */
struct sp_view;

/* Whether a writer may trust the folder: it and its files belong to the writer's user, and nobody
 * else may replace or change them (lmdb/folder_safety.h). A folder that does not exist yet is
 * judged by those above it. SP_ERR_PRECONDITION, with what to do. */
enum sp_status sp_store_check_folder(const char *path, struct sp_error *error) SP_MUST_USE;

/* Makes a folder for a store, with its mode, or takes from group and others what they must not
 * have on one of this user and its files: Kubernetes gives the group of a volume all of it. For a
 * moment at which no other user has it mounted. SP_ERR_PRECONDITION: it is another user's. */
enum sp_status sp_store_prepare_folder(const char *path, struct sp_error *error) SP_MUST_USE;

/* Opens the environment in the folder `path`. SP_ERR_NOT_FOUND: no store there (the message
 * names the command that makes one); SP_ERR_PRECONDITION: a store of another format, or reader
 * locks do not work here (read-only mount, other PID namespace); SP_ERR_IO. */
enum sp_status sp_store_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                             struct sp_error *error) SP_MUST_USE;

/* Closes it. Every snapshot and write must be closed before. NULL is allowed. */
void sp_store_close(struct sp_store *store);

/* Clears reader slots of dead processes; *ret_cleared may be NULL. Call every few seconds from
 * the writer. */
enum sp_status sp_store_clear_stale_readers(struct sp_store *store, int *ret_cleared) SP_MUST_USE;

/* Whether the folder and its files are still those that were opened: by device and inode, without
 * opening them. SP_ERR_UNAVAILABLE, naming what was replaced or removed: what is read here is no
 * longer the store at that path, and no commit succeeds any more. Call every second. */
enum sp_status sp_store_check_files(const struct sp_store *store, struct sp_error *error) SP_MUST_USE;

/* Takes over the map's size if another process raised it: the writer does not notice by itself.
 * Call every few seconds, with no transaction of this thread open. SP_ERR_UNAVAILABLE: another
 * thread's did not end within a second. */
enum sp_status sp_store_adopt_growth(struct sp_store *store, bool *ret_grew) SP_MUST_USE;

struct sp_store_stats {
    uint64_t map_size_bytes;
    uint64_t used_bytes; /* pages in use and free pages before the last used one: the data file's size */
    unsigned readers;    /* slots in use, over all processes */
    unsigned max_readers;
};
enum sp_status sp_store_stats(struct sp_store *store, struct sp_store_stats *ret_stats) SP_MUST_USE;

#endif
