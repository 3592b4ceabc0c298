#include "source/shared/records.h"

#include "base/array.h"
#include "etcd/kv.h"
#include "store/records/journal.h"

/* ---- from etcd ---- */

static enum sp_status join_part(struct sp_source_records *records, struct sp_bytes value) {
    struct sp_replica_record *last = &records->items[records->count - 1];
    uint8_t *joined = sp_arena_alloc(records->arena, last->value.size + value.size + 1);
    if (joined == NULL)
        return SP_ERR_MEMORY;
    if (last->value.size > 0)
        memcpy(joined, last->value.data, last->value.size);
    if (value.size > 0)
        memcpy(joined + last->value.size, value.data, value.size);
    last->value = (struct sp_bytes){joined, last->value.size + value.size};
    return SP_OK;
}

static bool continues_last_record(const struct sp_source_records *records, const struct sp_source_key *key) {
    if (records->count == 0)
        return false;
    const struct sp_replica_record *last = &records->items[records->count - 1];
    return last->space == SP_REPLICA_CHANGE && !last->deleted && sp_bytes_equal(last->key, key->name);
}

enum sp_status sp_source_add_record(struct sp_source_records *records, const struct sp_source_key *key,
                                    struct sp_bytes value, bool deleted) {
    if (key->kind != SP_SOURCE_RECORD_KEY)
        return SP_OK;
    if (key->space == SP_REPLICA_CHANGE && key->part > 0) {
        /* If its first part is elsewhere, it belongs to a change that is here already. */
        if (deleted || !continues_last_record(records, key))
            return SP_OK;
        return join_part(records, value);
    }
    struct sp_replica_record *items =
        sp_array_reserve_in(records->arena, records->items, records->count, &records->capacity, sizeof(*items));
    if (items == NULL)
        return SP_ERR_MEMORY;
    records->items = items;
    records->items[records->count++] =
        (struct sp_replica_record){.space = key->space, .key = key->name, .value = value, .deleted = deleted};
    return SP_OK;
}

/* ---- to etcd ---- */

enum sp_status sp_source_add_operation(struct sp_source_operations *operations, struct sp_etcd_operation operation) {
    if (operation.key.data == NULL)
        return SP_ERR_MEMORY;
    struct sp_etcd_operation *items = sp_array_reserve_in(operations->arena, operations->items, operations->count,
                                                          &operations->capacity, sizeof(*items));
    if (items == NULL)
        return SP_ERR_MEMORY;
    operations->items = items;
    operations->items[operations->count++] = operation;
    operations->bytes += operation.key.size + operation.value.size;
    return SP_OK;
}

static enum sp_status add_part_operation(struct sp_source_operations *operations, struct sp_str prefix,
                                         const struct sp_replica_record *record, uint32_t part, struct sp_bytes value) {
    return sp_source_add_operation(
        operations, (struct sp_etcd_operation){
                        .what = record->deleted ? SP_ETCD_DELETE : SP_ETCD_PUT,
                        .key = sp_source_record_key(prefix, record->space, record->key, part, operations->arena),
                        .value = value,
                    });
}

enum sp_status sp_source_add_record_operations(struct sp_source_operations *operations, struct sp_str prefix,
                                               const struct sp_replica_record *record) {
    if (record->deleted || record->space != SP_REPLICA_CHANGE)
        return add_part_operation(operations, prefix, record, 0, record->value);
    struct sp_bytes rest = record->value;
    for (uint32_t part = 0; rest.size > 0; part++) {
        size_t size = rest.size < SP_SOURCE_CHANGE_PART_BYTES ? rest.size : SP_SOURCE_CHANGE_PART_BYTES;
        enum sp_status status =
            add_part_operation(operations, prefix, record, part, (struct sp_bytes){rest.data, size});
        if (status != SP_OK)
            return status;
        rest = (struct sp_bytes){rest.data + size, rest.size - size};
    }
    return SP_OK;
}

size_t sp_source_fit_operations(const struct sp_source_operations *operations, size_t at, size_t most) {
    size_t count = 0;
    size_t bytes = 0;
    while (at + count < operations->count && (count < most || count == 0)) {
        const struct sp_etcd_operation *operation = &operations->items[at + count];
        bytes += operation->key.size + operation->value.size;
        if (count > 0 && bytes > SP_SOURCE_TXN_BYTES)
            break;
        count++;
    }
    return count;
}
