/* Inside the store: a write transaction. It remembers the first failure, after which it can only
 * be aborted. */
#ifndef SP_STORE_LMDB_TRANSACTION_H
#define SP_STORE_LMDB_TRANSACTION_H

#include "store/lmdb/turns.h"
#include "store/lmdb/view.h"

/* Zeroed by its owner before sp_transaction_begin. */
struct sp_transaction {
    struct sp_view view;
    struct sp_turn turn;
    int failed;          /* LMDB's first code that made it fail */
    uint64_t operations; /* puts and deletes made so far */
    uint64_t bytes;      /* of keys and values put so far */
};

/* Waits for the write lock. SP_ERR_PRECONDITION: the store was opened for reading only. After a
 * failure there is nothing to end. */
enum sp_status sp_transaction_begin(struct sp_transaction *transaction, struct sp_store *store,
                                    struct sp_error *error) SP_MUST_USE;

/* How many bytes of pages the transaction may take at most, over what it began with: an estimate
 * that errs on the high side. */
enum sp_status sp_transaction_most_growth(const struct sp_transaction *transaction, uint64_t *ret_bytes) SP_MUST_USE;

/* Each ends it. */
enum sp_status sp_transaction_commit(struct sp_transaction *transaction, struct sp_error *error) SP_MUST_USE;
void sp_transaction_abort(struct sp_transaction *transaction);

/* Why it failed; SP_OK if it has not. */
enum sp_status sp_transaction_failure(const struct sp_transaction *transaction, struct sp_error *error) SP_MUST_USE;

/* All return SP_OK or remember the failure. `flags` are mdb_put's; with MDB_NOOVERWRITE or
 * MDB_NODUPDATA, what is there already is SP_ERR_EXISTS and no failure. */
enum sp_status sp_transaction_put(struct sp_transaction *transaction, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes value, unsigned flags) SP_MUST_USE;
/* Puts a new record, or fails with SP_ERR_EXISTS and sets *ret_there to what is there, valid
 * until the next change. */
enum sp_status sp_transaction_put_new(struct sp_transaction *transaction, enum sp_database database,
                                      struct sp_bytes key, struct sp_bytes value,
                                      struct sp_bytes *ret_there) SP_MUST_USE;
/* Removes a record; of duplicates, the one with `value` (NULL: all). SP_ERR_NOT_FOUND does not fail
 * the transaction. */
enum sp_status sp_transaction_remove(struct sp_transaction *transaction, enum sp_database database, struct sp_bytes key,
                                     const struct sp_bytes *value) SP_MUST_USE;
/* Removes every record of a database. */
enum sp_status sp_transaction_empty(struct sp_transaction *transaction, enum sp_database database) SP_MUST_USE;

#endif
