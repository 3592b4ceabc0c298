/* Inside src/http: the server's side of pipes (http/pipe.h). On the server's thread. */
#ifndef SP_HTTP_PIPES_H
#define SP_HTTP_PIPES_H

#include "http/exchange_state.h"

/* Lets libmicrohttpd go on with connections for which something was written. */
void sp_http_pipes_continue(struct exchanges *exchanges);
/* Ends the exchanges whose clients have gone: nobody reads from a suspended connection. */
void sp_http_pipes_drop_closed(struct exchanges *exchanges);
/* The exchange is over. It may have no pipe. */
void sp_http_pipes_leave(struct sp_http_exchange *exchange);

#endif
