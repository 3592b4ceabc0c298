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

/* Makes and binds nothing yet. */
struct listeners *listeners_create(unsigned max_connections);
/* Binds one address. SP_ERR_INVALID, SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status listeners_bind(struct listeners *listeners, const char *address, bool insecure,
                              struct sp_error *error) SP_MUST_USE;
/* The port of the i-th address; 0 for Unix sockets; -1 where there is none. */
int listeners_port(const struct listeners *listeners, size_t i);
/* The channel argument that makes gRPC offer its hand-over. Valid as long as `listeners`. */
grpc_arg listeners_channel_arg(struct listeners *listeners);
/* Takes gRPC's hand-over for plaintext connections. Before the server starts. SP_ERR_INTERNAL. */
enum sp_status listeners_attach(struct listeners *listeners, grpc_server *server, struct sp_error *error) SP_MUST_USE;
/* Starts the thread; SP_ERR_IO. */
enum sp_status listeners_start(struct listeners *listeners, struct sp_error *error) SP_MUST_USE;
/* Ends the thread and closes the sockets; connections already handed over live on. Before the server shuts down. */
void listeners_stop(struct listeners *listeners);
/* NULL is allowed. */
void listeners_free(struct listeners *listeners);

#endif
