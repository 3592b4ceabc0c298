/* Inside the store: its environment, views and the thin layer over LMDB that the other files speak through.
 *
 * Nothing outside src/store includes this. LMDB's return codes are translated in lmdb_status.c and nowhere else. */
#ifndef SP_STORE_LMDB_VIEW_H
#define SP_STORE_LMDB_VIEW_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/lmdb/store.h"
#include "store/records/layout.h"

/* ---- LMDB's codes (lmdb_status.c) ---- */

enum sp_status sp_lmdb_status(int code);

/* As sp_lmdb_status, with "cannot `doing`: why, and how to mend it". SP_OK leaves `error` alone. */
enum sp_status sp_lmdb_error(struct sp_error *error, int code, const char *doing);

/* ---- the environment (environment.c, remap.c) ---- */

/* Stands for one transaction that may be open in this process. A map that another process grew is only taken over while
 * none is. */
struct sp_turn {
    atomic_bool active;
    struct sp_turn *next; /* under sp_store.turns_lock */
};

struct sp_store {
    MDB_env *env;
    MDB_dbi databases[SP_DATABASES];
    enum sp_store_mode mode;
    pthread_mutex_t turns_lock; /* held while the list changes and while the map is taken over */
    struct sp_turn *turns;
    atomic_bool remapping;
};

void sp_turn_join(struct sp_store *store, struct sp_turn *turn);
void sp_turn_leave(struct sp_store *store, struct sp_turn *turn);

/* Before and after a transaction. Begin waits while the map is being taken over. Inline: every decision takes one. */
void sp_turn_wait(struct sp_store *store, struct sp_turn *turn);
static inline void sp_turn_begin(struct sp_store *store, struct sp_turn *turn) {
    atomic_store(&turn->active, true);
    if (atomic_load(&store->remapping))
        sp_turn_wait(store, turn);
}
static inline void sp_turn_end(struct sp_turn *turn) {
    atomic_store_explicit(&turn->active, false, memory_order_release);
}

/* Waits until no turn is active (the caller's own must have ended) and maps the file at the size that its meta page tells.
 * An LMDB code: MDB_MAP_RESIZED where a turn did not end within a second, so that a mistake cannot stop the process. */
int sp_store_remap(struct sp_store *store);

/* ---- views (view.c) ---- */

struct sp_head {
    struct sp_revision revision;
    uint8_t last_hash[32];
    int64_t synced_at_s;
    uint64_t settings_version;
};

struct sp_kept;
struct sp_journal;

/* The cursors that a snapshot keeps for decisions. */
enum sp_kept_cursor { SP_CURSOR_PRINCIPAL, SP_CURSOR_RESOURCE, SP_KEPT_CURSORS };
enum { SP_STANDING_BYTES = 64 }; /* keys that are longer are looked for each time */

/* The key among whose values a kept cursor stands, and the first of them. A decision reads the head of a list and then its
 * edges, and the next of a batch often the same list: only the first descends the tree. */
struct sp_standing {
    size_t key_size; /* 0: none */
    uint8_t key[SP_STANDING_BYTES];
    MDB_val first;
};

struct sp_view {
    struct sp_store *store;
    MDB_txn *txn;
    bool writing;
    bool head_known; /* of transaction head_txn_id */
    size_t head_txn_id;
    struct sp_head head;
    /* Only of snapshots; the cursors are renewed with each acquire. */
    struct sp_kept *kept;
    MDB_cursor *cursors[SP_KEPT_CURSORS];
    bool renewed[SP_KEPT_CURSORS];
    struct sp_standing standing[SP_KEPT_CURSORS];
};

/* Reads one value, the first of duplicates. Borrowed. SP_ERR_NOT_FOUND. */
enum sp_status sp_view_get(struct sp_view *view, enum sp_database database, struct sp_bytes key,
                           struct sp_bytes *ret_value) SP_MUST_USE;

/* As sp_view_get, with the seal checked and cut off: SP_ERR_CORRUPT. */
enum sp_status sp_view_get_sealed(struct sp_view *view, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes *ret_value) SP_MUST_USE;

/* A cursor for the principal or resource index, the snapshot's own where there is one. Give it back. */
enum sp_status sp_view_borrow_cursor(struct sp_view *view, enum sp_kept_cursor which,
                                     MDB_cursor **ret_cursor) SP_MUST_USE;
void sp_view_return_cursor(struct sp_view *view, MDB_cursor *cursor);

