#include "store/replica/walk.h"

#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"

static const enum sp_database databases[SP_REPLICA_SPACES] = {
    [SP_REPLICA_ENTITY] = SP_DB_ENTITY, [SP_REPLICA_CHANGE] = SP_DB_CHANGE, [SP_REPLICA_REQUEST] = SP_DB_REQUEST};

/* Moves to the first record after `after`. An LMDB code. */
static int seek_first_record(MDB_cursor *cursor, bool numbered, struct sp_bytes after, MDB_val *key, MDB_val *value) {
    if (!numbered || after.size == 0)
        return sp_cursor_seek_after(cursor, after, key, value);
    uint64_t next = sp_load_be64(after.data) + 1;
    *key = sp_val(sp_number_key(&next));
    return mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
}

static enum sp_status visit_record(sp_replica_visit *visit, void *context, bool numbered, const MDB_val *key,
                                   const MDB_val *value) {
    uint8_t big_endian[8];
    uint64_t number;
    if (!numbered)
        return visit(context, sp_val_bytes(key), sp_val_bytes(value));
    memcpy(&number, key->mv_data, sizeof(number));
    sp_store_be64(big_endian, number);
    return visit(context, (struct sp_bytes){big_endian, sizeof(big_endian)}, sp_val_bytes(value));
}

enum sp_status sp_replica_walk(struct sp_view *view, enum sp_replica_space space, struct sp_bytes after,
                               sp_replica_visit *visit, void *context) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    bool numbered = sp_database_layouts[databases[space]].native_key;
    enum sp_status status = sp_view_open_cursor(view, databases[space], &cursor);
    if (status != SP_OK)
        return status;
    int code = seek_first_record(cursor, numbered, after, &key, &value);
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        status = visit_record(visit, context, numbered, &key, &value);
        if (status != SP_OK)
            break;
    }
    mdb_cursor_close(cursor);
    return sp_walk_status(status, code);
}
