/* Inside the store: the index records of one entity, collected. Pure. */
#ifndef SP_STORE_RECORDS_INDEX_BUILD_H
#define SP_STORE_RECORDS_INDEX_BUILD_H

#include "base/arena.h"
#include "store/records/layout.h"

struct sp_index_record {
    enum sp_database database;
    struct sp_bytes key;
    struct sp_bytes value;
};

struct sp_index_records {
    struct sp_index_record *items; /* in the arena */
    size_t count;
    size_t capacity;
};

struct sp_index_build {
    struct sp_bytes entity_key;
    struct sp_arena *arena;
    struct sp_error *error;
    struct sp_index_records records;
};

/* Copies key and value into the arena. SP_ERR_MEMORY. */
enum sp_status sp_index_build_add(struct sp_index_build *build, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes value) SP_MUST_USE;

/* Sorts by database, key and value. */
void sp_index_records_sort(struct sp_index_records *records);
int sp_index_record_compare(const struct sp_index_record *a, const struct sp_index_record *b);

#endif
