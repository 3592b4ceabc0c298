/* The head of a source of truth: made from a store's meta, and taken over into it. */
#ifndef SP_STORE_REPLICA_SOURCE_HEAD_H
#define SP_STORE_REPLICA_SOURCE_HEAD_H

#include "store/replica/cursor.h"

/* The head that a source of this store has, made from its meta: everything but the ids, staged and
 * the signature, which are taken over from what the source had (the first time: empty). In
 * `arena`. */
enum sp_status sp_replica_make_head(struct sp_write *write, struct sp_arena *arena,
                                    Sallyport__Store__V1__SourceHead **ret_head) SP_MUST_USE;

/* Lets a head that the store has taken over commit to the view's set of entities, in this
 * release's format. */
enum sp_status sp_replica_commit_head(struct sp_view *view, struct sp_arena *arena,
                                      Sallyport__Store__V1__SourceHead *head) SP_MUST_USE;

/* Whether it is of format 1, and so commits to no set of entities. */
bool sp_replica_is_old_head(const Sallyport__Store__V1__SourceHead *head);

/* SP_ERR_PRECONDITION: its format is another; SP_ERR_INVALID: it is damaged. */
enum sp_status sp_replica_check_head(const Sallyport__Store__V1__SourceHead *head, struct sp_error *error) SP_MUST_USE;

/* Takes over the source's head: epoch, number, hash, next numbers, key forms, and where in the
 * source the store is now. `chained`: number and hash must be what applying the changes came to
 * (SP_ERR_ABORTED); otherwise they are set, and the anchor with them. The store's set of entities
 * must be the head's (SP_ERR_CORRUPT). Otherwise as sp_replica_check_head. */
enum sp_status sp_replica_take_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                    const struct sp_replica_cursor *cursor, bool chained,
                                    struct sp_error *error) SP_MUST_USE;

#endif
