#include "core/route_path.h"

#include "base/text.h"
#include "core/route_segment.h"

/* What each ASCII byte of a path is (RFC 3986 section 3.3): u unreserved, r one of the reserved
 * that may stand in a segment ('+', which needs care, is itself), '.' none of a path's; the others
 * are themselves. */
static const char classes[] = "................"
                              "................"
                              ".r.#r%rrrrr+ruu/"
                              "uuuuuuuuuur;.r.?"
                              "ruuuuuuuuuuuuuuu"
                              "uuuuuuuuuuu.\\..u"
                              ".uuuuuuuuuuuuuuu"
                              "uuuuuuuuuuu...u.";
_Static_assert(sizeof(classes) == 128 + 1, "one for each ASCII byte");

static char classify_byte(char byte) {
    if ((uint8_t)byte < 0x80)
        return classes[(uint8_t)byte];
    return '.';
}

static bool is_control_byte(char byte) {
    return (uint8_t)byte < 0x20 || byte == 0x7f;
}

bool sp_route_is_literal_char(char c) {
    char class = classify_byte(c);
    return class == 'u' || class == 'r' || class == '+';
}

bool sp_route_method_is_token(struct sp_str method) {
    for (size_t i = 0; i < method.size; i++)
        if (!sp_text_is_token_char(method.data[i]))
            return false;
    return method.size > 0 && method.size <= SP_ROUTE_METHOD_MAX_BYTES;
}

/* What is being read, and what is known of the segment that has begun. */
struct reader {
    struct sp_route_path *path;
    char *at; /* where the next decoded byte goes */
    char *begin;
    bool beyond_ascii;
    bool encoded_reserved;
    bool encoded_colon;
    bool raw_plus;
};

static int digit_of(char c) {
    char folded = sp_route_fold(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

static const char *explain_raw_byte(char byte) {
    switch (classify_byte(byte)) {
    case ';':
        return "the path has parameters (';'), which some cut off";
    case '\\':
        return "the path has a backslash, which some read as a slash";
    case '#':
        return "the target has a fragment ('#'), which is never sent";
    default:
        return is_control_byte(byte) ? "the path has control characters"
                                     : "the path has a character that must be percent-encoded";
    }
}

/* NULL if everybody reads the decoded byte as data. */
static const char *explain_encoded_byte(char byte) {
    switch (classify_byte(byte)) {
    case '/':
        return "the path has an encoded slash (%2F)";
    case '\\':
        return "the path has an encoded backslash (%5C)";
    case '%':
        return "the path has an encoded percent sign (%25): decoding it twice gives another path";
    case ';':
        return "the path has an encoded ';' (%3B), which some read as the beginning of parameters";
    case '?':
    case '#':
        return "the path has an encoded '?' or '#', which some read as its end";
    default:
        return is_control_byte(byte) ? "the path has encoded control characters" : NULL;
    }
}

/* `escape` is at the '%', with `left` bytes from there on. */
static const char *read_escape(struct reader *reader, const char *escape, size_t left) {
    int high = left > 1 ? digit_of(escape[1]) : -1;
    int low = left > 2 ? digit_of(escape[2]) : -1;
    if (high < 0 || low < 0)
        return "the path has a '%' without two hexadecimal digits";
    char byte = (char)(high << 4 | low);
    const char *why = explain_encoded_byte(byte);
    if (why != NULL)
        return why;
    reader->beyond_ascii |= (uint8_t)byte >= 0x80;
    reader->encoded_reserved |= classify_byte(byte) == 'r' || classify_byte(byte) == '+';
    reader->encoded_colon |= byte == ':';
    *reader->at++ = byte;
    return NULL;
}

static bool is_dots(struct sp_str segment) {
    return (segment.size == 1 || segment.size == 2) && memcmp(segment.data, "..", segment.size) == 0;
}

static const char *end_segment(struct reader *reader, bool last) {
    struct sp_str segment = {reader->begin, (size_t)(reader->at - reader->begin)};
    struct sp_route_path *path = reader->path;
    if (segment.size == 0 && !last)
        return "the path has an empty segment (\"//\")";
    if (is_dots(segment))
        return "the path has a \".\" or \"..\" segment";
    if (reader->beyond_ascii && !sp_text_is_utf8(segment))
        return "the path's encoded bytes are not UTF-8";
    if (reader->beyond_ascii && !sp_text_is_printable(segment))
        return "the path has encoded control characters";
    if (path->count < SP_ROUTE_MAX_SEGMENTS) {
        path->segments[path->count] = segment;
        path->encoded_reserved |= (uint32_t)reader->encoded_reserved << path->count;
        path->encoded_colon |= (uint32_t)reader->encoded_colon << path->count;
        path->raw_plus |= (uint32_t)reader->raw_plus << path->count;
    }
    path->count++;
    if (!last)
        *reader->at++ = '/';
    *reader = (struct reader){.path = path, .at = reader->at, .begin = reader->at};
    return NULL;
}

/* The path without its first '/'. */
static const char *read_segments(struct reader *reader, struct sp_str text) {
    for (size_t i = 0; i < text.size; i++) {
        const char *why = NULL;
        char class = classify_byte(text.data[i]);
        if (class == 'u' || class == 'r' || class == '+') {
            *reader->at++ = text.data[i];
            reader->raw_plus |= class == '+';
        } else if (class == '/') {
            why = end_segment(reader, false);
        } else if (class == '%') {
            why = read_escape(reader, text.data + i, text.size - i);
            i += 2;
        } else {
            why = explain_raw_byte(text.data[i]);
        }
        if (why != NULL)
            return why;
    }
    return end_segment(reader, true);
}

static const char *explain_query_fault(struct sp_str query) {
    for (size_t i = 0; i < query.size; i++) {
        if (query.data[i] == '#')
            return explain_raw_byte('#');
        if (query.data[i] == ' ' || is_control_byte(query.data[i]))
            return "the query has a space or control characters";
    }
    return NULL;
}

const char *sp_route_path_read(struct sp_str target, char scratch[static SP_ROUTE_SCRATCH_BYTES],
                               struct sp_route_path *ret_path) {
    struct sp_str text = target;
    struct sp_str query = {0};
    ret_path->count = 0;
    ret_path->encoded_reserved = 0;
    ret_path->encoded_colon = 0;
    ret_path->raw_plus = 0;
    if (target.size == 0 || target.data[0] != '/')
        return "the target is not a path: it does not begin with '/'";
    const char *mark = memchr(target.data, '?', target.size);
    if (mark != NULL) {
        text.size = (size_t)(mark - text.data);
        query = (struct sp_str){mark + 1, target.size - text.size - 1};
    }
    if (text.size > SP_ROUTE_PATH_MAX_BYTES)
        return "the path is longer than 4,096 bytes";
    struct reader reader = {.path = ret_path, .at = scratch, .begin = scratch};
    const char *why = read_segments(&reader, (struct sp_str){text.data + 1, text.size - 1});
    return why != NULL ? why : explain_query_fault(query);
}
