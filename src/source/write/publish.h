/* Sending what a write of the store did to etcd, as one transaction that holds only while nobody
 * else has changed anything. */
#ifndef SP_SOURCE_WRITE_PUBLISH_H
#define SP_SOURCE_WRITE_PUBLISH_H

#include "source/shared/state.h"
#include "store/records/edit.h"

/* What is left to do after a change, made or not. */
struct sp_source_pending {
    uint64_t awaited_revision; /* of the head that was put, or that was in the way */
    bool fold_wanted;          /* a staged change must be folded before the next change */
};

/* Sends what the write noted, and moves its cursor. If that fails the write must be aborted.
 * `arena` must outlive the write.
 *
 * SP_ERR_ABORTED: another change was made first: `pending` says what must happen before the next
 * try. SP_ERR_UNAVAILABLE: the message says whether the change may have been made.
 * SP_ERR_INTERNAL: the write holds part of a refused change (sp_write_check). */
enum sp_status sp_source_publish(const struct sp_source_link *link, struct sp_write *write, struct sp_arena *arena,
                                 struct sp_source_pending *pending, struct sp_error *error) SP_MUST_USE;

/* Checks that a write that noted nothing was judged by etcd's newest state. SP_ERR_ABORTED: it
 * was not. */
enum sp_status sp_source_confirm(const struct sp_source_link *link, struct sp_write *write, struct sp_arena *arena,
                                 struct sp_source_pending *pending, struct sp_error *error) SP_MUST_USE;

#endif
