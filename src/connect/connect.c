#include "connect/connect.h"

#include <stdlib.h>
#include <string.h>

#include "connect/message.h"
#include "connect/openapi.h"
#include "connect/stream.h"
#include "connect/unary.h"
#include "wire/json_text.h"

enum {
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    DOCUMENT_FIRST_BYTES = 4 * 1024,
    DOCUMENT_BUDGET_BYTES = 4 * 1024 * 1024,
};

struct sp_connect {
    struct connect_service service;
    struct connect_method *methods;
    struct sp_http_route *routes;
    size_t method_count;
    size_t route_count; /* one more */
    struct sp_arena document;
    struct sp_bytes openapi;
    struct connect_task end_streams;
};

/* ---- on the HTTP server's thread ---- */

static void refuse_media_type(struct sp_http_exchange *exchange, bool is_stream) {
    static const char *const lists[] = {"application/json, application/proto",
                                        "application/connect+json, application/connect+proto"};
    static const char *const messages[] = {
        "Content-Type: must be application/json or application/proto",
        "Content-Type: this method streams, and takes application/connect+json or application/connect+proto"};
    sp_http_add_header(exchange, "Accept-Post", sp_str_from(lists[is_stream]));
    sp_http_fail(exchange, 415, messages[is_stream]);
}

static void handle_connect_request(struct sp_http_exchange *exchange, void *user) {
    const struct connect_method *method = user;
    bool is_stream = method->rpc.kind == SP_RPC_STREAM;
    enum sp_connect_codec codec;
    size_t count = 0;
    struct sp_str type = sp_http_header(exchange, "Content-Type", &count);
    if (count != 1 || !sp_connect_find_codec(type, is_stream, &codec)) {
        refuse_media_type(exchange, is_stream);
        return;
    }
    bool begun =
        is_stream ? sp_connect_stream_begin(method, exchange, codec) : sp_connect_unary_begin(method, exchange, codec);
    if (!begun)
        sp_http_fail(exchange, 503, "out of memory: try again");
}

static void serve_openapi(struct sp_http_exchange *exchange, void *user) {
    const struct sp_connect *connect = user;
    sp_http_reply(exchange, 200, "application/json", connect->openapi);
}

/* ---- life ---- */

static enum sp_status write_openapi(struct sp_connect *connect) {
    enum sp_status status = sp_arena_init(&connect->document, DOCUMENT_FIRST_BYTES, DOCUMENT_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    json_t *document = sp_connect_openapi(connect->methods, connect->method_count);
    status = sp_connect_write_json(document, &connect->document, &connect->openapi);
    json_decref(document);
    if (status != SP_OK)
        return status;
    connect->routes[connect->route_count++] =
        (struct sp_http_route){.method = "GET", .path = "/openapi.json", .handle = serve_openapi, .user = connect};
    return SP_OK;
}

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
        if (descriptor == NULL)
            continue;
        struct connect_method *method = &connect->methods[connect->method_count];
        *method = (struct connect_method){
            .service = &connect->service, .rpc = *rpc, .request = descriptor->input, .reply = descriptor->output};
        if (method->rpc.max_request_bytes == 0)
            method->rpc.max_request_bytes = SP_RPC_REQUEST_BYTES;
        connect->routes[connect->method_count++] = (struct sp_http_route){
            .method = "POST", .path = rpc->path, .handle = handle_connect_request, .user = method};
    }
    connect->route_count = connect->method_count;
}

enum sp_status sp_connect_start(const struct sp_connect_options *options, struct sp_connect **ret_connect,
                                struct sp_error *error) {
    struct sp_connect *connect = calloc(1, sizeof(*connect));
    if (connect == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    connect->service = (struct connect_service){
        .slot = options->slot,
        .arena_budget_bytes = options->arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options->arena_budget_bytes,
        .any_types = options->any_types,
        .max_stream_age_s = options->max_stream_age_s,
        .admit = options->admit,
        .authenticate = options->authenticate,
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
    status = write_openapi(connect);
    if (status != SP_OK) {
        sp_error_set(error, status, "out of memory");
        goto failed;
    }
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
    return connect->route_count;
}

const struct sp_heartbeat *sp_connect_heartbeat(const struct sp_connect *connect) {
    return connect == NULL ? NULL : sp_connect_worker_heartbeat(connect->service.worker);
}

static void end_streams(struct connect_task *task) {
    struct sp_connect *connect = (struct sp_connect *)(void *)((char *)task - offsetof(struct sp_connect, end_streams));
    sp_connect_streams_end(&connect->service);
}

void sp_connect_leave(struct sp_connect *connect) {
    if (connect == NULL || atomic_exchange(&connect->service.stopping, true))
        return;
    connect->end_streams.run = end_streams;
    sp_connect_worker_post(connect->service.worker, &connect->end_streams);
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
    sp_arena_fini(&connect->document);
    free(connect->methods);
    free(connect->routes);
    free(connect);
}
