/* What a loop has to do in this turn: calls with events, connections with something to write. And
 * the mail by which other threads add to it. */
#ifndef SP_RPC_H2_READY_H
#define SP_RPC_H2_READY_H

#include "rpc/h2/state.h"

/* On the loop's thread. */
void sp_rpc_h2_ready_call(struct h2_call *call, unsigned events);
/* The next call that is ready, no longer queued; NULL for none. */
struct h2_call *sp_rpc_h2_ready_take(struct h2_loop *loop);
void sp_rpc_h2_ready_connection(struct h2_connection *connection);

/* Any thread: the events of a call that lives until they are handled. */
void sp_rpc_h2_mail_call(struct h2_call *call, enum h2_event event);
/* Any thread: makes the loop's thread look at its mail. */
void sp_rpc_h2_mail_ring(const struct h2_loop *loop);
/* On the loop's thread: makes calls ready that have mail. */
void sp_rpc_h2_mail_take(struct h2_loop *loop);

#endif
