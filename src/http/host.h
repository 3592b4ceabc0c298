/* Inside src/http: whether a request names this server. A page of a browser on this machine can
 * reach a loopback port under any name that its author points here (DNS rebinding), and then reads
 * the replies as its own; the Host header still holds that name. */
#ifndef SP_HTTP_HOST_H
#define SP_HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Whether a Host header, its port apart, is a loopback name or address ("localhost",
 * "app.localhost", 127.0.0.0/8, "[::1]"), or one of the names, whatever their case. Pure. */
bool sp_http_host_is_ours(struct sp_str host, const char *const *names, size_t name_count);

#endif
