#include "admin/schema_names.h"

#include <stdio.h>

#include "admin/batch_map.h"
#include "base/nearest.h"
#include "base/text.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"

typedef Sallyport__Store__V1__StoredSchema__Numbered numbered;

enum sp_status sp_admin_schema_load(struct sp_admin_context *ctx) {
    if (ctx->stored_schema != NULL)
        return SP_OK;
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the store has no schema: restore a backup");
    if (status != SP_OK)
        return status;
    ctx->stored_schema = (const void *)message;
    return SP_OK;
}

/* A name that is in use now; NULL for none. */
static const numbered *find_live_name(numbered *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (!names[i]->removed && strcmp(names[i]->name, name) == 0)
            return names[i];
    return NULL;
}

/* SP_ERR_NOT_FOUND, without a message. */
static enum sp_status find_permission_number(struct sp_admin_context *ctx, const char *name, uint8_t *ret_number) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    const numbered *found = find_live_name(ctx->stored_schema->permissions, ctx->stored_schema->n_permissions, name);
    if (found == NULL)
        return SP_ERR_NOT_FOUND;
    if (found->number >= SP_PERMISSIONS_MAX)
        return SP_ERR_CORRUPT;
    *ret_number = (uint8_t)found->number;
    return SP_OK;
}

/* What a message may repeat of a name from outside, which may be of any length and hold
 * anything. */
static const char *printable_name(const char *name) {
    struct sp_error ignored;
    return sp_text_check_word(sp_str_from(name), "name", &ignored) == SP_OK ? name : "of this name";
}

enum { SUGGESTION_BYTES = SP_ID_MAX_BYTES + 24 };

/* "; did you mean voices_read?", or nothing. */
static const char *suggest_live_name(numbered *const *names, size_t count, const char *name,
                                     char text[static SUGGESTION_BYTES]) {
    struct sp_nearest nearest = {0};
    for (size_t i = 0; i < count; i++)
        if (!names[i]->removed)
            sp_nearest_consider(&nearest, sp_str_from(names[i]->name), sp_str_from(name));
    text[0] = '\0';
    if (nearest.name.size > 0)
        (void)snprintf(text, SUGGESTION_BYTES, "; did you mean %.*s?", SP_STR_ARG(nearest.name));
    return text;
}

enum sp_status sp_admin_permission_number(struct sp_admin_context *ctx, const char *field, const char *name,
                                          uint8_t *ret_number) {
    char suggestion[SUGGESTION_BYTES];
    enum sp_status status = find_permission_number(ctx, name, ret_number);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(
            ctx->error, SP_ERR_INVALID, "%s: the schema has no permission %s%s", field, printable_name(name),
            suggest_live_name(ctx->stored_schema->permissions, ctx->stored_schema->n_permissions, name, suggestion));
    return status;
}

enum sp_status sp_admin_key_has_permission(struct sp_admin_context *ctx, const char *name, bool *ret_has) {
    uint8_t number = 0;
    if (ctx->is_operator) {
        *ret_has = false;
        return SP_OK;
    }
    enum sp_status status = find_permission_number(ctx, name, &number);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    bool claiming = sp_schema_permission_claims(sp_str_from(name));
    *ret_has = status == SP_OK && sp_permission_set_has(&ctx->key.permissions, number, claiming);
    return SP_OK;
}

enum sp_status sp_admin_claiming_permissions(struct sp_admin_context *ctx, struct sp_permission_set *ret_claiming) {
    static const char *const names[] = {SP_PERMISSION_REGISTER, SP_PERMISSION_ROTATE};
    struct sp_permission_set claiming = {.all = false};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        uint8_t number = 0;
        enum sp_status status = find_permission_number(ctx, names[i], &number);
        if (status == SP_ERR_NOT_FOUND)
            continue;
        if (status != SP_OK)
            return status;
        sp_permission_set_add(&claiming, number);
    }
    *ret_claiming = claiming;
    return SP_OK;
}

/* ---- what a key lists ---- */

