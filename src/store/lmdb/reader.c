#include "store/lmdb/reader.h"

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"

static int open_kept_cursors(struct sp_reader *reader) {
    struct sp_view *view = &reader->view;
    struct sp_store *store = view->store;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &view->txn);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_cursor_open(view->txn, store->databases[SP_DB_PRINCIPAL], &view->cursors[SP_CURSOR_PRINCIPAL]);
    if (code == MDB_SUCCESS)
        code = mdb_cursor_open(view->txn, store->databases[SP_DB_RESOURCE], &view->cursors[SP_CURSOR_RESOURCE]);
    mdb_txn_reset(view->txn);
    return code;
}

static int begin_first_transaction(struct sp_reader *reader) {
    sp_turn_begin(&reader->view.store->turns, &reader->turn);
    int code = open_kept_cursors(reader);
    sp_turn_end(&reader->turn);
    return code;
}

enum sp_status sp_reader_init(struct sp_reader *reader, struct sp_store *store) {
    reader->view.store = store;
    sp_turn_join(&store->turns, &reader->turn);
    int code = begin_first_transaction(reader);
    if (code != MDB_MAP_RESIZED)
        return sp_lmdb_status(code);
    code = sp_turns_remap(&store->turns, store->env);
    if (code == MDB_SUCCESS)
        code = begin_first_transaction(reader);
    return sp_lmdb_status(code);
}

void sp_reader_fini(struct sp_reader *reader) {
    for (size_t i = 0; i < SP_KEPT_CURSORS; i++)
        if (reader->view.cursors[i] != NULL)
            mdb_cursor_close(reader->view.cursors[i]);
    if (reader->view.txn != NULL)
        mdb_txn_abort(reader->view.txn);
    sp_turn_leave(&reader->view.store->turns, &reader->turn);
}

/* Out of line: almost never needed. */
static int renew_after_remap(struct sp_reader *reader) {
    struct sp_store *store = reader->view.store;
    int code = MDB_MAP_RESIZED;
    while (code == MDB_MAP_RESIZED) {
        sp_turn_end(&reader->turn);
        code = sp_turns_remap(&store->turns, store->env);
        sp_turn_begin(&store->turns, &reader->turn);
        if (code != MDB_SUCCESS)
            break;
        code = mdb_txn_renew(reader->view.txn);
    }
    return code;
}

/* LMDB 0.9 takes a transaction's number first, and then its roots from one of two pages, which the
 * second commit after it writes over: whoever is held up in between has the number of one state and
 * the content of a later one. */
static bool is_overtaken(const struct sp_view *view) {
    MDB_envinfo info;
    return mdb_env_info(view->store->env, &info) == MDB_SUCCESS && info.me_last_txnid >= mdb_txn_id(view->txn) + 2;
}

static int renew_transaction(struct sp_reader *reader) {
    int code = mdb_txn_renew(reader->view.txn);
    return code == MDB_MAP_RESIZED ? renew_after_remap(reader) : code;
}

enum sp_status sp_reader_acquire(struct sp_reader *reader) {
    enum { TRIES = 100 };
    struct sp_view *view = &reader->view;
    sp_turn_begin(&view->store->turns, &reader->turn);
    int code = renew_transaction(reader);
    for (int tries = 1; code == MDB_SUCCESS && tries < TRIES && is_overtaken(view); tries++) {
        mdb_txn_reset(view->txn);
        code = renew_transaction(reader);
    }
    if (code != MDB_SUCCESS) {
        sp_turn_end(&reader->turn);
        return sp_lmdb_status(code);
    }
    view->renewed[SP_CURSOR_PRINCIPAL] = false;
    view->renewed[SP_CURSOR_RESOURCE] = false;
    return SP_OK;
}

void sp_reader_release(struct sp_reader *reader) {
    mdb_txn_reset(reader->view.txn);
    sp_turn_end(&reader->turn);
}
