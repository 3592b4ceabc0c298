/* Everything that changes policy is a changeset: a list of entities to put and to delete, and
 * the audit entry that lists them. Applying one derives every index from the old and the new
 * entity, counts, assigns the revision and appends to the changes. There is no other way to
 * write policy; reindexing derives with the same functions. */
#ifndef SP_STORE_RECORDS_CHANGESET_H
#define SP_STORE_RECORDS_CHANGESET_H

#include "store/records/entity.h"
#include "store/records/head.h"
#include "store/records/write.h"

struct sp_changeset; /* lives in an arena; not thread-safe */

/* Begins an empty changeset in `arena`, with the audit entry's head: revision and hash are
 * filled when applied. NULL: out of memory. */
struct sp_changeset *sp_changeset_new(struct sp_arena *arena, const Sallyport__V1__Change *head);

/* Puts an entity; the message is packed at once. Creates, or replaces what is there. */
enum sp_status sp_changeset_put(struct sp_changeset *set, const struct sp_entity_key *key,
                                const ProtobufCMessage *message) SP_MUST_USE;

/* Deletes an entity, which must exist when applied, and puts a tombstone if the kind's ids are
 * never reused (workspaces, principals, groups, keys, resources). */
enum sp_status sp_changeset_delete(struct sp_changeset *set, const struct sp_entity_key *key,
                                   int64_t now_s) SP_MUST_USE;

/* How many entities it puts and deletes. */
size_t sp_changeset_count(const struct sp_changeset *set);

bool sp_changeset_is_empty(const struct sp_changeset *set);

/* Applies what the set holds so far to entities, indexes and counts, so that later reads in the
 * same write see it; the audit entry goes on collecting. For imports, whose records build on
 * each other within one change. The write can only be aborted after a failure, and unless the
 * same set is then applied. */
enum sp_status sp_changeset_flush(struct sp_write *write, struct sp_changeset *set, struct sp_error *error) SP_MUST_USE;

/* Forgets what no flush has applied, for an import that goes on looking for bad records after one,
 * and is then aborted. */
void sp_changeset_forget_unapplied(struct sp_changeset *set);

/* Applies a changeset within the write: entities, indexes, counts, the change, the next
 * revision. An empty one gets no revision (the current one is returned). After a failure the
 * write holds half of it and must be aborted. */
enum sp_status sp_changeset_apply(struct sp_write *write, struct sp_changeset *set, struct sp_revision *ret_revision,
                                  struct sp_error *error) SP_MUST_USE;

#endif
