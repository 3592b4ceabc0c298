/* Messages in what a call's client has sent (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). On the
 * loop's thread. */
#ifndef SP_RPC_H2_INPUT_H
#define SP_RPC_H2_INPUT_H

#include "rpc/h2/state.h"

enum h2_input {
    H2_INPUT_NONE, /* none is complete */
    H2_INPUT_MESSAGE,
    H2_INPUT_REFUSED, /* the call has been ended */
};

/* The next message, if it is complete; it stays in the input. If not, what has come of it is given
 * back to the stream's window, so that the rest can come. */
enum h2_input sp_rpc_h2_input_next(struct h2_call *call, struct sp_bytes *ret_message) SP_MUST_USE;

#endif
