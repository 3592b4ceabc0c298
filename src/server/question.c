#include "server/question.h"

#include "core/digest.h"
#include "core/question_text.h"
#include "wire/wire.h"

/* The three messages that carry a credential number its cases alike. */
_Static_assert((int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY ==
                       (int)SALLYPORT__V1__CHECK_ITEM__CREDENTIAL_API_KEY &&
                   (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY ==
                       (int)SALLYPORT__V1__CHECK_BATCH_REQUEST__CREDENTIAL_API_KEY,
               "api_key");
_Static_assert((int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256 ==
                       (int)SALLYPORT__V1__CHECK_ITEM__CREDENTIAL_API_KEY_SHA256 &&
                   (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256 ==
                       (int)SALLYPORT__V1__CHECK_BATCH_REQUEST__CREDENTIAL_API_KEY_SHA256,
               "api_key_sha256");

/* The place of a field in the request: "" or "items[3].". It becomes text only for messages. */
struct place {
    bool in_item;
    size_t item;
};

static enum sp_status report_mistake(struct place place, const char *field, const char *fault, struct sp_error *error) {
    if (place.in_item)
        return sp_error_set(error, SP_ERR_INVALID, "items[%zu].%s: %s", place.item, field, fault);
    return sp_error_set(error, SP_ERR_INVALID, "%s: %s", field, fault);
}

/* ---- single fields ---- */

/* Leaves *common as it is if the request holds no credential, of which an empty key is one form. */
static enum sp_status read_credential(struct place place, int which, const char *text, ProtobufCBinaryData sha256,
                                      struct sp_question_common *common, struct sp_error *error) {
    if (which == (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY && text[0] != '\0') {
        struct sp_str key = sp_str_from(text);
        const char *fault = sp_question_text_fault(SP_QUESTION_KEY, key);
        if (fault != NULL)
            return report_mistake(place, "api_key", fault, error);
        common->credential_kind = SP_CREDENTIAL_TEXT;
        common->credential = (struct sp_bytes){(const uint8_t *)key.data, key.size};
        common->has_credential = true;
    }
    if (which == (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256) {
        if (sha256.len != SP_DIGEST_BYTES)
            return report_mistake(place, "api_key_sha256", "must be the 32 bytes of a SHA-256", error);
        common->credential_kind = SP_CREDENTIAL_SHA256;
        common->credential = sp_wire_bytes(sha256);
        common->has_credential = true;
    }
    return SP_OK;
}

static enum sp_status require_credential(struct place place, const struct sp_question_common *common,
                                         struct sp_error *error) {
    if (common->has_credential)
        return SP_OK;
    if (place.in_item)
        return sp_error_set(error, SP_ERR_INVALID, "items[%zu]: api_key or api_key_sha256 is required", place.item);
    return sp_error_set(error, SP_ERR_INVALID, "api_key or api_key_sha256 is required");
}

static enum sp_status read_address(struct place place, const char *text, struct sp_question_common *common,
                                   struct sp_error *error) {
    struct sp_error why = {0};
    if (text[0] == '\0')
        return SP_OK;
    if (sp_ip_parse(sp_str_from(text), &common->ip, &why) != SP_OK)
        return report_mistake(place, "ip", why.message, error);
    common->has_ip = true;
    return SP_OK;
}

static enum sp_status read_field(struct place place, enum sp_question_field field, const char *name, const char *text,
                                 struct sp_str *ret_text, struct sp_error *error) {
    struct sp_str read = sp_str_from(text);
    const char *fault = sp_question_text_fault(field, read);
    if (fault != NULL)
        return report_mistake(place, name, fault, error);
    *ret_text = read;
    return SP_OK;
}

/* An item's workspace goes before that of its batch. */
static enum sp_status read_asserted_workspace(struct place place, const char *text, struct sp_question_common *common,
                                              struct sp_error *error) {
    if (text[0] == '\0')
        return SP_OK;
    return read_field(place, SP_QUESTION_WORKSPACE, "workspace", text, &common->workspace, error);
}

static enum sp_status read_target(struct place place, const Sallyport__V1__ResourceRef *resource, const char *action,
                                  struct sp_query *query, struct sp_error *error) {
    if (resource == NULL)
        return report_mistake(place, "resource.type", "is required", error);
    enum sp_status status =
        read_field(place, SP_QUESTION_TYPE, "resource.type", resource->type, &query->resource_type, error);
    if (status != SP_OK)
        return status;
    status = read_field(place, SP_QUESTION_ACTION, "action", action, &query->action, error);
    if (status != SP_OK)
        return status;
    return read_field(place, SP_QUESTION_ID, "resource.id", resource->id, &query->resource_id, error);
}

/* ---- questions ---- */

/* Credential, address and workspace: what a batch can give for all its items. */
static enum sp_status read_common(struct place place, int which, const char *api_key, ProtobufCBinaryData sha256,
                                  const char *ip, const char *workspace, struct sp_question_common *common,
                                  struct sp_error *error) {
    enum sp_status status = read_credential(place, which, api_key, sha256, common, error);
    if (status != SP_OK)
        return status;
    status = read_address(place, ip, common, error);
    if (status != SP_OK)
        return status;
    return read_asserted_workspace(place, workspace, common, error);
}

static void begin_question(const struct sp_question_common *common, struct sp_question *ret_question) {
    ret_question->ip = common->ip;
    ret_question->query = (struct sp_query){
        .credential_kind = common->credential_kind,
        .credential = common->credential,
        .ip = common->has_ip ? &ret_question->ip : NULL,
        .workspace = common->workspace,
    };
}

static enum sp_status finish_question(struct place place, const struct sp_question_common *common,
                                      const Sallyport__V1__ResourceRef *resource, const char *action,
                                      struct sp_question *ret_question, struct sp_error *error) {
    enum sp_status status = require_credential(place, common, error);
    if (status != SP_OK)
        return status;
    begin_question(common, ret_question);
    return read_target(place, resource, action, &ret_question->query, error);
}

enum sp_status sp_question_from_check(const Sallyport__V1__CheckRequest *request, struct sp_question *ret_question,
                                      struct sp_error *error) {
    struct sp_question_common common = {0};
    struct place place = {0};
    enum sp_status status = read_common(place, (int)request->credential_case, request->api_key, request->api_key_sha256,
                                        request->ip, request->workspace, &common, error);
    if (status != SP_OK)
        return status;
    return finish_question(place, &common, request->resource, request->action, ret_question, error);
}

enum sp_status sp_question_common_from_batch(const Sallyport__V1__CheckBatchRequest *request,
                                             struct sp_question_common *ret_common, struct sp_error *error) {
    struct sp_question_common common = {0};
    struct place place = {0};
    enum sp_status status = read_common(place, (int)request->credential_case, request->api_key, request->api_key_sha256,
                                        request->ip, request->workspace, &common, error);
    if (status != SP_OK)
        return status;
    *ret_common = common;
    return SP_OK;
}

enum sp_status sp_question_from_item(const Sallyport__V1__CheckItem *item, size_t i,
                                     const struct sp_question_common *common, struct sp_question *ret_question,
                                     struct sp_error *error) {
    struct sp_question_common of_item = *common;
    struct place place = {true, i};
    enum sp_status status = read_common(place, (int)item->credential_case, item->api_key, item->api_key_sha256,
                                        item->ip, item->workspace, &of_item, error);
    if (status != SP_OK)
        return status;
    return finish_question(place, &of_item, item->resource, item->action, ret_question, error);
}

/* ---- lists ---- */

_Static_assert((int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY ==
                       (int)SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_API_KEY &&
                   (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256 ==
                       (int)SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_API_KEY_SHA256,
               "credentials");

/* A field that may be empty elsewhere, but not here. */
static enum sp_status require_field(enum sp_question_field field, const char *name, const char *text,
                                    struct sp_str *ret_text, struct sp_error *error) {
    struct place place = {0};
    if (text[0] == '\0')
        return report_mistake(place, name, "is required", error);
    return read_field(place, field, name, text, ret_text, error);
}

static enum sp_status read_list_principal(const Sallyport__V1__PrincipalRef *principal, struct sp_error *error) {
    struct sp_str text;
    enum sp_status status =
        require_field(SP_QUESTION_WORKSPACE, "principal.workspace", principal->workspace, &text, error);
    if (status != SP_OK)
        return status;
    return require_field(SP_QUESTION_PRINCIPAL, "principal.id", principal->id, &text, error);
}

static enum sp_status read_list_credential(const Sallyport__V1__ListAllowedResourcesRequest *request,
                                           struct sp_question_common *common, struct sp_error *error) {
    struct place place = {0};
    enum sp_status status =
        read_credential(place, (int)request->subject_case, request->api_key, request->api_key_sha256, common, error);
    if (status != SP_OK)
        return status;
    if (!common->has_credential)
        return sp_error_set(error, SP_ERR_INVALID, "api_key, api_key_sha256 or principal is required");
    return SP_OK;
}

enum sp_status sp_question_from_list_resources(const Sallyport__V1__ListAllowedResourcesRequest *request,
                                               struct sp_question *ret_question,
                                               const Sallyport__V1__PrincipalRef **ret_principal,
                                               struct sp_error *error) {
    struct sp_question_common common = {0};
    struct place place = {0};
    struct sp_query *query = &ret_question->query;
    bool of_principal = request->subject_case == SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_PRINCIPAL;
    enum sp_status status =
        of_principal ? read_list_principal(request->principal, error) : read_list_credential(request, &common, error);
    if (status != SP_OK)
        return status;
    status = read_address(place, request->ip, &common, error);
    if (status != SP_OK)
        return status;
    status = read_asserted_workspace(place, request->workspace, &common, error);
    if (status != SP_OK)
        return status;
    begin_question(&common, ret_question);
    status = read_field(place, SP_QUESTION_TYPE, "type", request->type, &query->resource_type, error);
    if (status != SP_OK)
        return status;
    status = read_field(place, SP_QUESTION_ACTION, "action", request->action, &query->action, error);
    if (status != SP_OK)
        return status;
    *ret_principal = of_principal ? request->principal : NULL;
    return SP_OK;
}

enum sp_status sp_question_from_list_subjects(const Sallyport__V1__ListAllowedSubjectsRequest *request,
                                              struct sp_question *ret_question, struct sp_error *error) {
    struct place place = {0};
    ret_question->query = (struct sp_query){0};
    enum sp_status status = read_target(place, request->resource, request->action, &ret_question->query, error);
    if (status != SP_OK)
        return status;
    return require_field(SP_QUESTION_WORKSPACE, "workspace", request->workspace, &ret_question->query.workspace, error);
}
