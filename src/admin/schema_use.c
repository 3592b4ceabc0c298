/* What of a schema is in use: how many keys list a permission, how many resources and grants a type has. */
#include "admin/schema_change.h"
#include "wire/wire.h"

enum { SCRATCH_BYTES = 16 * 1024, SCRATCH_BUDGET_BYTES = 8 * 1024 * 1024 };

/* Counts by index in the old schema. */
struct usage {
    struct sp_admin_context *ctx;
    struct sp_arena scratch; /* of one entity */
    const struct sp_schema *schema;
    uint64_t *keys;      /* that list the permission */
    uint64_t *resources; /* of the type */
    uint64_t *grants;
    uint32_t *type_numbers;
    uint8_t *permission_numbers;
};

static void count_key(struct usage *usage, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredKey *stored = (const void *)message;
    if (stored->permission_bits.len != SP_PERMISSION_SET_BYTES)
        return;
    struct sp_permission_set set = {0};
    memcpy(set.bits, stored->permission_bits.data, SP_PERMISSION_SET_BYTES);
    for (size_t i = 0; i < usage->schema->permission_count; i++)
        usage->keys[i] += sp_permission_set_has(&set, usage->permission_numbers[i]);
}

static void count_type(const struct usage *usage, uint32_t number, uint64_t *counts) {
    for (size_t i = 0; i < usage->schema->type_count; i++)
        counts[i] += usage->type_numbers[i] == number;
}

static enum sp_status visit(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct usage *usage = context;
    enum sp_kind kind = (enum sp_kind)key.data[0];
    ProtobufCMessage *message = NULL;
    sp_arena_reset(&usage->scratch);
    enum sp_status status = sp_wire_unpack_trusted(sp_kind_descriptor(kind), value, &usage->scratch, &message);
    if (status != SP_OK)
        return status;
    if (kind == SP_KIND_KEY)
        count_key(usage, message);
    else if (kind == SP_KIND_RESOURCE)
        count_type(usage, ((const Sallyport__Store__V1__StoredResource *)(const void *)message)->type_number,
                   usage->resources);
    else
        count_type(usage, ((const Sallyport__Store__V1__StoredGrant *)(const void *)message)->type_number,
                   usage->grants);
    return SP_OK;
}

/* Numbers of the old schema's names, by their index. */
static enum sp_status find_numbers(struct usage *usage) {
    struct sp_admin_context *ctx = usage->ctx;
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < usage->schema->permission_count; i++) {
        const char *name = sp_arena_strdup(ctx->arena, usage->schema->permissions[i].name);
        status = name == NULL ? SP_ERR_MEMORY
                              : sp_admin_permission_number(ctx, "schema", name, &usage->permission_numbers[i]);
    }
    for (size_t i = 0; status == SP_OK && i < usage->schema->type_count; i++) {
        bool workspace_scoped = false;
        const char *name = sp_arena_strdup(ctx->arena, usage->schema->types[i].name);
        status = name == NULL ? SP_ERR_MEMORY
                              : sp_admin_resource_type(ctx, name, &usage->type_numbers[i], &workspace_scoped);
    }
    return status;
}

static enum sp_status count_all(struct usage *usage) {
    static const uint8_t kinds[] = {SP_KIND_KEY, SP_KIND_RESOURCE, SP_KIND_GRANT};
    enum sp_status status = sp_arena_init(&usage->scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; status == SP_OK && i < sizeof(kinds); i++)
        status = sp_entity_walk(usage->ctx->view, (struct sp_bytes){&kinds[i], 1}, NULL, visit, usage);
    sp_arena_fini(&usage->scratch);
    return status;
}

/* ---- what is lost ---- */

static enum sp_status say_permissions(const struct usage *usage, const struct sp_schema *after,
                                      struct sp_admin_lines *lines) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < usage->schema->permission_count; i++) {
        struct sp_str name = usage->schema->permissions[i].name;
        if (usage->keys[i] > 0 && sp_schema_find_permission(after, name) == NULL)
            status = sp_admin_add_line(lines, "permission %.*s: listed by %llu keys", SP_STR_ARG(name),
                                       (unsigned long long)usage->keys[i]);
    }
    return status;
}

