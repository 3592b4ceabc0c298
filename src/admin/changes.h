/* The audit trail as a workspace sees it. */
#ifndef SP_ADMIN_CHANGES_H
#define SP_ADMIN_CHANGES_H

#include "base/arena.h"
#include "sallyport/v1/admin.pb-c.h"

/* What the admins of a workspace (empty: operators) may see of a change: all of one that is about
 * the workspace; of one that only touches something in it, as an import of many workspaces does,
 * only that part. *ret_seen is a copy in `arena`; NULL: nothing. SP_ERR_MEMORY. */
enum sp_status sp_admin_change_seen(const Sallyport__V1__Change *change, struct sp_str workspace,
                                    struct sp_arena *arena, Sallyport__V1__Change **ret_seen) SP_MUST_USE;

#endif
