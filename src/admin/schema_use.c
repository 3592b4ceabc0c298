#include "admin/schema_use.h"

#include "admin/schema_names.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/layout.h"
#include "wire/wire.h"

enum { SCRATCH_BYTES = 16 * 1024, SCRATCH_BUDGET_BYTES = 8 * 1024 * 1024 };

/* Counts by index in the old schema. */
struct name_use {
    struct sp_admin_context *ctx;
    struct sp_arena scratch; /* of one entity */
    const struct sp_schema *schema;
    uint64_t *keys;      /* that list the permission */
    uint64_t *resources; /* of the type */
    uint64_t *grants;
    uint32_t *type_numbers;
    uint8_t *permission_numbers;
};

/* What a key lists by name, which may be nothing beside all. */
static enum sp_status read_listed_bits(const ProtobufCMessage *message, struct sp_permission_set *ret_set) {
    const Sallyport__Store__V1__StoredKey *stored = (const void *)message;
    struct sp_permission_set set = {0};
    if (stored->key == NULL || stored->key->permissions == NULL)
        return SP_ERR_CORRUPT;
    bool lists = !stored->key->permissions->all || stored->permission_bits.len > 0;
    if (lists && stored->permission_bits.len != SP_PERMISSION_SET_BYTES)
        return SP_ERR_CORRUPT;
    if (lists)
        memcpy(set.bits, stored->permission_bits.data, SP_PERMISSION_SET_BYTES);
    *ret_set = set;
    return SP_OK;
}

static enum sp_status count_listed_permissions(struct name_use *use, const ProtobufCMessage *message) {
    struct sp_permission_set set;
    enum sp_status status = read_listed_bits(message, &set);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < use->schema->permission_count; i++)
        use->keys[i] += sp_permission_set_has(&set, use->permission_numbers[i], false);
    return SP_OK;
}

static void count_of_type(const struct name_use *use, uint32_t number, uint64_t *counts) {
    for (size_t i = 0; i < use->schema->type_count; i++)
        counts[i] += use->type_numbers[i] == number;
}

static enum sp_status count_use(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct name_use *use = context;
    enum sp_kind kind = (enum sp_kind)key.data[0];
    ProtobufCMessage *message = NULL;
    sp_arena_reset(&use->scratch);
    enum sp_status status = sp_wire_unpack_trusted(sp_kind_descriptor(kind), value, &use->scratch, &message);
    if (status != SP_OK)
        return status;
    if (kind == SP_KIND_KEY)
        return count_listed_permissions(use, message);
    if (kind == SP_KIND_RESOURCE)
        count_of_type(use, ((const Sallyport__Store__V1__StoredResource *)(const void *)message)->type_number,
                      use->resources);
    else
        count_of_type(use, ((const Sallyport__Store__V1__StoredGrant *)(const void *)message)->type_number,
                      use->grants);
    return SP_OK;
}

/* Numbers of the old schema's names, by their index. */
static enum sp_status find_numbers(struct name_use *use) {
    struct sp_admin_context *ctx = use->ctx;
    for (size_t i = 0; i < use->schema->permission_count; i++) {
        const char *name = sp_arena_strdup(ctx->arena, use->schema->permissions[i].name);
        if (name == NULL)
            return SP_ERR_MEMORY;
        enum sp_status status = sp_admin_permission_number(ctx, "schema", name, &use->permission_numbers[i]);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < use->schema->type_count; i++) {
        struct sp_admin_resource_type type;
        const char *name = sp_arena_strdup(ctx->arena, use->schema->types[i].name);
        if (name == NULL)
            return SP_ERR_MEMORY;
        enum sp_status status = sp_admin_find_type(ctx, name, &type);
        if (status != SP_OK)
            return status;
        use->type_numbers[i] = type.number;
    }
    return SP_OK;
}

static enum sp_status count_uses(struct name_use *use) {
    static const uint8_t kinds[] = {SP_KIND_KEY, SP_KIND_RESOURCE, SP_KIND_GRANT};
    enum sp_status status = sp_arena_init(&use->scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < sizeof(kinds); i++) {
        status = sp_entity_walk(use->ctx->view, (struct sp_bytes){&kinds[i], 1}, NULL, count_use, use);
        if (status != SP_OK)
            break;
    }
    sp_arena_fini(&use->scratch);
    return status;
}

/* ---- what is lost ---- */

