/* Inside the store: reading from a transaction, of a snapshot or of a write. */
#ifndef SP_STORE_LMDB_VIEW_H
#define SP_STORE_LMDB_VIEW_H

#include <lmdb.h>

#include "base/status.h"
#include "store/lmdb/databases.h"

struct sp_store;

/* The cursors that a snapshot keeps for decisions. */
enum sp_kept_cursor { SP_CURSOR_PRINCIPAL, SP_CURSOR_RESOURCE, SP_KEPT_CURSORS };
enum { SP_STANDING_BYTES = 64 }; /* longer keys are looked up each time */

/* The key among whose values a kept cursor stands, and the first of them. A decision reads the
 * head of a list and then its edges, and the next of a batch often the same list: only the first
 * descends the tree. */
struct sp_standing {
    size_t key_size; /* 0: none */
    uint8_t key[SP_STANDING_BYTES];
    MDB_val in_map; /* the key as it lies in the map */
    MDB_val first;
    const uint8_t *together; /* all of its values, if they were found beside each other (records/edge_list.h) */
    size_t count;            /* of them */
};

struct sp_view_memory; /* what store/records keeps with a view (records/head.h); not used here */

struct sp_view {
    struct sp_store *store;
    MDB_txn *txn;
    bool writing;
    struct sp_view_memory *memory;
    /* Only of snapshots; the cursors are renewed with each acquire. */
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

/* A cursor for the principal or resource index: the snapshot's own, or a new one in a write.
 * Give it back. */
enum sp_status sp_view_borrow_cursor(struct sp_view *view, enum sp_kept_cursor which,
                                     MDB_cursor **ret_cursor) SP_MUST_USE;
void sp_view_return_cursor(struct sp_view *view, MDB_cursor *cursor);

/* Reads the first value of a key, and leaves a borrowed cursor at one of the key's values. An
 * LMDB code. */
int sp_view_stand_at(struct sp_view *view, enum sp_kept_cursor which, MDB_cursor *cursor, struct sp_bytes key,
                     MDB_val *ret_value);

/* After a failed cursor operation: the cursor must be positioned again before its next use. */
static inline void sp_view_stand_nowhere(struct sp_view *view, enum sp_kept_cursor which) {
    view->standing[which].key_size = 0;
}

/* A new cursor; close it with mdb_cursor_close before the view ends. */
enum sp_status sp_view_open_cursor(struct sp_view *view, enum sp_database database,
                                   MDB_cursor **ret_cursor) SP_MUST_USE;

/* Moves to the first record whose key is after `last`; size 0: to the first of all. An LMDB
 * code. */
int sp_cursor_seek_after(MDB_cursor *cursor, struct sp_bytes last, MDB_val *ret_key, MDB_val *ret_value);

/* Visits the records whose keys begin with `prefix` from the one on that an LMDB operation of code
 * `code` moved the cursor to, and gave as `key` and `value`; then closes the cursor. The visitor
 * may change or delete the record that it is given, by the cursor. As sp_walk_status. */
typedef enum sp_status sp_cursor_visit(void *context, struct sp_bytes key, struct sp_bytes value);
enum sp_status sp_cursor_walk_and_close(MDB_cursor *cursor, int code, MDB_val key, MDB_val value,
                                        struct sp_bytes prefix, sp_cursor_visit *visit, void *context) SP_MUST_USE;

/* How many records a database has, duplicates counted. */
enum sp_status sp_view_entries(struct sp_view *view, enum sp_database database, uint64_t *ret_entries) SP_MUST_USE;

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
    return (struct sp_bytes){(const uint8_t *)number, sizeof(*number)};
}

#endif
