/* Inside src/connect: calls with one message and one reply. */
#ifndef SP_CONNECT_UNARY_H
#define SP_CONNECT_UNARY_H

#include "connect/call.h"

/* Has the worker read the call and run its handler, with the exchange's reply deferred. False when
 * out of memory. */
bool sp_connect_unary_begin(const struct connect_method *method, struct sp_http_exchange *exchange,
                            enum sp_connect_codec codec) SP_MUST_USE;

#endif
