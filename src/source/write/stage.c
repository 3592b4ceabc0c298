#include "source/write/stage.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/ask.h"
#include "source/shared/head.h"
#include "source/shared/staged.h"
#include "wire/wire.h"

enum { PART_OPERATIONS = 10000, OPERATION_OVERHEAD_BYTES = 16 };

static enum sp_status report_exhausted_arena(struct sp_error *error) {
    return sp_error_set(error, SP_ERR_EXHAUSTED, "the change exceeds the memory limit of one change");
}

/* How many operations from `at` on one part holds: at least one. */
static size_t fit_part(const struct sp_source_operations *operations, size_t at) {
    size_t count = 0;
    size_t bytes = 0;
    while (at + count < operations->count && count < PART_OPERATIONS) {
        const struct sp_etcd_operation *operation = &operations->items[at + count];
        bytes += operation->key.size + operation->value.size + OPERATION_OVERHEAD_BYTES;
        if (count > 0 && bytes > SP_SOURCE_TXN_BYTES)
            break;
        count++;
    }
    return count;
}

static enum sp_status pack_part(struct sp_str prefix, const struct sp_etcd_operation *operations, size_t count,
                                struct sp_arena *arena, struct sp_bytes *ret_packed) {
    Sallyport__Store__V1__StagedPart part = SALLYPORT__STORE__V1__STAGED_PART__INIT;
    Sallyport__Store__V1__StagedOperation *all = sp_arena_calloc(arena, count, sizeof(*all));
    part.operations = sp_arena_calloc(arena, count, sizeof(void *));
    if (all == NULL || part.operations == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct sp_bytes key = operations[i].key;
        sallyport__store__v1__staged_operation__init(&all[i]);
        all[i].key = sp_wire_field((struct sp_bytes){key.data + prefix.size, key.size - prefix.size});
        all[i].value = sp_wire_field(operations[i].value);
        all[i].deletes = operations[i].what == SP_ETCD_DELETE;
        part.operations[i] = &all[i];
    }
    part.created_at = sp_clock_now_s();
    part.n_operations = count;
    return sp_wire_pack(&part.base, arena, ret_packed);
}

static enum sp_status put_part(const struct sp_source_link *link, const Sallyport__Store__V1__StagedChange *staged,
                               struct sp_bytes packed, struct sp_arena *arena, struct sp_etcd_compare *ret_put,
                               struct sp_error *error) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_operation put = {
        .what = SP_ETCD_PUT,
        .key = sp_source_staged_part_key(link->shared->prefix, sp_source_staged_id(staged), staged->parts, arena),
        .value = packed};
    const struct sp_etcd_txn txn = {.operations = &put, .operation_count = 1};
    if (put.key.data == NULL)
        return report_exhausted_arena(error);
    enum sp_status status = sp_source_put(link, &txn, arena, &outcome, error);
    if (status != SP_OK)
        return status;
    *ret_put = (struct sp_etcd_compare){.key = put.key, .what = SP_ETCD_MOD_IS, .revision = outcome.header.revision};
    return SP_OK;
}

enum sp_status sp_source_stage(const struct sp_source_link *link, const struct sp_source_operations *operations,
                               struct sp_arena *arena, Sallyport__Store__V1__StagedChange **ret_staged,
                               struct sp_etcd_compare *ret_last, struct sp_error *error) {
    uint8_t *id = sp_arena_alloc(arena, SP_SOURCE_ID_BYTES);
    Sallyport__Store__V1__StagedChange *staged = sp_arena_alloc(arena, sizeof(*staged));
    if (id == NULL || staged == NULL)
        return report_exhausted_arena(error);
    enum sp_status status = sp_random_fill(id, SP_SOURCE_ID_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot make a random id");
    sallyport__store__v1__staged_change__init(staged);
    staged->id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, id};
    size_t count;
    for (size_t at = 0; at < operations->count; at += count) {
        struct sp_bytes packed;
        count = fit_part(operations, at);
        if (pack_part(link->shared->prefix, &operations->items[at], count, arena, &packed) != SP_OK)
            return report_exhausted_arena(error);
        status = put_part(link, staged, packed, arena, ret_last, error);
        if (status != SP_OK)
            return status;
        staged->parts++;
    }
    *ret_staged = staged;
    return SP_OK;
}

void sp_source_unstage(const struct sp_source_link *link, const Sallyport__Store__V1__StagedChange *staged,
                       struct sp_arena *arena) {
    struct sp_str prefix = link->shared->prefix;
    struct sp_bytes id = sp_source_staged_id(staged);
    struct sp_error error = {0};
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_operation remove = {.what = SP_ETCD_DELETE,
                                             .key = sp_source_staged_key(prefix, id, arena),
                                             .end = sp_source_staged_part_key(prefix, id, UINT32_MAX, arena)};
    const struct sp_etcd_txn txn = {.operations = &remove, .operation_count = 1};
    if (remove.key.data == NULL || remove.end.data == NULL ||
        sp_source_put(link, &txn, arena, &outcome, &error) != SP_OK)
        sp_log(
            SP_LOG_DEBUG,
            "the staged parts of a change that lost a race could not be removed from etcd; they are cleaned up later");
}
