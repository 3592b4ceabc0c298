/* Names of headers, as a gateway hands them over. Pure. */
#ifndef SP_SERVER_GATEWAY_HEADERS_H
#define SP_SERVER_GATEWAY_HEADERS_H

#include <stdbool.h>

#include "base/bytes.h"

/* What the upstream of an allowed request gets: workspace, principal, key id, decision id. Other
 * headers whose names begin with "x-sallyport-" are removed. */
enum { SP_GATEWAY_SET_HEADERS = 4 };
extern const struct sp_str sp_gateway_set_headers[SP_GATEWAY_SET_HEADERS];

/* A field name of RFC 9110 section 5.1, of at most 64 bytes, in lower case; no pseudo-header. */
bool sp_gateway_is_header_name(struct sp_str name);

/* Whether a server behind the gateway may take the name for one that begins with "x-sallyport-", in
 * any case: many read '_' as '-'. */
bool sp_gateway_resembles_own_header(struct sp_str name);

#endif
