/* Inside src/http: the reply to a request whose headers libmicrohttpd does not accept. Its own
 * (0.9.75) sends the reply's head twice, which a proxy takes for the reply to its next request. On
 * the server's thread. */
#ifndef SP_HTTP_REFUSAL_H
#define SP_HTTP_REFUSAL_H

#include "http/connections.h"

/* Replies with 400 and ends what the connection sends, so that libmicrohttpd cannot send a reply of
 * its own and closes it. */
void sp_http_refuse_unparsed(struct connection *connection);

#endif
