#include "admin/lineage.h"

#include <stdlib.h>

#include "admin/batch_map.h"
#include "admin/message.h"
#include "base/array.h"
#include "base/text.h"
#include "core/digest.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "wire/wire.h"

enum { SCRATCH_BYTES = 16 * 1024, SCRATCH_BUDGET_BYTES = 1024 * 1024 };

/* "This key comes from that one." A key that was rotated by another has two. */
struct descent {
    const char *parent;
    char *child;
    bool child_deleted;
};

struct lineage {
    struct sp_arena *arena;
    struct sp_arena scratch;
    struct descent *descents; /* sorted by parent once all are there */
    size_t count;
    size_t capacity;
};

/* ---- reading ---- */

static enum sp_status note_parent(struct lineage *lineage, const char *parent, char *child, bool child_deleted) {
    if (parent[0] == '\0')
        return SP_OK;
    struct descent *descents = sp_array_reserve_in(lineage->arena, lineage->descents, lineage->count,
                                                   &lineage->capacity, sizeof(*lineage->descents));
    const char *kept = sp_arena_strdup(lineage->arena, sp_str_from(parent));
    if (descents == NULL || kept == NULL)
        return SP_ERR_MEMORY;
    lineage->descents = descents;
    lineage->descents[lineage->count++] = (struct descent){kept, child, child_deleted};
    return SP_OK;
}

