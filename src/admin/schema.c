/* Reading the schema, and putting a new one. */
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/schema_change.h"
#include "admin/schema_names.h"
#include "admin/schema_use.h"
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

static enum sp_status describe_new_schema(struct sp_admin_context *ctx, struct sp_str yaml,
                                          Sallyport__V1__PutSchemaResponse *response) {
    struct sp_schema before;
    struct sp_schema after;
    struct sp_admin_lines changes = {.arena = ctx->arena};
    struct sp_admin_lines in_use = {.arena = ctx->arena};
    struct sp_error damaged;
    if (sp_schema_parse(sp_str_from(ctx->stored_schema->yaml), ctx->arena, &before, &damaged) != SP_OK)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the stored schema is damaged: %.900s", damaged.message);
    enum sp_status status = sp_schema_parse(yaml, ctx->arena, &after, ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_admin_compare_schemas(&before, &after, &changes);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_in_use(ctx, &before, &after, &in_use);
    if (status != SP_OK)
        return status;
    response->changes = changes.lines;
    response->n_changes = changes.count;
    response->in_use = in_use.lines;
    response->n_in_use = in_use.count;
    return SP_OK;
}

/* A dry run numbers too, so that it fails if the real one would run out of numbers. */
static enum sp_status number_and_put(struct sp_admin_context *ctx, struct sp_str yaml, bool dry_run) {
    Sallyport__Store__V1__StoredSchema *made = NULL;
    enum sp_status status = sp_schema_number(yaml, ctx->stored_schema, ctx->arena, &made, ctx->error);
    if (status != SP_OK || dry_run)
        return status;
    return sp_admin_put(ctx, SP_KIND_SCHEMA, "", &made->base);
}

/* A text that is equal to the byte changes nothing and makes no revision. */
enum sp_status sp_admin_put_schema(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                   ProtobufCMessage **ret_reply) {
    const Sallyport__V1__PutSchemaRequest *request = (const void *)message;
    struct sp_str yaml = sp_str_from(request->yaml);
    Sallyport__V1__PutSchemaResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__PutSchemaResponse, sallyport__v1__put_schema_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    status = describe_new_schema(ctx, yaml, response);
    if (status != SP_OK)
        return status;
    if (!request->dry_run && !request->force && response->n_in_use > 0)
        return sp_error_set(
            ctx->error, SP_ERR_PRECONDITION,
            "%zu removed names are still in use, starting with %s; set force to remove them anyway: they then "
            "grant nothing",
            response->n_in_use, response->in_use[0]);
    if (!sp_str_equal(yaml, sp_str_from(ctx->stored_schema->yaml))) {
        status = number_and_put(ctx, yaml, request->dry_run);
        if (status != SP_OK)
            return status;
    }
    *ret_reply = &response->base;
    return SP_OK;
}
