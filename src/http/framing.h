/* Inside src/http: what intermediaries and this server could read differently, so that one's body
 * is the other's next request, or one's header is a part of the other's. */
#ifndef SP_HTTP_FRAMING_H
#define SP_HTTP_FRAMING_H

#include <microhttpd.h>

/* Whether a request's length and headers can be read in one way only. `method` and `version` are
 * libmicrohttpd's own texts of the request line; NULL if they are not known. NULL: they can; else
 * what is wrong. A constant. */
const char *sp_http_framing_mistake(struct MHD_Connection *connection, const char *method, const char *version);

#endif
