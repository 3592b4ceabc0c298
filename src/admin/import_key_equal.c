#include "admin/import_key_equal.h"

#include "base/array.h"
#include "core/allowlist.h"
#include "core/digest.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "wire/message_difference.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredKey stored_key;

enum { KEYS_COMPARED_MAX = 10000 };

/* ---- one key ---- */

/* As it would be stored; as it is if that cannot be done. */
static enum sp_status join_addresses(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key) {
    const char **texts = NULL;
    size_t count = 0;
    struct sp_str *entries = sp_arena_calloc(ctx->arena, key->n_allowed_ips + 1, sizeof(*entries));
    if (entries == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < key->n_allowed_ips; i++)
        entries[i] = sp_str_from(key->allowed_ips[i]);
    enum sp_status status = key->n_allowed_ips == 0 ? SP_ERR_INVALID
                                                    : sp_allowlist_normalise(entries, key->n_allowed_ips, true,
                                                                             ctx->arena, &texts, &count, NULL);
    if (status != SP_OK)
        return status == SP_ERR_MEMORY ? status : SP_OK;
    char **joined = sp_arena_calloc(ctx->arena, count, sizeof(*joined));
    if (joined == NULL)
        return SP_ERR_MEMORY;
    memcpy(joined, texts, count * sizeof(*joined));
    key->allowed_ips = joined;
    key->n_allowed_ips = count;
    return SP_OK;
}

/* What a reply adds to a key, and what was made up for it. */
static void copy_uncompared_fields(const Sallyport__V1__ApiKey *stored, bool new_text, Sallyport__V1__ApiKey *wanted) {
    wanted->usage = stored->usage;
    wanted->beyond_max_lifetime = stored->beyond_max_lifetime;
    wanted->n_descendants = stored->n_descendants;
    wanted->descendants = stored->descendants;
    wanted->rotated_to = stored->rotated_to;
    if (wanted->id[0] == '\0')
        wanted->id = stored->id;
    if (new_text)
        wanted->hint = stored->hint;
    if (wanted->created_at == 0)
        wanted->created_at = stored->created_at;
    if (wanted->expires_at == 0)
        wanted->expires_at = wanted->not_after;
}

