/* What a caller is told of a call that an engine ends by itself, whichever engine that is. */
#ifndef SP_RPC_REFUSALS_H
#define SP_RPC_REFUSALS_H

extern const char sp_rpc_stopping[];       /* UNAVAILABLE: it was not begun */
extern const char sp_rpc_reconnect[];      /* UNAVAILABLE: a stream of a server that stops */
extern const char sp_rpc_perhaps_done[];   /* UNAVAILABLE: it was begun */
extern const char sp_rpc_too_late[];       /* DEADLINE_EXCEEDED */
extern const char sp_rpc_no_room[];        /* RESOURCE_EXHAUSTED: for its request */
extern const char sp_rpc_no_compression[]; /* UNIMPLEMENTED */

#endif
