/* Inside the store: which index records an entity stands for. Pure: the message in, records out.
 *
 * Each index record is derived from exactly one entity, so a change of an entity is the
 * difference of two sets, and reindexing is the union over all entities. Counts are the one
 * exception: a record of SP_DB_COUNT has no value and means "one more". */
#ifndef SP_STORE_RECORDS_DERIVE_H
#define SP_STORE_RECORDS_DERIVE_H

#include <protobuf-c/protobuf-c.h>

#include "store/records/index_build.h"

/* The records of an entity, given its key and its unpacked message. SP_ERR_INVALID with a
 * message: the entity is incomplete (a number missing, a digest of another length, a schema or
 * an allowlist that does not parse); SP_ERR_MEMORY. */
enum sp_status sp_derive(struct sp_bytes entity_key, const ProtobufCMessage *message, struct sp_arena *arena,
                         struct sp_index_records *ret_records, struct sp_error *error) SP_MUST_USE;

/* The records of a stored entity. SP_ERR_CORRUPT: it cannot be read, or is incomplete;
 * SP_ERR_MEMORY. */
enum sp_status sp_derive_stored(struct sp_bytes entity_key, struct sp_bytes stored, struct sp_arena *arena,
                                struct sp_index_records *ret_records) SP_MUST_USE;

#endif
