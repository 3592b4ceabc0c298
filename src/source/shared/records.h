/* Between etcd's keys and values and the store's records. Pure. */
#ifndef SP_SOURCE_SHARED_RECORDS_H
#define SP_SOURCE_SHARED_RECORDS_H

#include "etcd/kv.h"
#include "source/shared/keys.h"
#include "store/records/journal.h"

/* Memory of an owner's work on the source: at first, and at most. */
enum { SP_SOURCE_ARENA_FIRST_BYTES = 256 * 1024, SP_SOURCE_ARENA_BUDGET_BYTES = 1 << 30 };

/* ---- from etcd ---- */

/* A growing list of records, in an arena. */
struct sp_source_records {
    struct sp_arena *arena;
    struct sp_replica_record *items;
    size_t count;
    size_t capacity;
};

/* Adds the record that a key and value of etcd stand for; ignores the head and foreign keys. A
 * part of a change is joined to the one before, so parts must come in order. Borrows key and
 * value. SP_ERR_MEMORY. */
enum sp_status sp_source_add_record(struct sp_source_records *records, const struct sp_source_key *key,
                                    struct sp_bytes value, bool deleted) SP_MUST_USE;

/* ---- to etcd ---- */

enum {
    SP_SOURCE_TXN_OPERATIONS = 120, /* and the head, at most: etcd's limit is 128, or what it is set to */
    SP_SOURCE_TXN_BYTES = 1 << 20,  /* of keys and values: etcd's limit is 1.5 MiB in all */
    SP_SOURCE_CHANGE_PART_BYTES = 1 << 19,
};

/* A growing list of operations, in an arena. */
struct sp_source_operations {
    struct sp_arena *arena;
    struct sp_etcd_operation *items;
    size_t count;
    size_t capacity;
    size_t bytes; /* of keys and values */
};

/* SP_ERR_MEMORY, also if the operation's key is NULL. */
enum sp_status sp_source_add_operation(struct sp_source_operations *operations,
                                       struct sp_etcd_operation operation) SP_MUST_USE;

/* Adds what puts or deletes a record: one operation, or one for each part of a change.
 * SP_ERR_MEMORY. */
enum sp_status sp_source_add_record_operations(struct sp_source_operations *operations, struct sp_str prefix,
                                               const struct sp_replica_record *record) SP_MUST_USE;

/* How many operations from `at` on fit in one transaction of at most `most`: at least one, if there
 * is one. */
size_t sp_source_fit_operations(const struct sp_source_operations *operations, size_t at, size_t most);

#endif
