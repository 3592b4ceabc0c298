#include "rpc/server.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "rpc/client.h"
#include "rpc/health.h"
#include "rpc/internal.h"
#include "rpc/reflection.h"

enum {
    MAX_RECEIVE_BYTES = 256 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    MAX_CONCURRENT_STREAMS = 1000,
    MAX_WORKERS = 256,
    OWN_METHODS_MAX = 8
};

/* ---- opening ---- */

static unsigned cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
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
    options.health_listen = NULL;
    options.unix_uids = NULL;
    options.tls = (struct sp_tls_files){0};
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

static enum sp_status create_workers(struct sp_rpc_server *server, struct sp_error *error) {
    server->workers = calloc(server->options.workers, sizeof(*server->workers));
    if (server->workers == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    server->worker_count = server->options.workers;
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        worker->server = server;
        worker->index = i;
        worker->cq = grpc_completion_queue_create_for_next(NULL);
    }
    return SP_OK;
}

static enum sp_status check_method(const struct sp_rpc_server *server, const struct sp_rpc_method *method,
                                   struct sp_error *error) {
    const char *slash = method->path[0] == '/' ? strchr(method->path + 1, '/') : NULL;
    bool handled = method->kind == SP_RPC_UNARY ? method->unary != NULL : method->stream != NULL;
    if (slash == NULL || slash == method->path + 1 || slash[1] == '\0' || !handled) {
        return sp_error_set(error, SP_ERR_INVALID, "method \"%s\": give \"/package.Service/Method\" and its handler",
                            method->path);
    }
    if (method->permit != 0 && server->options.admit == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "method \"%s\" needs a permit that nobody gives", method->path);
    for (size_t i = 0; i < server->method_count; i++) {
        const char *known = server->methods[i].about.path;
        if (known != NULL && strcmp(known, method->path) == 0)
            return sp_error_set(error, SP_ERR_INVALID, "method \"%s\" is registered twice", method->path);
    }
    return SP_OK;
}

static enum sp_status take_methods(struct sp_rpc_server *server, const struct sp_rpc_method *methods, size_t count,
                                   struct sp_error *error) {
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = check_method(server, &methods[i], error);
        if (status != SP_OK)
            return status;
        server->methods[server->method_count++].about = methods[i];
    }
    return SP_OK;
}

/* The methods given and those that every server has. */
static enum sp_status take_all_methods(struct sp_rpc_server *server, const struct sp_rpc_method *methods, size_t count,
                                       struct sp_bytes descriptors, struct sp_error *error) {
    struct sp_rpc_method own[OWN_METHODS_MAX];
    enum sp_status status;
    server->methods = calloc(count + OWN_METHODS_MAX, sizeof(*server->methods));
    if (server->methods == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    if ((status = take_methods(server, methods, count, error)) != SP_OK ||
        (status = health_create(&server->health, error)) != SP_OK ||
        (status = reflection_create(descriptors, &server->reflection, error)) != SP_OK)
        return status;
    size_t own_count = health_methods(server->health, own);
    own_count += reflection_methods(server->reflection, own + own_count);
    if ((status = take_methods(server, own, own_count, error)) != SP_OK)
        return status;
    for (size_t i = 0; i < server->method_count; i++) {
        const char *path = server->methods[i].about.path + 1;
        struct sp_str service = {path, strcspn(path, "/")};
        if ((status = health_add_service(server->health, service, error)) != SP_OK ||
            (status = reflection_add_service(server->reflection, service, error)) != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status create_server(const struct sp_rpc_server_options *options, struct sp_rpc_server **ret_server) {
    pthread_condattr_t attributes;
    struct sp_rpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return SP_ERR_MEMORY;
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
    enum sp_status status;
    server->listeners = listeners_create(options->max_connections);
    if (server->listeners == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    if ((status = doors_open(server, options, error)) != SP_OK || (status = create_workers(server, error)) != SP_OK ||
        (status = take_all_methods(server, methods, method_count, descriptors, error)) != SP_OK)
        return status;
    status = doors_attach(server, error);
    server->attached = status == SP_OK;
    return status;
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

unsigned sp_rpc_server_connections(const struct sp_rpc_server *server) {
    return listeners_connections(server->listeners);
}

/* ---- running ---- */

enum sp_status sp_rpc_server_start(struct sp_rpc_server *server, struct sp_error *error) {
    doors_start(server);
    server->started = true;
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_request_all(&server->workers[i]);
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (failed != 0)
            return sp_error_set(error, SP_ERR_IO, "cannot start worker %u: %s", i, strerror(failed));
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
    while (server->workers_shut < server->worker_count && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    bool done = server->workers_shut == server->worker_count;
    pthread_mutex_unlock(&server->lock);
    return done;
}

/* gRPC cancels what clients send between its shutdown and their hearing of it. Connections that have an age are told to
 * go one by one, and lose nothing: so, while that is to be expected, they are waited for, and answered. */
static unsigned let_connections_leave(struct sp_rpc_server *server, unsigned grace_ms) {
    enum { LOOK_EVERY_MS = 20, KEPT_FOR_CALLS_MS = 5000 };
    unsigned kept_ms = grace_ms / 5 < KEPT_FOR_CALLS_MS ? grace_ms / 5 : KEPT_FOR_CALLS_MS;
    int64_t begin_ms = monotonic_ms();
    int64_t passed_ms = 0;
    while (passed_ms < (int64_t)(grace_ms - kept_ms) && listeners_connections(server->listeners) > 0) {
        const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
        nanosleep(&pause, NULL);
        passed_ms = monotonic_ms() - begin_ms;
    }
    return passed_ms < (int64_t)grace_ms ? grace_ms - (unsigned)passed_ms : 0;
}

static void drain(grpc_completion_queue *cq) {
    for (;;) {
        grpc_event event = grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        struct tag *tag = event.tag;
        tag->run(tag, event.success != 0);
    }
}

static void shut_down(struct sp_rpc_server *server, unsigned grace_ms) {
    doors_shut(server);
    if (server->threads_running > 0 && !wait_for_shutdown(server, grace_ms))
        doors_cancel_calls(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        if (i < server->threads_running)
            pthread_join(server->workers[i].thread, NULL);
        else
            drain(server->workers[i].cq);
}

void sp_rpc_server_stop(struct sp_rpc_server *server, unsigned grace_ms) {
    if (server->stopped)
        return;
    server->stopped = true;
    if (server->health != NULL)
        health_set(server->health, false);
    if (server->listeners != NULL)
        listeners_stop(server->listeners);
    if (server->threads_running > 0 && server->options.max_connection_age_s > 0)
        grace_ms = let_connections_leave(server, grace_ms);
    atomic_store(&server->stopping, true);
    if (server->attached)
        shut_down(server, grace_ms);
}

void sp_rpc_server_close(struct sp_rpc_server *server) {
    if (server == NULL)
        return;
    sp_rpc_server_stop(server, 0);
    doors_free(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_fini(&server->workers[i]);
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
