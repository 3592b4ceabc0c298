/* The schema: its names and numbers for the other calls, and how operators read it. Putting one is in schema_put.c. */
#include "admin/internal.h"
#include "base/text.h"

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
