/* The schema: its names and numbers for the other calls; reading it, and putting a new one. */
#include "admin/schema_change.h"
#include "base/text.h"
#include "store/records/schema_numbers.h"

typedef Sallyport__Store__V1__StoredSchema__Numbered numbered;

enum sp_status sp_admin_schema_load(struct sp_admin_context *ctx) {
    if (ctx->schema.stored != NULL)
        return SP_OK;
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key);
    if (status == SP_OK)
        status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the store has no schema: restore a backup");
    if (status == SP_OK)
        ctx->schema.stored = (const void *)message;
    return status;
}

/* A name that is in use now. */
static const numbered *find_live(numbered *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (!names[i]->removed && strcmp(names[i]->name, name) == 0)
            return names[i];
    return NULL;
}

static enum sp_status find_permission(struct sp_admin_context *ctx, const char *name, const numbered **ret_found) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredSchema *schema = ctx->schema.stored;
    const numbered *found = find_live(schema->permissions, schema->n_permissions, name);
    if (found == NULL)
        return SP_ERR_NOT_FOUND;
    if (found->number >= SP_PERMISSIONS_MAX)
        return SP_ERR_CORRUPT;
    *ret_found = found;
    return SP_OK;
}

/* What a message may repeat of a name from outside, which may be of any length and hold anything. */
static const char *shown(const char *name) {
    struct sp_error ignored;
    return sp_text_check_word(sp_str_from(name), "name", &ignored) == SP_OK ? name : "this name";
}

enum sp_status sp_admin_permission_number(struct sp_admin_context *ctx, const char *field, const char *name,
                                          uint8_t *ret_number) {
    const numbered *found = NULL;
    enum sp_status status = find_permission(ctx, name, &found);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "%s: the schema has no permission %s", field, shown(name));
    if (status == SP_OK)
        *ret_number = (uint8_t)found->number;
    return status;
}

bool sp_admin_key_has_permission(struct sp_admin_context *ctx, const char *name) {
    const numbered *found = NULL;
    if (ctx->is_operator || find_permission(ctx, name, &found) != SP_OK)
        return false;
    return sp_permission_set_has(&ctx->key.permissions, (uint8_t)found->number);
}

enum sp_status sp_admin_resource_type(struct sp_admin_context *ctx, const char *name, uint32_t *ret_number,
                                      bool *ret_workspace_scoped) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredSchema *schema = ctx->schema.stored;
    const numbered *found = find_live(schema->types, schema->n_types, name);
    if (found == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "resource type: the schema has no type %s", shown(name));
    *ret_number = found->number;
    *ret_workspace_scoped = found->workspace_scoped;
    return SP_OK;
}

bool sp_admin_type_is_live(struct sp_admin_context *ctx, uint32_t type_number) {
    if (sp_admin_schema_load(ctx) != SP_OK)
        return false;
    const Sallyport__Store__V1__StoredSchema *schema = ctx->schema.stored;
    for (size_t i = 0; i < schema->n_types; i++)
        if (schema->types[i]->number == type_number)
            return !schema->types[i]->removed;
    return false;
}

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
    response->yaml = ctx->schema.stored->yaml;
    *ret_reply = &response->base;
    return SP_OK;
}

/* ---- a new schema ---- */

static enum sp_status compare(struct sp_admin_context *ctx, struct sp_str yaml,
                              Sallyport__V1__PutSchemaResponse *response) {
    struct sp_schema before;
    struct sp_schema after;
    struct sp_admin_lines changes = {.arena = ctx->arena};
    struct sp_admin_lines in_use = {.arena = ctx->arena};
    struct sp_error damaged;
    if (sp_schema_parse(sp_str_from(ctx->schema.stored->yaml), ctx->arena, &before, &damaged) != SP_OK)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the stored schema is damaged: %.900s", damaged.message);
    enum sp_status status = sp_schema_parse(yaml, ctx->arena, &after, ctx->error);
    if (status == SP_OK)
        status = sp_admin_compare_schemas(&before, &after, &changes);
    if (status == SP_OK)
        status = sp_admin_find_in_use(ctx, &before, &after, &in_use);
    if (status != SP_OK)
        return status;
    response->changes = changes.lines;
    response->n_changes = changes.count;
    response->in_use = in_use.lines;
    response->n_in_use = in_use.count;
    return SP_OK;
}

/* A dry run numbers as well, so that it fails where the real one would for want of numbers. */
static enum sp_status put(struct sp_admin_context *ctx, struct sp_str yaml, bool dry_run) {
    Sallyport__Store__V1__StoredSchema *made = NULL;
    enum sp_status status = sp_schema_number(yaml, ctx->schema.stored, ctx->arena, &made, ctx->error);
    return status == SP_OK && !dry_run ? sp_admin_put(ctx, SP_KIND_SCHEMA, "", &made->base) : status;
}

/* A text that is the same to the byte changes nothing and gets no revision. */
enum sp_status sp_admin_put_schema(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                   ProtobufCMessage **ret_reply) {
    const Sallyport__V1__PutSchemaRequest *request = (const void *)message;
    struct sp_str yaml = sp_str_from(request->yaml);
    Sallyport__V1__PutSchemaResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__PutSchemaResponse, sallyport__v1__put_schema_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status == SP_OK)
        status = compare(ctx, yaml, response);
    if (status != SP_OK)
        return status;
    if (!request->dry_run && !request->force && response->n_in_use > 0)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                            "%zu removals are in use, first %s; set force to remove all the same: what is removed "
                            "grants nothing from then on",
                            response->n_in_use, response->in_use[0]);
    if (!sp_str_equal(yaml, sp_str_from(ctx->schema.stored->yaml)))
        status = put(ctx, yaml, request->dry_run);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}
