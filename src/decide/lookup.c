#include "decide/lookup.h"

#include "core/digest.h"
#include "core/key_text.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/effective_role.h"
#include "store/records/entity.h"
#include "store/records/index.h"
#include "store/records/key_forms.h"
#include "store/records/settings.h"

/* Step 2. */
static enum sp_status find_key_by_digest(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                                         struct sp_key *ret_key, enum sp_reason *ret_reason) {
    enum sp_status status = sp_index_key(view, digest, ret_key);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    *ret_reason = SP_REASON_KEY_UNKNOWN;
    return SP_OK;
}

/* Steps 1 and 2. */
static enum sp_status find_key_by_text(struct sp_view *view, const struct sp_query *query, struct sp_key *ret_key,
                                       enum sp_reason *ret_reason) {
    struct sp_key_forms spare;
    const struct sp_key_forms *forms;
    uint8_t digest[SP_DIGEST_BYTES];
    struct sp_str text = {(const char *)query->credential.data, query->credential.size};
    enum sp_status status = sp_view_key_forms_in_place(view, &spare, &forms);
    if (status != SP_OK)
        return status;
    if (sp_key_text_judge(text, forms->prefixes, forms->prefix_count, forms->accept_foreign) == SP_KEY_FORM_MALFORMED) {
        *ret_reason = SP_REASON_KEY_MALFORMED;
        return SP_OK;
    }
    sp_key_digest_from_text(text, digest);
    return find_key_by_digest(view, digest, ret_key, ret_reason);
}

static enum sp_status look_up_key(struct sp_view *view, const struct sp_query *query, struct sp_key *ret_key,
                                  enum sp_reason *ret_reason) {
    uint8_t digest[SP_DIGEST_BYTES];
    *ret_reason = SP_REASON_NONE;
    switch (query->credential_kind) {
    case SP_CREDENTIAL_KNOWN:
        *ret_key = *query->known_key;
        return SP_OK;
    case SP_CREDENTIAL_SHA256:
        if (query->credential.size != SP_DIGEST_BYTES)
            break;
        sp_key_digest_from_sha256(query->credential.data, digest);
        return find_key_by_digest(view, digest, ret_key, ret_reason);
    case SP_CREDENTIAL_TEXT:
        return find_key_by_text(view, query, ret_key, ret_reason);
    }
    *ret_reason = SP_REASON_KEY_MALFORMED;
    return SP_OK;
}

static bool is_memo_of_query(const struct sp_check_memo *memo, const struct sp_query *query) {
    return memo->used && memo->kind == query->credential_kind && sp_bytes_equal(memo->credential, query->credential);
}

enum sp_status sp_find_presented_key(struct sp_view *view, const struct sp_query *query, struct sp_key *ret_key,
                                     enum sp_reason *ret_reason) {
    struct sp_check_memo *memo = query->memo;
    if (memo == NULL || query->credential_kind == SP_CREDENTIAL_KNOWN || query->credential.size == 0)
        return look_up_key(view, query, ret_key, ret_reason);
    if (!is_memo_of_query(memo, query)) {
        memo->used = false;
        enum sp_status status = look_up_key(view, query, &memo->key, &memo->reason);
        if (status != SP_OK)
            return status;
        memo->used = true;
        memo->kind = query->credential_kind;
        memo->credential = query->credential;
    }
    *ret_reason = memo->reason;
    if (memo->reason == SP_REASON_NONE)
        *ret_key = memo->key;
    return SP_OK;
}

enum sp_status sp_find_key_by_id(struct sp_view *view, struct sp_str workspace, struct sp_str id,
                                 struct sp_arena *arena, struct sp_key *ret_key) {
    struct sp_entity_key entity;
    ProtobufCMessage *message = NULL;
    if (sp_entity_key_1(SP_KIND_KEY, workspace, id, &entity) != SP_OK)
        return SP_ERR_NOT_FOUND;
    enum sp_status status = sp_entity_get(view, &entity, arena, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredKey *stored = (const void *)message;
    if (stored->digest.len != SP_DIGEST_BYTES)
        return SP_ERR_CORRUPT;
    status = sp_index_key(view, stored->digest.data, ret_key);
    return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
}

enum sp_status sp_find_role(struct sp_view *view, const struct sp_key *key, const struct sp_principal_state *principal,
                            struct sp_bytes resource_key, struct sp_found_role *ret_found) {
    struct sp_best_grant best;
    if (resource_key.size == 0) {
        *ret_found = (struct sp_found_role){SP_ROLE_NONE, SP_VIA_NONE};
        return SP_OK;
    }
    if (principal->workspace_admin) {
        *ret_found = (struct sp_found_role){SP_ROLE_ADMIN, SP_VIA_WORKSPACE_ADMIN};
        return SP_OK;
    }
    enum sp_status status = sp_index_best_grant(view, resource_key, key->principal_number, &best);
    if (status != SP_OK)
        return status;
    ret_found->role = best.role;
    ret_found->via = best.role == SP_ROLE_NONE               ? SP_VIA_NONE
                     : best.subject == key->principal_number ? SP_VIA_DIRECT
                                                             : SP_VIA_GROUP;
    return SP_OK;
}
