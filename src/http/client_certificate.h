/* Inside src/http: whether a client's certificate proves who it is. */
#ifndef SP_HTTP_CLIENT_CERTIFICATE_H
#define SP_HTTP_CLIENT_CERTIFICATE_H

#include <stdbool.h>

struct sp_http_exchange;

/* True if the client has shown a certificate that the CA in force signed and that is not revoked,
 * or is at a Unix socket. */
bool sp_http_client_is_verified(const struct sp_http_exchange *exchange);

#endif
