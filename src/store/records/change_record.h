/* Inside the store: the bytes of a Change, written straight from what a changeset holds.
 *
 * Each Stored* message has its public part in field 1, so those bytes are an EntityChange's
 * `after` (or `before`) as they are: nothing is unpacked or packed again. What comes out is what
 * protobuf-c would pack. */
#ifndef SP_STORE_RECORDS_CHANGE_RECORD_H
#define SP_STORE_RECORDS_CHANGE_RECORD_H

#include "base/arena.h"
#include "sallyport/v1/entities.pb-c.h"
#include "store/records/entity_key.h"

enum { SP_CHANGE_HASH_BYTES = 32, SP_CHANGE_HASH_FIELD_BYTES = 2 + SP_CHANGE_HASH_BYTES };

struct sp_entity_change {
    struct sp_bytes key;         /* of the entity */
    struct sp_bytes public_part; /* after a put, or before a delete */
    bool deleted;
    const uint8_t *hash; /* of the entity after a put, or before a delete (entity_set.h); SP_DIGEST_BYTES */
};

/* The public part of a packed Stored* message: its field 1, which protobuf-c packs first.
 * SP_ERR_INVALID: it has none. */
enum sp_status sp_stored_public_part(struct sp_bytes packed, struct sp_bytes *ret_part) SP_MUST_USE;

/* Packs head, entities and hash into `arena`. The head's own entities and hash are ignored.
 * Tombstones are left out. SP_ERR_INVALID: a key is not an entity's; SP_ERR_MEMORY. */
enum sp_status sp_change_pack(const Sallyport__V1__Change *head, const struct sp_entity_change *entities,
                              size_t entity_count, const uint8_t last_hash[static SP_CHANGE_HASH_BYTES],
                              struct sp_arena *arena, struct sp_bytes *ret_packed,
                              uint8_t ret_hash[static SP_CHANGE_HASH_BYTES]) SP_MUST_USE;

/* Splits a stored entry into what was hashed and the hash. SP_ERR_CORRUPT. */
enum sp_status sp_change_split(struct sp_bytes packed, struct sp_bytes *ret_hashed,
                               const uint8_t **ret_hash) SP_MUST_USE;

/* Follows the chain to a stored entry: the hash of the entry before becomes its own.
 * SP_ERR_CORRUPT: the entry does not continue it. */
enum sp_status sp_change_follow(struct sp_bytes packed, uint8_t hash[static SP_CHANGE_HASH_BYTES]) SP_MUST_USE;

#endif
