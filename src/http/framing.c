#include "http/framing.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

struct framing {
    unsigned lengths, encodings, hosts;
    bool bad_name, bad_value, bad_length, bad_encoding, bad_line;
    const char *line_end; /* of the line before: where its CR was. NULL: lines are not followed */
};

enum { LINE_END_BYTES = 2 };

/* libmicrohttpd 0.9.75 ends a value at NUL, takes a bare LF for a line's end, and puts a folded
 * line into the next header's name. Its texts lie in the buffer that the request was read to, so
 * what is hidden shows as a gap between them. Later releases refuse all of it, and have other
 * buffers. */
static bool can_follow_lines(void) {
    return strcmp(MHD_get_version(), "0.9.75") == 0;
}

/* libmicrohttpd keeps a space before the colon in the name. */
static bool is_token(const char *name, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!sp_text_is_token_char(name[i]))
            return false;
    return size > 0;
}

/* No control characters but tabs (RFC 9110 section 5.5); a bare CR may end a line elsewhere. */
static bool is_field_value(const char *value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_decimal(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return size > 0 && size < 19;
}

static enum MHD_Result note_header_faults(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                          const char *value, size_t value_size) {
    struct framing *framing = user;
    const struct sp_str field = {name, name_size};
    (void)kind;
    framing->bad_name |= !is_token(name, name_size);
    framing->bad_value |= !is_field_value(value, value_size);
    if (framing->line_end != NULL) {
        framing->bad_line |= name != framing->line_end + LINE_END_BYTES || value < name + name_size;
        framing->line_end = value + value_size;
    }
    if (sp_str_equal_ignoring_case(field, SP_STR_LITERAL("content-length"))) {
        framing->lengths++;
        framing->bad_length |= !is_decimal(value, value_size);
    } else if (sp_str_equal_ignoring_case(field, SP_STR_LITERAL("transfer-encoding"))) {
        framing->encodings++;
        framing->bad_encoding |=
            !sp_str_equal_ignoring_case((struct sp_str){value, value_size}, SP_STR_LITERAL("chunked"));
    } else if (sp_str_equal_ignoring_case(field, SP_STR_LITERAL("host"))) {
        framing->hosts++;
    }
    return MHD_YES;
}

/* The last line ends where the empty one begins. */
static bool has_hidden_end(struct MHD_Connection *connection, const char *method, const char *line_end) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info == NULL || method + info->header_size != line_end + (size_t)2 * LINE_END_BYTES;
}

const char *sp_http_framing_mistake(struct MHD_Connection *connection, const char *method, const char *version) {
    struct framing framing = {0};
    bool follows_lines = method != NULL && version != NULL && can_follow_lines();
    if (follows_lines)
        framing.line_end = version + strlen(version);
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, note_header_faults, &framing);
    if (framing.bad_name)
        return "a header name contains a character that is not allowed";
    if (framing.bad_value)
        return "a header value contains a control character";
    if (framing.bad_line || (follows_lines && has_hidden_end(connection, method, framing.line_end)))
        return "each header must be one line without NUL that ends in CR LF";
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