static enum sp_status add_lost_permissions(const struct name_use *use, const struct sp_schema *after,
                                           struct sp_admin_lines *lines) {
    for (size_t i = 0; i < use->schema->permission_count; i++) {
        struct sp_str name = use->schema->permissions[i].name;
        if (use->keys[i] == 0 || sp_schema_find_permission(after, name) != NULL)
            continue;
        enum sp_status status = sp_admin_add_line(lines, "permission %.*s: listed by %llu keys", SP_STR_ARG(name),
                                                  (unsigned long long)use->keys[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_lost_type(const struct name_use *use, size_t i, struct sp_admin_lines *lines) {
    if (use->resources[i] + use->grants[i] == 0)
        return SP_OK;
    return sp_admin_add_line(lines, "type %.*s: %llu resources, %llu grants", SP_STR_ARG(use->schema->types[i].name),
                             (unsigned long long)use->resources[i], (unsigned long long)use->grants[i]);
}

static enum sp_status add_lost_action(const struct name_use *use, size_t i, const struct sp_schema_action *action,
                                      struct sp_admin_lines *lines) {
    uint64_t keys = action->needs_permission ? use->keys[action->permission] : 0;
    if (use->resources[i] + use->grants[i] + keys == 0)
        return SP_OK;
    return sp_admin_add_line(lines,
                             "action %.*s.%.*s: its type has %llu resources and %llu grants, %llu keys list its "
                             "permission",
                             SP_STR_ARG(use->schema->types[i].name), SP_STR_ARG(action->name),
                             (unsigned long long)use->resources[i], (unsigned long long)use->grants[i],
                             (unsigned long long)keys);
}

/* For the type at index `i` of the old schema; `new` NULL: it is removed. */
static enum sp_status add_lost_of_type(const struct name_use *use, size_t i, const struct sp_schema_type *new,
                                       struct sp_admin_lines *lines) {
    const struct sp_schema_type *old = &use->schema->types[i];
    if (new == NULL || new->workspace_scoped != old->workspace_scoped) {
        enum sp_status status = add_lost_type(use, i, lines);
        if (status != SP_OK)
            return status;
    }
    for (size_t j = 0; new != NULL &&j < old->action_count; j++) {
        if (sp_schema_find_action(new, old->actions[j].name) != NULL)
            continue;
        enum sp_status status = add_lost_action(use, i, &old->actions[j], lines);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_lost_types(const struct name_use *use, const struct sp_schema *after,
                                     struct sp_admin_lines *lines) {
    for (size_t i = 0; i < use->schema->type_count; i++) {
        const struct sp_schema_type *new = sp_schema_find_type(after, use->schema->types[i].name);
        enum sp_status status = add_lost_of_type(use, i, new, lines);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* A scan of all entities is only worth it if something goes away. */
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

static enum sp_status make_counters(struct name_use *use) {
    struct sp_arena *arena = use->ctx->arena;
    size_t permissions = use->schema->permission_count + 1;
    size_t types = use->schema->type_count + 1;
    use->keys = sp_arena_calloc(arena, permissions, sizeof(*use->keys));
    use->permission_numbers = sp_arena_calloc(arena, permissions, sizeof(*use->permission_numbers));
    use->resources = sp_arena_calloc(arena, types, sizeof(*use->resources));
    use->grants = sp_arena_calloc(arena, types, sizeof(*use->grants));
    use->type_numbers = sp_arena_calloc(arena, types, sizeof(*use->type_numbers));
    bool complete = use->keys != NULL && use->permission_numbers != NULL && use->resources != NULL &&
                    use->grants != NULL && use->type_numbers != NULL;
    return complete ? SP_OK : SP_ERR_MEMORY;
}

enum sp_status sp_admin_find_in_use(struct sp_admin_context *ctx, const struct sp_schema *before,
                                    const struct sp_schema *after, struct sp_admin_lines *lines) {
    struct name_use use = {.ctx = ctx, .schema = before};
    if (!removes_something(before, after))
        return SP_OK;
    enum sp_status status = make_counters(&use);
    if (status != SP_OK)
        return status;
    status = find_numbers(&use);
    if (status != SP_OK)
        return status;
    status = count_uses(&use);
    if (status != SP_OK)
        return status;
    status = add_lost_permissions(&use, after, lines);
    if (status != SP_OK)
        return status;
    return add_lost_types(&use, after, lines);
}

/* ---- numbers ---- */

struct listed_walk {
    struct sp_arena scratch;
    struct sp_permission_set listed;
};

static enum sp_status add_listed_bits(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct listed_walk *walk = context;
    ProtobufCMessage *message = NULL;
    struct sp_permission_set set;
    (void)key;
    sp_arena_reset(&walk->scratch);
    enum sp_status status = sp_wire_unpack_trusted(sp_kind_descriptor(SP_KIND_KEY), value, &walk->scratch, &message);
    if (status != SP_OK)
        return status;
    status = read_listed_bits(message, &set);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < SP_PERMISSION_SET_BYTES; i++)
        walk->listed.bits[i] |= set.bits[i];
    return SP_OK;
}

enum sp_status sp_admin_find_listed_permissions(struct sp_admin_context *ctx, struct sp_permission_set *ret_listed) {
    static const uint8_t kind = SP_KIND_KEY;
    struct listed_walk walk = {.listed = {.all = false}};
    enum sp_status status = sp_arena_init(&walk.scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_entity_walk(ctx->view, (struct sp_bytes){&kind, 1}, NULL, add_listed_bits, &walk);
    sp_arena_fini(&walk.scratch);
    if (status != SP_OK)
        return status;
    *ret_listed = walk.listed;
    return SP_OK;
}
