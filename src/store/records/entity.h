/* Entities, the truth of the store, read. They are changed by changesets (changeset.h), so that
 * the indexes follow. */
#ifndef SP_STORE_RECORDS_ENTITY_H
#define SP_STORE_RECORDS_ENTITY_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity_key.h"

struct sp_view;

/* The descriptor of a kind's stored message; NULL: there is no such kind. */
const ProtobufCMessageDescriptor *sp_kind_descriptor(enum sp_kind kind);

/* Reads an entity into `arena`. SP_ERR_NOT_FOUND; SP_ERR_CORRUPT; SP_ERR_MEMORY. The message's
 * type follows from the kind: StoredWorkspace for SP_KIND_WORKSPACE, and so on. */
enum sp_status sp_entity_get(struct sp_view *view, const struct sp_entity_key *key, struct sp_arena *arena,
                             ProtobufCMessage **ret_message) SP_MUST_USE;

/* Unpacks what a walk gave. SP_ERR_CORRUPT, SP_ERR_MEMORY. */
enum sp_status sp_entity_decode(struct sp_bytes key, struct sp_bytes value, struct sp_arena *arena,
                                ProtobufCMessage **ret_message) SP_MUST_USE;

enum sp_status sp_entity_exists(struct sp_view *view, const struct sp_entity_key *key, bool *ret_exists) SP_MUST_USE;

/* The first of those that were deleted and are being removed in pieces. SP_ERR_NOT_FOUND;
 * SP_ERR_CORRUPT. */
enum sp_status sp_entity_first_deleting(struct sp_view *view, struct sp_entity_key *ret_key) SP_MUST_USE;

/* Visits the entities whose key begins with `prefix`, in key order, beginning after `after` (may
 * be NULL; one that does not begin with the prefix counts as NULL). `visit` returns SP_OK to go
 * on; SP_WALK_END ends the walk with SP_OK; anything else ends it with that status. Values are
 * the protobuf bytes, borrowed. The entities must not be changed during the walk. */
typedef enum sp_status sp_entity_visit(void *context, struct sp_bytes key, struct sp_bytes value);
enum sp_status sp_entity_walk(struct sp_view *view, struct sp_bytes prefix, const struct sp_entity_key *after,
                              sp_entity_visit *visit, void *context) SP_MUST_USE;

#endif
