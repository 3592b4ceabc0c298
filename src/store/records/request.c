#include "store/records/request.h"

#include "store/lmdb/lmdb_status.h"
#include "store/records/edit.h"
#include "wire/wire.h"

enum { ID_BYTES = 32, AGE_KEY_BYTES = 8 + ID_BYTES };

static struct sp_bytes id_bytes(const uint8_t id[static ID_BYTES]) {
    return (struct sp_bytes){id, ID_BYTES};
}

static void make_age_key(int64_t expires_at_s, const uint8_t id[static ID_BYTES],
                         uint8_t ret_key[static AGE_KEY_BYTES]) {
    sp_store_be64(ret_key, expires_at_s > 0 ? (uint64_t)expires_at_s : 0);
    memcpy(ret_key + 8, id, ID_BYTES);
}

static enum sp_status read_stored_request(struct sp_view *view, const uint8_t id[static ID_BYTES],
                                          struct sp_arena *arena, Sallyport__Store__V1__StoredRequest **ret_request) {
    struct sp_bytes value;
    ProtobufCMessage *message;
    enum sp_status status = sp_view_get(view, SP_DB_REQUEST, id_bytes(id), &value);
    if (status != SP_OK)
        return status;
    status = sp_wire_unpack_trusted(&sallyport__store__v1__stored_request__descriptor, value, arena, &message);
    if (status != SP_OK)
        return status;
    *ret_request = (Sallyport__Store__V1__StoredRequest *)message;
    return SP_OK;
}

enum sp_status sp_request_get(struct sp_view *view, const uint8_t id[static 32], int64_t now_s, struct sp_arena *arena,
                              Sallyport__Store__V1__StoredRequest **ret_request) {
    Sallyport__Store__V1__StoredRequest *request;
    enum sp_status status = read_stored_request(view, id, arena, &request);
    if (status != SP_OK)
        return status;
    if (request->expires_at <= now_s)
        return SP_ERR_NOT_FOUND;
    *ret_request = request;
    return SP_OK;
}

/* The earlier record under the id may have expired without having been removed yet. */
static enum sp_status remove_age(struct sp_write *write, const uint8_t id[static ID_BYTES], struct sp_arena *arena) {
    Sallyport__Store__V1__StoredRequest *old;
    uint8_t age_key[AGE_KEY_BYTES];
    enum sp_status status = read_stored_request(&write->transaction.view, id, arena, &old);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    make_age_key(old->expires_at, id, age_key);
    return sp_write_remove_any(write, SP_DB_REQUEST_AGE, (struct sp_bytes){age_key, sizeof(age_key)});
}

static enum sp_status put_request_and_age(struct sp_write *write, const uint8_t id[static ID_BYTES],
                                          const Sallyport__Store__V1__StoredRequest *request, struct sp_arena *arena) {
    struct sp_bytes packed;
    uint8_t age_key[AGE_KEY_BYTES];
    enum sp_status status = remove_age(write, id, arena);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(&request->base, arena, &packed);
    if (status != SP_OK)
        return status;
    status = sp_write_put(write, SP_DB_REQUEST, id_bytes(id), packed, 0);
    if (status != SP_OK)
        return status;
    make_age_key(request->expires_at, id, age_key);
    return sp_write_put(write, SP_DB_REQUEST_AGE, (struct sp_bytes){age_key, sizeof(age_key)},
                        (struct sp_bytes){NULL, 0}, 0);
}

enum { ARENA_FIRST_BYTES = 4096, ARENA_BUDGET_BYTES = 64 * 1024 * 1024 };

enum sp_status sp_request_put(struct sp_write *write, const uint8_t id[static 32],
                              const Sallyport__Store__V1__StoredRequest *request) {
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = put_request_and_age(write, id, request, &arena);
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_request_remove(struct sp_write *write, const uint8_t id[static 32]) {
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = remove_age(write, id, &arena);
    if (status == SP_OK)
        status = sp_write_remove_any(write, SP_DB_REQUEST, id_bytes(id));
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

static enum sp_status read_oldest_age(MDB_cursor *cursor, int64_t now_s, uint8_t ret_key[static AGE_KEY_BYTES]) {
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    if (key.mv_size != AGE_KEY_BYTES)
        return SP_ERR_CORRUPT;
    if ((int64_t)sp_load_be64(key.mv_data) > now_s)
        return SP_ERR_NOT_FOUND;
    memcpy(ret_key, key.mv_data, AGE_KEY_BYTES);
    return SP_OK;
}

/* The oldest record's age key; SP_ERR_NOT_FOUND: none has expired. */
static enum sp_status find_oldest_expired(struct sp_write *write, int64_t now_s,
                                          uint8_t ret_key[static AGE_KEY_BYTES]) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(&write->transaction.view, SP_DB_REQUEST_AGE, &cursor);
    if (status != SP_OK)
        return status;
    status = read_oldest_age(cursor, now_s, ret_key);
    mdb_cursor_close(cursor);
    return status;
}

enum sp_status sp_request_expire(struct sp_write *write, int64_t now_s, size_t limit, size_t *ret_removed) {
    size_t removed = 0;
    for (; removed < limit; removed++) {
        uint8_t key[AGE_KEY_BYTES];
        enum sp_status status = find_oldest_expired(write, now_s, key);
        if (status == SP_ERR_NOT_FOUND)
            break;
        if (status != SP_OK)
            return status;
        status = sp_write_remove(write, SP_DB_REQUEST_AGE, (struct sp_bytes){key, sizeof(key)}, NULL);
        if (status != SP_OK)
            return status;
        status = sp_write_remove_any(write, SP_DB_REQUEST, id_bytes(key + 8));
        if (status != SP_OK)
            return status;
    }
    *ret_removed = removed;
    return SP_OK;
}
