/* Inside src/http: whether a client's certificate proves who it is. */
#ifndef SP_HTTP_CLIENT_CERTIFICATE_H
#define SP_HTTP_CLIENT_CERTIFICATE_H

#include <stdbool.h>

#include <microhttpd.h>

/* True if the client has shown a certificate that the CA in force signed, or is at a Unix
 * socket. */
bool sp_http_client_is_verified(struct MHD_Connection *connection);

#endif
