/* Inside src/connect: calls with one message and one reply. */
#ifndef SP_CONNECT_UNARY_H
#define SP_CONNECT_UNARY_H

#include "connect/call.h"

/* Has the worker read the call and run its handler. From then on the call is the worker's. */
void sp_connect_unary_begin(struct connect_call *call);

#endif
