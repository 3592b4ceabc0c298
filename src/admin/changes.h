/* The audit trail as a workspace sees it. */
#ifndef SP_ADMIN_CHANGES_H
#define SP_ADMIN_CHANGES_H

#include "base/arena.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/lmdb/view.h"

/* What the admins of a workspace (empty: operators) may see of a change: all of one that is about
 * the workspace; of one that only touches something in it, as an import of many workspaces does,
 * only that part. *ret_seen is a copy in `arena`; NULL: nothing. SP_ERR_MEMORY. */
enum sp_status sp_admin_change_seen(const Sallyport__V1__Change *change, struct sp_str workspace,
                                    struct sp_arena *arena, Sallyport__V1__Change **ret_seen) SP_MUST_USE;

/* The number of the first change after `since`, the last that a reader has. SP_ERR_PRECONDITION:
 * the trail does not go through it; SP_ERR_OUT_OF_RANGE: what comes after it is no longer kept. */
enum sp_status sp_admin_changes_after(struct sp_view *view, const Sallyport__V1__Revision *since, uint64_t *ret_from,
                                      struct sp_error *error) SP_MUST_USE;

/* That, for a number before the oldest kept; `field` is the one that asked for it. */
enum sp_status sp_admin_refuse_trimmed(const char *field, uint64_t from, struct sp_error *error) SP_MUST_USE;

#endif
