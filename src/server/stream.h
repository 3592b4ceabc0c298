/* CheckStream: each message is answered before the next is read, so that a slow client cannot
 * make memory grow. */
#ifndef SP_SERVER_STREAM_H
#define SP_SERVER_STREAM_H

#include "rpc/server.h"

extern const struct sp_rpc_stream_ops sp_check_stream;

#endif