static enum sp_status say_type(const struct usage *usage, size_t i, struct sp_admin_lines *lines) {
    if (usage->resources[i] + usage->grants[i] == 0)
        return SP_OK;
    return sp_admin_add_line(lines, "type %.*s: %llu resources, %llu grants", SP_STR_ARG(usage->schema->types[i].name),
                             (unsigned long long)usage->resources[i], (unsigned long long)usage->grants[i]);
}

static enum sp_status say_action(const struct usage *usage, size_t i, const struct sp_schema_action *action,
                                 struct sp_admin_lines *lines) {
    uint64_t keys = action->needs_permission ? usage->keys[action->permission] : 0;
    if (usage->resources[i] + usage->grants[i] + keys == 0)
        return SP_OK;
    return sp_admin_add_line(lines,
                             "action %.*s.%.*s: its type has %llu resources and %llu grants, %llu keys list its "
                             "permission",
                             SP_STR_ARG(usage->schema->types[i].name), SP_STR_ARG(action->name),
                             (unsigned long long)usage->resources[i], (unsigned long long)usage->grants[i],
                             (unsigned long long)keys);
}

static enum sp_status say_types(const struct usage *usage, const struct sp_schema *after,
                                struct sp_admin_lines *lines) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < usage->schema->type_count; i++) {
        const struct sp_schema_type *old = &usage->schema->types[i];
        const struct sp_schema_type *new = sp_schema_find_type(after, old->name);
        if (new == NULL || new->workspace_scoped != old->workspace_scoped)
            status = say_type(usage, i, lines);
        for (size_t j = 0; status == SP_OK && new != NULL &&j < old->action_count; j++)
            if (sp_schema_find_action(new, old->actions[j].name) == NULL)
                status = say_action(usage, i, &old->actions[j], lines);
    }
    return status;
}

/* A scan of all entities is only worth it where something goes away. */
static bool removes_something(const struct sp_schema *before, const struct sp_schema *after) {
    for (size_t i = 0; i < before->permission_count; i++)
        if (sp_schema_find_permission(after, before->permissions[i].name) == NULL)
            return true;
    for (size_t i = 0; i < before->type_count; i++) {
        const struct sp_schema_type *old = &before->types[i];
        const struct sp_schema_type *new = sp_schema_find_type(after, old->name);
        if (new == NULL || new->workspace_scoped != old->workspace_scoped)
            return true;
        for (size_t j = 0; j < old->action_count; j++)
            if (sp_schema_find_action(new, old->actions[j].name) == NULL)
                return true;
    }
    return false;
}

enum sp_status sp_admin_find_in_use(struct sp_admin_context *ctx, const struct sp_schema *before,
                                    const struct sp_schema *after, struct sp_admin_lines *lines) {
    if (!removes_something(before, after))
        return SP_OK;
    struct usage usage = {.ctx = ctx, .schema = before};
    usage.keys = sp_arena_calloc(ctx->arena, before->permission_count + 1, sizeof(*usage.keys));
    usage.permission_numbers = sp_arena_calloc(ctx->arena, before->permission_count + 1, 1);
    usage.resources = sp_arena_calloc(ctx->arena, before->type_count + 1, sizeof(*usage.resources));
    usage.grants = sp_arena_calloc(ctx->arena, before->type_count + 1, sizeof(*usage.grants));
    usage.type_numbers = sp_arena_calloc(ctx->arena, before->type_count + 1, sizeof(*usage.type_numbers));
    if (usage.keys == NULL || usage.permission_numbers == NULL || usage.resources == NULL || usage.grants == NULL ||
        usage.type_numbers == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = find_numbers(&usage);
    if (status == SP_OK)
        status = count_all(&usage);
    if (status == SP_OK)
        status = say_permissions(&usage, after, lines);
    return status == SP_OK ? say_types(&usage, after, lines) : status;
}
