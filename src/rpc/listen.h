/* Listening sockets of our own, and the thread that accepts on them.
 *
 * gRPC's own listener falls silent for good after one accept(2) that finds no descriptor left,
 * and accepts any number of connections. This one waits and tries again, and each listener has a
 * cap of its own (rpc/connections.h). What serves the accepted sockets is the engine's business. */
#ifndef SP_RPC_LISTEN_H
#define SP_RPC_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "rpc/connections.h"

struct listeners;

/* Binds nothing yet. The accepted sockets are added to `connections`, which must outlive it. NULL
 * when out of memory. */
struct listeners *sp_rpc_listeners_create(struct connections *connections);
/* Takes over a socket that was accepted on `listener_fd`. False: refused, the socket is closed. On
 * the accepting thread. */
typedef bool sp_rpc_take_socket(void *user, int listener_fd, int fd);
/* Binds one address, whose connections have that cap. SP_ERR_INVALID, SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_rpc_listeners_bind(struct listeners *listeners, const char *address, bool anywhere,
                                     const struct connection_cap *cap, sp_rpc_take_socket *take, void *user,
                                     struct sp_error *error) SP_MUST_USE;
/* The port of the i-th address; 0 for Unix sockets; -1 if there is none. */
int sp_rpc_listeners_port(const struct listeners *listeners, size_t i);
/* Starts the thread. SP_ERR_IO. */
enum sp_status sp_rpc_listeners_start(struct listeners *listeners, struct sp_error *error) SP_MUST_USE;
/* Ends the thread and closes the listening sockets; accepted connections live on. Before the server
 * shuts down. */
void sp_rpc_listeners_stop(struct listeners *listeners);
/* NULL is allowed. */
void sp_rpc_listeners_free(struct listeners *listeners);

#endif
