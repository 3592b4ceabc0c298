#include "store/lmdb/view.h"

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"

enum sp_status sp_view_get(struct sp_view *view, enum sp_database database, struct sp_bytes key,
                           struct sp_bytes *ret_value) {
    MDB_val key_val = sp_val(key);
    MDB_val value;
    int code = mdb_get(view->txn, view->store->databases[database], &key_val, &value);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    *ret_value = sp_val_bytes(&value);
    return SP_OK;
}

enum sp_status sp_view_get_sealed(struct sp_view *view, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes *ret_value) {
    struct sp_bytes record = {NULL, 0};
    enum sp_status status = sp_view_get(view, database, key, &record);
    if (status != SP_OK)
        return status;
    if (!sp_seal_fits((enum sp_seal_domain)sp_database_layouts[database].seal, key, record))
        return SP_ERR_CORRUPT;
    *ret_value = (struct sp_bytes){record.data, record.size - SP_SEAL_BYTES};
    return SP_OK;
}

enum sp_status sp_view_open_cursor(struct sp_view *view, enum sp_database database, MDB_cursor **ret_cursor) {
    return sp_lmdb_status(mdb_cursor_open(view->txn, view->store->databases[database], ret_cursor));
}

/* A write opens new cursors each time: LMDB ends them with the transaction, and their cost is
 * lost in that of a write. */
enum sp_status sp_view_borrow_cursor(struct sp_view *view, enum sp_kept_cursor which, MDB_cursor **ret_cursor) {
    static const enum sp_database databases[] = {
        [SP_CURSOR_PRINCIPAL] = SP_DB_PRINCIPAL, [SP_CURSOR_RESOURCE] = SP_DB_RESOURCE};
    if (view->writing)
        return sp_view_open_cursor(view, databases[which], ret_cursor);
    if (!view->renewed[which]) {
        int code = mdb_cursor_renew(view->txn, view->cursors[which]);
        if (code != MDB_SUCCESS)
            return sp_lmdb_status(code);
        view->renewed[which] = true;
        sp_view_stand_nowhere(view, which);
    }
    *ret_cursor = view->cursors[which];
    return SP_OK;
}

void sp_view_return_cursor(struct sp_view *view, MDB_cursor *cursor) {
    if (view->writing)
        mdb_cursor_close(cursor);
}

int sp_view_stand_at(struct sp_view *view, enum sp_kept_cursor which, MDB_cursor *cursor, struct sp_bytes key,
                     MDB_val *ret_value) {
    struct sp_standing *standing = &view->standing[which];
    bool can_stand = !view->writing && key.size <= SP_STANDING_BYTES;
    if (can_stand && standing->key_size == key.size && memcmp(standing->key, key.data, key.size) == 0) {
        *ret_value = standing->first;
        return MDB_SUCCESS;
    }
    MDB_val key_val = sp_val(key);
    standing->key_size = 0;
    int code = mdb_cursor_get(cursor, &key_val, ret_value, MDB_SET_KEY);
    if (code == MDB_SUCCESS && can_stand && key.size > 0) {
        memcpy(standing->key, key.data, key.size);
        standing->key_size = key.size;
        standing->in_map = key_val;
        standing->first = *ret_value;
        standing->together = NULL;
    }
    return code;
}

int sp_cursor_seek_after(MDB_cursor *cursor, struct sp_bytes last, MDB_val *ret_key, MDB_val *ret_value) {
    if (last.size == 0)
        return mdb_cursor_get(cursor, ret_key, ret_value, MDB_FIRST);
    MDB_val key = sp_val(last);
    int code = mdb_cursor_get(cursor, &key, ret_value, MDB_SET_RANGE);
    if (code == MDB_SUCCESS && sp_bytes_equal(sp_val_bytes(&key), last))
        code = mdb_cursor_get(cursor, &key, ret_value, MDB_NEXT);
    *ret_key = key;
    return code;
}

enum sp_status sp_cursor_walk_and_close(MDB_cursor *cursor, int code, MDB_val key, MDB_val value,
                                        struct sp_bytes prefix, sp_cursor_visit *visit, void *context) {
    enum sp_status status = SP_OK;
    while (code == MDB_SUCCESS && sp_bytes_begin_with(sp_val_bytes(&key), prefix)) {
        status = visit(context, sp_val_bytes(&key), sp_val_bytes(&value));
        if (status != SP_OK)
            break;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return sp_walk_status(status, code);
}

enum sp_status sp_view_entries(struct sp_view *view, enum sp_database database, uint64_t *ret_entries) {
    MDB_stat about;
    int code = mdb_stat(view->txn, view->store->databases[database], &about);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    *ret_entries = about.ms_entries;
    return SP_OK;
}
