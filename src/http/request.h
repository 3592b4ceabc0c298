/* Inside src/http: a request on its way to a handler. libmicrohttpd's events, in their order; on
 * the server's thread. */
#ifndef SP_HTTP_REQUEST_H
#define SP_HTTP_REQUEST_H

#include "http/exchange_state.h"

/* The request line has come. NULL when out of memory. */
struct sp_http_exchange *sp_http_request_begin(struct exchanges *exchanges, struct MHD_Connection *connection,
                                               const char *target);
/* The headers have come, after a request line with libmicrohttpd's own texts of it: refuses the
 * request, or lets its body come. MHD_NO: close the connection. */
enum MHD_Result sp_http_request_take_headers(struct sp_http_exchange *exchange, const char *method,
                                             const char *version);
/* A piece of its body. */
enum MHD_Result sp_http_request_take_body(struct sp_http_exchange *exchange, const char *bytes, size_t size);
/* All of it has come: a handler answers. */
enum MHD_Result sp_http_request_answer(struct sp_http_exchange *exchange);
/* The reply was sent, or the connection broke. */
void sp_http_request_end(struct sp_http_exchange *exchange);

void sp_http_request_free_pool(struct exchanges *exchanges);

#endif
