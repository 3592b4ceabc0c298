/* A server on the gRPC C core: one of the engines behind rpc/server.h. */
#ifndef SP_RPC_GRPC_SERVER_H
#define SP_RPC_GRPC_SERVER_H

#include "base/heartbeat.h"
#include "rpc/grpc/shared.h"
#include "rpc/method.h"

struct core_server;

/* `options` are complete, and of them `listen`, `tls` and `unix_uids` are read while opening only.
 * SP_ERR_INVALID, SP_ERR_INTERNAL, SP_ERR_MEMORY. */
enum sp_status sp_rpc_core_server_open(const struct sp_rpc_server_options *options, const struct core_shared *shared,
                                       const struct sp_rpc_method *methods, size_t method_count,
                                       struct core_server **ret_server, struct sp_error *error) SP_MUST_USE;
/* SP_ERR_IO. */
enum sp_status sp_rpc_core_server_start(struct core_server *server, struct sp_error *error) SP_MUST_USE;

/* sp_rpc_take_socket, of TCP and of Unix sockets; `user` is the server. */
bool sp_rpc_core_server_take_tcp(void *user, int listener_fd, int fd);
bool sp_rpc_core_server_take_unix(void *user, int listener_fd, int fd);

/* Its workers, and behind them the one that answers health. */
unsigned sp_rpc_core_server_threads(const struct core_server *server);
const struct sp_heartbeat *sp_rpc_core_server_heartbeat(const struct core_server *server, unsigned thread);

/* As sp_rpc_server_stop; nothing is accepted any more. */
void sp_rpc_core_server_stop(struct core_server *server, unsigned grace_ms);
/* NULL is allowed. */
void sp_rpc_core_server_close(struct core_server *server);

#endif
