/* Names of headers, as a proxy hands them over. Pure. */
#ifndef SP_SERVER_EXT_AUTHZ_HEADERS_H
#define SP_SERVER_EXT_AUTHZ_HEADERS_H

#include <stdbool.h>

#include "base/bytes.h"

/* What the upstream of an allowed request gets: workspace, principal, key id, decision id. Other
 * headers whose names begin with "x-sallyport-" are removed. */
enum { SP_EXT_AUTHZ_SET_HEADERS = 4 };
extern const struct sp_str sp_ext_authz_set_headers[SP_EXT_AUTHZ_SET_HEADERS];

/* A field name of RFC 9110 section 5.1, of at most 64 bytes, in lower case; no pseudo-header. */
bool sp_ext_authz_is_header_name(struct sp_str name);

#endif
