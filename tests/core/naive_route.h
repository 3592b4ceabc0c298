/* The oracle of the route matcher: the same promises (core/route.h), kept in the plainest way that
 * could be thought of. It looks at every route for every path, splits before it decodes, and shares
 * no code with the matcher. For tests. */
#ifndef SP_TESTS_NAIVE_ROUTE_H
#define SP_TESTS_NAIVE_ROUTE_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/route.h"
#include "core/route_match.h"

struct naive_match {
    enum sp_route_outcome outcome;
    size_t index;
    char id[SP_ROUTE_PATH_MAX_BYTES + 1];
};

struct naive_path {
    size_t count;
    struct naive_segment {
        char *text; /* decoded */
        bool encoded_reserved, raw_plus;
    } * segments;
    char *memory;
};

/* ---- text ---- */

static bool naive_in(unsigned char byte, const char *set) {
    return byte != '\0' && strchr(set, byte) != NULL;
}

static bool naive_is_utf8_without_controls(const unsigned char *text) {
    while (*text != '\0') {
        unsigned long point = *text;
        int more = point < 0x80 ? 0 : point >> 5 == 6 ? 1 : point >> 4 == 14 ? 2 : point >> 3 == 30 ? 3 : -1;
        static const unsigned long least[] = {0, 0x80, 0x800, 0x10000};
        if (more < 0)
            return false;
        point &= more == 0 ? 0x7f : 0x3fU >> more;
        text++;
        for (int i = 0; i < more; i++, text++) {
            if (*text >> 6 != 2)
                return false;
            point = point << 6 | (*text & 0x3f);
        }
        if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) || point < 0x20 ||
            (point >= 0x7f && point < 0xa0))
            return false;
    }
    return true;
}

/* Decodes a raw segment into `segment`; false: refused. */
static bool naive_decode(const char *raw, size_t size, struct naive_segment *segment) {
    char *out = segment->text;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)raw[i];
        bool escaped = byte == '%';
        if (escaped) {
            char digits[3] = {i + 1 < size ? raw[i + 1] : '-', i + 2 < size ? raw[i + 2] : '-', '\0'};
            if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
                return false;
            byte = (unsigned char)strtoul(digits, NULL, 16);
            i += 2;
            if (byte == '\0' || naive_in(byte, "/\\%;?#"))
                return false;
            segment->encoded_reserved |= naive_in(byte, ":@!$&'()*+,=");
        } else if (byte > 0x7f || !(isalnum(byte) || naive_in(byte, "-._~:@!$&'()*+,="))) {
            return false;
        }
        segment->raw_plus |= byte == '+' && !escaped;
        *out++ = (char)byte;
    }
    *out = '\0';
    return strcmp(segment->text, ".") != 0 && strcmp(segment->text, "..") != 0 &&
           naive_is_utf8_without_controls((const unsigned char *)segment->text);
}

/* ---- the path ---- */

static void naive_path_free(struct naive_path *path) {
    free(path->segments);
    free(path->memory);
}

/* False: refused. */
static bool naive_read_path(struct sp_str target, struct naive_path *path) {
    size_t size = 0;
    while (size < target.size && target.data[size] != '?')
        size++;
    for (size_t i = size; i < target.size; i++)
        if (target.data[i] == '#' || (unsigned char)target.data[i] <= ' ' || target.data[i] == 0x7f)
            return false;
    if (size == 0 || target.data[0] != '/' || size > SP_ROUTE_PATH_MAX_BYTES)
        return false;
    path->memory = malloc(2 * size + 2);
    path->segments = calloc(size + 1, sizeof(*path->segments));
    char *at = path->memory;
    for (size_t begin = 1, end; begin <= size; begin = end + 1) {
        for (end = begin; end < size && target.data[end] != '/';)
            end++;
        struct naive_segment *segment = &path->segments[path->count++];
        segment->text = at;
        at += end - begin + 1;
        if (!naive_decode(target.data + begin, end - begin, segment) || (begin == end && end < size))
            return false;
    }
    return true;
}

/* ---- templates ---- */

/* The segment of a template, copied into `text`; false past its end. */
static bool naive_template(const struct sp_route *route, size_t i, char text[static SP_ROUTE_TEMPLATE_MAX_BYTES + 1]) {
    size_t begin = 1, end = 0;
    for (;; i--, begin = end + 1) {
        if (begin > route->path.size)
            return false;
        for (end = begin; end < route->path.size && route->path.data[end] != '/';)
            end++;
        if (i == 0)
            break;
    }
    memcpy(text, route->path.data + begin, end - begin);
    text[end - begin] = '\0';
    return true;
}

