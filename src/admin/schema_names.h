/* The names and numbers of the schema as it is now, for the calls that look them up. The schema is
 * read once a call.
 *
 * Every function gives SP_ERR_CORRUPT for a schema that is missing or damaged, and SP_ERR_MEMORY: a
 * schema that cannot be read is never taken for one that lacks a name. */
#ifndef SP_ADMIN_SCHEMA_NAMES_H
#define SP_ADMIN_SCHEMA_NAMES_H

#include "admin/context.h"
#include "core/permission_set.h"
#include "core/schema.h"

/* Sets ctx->stored_schema. */
enum sp_status sp_admin_schema_load(struct sp_admin_context *ctx) SP_MUST_USE;

/* The permission's number. INVALID_ARGUMENT with `field` if the schema does not have it. */
enum sp_status sp_admin_permission_number(struct sp_admin_context *ctx, const char *field, const char *name,
                                          uint8_t *ret_number) SP_MUST_USE;

/* Whether the acting key's permissions include the one with this name: not if the schema has none
 * of that name, nor for an operator. */
enum sp_status sp_admin_key_has_permission(struct sp_admin_context *ctx, const char *name, bool *ret_has) SP_MUST_USE;

/* The numbers of the claiming permissions (core/schema.h). */
enum sp_status sp_admin_claiming_permissions(struct sp_admin_context *ctx,
                                             struct sp_permission_set *ret_claiming) SP_MUST_USE;

/* Takes out of a key what it lists and does not have: names that the schema lost since the key was
 * given them. A name that came back is another permission (another number), which nobody gave
 * it. */
enum sp_status sp_admin_trim_permissions(struct sp_admin_context *ctx,
                                         Sallyport__Store__V1__StoredKey *stored) SP_MUST_USE;

/* A resource type, by a number that it has or had. Resources and grants of a type that was removed,
 * or that came back with another number, stay stored but grant nothing: lists leave them out. */
struct sp_admin_resource_type {
    const char *name; /* of the schema in the arena */
    uint32_t number;
    bool workspace_scoped;
    bool removed;
    enum sp_register register_level;
};

/* The type in use under a name. INVALID_ARGUMENT if the schema does not have it. */
enum sp_status sp_admin_find_type(struct sp_admin_context *ctx, const char *name,
                                  struct sp_admin_resource_type *ret_type) SP_MUST_USE;

/* The type with a number that a stored record holds, removed or not; SP_ERR_CORRUPT if no schema
 * ever gave the number. */
enum sp_status sp_admin_find_type_by_number(struct sp_admin_context *ctx, uint32_t number,
                                            struct sp_admin_resource_type *ret_type) SP_MUST_USE;

#endif
