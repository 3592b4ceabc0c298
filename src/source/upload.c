/* Whole stores: written to an empty place in etcd, and compared with what is there. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "source/internal.h"
#include "store/replica/source_head.h"
#include "store/replica/walk.h"
#include "wire/wire.h"

enum { SAY_EVERY = 100000 };

/* ---- upload ---- */

struct upload {
    struct sp_source *source;
    enum sp_replica_space space;
    struct sp_arena arena;
    struct sp_source_operations operations; /* of the next transaction */
    uint64_t done;
    struct sp_error *error;
};

static enum sp_status send_some(struct upload *upload) {
    struct sp_etcd_outcome outcome;
    struct sp_bytes head = sp_source_key_head(upload->source, &upload->arena);
    const struct sp_etcd_compare nobody = {.key = head, .what = SP_ETCD_CREATE_IS, .revision = 0};
    const struct sp_etcd_txn txn = {
        .compares = &nobody,
        .compare_count = 1,
        .operations = upload->operations.items,
        .operation_count = upload->operations.count,
    };
    if (upload->operations.count == 0)
        return SP_OK;
    if (head.data == NULL)
        return sp_error_set(upload->error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_etcd_commit(upload->source->write, &txn, &upload->arena, &outcome, upload->error);
    if (status == SP_OK && !outcome.made)
        status = sp_error_set(upload->error, SP_ERR_EXISTS, "somebody else has made a store there meanwhile");
    sp_arena_reset(&upload->arena);
    upload->operations = (struct sp_source_operations){.arena = &upload->arena};
    return status;
}

static enum sp_status upload_record(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct upload *upload = context;
    bool full = upload->operations.count > SP_SOURCE_TXN_OPERATIONS - 8 ||
                upload->operations.bytes + key.size + value.size > SP_SOURCE_TXN_BYTES;
    enum sp_status status = full ? send_some(upload) : SP_OK;
    if (status != SP_OK)
        return status;
    uint8_t *copy = sp_arena_alloc(&upload->arena, key.size + value.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.data, key.size);
    if (value.size > 0)
        memcpy(copy + key.size, value.data, value.size);
    const struct sp_replica_record record = {
        .space = upload->space, .key = {copy, key.size}, .value = {copy + key.size, value.size}};
    if (++upload->done % SAY_EVERY == 0)
        sp_log(SP_LOG_INFO, "wrote %" PRIu64 " records to etcd", upload->done);
    return sp_source_operations_add(&upload->operations, upload->source, &record);
}

/* What an upload that did not end left there has no head, and is nobody's. */
static enum sp_status clear_place(struct upload *upload) {
    struct sp_source_found found;
    struct sp_source *source = upload->source;
    enum sp_status status = sp_source_ask_head(source, source->write, &upload->arena, &found, upload->error);
    if (status == SP_OK)
        return sp_error_set(upload->error, SP_ERR_EXISTS,
                            "etcd holds a store below %.*s already, at revision %" PRIu64 " of epoch %" PRIu64,
                            SP_STR_ARG(source->prefix), found.head->number, found.head->epoch);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    struct sp_bytes all = {(const uint8_t *)source->prefix.data, source->prefix.size};
    status = sp_source_operations_push(
        &upload->operations,
        (struct sp_etcd_operation){.what = SP_ETCD_DELETE, .key = all, .end = sp_etcd_prefix_end(all, &upload->arena)});
    return status == SP_OK ? send_some(upload) : sp_error_set(upload->error, status, "out of memory");
}

static enum sp_status put_first_head(struct upload *upload, struct sp_write *write) {
    Sallyport__Store__V1__SourceHead *head = NULL;
    struct sp_etcd_outcome outcome;
    uint8_t ids[2 * SP_SOURCE_ID_BYTES];
    char name[SP_SOURCE_NAME_BYTES];
    struct sp_etcd_operation put = {.what = SP_ETCD_PUT, .key = sp_source_key_head(upload->source, &upload->arena)};
    const struct sp_etcd_compare nobody = {.key = put.key, .what = SP_ETCD_CREATE_IS};
    const struct sp_etcd_txn txn = {.compares = &nobody, .compare_count = 1, .operations = &put, .operation_count = 1};
    enum sp_status status = sp_source_name(upload->source->options.url, name, upload->error);
    if (status != SP_OK)
        return status;
    status = sp_replica_make_head(write, &upload->arena, &head);
    if (status == SP_OK)
        status = sp_random_fill(ids, sizeof ids);
    if (status != SP_OK)
        return sp_error_set(upload->error, status, "the head cannot be made");
    head->store_id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, ids};
    head->commit_id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, ids + SP_SOURCE_ID_BYTES};
    head->staged = NULL;
    status = put.key.data == NULL ? SP_ERR_MEMORY : sp_wire_pack(&head->base, &upload->arena, &put.value);
    if (status == SP_OK)
        status = sp_etcd_commit(upload->source->write, &txn, &upload->arena, &outcome, upload->error);
    if (status == SP_OK && !outcome.made)
        status = sp_error_set(upload->error, SP_ERR_EXISTS, "somebody else has made a store there meanwhile");
    const struct sp_replica_cursor cursor = {outcome.header.cluster_id, outcome.header.revision,
                                             outcome.header.revision, outcome.header.revision};
    if (status == SP_OK)
        status = sp_replica_set_source(write, sp_str_from(name));
    return status == SP_OK ? sp_replica_move(write, &cursor, head) : status;
}

enum sp_status sp_source_upload(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    struct upload upload = {.source = source, .error = error};
    enum sp_status status = sp_arena_init(&upload.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    upload.operations.arena = &upload.arena;
    status = clear_place(&upload);
    for (int space = 0; status == SP_OK && space < SP_REPLICA_SPACES; space++) {
        upload.space = (enum sp_replica_space)space;
        status =
            sp_replica_walk(sp_write_view(write), upload.space, (struct sp_bytes){NULL, 0}, upload_record, &upload);
        if (status == SP_OK)
            status = send_some(&upload);
    }
    if (status == SP_OK)
        status = put_first_head(&upload, write);
    if (status != SP_OK && error->status == SP_OK)
        sp_error_set(error, status, "the store cannot be written to etcd");
    sp_arena_fini(&upload.arena);
    return status;
}
