/* An AuthZEN body, whatever it holds: what is taken keeps every limit of a question, what is
 * refused names a place and never says the subject's id, which may be a key. The first byte chooses
 * the endpoint, the rest is the body. A page that is taken gives a token that is taken again, and
 * no other request's. */
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/key_text.h"
#include "server/authzen/page.h"
#include "server/authzen/request.h"
#include "store/records/resource_key.h"
#include "wire/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sp_authzen_settings settings[] = {
    {.workspace = NULL},
    {.workspace = "acme", .properties = {{"action.soft", "resource.status"}, 2}},
};

static void require(bool condition) {
    if (!condition)
        abort();
}

static bool is_text(struct sp_str text, size_t most) {
    return text.size <= most && sp_text_is_printable(text);
}

static void check_question(const struct sp_authzen_question *question, enum sp_authzen_shape shape) {
    const struct sp_query *query = &question->query;
    require(is_text(query->resource_type, SP_ID_MAX_BYTES) && query->resource_type.data != NULL);
    require(is_text(query->resource_id, SP_RESOURCE_ID_MAX_BYTES));
    require((query->resource_id.data != NULL) == (shape != SP_AUTHZEN_RESOURCE_SEARCH));
    require(is_text(query->action, SP_ID_MAX_BYTES));
    require((query->action.data != NULL) == (shape != SP_AUTHZEN_ACTION_SEARCH));
    require(is_text(query->workspace, SP_ID_MAX_BYTES) && is_text(question->workspace, SP_ID_MAX_BYTES));
    require(query->ip == NULL || query->ip == &question->ip);
    require(question->word_count <= 2);
    for (size_t i = 0; i < question->word_count; i++)
        require(question->words[i].size > 0 && question->words[i].size <= SP_ID_MAX_BYTES);
    switch (question->subject) {
    case SP_AUTHZEN_NOBODY:
        require(query->credential.size == 0 && query->known_key == NULL);
        break;
    case SP_AUTHZEN_KEY:
        require(shape != SP_AUTHZEN_SUBJECT_SEARCH && query->credential.data != NULL);
        require(query->credential_kind == SP_CREDENTIAL_TEXT
                    ? query->credential.size <= SP_KEY_PRESENTED_MAX_BYTES
                    : query->credential.data == question->sha256 && query->credential.size == SP_DIGEST_BYTES);
        break;
    case SP_AUTHZEN_PRINCIPAL:
        require(question->workspace.size > 0 && query->credential.size == 0);
        require(question->principal_kind == 1 || question->principal_kind == 2);
        break;
    }
}

static void check_mistake(const json_t *body, const struct sp_error *error) {
    const char *id = json_string_value(json_object_get(json_object_get(body, "subject"), "id"));
    require(error->status == SP_ERR_INVALID && error->message[0] != '\0');
    require(id == NULL || strlen(id) < 20 || strstr(error->message, id) == NULL);
}

static void check_page(const char *path, json_t *body) {
    struct sp_authzen_page page, again;
    struct sp_error error = {0};
    char token[SP_BASE64URL_CHARS(SP_AUTHZEN_TOKEN_BYTES)];
    if (sp_authzen_page_read(path, body, &page, &error) != SP_OK) {
        require(strncmp(error.message, "page", 4) == 0);
        return;
    }
    require(page.limit <= SP_AUTHZEN_PAGE_MAX && page.after_size <= sizeof(page.after));
    sp_authzen_token(&page, (struct sp_str){page.after, page.after_size}, token);
    json_t *next = json_pack("{s:s}", "token", token),
           *properties = json_object_get(json_object_get(body, "page"), "properties");
    require(next != NULL && (properties == NULL || json_object_set(next, "properties", properties) == 0));
    require(json_object_set_new(body, "page", next) == 0);
    require(sp_authzen_page_read(path, body, &again, &error) == SP_OK);
    require(again.limit == page.limit && again.after_size == page.after_size &&
            memcmp(again.after, page.after, page.after_size) == 0);
    require(sp_authzen_page_read("/other", body, &again, &error) == SP_ERR_INVALID);
    require(json_object_set_new(body, "one more", json_true()) == 0);
    require(sp_authzen_page_read(path, body, &again, &error) == SP_ERR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_error error = {0};
    json_t *body = NULL;
    if (size < 1 ||
        sp_json_parse_request_with_nul((struct sp_str){(const char *)data + 1, size - 1}, &body, &error) != SP_OK)
        return 0;
    enum sp_authzen_shape shape = (enum sp_authzen_shape)(data[0] % 4);
    if (json_is_object(body)) {
        struct sp_authzen_entities entities;
        struct sp_authzen_question question;
        sp_authzen_entities(body, "", NULL, &entities);
        if (sp_authzen_read(&entities, shape, &settings[data[0] / 4 % 2], &question, &error) == SP_OK)
            check_question(&question, shape);
        else
            check_mistake(body, &error);
        if (json_object_get(body, "one more") == NULL)
            check_page("/access/v1/search/resource", body);
    }
    json_decref(body);
    return 0;
}