/* Reads the first value of a key, and leaves a borrowed cursor at one of the key's values. An LMDB code. */
int sp_view_stand_at(struct sp_view *view, enum sp_kept_cursor which, MDB_cursor *cursor, struct sp_bytes key,
                     MDB_val *ret_value);

/* After a cursor operation that failed: the cursor is to be positioned anew before it is used again. */
static inline void sp_view_stand_nowhere(struct sp_view *view, enum sp_kept_cursor which) {
    view->standing[which].key_size = 0;
}

/* A new cursor; close it with mdb_cursor_close before the view ends. */
enum sp_status sp_view_open_cursor(struct sp_view *view, enum sp_database database,
                                   MDB_cursor **ret_cursor) SP_MUST_USE;

/* How many records a database has, duplicates counted. */
enum sp_status sp_view_entries(struct sp_view *view, enum sp_database database, uint64_t *ret_entries) SP_MUST_USE;

/* The sealed head. SP_ERR_CORRUPT where it is missing or damaged. */
enum sp_status sp_view_head(struct sp_view *view, struct sp_head *ret_head) SP_MUST_USE;
/* The same, borrowed until the view is used at another revision. */
enum sp_status sp_view_head_in_place(struct sp_view *view, const struct sp_head **ret_head) SP_MUST_USE;

/* What a snapshot's view keeps of the settings, of the head's version. Not for writes. SP_ERR_CORRUPT. */
enum sp_status sp_view_kept(struct sp_view *view, struct sp_kept **ret_kept) SP_MUST_USE;

static inline MDB_val sp_val(struct sp_bytes bytes) {
    union {
        const uint8_t *in;
        void *out;
    } data = {bytes.data};
    return (MDB_val){bytes.size, data.out};
}

static inline struct sp_bytes sp_val_bytes(const MDB_val *val) {
    return (struct sp_bytes){val->mv_data, val->mv_size};
}

/* The key of an MDB_INTEGERKEY database. */
static inline struct sp_bytes sp_number_key(const uint64_t *number) {
    return (struct sp_bytes){(const uint8_t *)number, sizeof *number};
}

/* ---- writes (write.c) ---- */

struct sp_write {
    struct sp_view view;
    struct sp_turn turn;
    int failed;                 /* LMDB's first code that made the write fail: it can only be aborted then */
    bool refused;               /* it holds writes of work that was refused: likewise */
    bool unaccounted;           /* entities were flushed whose change is not written yet: likewise until it is */
    uint64_t operations;        /* puts and deletes made so far */
    bool settings_touched;      /* the commit moves the settings version on */
    bool policy_touched;        /* entities were put or deleted */
    bool moved;                 /* and the source has them (replica.h) */
    struct sp_journal *journal; /* notes of what is put and deleted; NULL: none are taken */
};

/* Says why the write failed; SP_OK where it has not. */
enum sp_status sp_write_failure(const struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* The prefix of a store that is being made (records/meta.c). SP_ERR_INVALID. */
enum sp_status sp_write_first_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) SP_MUST_USE;

/* All return SP_OK or note the failure in the write. `flags` are mdb_put's; with MDB_NOOVERWRITE or MDB_NODUPDATA what is
 * there already is SP_ERR_EXISTS and no failure. */
enum sp_status sp_write_put(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                            struct sp_bytes value, unsigned flags) SP_MUST_USE;
/* Puts a new record, or fails with SP_ERR_EXISTS and sets *ret_there to what is there, valid until the next change. */
enum sp_status sp_write_put_new(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                                struct sp_bytes value, struct sp_bytes *ret_there) SP_MUST_USE;
/* Removes a record; of duplicates, the one with `value` (NULL: all). SP_ERR_NOT_FOUND is no failure. */
enum sp_status sp_write_remove(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                               const struct sp_bytes *value) SP_MUST_USE;

/* Removes every record of a database. */
enum sp_status sp_write_empty(struct sp_write *write, enum sp_database database) SP_MUST_USE;

enum sp_status sp_write_head(struct sp_write *write, const struct sp_head *head) SP_MUST_USE;
enum sp_status sp_write_meta(struct sp_write *write, const char *name, struct sp_bytes value) SP_MUST_USE;
enum sp_status sp_view_meta(struct sp_view *view, const char *name, struct sp_bytes *ret_value) SP_MUST_USE;

/* Whether the store is not the truth itself, and is in use: one without a revision is being filled (replica/meta.c). */
bool sp_view_must_not_change(struct sp_view *view);

#endif
