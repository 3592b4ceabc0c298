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
        bool encoded_reserved, encoded_colon, raw_plus;
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
            segment->encoded_colon |= byte == ':';
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

enum { NAIVE_TEXT_BYTES = SP_ROUTE_TEMPLATE_MAX_BYTES + 1 };

/* Where the template begins, behind the host. */
static size_t naive_template_begin(const struct sp_route *route) {
    size_t begin = 0;
    while (begin < route->path.size && route->path.data[begin] != '/')
        begin++;
    return begin;
}

/* The segment of a template, copied into `text`; false past its end. */
static bool naive_template(const struct sp_route *route, size_t i, char text[static NAIVE_TEXT_BYTES]) {
    size_t begin = naive_template_begin(route) + 1, end = 0;
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

/* 0: a literal; 1: with a suffix; 2: a capture; 3: of the rest. The order of who wins. */
static int naive_kind(const char *segment) {
    const char *end = strchr(segment, '}');
    if (segment[0] != '{')
        return 0;
    return end[1] != '\0' ? 1 : strstr(segment, "...}") != NULL ? 3 : 2;
}

static const char *naive_suffix(const char *segment) {
    return strchr(segment, '}') + 1;
}

static size_t naive_segment_count(const struct sp_route *route) {
    char text[NAIVE_TEXT_BYTES];
    size_t count = 0;
    while (naive_template(route, count, text))
        count++;
    return count;
}

/* What the template has for the path's segment: its last one again and again, if that takes the
 * rest. */
static bool naive_template_for(const struct sp_route *route, size_t i, char text[static NAIVE_TEXT_BYTES]) {
    if (naive_template(route, i, text))
        return true;
    return naive_template(route, naive_segment_count(route) - 1, text) && naive_kind(text) == 3;
}

static bool naive_has_suffix(const char *segment, const char *suffix) {
    size_t size = strlen(segment), tail = strlen(suffix);
    return size > tail && strcmp(segment + size - tail, suffix) == 0 && memchr(segment, suffix[0], size - tail) == NULL;
}

static bool naive_fits_at(const struct sp_route *route, size_t i, const char *segment) {
    char text[NAIVE_TEXT_BYTES];
    if (!naive_template_for(route, i, text))
        return false;
    switch (naive_kind(text)) {
    case 0:
        return strcmp(text, segment) == 0;
    case 1:
        return naive_has_suffix(segment, naive_suffix(text));
    default:
        return segment[0] != '\0';
    }
}

static bool naive_fits(const struct sp_route *route, const struct naive_path *path, size_t first_segments) {
    for (size_t i = 0; i < first_segments; i++)
        if (!naive_fits_at(route, i, path->segments[i].text))
            return false;
    return true;
}

static bool naive_fits_count(const struct sp_route *route, size_t count) {
    char last[NAIVE_TEXT_BYTES];
    size_t own = naive_segment_count(route);
    return own == count || (own < count && naive_template(route, own - 1, last) && naive_kind(last) == 3);
}

/* ---- hosts ---- */

struct naive_host {
    char text[SP_ROUTE_TEMPLATE_MAX_BYTES + 1]; /* lower case; "" has no name, or an address */
};

static struct naive_host naive_host_of(const struct sp_route *route) {
    struct naive_host host;
    snprintf(host.text, sizeof(host.text), "%.*s", (int)naive_template_begin(route), route->path.data);
    return host;
}

/* Whether what fits the narrower of two hosts, a name or "*.suffix", fits the wider one. */
static bool naive_host_fits(const struct naive_host *wider, const struct naive_host *narrower) {
    size_t size = strlen(narrower->text), tail = strlen(wider->text);
    if (tail == 0 || strcmp(wider->text, narrower->text) == 0)
        return true;
    bool wild = narrower->text[0] == '*';
    return wider->text[0] == '*' && size - wild > tail - 1 &&
           strcmp(narrower->text + size - (tail - 1), wider->text + 1) == 0;
}

static bool naive_route_fits_host(const struct sp_route *route, const struct naive_host *host) {
    struct naive_host own = naive_host_of(route);
    return naive_host_fits(&own, host);
}

static bool naive_any_host(const struct sp_route *routes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (naive_template_begin(&routes[i]) > 0)
            return true;
    return false;
}

/* False: refused. */
static bool naive_read_host(struct sp_str given, struct naive_host *host) {
    char text[300];
    if (given.size == 0 || given.size >= sizeof(text) || memchr(given.data, '\0', given.size) != NULL)
        return false;
    memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    char *colon = strrchr(text, ':');
    if (colon != NULL && colon != text && colon[1] != '\0' && colon[1 + strspn(colon + 1, "0123456789")] == '\0' &&
        (text[0] != '[' || colon[-1] == ']'))
        *colon = '\0';
    size_t size = strlen(text);
    host->text[0] = '\0';
    if (text[0] == '[')
        return size > 3 && text[size - 1] == ']' && 1 + strspn(text + 1, "0123456789abcdefABCDEF:.") == size - 1;
    size_t dots = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && (i == 0 || i + 1 == size || text[i - 1] == '.'))
            return false;
        dots += text[i] == '.';
        if (text[i] != '.' && text[i] != '-' && text[i] != '_' &&
            !((unsigned char)text[i] < 0x80 && isalnum((unsigned char)text[i])))
            return false;
        host->text[i] = (char)tolower((unsigned char)text[i]);
    }
    host->text[size] = '\0';
    return size > 0 && size <= 253 && dots < 16;
}

