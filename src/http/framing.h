/* Inside src/http: what intermediaries and this server could read differently, so that one's body
 * is the other's next request. */
#ifndef SP_HTTP_FRAMING_H
#define SP_HTTP_FRAMING_H

#include <microhttpd.h>

/* Whether a request's length can be read in one way only. NULL: it can; else what is wrong. A
 * constant. */
const char *sp_http_framing_mistake(struct MHD_Connection *connection);

#endif
