/* Inside src/http: a reply, given to libmicrohttpd. */
#ifndef SP_HTTP_RESPOND_H
#define SP_HTTP_RESPOND_H

#include "http/exchange_state.h"

/* Replies once, and lets go of the response either way. */
void sp_http_respond(struct sp_http_exchange *exchange, unsigned status, const char *content_type,
                     struct MHD_Response *response);

#endif
