#include "connect/connect.h"

#include <stdlib.h>
#include <string.h>

#include "connect/unary.h"
#include "wire/json.h"

enum { ARENA_BUDGET_BYTES = 16 * 1024 * 1024 };

struct sp_connect {
    struct connect_service service;
    struct connect_method *methods;
    struct sp_http_route *routes;
    size_t method_count;
};

/* ---- on the HTTP server's thread ---- */

static void handle_request(struct sp_http_exchange *exchange, void *user) {
    const struct connect_method *method = user;
    enum sp_connect_codec codec;
    size_t count = 0;
    struct sp_str type = sp_http_header(exchange, "Content-Type", &count);
    if (count != 1 || !sp_connect_find_codec(type, false, &codec)) {
        sp_http_add_header(exchange, "Accept-Post", SP_STR_LITERAL("application/json, application/proto"));
        sp_http_fail(exchange, 415, "Content-Type: must be application/json or application/proto");
        return;
    }
    struct connect_call *call = sp_connect_call_create(method, exchange, codec);
    if (call == NULL) {
        sp_http_fail(exchange, 503, "out of memory: try again");
        return;
    }
    sp_connect_unary_begin(call);
}

/* ---- life ---- */

/* The descriptors of "/package.Service/Method"; NULL: no service has it. */
static const ProtobufCMethodDescriptor *find_method_descriptor(const struct sp_connect_options *options,
                                                               const char *path) {
    for (size_t i = 0; i < options->service_count; i++) {
        const ProtobufCServiceDescriptor *service = options->services[i];
        size_t size = strlen(service->name);
        if (strncmp(path + 1, service->name, size) == 0 && path[1 + size] == '/')
            return protobuf_c_service_descriptor_get_method_by_name(service, path + 1 + size + 1);
    }
    return NULL;
}

static void add_connect_methods(struct sp_connect *connect, const struct sp_connect_options *options) {
    for (size_t i = 0; i < options->method_count; i++) {
        const struct sp_rpc_method *rpc = &options->methods[i];
        const ProtobufCMethodDescriptor *descriptor = find_method_descriptor(options, rpc->path);
        if (descriptor == NULL || rpc->kind != SP_RPC_UNARY)
            continue;
        struct connect_method *method = &connect->methods[connect->method_count];
        *method = (struct connect_method){
            .service = &connect->service, .rpc = *rpc, .request = descriptor->input, .reply = descriptor->output};
        if (method->rpc.max_request_bytes == 0)
            method->rpc.max_request_bytes = SP_RPC_REQUEST_BYTES;
        connect->routes[connect->method_count++] =
            (struct sp_http_route){.method = "POST", .path = rpc->path, .handle = handle_request, .user = method};
    }
}

enum sp_status sp_connect_start(const struct sp_connect_options *options, struct sp_connect **ret_connect,
                                struct sp_error *error) {
    struct sp_connect *connect = calloc(1, sizeof(*connect));
    if (connect == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    connect->service = (struct connect_service){
        .slot = options->slot,
        .arena_budget_bytes = options->arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options->arena_budget_bytes,
        .admit = options->admit,
        .user = options->user,
    };
    atomic_init(&connect->service.stopping, false);
    connect->methods = calloc(options->method_count + 1, sizeof(*connect->methods));
    connect->routes = calloc(options->method_count + 1, sizeof(*connect->routes));
    enum sp_status status = SP_OK;
    if (connect->methods == NULL || connect->routes == NULL) {
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        goto failed;
    }
    add_connect_methods(connect, options);
    sp_json_prepare();
    const struct connect_worker_options worker = {
        .stopping = options->worker_stopping, .slot = options->slot, .user = options->user};
    status = sp_connect_worker_start(&worker, &connect->service.worker, error);
    if (status != SP_OK)
        goto failed;
    *ret_connect = connect;
    return SP_OK;
failed:
    sp_connect_free(connect);
    return status;
}

size_t sp_connect_routes(const struct sp_connect *connect, const struct sp_http_route **ret_routes) {
    *ret_routes = connect->routes;
    return connect->method_count;
}

const struct sp_heartbeat *sp_connect_heartbeat(const struct sp_connect *connect) {
    return sp_connect_worker_heartbeat(connect->service.worker);
}

void sp_connect_leave(struct sp_connect *connect) {
    if (connect != NULL)
        atomic_store(&connect->service.stopping, true);
}

void sp_connect_stop(struct sp_connect *connect) {
    if (connect == NULL)
        return;
    sp_connect_leave(connect);
    sp_connect_worker_stop(connect->service.worker);
}

void sp_connect_free(struct sp_connect *connect) {
    if (connect == NULL)
        return;
    sp_connect_worker_free(connect->service.worker);
    free(connect->methods);
    free(connect->routes);
    free(connect);
}
