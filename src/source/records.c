/* Between etcd's keys and the store's records; and the head. */
#include "source/internal.h"
#include "store/records/snapshot.h"
#include "wire/wire.h"

enum { FIRST_ITEMS = 64 };

static void *grow(struct sp_arena *arena, void *items, size_t count, size_t *capacity, size_t item_size) {
    size_t wanted = *capacity > 0 ? *capacity * 2 : FIRST_ITEMS;
    void *larger = sp_arena_calloc(arena, wanted, item_size);
    if (larger == NULL)
        return NULL;
    if (count > 0)
        memcpy(larger, items, count * item_size);
    *capacity = wanted;
    return larger;
}

/* ---- records ---- */

static bool same_bytes(struct sp_bytes a, struct sp_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static enum sp_status join(struct sp_source_records *records, struct sp_bytes value) {
    struct sp_replica_record *last = &records->items[records->count - 1];
    uint8_t *whole = sp_arena_alloc(records->arena, last->value.size + value.size + 1);
    if (whole == NULL)
        return SP_ERR_MEMORY;
    memcpy(whole, last->value.data, last->value.size);
    memcpy(whole + last->value.size, value.data, value.size);
    last->value = (struct sp_bytes){whole, last->value.size + value.size};
    return SP_OK;
}

static bool continues_last(const struct sp_source_records *records, const struct sp_source_key *key) {
    if (records->count == 0)
        return false;
    const struct sp_replica_record *last = &records->items[records->count - 1];
    return last->space == SP_REPLICA_CHANGE && !last->deleted && same_bytes(last->key, key->name);
}

enum sp_status sp_source_records_add(struct sp_source_records *records, const struct sp_source_key *key,
                                     struct sp_bytes value, bool deleted) {
    if (key->place != SP_SOURCE_RECORD)
        return SP_OK;
    if (key->space == SP_REPLICA_CHANGE && key->part > 0) {
        /* A part whose first one is elsewhere belongs to a change that is here already. */
        if (deleted || !continues_last(records, key))
            return SP_OK;
        return join(records, value);
    }
    if (records->count == records->capacity) {
        void *larger = grow(records->arena, records->items, records->count, &records->capacity, sizeof *records->items);
        if (larger == NULL)
            return SP_ERR_MEMORY;
        records->items = larger;
    }
    records->items[records->count++] =
        (struct sp_replica_record){.space = key->space, .key = key->name, .value = value, .deleted = deleted};
    return SP_OK;
}

/* ---- operations ---- */

enum sp_status sp_source_operations_push(struct sp_source_operations *operations, struct sp_etcd_operation operation) {
    if (operation.key.data == NULL)
        return SP_ERR_MEMORY;
    if (operations->count == operations->capacity) {
        void *larger = grow(operations->arena, operations->items, operations->count, &operations->capacity,
                            sizeof *operations->items);
        if (larger == NULL)
            return SP_ERR_MEMORY;
        operations->items = larger;
    }
    operations->bytes += operation.key.size + operation.value.size;
    operations->items[operations->count++] = operation;
    return SP_OK;
}

static enum sp_status push_part(struct sp_source_operations *operations, const struct sp_source *source,
                                const struct sp_replica_record *record, uint32_t part, struct sp_bytes value) {
    return sp_source_operations_push(
        operations, (struct sp_etcd_operation){
                        .what = record->deleted ? SP_ETCD_DELETE : SP_ETCD_PUT,
                        .key = sp_source_key_record(source, record->space, record->key, part, operations->arena),
                        .value = value,
                    });
}

enum sp_status sp_source_operations_add(struct sp_source_operations *operations, const struct sp_source *source,
                                        const struct sp_replica_record *record) {
    if (record->deleted || record->space != SP_REPLICA_CHANGE)
        return push_part(operations, source, record, 0, record->value);
    struct sp_bytes rest = record->value;
    enum sp_status status = SP_OK;
    for (uint32_t part = 0; status == SP_OK && rest.size > 0; part++) {
        size_t size = rest.size < SP_SOURCE_CHANGE_PART_BYTES ? rest.size : SP_SOURCE_CHANGE_PART_BYTES;
        status = push_part(operations, source, record, part, (struct sp_bytes){rest.data, size});
        rest = (struct sp_bytes){rest.data + size, rest.size - size};
    }
    return status;
}

/* ---- pages ---- */

enum { PAGE_MAX = 20000, SMALL_PAGE_BYTES = 4 << 20, LARGE_PAGE_BYTES = 16 << 20 };

uint64_t sp_source_next_limit(uint64_t limit, const struct sp_etcd_page *page) {
    size_t bytes = 0;
    for (size_t i = 0; i < page->count; i++)
        bytes += page->kvs[i].key.size + page->kvs[i].value.size;
    if (bytes < SMALL_PAGE_BYTES && page->count >= limit)
        return limit * 2 < PAGE_MAX ? limit * 2 : PAGE_MAX;
    return bytes > LARGE_PAGE_BYTES && limit > 1 ? limit / 2 : limit;
}

uint64_t sp_source_smaller_limit(uint64_t limit) {
    return limit > 4 ? limit / 4 : limit - 1;
}

/* ---- the head ---- */

enum sp_status sp_source_read_head(struct sp_bytes value, struct sp_arena *arena,
                                   Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    enum sp_status status =
        sp_wire_unpack(&sallyport__store__v1__source_head__descriptor, value, arena, &message, error);
    if (status != SP_OK)
        return sp_error_set(error, status, "the head in etcd cannot be read");
    *ret_head = (Sallyport__Store__V1__SourceHead *)message;
    return SP_OK;
}

enum sp_status sp_source_ask_head(struct sp_source *source, struct sp_etcd *etcd, struct sp_arena *arena,
                                  struct sp_source_found *ret_found, struct sp_error *error) {
    struct sp_etcd_page page;
    struct sp_etcd_range range = {.key = sp_source_key_head(source, arena)};
    if (range.key.data == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_etcd_get(etcd, &range, arena, &page, error);
    if (status != SP_OK)
        return status;
    sp_source_reached(source);
    struct sp_source_found found = {.header = page.header};
    if (page.count == 0)
        return sp_error_set(error, SP_ERR_NOT_FOUND,
                            "etcd holds no store below %.*s: `sallyport-sync migrate --to` makes one",
                            SP_STR_ARG(source->prefix));
    found.head_revision = page.kvs[0].mod_revision;
    status = sp_source_read_head(page.kvs[0].value, arena, &found.head, error);
    if (status == SP_OK)
        *ret_found = found;
    return status;
}

enum sp_status sp_source_read_cursor(struct sp_source *source, struct sp_arena *arena,
                                     struct sp_replica_cursor *ret_cursor,
                                     Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_open(source->store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK) {
        status = sp_view_replica(sp_snapshot_view(snapshot), arena, ret_cursor, ret_head);
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
    return status;
}
