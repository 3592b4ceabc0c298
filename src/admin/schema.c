/* Reading the schema, and putting a new one. */
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/schema_change.h"
#include "admin/schema_names.h"
#include "admin/schema_use.h"
#include "core/key_like.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/layout.h"
#include "store/records/schema_numbers.h"

enum sp_status sp_admin_get_schema(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                   ProtobufCMessage **ret_reply) {
    (void)message;
    Sallyport__V1__GetSchemaResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__GetSchemaResponse, sallyport__v1__get_schema_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    response->yaml = ctx->stored_schema->yaml;
    *ret_reply = &response->base;
    return SP_OK;
}

/* ---- a new schema ---- */

/* The first ones that were probably meant otherwise. */
static enum sp_status warn_of_literals(const struct sp_schema *schema, struct sp_admin_lines *warnings) {
    enum { MOST = 20 };
    size_t doubts = 0;
    for (size_t i = 0; i < schema->route_count; i++) {
        const struct sp_route *route = &schema->routes[i];
        struct sp_str literal;
        const char *doubt = sp_route_find_doubt(route, &literal);
        if (doubt == NULL || ++doubts > MOST)
            continue;
        enum sp_status status = sp_admin_add_line(warnings, "route %.*s %.*s: \"%.*s\" %s", SP_STR_ARG(route->method),
                                                  SP_STR_ARG(route->path), SP_STR_ARG(literal), doubt);
        if (status != SP_OK)
            return status;
    }
    return doubts <= MOST ? SP_OK : sp_admin_add_line(warnings, "and %zu more routes like these", doubts - MOST);
}

