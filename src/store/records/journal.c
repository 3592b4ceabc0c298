#include "store/records/journal.h"

#include <stdlib.h>

#include "base/array.h"

static bool find_space(enum sp_database database, enum sp_replica_space *ret_space) {
    switch ((int)database) {
    case SP_DB_ENTITY:
        *ret_space = SP_REPLICA_ENTITY;
        return true;
    case SP_DB_CHANGE:
        *ret_space = SP_REPLICA_CHANGE;
        return true;
    case SP_DB_REQUEST:
        *ret_space = SP_REPLICA_REQUEST;
        return true;
    default:
        return false;
    }
}

/* A number in a key is the machine's own in LMDB, and big-endian in a record. */
static struct sp_bytes copy_noted_key(struct sp_journal *journal, enum sp_replica_space space, struct sp_bytes key) {
    uint8_t *copy = sp_arena_alloc(journal->arena, key.size + 1);
    if (copy != NULL && space == SP_REPLICA_CHANGE) {
        uint64_t number;
        memcpy(&number, key.data, sizeof(number));
        sp_store_be64(copy, number);
    } else if (copy != NULL) {
        memcpy(copy, key.data, key.size);
    }
    return (struct sp_bytes){copy, key.size};
}

static struct sp_bytes copy_noted_value(struct sp_journal *journal, struct sp_bytes value) {
    uint8_t *copy = sp_arena_alloc(journal->arena, value.size + 1);
    if (copy != NULL && value.size > 0)
        memcpy(copy, value.data, value.size);
    return (struct sp_bytes){copy, value.size};
}

static enum sp_status add_note(struct sp_journal *journal, const struct sp_replica_record *record) {
    struct sp_replica_record *records =
        sp_array_reserve_in(journal->arena, journal->records, journal->count, &journal->capacity, sizeof(*records));
    if (records == NULL)
        return SP_ERR_MEMORY;
    journal->records = records;
    records[journal->count++] = *record;
    journal->bytes += record->key.size + record->value.size;
    return SP_OK;
}

void sp_journal_note(struct sp_journal *journal, enum sp_database database, struct sp_bytes key, struct sp_bytes value,
                     bool deleted) {
    enum sp_replica_space space;
    if (!find_space(database, &space) || journal->incomplete)
        return;
    struct sp_replica_record record = {.space = space, .deleted = deleted, .key = copy_noted_key(journal, space, key)};
    if (!deleted)
        record.value = copy_noted_value(journal, value);
    journal->incomplete =
        record.key.data == NULL || (!deleted && record.value.data == NULL) || add_note(journal, &record) != SP_OK;
}

/* ---- what the notes come to ---- */

int sp_replica_record_compare(const struct sp_replica_record *a, const struct sp_replica_record *b) {
    if (a->space != b->space)
        return a->space < b->space ? -1 : 1;
    return sp_bytes_compare(a->key, b->key);
}

/* Notes of one record stay in the order in which they were taken: the array is sorted by
 * pointers into it. */
static int compare_noted_for_qsort(const void *a, const void *b) {
    const struct sp_replica_record *const *left = a;
    const struct sp_replica_record *const *right = b;
    int order = sp_replica_record_compare(*left, *right);
    if (order != 0)
        return order;
    return *left < *right ? -1 : *left > *right;
}

enum sp_status sp_journal_collect(const struct sp_journal *journal, struct sp_replica_record **ret_records,
                                  size_t *ret_count) {
    if (journal->incomplete)
        return SP_ERR_MEMORY;
    size_t total = journal->count;
    const struct sp_replica_record **sorted = sp_arena_calloc(journal->arena, total + 1, sizeof(void *));
    struct sp_replica_record *last = sp_arena_calloc(journal->arena, total + 1, sizeof(*last));
    if (sorted == NULL || last == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < total; i++)
        sorted[i] = &journal->records[i];
    qsort(sorted, total, sizeof(void *), compare_noted_for_qsort);
    size_t count = 0;
    for (size_t i = 0; i < total; i++)
        if (i + 1 == total || sp_replica_record_compare(sorted[i], sorted[i + 1]) != 0)
            last[count++] = *sorted[i];
    *ret_records = last;
    *ret_count = count;
    return SP_OK;
}