/* NULL: it does not exist. */
static enum sp_status find_stored_key(struct sp_admin_context *ctx, struct sp_str id, const stored_key **ret_stored) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    *ret_stored = NULL;
    if (sp_entity_key_1(SP_KIND_KEY, ctx->workspace, id, &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    enum sp_status status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_stored = (const stored_key *)(const void *)message;
    return SP_OK;
}

/* NULL for none. */
static enum sp_status find_key_difference(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *record,
                                          const uint8_t *sha256, const stored_key *stored,
                                          const char **ret_difference) {
    uint8_t digest[SP_DIGEST_BYTES];
    Sallyport__V1__ApiKey wanted = *record, there = *stored->key;
    copy_uncompared_fields(&there, sha256 == NULL, &wanted);
    enum sp_status status = join_addresses(ctx, &wanted);
    if (status != SP_OK)
        return status;
    status = join_addresses(ctx, &there);
    if (status != SP_OK)
        return status;
    *ret_difference = sp_wire_find_difference(&wanted.base, &there.base);
    if (sha256 == NULL || *ret_difference != NULL)
        return SP_OK;
    sp_key_digest_from_sha256(sha256, digest);
    if (stored->digest.len != sizeof(digest) || memcmp(stored->digest.data, digest, sizeof(digest)) != 0)
        *ret_difference = "sha256";
    return SP_OK;
}

static enum sp_status compare_key(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *record,
                                  const uint8_t *sha256, const stored_key *stored, bool *ret_equal) {
    const char *difference = NULL;
    enum sp_status status = find_key_difference(ctx, record, sha256, stored, &difference);
    if (status != SP_OK)
        return status;
    if (difference != NULL)
        return sp_error_set(ctx->error, SP_ERR_EXISTS,
                            "key %s already exists, but its %s differs: make the two equal, or remove the record",
                            stored->key->id, difference);
    *ret_equal = true;
    return SP_OK;
}

/* ---- without an id: by its text ---- */

/* One of another workspace is refused when the record is imported, without saying whose it is. */
static enum sp_status find_imported_key(struct sp_admin_context *ctx, const uint8_t *sha256,
                                        const stored_key **ret_stored) {
    uint8_t digest[SP_DIGEST_BYTES];
    struct sp_key met;
    *ret_stored = NULL;
    sp_key_digest_from_sha256(sha256, digest);
    enum sp_status status = sp_index_key(ctx->view, digest, &met);
    if (status == SP_ERR_NOT_FOUND || (status == SP_OK && !sp_str_equal(met.workspace, ctx->workspace)))
        return SP_OK;
    if (status != SP_OK)
        return status;
    status = find_stored_key(ctx, met.id, ret_stored);
    return status == SP_OK && *ret_stored == NULL ? SP_ERR_CORRUPT : status;
}

/* ---- without an id and a text: by its principal and name ---- */

/* The keys that a principal had when its first record of the batch was met. */
struct key_collection {
    struct sp_admin_context *ctx;
    const stored_key **keys;
    size_t count, capacity;
    bool too_many;
};

static enum sp_status collect_key(void *context, struct sp_str id) {
    struct key_collection *collection = context;
    const stored_key *stored = NULL;
    collection->too_many = collection->count == KEYS_COMPARED_MAX;
    if (collection->too_many)
        return SP_WALK_END;
    const stored_key **keys = sp_array_reserve_in(collection->ctx->arena, collection->keys, collection->count,
                                                  &collection->capacity, sizeof(*keys));
    if (keys == NULL)
        return SP_ERR_MEMORY;
    collection->keys = keys;
    enum sp_status status = find_stored_key(collection->ctx, id, &stored);
    if (status != SP_OK || stored == NULL)
        return status != SP_OK ? status : SP_ERR_CORRUPT;
    keys[collection->count++] = stored;
    return SP_OK;
}

static enum sp_status collect_keys_of(struct sp_admin_import_state *import,
                                      const Sallyport__Store__V1__StoredPrincipal *principal,
                                      struct key_collection **ret_collection) {
    uint8_t buffer[SP_IMPORT_NAME_MAX_BYTES];
    struct sp_bytes name =
        sp_admin_import_name(SP_IMPORT_KEYS_OF, import->home->id, sp_str_from(principal->principal->id), buffer);
    struct key_collection *collection = sp_batch_map_find(&import->known, name);
    if (collection == NULL) {
        collection = sp_arena_calloc(import->ctx.arena, 1, sizeof(*collection));
        if (collection == NULL)
            return SP_ERR_MEMORY;
        collection->ctx = &import->ctx;
        enum sp_status status =
            sp_index_walk_principal_keys(import->ctx.view, principal->number, collect_key, collection);
        if (status != SP_OK)
            return status;
        status = sp_batch_map_put(&import->known, name, collection);
        if (status != SP_OK)
            return status;
    }
    *ret_collection = collection;
    return SP_OK;
}

/* The one that the record would make; else one of the same name; NULL for none. */
static enum sp_status find_key_by_name(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *record,
                                       const struct key_collection *collection, const stored_key **ret_stored) {
    *ret_stored = NULL;
    for (size_t i = 0; i < collection->count; i++) {
        const char *difference = NULL;
        if (strcmp(collection->keys[i]->key->name, record->name) != 0)
            continue;
        enum sp_status status = find_key_difference(&import->ctx, record, NULL, collection->keys[i], &difference);
        if (status != SP_OK)
            return status;
        if (*ret_stored == NULL || difference == NULL)
            *ret_stored = collection->keys[i];
        if (difference == NULL)
            return SP_OK;
    }
    return SP_OK;
}

/* Whether an earlier record of the batch is the same, which the collection does not have. */
static enum sp_status note_new_key(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *record,
                                   bool *ret_again) {
    uint8_t name[1 + SP_DIGEST_BYTES] = {SP_IMPORT_NEW_KEY};
    struct sp_bytes packed;
    enum sp_status status = sp_wire_pack(&record->base, import->ctx.arena, &packed);
    if (status != SP_OK)
        return status;
    sp_sha256(packed.data, packed.size, name + 1);
    *ret_again = sp_batch_map_find(&import->known, (struct sp_bytes){name, sizeof(name)}) != NULL;
    return *ret_again ? SP_OK : sp_batch_map_put(&import->known, (struct sp_bytes){name, sizeof(name)}, import);
}

static enum sp_status is_new_key_there(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *record,
                                       bool *ret_equal) {
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    struct key_collection *collection = NULL;
    const stored_key *stored = NULL;
    enum sp_status status = sp_admin_import_find_principal(import, record->principal, &principal);
    if (status != SP_OK)
        return status;
    status = collect_keys_of(import, principal, &collection);
    if (status != SP_OK)
        return status;
    if (collection->too_many)
        return sp_error_set(import->ctx.error, SP_ERR_INVALID,
                            "api_key.key.id: required when continuing an import for principal %s, which has more than "
                            "%d keys",
                            record->principal, KEYS_COMPARED_MAX);
    status = find_key_by_name(import, record, collection, &stored);
    if (status != SP_OK)
        return status;
    return stored != NULL ? compare_key(&import->ctx, record, NULL, stored, ret_equal)
                          : note_new_key(import, record, ret_equal);
}

enum sp_status sp_admin_import_is_key_equal(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *record,
                                            const uint8_t *sha256, bool *ret_equal) {
    const stored_key *stored = NULL;
    *ret_equal = false;
    if (record->id[0] == '\0' && sha256 == NULL)
        return is_new_key_there(import, record, ret_equal);
    enum sp_status status = record->id[0] == '\0' ? find_imported_key(&import->ctx, sha256, &stored)
                                                  : find_stored_key(&import->ctx, sp_str_from(record->id), &stored);
    if (status != SP_OK || stored == NULL)
        return status;
    return compare_key(&import->ctx, record, sha256, stored, ret_equal);
}
