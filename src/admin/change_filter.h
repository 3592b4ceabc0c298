/* Which changes of the audit trail a request asks for. Values only. */
#ifndef SP_ADMIN_CHANGE_FILTER_H
#define SP_ADMIN_CHANGE_FILTER_H

#include "admin/context.h"

/* SP_ERR_INVALID names the field: an unknown kind, or a time range that nothing is in. */
enum sp_status sp_admin_change_filter_check(struct sp_admin_context *ctx,
                                            const Sallyport__V1__ListChangesRequest *request) SP_MUST_USE;

/* Whether a change is what the request asks for, by nothing but what those who see `workspace` (empty:
 * all) may see of it: a filter tells them nothing about the rest. */
bool sp_admin_change_filter_fits(const Sallyport__V1__ListChangesRequest *request, struct sp_str workspace,
                                 const Sallyport__V1__Change *change);

#endif
