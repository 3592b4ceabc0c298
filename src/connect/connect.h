/* The methods of a gRPC server over HTTP, by the Connect protocol (connectrpc.com/docs/protocol):
 * POST /package.Service/Method with the message as JSON or protobuf; streams with their messages in
 * frames, half-duplex: the request comes completely before the first reply. The same handlers run
 * as for gRPC, with the same admission; rpc/call.h is all that they know.
 *
 * A thread of its own reads and handles the calls, one after the other: it has a slot beside gRPC's
 * workers. Unary requests that are compressed or large wait for the others, and these for one of
 * them at a time. Requests arrive and replies leave on the HTTP server's thread. */
#ifndef SP_CONNECT_CONNECT_H
#define SP_CONNECT_CONNECT_H

#include <protobuf-c/protobuf-c.h>

#include "base/heartbeat.h"
#include "http/exchange.h"
#include "rpc/call.h"
#include "wire/any.h"

struct sp_connect;

struct sp_connect_options {
    /* As for sp_rpc_server_open; copied. Those of other services than these, and those of which the
     * service has no method, are left out. */
    const struct sp_rpc_method *methods;
    size_t method_count;
    const ProtobufCServiceDescriptor *const *services;
    size_t service_count;
    /* What a google.protobuf.Any in messages may hold, for JSON; borrowed. NULL: nothing. */
    const struct sp_any_types *any_types;
    size_t arena_budget_bytes; /* for one call; 0: 16 MiB */
    unsigned max_stream_age_s; /* as in struct sp_rpc_server_options */
    unsigned slot;             /* what sp_rpc_call_worker returns */
    /* As in struct sp_rpc_server_options. */
    enum sp_status (*admit)(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error);
    /* Whether anybody known is calling: asked before a unary request is read that is compressed or
     * has more than SP_CONNECT_UNPROVEN_BYTES (connect/head.h), of methods without a permit. NULL:
     * it is read anyway. */
    enum sp_status (*authenticate)(struct sp_rpc_call *call, void *user, struct sp_error *error);
    void (*worker_stopping)(unsigned slot, void *user);
    void *user;
};

/* Starts the thread. SP_ERR_MEMORY, SP_ERR_IO. */
enum sp_status sp_connect_start(const struct sp_connect_options *options, struct sp_connect **ret_connect,
                                struct sp_error *error) SP_MUST_USE;

enum { SP_CONNECT_OWN_ROUTES = 1 }; /* /openapi.json (OpenAPI 3.1), beside one for each method */

/* The routes for an HTTP server that is closed before sp_connect_stop. They live as long as it
 * does. */
size_t sp_connect_routes(const struct sp_connect *connect, const struct sp_http_route **ret_routes);

/* The sign of life of the thread; NULL for NULL. */
const struct sp_heartbeat *sp_connect_heartbeat(const struct sp_connect *connect);

/* Before the HTTP server stops: calls that begin, those that wait, and streams end with UNAVAILABLE
 * from now on. NULL is allowed, as for the next. */
void sp_connect_leave(struct sp_connect *connect);
/* Ends the thread. Calls that handlers keep may still be replied to, until it is freed. */
void sp_connect_stop(struct sp_connect *connect);
void sp_connect_free(struct sp_connect *connect);

#endif
