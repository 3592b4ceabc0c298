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

/* A message of so many bytes is complete, and with it a unary request: its connection no longer
 * owes it. */
void sp_rpc_peer_settle(struct core_call *call, size_t message_bytes);

/* The same for the request of a unary call, if gRPC has read it: whatever becomes of the call,
 * nobody owes it. */
void sp_rpc_peer_settle_request(struct core_call *call);

/* A message of so many bytes is about to be sent: its connection owes it until the client has taken
 * it, or the call ends. On the thread that sends it. */
void sp_rpc_peer_owe(struct core_call *call, size_t answer_bytes);
void sp_rpc_peer_pay(struct core_call *call);

/* The call is over: gives back what it was admitted to read and what its client owes, if that has
 * not happened. */
void sp_rpc_peer_release(struct core_call *call);

#endif
