/* Inside core/route: names of hosts, in templates and in requests. */
#ifndef SP_CORE_ROUTE_HOST_H
#define SP_CORE_ROUTE_HOST_H

#include "base/bytes.h"

/* Whether the text is a name that a route may have: labels of lower-case letters, digits, '-' and
 * '_', the last of which has a letter (an address is no name, since it can be spelt in many
 * ways). */
bool sp_route_host_is_name(struct sp_str text);

/* Takes the port off a request's host. NULL, or why it is refused: nothing that two programs could
 * read differently is left. *ret_name has letters of any case; it is empty for an IPv6 address. */
const char *sp_route_host_read(struct sp_str host, struct sp_str *ret_name);

#endif
