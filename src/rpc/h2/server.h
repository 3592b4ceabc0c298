/* gRPC over HTTP/2 with nghttp2: a second engine for rpc/server.h, behind the handlers' rpc/call.h.
 *
 * One thread a loop, each with an epoll descriptor and the connections that were given to it. A
 * turn of a loop reads what has come, runs the handlers of all calls that are complete, and writes
 * each connection's answers in one piece. Nothing is decided by a timer that a client could hold
 * up: reading, handling and writing are bounded a turn. */
#ifndef SP_RPC_H2_SERVER_H
#define SP_RPC_H2_SERVER_H

#include "base/heartbeat.h"
#include "rpc/h2/options.h"

/* SP_ERR_MEMORY, SP_ERR_IO. */
enum sp_status sp_rpc_h2_server_open(const struct h2_options *options, struct h2_server **ret_server,
                                     struct sp_error *error) SP_MUST_USE;
/* SP_ERR_IO. */
enum sp_status sp_rpc_h2_server_start(struct h2_server *server, struct sp_error *error) SP_MUST_USE;

/* Takes over an accepted, non-blocking socket and gives it to the loop with the fewest connections,
 * of equals to the one that was busy least, and to none that a handler holds up if there is
 * another. False: refused, and still the caller's. Any thread. */
bool sp_rpc_h2_server_take(const struct h2_entrance *entrance, int fd) SP_MUST_USE;

unsigned sp_rpc_h2_server_connections(const struct h2_server *server);
/* Bytes of requests that are held now. Any thread. */
size_t sp_rpc_h2_server_held_bytes(const struct h2_server *server);
const struct sp_heartbeat *sp_rpc_h2_server_heartbeat(const struct h2_server *server, unsigned loop);

/* Ends streams with UNAVAILABLE and asks all clients to leave (GOAWAY, RFC 9113 section 6.8),
 * serves what is under way and what still comes for up to grace_ms, or until the last has left.
 * Then answers calls with UNAVAILABLE, also those that a handler keeps, whose late reply is
 * ignored, and ends connections and threads: only a handler that does not return holds that up. Any
 * thread but a loop's. Does nothing the second time. */
void sp_rpc_h2_server_stop(struct h2_server *server, unsigned grace_ms);
/* Frees a server that was stopped or never started. NULL is allowed. */
void sp_rpc_h2_server_free(struct h2_server *server);

#endif