/* ---- who wins ---- */

static int naive_compare_hosts(const struct sp_route *a, const struct sp_route *b) {
    struct naive_host left = naive_host_of(a), right = naive_host_of(b);
    bool left_exact = left.text[0] != '\0' && left.text[0] != '*',
         right_exact = right.text[0] != '\0' && right.text[0] != '*';
    if (left_exact != right_exact)
        return left_exact - right_exact;
    return (strlen(left.text) > strlen(right.text)) - (strlen(left.text) < strlen(right.text));
}

/* Whether the first of two that fit one request wins. */
static bool naive_beats(const struct sp_route *a, const struct sp_route *b) {
    char left[NAIVE_TEXT_BYTES], right[NAIVE_TEXT_BYTES];
    if (naive_compare_hosts(a, b) != 0)
        return naive_compare_hosts(a, b) > 0;
    for (size_t i = 0; naive_template(a, i, left) && naive_template(b, i, right); i++)
        if (naive_kind(left) != naive_kind(right))
            return naive_kind(left) < naive_kind(right);
    return b->method.data[0] == '*';
}

/* The winner's index; `count` where none has the method, `count` + 1 where none has the path. */
static size_t naive_winner(const struct sp_route *routes, size_t count, struct sp_str method,
                           const struct naive_host *host, const struct naive_path *path) {
    size_t best = count + 1;
    for (size_t i = 0; i < count; i++) {
        if (!naive_route_fits_host(&routes[i], host) || !naive_fits_count(&routes[i], path->count) ||
            !naive_fits(&routes[i], path, path->count))
            continue;
        best = best > count ? count : best;
        if (!sp_str_equal(routes[i].method, method) && !sp_str_equal(routes[i].method, SP_STR_LITERAL("*")))
            continue;
        if (best >= count || naive_beats(&routes[i], &routes[best]))
            best = i;
    }
    return best;
}

/* Whether a piece of the segment, from a ':' or '.' to the next, is the suffix in any case, and is
 * not the end of a text that fits. */
static bool naive_suffix_is_doubtful(const struct naive_segment *segment, const char *suffix) {
    for (const char *at = strpbrk(segment->text, ":."); at != NULL; at = strpbrk(at + 1, ":.")) {
        size_t size = 1 + strcspn(at + 1, ":.");
        if (size != strlen(suffix) || strncasecmp(at, suffix, size) != 0)
            continue;
        if (at[size] != '\0' || !naive_has_suffix(segment->text, suffix) ||
            (segment->encoded_colon && suffix[0] == ':'))
            return true;
    }
    return false;
}

/* Whether some segment could be taken for a literal that it is not, or for one with a suffix. */
static bool naive_segment_is_doubtful(const struct sp_route *routes, size_t count, const struct naive_host *host,
                                      const struct naive_path *path, size_t i) {
    const struct naive_segment *segment = &path->segments[i];
    bool literal = false, suffix = false;
    for (size_t at = 0; at < count; at++) {
        char text[NAIVE_TEXT_BYTES];
        if (!naive_route_fits_host(&routes[at], host) || !naive_fits(&routes[at], path, i) ||
            !naive_template(&routes[at], i, text))
            continue;
        int kind = naive_kind(text);
        if (kind == 0 && strcasecmp(text, segment->text) == 0) {
            if (segment->encoded_reserved || strcmp(text, segment->text) != 0)
                return true;
            literal = true;
        }
        suffix |= kind == 1 && naive_suffix_is_doubtful(segment, naive_suffix(text));
    }
    return suffix && !literal;
}

