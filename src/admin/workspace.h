/* Adding workspaces. */
#ifndef SP_ADMIN_WORKSPACE_H
#define SP_ADMIN_WORKSPACE_H

#include "admin/context.h"

/* Checks the template's fields, adds the workspace to the changes, and makes it the context's. plan
 * 0: FREE; seats 0: 1. An empty id is generated; created_at 0 is now. The checks do not see changes
 * of this call that are not flushed. */
enum sp_status sp_admin_add_workspace(struct sp_admin_context *ctx,
                                      const Sallyport__V1__Workspace *template) SP_MUST_USE;

#endif
