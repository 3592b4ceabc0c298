/* Inside core/route: the segments of a template, and texts that differ only in case. */
#ifndef SP_CORE_ROUTE_SEGMENT_H
#define SP_CORE_ROUTE_SEGMENT_H

#include "base/bytes.h"

/* Cuts the next segment off what is left of a template that was accepted, which begins with '/'. */
static inline struct sp_str sp_route_next_segment(struct sp_str *rest) {
    struct sp_str segment = {rest->data + 1, rest->size - 1};
    const char *slash = memchr(segment.data, '/', segment.size);
    if (slash != NULL)
        segment.size = (size_t)(slash - segment.data);
    *rest = (struct sp_str){segment.data + segment.size, rest->size - 1 - segment.size};
    return segment;
}

static inline bool sp_route_is_capture(struct sp_str segment) {
    return segment.size > 0 && segment.data[0] == '{';
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
