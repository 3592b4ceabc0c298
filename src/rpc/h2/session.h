/* The HTTP/2 session of a connection, by nghttp2: what it reports, and what a client may do in it.
 * On the loop's thread. */
#ifndef SP_RPC_H2_SESSION_H
#define SP_RPC_H2_SESSION_H

#include "rpc/h2/state.h"

/* The callbacks and options of all sessions. SP_ERR_MEMORY. */
enum sp_status sp_rpc_h2_sessions_prepare(struct h2_server *server) SP_MUST_USE;
void sp_rpc_h2_sessions_fini(struct h2_server *server);

/* Begins the session with the server's settings; false when out of memory. */
bool sp_rpc_h2_session_open(struct h2_connection *connection) SP_MUST_USE;
/* Takes what the client has sent. */
void sp_rpc_h2_session_feed(struct h2_connection *connection, const uint8_t *bytes, size_t size);
/* Resets calls of whose answer the client's window has let nothing pass since then. Returns since
 * when the next one waits; INT64_MAX for none. */
int64_t sp_rpc_h2_session_reset_stalled(struct h2_connection *connection, int64_t limit_ms);

#endif
