/* A connection: its socket, its HTTP/2 session, and what its client may do. On the loop's thread. */
#ifndef SP_RPC_H2_CONNECTION_H
#define SP_RPC_H2_CONNECTION_H

#include "rpc/h2/state.h"

/* The callbacks and options of all sessions. SP_ERR_MEMORY. */
enum sp_status sp_rpc_h2_sessions_prepare(struct h2_server *server) SP_MUST_USE;
void sp_rpc_h2_sessions_fini(struct h2_server *server);

/* Takes over a socket, or closes it. */
void sp_rpc_h2_connection_open(struct h2_loop *loop, const struct h2_arrival *arrival);

/* Its socket is ready to be read. */
void sp_rpc_h2_connection_read(struct h2_connection *connection);
/* Writes what its calls have to say; frees it if it is closed and no call needs it. The end of its turn. */
void sp_rpc_h2_connection_flush(struct h2_connection *connection);
/* Its timer has fired. */
void sp_rpc_h2_connection_come_due(struct h2_connection *connection);

/* Asks the client to leave; its calls go on. */
void sp_rpc_h2_connection_retire(struct h2_connection *connection);
/* Ends its calls with UNAVAILABLE, and closes it once what is to be written was written, which is not
 * waited for long. */
void sp_rpc_h2_connection_end(struct h2_connection *connection);

#endif
