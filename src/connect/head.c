#include "connect/head.h"

#include <string.h>
#include <strings.h>

/* ---- media types ---- */

static const char *const media_types[2][2] = {
    {[SP_CONNECT_JSON] = "application/json", [SP_CONNECT_PROTO] = "application/proto"},
    {[SP_CONNECT_JSON] = "application/connect+json", [SP_CONNECT_PROTO] = "application/connect+proto"},
};

const char *sp_connect_media_type(enum sp_connect_codec codec, bool is_stream) {
    return media_types[is_stream][codec];
}

/* Takes what comes before the next separator, without blanks around it. */
static struct sp_str take_part(struct sp_str *rest, char separator) {
    const char *end = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct sp_str part = {rest->data, size};
    size_t taken = end == NULL ? size : size + 1;
    *rest = (struct sp_str){rest->data + taken, rest->size - taken};
    return sp_str_trim_blanks(part);
}

static bool names_other_charset(struct sp_str parameters) {
    static const char name[] = "charset=";
    while (parameters.size > 0) {
        struct sp_str part = take_part(&parameters, ';');
        if (part.size < sizeof(name) - 1 || strncasecmp(part.data, name, sizeof(name) - 1) != 0)
            continue;
        struct sp_str charset = {part.data + sizeof(name) - 1, part.size - (sizeof(name) - 1)};
        if (!sp_str_equal_ignoring_case(charset, SP_STR_LITERAL("utf-8")) &&
            !sp_str_equal_ignoring_case(charset, SP_STR_LITERAL("\"utf-8\"")))
            return true;
    }
    return false;
}

bool sp_connect_find_codec(struct sp_str media_type, bool is_stream, enum sp_connect_codec *ret_codec) {
    struct sp_str rest = media_type;
    struct sp_str type = take_part(&rest, ';');
    if (names_other_charset(rest))
        return false;
    for (unsigned codec = SP_CONNECT_JSON; codec <= SP_CONNECT_PROTO; codec++)
        if (sp_str_equal_ignoring_case(type, sp_str_from(media_types[is_stream][codec]))) {
            *ret_codec = (enum sp_connect_codec)codec;
            return true;
        }
    return false;
}

/* ---- encodings ---- */

/* "q=0", "q=0.000" */
static bool is_ruled_out(struct sp_str parameters) {
    while (parameters.size > 0) {
        struct sp_str part = take_part(&parameters, ';');
        if (part.size < 3 || strncasecmp(part.data, "q=0", 3) != 0)
            continue;
        size_t at = 3;
        while (at < part.size && (part.data[at] == '.' || part.data[at] == '0'))
            at++;
        return at == part.size;
    }
    return false;
}

bool sp_connect_accepts_gzip(struct sp_str list) {
    while (list.size > 0) {
        struct sp_str rest = take_part(&list, ',');
        struct sp_str name = take_part(&rest, ';');
        if (sp_str_equal_ignoring_case(name, SP_STR_LITERAL("gzip")) && !is_ruled_out(rest))
            return true;
    }
    return false;
}

/* The only value of a header; empty if it is missing. */
static enum sp_status read_single_header(const struct sp_http_exchange *exchange, const char *name,
                                         struct sp_str *ret_value, struct sp_error *error) {
    size_t count = 0;
    struct sp_str value = sp_http_header(exchange, name, &count);
    if (count > 1)
        return sp_error_set(error, SP_ERR_INVALID, "%s: send this header once", name);
    *ret_value = count == 0 ? (struct sp_str){NULL, 0} : value;
    return SP_OK;
}

static enum sp_status read_encoding(const struct sp_http_exchange *exchange, const char *name, bool *ret_is_gzip,
                                    struct sp_error *error) {
    struct sp_str value = {NULL, 0};
    enum sp_status status = read_single_header(exchange, name, &value, error);
    if (status != SP_OK)
        return status;
    *ret_is_gzip = sp_str_equal_ignoring_case(value, SP_STR_LITERAL("gzip"));
    if (*ret_is_gzip || value.size == 0 || sp_str_equal_ignoring_case(value, SP_STR_LITERAL("identity")))
        return SP_OK;
    return sp_error_set(error, SP_ERR_UNIMPLEMENTED, "%s: this server supports gzip and identity", name);
}

/* ---- the others ---- */

static enum sp_status read_timeout(const struct sp_http_exchange *exchange, int64_t *ret_timeout_ms,
                                   struct sp_error *error) {
    struct sp_str value = {NULL, 0};
    int64_t timeout_ms = 0;
    *ret_timeout_ms = INT64_MAX;
    enum sp_status status = read_single_header(exchange, "Connect-Timeout-Ms", &value, error);
    if (status != SP_OK || value.data == NULL)
        return status;
    bool valid = value.size > 0 && value.size <= SP_CONNECT_MAX_TIMEOUT_DIGITS;
    for (size_t i = 0; i < value.size && valid; i++) {
        valid = value.data[i] >= '0' && value.data[i] <= '9';
        timeout_ms = timeout_ms * 10 + (value.data[i] - '0');
    }
    if (!valid)
        return sp_error_set(error, SP_ERR_INVALID, "Connect-Timeout-Ms: must be milliseconds in 1 to %d digits",
                            SP_CONNECT_MAX_TIMEOUT_DIGITS);
    *ret_timeout_ms = timeout_ms;
    return SP_OK;
}

static enum sp_status check_protocol_version(const struct sp_http_exchange *exchange, struct sp_error *error) {
    struct sp_str value = {NULL, 0};
    enum sp_status status = read_single_header(exchange, "Connect-Protocol-Version", &value, error);
    if (status != SP_OK || value.data == NULL || sp_str_equal(value, SP_STR_LITERAL("1")))
        return status;
    return sp_error_set(error, SP_ERR_INVALID, "Connect-Protocol-Version: must be 1 if it is sent");
}

enum sp_status sp_connect_read_head(const struct sp_http_exchange *exchange, bool is_stream,
                                    struct sp_connect_head *head, struct sp_error *error) {
    size_t count = 0;
    enum sp_status status = check_protocol_version(exchange, error);
    if (status != SP_OK)
        return status;
    status = read_timeout(exchange, &head->timeout_ms, error);
    if (status != SP_OK)
        return status;
    head->accepts_gzip = sp_connect_accepts_gzip(
        sp_http_header(exchange, is_stream ? "Connect-Accept-Encoding" : "Accept-Encoding", &count));
    return read_encoding(exchange, is_stream ? "Connect-Content-Encoding" : "Content-Encoding", &head->is_gzip, error);
}
