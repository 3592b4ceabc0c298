/* Inside src/rpc: which addresses lead to what, and how many connections each may have. */
#ifndef SP_RPC_ENTRANCES_H
#define SP_RPC_ENTRANCES_H

#include "rpc/listen.h"
#include "rpc/server_options.h"

/* Who takes the sockets of a kind. */
struct entrance {
    sp_rpc_take_socket *take;
    void *user;
};

struct entrances {
    struct entrance tcp, unix_socket, health;
};

/* Binds all of `options`: first `listen`, then `health_listen`. As sp_rpc_listeners_bind. */
enum sp_status sp_rpc_entrances_bind(const struct sp_rpc_server_options *options, const struct entrances *entrances,
                                     struct listeners *listeners, struct sp_error *error) SP_MUST_USE;

#endif
