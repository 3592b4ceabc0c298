/* What a new schema would take away although something uses it. */
#ifndef SP_ADMIN_SCHEMA_USE_H
#define SP_ADMIN_SCHEMA_USE_H

#include "admin/context.h"
#include "admin/lines.h"
#include "core/permission_set.h"
#include "core/schema.h"

/* Adds a line for each name that is removed while it is in use: a permission that keys list; a type
 * with resources or grants (even one that stays, if its ids are read in another way from now on);
 * an action whose type has such, or whose permission keys list. A removed route only denies, and is
 * not among them. Walks all keys, resources and grants of the store. */
enum sp_status sp_admin_find_in_use(struct sp_admin_context *ctx, const struct sp_schema *before,
                                    const struct sp_schema *after, struct sp_admin_lines *lines) SP_MUST_USE;

/* The permissions that keys list by name, also those of removed names. Walks all keys. */
enum sp_status sp_admin_find_listed_permissions(struct sp_admin_context *ctx,
                                                struct sp_permission_set *ret_listed) SP_MUST_USE;

#endif
