/* Inside src/http: exchanges whose reply another thread works on. libmicrohttpd keeps their connections
 * suspended. What that thread and the server's share is guarded by a lock, and outlives the server if
 * it must: an exchange whose client or server is gone is freed by whoever lets go of it last. */
#ifndef SP_HTTP_DEFERRAL_H
#define SP_HTTP_DEFERRAL_H

#include "http/exchange_state.h"

struct deferrals;

/* `wake_fd`: an eventfd that is written to when one is resumed. NULL: out of memory. */
struct deferrals *sp_http_deferrals_create(int wake_fd);
/* The server is gone. NULL is allowed. */
void sp_http_deferrals_close(struct deferrals *deferrals);

/* Lets libmicrohttpd go on with the connections of those that were resumed. On the server's thread. */
void sp_http_deferrals_continue(struct exchanges *exchanges);
/* The same for those that were not, of one daemon, which is about to stop: their connections end. */
void sp_http_deferrals_abandon(struct exchanges *exchanges, const struct MHD_Daemon *daemon);

/* libmicrohttpd goes on with a deferred exchange: has it replied to. False: it was not resumed. */
bool sp_http_deferral_finish(struct sp_http_exchange *exchange);
/* It is over for the server. True: another thread has it, and frees it. */
bool sp_http_deferral_end(struct sp_http_exchange *exchange);

/* Lets libmicrohttpd go on with the connection, if it was suspended. */
void sp_http_unsuspend(struct sp_http_exchange *exchange);
/* Has the server's thread go round its loop. Any thread. */
void sp_http_deferrals_wake(struct deferrals *deferrals);

#endif
