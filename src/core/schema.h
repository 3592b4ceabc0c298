/* The catalogue of what can be asked: permissions, resource types and their actions, and the HTTP
 * routes that lead to them. YAML in, compiled form out. Pure.
 *
 *   version: 1                                        # or 2, for the forms of routes that it has
 *   permissions:
 *     text_to_speech: Turn text into speech          # name: description
 *   types:
 *     voice:
 *       ids: global                                   # or workspace; global is the default
 *       register: permitted                           # who registers ids: operator, permitted or admin
 *       description: A voice
 *       actions:
 *         use:   {permission: text_to_speech, role: viewer}
 *         share: {permission: voices_write, role: admin}
 *         preview: {}                                 # neither a permission nor a role: any valid key
 *   routes:                                           # METHOD PATH: ACTION TYPE, or TYPE/ID (core/route.h)
 *     POST /v1/text-to-speech/{voice_id}: use voice/{voice_id}
 *     "* /v1/ping": preview voice                     # any method; YAML wants quotes around a leading '*'
 *
 * Four permissions are built in and need not be listed: workspace_read, workspace_write,
 * resource_register, api_key_rotate; listing one gives it another description. The last two are the
 * claiming permissions: whoever holds them takes ids or makes keys, so no key has them by `all`,
 * only by name.
 *
 * Version 2 adds forms of routes: hosts, {name}:verb and {name}.json, {name...}, '-' in the names
 * of captures, and ids of several captures. A schema that uses one must say `version: 2`, so that a
 * release that does not know them refuses it by its version; what version 1 accepts means the same
 * in both.
 *
 * Names are words (base/text.h), descriptions one line of at most 512 bytes. Errors name line and
 * column. Refused: aliases, anchors, tags, directives, several documents, duplicate and unknown
 * keys, types without actions, actions with a permission that is not listed, routes to an action or
 * a type that is not there, routes without an id to an action that needs a role, routes that cannot
 * stand beside each other, more than 256 permissions (with the built-in ones), 1,000 types, 10,000
 * actions, 25,000 routes, 1 MiB of text. Nothing nests deeper than the example. */
#ifndef SP_CORE_SCHEMA_H
#define SP_CORE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/register.h"
#include "core/role.h"
#include "core/route.h"
#include "core/schema_finding.h"
#include "core/schema_limits.h"

struct sp_schema_action {
    struct sp_str name;
    bool needs_permission;
    uint32_t permission; /* index in sp_schema.permissions */
    enum sp_role role;   /* SP_ROLE_NONE: no role needed */
};

struct sp_schema_type {
    struct sp_str name;
    struct sp_str description;
    bool workspace_scoped; /* ids: workspace */
    enum sp_register register_level;
    struct sp_schema_action *actions; /* sorted by name */
    size_t action_count;
};

struct sp_schema_permission {
    struct sp_str name;
    struct sp_str description;
};

/* All memory belongs to the arena that it was parsed into. */
struct sp_schema {
    struct sp_schema_permission *permissions; /* sorted by name, with the built-in ones */
    size_t permission_count;
    struct sp_schema_type *types; /* sorted by name */
    size_t type_count;
    struct sp_route *routes; /* in the order of the file; each leads to an action that is there */
    size_t route_count;
    const struct sp_route **sorted_routes; /* by path, then by method */
    const struct sp_routes *matcher;       /* of them all */
};

/* Reads a schema's text as somebody gives it. SP_ERR_INVALID with "line L, column C: what is wrong
 * and how to fix it". */
enum sp_status sp_schema_parse(struct sp_str yaml, struct sp_arena *arena, struct sp_schema *ret_schema,
                               struct sp_error *error) SP_MUST_USE;

/* Reads a schema's text as sp_schema_parse does, and finds all errors at once, unless it is not
 * YAML from some line on. SP_ERR_INVALID: there are errors, and *ret_schema is not touched;
 * SP_ERR_MEMORY. */
enum sp_status sp_schema_check(struct sp_str yaml, struct sp_arena *arena, struct sp_schema_findings *ret_findings,
                               struct sp_schema *ret_schema) SP_MUST_USE;

/* As sp_schema_parse, of a text that a store keeps. An earlier release may have accepted what is
 * refused today: routes that can never allow. */
enum sp_status sp_schema_parse_stored(struct sp_str yaml, struct sp_arena *arena, struct sp_schema *ret_schema,
                                      struct sp_error *error) SP_MUST_USE;

/* NULL if there is none of the name. */
const struct sp_schema_permission *sp_schema_find_permission(const struct sp_schema *schema, struct sp_str name);
const struct sp_schema_type *sp_schema_find_type(const struct sp_schema *schema, struct sp_str name);
const struct sp_schema_action *sp_schema_find_action(const struct sp_schema_type *type, struct sp_str name);

/* The route that is written with this method and template. */
const struct sp_route *sp_schema_find_route(const struct sp_schema *schema, struct sp_str method, struct sp_str path);

/* The names that are built in, with descriptions. */
extern const struct sp_schema_permission sp_schema_builtin_permissions[4];

/* Names of claiming permissions. */
#define SP_PERMISSION_REGISTER "resource_register"
#define SP_PERMISSION_ROTATE "api_key_rotate"

/* Whether the name is that of a claiming permission. */
bool sp_schema_permission_claims(struct sp_str name);

/* The example that a new store begins with (deploy/schema.yaml, compiled in). */
struct sp_str sp_schema_default_yaml(void);

#endif
