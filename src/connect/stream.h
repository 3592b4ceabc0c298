/* Inside src/connect: calls with any number of messages. The request has come completely when the
 * call begins; replies leave one by one. */
#ifndef SP_CONNECT_STREAM_H
#define SP_CONNECT_STREAM_H

#include "connect/call.h"

/* Has the worker begin a stream, with the exchange's reply deferred. False when out of memory. */
bool sp_connect_stream_begin(const struct connect_method *method, struct sp_http_exchange *exchange,
                             enum sp_connect_codec codec) SP_MUST_USE;

/* Ends all streams of the service with UNAVAILABLE. On the worker's thread. */
void sp_connect_streams_end(struct connect_service *service);

#endif
