/* Whether what a source sends belongs to its head, before any of it is applied. Reads only.
 *
 * A head commits to the newest change by its hash, and to all entities by the digest of their set.
 * Records belong to it if
 *   - each entity that they would alter here is listed by a change that is new here, with the same
 *     bytes (`entity_hash`) or as deleted; tombstones, which no change lists, only have to add up;
 *   - each entity that the new changes list is then as its last listing says;
 *   - the set of entities that they lead to is the head's.
 * A head of format 1 has no digest, and its changes no hashes: the names alone must agree. */
#ifndef SP_STORE_REPLICA_JUDGE_H
#define SP_STORE_REPLICA_JUDGE_H

#include "core/multiset_hash.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/write.h"

/* Judges the records that came with a head. *ret_set: the set of entities that applying them leads
 * to. The records may be in any order; `arena` is scratch.
 *
 * SP_ERR_ABORTED: the changes do not lead from the store to the head: list the source.
 * SP_ERR_PRECONDITION: a new change does not list what is altered, or the other way round.
 * SP_ERR_CORRUPT: the set is not the head's, or this store's own is damaged: list the source. */
enum sp_status sp_replica_judge(struct sp_write *write, const struct sp_replica_record *records, size_t count,
                                const Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                                struct sp_multiset_hash *ret_set, struct sp_error *error) SP_MUST_USE;

/* For records that came without a head: the first entity or change among them that applying them
 * would alter. NULL: there is none. Idempotency records do not count. SP_ERR_CORRUPT. */
enum sp_status sp_replica_find_altering(struct sp_view *view, const struct sp_replica_record *records, size_t count,
                                        const struct sp_replica_record **ret_record) SP_MUST_USE;

/* Sets the store's set of entities to what the judgement came to. SP_ERR_CORRUPT. */
enum sp_status sp_replica_take_entity_set(struct sp_write *write, const struct sp_multiset_hash *set) SP_MUST_USE;

#endif
