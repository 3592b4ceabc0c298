/* Inside core/route: a request's method and target, read into decoded segments or refused. */
#ifndef SP_CORE_ROUTE_PATH_H
#define SP_CORE_ROUTE_PATH_H

#include "base/bytes.h"
#include "core/route_limits.h"

/* A path as it is read: decoded segments and what is known of them. They stand one behind the
 * other with a '/' between two. Bit n of a mask is segment n. */
struct sp_route_path {
    struct sp_str segments[SP_ROUTE_MAX_SEGMENTS]; /* only a last one may be empty */
    size_t count;                                  /* more than SP_ROUTE_MAX_SEGMENTS: too deep for any template */
    uint32_t encoded_reserved;                     /* a reserved character came percent-encoded */
    uint32_t encoded_colon;                        /* a ':' did */
    uint32_t raw_plus;
};

/* Reads a target; NULL, or why it is refused. `scratch` takes the decoded segments. */
const char *sp_route_path_read(struct sp_str target, char scratch[static SP_ROUTE_SCRATCH_BYTES],
                               struct sp_route_path *ret_path);

/* Whether a request's method is a token (RFC 9110 section 5.6.2) of acceptable length. */
bool sp_route_method_is_token(struct sp_str method);

/* Whether the character may stand in a template's literal. */
bool sp_route_is_literal_char(char c);

#endif
