/* Inside the store: what derive.c and action_records.c share. */
#ifndef SP_STORE_RECORDS_ACTION_RECORDS_H
#define SP_STORE_RECORDS_ACTION_RECORDS_H

#include "store/records/derive.h"
#include "store/records/entity.h"

/* The records of one entity as they are collected. */
struct sp_index_build {
    struct sp_bytes entity_key;
    struct sp_arena *arena;
    struct sp_error *error;
    struct sp_index_records records;
};

/* Copies key and value into the arena. SP_ERR_MEMORY. */
enum sp_status sp_index_build_add(struct sp_index_build *build, enum sp_database database, struct sp_bytes key,
                                  struct sp_bytes value) SP_MUST_USE;

/* The action table and the mark of a StoredSchema: its text says what there is, its numbered names how they are numbered. */
enum sp_status sp_derive_schema(struct sp_index_build *build, const ProtobufCMessage *message) SP_MUST_USE;

#endif
