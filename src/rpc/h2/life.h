/* How a call begins and ends. On the loop's thread. */
#ifndef SP_RPC_H2_LIFE_H
#define SP_RPC_H2_LIFE_H

#include "rpc/h2/state.h"

/* A call on a new stream; NULL when out of memory. */
struct h2_call *sp_rpc_h2_call_create(struct h2_connection *connection, int32_t stream_id) SP_MUST_USE;

static inline bool sp_rpc_h2_call_is_stream(const struct h2_call *call) {
    return call->is_stream;
}

/* Neither side has ended it. */
static inline bool sp_rpc_h2_call_is_live(const struct h2_call *call) {
    return !call->finishing && !call->gone;
}

/* Sends the last status, behind the messages that are under way. Does nothing to a call that ends
 * already. The message is copied; NULL: none. */
void sp_rpc_h2_call_end(struct h2_call *call, enum sp_status status, const char *message);
/* Forgets what has come and was not handled, and gives its room back. */
void sp_rpc_h2_call_drop_input(struct h2_call *call);
/* Forgets its input and gives its arena back: no handler will look at it again. */
void sp_rpc_h2_call_release(struct h2_call *call);
/* Tells the handler of a stream that has closed, and frees the call, if nobody holds it any
 * more. */
void sp_rpc_h2_call_settle(struct h2_call *call);

/* The loop ends: leaves calls that are gone to the handlers that keep them, whose answers free
 * them. */
void sp_rpc_h2_call_abandon_kept(struct h2_loop *loop);

#endif