static enum sp_status describe_new_schema(struct sp_admin_context *ctx, struct sp_str yaml,
                                          struct sp_admin_lines *warnings, Sallyport__V1__PutSchemaResponse *response) {
    struct sp_schema before;
    struct sp_schema after;
    struct sp_admin_lines changes = {.arena = ctx->arena};
    struct sp_admin_lines in_use = {.arena = ctx->arena};
    struct sp_error damaged;
    enum sp_status status =
        sp_schema_parse_stored(sp_str_from(ctx->stored_schema->yaml), ctx->arena, &before, &damaged);
    if (status == SP_ERR_INVALID)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the stored schema is damaged: %.900s", damaged.message);
    if (status != SP_OK)
        return status;
    status = sp_schema_parse(yaml, ctx->arena, &after, ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_admin_compare_schemas(&before, &after, &changes);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_in_use(ctx, &before, &after, &in_use);
    if (status != SP_OK)
        return status;
    status = warn_of_literals(&after, warnings);
    if (status != SP_OK)
        return status;
    response->changes = changes.lines;
    response->n_changes = changes.count;
    response->in_use = in_use.lines;
    response->n_in_use = in_use.count;
    return SP_OK;
}

enum { NUMBERS_WARN_FROM = SP_PERMISSIONS_MAX - 16 };

/* Only names that keys list keep a number once they are removed. */
static enum sp_status warn_of_few_numbers(const Sallyport__Store__V1__StoredSchema *made,
                                          const struct sp_permission_set *listed, struct sp_admin_lines *warnings) {
    size_t named = 0, removed = 0;
    for (size_t i = 0; i < made->n_permissions; i++) {
        const Sallyport__Store__V1__StoredSchema__Numbered *name = made->permissions[i];
        named += !name->removed;
        removed += name->removed && sp_permission_set_has(listed, (uint8_t)name->number, true);
    }
    if (named + removed < NUMBERS_WARN_FROM)
        return SP_OK;
    return sp_admin_add_line(warnings,
                             "%zu of %d permission numbers are in use, %zu of them by removed names "
                             "that keys still list",
                             named + removed, SP_PERMISSIONS_MAX, removed);
}

static bool are_numbers_few(const Sallyport__Store__V1__StoredSchema *made) {
    uint32_t given_out = 0;
    for (size_t i = 0; i < made->n_permissions; i++)
        if (made->permissions[i]->number >= given_out)
            given_out = made->permissions[i]->number + 1;
    return given_out >= NUMBERS_WARN_FROM;
}

/* The walk over all keys is only worth it if numbers become few. */
static enum sp_status number_schema(struct sp_admin_context *ctx, struct sp_str yaml,
                                    Sallyport__Store__V1__StoredSchema **ret_made, struct sp_admin_lines *warnings) {
    Sallyport__Store__V1__StoredSchema *made = NULL;
    struct sp_permission_set listed;
    enum sp_status status = sp_schema_number(yaml, ctx->stored_schema, ctx->arena, &made, ctx->error);
    if (status != SP_OK && status != SP_ERR_EXHAUSTED)
        return status;
    if (status == SP_OK && !are_numbers_few(made)) {
        *ret_made = made;
        return SP_OK;
    }
    bool exhausted = status == SP_ERR_EXHAUSTED;
    status = sp_admin_find_listed_permissions(ctx, &listed);
    if (status != SP_OK)
        return status;
    if (exhausted)
        status = sp_schema_number_again(yaml, ctx->stored_schema, &listed, ctx->arena, &made, ctx->error);
    if (status != SP_OK)
        return status;
    *ret_made = made;
    return warn_of_few_numbers(made, &listed, warnings);
}

/* A dry run numbers too, so that it fails if the real one would run out of numbers. */
static enum sp_status number_and_put(struct sp_admin_context *ctx, struct sp_str yaml, bool dry_run,
                                     struct sp_admin_lines *warnings) {
    Sallyport__Store__V1__StoredSchema *made = NULL;
    enum sp_status status = number_schema(ctx, yaml, &made, warnings);
    if (status != SP_OK || dry_run)
        return status;
    return sp_admin_put(ctx, SP_KIND_SCHEMA, "", &made->base);
}

/* A text that is equal to the byte changes nothing and makes no revision. */
/* In descriptions, comments and routes: everybody may read the schema. */
static enum sp_status refuse_keys_in_schema(struct sp_admin_context *ctx, struct sp_str yaml) {
    struct sp_str part;
    size_t line = 1;
    if (!sp_key_like_find(yaml, &part))
        return SP_OK;
    for (const char *at = yaml.data; at < part.data; at++)
        line += *at == '\n';
    return sp_error_set(ctx->error, SP_ERR_INVALID,
                        "yaml: line %zu: something looks like an API key: keys are secrets, and everybody may read the "
                        "schema; remove it, and disable the key",
                        line);
}

enum sp_status sp_admin_put_schema(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                   ProtobufCMessage **ret_reply) {
    const Sallyport__V1__PutSchemaRequest *request = (const void *)message;
    struct sp_str yaml = sp_str_from(request->yaml);
    Sallyport__V1__PutSchemaResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__PutSchemaResponse, sallyport__v1__put_schema_response);
    struct sp_admin_lines warnings = {.arena = ctx->arena};
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    status = describe_new_schema(ctx, yaml, &warnings, response);
    if (status != SP_OK)
        return status;
    status = sp_str_equal(yaml, sp_str_from(ctx->stored_schema->yaml)) ? SP_OK : refuse_keys_in_schema(ctx, yaml);
    if (status != SP_OK)
        return status;
    if (!request->dry_run && !request->force && response->n_in_use > 0)
        return sp_error_set(
            ctx->error, SP_ERR_PRECONDITION,
            "%zu removed names are still in use, starting with %s; set force (--force) to remove them anyway: "
            "they then grant nothing",
            response->n_in_use, response->in_use[0]);
    if (!sp_str_equal(yaml, sp_str_from(ctx->stored_schema->yaml))) {
        status = number_and_put(ctx, yaml, request->dry_run, &warnings);
        if (status != SP_OK)
            return status;
    }
    response->warnings = warnings.lines;
    response->n_warnings = warnings.count;
    *ret_reply = &response->base;
    return SP_OK;
}