static bool naive_fits_at(const struct sp_route *route, size_t i, const char *segment) {
    char text[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    if (!naive_template(route, i, text))
        return false;
    return text[0] == '{' ? segment[0] != '\0' : strcmp(text, segment) == 0;
}

static bool naive_fits(const struct sp_route *route, const struct naive_path *path, size_t first_segments) {
    for (size_t i = 0; i < first_segments; i++)
        if (!naive_fits_at(route, i, path->segments[i].text))
            return false;
    return true;
}

static size_t naive_segment_count(const struct sp_route *route) {
    char text[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    size_t count = 0;
    while (naive_template(route, count, text))
        count++;
    return count;
}

/* Whether the first of two that fit one path wins. */
static bool naive_beats(const struct sp_route *a, const struct sp_route *b) {
    char left[SP_ROUTE_TEMPLATE_MAX_BYTES + 1], right[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    for (size_t i = 0; naive_template(a, i, left) && naive_template(b, i, right); i++)
        if ((left[0] == '{') != (right[0] == '{'))
            return right[0] == '{';
    return b->method.data[0] == '*';
}

/* The winner's index; `count` where none has the method, `count` + 1 where none has the path. */
static size_t naive_winner(const struct sp_route *routes, size_t count, struct sp_str method,
                           const struct naive_path *path) {
    size_t best = count + 1;
    for (size_t i = 0; i < count; i++) {
        if (naive_segment_count(&routes[i]) != path->count || !naive_fits(&routes[i], path, path->count))
            continue;
        best = best > count ? count : best;
        if (!sp_str_equal(routes[i].method, method) && !sp_str_equal(routes[i].method, SP_STR_LITERAL("*")))
            continue;
        if (best >= count || naive_beats(&routes[i], &routes[best]))
            best = i;
    }
    return best;
}

/* Whether some segment could be taken for a literal that it is not. */
static bool naive_is_doubtful(const struct sp_route *routes, size_t count, const struct naive_path *path) {
    for (size_t i = 0; i < path->count; i++) {
        const struct naive_segment *segment = &path->segments[i];
        for (size_t at = 0; at < count; at++) {
            char text[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
            if (!naive_fits(&routes[at], path, i) || !naive_template(&routes[at], i, text) || text[0] == '{' ||
                strcasecmp(text, segment->text) != 0)
                continue;
            if (segment->encoded_reserved || strcmp(text, segment->text) != 0)
                return true;
        }
    }
    return false;
}

/* ---- matching ---- */

static bool naive_is_token(struct sp_str method) {
    for (size_t i = 0; i < method.size; i++)
        if ((unsigned char)method.data[i] > 0x7f ||
            (!isalnum((unsigned char)method.data[i]) && !naive_in((unsigned char)method.data[i], "!#$%&'*+-.^_`|~")))
            return false;
    return method.size > 0 && method.size <= SP_ROUTE_METHOD_MAX_BYTES;
}

static void naive_take(const struct sp_route *routes, size_t index, const struct naive_path *path,
                       struct naive_match *match) {
    const struct sp_route *route = &routes[index];
    char text[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    match->outcome = SP_ROUTE_FOUND;
    match->index = index;
    for (size_t i = 0; i < path->count; i++) {
        if (!naive_template(route, i, text) || text[0] != '{')
            continue;
        if (path->segments[i].raw_plus)
            match->outcome = SP_ROUTE_REFUSED;
        text[strlen(text) - 1] = '\0';
        if (route->id_kind == SP_ROUTE_ID_CAPTURE && sp_str_equal(route->id, sp_str_from(text + 1)))
            snprintf(match->id, sizeof(match->id), "%s", path->segments[i].text);
    }
    if (route->id_kind == SP_ROUTE_ID_CONSTANT)
        snprintf(match->id, sizeof(match->id), "%.*s", SP_STR_ARG(route->id));
    if (strlen(match->id) > 256)
        match->outcome = SP_ROUTE_REFUSED;
}

static struct naive_match naive_match(const struct sp_route *routes, size_t count, struct sp_str method,
                                      struct sp_str target) {
    struct naive_match match = {.outcome = SP_ROUTE_UNKNOWN};
    struct naive_path path = {0};
    if (!naive_is_token(method) || !naive_read_path(target, &path) ||
        (path.count <= SP_ROUTE_MAX_SEGMENTS && naive_is_doubtful(routes, count, &path))) {
        match.outcome = SP_ROUTE_REFUSED;
    } else if (path.count <= SP_ROUTE_MAX_SEGMENTS) {
        size_t winner = naive_winner(routes, count, method, &path);
        if (winner == count)
            match.outcome = SP_ROUTE_OTHER_METHOD;
        else if (winner < count)
            naive_take(routes, winner, &path, &match);
    }
    naive_path_free(&path);
    return match;
}

static bool naive_agrees(const struct sp_route_match *match, const struct naive_match *naive) {
    if (match->outcome != naive->outcome)
        return false;
    if (match->outcome != SP_ROUTE_FOUND)
        return match->route == NULL && match->id.size == 0 && match->why[0] != '\0';
    return match->index == naive->index && sp_str_equal(match->id, sp_str_from(naive->id));
}

/* ---- which lists may be compiled ---- */

/* A path of `count` segments that fits the beginnings of both and as little else as can be; false
 * where there is none. */
static bool naive_common_path(const struct sp_route *a, const struct sp_route *b, size_t count,
                              char texts[static SP_ROUTE_MAX_SEGMENTS + 1][SP_ROUTE_TEMPLATE_MAX_BYTES + 1]) {
    for (size_t i = 0; i < count; i++) {
        char left[SP_ROUTE_TEMPLATE_MAX_BYTES + 1], right[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
        if (!naive_template(a, i, left) || !naive_template(b, i, right))
            return false;
        const char *text = left[0] != '{' ? left : right[0] != '{' ? right : "\x01";
        if (!naive_fits_at(a, i, text) || !naive_fits_at(b, i, text))
            return false;
        snprintf(texts[i], sizeof(texts[i]), "%s", text);
    }
    return true;
}

static bool naive_differ_in_case(const struct sp_route *a, const struct sp_route *b) {
    char texts[SP_ROUTE_MAX_SEGMENTS + 1][SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    char left[SP_ROUTE_TEMPLATE_MAX_BYTES + 1], right[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    for (size_t i = 0; naive_template(a, i, left) && naive_template(b, i, right); i++)
        if (left[0] != '{' && right[0] != '{' && strcasecmp(left, right) == 0 && strcmp(left, right) != 0 &&
            naive_common_path(a, b, i, texts))
            return true;
    return false;
}

static bool naive_same_target(const struct sp_route *a, const struct sp_route *b) {
    if (!sp_str_equal(a->type, b->type) || !sp_str_equal(a->action, b->action) || a->id_kind != b->id_kind)
        return false;
    return a->id_kind == SP_ROUTE_ID_CAPTURE ? a->id_segment == b->id_segment : sp_str_equal(a->id, b->id);
}

/* Whether `with` ends in a slash and fits the path of `without` with one more, where both win but
 * lead apart. */
static bool naive_slash_matters(const struct sp_route *routes, size_t count, const struct sp_route *without,
                                const struct sp_route *with) {
    static const struct sp_str fresh = {"FRESH", 5};
    char texts[SP_ROUTE_MAX_SEGMENTS + 1][SP_ROUTE_TEMPLATE_MAX_BYTES + 1], last[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    struct naive_segment segments[SP_ROUTE_MAX_SEGMENTS + 1] = {0};
    size_t size = naive_segment_count(without);
    if (naive_segment_count(with) != size + 1 || !naive_template(with, size, last) || last[0] != '\0' ||
        !naive_common_path(without, with, size, texts))
        return false;
    texts[size][0] = '\0';
    for (size_t i = 0; i <= size; i++)
        segments[i].text = texts[i];
    for (size_t i = 0; i <= count; i++) {
        struct sp_str method = i < count ? routes[i].method : fresh;
        size_t a = naive_winner(routes, count, method, &(struct naive_path){.count = size, .segments = segments});
        size_t b = naive_winner(routes, count, method, &(struct naive_path){.count = size + 1, .segments = segments});
        if (a < count && b < count && !naive_same_target(&routes[a], &routes[b]))
            return true;
    }
    return false;
}

static bool naive_same_shape(const struct sp_route *a, const struct sp_route *b) {
    char left[SP_ROUTE_TEMPLATE_MAX_BYTES + 1], right[SP_ROUTE_TEMPLATE_MAX_BYTES + 1];
    if (naive_segment_count(a) != naive_segment_count(b))
        return false;
    for (size_t i = 0; naive_template(a, i, left) && naive_template(b, i, right); i++)
        if ((left[0] == '{') != (right[0] == '{') || (left[0] != '{' && strcmp(left, right) != 0))
            return false;
    return true;
}

static bool naive_routes_are_good(const struct sp_route *routes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (i < j && sp_str_equal(routes[i].method, routes[j].method) && naive_same_shape(&routes[i], &routes[j]))
                return false;
            if (i < j && naive_differ_in_case(&routes[i], &routes[j]))
                return false;
        }
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (naive_slash_matters(routes, count, &routes[i], &routes[j]))
                return false;
    return true;
}

#endif
