#include "server/authzen/request.h"

#include <stdio.h>

#include "core/digest.h"
#include "core/digest_text.h"
#include "core/question_text.h"

json_t *sp_authzen_member(const json_t *object, const char *name) {
    json_t *member = json_object_get(object, name);
    return json_is_null(member) ? NULL : member;
}

/* ---- entities ---- */

static void take_entity(const json_t *object, const char *prefix, const char *name,
                        const struct sp_authzen_entity *otherwise, struct sp_authzen_entity *ret_entity) {
    const json_t *json = sp_authzen_member(object, name);
    if (json == NULL && otherwise != NULL && otherwise->json != NULL) {
        *ret_entity = *otherwise;
        return;
    }
    ret_entity->json = json;
    (void)snprintf(ret_entity->at, sizeof(ret_entity->at), "%s%s", prefix, name);
}

void sp_authzen_entities(const json_t *object, const char *prefix, const struct sp_authzen_entities *defaults,
                         struct sp_authzen_entities *ret_entities) {
    const struct sp_authzen_entities none = {{NULL, ""}, {NULL, ""}, {NULL, ""}, {NULL, ""}};
    const struct sp_authzen_entities *otherwise = defaults != NULL ? defaults : &none;
    take_entity(object, prefix, "subject", &otherwise->subject, &ret_entities->subject);
    take_entity(object, prefix, "action", &otherwise->action, &ret_entities->action);
    take_entity(object, prefix, "resource", &otherwise->resource, &ret_entities->resource);
    take_entity(object, prefix, "context", &otherwise->context, &ret_entities->context);
}

static enum sp_status report_missing_member(const struct sp_authzen_entity *entity, const char *field,
                                            struct sp_error *error) {
    return sp_error_set(error, SP_ERR_INVALID, "%s.%s: is required", entity->at, field);
}

/* A text member, found under the last part of `name`. *ret_text is empty, with no data, if it is
 * missing. */
