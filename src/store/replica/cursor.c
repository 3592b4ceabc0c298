#include "store/replica/cursor.h"

#include "store/records/edit.h"
#include "store/records/meta.h"
#include "store/replica/entity_sum.h"
#include "wire/wire.h"

enum { CURSOR_BYTES = 32, HEAD_FIRST_BYTES = 1024, HEAD_BUDGET_BYTES = 64 * 1024 };

enum sp_status sp_replica_set_source(struct sp_write *write, struct sp_str source) {
    static const char *const of_a_source[] = {"cursor", "source_head", "unreadable", "set_back"};
    enum sp_status status = sp_write_meta(write, "source", sp_bytes_of_str(source));
    if (status != SP_OK || !sp_str_equal(source, SP_SOURCE_EMBEDDED))
        return status;
    struct sp_bytes left_out;
    status = sp_view_optional_meta(&write->transaction.view, "unreadable", &left_out);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < sizeof(of_a_source) / sizeof(*of_a_source); i++) {
        status = sp_write_remove_meta(write, of_a_source[i]);
        if (status != SP_OK)
            return status;
    }
    /* What was left out is gone for good. */
    return left_out.size > 0 ? sp_write_recount_entities(write) : SP_OK;
}

enum sp_status sp_view_replica(struct sp_view *view, struct sp_arena *arena, struct sp_replica_cursor *ret_cursor,
                               Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_bytes cursor;
    struct sp_bytes head;
    ProtobufCMessage *message;
    enum sp_status status = sp_view_meta(view, "cursor", &cursor);
    if (status != SP_OK)
        return status;
    status = sp_view_meta(view, "source_head", &head);
    if (status != SP_OK)
        return status;
    if (cursor.size != CURSOR_BYTES)
        return SP_ERR_CORRUPT;
    status = sp_wire_unpack_trusted(&sallyport__store__v1__source_head__descriptor, head, arena, &message);
    if (status != SP_OK)
        return status;
    *ret_cursor = (struct sp_replica_cursor){sp_load_be64(cursor.data), sp_load_be64(cursor.data + 8),
                                             sp_load_be64(cursor.data + 16), sp_load_be64(cursor.data + 24)};
    *ret_head = (Sallyport__Store__V1__SourceHead *)message;
    return SP_OK;
}

static enum sp_status write_source_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    struct sp_arena arena;
    struct sp_bytes packed;
    enum sp_status status = sp_arena_init(&arena, HEAD_FIRST_BYTES, HEAD_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(&head->base, &arena, &packed);
    if (status == SP_OK)
        status = sp_write_meta(write, "source_head", packed);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_replica_move(struct sp_write *write, const struct sp_replica_cursor *cursor,
                               const Sallyport__Store__V1__SourceHead *head) {
    uint8_t value[CURSOR_BYTES];
    sp_store_be64(value, cursor->cluster_id);
    sp_store_be64(value + 8, cursor->revision);
    sp_store_be64(value + 16, cursor->head_revision);
    sp_store_be64(value + 24, cursor->resume > cursor->revision ? cursor->resume : cursor->revision);
    write->moved = false;
    enum sp_status status = write_source_head(write, head);
    if (status != SP_OK)
        return status;
    status = sp_write_meta(write, "cursor", (struct sp_bytes){value, sizeof(value)});
    if (status != SP_OK)
        return status;
    write->moved = true;
    return SP_OK;
}
