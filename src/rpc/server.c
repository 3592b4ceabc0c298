#include "rpc/server.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <grpc/compression.h>
#include <grpc/grpc_security.h>

#include "rpc/client.h"
#include "rpc/health.h"
#include "rpc/internal.h"
#include "rpc/reflection.h"

enum {
    MAX_RECEIVE_BYTES = 256 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    MAX_CONCURRENT_STREAMS = 1000,
    QUOTA_BYTES = 512 * 1024 * 1024, /* what gRPC may use for messages under way, over all connections */
    CONNECTION_AGE_GRACE_MS = 10 * 1000,
    MIN_PING_INTERVAL_MS = 10 * 1000,
    KEEPALIVE_MS = 120 * 1000,        /* finds peers that vanished: they count against the cap on connections */
    HANDSHAKE_TIMEOUT_MS = 10 * 1000, /* for a connection's first frame */
    MAX_WORKERS = 256,
    OWN_METHODS_MAX = 8
};

/* ---- opening ---- */

static unsigned cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}

static struct sp_rpc_server_options with_defaults(const struct sp_rpc_server_options *given) {
    struct sp_rpc_server_options options = *given;
    options.workers = options.workers == 0 ? cpu_count() : options.workers;
    options.workers = options.workers > MAX_WORKERS ? MAX_WORKERS : options.workers;
    options.max_receive_bytes = options.max_receive_bytes == 0 ? MAX_RECEIVE_BYTES : options.max_receive_bytes;
    options.max_receive_bytes = options.max_receive_bytes > INT_MAX ? INT_MAX : options.max_receive_bytes;
    options.arena_budget_bytes = options.arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options.arena_budget_bytes;
    options.max_concurrent_streams =
        options.max_concurrent_streams == 0 ? MAX_CONCURRENT_STREAMS : options.max_concurrent_streams;
    options.listen = NULL; /* the caller's, read while opening only */
    return options;
}

/* gRPC's own descriptors are one for each connection; the soft limit is often 1,024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static grpc_arg integer_arg(const char *key, unsigned value) {
    union {
        const char *constant;
        char *plain;
    } name = {key}; /* gRPC only reads it */
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = name.plain};
    arg.value.integer = value > INT_MAX ? INT_MAX : (int)value;
    return arg;
}

static grpc_arg quota_arg(grpc_resource_quota *quota) {
    grpc_arg arg = integer_arg(GRPC_ARG_RESOURCE_QUOTA, 0);
    arg.type = GRPC_ARG_POINTER;
    arg.value.pointer.p = quota;
    arg.value.pointer.vtable = grpc_resource_quota_arg_vtable();
    return arg;
}

static void create_grpc_server(struct sp_rpc_server *server) {
    const struct sp_rpc_server_options *options = &server->options;
    grpc_resource_quota *quota = grpc_resource_quota_create("sallyport");
    grpc_resource_quota_resize(quota, QUOTA_BYTES);
    grpc_arg args[16];
    size_t count = 0;
    args[count++] = listeners_channel_arg(server->listeners);
    args[count++] = quota_arg(quota);
    args[count++] = integer_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, options->max_concurrent_streams);
    args[count++] = integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (unsigned)options->max_receive_bytes);
    args[count++] = integer_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, MIN_PING_INTERVAL_MS);
    args[count++] = integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS);
    args[count++] = integer_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    args[count++] = integer_arg(GRPC_ARG_ALLOW_REUSEPORT, 0);
    args[count++] = integer_arg(GRPC_ARG_ENABLE_CHANNELZ, 0);
    args[count++] = integer_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS);
    /* gRPC unpacks a message before it looks at its size: 256 KiB of gzip become 256 MiB. So nothing compressed is accepted
     * (UNIMPLEMENTED, and the client is told so in advance); messages here are small. */
    args[count++] = integer_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1U << GRPC_COMPRESS_NONE);
    args[count++] = integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    args[count++] = integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
    if (options->max_connection_age_s != 0) {
        unsigned age_ms =
            options->max_connection_age_s > INT_MAX / 1000 ? INT_MAX : options->max_connection_age_s * 1000;
        args[count++] = integer_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, age_ms);
        args[count++] = integer_arg(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, CONNECTION_AGE_GRACE_MS);
    }
    const grpc_channel_args all = {.num_args = count, .args = args};
    server->grpc = grpc_server_create(&all, NULL);
    grpc_resource_quota_unref(quota);
}