static bool naive_is_doubtful(const struct sp_route *routes, size_t count, const struct naive_host *host,
                              const struct naive_path *path) {
    for (size_t i = 0; i < path->count; i++)
        if (naive_segment_is_doubtful(routes, count, host, path, i))
            return true;
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

/* What the name stands for, behind what is in `id` already. */
static void naive_add_captured(const struct sp_route *route, const struct naive_path *path, struct sp_str name,
                               char id[static SP_ROUTE_PATH_MAX_BYTES + 1]) {
    char text[NAIVE_TEXT_BYTES];
    for (size_t i = 0; naive_template(route, i, text); i++) {
        int kind = naive_kind(text);
        if (kind == 0 || strncmp(text + 1, name.data, name.size) != 0 ||
            (text[1 + name.size] != '}' && text[1 + name.size] != '.'))
            continue;
        size_t size = strlen(path->segments[i].text) - (kind == 1 ? strlen(naive_suffix(text)) : 0);
        strncat(id, path->segments[i].text, size);
        for (size_t more = i + 1; kind == 3 && more < path->count; more++)
            strcat(strcat(id, "/"), path->segments[more].text);
    }
}

static void naive_take(const struct sp_route *routes, size_t index, const struct naive_path *path,
                       struct naive_match *match) {
    const struct sp_route *route = &routes[index];
    char text[NAIVE_TEXT_BYTES];
    match->outcome = SP_ROUTE_FOUND;
    match->index = index;
    for (size_t i = 0; i < path->count; i++)
        if (naive_template_for(route, i, text) && naive_kind(text) > 0 && path->segments[i].raw_plus)
            match->outcome = SP_ROUTE_REFUSED;
    if (route->id_kind == SP_ROUTE_ID_CONSTANT)
        snprintf(match->id, sizeof(match->id), "%.*s", SP_STR_ARG(route->id));
    for (size_t at = 0; route->id_kind == SP_ROUTE_ID_CAPTURE && at < route->id.size;) {
        const char *name = route->id.data + at + 1, *end = memchr(name, '}', route->id.size - at - 1);
        if (at > 0)
            strcat(match->id, "/");
        naive_add_captured(route, path, (struct sp_str){name, (size_t)(end - name)}, match->id);
        at += (size_t)(end - name) + 3;
    }
    if (strlen(match->id) > 256)
        match->outcome = SP_ROUTE_REFUSED;
}

static struct naive_match naive_match(const struct sp_route *routes, size_t count,
                                      const struct sp_route_request *request) {
    struct naive_match match = {.outcome = SP_ROUTE_UNKNOWN};
    struct naive_path path = {0};
    struct naive_host host = {""};
    if (!naive_is_token(request->method) || !naive_read_path(request->target, &path) ||
        (naive_any_host(routes, count) && !naive_read_host(request->host, &host)) ||
        (path.count <= SP_ROUTE_MAX_SEGMENTS && naive_is_doubtful(routes, count, &host, &path))) {
        match.outcome = SP_ROUTE_REFUSED;
    } else if (path.count <= SP_ROUTE_MAX_SEGMENTS) {
        size_t winner = naive_winner(routes, count, request->method, &host, &path);
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

/* A text that fits both segments of templates and as little else as can be. */
static void naive_common_text(const char *left, const char *right, char *text) {
    const char *stricter = naive_kind(left) <= naive_kind(right) ? left : right;
    if (naive_kind(stricter) == 0)
        snprintf(text, NAIVE_TEXT_BYTES, "%s", stricter);
    else
        snprintf(text, NAIVE_TEXT_BYTES, "\x01%s", naive_kind(stricter) == 1 ? naive_suffix(stricter) : "");
}

/* A path of `count` segments that fits the beginnings of both and as little else as can be; false
 * where there is none. */
static bool naive_common_path(const struct sp_route *a, const struct sp_route *b, size_t count,
                              char texts[static SP_ROUTE_MAX_SEGMENTS + 1][NAIVE_TEXT_BYTES]) {
    for (size_t i = 0; i < count; i++) {
        char left[NAIVE_TEXT_BYTES], right[NAIVE_TEXT_BYTES];
        if (!naive_template_for(a, i, left) || !naive_template_for(b, i, right))
            return false;
        naive_common_text(left, right, texts[i]);
        if (!naive_fits_at(a, i, texts[i]) || !naive_fits_at(b, i, texts[i]))
            return false;
    }
    return true;
}

/* The narrower of two routes' hosts, if it is a part of the other. */
static bool naive_common_host(const struct sp_route *a, const struct sp_route *b, struct naive_host *ret_host) {
    struct naive_host left = naive_host_of(a), right = naive_host_of(b);
    *ret_host = naive_host_fits(&left, &right) ? right : left;
    return naive_host_fits(&left, &right) || naive_host_fits(&right, &left);
}

static bool naive_differ_in_case(const struct sp_route *a, const struct sp_route *b) {
    char texts[SP_ROUTE_MAX_SEGMENTS + 1][NAIVE_TEXT_BYTES], left[NAIVE_TEXT_BYTES], right[NAIVE_TEXT_BYTES];
    struct naive_host host;
    if (!naive_common_host(a, b, &host))
        return false;
    for (size_t i = 0; naive_template(a, i, left) && naive_template(b, i, right); i++) {
        int kind = naive_kind(left);
        if (kind > 1 || kind != naive_kind(right) || !naive_common_path(a, b, i, texts))
            continue;
        const char *one = kind == 0 ? left : naive_suffix(left), *other = kind == 0 ? right : naive_suffix(right);
        if (strcasecmp(one, other) == 0 && strcmp(one, other) != 0)
            return true;
    }
    return false;
}

/* What the part of an id, counted from 0, takes: the segment's place and its shape without the
 * name; false where there is no such part. */
static bool naive_part(const struct sp_route *route, size_t part, size_t *ret_segment, char *shape) {
    const char *name = route->id.data + 1, *end = memchr(name, '}', route->id.size - 1);
    for (; part > 0; part--) {
        if (end + 1 == route->id.data + route->id.size)
            return false;
        name = end + 3;
        end = memchr(name, '}', (size_t)(route->id.data + route->id.size - name));
    }
    char text[NAIVE_TEXT_BYTES];
    size_t size = (size_t)(end - name);
    for (*ret_segment = 0; naive_template(route, *ret_segment, text); ++*ret_segment) {
        if (naive_kind(text) == 0 || strncmp(text + 1, name, size) != 0)
            continue;
        snprintf(shape, NAIVE_TEXT_BYTES, "%s", text + 1 + size);
        if (shape[0] == '}' || shape[0] == '.')
            return true;
    }
    return false;
}

static bool naive_same_target(const struct sp_route *a, const struct sp_route *b) {
    if (!sp_str_equal(a->type, b->type) || !sp_str_equal(a->action, b->action) || a->id_kind != b->id_kind)
        return false;
    if (a->id_kind != SP_ROUTE_ID_CAPTURE)
        return sp_str_equal(a->id, b->id);
    for (size_t part = 0;; part++) {
        char left[NAIVE_TEXT_BYTES], right[NAIVE_TEXT_BYTES];
        size_t left_segment = 0, right_segment = 0;
        bool has_left = naive_part(a, part, &left_segment, left),
             has_right = naive_part(b, part, &right_segment, right);
        if (!has_left || !has_right)
            return has_left == has_right;
        if (left_segment != right_segment || strcmp(left, right) != 0)
            return false;
    }
}

/* Whether `with` ends in a slash and fits the path of `without` with one more, where both win but
 * lead apart. */
static bool naive_slash_matters(const struct sp_route *routes, size_t count, const struct sp_route *without,
                                const struct sp_route *with) {
    static const struct sp_str fresh = {"FRESH", 5};
    char texts[SP_ROUTE_MAX_SEGMENTS + 1][NAIVE_TEXT_BYTES], last[NAIVE_TEXT_BYTES];
    struct naive_segment segments[SP_ROUTE_MAX_SEGMENTS + 1] = {0};
    struct naive_host host;
    size_t size = naive_segment_count(with) - 1;
    if (!naive_template(with, size, last) || last[0] != '\0' || size == 0 || !naive_fits_count(without, size) ||
        !naive_common_host(without, with, &host) || !naive_common_path(without, with, size, texts))
        return false;
    texts[size][0] = '\0';
    for (size_t i = 0; i <= size; i++)
        segments[i].text = texts[i];
    for (size_t i = 0; i <= count; i++) {
        struct sp_str method = i < count ? routes[i].method : fresh;
        const struct naive_path shorter = {.count = size, .segments = segments};
        const struct naive_path longer = {.count = size + 1, .segments = segments};
        size_t a = naive_winner(routes, count, method, &host, &shorter);
        size_t b = naive_winner(routes, count, method, &host, &longer);
        if (a < count && b < count && !naive_same_target(&routes[a], &routes[b]))
            return true;
    }
    return false;
}

static bool naive_same_shape(const struct sp_route *a, const struct sp_route *b) {
    char left[NAIVE_TEXT_BYTES], right[NAIVE_TEXT_BYTES];
    struct naive_host one = naive_host_of(a), other = naive_host_of(b);
    if (naive_segment_count(a) != naive_segment_count(b) || strcmp(one.text, other.text) != 0)
        return false;
    for (size_t i = 0; naive_template(a, i, left) && naive_template(b, i, right); i++) {
        int kind = naive_kind(left);
        if (kind != naive_kind(right) || (kind == 0 && strcmp(left, right) != 0) ||
            (kind == 1 && strcmp(naive_suffix(left), naive_suffix(right)) != 0))
            return false;
    }
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
