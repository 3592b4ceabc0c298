/* Steps that most calls take: entities by id, new ids, quotas, masks, the changeset. */
#include "admin/internal.h"
#include "base/random.h"
#include "base/text.h"
#include "store/records/index.h"

static enum sp_status key_of(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                             struct sp_entity_key *ret_key) {
    struct sp_str part = sp_str_from(id);
    switch ((int)kind) {
    case SP_KIND_SCHEMA:
        return sp_entity_key_make(kind, (struct sp_str){0}, NULL, 0, ret_key);
    case SP_KIND_OPERATOR:
        return sp_entity_key_1(kind, (struct sp_str){0}, part, ret_key);
    case SP_KIND_WORKSPACE:
        return sp_entity_key_make(kind, part, NULL, 0, ret_key);
    default:
        return sp_entity_key_1(kind, ctx->workspace, part, ret_key);
    }
}

enum sp_status sp_admin_load(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *id,
                             ProtobufCMessage **ret_message) {
    enum sp_status status = sp_text_check_id(sp_str_from(id), what, ctx->error);
    if (status != SP_OK)
        return status;
    struct sp_entity_key key;
    status = key_of(ctx, kind, id, &key);
    if (status == SP_OK)
        status = sp_entity_get(ctx->view, &key, ctx->arena, ret_message);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, status, "%s %s not found in workspace %.*s", what, id,
                            SP_STR_ARG(ctx->workspace));
    return status;
}

static enum sp_status check_unused(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *id) {
    struct sp_entity_key key;
    struct sp_entity_key tombstone;
    bool exists = false;
    bool existed = false;
    enum sp_status status = key_of(ctx, kind, id, &key);
    if (status == SP_OK)
        status = sp_entity_exists(ctx->view, &key, &exists);
    if (status == SP_OK)
        status = sp_entity_key_tombstone(sp_entity_key_bytes(&key), false, &tombstone);
    if (status == SP_OK)
        status = sp_entity_exists(ctx->view, &tombstone, &existed);
    if (status != SP_OK)
        return status;
    if (exists)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s exists already", what, id);
    if (existed)
        return sp_error_set(ctx->error, SP_ERR_EXISTS,
                            "%s id %s was used before, and ids are never used again: choose another", what, id);
    return SP_OK;
}

enum sp_status sp_admin_new_id(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *prefix,
                               const char *given, const char **ret_id) {
    char generated[SP_RANDOM_ID_BYTES];
    const char *id = given;
    enum sp_status status = SP_OK;
    if (given == NULL || given[0] == '\0') {
        status = sp_random_id(prefix, generated);
        id = generated;
    } else
        status = sp_text_check_id(sp_str_from(given), "id", ctx->error);
    if (status == SP_OK)
        status = check_unused(ctx, kind, what, id);
    if (status != SP_OK)
        return status;
    char *kept = sp_arena_strdup(ctx->arena, sp_str_from(id));
    if (kept == NULL)
        return SP_ERR_MEMORY;
    *ret_id = kept;
    return SP_OK;
}

/* A quota: which count it limits, its field, and what 0 means (as entities.proto says with each field). */
struct quota {
    const char *name;
    size_t offset;
    uint32_t otherwise;
};

