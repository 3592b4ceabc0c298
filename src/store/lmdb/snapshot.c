/* Readers. What a decision pays here: one renewed and one reset transaction, and one atomic exchange. */
#include <stdlib.h>

#include "store/lmdb/view.h"
#include "store/records/settings_cache.h"

struct sp_snapshot {
    struct sp_view view;
    struct sp_turn turn;
    struct sp_kept kept;
};

static int begin_and_open_cursors(struct sp_snapshot *snapshot) {
    struct sp_view *view = &snapshot->view;
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

static int first_begin(struct sp_snapshot *snapshot) {
    struct sp_store *store = snapshot->view.store;
    sp_turn_begin(store, &snapshot->turn);
    int code = begin_and_open_cursors(snapshot);
    sp_turn_end(&snapshot->turn);
    return code;
}

enum sp_status sp_snapshot_open(struct sp_store *store, struct sp_snapshot **ret_snapshot) {
    struct sp_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL)
        return SP_ERR_MEMORY;
    snapshot->view.store = store;
    snapshot->view.kept = &snapshot->kept;
    sp_turn_join(store, &snapshot->turn);
    int code = first_begin(snapshot);
    if (code == MDB_MAP_RESIZED) {
        code = sp_store_remap(store);
        if (code == MDB_SUCCESS)
            code = first_begin(snapshot);
    }
    if (code != MDB_SUCCESS) {
        sp_snapshot_close(snapshot);
        return sp_lmdb_status(code);
    }
    *ret_snapshot = snapshot;
    return SP_OK;
}

void sp_snapshot_close(struct sp_snapshot *snapshot) {
    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < SP_KEPT_CURSORS; i++) {
        if (snapshot->view.cursors[i] != NULL)
            mdb_cursor_close(snapshot->view.cursors[i]);
    }
    if (snapshot->view.txn != NULL)
        mdb_txn_abort(snapshot->view.txn);
    sp_turn_leave(snapshot->view.store, &snapshot->turn);
    free(snapshot);
}

/* Out of line: almost never needed. */
static int acquire_after_remap(struct sp_snapshot *snapshot) {
    struct sp_store *store = snapshot->view.store;
    int code = MDB_MAP_RESIZED;
    while (code == MDB_MAP_RESIZED) {
        sp_turn_end(&snapshot->turn);
        code = sp_store_remap(store);
        sp_turn_begin(store, &snapshot->turn);
        if (code == MDB_SUCCESS)
            code = mdb_txn_renew(snapshot->view.txn);
        else
            break;
    }
    return code;
}

enum sp_status sp_snapshot_acquire(struct sp_snapshot *snapshot) {
    struct sp_view *view = &snapshot->view;
    sp_turn_begin(view->store, &snapshot->turn);
    int code = mdb_txn_renew(view->txn);
    if (code == MDB_MAP_RESIZED)
        code = acquire_after_remap(snapshot);
    if (code != MDB_SUCCESS) {
        sp_turn_end(&snapshot->turn);
        return sp_lmdb_status(code);
    }
    view->renewed[SP_CURSOR_PRINCIPAL] = false;
    view->renewed[SP_CURSOR_RESOURCE] = false;
    return SP_OK;
}

void sp_snapshot_release(struct sp_snapshot *snapshot) {
    mdb_txn_reset(snapshot->view.txn);
    sp_turn_end(&snapshot->turn);
}

struct sp_view *sp_snapshot_view(struct sp_snapshot *snapshot) {
    return &snapshot->view;
}
