/* A gRPC client with many unary calls in flight over several connections, driven by one thread: for
 * load tools.
 *
 * Start calls, then take their completions; a call's slot is reused once its completion was taken.
 * One thread. */
#ifndef SP_RPC_ASYNC_CLIENT_H
#define SP_RPC_ASYNC_CLIENT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"
#include "rpc/client_tls.h"

struct sp_rpc_async_client;

struct sp_rpc_async_options {
    const char *target;
    struct sp_rpc_client_tls tls;
    const char *path;     /* the method that all calls go to */
    unsigned connections; /* 1 to 1,000; calls take them in turn */
    unsigned slots;       /* the most calls in flight, 1 to 100,000 */
    struct sp_str key;    /* sent as "authorization: Bearer …"; empty: none. Copied, wiped at close. */
    bool wait_for_ready;  /* calls wait for a connection, for ever, instead of failing if there is none */
};

/* One call that ended. `reply` is valid until the next call of sp_rpc_async_next. */
struct sp_rpc_completion {
    unsigned slot; /* as given to sp_rpc_async_start */
    enum sp_status status;
    struct sp_bytes reply;
};

/* Call sp_rpc_global_init before. SP_ERR_INVALID, SP_ERR_MEMORY. */
enum sp_status sp_rpc_async_open(const struct sp_rpc_async_options *options, struct sp_rpc_async_client **ret_client,
                                 struct sp_error *error) SP_MUST_USE;

/* Cancels what is in flight and frees. NULL is allowed. */
void sp_rpc_async_close(struct sp_rpc_async_client *client);

/* Starts a call in a slot (0 to slots - 1) that is free. The request is copied. */
void sp_rpc_async_start(struct sp_rpc_async_client *client, unsigned slot, struct sp_bytes request);

/* Waits until a call ends or CLOCK_MONOTONIC reaches `until_ns`; false when the time came first. */
bool sp_rpc_async_next(struct sp_rpc_async_client *client, uint64_t until_ns, struct sp_rpc_completion *ret_completion);

#endif
