/* Operators: who runs Sallyport. Added and revoked offline. */
#include "admin/internal.h"
#include "admin/offline_changes.h"
#include "base/random.h"
#include "base/text.h"
#include "store/records/settings.h"

static enum sp_status operator_key(struct sp_str name, struct sp_entity_key *ret_key, struct sp_error *error) {
    enum sp_status status = sp_text_check_id(name, "operator", error);
    return status == SP_OK ? sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, name, ret_key) : status;
}

static enum sp_status make_secret(struct sp_view *view, char ret_secret[static SP_KEY_TEXT_BYTES]) {
    struct sp_key_forms forms = {0};
    uint8_t random[SP_KEY_RANDOM_BYTES];
    enum sp_status status = sp_view_key_forms(view, &forms);
    if (status == SP_OK && forms.prefix_count == 0)
        status = SP_ERR_CORRUPT;
    if (status == SP_OK)
        status = sp_random_fill(random, sizeof(random));
    if (status != SP_OK)
        return status;
    sp_key_text_make(forms.prefixes[0], random, ret_secret);
    explicit_bzero(random, sizeof(random));
    return SP_OK;
}

static enum sp_status put_operator(struct sp_changeset *changes, const struct sp_entity_key *key, char *name,
                                   const char *secret, int64_t now_s) {
    char hint[SP_KEY_HINT_BYTES];
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_hint(sp_str_from(secret), hint);
    sp_key_digest_from_text(sp_str_from(secret), digest);
    Sallyport__V1__Operator made;
    sallyport__v1__operator__init(&made);
    made.name = name;
    made.hint = hint;
    made.created_at = now_s;
    Sallyport__Store__V1__StoredOperator stored;
    sallyport__store__v1__stored_operator__init(&stored);
    stored.operator_ = &made;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    return sp_changeset_put(changes, key, &stored.base);
}

static enum sp_status apply(struct sp_write *write, struct sp_changeset *changes, struct sp_error *error) {
    struct sp_revision revision = {0};
    return sp_changeset_apply(write, changes, &revision, error);
}

enum sp_status sp_admin_operator_add(struct sp_write *write, struct sp_str name, int64_t now_s, struct sp_arena *arena,
                                     char *ret_secret, struct sp_error *error) {
    struct sp_entity_key key;
    bool exists = false;
    char secret[SP_KEY_TEXT_BYTES];
    enum sp_status status = operator_key(name, &key, error);
    if (status != SP_OK)
        return status;
    status = sp_entity_exists(sp_write_view(write), &key, &exists);
    if (status == SP_OK && exists)
        return sp_error_set(error, SP_ERR_EXISTS, "operator %.*s exists already", SP_STR_ARG(name));
    if (status == SP_OK)
        status = make_secret(sp_write_view(write), secret);
    if (status != SP_OK)
        return sp_error_set(error, status, "the operator's key could not be made");
    char *kept = sp_arena_strdup(arena, name);
    struct sp_changeset *changes = sp_admin_offline_changes(arena, "operator add", (struct sp_str){0}, now_s);
    status = kept == NULL || changes == NULL ? SP_ERR_MEMORY : put_operator(changes, &key, kept, secret, now_s);
    if (status == SP_OK)
        status = apply(write, changes, error);
    if (status == SP_OK)
        memcpy(ret_secret, secret, sizeof(secret));
    explicit_bzero(secret, sizeof(secret));
    return status;
}

enum sp_status sp_admin_operator_revoke(struct sp_write *write, struct sp_str name, int64_t now_s,
                                        struct sp_arena *arena, struct sp_error *error) {
    struct sp_entity_key key;
    bool exists = false;
    enum sp_status status = operator_key(name, &key, error);
    if (status != SP_OK)
        return status;
    status = sp_entity_exists(sp_write_view(write), &key, &exists);
    if (status == SP_OK && !exists)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "operator %.*s not found", SP_STR_ARG(name));
    struct sp_changeset *changes = sp_admin_offline_changes(arena, "operator revoke", (struct sp_str){0}, now_s);
    if (status == SP_OK)
        status = changes == NULL ? SP_ERR_MEMORY : sp_changeset_delete(changes, &key, now_s);
    return status == SP_OK ? apply(write, changes, error) : status;
}
