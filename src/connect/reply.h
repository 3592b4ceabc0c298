/* What a handler may add to the reply of a call that came over Connect, beside its messages. For
 * handlers that no other engine calls: gRPC's have none of it.
 *
 * On the thread that may reply to the call. */
#ifndef SP_CONNECT_REPLY_H
#define SP_CONNECT_REPLY_H

#include <stdbool.h>

#include "base/bytes.h"
#include "rpc/call.h"

/* Adds a header: to unary calls before the reply, to streams before the first message is sent and
 * while the handler still reads. A name that is there already gets one more value. All is copied.
 * False: too late, a control character, or out of memory. */
bool sp_connect_add_header(struct sp_rpc_call *call, const char *name, struct sp_str value);

/* Adds a trailer, which comes at the end of a stream, and with a unary reply as a header with
 * "Trailer-" before its name. As sp_connect_add_header, but at any time before the end. False too
 * for text that is not UTF-8. */
bool sp_connect_add_trailer(struct sp_rpc_call *call, const char *name, struct sp_str value);

/* Adds a message to the details of the error that the call will end with. `type` is its full name
 * ("package.Message"). False when out of memory. */
bool sp_connect_add_detail(struct sp_rpc_call *call, const char *type, struct sp_bytes message);

#endif
