/* Inside core/route: the segments of a template, and texts that differ only in case. */
#ifndef SP_CORE_ROUTE_SEGMENT_H
#define SP_CORE_ROUTE_SEGMENT_H

#include "base/bytes.h"

/* What a segment of a template takes. In the order of who wins. */
enum sp_route_piece_kind {
    SP_ROUTE_LITERAL, /* its own text */
    SP_ROUTE_SUFFIX,  /* {name}:verb and {name}.json: a text before a suffix */
    SP_ROUTE_CAPTURE, /* {name}: a text that is not empty */
    SP_ROUTE_REST,    /* {name...}: this segment and all that follow, none of them empty */
};

struct sp_route_piece {
    enum sp_route_piece_kind kind;
    struct sp_str name; /* of what is captured */
    struct sp_str text; /* the literal, or the suffix with its separator */
};

/* Cuts the next segment off what is left of a template that was accepted, which begins with '/';
 * of nothing, nothing. */
static inline struct sp_str sp_route_next_segment(struct sp_str *rest) {
    if (rest->size == 0)
        return *rest;
    struct sp_str segment = {rest->data + 1, rest->size - 1};
    const char *slash = memchr(segment.data, '/', segment.size);
    if (slash != NULL)
        segment.size = (size_t)(slash - segment.data);
    *rest = (struct sp_str){segment.data + segment.size, rest->size - 1 - segment.size};
    return segment;
}

/* Takes a segment of a template apart. A text with braces that stand wrongly is a literal. */
static inline struct sp_route_piece sp_route_piece_of(struct sp_str segment) {
    struct sp_route_piece piece = {.kind = SP_ROUTE_LITERAL, .text = segment};
    const char *end = segment.size > 0 && segment.data[0] == '{' ? memchr(segment.data, '}', segment.size) : NULL;
    if (end == NULL)
        return piece;
    piece.name = (struct sp_str){segment.data + 1, (size_t)(end - segment.data) - 1};
    piece.text = (struct sp_str){end + 1, segment.size - piece.name.size - 2};
    piece.kind = piece.text.size > 0 ? SP_ROUTE_SUFFIX : SP_ROUTE_CAPTURE;
    if (piece.kind == SP_ROUTE_CAPTURE && piece.name.size > 3 &&
        memcmp(piece.name.data + piece.name.size - 3, "...", 3) == 0) {
        piece.name.size -= 3;
        piece.kind = SP_ROUTE_REST;
    }
    return piece;
}

static inline bool sp_route_is_separator(char c) {
    return c == ':' || c == '.';
}

/* Where the last separator of a text stands; the text's size for none. A suffix has one, at its
 * beginning, so a text has one suffix at most. */
static inline size_t sp_route_find_suffix(struct sp_str text) {
    for (size_t at = text.size; at > 0; at--)
        if (sp_route_is_separator(text.data[at - 1]))
            return at - 1;
    return text.size;
}

/* Whether what stands before a suffix may be captured: it is not empty, and does not have the
 * suffix's separator, at which somebody could cut instead. */
static inline bool sp_route_may_precede_suffix(struct sp_str before, char separator) {
    return before.size > 0 && memchr(before.data, separator, before.size) == NULL;
}

static inline char sp_route_fold(char c) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    if (c >= 'A' && c <= 'Z')
        return letters[c - 'A'];
    return c;
}

/* Whether the two are the same but for the case of ASCII letters. */
static inline bool sp_route_equal_folded(struct sp_str a, struct sp_str b) {
    for (size_t i = 0; a.size == b.size && i < a.size; i++)
        if (sp_route_fold(a.data[i]) != sp_route_fold(b.data[i]))
            return false;
    return a.size == b.size;
}

#endif
