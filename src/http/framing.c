#include "http/framing.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct framing {
    unsigned lengths, encodings, hosts;
    bool bad_name, bad_length, bad_encoding;
};

/* tchar of RFC 9110; libmicrohttpd keeps a space before the colon in the name. */
static bool is_token(const char *name, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return size > 0;
}

static bool is_decimal(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return size > 0 && size < 19;
}

static bool equals_ignoring_case(const char *name, size_t size, const char *wanted) {
    return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

static enum MHD_Result check_header(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                    const char *value, size_t value_size) {
    struct framing *framing = user;
    (void)kind;
    framing->bad_name |= !is_token(name, name_size);
    if (equals_ignoring_case(name, name_size, "content-length")) {
        framing->lengths++;
        framing->bad_length |= !is_decimal(value, value_size);
    } else if (equals_ignoring_case(name, name_size, "transfer-encoding")) {
        framing->encodings++;
        framing->bad_encoding |= !equals_ignoring_case(value, value_size, "chunked");
    } else if (equals_ignoring_case(name, name_size, "host")) {
        framing->hosts++;
    }
    return MHD_YES;
}

const char *sp_http_framing_mistake(struct MHD_Connection *connection) {
    struct framing framing = {0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, check_header, &framing);
    if (framing.bad_name)
        return "a header name contains a character that is not allowed";
    if (framing.lengths > 1 || framing.bad_length)
        return "content-length must be given once, in decimal";
    if (framing.encodings > 1 || framing.bad_encoding)
        return "transfer-encoding can only be \"chunked\", once";
    if (framing.lengths > 0 && framing.encodings > 0)
        return "content-length and transfer-encoding exclude each other";
    if (framing.hosts > 1)
        return "host must be given once";
    return NULL;
}
