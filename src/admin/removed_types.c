#include "admin/removed_types.h"

#include "admin/failure.h"
#include "admin/offline_changes.h"
#include "admin/schema_names.h"
#include "base/array.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/head.h"
#include "store/records/write.h"
#include "wire/wire.h"

enum {
    WORKSPACES_MAX = 1000, /* that a piece looks at */
    VISITED_MAX = 10000,   /* entities, live ones too */
    SCRATCH_BYTES = 16 * 1024,
    SCRATCH_BUDGET_BYTES = 1024 * 1024,
};

/* Grants go before what they are for. */
static const enum sp_kind purged_kinds[] = {SP_KIND_GRANT, SP_KIND_RESOURCE};
enum { KINDS = sizeof(purged_kinds) / sizeof(*purged_kinds) };

/* ---- which types ---- */

/* The names of removed types, each once. *ret_removed: how many numbers were removed, which only
 * grows. */
static enum sp_status list_removed_names(struct sp_admin_context *ctx, struct sp_str **ret_names, size_t *ret_count,
                                         size_t *ret_removed) {
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredSchema *schema = ctx->stored_schema;
    struct sp_str *names = sp_arena_calloc(ctx->arena, schema->n_types + 1, sizeof(*names));
    size_t count = 0, removed = 0;
    if (names == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < schema->n_types; i++) {
        size_t at = 0;
        struct sp_str name = sp_str_from(schema->types[i]->name);
        while (at < count && !sp_str_equal(names[at], name))
            at++;
        if (schema->types[i]->removed && at == count)
            names[count++] = name;
        removed += schema->types[i]->removed ? 1 : 0;
    }
    *ret_names = names;
    *ret_count = count;
    *ret_removed = removed;
    return SP_OK;
}

static enum sp_status is_of_removed_type(struct sp_admin_context *ctx, enum sp_kind kind, struct sp_bytes value,
                                         struct sp_arena *scratch, bool *ret_is) {
    struct sp_admin_resource_type type;
    ProtobufCMessage *message = NULL;
    sp_arena_reset(scratch);
    enum sp_status status = sp_wire_unpack_trusted(sp_kind_descriptor(kind), value, scratch, &message);
    if (status != SP_OK)
        return status;
    uint32_t number = kind == SP_KIND_RESOURCE
                          ? ((const Sallyport__Store__V1__StoredResource *)(const void *)message)->type_number
                          : ((const Sallyport__Store__V1__StoredGrant *)(const void *)message)->type_number;
    status = sp_admin_find_type_by_number(ctx, number, &type);
    if (status != SP_OK)
        return status;
    *ret_is = type.removed;
    return SP_OK;
}

static enum sp_status make_type_prefix(struct sp_admin_context *ctx, enum sp_kind kind, struct sp_str name,
                                       struct sp_entity_key *ret_prefix) {
    return sp_entity_key_prefix(kind, ctx->workspace, &name, 1, ret_prefix);
}

/* ---- counting ---- */

struct dead_count {
    struct sp_admin_context *ctx;
    struct sp_arena scratch;
    enum sp_kind kind;
    uint64_t count;
};

static enum sp_status count_met_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct dead_count *count = context;
    bool dead = false;
    (void)key;
    enum sp_status status = is_of_removed_type(count->ctx, count->kind, value, &count->scratch, &dead);
    count->count += status == SP_OK && dead;
    return status;
}

