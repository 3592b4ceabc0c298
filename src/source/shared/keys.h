/* Keys in etcd, below the prefix (the table in docs/etcd.md). Pure.
 *
 * Keys that are made are in `arena`; NULL data: out of memory. */
#ifndef SP_SOURCE_SHARED_KEYS_H
#define SP_SOURCE_SHARED_KEYS_H

#include "base/arena.h"
#include "store/records/journal.h"

struct sp_bytes sp_source_head_key(struct sp_str prefix, struct sp_arena *arena);
/* Before everything but staged changes. */
struct sp_bytes sp_source_data_key(struct sp_str prefix, struct sp_arena *arena);
/* Before all records of a space. */
struct sp_bytes sp_source_space_key(struct sp_str prefix, enum sp_replica_space space, struct sp_arena *arena);
/* `part` counts only for changes. */
struct sp_bytes sp_source_record_key(struct sp_str prefix, enum sp_replica_space space, struct sp_bytes name,
                                     uint32_t part, struct sp_arena *arena);
/* Before all staged changes. */
struct sp_bytes sp_source_all_staged_key(struct sp_str prefix, struct sp_arena *arena);
/* Before all parts of a staged change. */
struct sp_bytes sp_source_staged_key(struct sp_str prefix, struct sp_bytes id, struct sp_arena *arena);
struct sp_bytes sp_source_staged_part_key(struct sp_str prefix, struct sp_bytes id, uint32_t part,
                                          struct sp_arena *arena);
/* A key that was stored without its prefix. */
struct sp_bytes sp_source_full_key(struct sp_str prefix, struct sp_bytes below, struct sp_arena *arena);

struct sp_source_key {
    enum { SP_SOURCE_OTHER_KEY, SP_SOURCE_HEAD_KEY, SP_SOURCE_RECORD_KEY } kind;
    enum sp_replica_space space;
    struct sp_bytes name; /* of the record: borrowed from the key that was read */
    uint32_t part;        /* of a change */
};
struct sp_source_key sp_source_read_key(struct sp_str prefix, struct sp_bytes key);

/* The beginning of an entity key, for messages: it holds ids of tenants, never a secret. Bytes
 * that are not printable become dots. */
enum { SP_SOURCE_KEY_TEXT_BYTES = 65 };
void sp_source_show_key(struct sp_bytes key, char ret_text[static SP_SOURCE_KEY_TEXT_BYTES]);

#endif
