/* The key that a leaked text belongs to, whatever is around it. */
#include "admin/batch_map.h"
#include "admin/handlers.h"
#include "admin/lineage.h"
#include "admin/schema_names.h"
#include "core/digest.h"
#include "core/leaked_text.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/layout.h"

typedef Sallyport__Store__V1__StoredKey stored_key;

enum {
    CANDIDATES_MAX = 4000,
    HASHED_MAX_BYTES = 2 * 1024 * 1024, /* of all candidates, the same ones again too */
    HASHED_LEAST_BYTES = 64,            /* that one counts as */
};

struct key_search {
    struct sp_admin_context *ctx;
    struct sp_batch_map seen; /* digests of candidates */
    size_t hashed_bytes;
    bool unknown_own; /* a key of ours is in the text, and not in the store */
    Sallyport__V1__ApiKey *found;
    const Sallyport__V1__ApiKey *other; /* another one that was found */
    const char *operator_name;          /* whose key was found; NULL: nobody's, or the caller may not know */
    const char *other_operator;
};

static void note_found(struct key_search *search, Sallyport__V1__ApiKey *key) {
    const Sallyport__V1__ApiKey *found = search->found;
    if (found == NULL)
        search->found = key;
    else if (strcmp(found->id, key->id) != 0 || strcmp(found->workspace, key->workspace) != 0)
        search->other = key;
}

static enum sp_status note_deleted_key(void *context, Sallyport__V1__ApiKey *key) {
    note_found(context, key);
    return SP_OK;
}

/* In the acting key's workspace; in any, for operators. */
static enum sp_status find_live_key(struct key_search *search, const uint8_t *digest, bool *ret_found) {
    struct sp_admin_context *ctx = search->ctx;
    struct sp_key met;
    struct sp_entity_key key;
    ProtobufCMessage *stored = NULL;
    *ret_found = false;
    enum sp_status status = sp_index_key(ctx->view, digest, &met);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK || (!ctx->is_operator && !sp_str_equal(met.workspace, ctx->key.workspace)))
        return status;
    status = sp_entity_key_1(SP_KIND_KEY, met.workspace, met.id, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, &key, ctx->arena, &stored);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    status = sp_admin_trim_permissions(ctx, (stored_key *)(void *)stored);
    if (status != SP_OK)
        return status;
    note_found(search, ((stored_key *)(void *)stored)->key);
    *ret_found = true;
    return SP_OK;
}

/* For operators only: to anybody else there are no operators' keys. */
static enum sp_status find_operators_key(struct key_search *search, const uint8_t *digest, bool *ret_found) {
    struct sp_str name;
    struct sp_admin_context *ctx = search->ctx;
    if (!ctx->is_operator)
        return SP_OK;
    enum sp_status status = sp_index_operator(ctx->view, digest, &name);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_OK : status;
    const char *copy = sp_arena_strdup(ctx->arena, name);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    if (search->operator_name == NULL)
        search->operator_name = copy;
    else
        search->other_operator = copy;
    *ret_found = true;
    return SP_OK;
}

static enum sp_status refuse_many_words(const struct key_search *search) {
    return sp_error_set(search->ctx->error, SP_ERR_INVALID,
                        "api_key: the text has too many words: send only the part that contains the key");
}

static enum sp_status look_up_candidate(void *context, struct sp_str candidate, bool complete) {
    struct key_search *search = context;
    uint8_t digest[SP_DIGEST_BYTES];
    bool found = false;
    search->hashed_bytes += candidate.size < HASHED_LEAST_BYTES ? HASHED_LEAST_BYTES : candidate.size;
    if (search->hashed_bytes > HASHED_MAX_BYTES)
        return refuse_many_words(search);
    sp_key_digest_from_text(candidate, digest);
    struct sp_bytes bytes = {digest, sizeof(digest)};
    if (sp_batch_map_find(&search->seen, bytes) != NULL)
        return SP_OK;
    if (search->seen.count == CANDIDATES_MAX)
        return refuse_many_words(search);
    enum sp_status status = sp_batch_map_put(&search->seen, bytes, search);
    if (status != SP_OK)
        return status;
    status = find_live_key(search, digest, &found);
    if (status == SP_OK && !found)
        status = find_operators_key(search, digest, &found);
    search->unknown_own |= complete && !found;
    return status;
}

/* Keys that were deleted too: what they made is still there. */
static enum sp_status search_text(struct key_search *search, struct sp_str text) {
    struct sp_admin_context *ctx = search->ctx;
    enum sp_status status = sp_leaked_text_walk(text, ctx->arena, look_up_candidate, search);
    if (status != SP_OK || ((search->found != NULL || search->operator_name != NULL) && !search->unknown_own))
        return status;
    struct sp_str workspace = ctx->is_operator ? (struct sp_str){0} : ctx->key.workspace;
    return sp_admin_walk_deleted_texts(ctx, workspace, &search->seen, note_deleted_key, search);
}

static enum sp_status refuse_several_keys(const struct sp_admin_context *ctx, const char *one, const char *other) {
    return sp_error_set(ctx->error, SP_ERR_INVALID,
                        "api_key: the text contains several keys, such as %s and %s: send them one by one", one, other);
}

/* An operator's key is no ApiKey that the call could return. */
static enum sp_status tell_operators_key(const struct key_search *search) {
    const struct sp_admin_context *ctx = search->ctx;
    const char *of = sp_arena_printf(ctx->arena, "operator %s's", search->operator_name);
    if (of == NULL)
        return SP_ERR_MEMORY;
    if (search->found != NULL)
        return refuse_several_keys(ctx, search->found->id, of);
    if (search->other_operator != NULL)
        return refuse_several_keys(ctx, of, search->other_operator);
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "the text contains the key of operator %s: revoke it with `sallyport operator revoke %s`",
                        search->operator_name, search->operator_name);
}

static enum sp_status tell_found_key(const struct key_search *search) {
    const struct sp_admin_context *ctx = search->ctx;
    if (search->operator_name != NULL)
        return tell_operators_key(search);
    if (search->found == NULL && ctx->is_operator)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND,
                            "no workspace and no operator has a key with this text or any part of it");
    if (search->found == NULL)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND,
                            "workspace %.*s has no key with this text or any part of it (operators can search all "
                            "workspaces)",
                            SP_STR_ARG(ctx->key.workspace));
    return search->other == NULL ? SP_OK : refuse_several_keys(ctx, search->found->id, search->other->id);
}

enum sp_status sp_admin_find_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                 ProtobufCMessage **ret_reply) {
    const Sallyport__V1__FindKeyRequest *request = (const void *)message;
    struct key_search search = {.ctx = ctx, .seen = {.arena = ctx->arena}};
    struct sp_str text = sp_str_from(request->api_key);
    if (text.size == 0 || text.size > SP_LEAKED_TEXT_MAX_BYTES)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "api_key: 1 to %d bytes", SP_LEAKED_TEXT_MAX_BYTES);
    enum sp_status status = search_text(&search, text);
    if (status != SP_OK)
        return status;
    status = tell_found_key(&search);
    if (status != SP_OK)
        return status;
    status = request->with_descendants ? sp_admin_fill_descendants(ctx, search.found) : SP_OK;
    if (status != SP_OK)
        return status;
    *ret_reply = &search.found->base;
    return SP_OK;
}
