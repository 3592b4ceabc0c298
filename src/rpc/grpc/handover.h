/* How accepted sockets reach gRPC.
 *
 * gRPC's hand-over is grpc_core::TcpServerFdHandler, a C++ object. gRPC creates it for an address
 * "external:<name>" and stores it where the channel argument of that name points. The public
 * grpc_server_add_channel_from_fd would do, but it loses the peer's address ("fd:7"), which
 * allowlists of the admin API rely on, and it cannot do TLS. A test proves the hand-over on the
 * library at hand. */
#ifndef SP_RPC_GRPC_HANDOVER_H
#define SP_RPC_GRPC_HANDOVER_H

#include <grpc/grpc.h>

#include "base/status.h"

struct fd_handler;

/* For one gRPC server. */
struct handover {
    struct fd_handler *handler; /* gRPC's; lives until the server shuts down */
};

/* The channel argument that makes a gRPC server offer its hand-over. Valid as long as
 * `handover`. */
grpc_arg sp_rpc_handover_channel_arg(struct handover *handover);

/* Takes the hand-over for connections with these credentials. Before the server starts.
 * SP_ERR_INTERNAL. */
enum sp_status sp_rpc_handover_attach(struct handover *handover, grpc_server *server,
                                      grpc_server_credentials *credentials, struct sp_error *error) SP_MUST_USE;

/* Gives gRPC a socket that was accepted on `listener_fd`, for good. */
void sp_rpc_handover_give(const struct handover *handover, int listener_fd, int fd);

#endif
