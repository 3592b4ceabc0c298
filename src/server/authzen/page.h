/* Pages of a search, and the tokens that lead from one to the next. */
#ifndef SP_SERVER_AUTHZEN_PAGE_H
#define SP_SERVER_AUTHZEN_PAGE_H

#include <jansson.h>

#include "base/base64url.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "store/records/resource_key.h"

enum { SP_AUTHZEN_PAGE_MAX = 1000, SP_AUTHZEN_TOKEN_BYTES = 2 + 16 + SP_RESOURCE_ID_MAX_BYTES };

struct sp_authzen_page {
    uint16_t limit;
    uint8_t request[16]; /* identifies the request, apart from its page */
    size_t after_size;
    char after[SP_RESOURCE_ID_MAX_BYTES]; /* the last result so far; empty: none */
};

/* Reads `page` of a search's body; `path` is the endpoint's. SP_ERR_INVALID naming the field,
 * and so for a token of another request or with another limit; SP_ERR_MEMORY. */
enum sp_status sp_authzen_page_read(const char *path, json_t *body, struct sp_authzen_page *ret_page,
                                    struct sp_error *error) SP_MUST_USE;

/* The token with which a search goes on after `after`. */
void sp_authzen_token(const struct sp_authzen_page *page, struct sp_str after,
                      char ret_token[static SP_BASE64URL_CHARS(SP_AUTHZEN_TOKEN_BYTES)]);

#endif
