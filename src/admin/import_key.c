#include "admin/import_key.h"

#include "admin/key.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "base/text.h"
#include "core/digest_text.h"

/* Takes what only one key may have, for the keys of this batch that the store does not show yet. */
static enum sp_status claim_unique_value(struct sp_admin_import_state *import, struct sp_bytes name, const char *what) {
    if (sp_batch_map_find(&import->known, name) != NULL)
        return sp_error_set(import->ctx.error, SP_ERR_EXISTS, "%s: an earlier record of this import has the same value",
                            what);
    return sp_batch_map_put(&import->known, name, import);
}

static enum sp_status take_key_id(struct sp_admin_import_state *import, const char *id) {
    uint8_t buffer[SP_IMPORT_NAME_MAX_BYTES];
    enum sp_status status = sp_text_check_id(sp_str_from(id), "id", import->ctx.error);
    if (status != SP_OK)
        return status;
    return claim_unique_value(import, sp_admin_import_name(SP_IMPORT_KEY, import->home->id, sp_str_from(id), buffer),
                              "id");
}

static enum sp_status take_key_names(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *key,
                                     const uint8_t *sha256) {
    uint8_t buffer[SP_IMPORT_NAME_MAX_BYTES];
    enum sp_status status = key->id[0] != '\0' ? take_key_id(import, key->id) : SP_OK;
    if (status != SP_OK || sha256 == NULL)
        return status;
    buffer[0] = SP_IMPORT_DIGEST;
    memcpy(buffer + 1, sha256, SP_DIGEST_BYTES);
    return claim_unique_value(import, (struct sp_bytes){buffer, 1 + SP_DIGEST_BYTES}, "sha256");
}

/* The fields of a key that only an import sets. */
static enum sp_status check_key_history(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *key) {
    struct sp_error *error = import->ctx.error;
    enum sp_status status = sp_admin_import_check_time(import, "created_at", key->created_at);
    if (status != SP_OK)
        return status;
    if (key->disabled_reason[0] != '\0') {
        status = sp_admin_check_new_name(key->disabled_reason, NULL, "disabled_reason", error);
        if (status != SP_OK)
            return status;
    }
    if (key->created_by_key[0] != '\0') {
        status = sp_text_check_id(sp_str_from(key->created_by_key), "created_by_key", error);
        if (status != SP_OK)
            return status;
    }
    if (key->rotated_from[0] != '\0')
        return sp_text_check_id(sp_str_from(key->rotated_from), "rotated_from", error);
    return SP_OK;
}

static enum sp_status append_secret(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *key,
                                    char *text) {
    Sallyport__V1__ImportResponse__Secret *secret =
        sp_admin_new_message(import->ctx.arena, &sallyport__v1__import_response__secret__descriptor);
    if (secret == NULL)
        return SP_ERR_MEMORY;
    secret->line = import->line;
    secret->workspace = key->workspace;
    secret->key_id = key->id;
    secret->secret = text;
    import->response->secrets[import->response->n_secrets++] = secret;
    return SP_OK;
}

/* How many keys of the workspace the store does not show yet. */
static uint64_t *get_unflushed_count(struct sp_admin_import_state *import) {
    struct sp_admin_import_home *home = import->home;
    if (home->flush != import->flushes)
        home->unflushed_keys = 0;
    home->flush = import->flushes;
    return &home->unflushed_keys;
}

static enum sp_status add_imported_key(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *record,
                                       const uint8_t *sha256) {
    Sallyport__V1__ApiKey *made = NULL;
    char *secret = NULL;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    enum sp_status status = sp_admin_import_find_principal(import, record->principal, &principal);
    if (status != SP_OK)
        return status;
    struct sp_admin_new_key new_key = {.id = record->id,
                                       .principal = principal,
                                       .template = record,
                                       .imported = true,
                                       .imported_sha256 = sha256,
                                       .unflushed = *get_unflushed_count(import)};
    status = sp_admin_add_key(&import->ctx, &new_key, sha256 == NULL ? &made : NULL, &secret);
    if (status != SP_OK)
        return status;
    (*get_unflushed_count(import))++;
    return secret == NULL || made == NULL ? SP_OK : append_secret(import, made, secret);
}

enum sp_status sp_admin_import_open_key(struct sp_admin_import_state *import, const Sallyport__V1__ImportApiKey *record,
                                        uint8_t room[static SP_DIGEST_BYTES], const uint8_t **ret_sha256) {
    if (record->key == NULL)
        return sp_admin_import_refuse(import, "api_key.key: required");
    if (record->sha256[0] != '\0' && !sp_sha256_read_text(sp_str_from(record->sha256), room))
        return sp_admin_import_refuse(
            import, "api_key.sha256: the SHA-256 of the key's text as 64 hexadecimal digits, or as 43 or "
                    "44 characters of base64, with or without \"sha256:\"; empty for a new key");
    *ret_sha256 = record->sha256[0] != '\0' ? room : NULL;
    return sp_admin_import_enter_home(import, record->key->workspace);
}

enum sp_status sp_admin_import_key(struct sp_admin_import_state *import, const Sallyport__V1__ImportApiKey *record) {
    uint8_t room[SP_DIGEST_BYTES];
    const uint8_t *sha256 = NULL;
    enum sp_status status = sp_admin_import_open_key(import, record, room, &sha256);
    if (status != SP_OK)
        return status;
    status = check_key_history(import, record->key);
    if (status != SP_OK)
        return status;
    status = take_key_names(import, record->key, sha256);
    if (status != SP_OK)
        return status;
    return add_imported_key(import, record->key, sha256);
}
