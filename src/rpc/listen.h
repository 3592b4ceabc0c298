/* Listening sockets of our own, and the thread that accepts on them.
 *
 * gRPC's own listener falls silent for good after one accept(2) that fails for want of descriptors, and takes any number
 * of connections. This one waits and tries again, and has a cap. Accepted sockets are handed to gRPC. */
#ifndef SP_RPC_LISTEN_H
#define SP_RPC_LISTEN_H

#include <stdbool.h>

#include <grpc/grpc.h>

#include "base/status.h"

struct listeners;

/* gRPC's hand-over for accepted sockets, of one gRPC server. */
struct fd_handler;
struct handover {
    struct fd_handler *handler; /* gRPC's; lives until the server shuts down */
};

/* The channel argument that makes a gRPC server offer its hand-over. Valid as long as `handover`. */
grpc_arg handover_channel_arg(struct handover *handover);
/* Takes the hand-over for connections with these credentials. Before the server starts. SP_ERR_INTERNAL. */
enum sp_status handover_attach(struct handover *handover, grpc_server *server, grpc_server_credentials *credentials,
                               struct sp_error *error) SP_MUST_USE;

/* Makes and binds nothing yet. */
struct listeners *listeners_create(unsigned max_connections);
/* Where an accepted socket goes; NULL closes it. On the accepting thread. */
typedef struct handover *choose_handover(void *user, int fd);
/* Binds one address. SP_ERR_INVALID, SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status listeners_bind(struct listeners *listeners, const char *address, bool anywhere, choose_handover *choose,
                              void *user, struct sp_error *error) SP_MUST_USE;
/* The port of the i-th address; 0 for Unix sockets; -1 where there is none. */
int listeners_port(const struct listeners *listeners, size_t i);
/* Connections open now. Any thread. */
unsigned listeners_connections(struct listeners *listeners);
/* Starts the thread; SP_ERR_IO. */
enum sp_status listeners_start(struct listeners *listeners, struct sp_error *error) SP_MUST_USE;
/* Ends the thread and closes the sockets; connections already handed over live on. Before the server shuts down. */
void listeners_stop(struct listeners *listeners);
/* NULL is allowed. */
void listeners_free(struct listeners *listeners);

#endif
