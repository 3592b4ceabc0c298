/* Imports: many records in one change. */
#ifndef SP_ADMIN_IMPORT_H
#define SP_ADMIN_IMPORT_H

#include "admin/caller.h"
#include "admin/import_refusals.h"
#include "base/arena.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/edit.h"

/* Applies records in order, each building on those before it, as one change. The rules of single
 * calls hold, but for what an acting key may give: operators import. The response holds the secrets
 * of new keys (wipe the arena). If a record is refused, its status is returned, and the message
 * names its line; `refusals`, which must be empty, then has as many as the request asks for. After
 * any failure the write must be aborted. */
enum sp_status sp_admin_import(struct sp_write *write, const struct sp_admin_caller *caller,
                               const Sallyport__V1__ImportRequest *request, struct sp_arena *arena,
                               struct sp_admin_import_refusals *refusals, Sallyport__V1__ImportResponse **ret_response,
                               struct sp_error *error) SP_MUST_USE;

#endif
