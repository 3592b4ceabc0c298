/* Listening sockets of our own, and the thread that accepts on them.
 *
 * gRPC's own listener falls silent for good after one accept(2) that fails for want of descriptors,
 * and accepts any number of connections. This one waits and tries again, and has a cap. What serves
 * the accepted sockets is the engine's business. */
#ifndef SP_RPC_LISTEN_H
#define SP_RPC_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct listeners;

/* Binds nothing yet. `max_connections` 0: 10,000. NULL when out of memory. */
struct listeners *sp_rpc_listeners_create(unsigned max_connections);
/* Takes over a socket that was accepted on `listener_fd`. False: refused, the socket is closed. On
 * the accepting thread. */
typedef bool sp_rpc_take_socket(void *user, int listener_fd, int fd);
/* Binds one address. SP_ERR_INVALID, SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_rpc_listeners_bind(struct listeners *listeners, const char *address, bool anywhere,
                                     sp_rpc_take_socket *take, void *user, struct sp_error *error) SP_MUST_USE;
/* The port of the i-th address; 0 for Unix sockets; -1 if there is none. */
int sp_rpc_listeners_port(const struct listeners *listeners, size_t i);
/* Connections open now. Any thread. */
unsigned sp_rpc_listeners_connections(struct listeners *listeners);
/* Starts the thread. SP_ERR_IO. */
enum sp_status sp_rpc_listeners_start(struct listeners *listeners, struct sp_error *error) SP_MUST_USE;
/* Ends the thread and closes the listening sockets; accepted connections live on. Before the server
 * shuts down. */
void sp_rpc_listeners_stop(struct listeners *listeners);
/* NULL is allowed. */
void sp_rpc_listeners_free(struct listeners *listeners);

#endif
