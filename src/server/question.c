#include "server/question.h"

#include <stdio.h>

#include "base/text.h"
#include "core/key_text.h"

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

/* Where in the request a field stands: "" or "items[3].". Made only for messages: most questions have no mistake. */
struct place {
    bool in_item;
    size_t item;
};

static enum sp_status mistake(struct place place, struct sp_error *error, const char *field, const char *what) {
    if (place.in_item)
        return sp_error_set(error, SP_ERR_INVALID, "items[%zu].%s%s", place.item, field, what);
    return sp_error_set(error, SP_ERR_INVALID, "%s%s", field, what);
}

/* ---- single fields ---- */

static enum sp_status read_credential(struct place place, int which, const char *text, ProtobufCBinaryData sha256,
                                      struct sp_question_common *common, struct sp_error *error) {
    if (which == (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY && text[0] != '\0') {
        struct sp_str key = sp_str_from(text);
        if (key.size > SP_KEY_PRESENTED_MAX_BYTES)
            return mistake(place, error, "api_key", ": is longer than 512 bytes");
        common->credential_kind = SP_CREDENTIAL_TEXT;
        common->credential = (struct sp_bytes){(const uint8_t *)key.data, key.size};
        common->has_credential = true;
    }
    if (which == (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256) {
        if (sha256.len != SP_DIGEST_BYTES)
            return mistake(place, error, "api_key_sha256", ": must be the 32 bytes of a SHA-256");
        common->credential_kind = SP_CREDENTIAL_SHA256;
        common->credential = (struct sp_bytes){sha256.data, sha256.len};
        common->has_credential = true;
    }
    return SP_OK;
}

static enum sp_status read_ip(struct place place, const char *text, struct sp_question_common *common,
                              struct sp_error *error) {
    if (text[0] == '\0')
        return SP_OK;
    struct sp_error why = {0};
    if (sp_ip_parse(sp_str_from(text), &common->ip, &why) != SP_OK) {
        char tail[sizeof(why.message) + 2];
        (void)snprintf(tail, sizeof(tail), ": %s", why.message);
        return mistake(place, error, "ip", tail);
    }
    common->has_ip = true;
    return SP_OK;
}

/* A word of the request that is compared with stored ones: as long as those can be, and visible in a log. */
static enum sp_status read_word(struct place place, const char *field, const char *text, size_t most,
                                struct sp_str *ret_word, struct sp_error *error) {
    struct sp_str word = sp_str_from(text);
    if (word.size > most) {
        char tail[64];
        (void)snprintf(tail, sizeof(tail), ": is longer than %zu bytes", most);
        return mistake(place, error, field, tail);
    }
    if (!sp_text_is_printable(word))
        return mistake(place, error, field, ": holds a control character");
    *ret_word = word;
    return SP_OK;
}

static enum sp_status read_workspace(struct place place, const char *text, struct sp_question_common *common,
                                     struct sp_error *error) {
    if (text[0] == '\0')
        return SP_OK;
    return read_word(place, "workspace", text, SP_ID_MAX_BYTES, &common->workspace, error);
}

static enum sp_status read_required(struct place place, const char *field, const char *text, struct sp_str *ret_word,
                                    struct sp_error *error) {
    if (text[0] == '\0')
        return mistake(place, error, field, ": is required");
    return read_word(place, field, text, SP_ID_MAX_BYTES, ret_word, error);
}

static enum sp_status read_target(struct place place, const Sallyport__V1__ResourceRef *resource, const char *action,
                                  struct sp_query *query, struct sp_error *error) {
    if (resource == NULL)
        return mistake(place, error, "resource.type", ": is required");
    enum sp_status status = read_required(place, "resource.type", resource->type, &query->resource_type, error);
    if (status == SP_OK)
        status = read_required(place, "action", action, &query->action, error);
    if (status == SP_OK)
        status = read_word(place, "resource.id", resource->id, SP_RESOURCE_ID_MAX_BYTES, &query->resource_id, error);
    return status;
}

/* ---- whole questions ---- */

static enum sp_status finish(struct place place, const struct sp_question_common *common,
                             const Sallyport__V1__ResourceRef *resource, const char *action,
                             struct sp_question *ret_question, struct sp_error *error) {
    if (!common->has_credential)
        return mistake(place, error, "api_key or api_key_sha256", " is required");
    ret_question->ip = common->ip;
    ret_question->query = (struct sp_query){
        .credential_kind = common->credential_kind,
        .credential = common->credential,
        .ip = common->has_ip ? &ret_question->ip : NULL,
        .workspace = common->workspace,
    };
    return read_target(place, resource, action, &ret_question->query, error);
}

enum sp_status sp_question_from_check(const Sallyport__V1__CheckRequest *request, struct sp_question *ret_question,
                                      struct sp_error *error) {
    struct sp_question_common common = {0};
    struct place place = {0};
    enum sp_status status = read_credential(place, (int)request->credential_case, request->api_key,
                                            request->api_key_sha256, &common, error);
    if (status == SP_OK)
        status = read_ip(place, request->ip, &common, error);
    if (status == SP_OK)
        status = read_workspace(place, request->workspace, &common, error);
    if (status == SP_OK)
        status = finish(place, &common, request->resource, request->action, ret_question, error);
    return status;
}

enum sp_status sp_question_common_from_batch(const Sallyport__V1__CheckBatchRequest *request,
                                             struct sp_question_common *ret_common, struct sp_error *error) {
    struct sp_question_common common = {0};
    struct place place = {0};
    enum sp_status status = read_credential(place, (int)request->credential_case, request->api_key,
                                            request->api_key_sha256, &common, error);
    if (status == SP_OK)
        status = read_ip(place, request->ip, &common, error);
    if (status == SP_OK)
        status = read_workspace(place, request->workspace, &common, error);
    if (status == SP_OK)
        *ret_common = common;
    return status;
}

enum sp_status sp_question_from_item(const Sallyport__V1__CheckItem *item, size_t i,
                                     const struct sp_question_common *common, struct sp_question *ret_question,
                                     struct sp_error *error) {
    struct sp_question_common own = *common;
    struct place place = {true, i};
    enum sp_status status =
        read_credential(place, (int)item->credential_case, item->api_key, item->api_key_sha256, &own, error);
    if (status == SP_OK)
        status = read_ip(place, item->ip, &own, error);
    if (status == SP_OK)
        status = read_workspace(place, item->workspace, &own, error);
    if (status == SP_OK)
        status = finish(place, &own, item->resource, item->action, ret_question, error);
    return status;
}

/* ---- lists ---- */

_Static_assert((int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY ==
                       (int)SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_API_KEY &&
                   (int)SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256 ==
                       (int)SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_API_KEY_SHA256,
               "credentials");

static enum sp_status read_list_subject(const Sallyport__V1__ListAllowedResourcesRequest *request,
                                        struct sp_question_common *common,
                                        const Sallyport__V1__PrincipalRef **ret_principal, struct sp_error *error) {
    struct place place = {0};
    struct sp_str word;
    if (request->subject_case != SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_PRINCIPAL) {
        *ret_principal = NULL;
        enum sp_status status = read_credential(place, (int)request->subject_case, request->api_key,
                                                request->api_key_sha256, common, error);
        return status == SP_OK && !common->has_credential
                   ? mistake(place, error, "api_key, api_key_sha256 or principal", " is required")
                   : status;
    }
    *ret_principal = request->principal;
    enum sp_status status = read_required(place, "principal.workspace", request->principal->workspace, &word, error);
    if (status == SP_OK)
        status = read_required(place, "principal.id", request->principal->id, &word, error);
    return status;
}

enum sp_status sp_question_from_list_resources(const Sallyport__V1__ListAllowedResourcesRequest *request,
                                               struct sp_question *ret_question,
                                               const Sallyport__V1__PrincipalRef **ret_principal,
                                               struct sp_error *error) {
    struct sp_question_common common = {0};
    struct place place = {0};
    struct sp_query *query = &ret_question->query;
    enum sp_status status = read_list_subject(request, &common, ret_principal, error);
    if (status == SP_OK)
        status = read_ip(place, request->ip, &common, error);
    if (status == SP_OK)
        status = read_workspace(place, request->workspace, &common, error);
    if (status != SP_OK)
        return status;
    ret_question->ip = common.ip;
    *query = (struct sp_query){
        .credential_kind = common.credential_kind,
        .credential = common.credential,
        .ip = common.has_ip ? &ret_question->ip : NULL,
        .workspace = common.workspace,
    };
    status = read_required(place, "type", request->type, &query->resource_type, error);
    return status == SP_OK ? read_required(place, "action", request->action, &query->action, error) : status;
}

enum sp_status sp_question_from_list_subjects(const Sallyport__V1__ListAllowedSubjectsRequest *request,
                                              struct sp_question *ret_question, struct sp_error *error) {
    struct place place = {0};
    ret_question->query = (struct sp_query){0};
    enum sp_status status = read_target(place, request->resource, request->action, &ret_question->query, error);
    if (status == SP_OK)
        status = read_required(place, "workspace", request->workspace, &ret_question->query.workspace, error);
    return status;
}
