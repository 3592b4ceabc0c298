#include "rpc/h2/arrival.h"

#include <stdlib.h>

#include "rpc/h2/life.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/stream.h"
#include "rpc/h2/unary.h"
#include "rpc/h2/wire.h"
#include "rpc/methods.h"
#include "rpc/refusals.h"

static int compare_route(const void *key, const void *item) {
    const struct h2_route *route = item;
    return sp_str_compare(*(const struct sp_str *)key, route->path);
}

static const struct sp_rpc_method *find_route_method(const struct h2_server *server, struct sp_str path) {
    const struct h2_route *route =
        bsearch(&path, server->routes, server->route_count, sizeof(*server->routes), compare_route);
    return route == NULL ? NULL : route->method;
}

static enum sp_status check_revocation(const struct h2_call *call, struct sp_error *error) {
    const struct h2_connection *connection = call->connection;
    struct sp_tls_crl *crl = call->loop->server->options.crl;
    if (crl == NULL || connection->certificate == NULL)
        return SP_OK;
    const char *why = sp_tls_crl_refuse(crl, call->loop->crl_memo, &connection->certificate->chain);
    if (why == NULL)
        return SP_OK;
    return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "the client's certificate is not accepted: %s", why);
}

/* What a call needs before its handler sees it, and before bytes of its request are kept. */
static enum sp_status check_h2_admission(struct h2_call *call, struct sp_error *error) {
    const struct h2_server *server = call->loop->server;
    const struct sp_rpc_server_options *options = server->options.server;
    enum sp_status status = check_revocation(call, error);
    if (status != SP_OK)
        return status;
    if (call->head.list_bytes > options->limits.max_metadata_bytes) {
        sp_rpc_bound_count(server->options.counts, SP_RPC_BOUND_HEAD);
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the call's metadata has more than %zu bytes",
                            options->limits.max_metadata_bytes);
    }
    if (call->head.is_too_large)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "%s", sp_rpc_no_room);
    if (call->head.is_undecodable)
        return sp_error_set(error, SP_ERR_INTERNAL, "the value of a \"-bin\" metadata field is not base64");
    call->base.method = find_route_method(server, sp_rpc_h2_head_path(&call->head));
    if (call->base.method == NULL)
        return sp_error_set(error, SP_ERR_UNIMPLEMENTED, "this server has no such method");
    call->is_stream = call->base.method->kind == SP_RPC_STREAM;
    if (!sp_rpc_h2_pool_add_scratch(call))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return sp_rpc_methods_admit(options, &call->base, error);
}

static void set_deadline(struct h2_call *call) {
    int64_t timeout_ms = call->head.timeout_ms;
    if (timeout_ms < INT64_MAX - call->loop->now_ms)
        call->deadline_ms = call->loop->now_ms + timeout_ms;
}

/* Sent when the request has ended, as HTTP clients expect. */
static void refuse_head(struct h2_call *call, const char *http_status) {
    call->http_status = http_status;
    sp_rpc_h2_call_drop_input(call);
}

void sp_rpc_h2_arrival_run(struct h2_call *call) {
    struct sp_error error;
    if (!call->head.is_too_large && !call->head.is_post) {
        refuse_head(call, "405");
        return;
    }
    if (!call->head.is_too_large && !call->head.is_grpc) {
        refuse_head(call, "415");
        return;
    }
    set_deadline(call);
    if (check_h2_admission(call, &error) != SP_OK) {
        sp_rpc_h2_call_end(call, error.status, error.message);
        sp_rpc_h2_call_release(call);
    } else if (call->loop->ending || (call->loop->draining && sp_rpc_h2_call_is_stream(call))) {
        sp_rpc_h2_call_end(call, SP_ERR_UNAVAILABLE,
                           sp_rpc_h2_call_is_stream(call) ? sp_rpc_reconnect : sp_rpc_stopping);
        sp_rpc_h2_call_release(call);
    } else if (sp_rpc_h2_call_is_stream(call)) {
        sp_rpc_h2_stream_open(call);
    }
}
