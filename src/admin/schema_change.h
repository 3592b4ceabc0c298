/* Two schemas compared: what one line each says of names added, changed and removed, and what a removal takes away. */
#ifndef SP_ADMIN_SCHEMA_CHANGE_H
#define SP_ADMIN_SCHEMA_CHANGE_H

#include "admin/internal.h"
#include "core/schema.h"

/* Lines in an arena. */
struct sp_admin_lines {
    struct sp_arena *arena;
    char **lines;
    size_t count;
    size_t room;
};

/* Adds a line; SP_ERR_MEMORY. */
enum sp_status sp_admin_add_line(struct sp_admin_lines *lines, const char *format, ...) SP_MUST_USE SP_PRINTF(2, 3);

/* Lines for everything that differs between the two, in the order of names: permissions, then types with their actions;
 * then routes, in the order of the files. */
enum sp_status sp_admin_compare_schemas(const struct sp_schema *before, const struct sp_schema *after,
                                        struct sp_admin_lines *lines) SP_MUST_USE;

/* Lines for what is removed although something uses it: a permission that keys list; a type with resources or grants
 * (also where its ids are read in another way from now on); an action whose type has such, or whose permission keys
 * list. A removed route only denies, and is not among them. Walks all keys, resources and grants of the store. */
enum sp_status sp_admin_find_in_use(struct sp_admin_context *ctx, const struct sp_schema *before,
                                    const struct sp_schema *after, struct sp_admin_lines *lines) SP_MUST_USE;

#endif
