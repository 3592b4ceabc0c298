/* Inside the store: the set of all entities as one hash, so that it can be told whether any was
 * put, altered or removed without a change.
 *
 * Its elements are the hashes of the entities. A change moves it on when its entry is appended, so
 * what is put without a change never enters it. It is in meta "entity_set", and its digest in the
 * store's head and in the head of the source that the store follows. */
#ifndef SP_STORE_RECORDS_ENTITY_SET_H
#define SP_STORE_RECORDS_ENTITY_SET_H

#include "core/digest.h"
#include "core/multiset_hash.h"
#include "store/records/head.h"

struct sp_view;
struct sp_write;

/* SHA-256 of the key's size (2), the key and the value: what a change lists as `entity_hash`. */
void sp_entity_hash(struct sp_bytes key, struct sp_bytes value, uint8_t ret_hash[static SP_DIGEST_BYTES]);

/* The set of a view. SP_ERR_CORRUPT: it is missing, or not the one whose digest the head has. */
enum sp_status sp_view_entity_set(struct sp_view *view, struct sp_multiset_hash *ret_set) SP_MUST_USE;

/* Puts the set, and its digest into `head`, which is left to the caller to write. */
enum sp_status sp_write_entity_set(struct sp_write *write, const struct sp_multiset_hash *set,
                                   struct sp_head *head) SP_MUST_USE;

/* Adds every entity that the view holds. SP_ERR_MEMORY. */
enum sp_status sp_view_add_entities(struct sp_view *view, struct sp_multiset_hash *set) SP_MUST_USE;

/* The write's expander, made when it is first asked for. NULL: out of memory. */
struct sp_expander *sp_write_expander(struct sp_write *write);

#endif
