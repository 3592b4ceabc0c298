/* The entities of the source that a store leaves out because this release cannot read them, in
 * meta "unreadable": size (2), key and entity hash (32) of each. They are part of the set of
 * entities all the same. */
#ifndef SP_STORE_REPLICA_UNREADABLE_H
#define SP_STORE_REPLICA_UNREADABLE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "core/digest.h"
#include "core/multiset_hash.h"

struct sp_view;
struct sp_write;

/* How many there are. SP_ERR_CORRUPT. */
enum sp_status sp_view_unreadable(struct sp_view *view, size_t *ret_count) SP_MUST_USE;

/* ---- inside the store ---- */

/* *ret_new: it was not in the list before. `hash`: of the entity as it came (entity_set.h). */
enum sp_status sp_replica_mark_unreadable(struct sp_write *write, struct sp_bytes key,
                                          const uint8_t hash[static SP_DIGEST_BYTES], struct sp_arena *arena,
                                          bool *ret_new) SP_MUST_USE;
enum sp_status sp_replica_mark_readable(struct sp_write *write, struct sp_bytes key,
                                        struct sp_arena *arena) SP_MUST_USE;

/* The hash of an entity in the list. SP_ERR_NOT_FOUND: the list does not have it;
 * SP_ERR_CORRUPT. */
enum sp_status sp_view_unreadable_hash(struct sp_view *view, struct sp_bytes key,
                                       uint8_t ret_hash[static SP_DIGEST_BYTES]) SP_MUST_USE;

/* Whether the key is in the list. SP_ERR_CORRUPT. */
enum sp_status sp_view_is_unreadable(struct sp_view *view, struct sp_bytes key, bool *ret_unreadable) SP_MUST_USE;

/* Adds the hash of every entity in the list. SP_ERR_CORRUPT. */
enum sp_status sp_view_add_unreadable(struct sp_view *view, struct sp_expander *expander,
                                      struct sp_multiset_hash *set) SP_MUST_USE;

#endif
