/* Who is at the other end of a connection. On the loop's thread. */
#ifndef SP_RPC_H2_PEER_H
#define SP_RPC_H2_PEER_H

#include "rpc/h2/state.h"

/* Notes the address of a client, or the user id of one on a Unix socket, and has TCP find out when
 * it vanishes. False if it has vanished already. */
bool sp_rpc_h2_peer_name(struct h2_connection *connection) SP_MUST_USE;

/* A connection is ended because its client floods: counts that, and makes it an offence of the
 * client's address. */
void sp_rpc_h2_peer_note_flood(const struct h2_connection *connection, enum sp_rpc_bound bound);

#endif
