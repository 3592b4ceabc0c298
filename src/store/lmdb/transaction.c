#include "store/lmdb/transaction.h"

#include <errno.h>

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/volume_room.h"

/* ---- begin, commit, abort ---- */

static void end_write_turn(struct sp_transaction *transaction) {
    sp_turn_end(&transaction->turn);
    sp_turn_leave(&transaction->view.store->turns, &transaction->turn);
}

static int begin_write_turn(struct sp_transaction *transaction) {
    struct sp_store *store = transaction->view.store;
    sp_turn_begin(&store->turns, &transaction->turn);
    int code = mdb_txn_begin(store->env, NULL, 0, &transaction->view.txn);
    if (code != MDB_SUCCESS)
        sp_turn_end(&transaction->turn);
    return code;
}

enum sp_status sp_transaction_begin(struct sp_transaction *transaction, struct sp_store *store,
                                    struct sp_error *error) {
    if (store->mode != SP_STORE_WRITE)
        return sp_error_set(error, SP_ERR_PRECONDITION, "the store was opened for reading only");
    transaction->view.store = store;
    transaction->view.writing = true;
    sp_turn_join(&store->turns, &transaction->turn);
    int code = begin_write_turn(transaction);
    while (code == MDB_MAP_RESIZED) {
        code = sp_turns_remap(&store->turns, store->env);
        if (code != MDB_SUCCESS)
            break;
        code = begin_write_turn(transaction);
    }
    if (code != MDB_SUCCESS)
        sp_turn_leave(&store->turns, &transaction->turn);
    return sp_lmdb_error(error, code, "begin a write");
}

/* LMDB reports a write that a full volume cut short as EIO. */
static int name_full_volume(const struct sp_store *store, int code) {
    return code == EIO && sp_volume_is_full(store->path) ? ENOSPC : code;
}

enum sp_status sp_transaction_commit(struct sp_transaction *transaction, struct sp_error *error) {
    enum sp_status status = sp_env_check_files(transaction->view.store, error);
    if (status != SP_OK) {
        sp_transaction_abort(transaction);
        return status;
    }
    int code = name_full_volume(transaction->view.store, mdb_txn_commit(transaction->view.txn));
    end_write_turn(transaction);
    return sp_lmdb_error(error, code, "commit to the store");
}

void sp_transaction_abort(struct sp_transaction *transaction) {
    mdb_txn_abort(transaction->view.txn);
    end_write_turn(transaction);
}

/* ---- growth ---- */

/* A page is copied once, before it first changes: each operation changes a leaf or two and the
 * branches above, which are few, and all together change no more pages than there are. What is new
 * fills pages by half at least. */
enum sp_status sp_transaction_most_growth(const struct sp_transaction *transaction, uint64_t *ret_bytes) {
    enum { LEAVES = 2, BRANCHES = 4, PAGES_A_BRANCH = 16, NODE_BYTES = 32, FEW_PAGES = 16 };
    MDB_envinfo info;
    MDB_stat about;
    struct sp_store *store = transaction->view.store;
    int code = mdb_env_info(store->env, &info);
    if (code == MDB_SUCCESS)
        code = mdb_stat(transaction->view.txn, store->databases[SP_DB_META], &about);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    uint64_t pages = (uint64_t)info.me_last_pgno + 1;
    uint64_t branches = transaction->operations * BRANCHES;
    uint64_t copied =
        transaction->operations * LEAVES + (branches < pages / PAGES_A_BRANCH ? branches : pages / PAGES_A_BRANCH);
    uint64_t fresh = 3 * (transaction->bytes + NODE_BYTES * transaction->operations) / about.ms_psize;
    *ret_bytes = ((copied < pages ? copied : pages) + fresh + FEW_PAGES) * about.ms_psize;
    return SP_OK;
}

/* ---- changes ---- */

enum sp_status sp_transaction_failure(const struct sp_transaction *transaction, struct sp_error *error) {
    return sp_lmdb_error(error, transaction->failed, "write to the store");
}

static enum sp_status record_outcome(struct sp_transaction *transaction, int code) {
    transaction->operations += code == MDB_SUCCESS;
    if (code != MDB_SUCCESS && transaction->failed == MDB_SUCCESS)
        transaction->failed = name_full_volume(transaction->view.store, code);
    return sp_lmdb_status(transaction->failed != MDB_SUCCESS ? transaction->failed : code);
}

static MDB_dbi database_of(const struct sp_transaction *transaction, enum sp_database database) {
    return transaction->view.store->databases[database];
}

enum sp_status sp_transaction_put(struct sp_transaction *transaction, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes value, unsigned flags) {
    MDB_val key_val = sp_val(key);
    MDB_val value_val = sp_val(value);
    int code = mdb_put(transaction->view.txn, database_of(transaction, database), &key_val, &value_val, flags);
    transaction->bytes += code == MDB_SUCCESS ? key.size + value.size : 0;
    return code == MDB_KEYEXIST ? SP_ERR_EXISTS : record_outcome(transaction, code);
}

enum sp_status sp_transaction_put_new(struct sp_transaction *transaction, enum sp_database database,
                                      struct sp_bytes key, struct sp_bytes value, struct sp_bytes *ret_there) {
    MDB_val key_val = sp_val(key);
    MDB_val value_val = sp_val(value);
    int code =
        mdb_put(transaction->view.txn, database_of(transaction, database), &key_val, &value_val, MDB_NOOVERWRITE);
    transaction->bytes += code == MDB_SUCCESS ? key.size + value.size : 0;
    if (code != MDB_KEYEXIST)
        return record_outcome(transaction, code);
    *ret_there = sp_val_bytes(&value_val);
    return SP_ERR_EXISTS;
}

enum sp_status sp_transaction_remove(struct sp_transaction *transaction, enum sp_database database, struct sp_bytes key,
                                     const struct sp_bytes *value) {
    MDB_val key_val = sp_val(key);
    MDB_val value_val = value != NULL ? sp_val(*value) : (MDB_val){0, NULL};
    int code =
        mdb_del(transaction->view.txn, database_of(transaction, database), &key_val, value != NULL ? &value_val : NULL);
    return code == MDB_NOTFOUND ? SP_ERR_NOT_FOUND : record_outcome(transaction, code);
}

enum sp_status sp_transaction_empty(struct sp_transaction *transaction, enum sp_database database) {
    return record_outcome(transaction, mdb_drop(transaction->view.txn, database_of(transaction, database), 0));
}
