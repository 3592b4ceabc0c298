/* Which rule a request's method and path reach. Pure; a compiled matcher is immutable and may be
 * used by any number of threads at once.
 *
 * A route maps a method and a template of paths to an action on a resource:
 *
 *   POST  /v1/text-to-speech/{voice_id}  →  use voice/{voice_id}
 *
 * Templates. A template is "/" or segments that each begin with '/':
 *
 *   text        a literal: unreserved characters and ! $ & ' ( ) * + , = : @ (RFC 3986 section 3.3, without ';'),
 *               written as they are once decoded
 *   {name}      one whole segment that is not empty
 *   {name}:verb one segment that ends so, without the suffix: ':' or '.', then letters, digits, '_' and '-'. What is
 *   {name}.json captured is not empty and does not have the suffix's first character: two programs could cut at two
 *               places
 *   {name...}   the last one only: this segment and all that follow it, none of them empty
 *
 * Names are letters, digits, '_' and, but for the first character, '-'. A last segment may be
 * empty: "/v1/voices/" is another template than "/v1/voices". At most 512 bytes with the host, and
 * 32 segments. A resource's id is a constant, not there, or captures joined by '/':
 * "repo/{owner}/{repo}". Since no segment has a '/', different paths have different ids.
 *
 * Hosts. A template may begin with a host: "api.example.com/v1/voices", or
 * "*.example.com/v1/voices" for every name below example.com. A route without one is for all hosts.
 * Names are compared without case and port. Once any route has a host, a request is refused if its
 * host is not known or is no plain name (a name that ends in a dot, an empty label, more than 16
 * labels); an IPv6 address in brackets is a host that no route names.
 *
 * Which route wins. Of all routes whose host and method fit, the latter by name or by `*`, and
 * whose template fits the whole path: the one with the nearer host (the name itself, then the
 * longest suffix, then none), then the one that wins at the first place where two templates differ:
 * a literal before a suffix, before a capture, before the rest of the path. What stands further
 * left counts first; of two of one shape, the one that names the method. /a/{x}/c and /a/b/{y} both
 * fit /a/b/c: the second wins; /a/b/d with /a/{x}/d and /a/b/c reaches the first, as if nothing had
 * been tried before. Methods are compared as they are (RFC 9110 section 9.1); HEAD is not GET.
 *
 * Matching reads the path once. All templates are compiled into one automaton over segments, so
 * that its time depends on the path's length and on nothing else: no backtracking, and each literal
 * is found with at most SP_ROUTE_MAX_PROBES probes of a table. Templates that overlap in so many
 * ways, or are so many and so deep, that the automaton outgrows its bound (500,000 states, members
 * of states and edges; a hundred thousand segments are no matter) are refused.
 *
 * No spelling of a path may reach a laxer rule than the one that the upstream will act on. What an
 * upstream could read differently is refused, never guessed:
 *
 *   what                                          why; RFC 3986 unless said otherwise
 *   a target that does not begin with '/'         absolute-form, authority-form, "*" (RFC 9112 section 3.2): another
 *                                                 place names the host
 *   "//", also at the start                       empty segments are dropped by some (section 3.3); at the start
 *                                                 they begin an authority (section 4.2)
 *   a segment "." or "..", however spelt          removed by whoever normalises (sections 3.3 and 5.2.4)
 *   '\' or %5C                                    no path character (section 3.3); '/' to some
 *   %2F                                           a character of data, unlike '/' (section 2.2); many decode first
 *   ';' or %3B                                    parameters of a segment (section 3.3), cut off by some
 *   %25                                           decoding it twice gives another path (section 2.4)
 *   %3F, %23, and a raw '#'                       the path's end to whoever decodes first; a fragment is never sent
 *                                                 (sections 3.4, 3.5)
 *   '%' without two hexadecimal digits            section 2.1
 *   bytes that are no path character              space, controls, '"<>[]^`{|}' and all above 0x7e (section 3.3)
 *   encoded controls (U+0000–U+001F, U+007F–9F)   end the text for some; never part of an id
 *   encoded bytes that are no UTF-8               overlong forms and surrogates too (RFC 3629 section 3)
 *   a raw '+' in a captured segment               a space to whoever decodes forms; "%2B" is read alike by all
 *   an encoded reserved character where the       equivalent to some, different to others (section 2.2): /v1/a%3Ab
 *   segment then equals a literal                 beside /v1/a:b and /v1/{x}
 *   a literal or a suffix in another case         equal to some (section 6.2.2.1 says not): /v1/Admin beside
 *                                                 /v1/admin and /v1/{x}
 *   where routes have suffixes: a suffix that      cut off by some, or cut at another place: /v1/a:stop.json,
 *   is not at the end, has nothing before it,      /v1/:stop, /v1/a:b:stop and /v1/a%3Astop beside /v1/{x}:stop
 *   has its separator twice, or an encoded ':'     and /v1/{x}
 *   controls, space and '#' in the query          no query character (section 3.4). The query is not looked at
 *                                                 otherwise: it chooses no route
 *   a path of more than 4,096 bytes
 *   a captured id of more than 256 bytes
 *
 * Encoded unreserved characters are what they stand for (section 6.2.2.2): /v1/%76oices is
 * /v1/voices. A slash at the end is not equivalent to none (section 6.2.4): it reaches the template
 * that ends so, or nothing. Since upstreams often forgive one, compiling refuses routes that meet
 * on a path and on the same path with a slash and lead to different things; so it does with
 * literals that differ only in case at one place. Case is that of A to Z: an upstream that maps
 * other letters onto those before it routes is not covered.
 *
 * Envoy hands over the target as it came if it does not normalise, and what it will forward if it
 * does: both are safe. Best fits `normalize_path: true`, `merge_slashes: false`,
 * `path_with_escaped_slashes_action: REJECT_REQUEST`: what is checked here is then byte for byte
 * what the upstream gets. A route of Envoy that rewrites paths (prefix_rewrite, regex_rewrite)
 * changes it after the check. */
