/* Removing what is left of deleted workspaces, principals, groups and resources, piece by piece:
 * their flag `deleting` denies everything meanwhile. */
#ifndef SP_ADMIN_REMOVAL_H
#define SP_ADMIN_REMOVAL_H

#include "base/arena.h"
#include "store/records/edit.h"

/* Continues the removal: at most `limit` entities (1 or more) and what they hang on, as one change.
 * *ret_more: there is more to do. Call it at start, after a method that deletes in pieces, and then
 * while there is more. If it fails, the write must be aborted. */
enum sp_status sp_admin_remove_deleted(struct sp_write *write, size_t limit, int64_t now_s, struct sp_arena *arena,
                                       bool *ret_more, struct sp_error *error) SP_MUST_USE;

#endif
