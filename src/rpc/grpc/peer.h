/* The other end of a call's connection, and what the server's table of connections is told about it. On the
 * worker's thread. */
#ifndef SP_RPC_GRPC_PEER_H
#define SP_RPC_GRPC_PEER_H

#include "rpc/grpc/engine.h"

/* The address without port, in the call's arena: "192.0.2.1", "2001:db8::1", "unix". */
struct sp_str sp_rpc_peer_text(struct sp_rpc_call *call);

/* A request of so many bytes is complete: its connection no longer owes it. */
void sp_rpc_peer_settle(struct sp_rpc_call *call, size_t message_bytes);

/* The call was admitted: its connection may hold a request of its method. False if the server holds too
 * much already; that is counted. */
bool sp_rpc_peer_extend(struct sp_rpc_call *call);

#endif
