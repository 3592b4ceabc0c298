/* The phases of a connection (enum h2_phase), which only go forward. On the loop's thread. */
#ifndef SP_RPC_H2_PHASE_H
#define SP_RPC_H2_PHASE_H

#include "rpc/h2/state.h"

/* From now on for so many milliseconds; INT64_MAX: without an end. */
void sp_rpc_h2_phase_enter(struct h2_connection *connection, enum h2_phase phase, int64_t duration_ms);

/* The client has sent its settings. */
void sp_rpc_h2_phase_serve(struct h2_connection *connection);
/* Asks the client to leave; its calls go on, and it may begin more for a moment. */
void sp_rpc_h2_phase_retire(struct h2_connection *connection);
/* Its calls go on, for as long as the grace of a connection's age is; what it begins now is not
 * looked at. */
void sp_rpc_h2_phase_leave(struct h2_connection *connection);
/* Ends its calls with UNAVAILABLE, and closes it once what is to be written was written, which is
 * not waited for long. */
void sp_rpc_h2_phase_last_words(struct h2_connection *connection);
/* Ends it with a code of RFC 9113 section 7, and its calls without another word. */
void sp_rpc_h2_phase_end(struct h2_connection *connection, uint32_t error_code);
/* No frame can be sent any more: closes it when what is to be written was written. */
void sp_rpc_h2_phase_finish(struct h2_connection *connection);

#endif