static const struct quota *quota_of(enum sp_count what) {
#define QUOTA(field, otherwise)                                                                                        \
    { #field, offsetof(Sallyport__V1__Quotas, field), otherwise }
    static const struct quota quotas[] = {
        [SP_COUNT_SERVICE_ACCOUNTS] = QUOTA(service_accounts, 20),
        [SP_COUNT_KEYS] = QUOTA(keys, 1000),
        [SP_COUNT_GROUPS] = QUOTA(groups, 500),
        [SP_COUNT_MEMBERS] = QUOTA(members, 10000),
        [SP_COUNT_GRANTS] = QUOTA(grants, 100000),
        [SP_COUNT_RESOURCES] = QUOTA(resources, 100000),
    };
#undef QUOTA
    bool known = (size_t)what < sizeof(quotas) / sizeof(quotas[0]) && quotas[what].name != NULL;
    return known ? &quotas[what] : NULL;
}

enum sp_status sp_admin_check_quota(struct sp_admin_context *ctx, enum sp_count what, uint64_t adding) {
    const struct quota *quota = quota_of(what);
    if (quota == NULL)
        return sp_error_set(ctx->error, SP_ERR_INTERNAL, "no quota for count %d", (int)what);
    const Sallyport__V1__Quotas *quotas = ctx->stored_workspace->workspace->quotas;
    uint32_t set = 0;
    if (quotas != NULL)
        memcpy(&set, (const char *)quotas + quota->offset, sizeof(set));
    uint64_t limit = set > 0 ? set : quota->otherwise;
    uint64_t used = 0;
    enum sp_status status = sp_index_count(ctx->view, ctx->stored_workspace->number, what, &used);
    if (status != SP_OK)
        return status;
    if (adding == 0 || (adding <= limit && used <= limit - adding))
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_EXHAUSTED,
                        "quota %s of workspace %.*s: %llu of %llu used, %llu more asked for; an operator can raise it",
                        quota->name, SP_STR_ARG(ctx->workspace), (unsigned long long)used, (unsigned long long)limit,
                        (unsigned long long)adding);
}

enum sp_status sp_admin_put(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                            const ProtobufCMessage *message) {
    struct sp_entity_key key;
    enum sp_status status = key_of(ctx, kind, id, &key);
    return status == SP_OK ? sp_changeset_put(ctx->changes, &key, message) : status;
}

enum sp_status sp_admin_delete(struct sp_admin_context *ctx, enum sp_kind kind, const char *id) {
    struct sp_entity_key key;
    enum sp_status status = key_of(ctx, kind, id, &key);
    return status == SP_OK ? sp_changeset_delete(ctx->changes, &key, ctx->now_s) : status;
}

enum sp_status sp_admin_begin_changes(struct sp_admin_context *ctx, const char *request_id) {
    Sallyport__V1__Change head;
    sallyport__v1__change__init(&head);
    head.time = ctx->now_s;
    head.actor = sp_admin_actor(ctx);
    head.address = sp_arena_strdup(ctx->arena, ctx->caller->address);
    head.method = sp_arena_strdup(ctx->arena, sp_str_from(ctx->method->name));
    head.request_id = sp_arena_strdup(ctx->arena, sp_str_from(request_id));
    head.workspace = sp_arena_strdup(ctx->arena, ctx->workspace);
    if (head.actor == NULL || head.address == NULL || head.method == NULL || head.request_id == NULL ||
        head.workspace == NULL)
        return SP_ERR_MEMORY;
    struct sp_changeset *changes = sp_changeset_new(ctx->arena, &head);
    if (changes == NULL)
        return SP_ERR_MEMORY;
    ctx->changes = changes;
    return SP_OK;
}

void *sp_admin_new_message(struct sp_arena *arena, const ProtobufCMessageDescriptor *descriptor) {
    void *message = sp_arena_alloc(arena, descriptor->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(descriptor, message);
    return message;
}

bool sp_admin_mask_has(char *const *mask, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(mask[i], name) == 0)
            return true;
    return false;
}

static bool is_allowed(const char *name, const char *const *allowed) {
    for (; *allowed != NULL; allowed++)
        if (strcmp(name, *allowed) == 0)
            return true;
    return false;
}

static const char *join(struct sp_arena *arena, const char *const *names) {
    const char *joined = *names;
    for (names++; joined != NULL && *names != NULL; names++)
        joined = sp_arena_printf(arena, "%s, %s", joined, *names);
    return joined == NULL ? "" : joined;
}

enum sp_status sp_admin_check_mask(struct sp_admin_context *ctx, char *const *mask, size_t count,
                                   const char *const *allowed) {
    if (count == 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "update_mask: name at least one of: %s",
                            join(ctx->arena, allowed));
    for (size_t i = 0; i < count; i++) {
        if (!is_allowed(mask[i], allowed))
            return sp_error_set(ctx->error, SP_ERR_INVALID, "update_mask[%zu]: not one of: %s", i,
                                join(ctx->arena, allowed));
        if (sp_admin_mask_has(mask, i, mask[i]))
            return sp_error_set(ctx->error, SP_ERR_INVALID, "update_mask[%zu]: %s is named twice", i, mask[i]);
    }
    return SP_OK;
}
