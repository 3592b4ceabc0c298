#include "source/write/upload.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/random.h"
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/head.h"
#include "source/shared/records.h"
#include "store/records/journal.h"
#include "store/records/write.h"
#include "store/replica/cursor.h"
#include "store/replica/entity_sum.h"
#include "store/replica/source_head.h"
#include "store/replica/walk.h"
#include "wire/wire.h"

enum { LOG_EVERY = 100000 };

struct upload {
    const struct sp_source_link *link;
    enum sp_replica_space space;
    struct sp_arena arena;
    struct sp_source_operations operations; /* of the next transaction */
    uint64_t done;
    struct sp_error *error;
};

static enum sp_status report_upload_memory(struct upload *upload) {
    return sp_error_set(upload->error, SP_ERR_MEMORY, "out of memory");
}

/* Holds only while there is no head. */
static enum sp_status commit_before_head(struct upload *upload, const struct sp_etcd_operation *operations,
                                         size_t count, struct sp_etcd_outcome *ret_outcome) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_compare no_head = {.key = sp_source_head_key(upload->link->shared->prefix, &upload->arena),
                                            .what = SP_ETCD_CREATE_IS};
    const struct sp_etcd_txn txn = {
        .compares = &no_head, .compare_count = 1, .operations = operations, .operation_count = count};
    if (no_head.key.data == NULL)
        return report_upload_memory(upload);
    enum sp_status status = sp_etcd_commit(upload->link->etcd, &txn, &upload->arena, &outcome, upload->error);
    if (status != SP_OK)
        return status;
    if (!outcome.made)
        return sp_error_set(upload->error, SP_ERR_EXISTS, "another instance has created a store there in the meantime");
    *ret_outcome = outcome;
    return SP_OK;
}

static enum sp_status send_operations(struct upload *upload) {
    struct sp_etcd_outcome outcome;
    const struct sp_source_operations *operations = &upload->operations;
    enum sp_status status = SP_OK;
    size_t count;
    for (size_t at = 0; status == SP_OK && at < operations->count; at += count) {
        count = sp_source_fit_operations(operations, at, upload->link->txn_operations);
        status = commit_before_head(upload, &operations->items[at], count, &outcome);
    }
    sp_arena_reset(&upload->arena);
    upload->operations = (struct sp_source_operations){.arena = &upload->arena};
    return status;
}

static enum sp_status upload_record(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct upload *upload = context;
    if (upload->operations.count >= upload->link->txn_operations ||
        upload->operations.bytes + key.size + value.size > SP_SOURCE_TXN_BYTES) {
        enum sp_status status = send_operations(upload);
        if (status != SP_OK)
            return status;
    }
    uint8_t *copy = sp_arena_alloc(&upload->arena, key.size + value.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.data, key.size);
    if (value.size > 0)
        memcpy(copy + key.size, value.data, value.size);
    const struct sp_replica_record record = {
        .space = upload->space, .key = {copy, key.size}, .value = {copy + key.size, value.size}};
    if (++upload->done % LOG_EVERY == 0)
        sp_log(SP_LOG_INFO, "wrote %" PRIu64 " records to etcd", upload->done);
    return sp_source_add_record_operations(&upload->operations, upload->link->shared->prefix, &record);
}

static enum sp_status upload_space(struct upload *upload, struct sp_view *view, enum sp_replica_space space) {
    upload->space = space;
    enum sp_status status = sp_replica_walk(view, space, (struct sp_bytes){NULL, 0}, upload_record, upload);
    if (status != SP_OK)
        return status;
    return send_operations(upload);
}