static enum sp_status read_member(const struct sp_authzen_entity *entity, const json_t *object, const char *name,
                                  enum sp_question_field field, struct sp_str *ret_text, struct sp_error *error) {
    const char *dot = strrchr(name, '.');
    const json_t *json = sp_authzen_member(object, dot != NULL ? dot + 1 : name);
    *ret_text = (struct sp_str){NULL, 0};
    if (json == NULL)
        return SP_OK;
    if (!json_is_string(json))
        return sp_error_set(error, SP_ERR_INVALID, "%s.%s: must be a string", entity->at, name);
    struct sp_str text = {json_string_value(json), json_string_length(json)};
    const char *fault = sp_question_text_fault(field, text);
    if (fault != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s.%s: %s", entity->at, name, fault);
    *ret_text = text;
    return SP_OK;
}

static enum sp_status require_member(const struct sp_authzen_entity *entity, const char *name,
                                     enum sp_question_field field, struct sp_str *ret_text, struct sp_error *error) {
    enum sp_status status = read_member(entity, entity->json, name, field, ret_text, error);
    if (status != SP_OK)
        return status;
    return ret_text->data == NULL ? report_missing_member(entity, name, error) : SP_OK;
}

/* It must be an object; so must its `properties`, if given. */
static enum sp_status check_entity_shape(const struct sp_authzen_entity *entity, struct sp_error *error) {
    const json_t *properties = sp_authzen_member(entity->json, "properties");
    if (entity->json == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s: is required", entity->at);
    if (!json_is_object(entity->json))
        return sp_error_set(error, SP_ERR_INVALID, "%s: must be an object", entity->at);
    if (properties != NULL && !json_is_object(properties))
        return sp_error_set(error, SP_ERR_INVALID, "%s.properties: must be an object", entity->at);
    return SP_OK;
}

static enum sp_status read_entity_workspace(const struct sp_authzen_entity *entity, struct sp_str *ret_workspace,
                                            struct sp_error *error) {
    return read_member(entity, sp_authzen_member(entity->json, "properties"), "properties.workspace",
                       SP_QUESTION_WORKSPACE, ret_workspace, error);
}

/* ---- the subject ---- */

/* "sha256:" and 64 hexadecimal digits. No key's text holds a colon. */
static bool read_digest_scheme(struct sp_str id, uint8_t ret_sha256[static SP_DIGEST_BYTES]) {
    static const char scheme[] = "sha256:";
    const size_t at = sizeof(scheme) - 1;
    if (id.size <= at || memcmp(id.data, scheme, at) != 0)
        return false;
    return sp_sha256_read_hex((struct sp_str){id.data + at, id.size - at}, ret_sha256);
}

static void take_subject_key(struct sp_str id, struct sp_authzen_question *question) {
    struct sp_query *query = &question->query;
    question->subject = SP_AUTHZEN_KEY;
    query->credential_kind = SP_CREDENTIAL_TEXT;
    query->credential = (struct sp_bytes){(const uint8_t *)id.data, id.size};
    if (read_digest_scheme(id, question->sha256)) {
        query->credential_kind = SP_CREDENTIAL_SHA256;
        query->credential = (struct sp_bytes){question->sha256, SP_DIGEST_BYTES};
    }
}

static enum sp_status take_subject_principal(const struct sp_authzen_entity *subject, uint8_t kind, struct sp_str id,
                                             const struct sp_authzen_settings *settings,
                                             struct sp_authzen_question *question, struct sp_error *error) {
    question->subject = SP_AUTHZEN_PRINCIPAL;
    question->principal_kind = kind;
    question->subject_id = id;
    if (question->workspace.size == 0 && settings->workspace != NULL)
        question->workspace = sp_str_from(settings->workspace);
    return question->workspace.size > 0 ? SP_OK : report_missing_member(subject, "properties.workspace", error);
}

/* A subject of another type is denied, whatever its id. */
static enum sp_question_field field_of_subject_id(struct sp_str type) {
    if (sp_str_equal(type, SP_STR_LITERAL("api_key")))
        return SP_QUESTION_KEY;
    if (sp_str_equal(type, SP_STR_LITERAL("user")) || sp_str_equal(type, SP_STR_LITERAL("service_account")))
        return SP_QUESTION_PRINCIPAL;
    return SP_QUESTION_SUBJECT;
}

static enum sp_status read_subject_entity(const struct sp_authzen_entity *subject, enum sp_authzen_shape shape,
                                          const struct sp_authzen_settings *settings,
                                          struct sp_authzen_question *question, struct sp_error *error) {
    bool searched = shape == SP_AUTHZEN_SUBJECT_SEARCH;
    struct sp_str type, id = {NULL, 0};
    enum sp_status status = check_entity_shape(subject, error);
    if (status != SP_OK)
        return status;
    status = require_member(subject, "type", SP_QUESTION_SUBJECT, &type, error);
    if (status != SP_OK)
        return status;
    question->subject_type = type;
    type = sp_authzen_translate(&settings->subject_types, type);
    if (!searched) {
        status = require_member(subject, "id", field_of_subject_id(type), &id, error);
        if (status != SP_OK)
            return status;
    }
    status = read_entity_workspace(subject, &question->workspace, error);
    if (status != SP_OK)
        return status;
    if (sp_str_equal(type, SP_STR_LITERAL("user")))
        return take_subject_principal(subject, 1, id, settings, question, error);
    if (sp_str_equal(type, SP_STR_LITERAL("service_account")))
        return take_subject_principal(subject, 2, id, settings, question, error);
    if (!sp_str_equal(type, SP_STR_LITERAL("api_key")))
        return SP_OK;
    if (searched)
        return sp_error_set(error, SP_ERR_INVALID,
                            "%s.type: keys cannot be searched: search for user or service_account", subject->at);
    take_subject_key(id, question);
    return SP_OK;
}

/* ---- action, resource, context ---- */

/* true chooses the property's name, a text chooses itself. */
static void choose_word(const struct sp_authzen_entity *entity, const char *name,
                        struct sp_authzen_question *question) {
    const json_t *value = sp_authzen_member(sp_authzen_member(entity->json, "properties"), name);
    struct sp_str word = {NULL, 0};
    if (json_is_true(value))
        word = sp_str_from(name);
    else if (json_is_string(value))
        word = (struct sp_str){json_string_value(value), json_string_length(value)};
    if (word.size > 0 && word.size <= SP_ID_MAX_BYTES && question->word_count < SP_AUTHZEN_VARIANTS)
        question->words[question->word_count++] = word;
}

static void choose_words(const struct sp_authzen_entities *entities, const struct sp_option_texts *properties,
                         struct sp_authzen_question *question) {
    for (size_t i = 0; i < properties->count; i++) {
        const char *property = properties->values[i];
        if (strncmp(property, "action.", 7) == 0)
            choose_word(&entities->action, property + 7, question);
        else
            choose_word(&entities->resource, property + 9, question);
    }
}

static enum sp_status read_action_entity(const struct sp_authzen_entity *action, enum sp_authzen_shape shape,
                                         struct sp_query *query, struct sp_error *error) {
    if (shape == SP_AUTHZEN_ACTION_SEARCH)
        return SP_OK;
    enum sp_status status = check_entity_shape(action, error);
    if (status != SP_OK)
        return status;
    return require_member(action, "name", SP_QUESTION_ACTION, &query->action, error);
}

static enum sp_status read_resource_entity(const struct sp_authzen_entity *resource, enum sp_authzen_shape shape,
                                           struct sp_query *query, struct sp_error *error) {
    enum sp_status status = check_entity_shape(resource, error);
    if (status != SP_OK)
        return status;
    status = require_member(resource, "type", SP_QUESTION_TYPE, &query->resource_type, error);
    if (status != SP_OK)
        return status;
    if (shape != SP_AUTHZEN_RESOURCE_SEARCH) {
        status = require_member(resource, "id", SP_QUESTION_ID, &query->resource_id, error);
        if (status != SP_OK)
            return status;
    }
    return read_entity_workspace(resource, &query->workspace, error);
}

static enum sp_status read_context_entity(const struct sp_authzen_entity *context, struct sp_authzen_question *question,
                                          struct sp_error *error) {
    struct sp_error why;
    if (context->json == NULL)
        return SP_OK;
    if (!json_is_object(context->json))
        return sp_error_set(error, SP_ERR_INVALID, "%s: must be an object", context->at);
    const json_t *ip = sp_authzen_member(context->json, "ip");
    if (ip == NULL)
        return SP_OK;
    if (!json_is_string(ip))
        return sp_error_set(error, SP_ERR_INVALID, "%s.ip: must be a string", context->at);
    struct sp_str text = {json_string_value(ip), json_string_length(ip)};
    if (sp_ip_parse(text, &question->ip, &why) != SP_OK)
        return sp_error_set(error, SP_ERR_INVALID, "%s.ip: %s", context->at, why.message);
    question->query.ip = &question->ip;
    return SP_OK;
}

enum sp_status sp_authzen_read(const struct sp_authzen_entities *entities, enum sp_authzen_shape shape,
                               const struct sp_authzen_settings *settings, struct sp_authzen_question *ret_question,
                               struct sp_error *error) {
    *ret_question = (struct sp_authzen_question){.subject = SP_AUTHZEN_NOBODY};
    enum sp_status status = read_subject_entity(&entities->subject, shape, settings, ret_question, error);
    if (status != SP_OK)
        return status;
    status = read_action_entity(&entities->action, shape, &ret_question->query, error);
    if (status != SP_OK)
        return status;
    status = read_resource_entity(&entities->resource, shape, &ret_question->query, error);
    if (status != SP_OK)
        return status;
    status = read_context_entity(&entities->context, ret_question, error);
    if (status != SP_OK)
        return status;
    choose_words(entities, &settings->properties, ret_question);
    return SP_OK;
}
