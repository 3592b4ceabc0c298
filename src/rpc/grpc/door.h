/* The ways into a server: what a call's connection has proven is a property of the door that it
 * came through. */
#ifndef SP_RPC_GRPC_DOOR_H
#define SP_RPC_GRPC_DOOR_H

#include "rpc/grpc/engine.h"

/* Makes the doors that the listeners will lead to. SP_ERR_INVALID, SP_ERR_MEMORY. */
enum sp_status sp_rpc_doors_open(struct core_server *server, const struct sp_rpc_server_options *options,
                                 struct sp_error *error) SP_MUST_USE;
/* Connects the doors with the workers and the methods, which must be there. SP_ERR_INTERNAL,
 * SP_ERR_MEMORY. */
enum sp_status sp_rpc_doors_attach(struct core_server *server, struct sp_error *error) SP_MUST_USE;
/* Takes an accepted socket. False: refused, and still the caller's. */
bool sp_rpc_doors_take_tcp(const struct core_server *server, int listener_fd, int fd) SP_MUST_USE;
bool sp_rpc_doors_take_unix(const struct core_server *server, int listener_fd, int fd) SP_MUST_USE;

void sp_rpc_doors_start(struct core_server *server);
/* Takes no more calls; each worker gets TAG_DOOR_SHUT of each door when no connection of it is
 * left. */
void sp_rpc_doors_shut(struct core_server *server);
void sp_rpc_doors_cancel_calls(struct core_server *server);
void sp_rpc_doors_free(struct core_server *server);

#endif
