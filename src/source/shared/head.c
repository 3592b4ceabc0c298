#include "source/shared/head.h"

#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/ask.h"
#include "source/shared/keys.h"
#include "store/records/snapshot.h"
#include "store/replica/cursor.h"
#include "wire/wire.h"

enum sp_status sp_source_unpack_head(struct sp_bytes value, struct sp_arena *arena,
                                     Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    enum sp_status status =
        sp_wire_unpack(&sallyport__store__v1__source_head__descriptor, value, arena, &message, error);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the head in etcd");
    *ret_head = (Sallyport__Store__V1__SourceHead *)message;
    return SP_OK;
}

static bool is_same_id(ProtobufCBinaryData a, ProtobufCBinaryData b) {
    return sp_bytes_equal(sp_wire_bytes(a), sp_wire_bytes(b));
}

bool sp_source_same_store(const Sallyport__Store__V1__SourceHead *a, const Sallyport__Store__V1__SourceHead *b) {
    return is_same_id(a->store_id, b->store_id);
}

bool sp_source_same_commit(const Sallyport__Store__V1__SourceHead *a, const Sallyport__Store__V1__SourceHead *b) {
    return is_same_id(a->commit_id, b->commit_id);
}

bool sp_source_succeeds(const Sallyport__Store__V1__SourceHead *head, const Sallyport__Store__V1__SourceHead *before) {
    return is_same_id(head->previous_commit_id, before->commit_id);
}

enum sp_status sp_source_ask_head(const struct sp_source_link *link, struct sp_arena *arena,
                                  struct sp_source_found *ret_found, struct sp_error *error) {
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = sp_source_head_key(link->shared->prefix, arena)};
    if (range.key.data == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_source_get(link, &range, arena, &page, error);
    if (status != SP_OK)
        return status;
    sp_source_note_reached(link->shared);
    if (page.count == 0)
        return sp_error_set(error, SP_ERR_NOT_FOUND,
                            "etcd holds no store below %.*s; create one with `sallyport-sync migrate --to`",
                            SP_STR_ARG(link->shared->prefix));
    struct sp_source_found found = {.header = page.header, .head_revision = page.kvs[0].mod_revision};
    status = sp_source_unpack_head(page.kvs[0].value, arena, &found.head, error);
    if (status != SP_OK)
        return status;
    *ret_found = found;
    return SP_OK;
}

enum sp_status sp_source_read_cursor(struct sp_view *view, struct sp_arena *arena, struct sp_replica_cursor *ret_cursor,
                                     Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) {
    enum sp_status status = sp_view_replica(view, arena, ret_cursor, ret_head);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(error, status, "the store is empty: it has not been filled from etcd yet");
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's etcd position");
    return SP_OK;
}

enum sp_status sp_source_read_newest_cursor(struct sp_store *store, struct sp_arena *arena,
                                            struct sp_replica_cursor *ret_cursor,
                                            Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store");
    status = sp_source_read_cursor(sp_snapshot_view(snapshot), arena, ret_cursor, ret_head, error);
    sp_snapshot_end(snapshot);
    return status;
}
