#include "store/records/index_build.h"

#include <stdlib.h>

/* Most entities stand for a few records, and an import holds those of many entities: so the
 * array begins small. */
static bool grow_index_records(struct sp_index_build *build) {
    struct sp_index_records *records = &build->records;
    size_t capacity = records->capacity > 0 ? records->capacity * 4 : 4;
    struct sp_index_record *items = sp_arena_calloc(build->arena, capacity, sizeof(*items));
    if (items == NULL)
        return false;
    if (records->count > 0)
        memcpy(items, records->items, records->count * sizeof(*items));
    records->items = items;
    records->capacity = capacity;
    return true;
}

enum sp_status sp_index_build_add(struct sp_index_build *build, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes value) {
    struct sp_index_records *records = &build->records;
    if (records->count == records->capacity && !grow_index_records(build))
        return SP_ERR_MEMORY;
    uint8_t *copy = sp_arena_alloc(build->arena, key.size + value.size);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.data, key.size);
    if (value.size > 0)
        memcpy(copy + key.size, value.data, value.size);
    records->items[records->count++] =
        (struct sp_index_record){.database = database, .key = {copy, key.size}, .value = {copy + key.size, value.size}};
    return SP_OK;
}

int sp_index_record_compare(const struct sp_index_record *a, const struct sp_index_record *b) {
    if (a->database != b->database)
        return a->database < b->database ? -1 : 1;
    int order = sp_bytes_compare(a->key, b->key);
    return order != 0 ? order : sp_bytes_compare(a->value, b->value);
}

static int compare_records_for_qsort(const void *a, const void *b) {
    return sp_index_record_compare(a, b);
}

void sp_index_records_sort(struct sp_index_records *records) {
    if (records->count > 1)
        qsort(records->items, records->count, sizeof(*records->items), compare_records_for_qsort);
}
