/* A token holds the limit, a digest of the request, and the last result: no state is kept
 * between pages, and any server over the same store accepts it. It gives no rights: the list is
 * the same with or without it. */
#include "server/authzen/page.h"

#include <stdlib.h>

#include "core/digest.h"
#include "server/authzen/request.h"
#include "store/records/resource_key.h"

enum { LIMIT_BYTES = 2, REQUEST_BYTES = 16 };

/* A digest of the body without its page, in one spelling. */
static enum sp_status identify_request(const char *path, json_t *body, uint8_t ret_request[static REQUEST_BYTES]) {
    uint8_t digest[SP_DIGEST_BYTES];
    json_t *rest = json_copy(body);
    json_t *properties = sp_authzen_member(sp_authzen_member(body, "page"), "properties");
    if (rest == NULL || json_object_set_new(rest, "page", json_string(path)) != 0 ||
        (properties != NULL && json_object_set(rest, "page.properties", properties) != 0)) {
        json_decref(rest);
        return SP_ERR_MEMORY;
    }
    char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(rest);
    if (text == NULL)
        return SP_ERR_MEMORY;
    sp_sha256(text, strlen(text), digest);
    explicit_bzero(text, strlen(text)); /* a subject may be a key */
    free(text);
    memcpy(ret_request, digest, REQUEST_BYTES);
    return SP_OK;
}

static enum sp_status read_page_limit(const json_t *page, struct sp_authzen_page *into, bool *ret_given,
                                      struct sp_error *error) {
    const json_t *limit = sp_authzen_member(page, "limit");
    *ret_given = limit != NULL;
    if (limit == NULL)
        return SP_OK;
    if (!json_is_integer(limit) || json_integer_value(limit) < 0)
        return sp_error_set(error, SP_ERR_INVALID, "page.limit: must be a non-negative integer");
    into->limit =
        (uint16_t)(json_integer_value(limit) < SP_AUTHZEN_PAGE_MAX ? json_integer_value(limit) : SP_AUTHZEN_PAGE_MAX);
    return SP_OK;
}

/* For the next page, a request may leave the limit out but not change it. */
static enum sp_status read_page_token(const json_t *token, bool limit_given, struct sp_authzen_page *page,
                                      struct sp_error *error) {
    uint8_t bytes[SP_AUTHZEN_TOKEN_BYTES];
    size_t size = 0;
    if (!json_is_string(token))
        return sp_error_set(error, SP_ERR_INVALID, "page.token: must be a string");
    struct sp_str text = {json_string_value(token), json_string_length(token)};
    if (text.size == 0)
        return SP_OK;
    if (!sp_base64url_decode(text, bytes, sizeof(bytes), &size) || size < LIMIT_BYTES + REQUEST_BYTES ||
        sp_load_be16(bytes) > SP_AUTHZEN_PAGE_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "page.token: is not a token that a search returned");
    if (memcmp(bytes + LIMIT_BYTES, page->request, REQUEST_BYTES) != 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "page.token: belongs to another request; only the token may change from page to page");
    if (limit_given && sp_load_be16(bytes) != page->limit)
        return sp_error_set(error, SP_ERR_INVALID, "page.limit: must be the same as for the first page, or left out");
    page->limit = sp_load_be16(bytes);
    page->after_size = size - LIMIT_BYTES - REQUEST_BYTES;
    memcpy(page->after, bytes + LIMIT_BYTES + REQUEST_BYTES, page->after_size);
    return SP_OK;
}

enum sp_status sp_authzen_page_read(const char *path, json_t *body, struct sp_authzen_page *ret_page,
                                    struct sp_error *error) {
    const json_t *page = sp_authzen_member(body, "page"), *token = sp_authzen_member(page, "token");
    const json_t *properties = sp_authzen_member(page, "properties");
    bool limit_given = false;
    *ret_page = (struct sp_authzen_page){.limit = SP_AUTHZEN_PAGE_MAX};
    if (page != NULL && !json_is_object(page))
        return sp_error_set(error, SP_ERR_INVALID, "page: must be an object");
    if (properties != NULL && !json_is_object(properties))
        return sp_error_set(error, SP_ERR_INVALID, "page.properties: must be an object");
    enum sp_status status = identify_request(path, body, ret_page->request);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = read_page_limit(page, ret_page, &limit_given, error);
    if (status != SP_OK || token == NULL)
        return status;
    return read_page_token(token, limit_given, ret_page, error);
}

void sp_authzen_token(const struct sp_authzen_page *page, struct sp_str after,
                      char ret_token[static SP_BASE64URL_CHARS(SP_AUTHZEN_TOKEN_BYTES)]) {
    uint8_t bytes[SP_AUTHZEN_TOKEN_BYTES];
    size_t size = after.size <= SP_RESOURCE_ID_MAX_BYTES ? after.size : 0;
    sp_store_be16(bytes, page->limit);
    memcpy(bytes + LIMIT_BYTES, page->request, REQUEST_BYTES);
    if (size > 0)
        memcpy(bytes + LIMIT_BYTES + REQUEST_BYTES, after.data, size);
    sp_base64url_encode((struct sp_bytes){bytes, LIMIT_BYTES + REQUEST_BYTES + size}, ret_token);
}