static enum sp_status count_below(struct dead_count *count, const struct sp_str *names, size_t name_count) {
    for (size_t i = 0; i < name_count; i++) {
        struct sp_entity_key prefix;
        enum sp_status status = make_type_prefix(count->ctx, count->kind, names[i], &prefix);
        if (status != SP_OK)
            return status;
        status = sp_entity_walk(count->ctx->view, sp_entity_key_bytes(&prefix), NULL, count_met_entity, count);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_admin_count_of_removed_types(struct sp_admin_context *ctx, enum sp_kind kind, uint64_t *ret_count) {
    struct dead_count count = {.ctx = ctx, .kind = kind};
    struct sp_str *names = NULL;
    size_t name_count = 0, removed = 0;
    enum sp_status status = list_removed_names(ctx, &names, &name_count, &removed);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&count.scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = count_below(&count, names, name_count);
    sp_arena_fini(&count.scratch);
    if (status != SP_OK)
        return status;
    *ret_count = count.count;
    return SP_OK;
}

/* ---- deleting ---- */

struct purge {
    struct sp_admin_context *ctx;
    struct sp_arena scratch;
    const struct sp_str *names;
    size_t name_count;
    struct sp_admin_purge_place place;
    size_t limit, visited, workspaces;
    enum sp_kind kind;          /* of the step */
    struct sp_entity_key *dead; /* what is to be deleted, of one workspace */
    size_t dead_count, dead_room;
    bool cut; /* it came to a bound */
};

static enum sp_status collect_met_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct purge *purge = context;
    bool dead = false;
    if (purge->dead_count == purge->limit || purge->visited == VISITED_MAX) {
        purge->cut = true;
        return SP_WALK_END;
    }
    purge->visited++;
    enum sp_status status = sp_entity_key_copy(key, &purge->place.last);
    if (status != SP_OK)
        return status;
    status = is_of_removed_type(purge->ctx, purge->kind, value, &purge->scratch, &dead);
    if (status != SP_OK || !dead)
        return status;
    struct sp_entity_key *grown =
        sp_array_reserve_in(purge->ctx->arena, purge->dead, purge->dead_count, &purge->dead_room, sizeof(*purge->dead));
    if (grown == NULL)
        return SP_ERR_MEMORY;
    purge->dead = grown;
    purge->dead[purge->dead_count++] = purge->place.last;
    return SP_OK;
}

/* From the place on. Sets `cut` if the workspace is not done. */
static enum sp_status collect_in_workspace(struct purge *purge) {
    struct sp_admin_purge_place *place = &purge->place;
    for (; place->step < purge->name_count * KINDS; place->step++, place->last.size = 0) {
        struct sp_entity_key prefix;
        purge->kind = purged_kinds[place->step / purge->name_count];
        enum sp_status status =
            make_type_prefix(purge->ctx, purge->kind, purge->names[place->step % purge->name_count], &prefix);
        if (status != SP_OK)
            return status;
        const struct sp_entity_key after = place->last;
        status = sp_entity_walk(purge->ctx->view, sp_entity_key_bytes(&prefix), after.size > 0 ? &after : NULL,
                                collect_met_entity, purge);
        if (status != SP_OK || purge->cut)
            return status;
    }
    return SP_OK;
}

static enum sp_status collect_of_workspace(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct purge *purge = context;
    struct sp_entity_name name;
    (void)value;
    if (purge->dead_count > 0 || purge->workspaces == WORKSPACES_MAX) {
        purge->cut = true;
        return SP_WALK_END;
    }
    purge->workspaces++;
    enum sp_status status = sp_entity_key_read(key, &name);
    if (status != SP_OK)
        return status;
    char *workspace = sp_arena_strdup(purge->ctx->arena, name.workspace);
    if (workspace == NULL)
        return SP_ERR_MEMORY;
    purge->ctx->workspace = sp_str_from(workspace);
    status = collect_in_workspace(purge);
    if (status != SP_OK)
        return status;
    if (purge->cut)
        return SP_WALK_END;
    purge->place.step = 0;
    purge->place.last.size = 0;
    return sp_entity_key_copy(key, &purge->place.workspace);
}

static enum sp_status delete_collected(struct purge *purge) {
    struct sp_admin_context *ctx = purge->ctx;
    struct sp_revision revision;
    if (purge->dead_count == 0)
        return SP_OK;
    ctx->changes = sp_admin_offline_changes(ctx->arena, "remove what was deleted", ctx->workspace, ctx->now_s);
    if (ctx->changes == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < purge->dead_count; i++) {
        enum sp_status status = sp_changeset_delete(ctx->changes, &purge->dead[i], ctx->now_s);
        if (status != SP_OK)
            return status;
    }
    return sp_changeset_apply(ctx->write, ctx->changes, &revision, ctx->error);
}

static enum sp_status purge_piece(struct purge *purge) {
    static const uint8_t kind = SP_KIND_WORKSPACE;
    const struct sp_entity_key after = purge->place.workspace;
    enum sp_status status = sp_entity_walk(purge->ctx->view, (struct sp_bytes){&kind, 1},
                                           after.size > 0 ? &after : NULL, collect_of_workspace, purge);
    if (status != SP_OK)
        return status;
    return delete_collected(purge);
}

static enum sp_status purge_next_piece(struct sp_admin_context *ctx, const struct sp_admin_purge_place *place,
                                       size_t limit, struct sp_admin_purge_place *ret_place, bool *ret_more) {
    struct purge purge = {.ctx = ctx, .place = *place, .limit = limit};
    struct sp_str *names = NULL;
    size_t removed = 0;
    enum sp_status status = list_removed_names(ctx, &names, &purge.name_count, &removed);
    if (status != SP_OK)
        return status;
    purge.names = names;
    if (place->removed != removed)
        purge.place = (struct sp_admin_purge_place){.removed = removed, .done = removed == 0};
    *ret_place = purge.place;
    *ret_more = false;
    if (purge.place.done)
        return SP_OK;
    status = sp_arena_init(&purge.scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = purge_piece(&purge);
    sp_arena_fini(&purge.scratch);
    if (status != SP_OK)
        return status;
    purge.place.done = !purge.cut;
    *ret_place = purge.place;
    *ret_more = purge.cut;
    return SP_OK;
}

enum sp_status sp_admin_purge_removed_types(struct sp_write *write, const struct sp_admin_purge_place *place,
                                            size_t limit, int64_t now_s, struct sp_arena *arena,
                                            struct sp_admin_purge_place *ret_place, bool *ret_more,
                                            struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_admin_context ctx = {
        .view = sp_write_view(write), .write = write, .arena = arena, .error = &why, .now_s = now_s};
    enum sp_status status = purge_next_piece(&ctx, place, limit, ret_place, ret_more);
    if (status != SP_OK)
        return sp_admin_fail(&why, status, "cannot remove what belongs to removed types", error);
    return SP_OK;
}
