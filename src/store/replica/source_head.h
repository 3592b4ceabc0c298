/* The head of a source of truth: made from a store's meta, and taken over into it. */
#ifndef SP_STORE_REPLICA_SOURCE_HEAD_H
#define SP_STORE_REPLICA_SOURCE_HEAD_H

#include "store/replica/cursor.h"

/* The head that a source of this store has, made from its meta: everything but store_id,
 * commit_id and staged, which are taken over from what the source had (the first time: empty).
 * In `arena`. */
enum sp_status sp_replica_make_head(struct sp_write *write, struct sp_arena *arena,
                                    Sallyport__Store__V1__SourceHead **ret_head) SP_MUST_USE;

/* Takes over the source's head: epoch, number, hash, next numbers, key forms, and where in the
 * source the store is now. `chained`: number and hash must be what applying the changes came to
 * (SP_ERR_ABORTED); otherwise they are set, and the anchor with them. */
enum sp_status sp_replica_take_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                    const struct sp_replica_cursor *cursor, bool chained,
                                    struct sp_error *error) SP_MUST_USE;

#endif