#ifndef SP_CORE_ROUTE_H
#define SP_CORE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/route_limits.h"

enum sp_route_id {
    SP_ROUTE_ID_NONE,     /* "voice" */
    SP_ROUTE_ID_CONSTANT, /* "voice/abc" */
    SP_ROUTE_ID_CAPTURE,  /* "voice/{voice_id}", "repo/{owner}/{repo}" */
};

/* A capture that is part of an id. */
struct sp_route_part {
    uint8_t segment; /* from 0 */
    uint8_t kind;    /* enum sp_route_piece_kind (core/route_segment.h) */
};

/* One route as it is written. Texts are borrowed and must outlive what is compiled of them. What a
 * match reads comes first, so that it is in one or two lines of the processor's cache. */
struct sp_route {
    struct sp_str method; /* "POST"; "*": any */
    enum sp_route_id id_kind;
    uint8_t part_count;
    uint8_t host_size;    /* bytes of `path` before the template; 0: for all hosts */
    bool needs_version_2; /* written in a form that schemas of version 1 do not have (core/schema.h) */
    struct sp_route_part parts[SP_ROUTE_ID_MAX_PARTS]; /* of an id that is captured, in its order */
    struct sp_str id;                                  /* as it is written: the constant, or captures in braces */
    struct sp_str type;                                /* of the resource: a word */
    struct sp_str action;
    struct sp_str path;  /* the template, behind its host if it has one */
    size_t line, column; /* where it stands, from 1; only for messages */
};

/* The template, which begins with '/', and the host before it. */
static inline struct sp_str sp_route_template(const struct sp_route *route) {
    return (struct sp_str){route->path.data + route->host_size, route->path.size - route->host_size};
}

static inline struct sp_str sp_route_host(const struct sp_route *route) {
    return (struct sp_str){route->path.data, route->host_size};
}

/* Reads a route's two parts, the first before the second: "POST /v1/text-to-speech/{voice_id}",
 * which sets everything else to zeros, and "use voice/{voice_id}". SP_ERR_INVALID with a message
 * about what is wrong, without a place. */
enum sp_status sp_route_read_path(struct sp_str method_and_path, struct sp_route *ret_route,
                                  struct sp_error *error) SP_MUST_USE;
enum sp_status sp_route_read_target(struct sp_str action_and_resource, struct sp_route *route,
                                    struct sp_error *error) SP_MUST_USE;

/* Why a literal of the template was probably meant otherwise, "*" and ":id", with the literal;
 * NULL: nothing looks so. */
const char *sp_route_find_doubt(const struct sp_route *route, struct sp_str *ret_literal);

/* "use voice/{voice_id}" again, into `text`, which it returns. */
enum { SP_ROUTE_TARGET_BYTES = 700 };
const char *sp_route_target(const struct sp_route *route, char text[static SP_ROUTE_TARGET_BYTES]);

#endif
