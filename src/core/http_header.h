/* Names of HTTP headers that no setting may give another meaning. Pure. */
#ifndef SP_CORE_HTTP_HEADER_H
#define SP_CORE_HTTP_HEADER_H

#include <stdbool.h>

#include "base/bytes.h"

/* Whether the header, in lower case, belongs to the message or to one connection, such as "host" or
 * "connection": proxies write, change or remove it. */
bool sp_http_header_is_of_message(struct sp_str name);
/* Whether it carries credentials by HTTP's own rules, such as "authorization" or "cookie". */
bool sp_http_header_is_credential(struct sp_str name);

#endif
