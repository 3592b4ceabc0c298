#include "source/shared/staged.h"

#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/ask.h"
#include "wire/wire.h"

static enum sp_status report_exhausted_memory(struct sp_error *error) {
    return sp_error_set(error, SP_ERR_EXHAUSTED, "a large change exceeds the memory limit of one change");
}

static enum sp_status add_staged_part(struct sp_str prefix, struct sp_bytes value,
                                      struct sp_source_operations *operations, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    enum sp_status status =
        sp_wire_unpack(&sallyport__store__v1__staged_part__descriptor, value, operations->arena, &message, error);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StagedPart *part = (const Sallyport__Store__V1__StagedPart *)message;
    for (size_t i = 0; i < part->n_operations; i++) {
        const Sallyport__Store__V1__StagedOperation *staged = part->operations[i];
        const struct sp_etcd_operation operation = {
            .what = staged->deletes ? SP_ETCD_DELETE : SP_ETCD_PUT,
            .key = sp_source_full_key(prefix, sp_wire_bytes(staged->key), operations->arena),
            .value = {staged->value.data, staged->value.len},
        };
        if (sp_source_add_operation(operations, operation) != SP_OK)
            return report_exhausted_memory(error);
    }
    return SP_OK;
}

enum sp_status sp_source_read_staged(const struct sp_source_link *link,
                                     const Sallyport__Store__V1__StagedChange *staged, uint64_t revision,
                                     struct sp_source_operations *operations, struct sp_error *error) {
    struct sp_str prefix = link->shared->prefix;
    for (uint32_t part = 0; part < staged->parts; part++) {
        struct sp_etcd_page page;
        const struct sp_etcd_range range = {
            .key = sp_source_staged_part_key(prefix, sp_source_staged_id(staged), part, operations->arena),
            .revision = revision};
        if (range.key.data == NULL)
            return report_exhausted_memory(error);
        enum sp_status status = sp_source_get(link, &range, operations->arena, &page, error);
        if (status != SP_OK)
            return status;
        if (page.count != 1)
            return sp_error_set(error, SP_ERR_ABORTED, "part %u of a large change is missing from etcd", part);
        status = add_staged_part(prefix, page.kvs[0].value, operations, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_source_read_staged_records(const struct sp_source_link *link,
                                             const Sallyport__Store__V1__StagedChange *staged, uint64_t revision,
                                             struct sp_source_records *records, struct sp_error *error) {
    struct sp_source_operations operations = {.arena = records->arena};
    enum sp_status status = sp_source_read_staged(link, staged, revision, &operations, error);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < operations.count; i++) {
        const struct sp_etcd_operation *operation = &operations.items[i];
        struct sp_source_key key = sp_source_read_key(link->shared->prefix, operation->key);
        if (sp_source_add_record(records, &key, operation->value, operation->what == SP_ETCD_DELETE) != SP_OK)
            return report_exhausted_memory(error);
    }
    return SP_OK;
}
