/* A loop and its thread. */
#ifndef SP_RPC_H2_LOOP_H
#define SP_RPC_H2_LOOP_H

#include "rpc/h2/state.h"

/* SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_rpc_h2_loop_open(struct h2_loop *loop, struct h2_server *server, unsigned index,
                                   struct sp_error *error) SP_MUST_USE;
/* The thread must have ended, or never have run. */
void sp_rpc_h2_loop_close(struct h2_loop *loop);

/* The thread; `user` is the loop. */
void *sp_rpc_h2_loop_main(void *user);

/* For any thread. */

/* Gives it a socket; false when out of memory or when it ends. */
bool sp_rpc_h2_loop_give(struct h2_loop *loop, const struct h2_entrance *entrance, int fd) SP_MUST_USE;
/* Whether it has as many sockets to open as it opens in a turn. */
bool sp_rpc_h2_loop_is_behind(struct h2_loop *loop);
/* Asks its clients to leave. */
void sp_rpc_h2_loop_drain(struct h2_loop *loop);
/* Ends its calls and connections, then its thread. */
void sp_rpc_h2_loop_end(struct h2_loop *loop);

#endif