/* What an interrupted upload left there has no head, and belongs to nobody. */
static enum sp_status clear_place(struct upload *upload) {
    struct sp_str prefix = upload->link->shared->prefix;
    struct sp_source_found found;
    struct sp_bytes all = {(const uint8_t *)prefix.data, prefix.size};
    enum sp_status status = sp_source_ask_head(upload->link, &upload->arena, &found, upload->error);
    if (status == SP_OK)
        return sp_error_set(upload->error, SP_ERR_EXISTS,
                            "etcd already holds a store below %.*s, at revision %" PRIu64 " of epoch %" PRIu64,
                            SP_STR_ARG(prefix), found.head->number, found.head->epoch);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    upload->error->status = SP_OK; /* nothing there is what was hoped for */
    const struct sp_etcd_operation remove = {
        .what = SP_ETCD_DELETE, .key = all, .end = sp_etcd_prefix_end(all, &upload->arena)};
    if (remove.end.data == NULL || sp_source_add_operation(&upload->operations, remove) != SP_OK)
        return report_upload_memory(upload);
    return send_operations(upload);
}

static enum sp_status put_first_head(struct upload *upload, const char *name, struct sp_write *write) {
    Sallyport__Store__V1__SourceHead *head = NULL;
    struct sp_etcd_outcome outcome = {0};
    uint8_t ids[2 * SP_SOURCE_ID_BYTES];
    struct sp_etcd_operation put = {.what = SP_ETCD_PUT,
                                    .key = sp_source_head_key(upload->link->shared->prefix, &upload->arena)};
    enum sp_status status = sp_replica_make_head(write, &upload->arena, &head);
    if (status != SP_OK)
        return sp_error_set(upload->error, status, "cannot make the head for etcd");
    status = sp_random_fill(ids, sizeof(ids));
    if (status != SP_OK)
        return sp_error_set(upload->error, status, "cannot make a random id");
    head->store_id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, ids};
    head->commit_id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, ids + SP_SOURCE_ID_BYTES};
    head->staged = NULL;
    if (put.key.data == NULL)
        return report_upload_memory(upload);
    status = sp_source_pack_head(upload->link->shared->keys, upload->link->shared->prefix, head, &upload->arena,
                                 &put.value, upload->error);
    if (status != SP_OK)
        return status;
    status = commit_before_head(upload, &put, 1, &outcome);
    if (status != SP_OK)
        return status;
    const struct sp_replica_cursor cursor = {.cluster_id = outcome.header.cluster_id,
                                             .revision = outcome.header.revision,
                                             .head_revision = outcome.header.revision,
                                             .resume = outcome.header.revision};
    status = sp_replica_set_source(write, sp_str_from(name));
    if (status != SP_OK)
        return status;
    return sp_replica_move(write, &cursor, head);
}

/* Followers would refuse it. */
static enum sp_status check_entities_add_up(struct upload *upload, struct sp_view *view) {
    bool fits = false;
    enum sp_status status = sp_view_check_entity_set(view, &fits);
    if (status != SP_OK)
        return sp_error_set(upload->error, status, "cannot add up the store's entities");
    if (fits)
        return SP_OK;
    return sp_error_set(upload->error, SP_ERR_PRECONDITION,
                        "the store's entities do not match its changes: run `sallyport-sync verify`");
}

static enum sp_status upload_all(struct upload *upload, const char *name, struct sp_write *write) {
    enum sp_status status = check_entities_add_up(upload, sp_write_view(write));
    if (status != SP_OK)
        return status;
    status = sp_source_check_signer(upload->link->shared->keys, NULL, upload->error);
    if (status != SP_OK)
        return status;
    status = clear_place(upload);
    if (status != SP_OK)
        return status;
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        status = upload_space(upload, sp_write_view(write), (enum sp_replica_space)space);
        if (status != SP_OK)
            return status;
    }
    return put_first_head(upload, name, write);
}

enum sp_status sp_source_upload_store(const struct sp_source_link *link, const char *name, struct sp_write *write,
                                      struct sp_error *error) {
    struct upload upload = {.link = link, .error = error};
    enum sp_status status = sp_arena_init(&upload.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    upload.operations.arena = &upload.arena;
    status = upload_all(&upload, name, write);
    if (status != SP_OK && error->status == SP_OK)
        sp_error_set(error, status, "cannot write the store to etcd");
    sp_arena_fini(&upload.arena);
    return status;
}