static enum sp_status create_workers(struct sp_rpc_server *server, struct sp_error *error) {
    server->workers = calloc(server->options.workers, sizeof *server->workers);
    if (server->workers == NULL) {
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    server->worker_count = server->options.workers;
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        worker->server = server;
        worker->index = i;
        worker->shutdown = (struct tag){worker_shut, worker};
        worker->cq = grpc_completion_queue_create_for_next(NULL);
        grpc_server_register_completion_queue(server->grpc, worker->cq, NULL);
    }
    return SP_OK;
}

static enum sp_status check_method(const struct sp_rpc_method *method, struct sp_error *error) {
    const char *slash = method->path[0] == '/' ? strchr(method->path + 1, '/') : NULL;
    bool handled = method->kind == SP_RPC_UNARY ? method->unary != NULL : method->stream != NULL;
    if (slash == NULL || slash == method->path + 1 || slash[1] == '\0' || !handled) {
        return sp_error_set(error, SP_ERR_INVALID, "method \"%s\": give \"/package.Service/Method\" and its handler",
                            method->path);
    }
    return SP_OK;
}

static enum sp_status register_methods(struct sp_rpc_server *server, const struct sp_rpc_method *methods, size_t count,
                                       struct sp_error *error) {
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = check_method(&methods[i], error);
        if (status != SP_OK) {
            return status;
        }
        struct method *method = &server->methods[server->method_count];
        method->about = methods[i];
        method->handle = grpc_server_register_method(
            server->grpc, methods[i].path, NULL,
            methods[i].kind == SP_RPC_UNARY ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE, 0);
        if (method->handle == NULL) {
            return sp_error_set(error, SP_ERR_INVALID, "method \"%s\" is registered twice", methods[i].path);
        }
        server->method_count++;
    }
    return SP_OK;
}

/* The methods given and those that every server has. */
static enum sp_status register_all(struct sp_rpc_server *server, const struct sp_rpc_method *methods, size_t count,
                                   struct sp_bytes descriptors, struct sp_error *error) {
    struct sp_rpc_method own[OWN_METHODS_MAX];
    enum sp_status status;
    server->methods = calloc(count + OWN_METHODS_MAX, sizeof *server->methods);
    if (server->methods == NULL) {
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    if ((status = register_methods(server, methods, count, error)) != SP_OK ||
        (status = health_create(&server->health, error)) != SP_OK ||
        (status = reflection_create(descriptors, &server->reflection, error)) != SP_OK) {
        return status;
    }
    size_t own_count = health_methods(server->health, own);
    own_count += reflection_methods(server->reflection, own + own_count);
    if ((status = register_methods(server, own, own_count, error)) != SP_OK) {
        return status;
    }
    for (size_t i = 0; i < server->method_count; i++) {
        const char *path = server->methods[i].about.path + 1;
        struct sp_str service = {path, strcspn(path, "/")};
        if ((status = health_add_service(server->health, service, error)) != SP_OK ||
            (status = reflection_add_service(server->reflection, service, error)) != SP_OK) {
            return status;
        }
    }
    return SP_OK;
}

static enum sp_status create_server(const struct sp_rpc_server_options *options, struct sp_rpc_server **ret_server) {
    pthread_condattr_t attributes;
    struct sp_rpc_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return SP_ERR_MEMORY;
    }
    server->options = with_defaults(options);
    atomic_init(&server->stopping, false);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_server = server;
    return SP_OK;
}