static enum sp_status note_parents(struct lineage *lineage, struct sp_str id, const char *rotated_from,
                                   const char *created_by, bool deleted) {
    if (rotated_from[0] == '\0' && created_by[0] == '\0')
        return SP_OK;
    char *child = sp_arena_strdup(lineage->arena, id);
    if (child == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = note_parent(lineage, rotated_from, child, deleted);
    if (status != SP_OK)
        return status;
    return strcmp(rotated_from, created_by) == 0 ? SP_OK : note_parent(lineage, created_by, child, deleted);
}

static enum sp_status note_met_key(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)key;
    struct lineage *lineage = context;
    ProtobufCMessage *message = NULL;
    sp_arena_reset(&lineage->scratch);
    enum sp_status status =
        sp_wire_unpack_trusted(&sallyport__store__v1__stored_key__descriptor, value, &lineage->scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__ApiKey *met = ((const Sallyport__Store__V1__StoredKey *)(const void *)message)->key;
    if (met == NULL)
        return SP_ERR_CORRUPT;
    return note_parents(lineage, sp_str_from(met->id), met->rotated_from, met->created_by_key, false);
}

static enum sp_status note_met_tombstone(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct lineage *lineage = context;
    struct sp_entity_name name;
    ProtobufCMessage *message = NULL;
    sp_arena_reset(&lineage->scratch);
    enum sp_status status = sp_entity_key_read(key, &name);
    if (status != SP_OK || name.deleted_kind != SP_KIND_KEY || name.part_count != 1)
        return status;
    status =
        sp_wire_unpack_trusted(&sallyport__store__v1__stored_tombstone__descriptor, value, &lineage->scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredTombstone *met = (const void *)message;
    return note_parents(lineage, name.parts[0], met->rotated_from, met->created_by_key, true);
}

static int compare_parents(const void *left, const void *right) {
    return strcmp(((const struct descent *)left)->parent, ((const struct descent *)right)->parent);
}

static enum sp_status read_lineage(struct sp_admin_context *ctx, struct sp_str workspace, struct lineage *lineage) {
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(SP_KIND_KEY, workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_entity_walk(ctx->view, sp_entity_key_bytes(&prefix), NULL, note_met_key, lineage);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_make(SP_KIND_TOMBSTONE, workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_entity_walk(ctx->view, sp_entity_key_bytes(&prefix), NULL, note_met_tombstone, lineage);
    if (status != SP_OK)
        return status;
    if (lineage->count > 0)
        qsort(lineage->descents, lineage->count, sizeof(*lineage->descents), compare_parents);
    return SP_OK;
}

/* ---- following ---- */

/* The first descent from the parent; `count` for none. */
static size_t find_first_child(const struct lineage *lineage, const char *parent) {
    size_t low = 0;
    size_t high = lineage->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(lineage->descents[middle].parent, parent) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What was reached, in the order in which it was. */
struct reached_keys {
    struct sp_batch_map seen;
    const struct descent **keys;
    size_t count;
};

static enum sp_status reach_children(const struct lineage *lineage, const char *parent, struct reached_keys *reached) {
    for (size_t i = find_first_child(lineage, parent);
         i < lineage->count && strcmp(lineage->descents[i].parent, parent) == 0; i++) {
        struct descent *descent = &lineage->descents[i];
        struct sp_bytes id = sp_bytes_of_str(sp_str_from(descent->child));
        if (sp_batch_map_find(&reached->seen, id) != NULL)
            continue;
        enum sp_status status = sp_batch_map_put(&reached->seen, id, descent);
        if (status != SP_OK)
            return status;
        reached->keys[reached->count++] = descent;
    }
    return SP_OK;
}

/* Everything that comes from the key. */
static enum sp_status reach_all(const struct lineage *lineage, const char *key_id, struct reached_keys *reached) {
    reached->seen.arena = lineage->arena;
    reached->keys = sp_arena_calloc(lineage->arena, lineage->count + 1, sizeof(*reached->keys));
    if (reached->keys == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = reach_children(lineage, key_id, reached);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < reached->count; i++) {
        status = reach_children(lineage, reached->keys[i]->child, reached);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status follow_lineage(struct sp_admin_context *ctx, struct sp_str workspace, const char *key_id,
                                     struct reached_keys *reached) {
    struct lineage lineage = {.arena = ctx->arena};
    enum sp_status status = sp_arena_init(&lineage.scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = read_lineage(ctx, workspace, &lineage);
    sp_arena_fini(&lineage.scratch);
    if (status != SP_OK)
        return status;
    return reach_all(&lineage, key_id, reached);
}

enum sp_status sp_admin_find_descendants(struct sp_admin_context *ctx, struct sp_str workspace, const char *key_id,
                                         char ***ret_ids, size_t *ret_count) {
    struct reached_keys reached = {0};
    size_t count = 0;
    enum sp_status status = follow_lineage(ctx, workspace, key_id, &reached);
    if (status != SP_OK)
        return status;
    char **ids = sp_arena_calloc(ctx->arena, reached.count + 1, sizeof(*ids));
    if (ids == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < reached.count; i++)
        if (!reached.keys[i]->child_deleted && strcmp(reached.keys[i]->child, key_id) != 0)
            ids[count++] = reached.keys[i]->child;
    *ret_ids = ids;
    *ret_count = count;
    return SP_OK;
}

enum sp_status sp_admin_find_line(struct sp_admin_context *ctx, struct sp_str workspace, const char *key_id,
                                  const struct sp_batch_map **ret_line) {
    struct reached_keys *reached = sp_arena_calloc(ctx->arena, 1, sizeof(*reached));
    if (reached == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = follow_lineage(ctx, workspace, key_id, reached);
    if (status != SP_OK)
        return status;
    struct sp_bytes id = sp_bytes_of_str(sp_str_from(key_id));
    if (sp_batch_map_find(&reached->seen, id) == NULL)
        status = sp_batch_map_put(&reached->seen, id, reached);
    if (status != SP_OK)
        return status;
    *ret_line = &reached->seen;
    return SP_OK;
}

enum sp_status sp_admin_fill_descendants(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key) {
    return sp_admin_find_descendants(ctx, sp_str_from(key->workspace), key->id, &key->descendants, &key->n_descendants);
}

/* ---- keys that were deleted ---- */

static enum sp_status describe_deleted_key(struct sp_admin_context *ctx, struct sp_str workspace, struct sp_str id,
                                           const Sallyport__Store__V1__StoredTombstone *tombstone,
                                           Sallyport__V1__ApiKey **ret_key) {
    Sallyport__V1__ApiKey *key = SP_ADMIN_NEW(ctx, Sallyport__V1__ApiKey, sallyport__v1__api_key);
    if (key == NULL)
        return SP_ERR_MEMORY;
    key->id = sp_arena_strdup(ctx->arena, id);
    key->workspace = sp_arena_strdup(ctx->arena, workspace);
    key->rotated_from = sp_arena_strdup(ctx->arena, sp_str_from(tombstone->rotated_from));
    key->created_by_key = sp_arena_strdup(ctx->arena, sp_str_from(tombstone->created_by_key));
    key->disabled = true;
    key->disabled_reason = sp_arena_strdup(ctx->arena, SP_STR_LITERAL("deleted"));
    if (key->id == NULL || key->workspace == NULL || key->rotated_from == NULL || key->created_by_key == NULL ||
        key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_admin_find_deleted_key(struct sp_admin_context *ctx, struct sp_str workspace, struct sp_str id,
                                         Sallyport__V1__ApiKey **ret_key) {
    struct sp_entity_key key;
    struct sp_entity_key grave;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_1(SP_KIND_KEY, workspace, id, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_tombstone(sp_entity_key_bytes(&key), false, &grave);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, &grave, ctx->arena, &message);
    if (status != SP_OK)
        return status;
    return describe_deleted_key(ctx, workspace, id, (const void *)message, ret_key);
}

struct text_search {
    struct sp_admin_context *ctx;
    struct sp_arena scratch;
    const struct sp_batch_map *digests;
    sp_admin_deleted_key_visit *visit;
    void *context;
};

static enum sp_status compare_met_tombstone(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct text_search *search = context;
    struct sp_entity_name name;
    ProtobufCMessage *message = NULL;
    Sallyport__V1__ApiKey *found = NULL;
    enum sp_status status = sp_entity_key_read(key, &name);
    if (status != SP_OK || name.deleted_kind != SP_KIND_KEY || name.part_count != 1)
        return status;
    sp_arena_reset(&search->scratch);
    status =
        sp_wire_unpack_trusted(&sallyport__store__v1__stored_tombstone__descriptor, value, &search->scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredTombstone *met = (const void *)message;
    struct sp_bytes digest = {met->digest.data, met->digest.len};
    if (digest.size != SP_DIGEST_BYTES || sp_batch_map_find(search->digests, digest) == NULL)
        return SP_OK;
    status = describe_deleted_key(search->ctx, name.workspace, name.parts[0], met, &found);
    if (status != SP_OK)
        return status;
    return search->visit(search->context, found);
}

enum sp_status sp_admin_walk_deleted_texts(struct sp_admin_context *ctx, struct sp_str workspace,
                                           const struct sp_batch_map *digests, sp_admin_deleted_key_visit *visit,
                                           void *context) {
    static const uint8_t any_workspace[] = {SP_KIND_TOMBSTONE};
    struct text_search search = {.ctx = ctx, .digests = digests, .visit = visit, .context = context};
    struct sp_entity_key own;
    enum sp_status status = sp_entity_key_make(SP_KIND_TOMBSTONE, workspace, NULL, 0, &own);
    if (status != SP_OK)
        return status;
    struct sp_bytes prefix =
        workspace.size == 0 ? (struct sp_bytes){any_workspace, sizeof(any_workspace)} : sp_entity_key_bytes(&own);
    status = sp_arena_init(&search.scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_entity_walk(ctx->view, prefix, NULL, compare_met_tombstone, &search);
    sp_arena_fini(&search.scratch);
    return status;
}
