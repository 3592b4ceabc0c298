/* Two schemas compared: a line for each name that was added, changed or removed. */
#ifndef SP_ADMIN_SCHEMA_CHANGE_H
#define SP_ADMIN_SCHEMA_CHANGE_H

#include "admin/lines.h"
#include "core/schema.h"

/* Adds lines for everything that differs between the two, in the order of names: permissions, then
 * types with their actions; then routes, in the order of the files. SP_ERR_MEMORY. */
enum sp_status sp_admin_compare_schemas(const struct sp_schema *before, const struct sp_schema *after,
                                        struct sp_admin_lines *lines) SP_MUST_USE;

#endif
