/* A gRPC server: methods as functions, served by one thread for each worker. Every method that is
 * not registered answers UNIMPLEMENTED; health, on a thread of its own, and reflection are part of
 * every server. Handlers need rpc/call.h only. */
#ifndef SP_RPC_SERVER_H
#define SP_RPC_SERVER_H

#include "base/heartbeat.h"
#include "rpc/call.h"
#include "rpc/server_options.h"

struct sp_rpc_server;

/* Binds and registers; nothing is served before sp_rpc_server_start. `descriptors`, for reflection,
 * is a serialized google.protobuf.FileDescriptorSet with all imports, which must outlive the
 * server. SP_ERR_INVALID: an invalid address, or one that is not loopback without `insecure`;
 * SP_ERR_IO: an address in use. */
enum sp_status sp_rpc_server_open(const struct sp_rpc_server_options *options, const struct sp_rpc_method *methods,
                                  size_t method_count, struct sp_bytes descriptors, struct sp_rpc_server **ret_server,
                                  struct sp_error *error) SP_MUST_USE;

/* The port that listener i was given; those of health come after the others. */
int sp_rpc_server_port(const struct sp_rpc_server *server, size_t i);

/* Connections open now, over all listeners; those that ended within the last moments count still.
 * Any thread. */
unsigned sp_rpc_server_connections(const struct sp_rpc_server *server);

/* How often each bound was met, and how many bytes of requests under way were held at the last
 * look. Any thread. */
size_t sp_rpc_server_bounds(const struct sp_rpc_server *server, uint64_t ret_counts[static SP_RPC_BOUND_COUNT]);

/* How many workers it has, as configured or by the number of CPUs; their numbers count from 0. */
unsigned sp_rpc_server_workers(const struct sp_rpc_server *server);

/* Starts the workers. Health begins as NOT_SERVING. */
enum sp_status sp_rpc_server_start(struct sp_rpc_server *server, struct sp_error *error) SP_MUST_USE;

/* Health of "" and of every registered service: SERVING if the server serves and is alive.
 * "liveness" is SERVING if it is alive, as it is at first. Watchers are notified. Any thread. */
void sp_rpc_server_set_serving(struct sp_rpc_server *server, bool serving);
void sp_rpc_server_set_alive(struct sp_rpc_server *server, bool alive);

/* Its threads: the workers, and behind them the one that answers health, which waits for no
 * handler. */
unsigned sp_rpc_server_threads(const struct sp_rpc_server *server);
/* The sign of life of one; it lives as long as the server. Any thread. */
const struct sp_heartbeat *sp_rpc_server_heartbeat(const struct sp_rpc_server *server, unsigned thread);

/* Health to NOT_SERVING, no new connections. Connections with a maximum age are answered until the
 * last has been asked to leave and has gone, for most of grace_ms; then, or at once, streams end
 * with UNAVAILABLE. Waits for calls under way, all in all at most grace_ms; what is left is
 * answered with UNAVAILABLE, also calls that a handler keeps, whose late reply is ignored. Then
 * closes all connections and joins the workers: only a handler that does not return holds that up.
 * Any thread but a worker's. */
void sp_rpc_server_stop(struct sp_rpc_server *server, unsigned grace_ms);

/* Frees a stopped (or never started) server. NULL is allowed. */
void sp_rpc_server_close(struct sp_rpc_server *server);

#endif
