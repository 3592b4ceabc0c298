#include "store/records/journal.h"

#include <stdlib.h>

#include "store/lmdb/view.h"

enum { FIRST_RECORDS = 64 };

static bool space_of(enum sp_database database, enum sp_replica_space *ret_space) {
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

static bool grow(struct sp_journal *journal) {
    size_t capacity = journal->capacity > 0 ? journal->capacity * 2 : FIRST_RECORDS;
    struct sp_replica_record *records = sp_arena_calloc(journal->arena, capacity, sizeof *records);
    if (records == NULL)
        return false;
    if (journal->count > 0)
        memcpy(records, journal->records, journal->count * sizeof *records);
    journal->records = records;
    journal->capacity = capacity;
    return true;
}

/* A number in a key is the machine's own in LMDB, and big-endian in a record. */
static struct sp_bytes copy_key(struct sp_journal *journal, enum sp_replica_space space, struct sp_bytes key) {
    uint8_t *copy = sp_arena_alloc(journal->arena, key.size + 1);
    if (copy != NULL && space == SP_REPLICA_CHANGE) {
        uint64_t number;
        memcpy(&number, key.data, sizeof number);
        sp_store_be64(copy, number);
    } else if (copy != NULL) {
        memcpy(copy, key.data, key.size);
    }
    return (struct sp_bytes){copy, key.size};
}

static struct sp_bytes copy_value(struct sp_journal *journal, struct sp_bytes value) {
    uint8_t *copy = sp_arena_alloc(journal->arena, value.size + 1);
    if (copy != NULL && value.size > 0)
        memcpy(copy, value.data, value.size);
    return (struct sp_bytes){copy, value.size};
}

void sp_journal_note(struct sp_journal *journal, enum sp_database database, struct sp_bytes key, struct sp_bytes value,
                     bool deleted) {
    enum sp_replica_space space;
    if (!space_of(database, &space) || journal->incomplete)
        return;
    journal->incomplete = journal->count == journal->capacity && !grow(journal);
    if (journal->incomplete)
        return;
    struct sp_replica_record record = {.space = space, .deleted = deleted, .key = copy_key(journal, space, key)};
    if (!deleted)
        record.value = copy_value(journal, value);
    journal->incomplete = record.key.data == NULL || (!deleted && record.value.data == NULL);
    if (journal->incomplete)
        return;
    journal->bytes += key.size + value.size;
    journal->records[journal->count++] = record;
}

enum sp_status sp_write_note(struct sp_write *write, struct sp_arena *arena) {
    struct sp_journal *journal = sp_arena_calloc(arena, 1, sizeof *journal);
    if (journal == NULL)
        return SP_ERR_MEMORY;
    journal->arena = arena;
    write->journal = journal;
    return SP_OK;
}

void sp_write_noted_size(const struct sp_write *write, size_t *ret_count, size_t *ret_bytes) {
    *ret_count = write->journal == NULL ? 0 : write->journal->count;
    *ret_bytes = write->journal == NULL ? 0 : write->journal->bytes;
}

/* ---- what it comes to ---- */

static int compare_keys(const struct sp_replica_record *a, const struct sp_replica_record *b) {
    if (a->space != b->space)
        return a->space < b->space ? -1 : 1;
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, size);
    if (order != 0 || a->key.size == b->key.size)
        return order;
    return a->key.size < b->key.size ? -1 : 1;
}

/* Notes of one record stay in the order in which they were made: the array is sorted by pointers into it. */
static int compare_for_qsort(const void *a, const void *b) {
    const struct sp_replica_record *const *left = a;
    const struct sp_replica_record *const *right = b;
    int order = compare_keys(*left, *right);
    if (order != 0)
        return order;
    return *left < *right ? -1 : *left > *right;
}

enum sp_status sp_write_noted(struct sp_write *write, struct sp_replica_record **ret_records, size_t *ret_count) {
    struct sp_journal *journal = write->journal;
    if (sp_write_check(write, NULL) != SP_OK)
        return SP_ERR_INTERNAL;
    if (journal == NULL || journal->incomplete)
        return SP_ERR_MEMORY;
    size_t total = journal->count;
    const struct sp_replica_record **sorted = sp_arena_calloc(journal->arena, total + 1, sizeof(void *));
    struct sp_replica_record *net = sp_arena_calloc(journal->arena, total + 1, sizeof *net);
    if (sorted == NULL || net == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < total; i++)
        sorted[i] = &journal->records[i];
    qsort(sorted, total, sizeof(void *), compare_for_qsort);
    size_t count = 0;
    for (size_t i = 0; i < total; i++)
        if (i + 1 == total || compare_keys(sorted[i], sorted[i + 1]) != 0)
            net[count++] = *sorted[i];
    *ret_records = net;
    *ret_count = count;
    return SP_OK;
}
