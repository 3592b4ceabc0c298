#include "admin/operator.h"

#include "admin/key_secret.h"
#include "admin/new_text.h"
#include "admin/offline_changes.h"
#include "base/text.h"
#include "core/digest.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/write.h"

/* The entity key of an operator, and whether there is one of that name. */
static enum sp_status find_operator_entity(struct sp_write *write, struct sp_str name, struct sp_entity_key *ret_key,
                                           bool *ret_exists, struct sp_error *error) {
    enum sp_status status = sp_text_check_id(name, "operator", error);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, name, ret_key);
    if (status != SP_OK)
        return status;
    return sp_entity_exists(sp_write_view(write), ret_key, ret_exists);
}

/* A key that is about to be made. */
struct new_operator {
    struct sp_entity_key key;
    char *name;
    const char *secret;
    const struct sp_admin_operator_terms *terms;
    int64_t now_s;
    struct sp_arena *arena;
};

static enum sp_status put_operator(struct sp_changeset *changes, const struct new_operator *new_operator,
                                   struct sp_error *error) {
    const char *secret = new_operator->secret;
    char hint[SP_KEY_HINT_BYTES];
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_hint(sp_str_from(secret), hint);
    sp_key_digest_from_text(sp_str_from(secret), digest);
    Sallyport__V1__Operator made;
    sallyport__v1__operator__init(&made);
    made.name = new_operator->name;
    made.hint = hint;
    made.created_at = new_operator->now_s;
    enum sp_status status =
        sp_admin_operator_take_terms(new_operator->terms, new_operator->now_s, new_operator->arena, &made, error);
    if (status != SP_OK)
        return status;
    Sallyport__Store__V1__StoredOperator stored;
    sallyport__store__v1__stored_operator__init(&stored);
    stored.operator_ = &made;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    return sp_changeset_put(changes, &new_operator->key, &stored.base);
}

static enum sp_status add_with_secret(struct sp_write *write, const struct new_operator *new_operator,
                                      struct sp_error *error) {
    struct sp_revision revision;
    struct sp_changeset *changes =
        sp_admin_offline_changes(new_operator->arena, "operator add", (struct sp_str){0}, new_operator->now_s);
    if (changes == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = put_operator(changes, new_operator, error);
    if (status != SP_OK)
        return status;
    return sp_changeset_apply(write, changes, &revision, error);
}

enum sp_status sp_admin_operator_add(struct sp_write *write, struct sp_str name,
                                     const struct sp_admin_operator_terms *terms, int64_t now_s, struct sp_arena *arena,
                                     char ret_secret[static SP_KEY_TEXT_BYTES], struct sp_error *error) {
    bool exists = false;
    char secret[SP_KEY_TEXT_BYTES];
    struct new_operator new_operator = {
        .name = sp_arena_strdup(arena, name), .secret = secret, .terms = terms, .now_s = now_s, .arena = arena};
    if (new_operator.name == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = find_operator_entity(write, name, &new_operator.key, &exists, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_refuse_key_text(name, "operator", error);
    if (status != SP_OK)
        return status;
    if (exists)
        return sp_error_set(error, SP_ERR_EXISTS, "operator %.*s already exists", SP_STR_ARG(name));
    status = sp_admin_make_secret(sp_write_view(write), secret);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot create the operator's key");
    status = add_with_secret(write, &new_operator, error);
    if (status == SP_OK)
        memcpy(ret_secret, secret, sizeof(secret));
    explicit_bzero(secret, sizeof(secret));
    return status;
}

enum sp_status sp_admin_operator_revoke(struct sp_write *write, struct sp_str name, int64_t now_s,
                                        struct sp_arena *arena, struct sp_error *error) {
    struct sp_entity_key key;
    struct sp_revision revision;
    bool exists = false;
    enum sp_status status = find_operator_entity(write, name, &key, &exists, error);
    if (status != SP_OK)
        return status;
    if (!exists)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "operator %.*s not found", SP_STR_ARG(name));
    struct sp_changeset *changes = sp_admin_offline_changes(arena, "operator revoke", (struct sp_str){0}, now_s);
    if (changes == NULL)
        return SP_ERR_MEMORY;
    status = sp_changeset_delete(changes, &key, now_s);
    if (status != SP_OK)
        return status;
    return sp_changeset_apply(write, changes, &revision, error);
}