static enum sp_status map_permission_numbers(struct sp_admin_context *ctx) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK || ctx->permission_numbers != NULL)
        return status;
    struct sp_batch_map *map = sp_arena_calloc(ctx->arena, 1, sizeof(*map));
    if (map == NULL)
        return SP_ERR_MEMORY;
    map->arena = ctx->arena;
    for (size_t i = 0; i < ctx->stored_schema->n_permissions; i++) {
        numbered *permission = ctx->stored_schema->permissions[i];
        struct sp_bytes name = sp_bytes_of_str(sp_str_from(permission->name));
        if (permission->removed)
            continue;
        if (permission->number >= SP_PERMISSIONS_MAX || sp_batch_map_find(map, name) != NULL)
            return SP_ERR_CORRUPT;
        status = sp_batch_map_put(map, name, permission);
        if (status != SP_OK)
            return status;
    }
    ctx->permission_numbers = map;
    return SP_OK;
}

enum sp_status sp_admin_trim_permissions(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredKey *stored) {
    Sallyport__V1__Permissions *listed = stored->key == NULL ? NULL : stored->key->permissions;
    struct sp_permission_set before = {0}, held = {0};
    size_t kept = 0;
    /* Without its bits a key is damaged, which is said where they are needed. */
    if (listed == NULL || stored->permission_bits.len != SP_PERMISSION_SET_BYTES)
        return SP_OK;
    enum sp_status status = map_permission_numbers(ctx);
    if (status != SP_OK)
        return status;
    memcpy(before.bits, stored->permission_bits.data, SP_PERMISSION_SET_BYTES);
    for (size_t i = 0; i < listed->n_names; i++) {
        const numbered *live =
            sp_batch_map_find(ctx->permission_numbers, sp_bytes_of_str(sp_str_from(listed->names[i])));
        if (live == NULL || !sp_permission_set_has(&before, (uint8_t)live->number, true))
            continue;
        sp_permission_set_add(&held, (uint8_t)live->number);
        listed->names[kept++] = listed->names[i];
    }
    listed->n_names = kept;
    memcpy(stored->permission_bits.data, held.bits, SP_PERMISSION_SET_BYTES);
    return SP_OK;
}

/* ---- types ---- */

/* The default, for a schema that was stored before types said who registers. */
static enum sp_register find_register_level(const numbered *type) {
    if (type->register_level >= SP_REGISTER_OPERATOR && type->register_level <= SP_REGISTER_ADMIN)
        return (enum sp_register)type->register_level;
    return type->register_level == 0 && type->workspace_scoped ? SP_REGISTER_ADMIN : SP_REGISTER_OPERATOR;
}

static struct sp_admin_resource_type describe_type(const numbered *type) {
    return (struct sp_admin_resource_type){.name = type->name,
                                           .number = type->number,
                                           .workspace_scoped = type->workspace_scoped,
                                           .removed = type->removed,
                                           .register_level = find_register_level(type)};
}

enum sp_status sp_admin_find_type(struct sp_admin_context *ctx, const char *name,
                                  struct sp_admin_resource_type *ret_type) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    char suggestion[SUGGESTION_BYTES];
    const numbered *found = find_live_name(ctx->stored_schema->types, ctx->stored_schema->n_types, name);
    if (found == NULL)
        return sp_error_set(
            ctx->error, SP_ERR_INVALID, "resource.type: the schema has no type %s%s", printable_name(name),
            suggest_live_name(ctx->stored_schema->types, ctx->stored_schema->n_types, name, suggestion));
    *ret_type = describe_type(found);
    return SP_OK;
}

enum sp_status sp_admin_find_type_by_number(struct sp_admin_context *ctx, uint32_t number,
                                            struct sp_admin_resource_type *ret_type) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredSchema *schema = ctx->stored_schema;
    for (size_t i = 0; i < schema->n_types; i++) {
        if (schema->types[i]->number != number)
            continue;
        *ret_type = describe_type(schema->types[i]);
        return SP_OK;
    }
    return SP_ERR_CORRUPT;
}
