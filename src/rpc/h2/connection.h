/* A connection: its socket, its HTTP/2 session, and what its client may do. On the loop's
 * thread. */
#ifndef SP_RPC_H2_CONNECTION_H
#define SP_RPC_H2_CONNECTION_H

#include "rpc/h2/state.h"

/* Takes over a socket, or closes it. */
void sp_rpc_h2_connection_open(struct h2_loop *loop, const struct h2_arrival *arrival);

/* Its socket is ready to be read. */
void sp_rpc_h2_connection_read(struct h2_connection *connection);
/* Writes what its calls have to say; frees it if it is closed and no call needs it. The end of its
 * turn. */
void sp_rpc_h2_connection_flush(struct h2_connection *connection);
/* Its timer has fired. */
void sp_rpc_h2_connection_come_due(struct h2_connection *connection);

#endif
