/* Exchanges whose reply another thread works on. libmicrohttpd keeps their connections suspended.
 * What that thread and the server's share is guarded by a lock, and outlives the server if it must:
 * an exchange whose client or server is gone is freed by whoever lets go of it last. */
#ifndef SP_HTTP_DEFERRAL_H
#define SP_HTTP_DEFERRAL_H

#include <stdbool.h>

#include "base/status.h"

struct sp_http_exchange;

/* ---- for handlers ---- */

/* Called once for each deferral. `may_reply`: on the server's thread, and it must reply before it
 * returns. Otherwise the client or the server is gone, and it only frees `state`, on any thread. */
typedef void sp_http_finish(struct sp_http_exchange *exchange, void *state, bool may_reply);

/* Within a handler, instead of a reply. From then on until sp_http_resume the exchange is that of
 * whoever will resume it, on any one thread, which may use everything above but the two functions
 * that reply. False: out of memory; the handler must reply. */
bool sp_http_defer(struct sp_http_exchange *exchange, sp_http_finish *finish, void *state) SP_MUST_USE;

/* Whether anybody waits for the reply of a deferred exchange. For whoever has it. */
bool sp_http_is_wanted(const struct sp_http_exchange *exchange);

/* Has the deferred reply made, also if the server was closed meanwhile. The exchange must not be
 * touched any more. Any thread. */
void sp_http_resume(struct sp_http_exchange *exchange);

/* ---- inside src/http ---- */

struct deferrals;
struct exchanges;
struct MHD_Daemon;

/* `wake_fd`: an eventfd that is written to when one is resumed. NULL: out of memory. */
struct deferrals *sp_http_deferrals_create(int wake_fd);
/* The server is gone. NULL is allowed. */
void sp_http_deferrals_close(struct deferrals *deferrals);

/* Lets libmicrohttpd go on with the connections of those that were resumed. On the server's
 * thread. */
void sp_http_deferrals_continue(struct exchanges *exchanges);
/* The same for those that were not, of one daemon, which is about to stop: their connections
 * end. */
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
