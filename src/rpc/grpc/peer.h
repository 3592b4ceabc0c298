/* The other end of a call's connection, and what the server's table of connections is told about
 * it. On the worker's thread. */
#ifndef SP_RPC_GRPC_PEER_H
#define SP_RPC_GRPC_PEER_H

#include "rpc/grpc/engine.h"

/* The address without port, in the call's arena: "192.0.2.1", "2001:db8::1", "unix". */
struct sp_str sp_rpc_peer_text(struct core_call *call);

/* The call may read a request of its method: its connection may hold that until it is settled, or
 * the call ends. False if the server holds too much already; that is counted. */
bool sp_rpc_peer_admit(struct core_call *call);

/* A stream has begun: its connection no longer owes what that took. */
void sp_rpc_peer_settle_stream(struct core_call *call);
/* The same for a message of it, of so many bytes, that has come. */
void sp_rpc_peer_settle_message(struct core_call *call, size_t message_bytes);
/* The same for the request of a unary call, if gRPC has read it. A small request of a hot method is
 * settled when the call ends. */
void sp_rpc_peer_settle_request(struct core_call *call);

/* The call is answered with success: once some are, its connection is proven, if they are not
 * answered for everybody. */
void sp_rpc_peer_grant(struct core_call *call);

/* A message of so many bytes is about to be sent: its connection owes it until the client has taken
 * it, or the call ends. On the thread that sends it. */
void sp_rpc_peer_owe(struct core_call *call, size_t answer_bytes);
void sp_rpc_peer_pay(struct core_call *call);

/* The call is over: settles it, and gives back what it was admitted to read and what its client
 * owes, if that has not happened. */
void sp_rpc_peer_release(struct core_call *call);

/* Forgets the connections that a worker has seen. */
void sp_rpc_peer_forget_all(struct worker *worker);

#endif