static enum sp_status prepare(struct sp_rpc_server *server, const struct sp_rpc_server_options *options,
                              const struct sp_rpc_method *methods, size_t method_count, struct sp_bytes descriptors,
                              struct sp_error *error) {
    enum sp_status status = SP_OK;
    server->listeners = listeners_create(options->max_connections);
    if (server->listeners == NULL) {
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < options->listen_count && status == SP_OK; i++) {
        status = listeners_bind(server->listeners, options->listen[i], options->insecure, error);
    }
    if (status != SP_OK) {
        return status;
    }
    create_grpc_server(server);
    if ((status = create_workers(server, error)) != SP_OK ||
        (status = register_all(server, methods, method_count, descriptors, error)) != SP_OK) {
        return status;
    }
    return listeners_attach(server->listeners, server->grpc, error);
}

enum sp_status sp_rpc_server_open(const struct sp_rpc_server_options *options, const struct sp_rpc_method *methods,
                                  size_t method_count, struct sp_bytes descriptors, struct sp_rpc_server **ret_server,
                                  struct sp_error *error) {
    struct sp_rpc_server *server;
    raise_descriptor_limit();
    sp_rpc_global_init();
    if (create_server(options, &server) != SP_OK) {
        sp_rpc_global_fini();
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    enum sp_status status = prepare(server, options, methods, method_count, descriptors, error);
    if (status != SP_OK) {
        sp_rpc_server_close(server);
        return status;
    }
    *ret_server = server;
    return SP_OK;
}

unsigned sp_rpc_server_workers(const struct sp_rpc_server *server) {
    return server->options.workers;
}

int sp_rpc_server_port(const struct sp_rpc_server *server, size_t i) {
    return listeners_port(server->listeners, i);
}

/* ---- running ---- */

enum sp_status sp_rpc_server_start(struct sp_rpc_server *server, struct sp_error *error) {
    grpc_server_start(server->grpc);
    server->started = true;
    for (unsigned i = 0; i < server->worker_count; i++) {
        worker_request_all(&server->workers[i]);
    }
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (failed != 0) {
            return sp_error_set(error, SP_ERR_IO, "cannot start worker %u: %s", i, strerror(failed));
        }
        server->threads_running++;
    }
    return listeners_start(server->listeners, error);
}

void sp_rpc_server_set_serving(struct sp_rpc_server *server, bool serving) {
    health_set(server->health, serving);
}

/* ---- stopping ---- */

static bool wait_for_shutdown(struct sp_rpc_server *server, unsigned grace_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&server->lock);
    int result = 0;
    while (server->workers_shut < server->worker_count && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    bool done = server->workers_shut == server->worker_count;
    pthread_mutex_unlock(&server->lock);
    return done;
}

static void drain(grpc_completion_queue *cq) {
    for (;;) {
        grpc_event event = grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN) {
            return;
        }
        struct tag *tag = event.tag;
        tag->run(tag, event.success != 0);
    }
}

static void shut_down(struct sp_rpc_server *server, unsigned grace_ms) {
    for (unsigned i = 0; i < server->worker_count; i++) {
        grpc_server_shutdown_and_notify(server->grpc, server->workers[i].cq, &server->workers[i].shutdown);
    }
    if (server->threads_running > 0 && !wait_for_shutdown(server, grace_ms)) {
        grpc_server_cancel_all_calls(server->grpc);
    }
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (i < server->threads_running) {
            pthread_join(server->workers[i].thread, NULL);
        } else {
            drain(server->workers[i].cq);
        }
    }
}

void sp_rpc_server_stop(struct sp_rpc_server *server, unsigned grace_ms) {
    if (server->stopped) {
        return;
    }
    server->stopped = true;
    if (server->health != NULL) {
        health_set(server->health, false);
    }
    if (server->listeners != NULL) {
        listeners_stop(server->listeners);
    }
    atomic_store(&server->stopping, true);
    if (server->grpc != NULL) {
        shut_down(server, grace_ms);
    }
}

void sp_rpc_server_close(struct sp_rpc_server *server) {
    if (server == NULL) {
        return;
    }
    sp_rpc_server_stop(server, 0);
    if (server->grpc != NULL) {
        grpc_server_destroy(server->grpc);
    }
    for (unsigned i = 0; i < server->worker_count; i++) {
        worker_fini(&server->workers[i]);
    }
    free(server->workers);
    free(server->methods);
    listeners_free(server->listeners);
    health_free(server->health);
    reflection_free(server->reflection);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
    sp_rpc_global_fini();
}
