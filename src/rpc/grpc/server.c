/* rpc/server.h on the gRPC C core. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "rpc/client.h"
#include "rpc/grpc/bell.h"
#include "rpc/grpc/door.h"
#include "rpc/grpc/pool.h"
#include "rpc/grpc/timers.h"
#include "rpc/grpc/worker.h"
#include "rpc/health.h"
#include "rpc/methods.h"
#include "tls/crl.h"

enum {
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    MAX_CONCURRENT_STREAMS = 100,
    MAX_WORKERS = 256,
    CONNECTION_AGE_GRACE_S = 10,
    MAX_AGE_S = 7 * 24 * 60 * 60, /* gRPC counts milliseconds in an int */
    REQUEST_TIMEOUT_S = 10,
};

/* ---- opening ---- */

static unsigned count_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}

/* Long enough for streams that began just before their connection was asked to leave. */
static unsigned resolve_age_grace_s(const struct sp_rpc_server_options *options) {
    unsigned grace_s = options->connection_age_grace_s == 0 ? CONNECTION_AGE_GRACE_S : options->connection_age_grace_s;
    unsigned of_streams_s = options->max_stream_age_s == 0 ? MAX_AGE_S : options->max_stream_age_s;
    return of_streams_s < MAX_AGE_S - grace_s ? grace_s + of_streams_s : MAX_AGE_S;
}

static struct sp_rpc_server_options resolve_options(const struct sp_rpc_server_options *given) {
    struct sp_rpc_server_options options = *given;
    options.workers = options.workers == 0 ? count_cpus() : options.workers;
    options.workers = options.workers > MAX_WORKERS ? MAX_WORKERS : options.workers;
    options.arena_budget_bytes = options.arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options.arena_budget_bytes;
    options.max_concurrent_streams =
        options.max_concurrent_streams == 0 ? MAX_CONCURRENT_STREAMS : options.max_concurrent_streams;
    options.connection_age_grace_s = resolve_age_grace_s(&options);
    if (options.limits.request_timeout_s == 0)
        options.limits.request_timeout_s = REQUEST_TIMEOUT_S;
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

/* The health worker leaves reading from sockets to the others, so that it takes no part in their work. */
static grpc_completion_queue *create_queue(bool health_only) {
    const grpc_completion_queue_attributes attributes = {
        .version = GRPC_CQ_CURRENT_VERSION,
        .cq_completion_type = GRPC_CQ_NEXT,
        .cq_polling_type = health_only ? GRPC_CQ_NON_POLLING : GRPC_CQ_DEFAULT_POLLING,
    };
    return grpc_completion_queue_create(grpc_completion_queue_factory_lookup(&attributes), &attributes, NULL);
}

static enum sp_status create_workers(struct sp_rpc_server *server, struct sp_error *error) {
    unsigned count = server->options.workers + 1;
    server->workers = calloc(count, sizeof(*server->workers));
    if (server->workers == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    server->worker_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &server->workers[i];
        worker->server = server;
        worker->index = i;
        worker->health_only = i == server->options.workers;
        worker->cq = create_queue(worker->health_only);
        worker->crl_memo = server->crl == NULL ? NULL : sp_tls_crl_memo_create();
        if (server->crl != NULL && worker->crl_memo == NULL)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    return SP_OK;
}

static enum sp_status create_server(const struct sp_rpc_server_options *options, struct sp_rpc_server **ret_server) {
    pthread_condattr_t attributes;
    struct sp_rpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return SP_ERR_MEMORY;
    server->options = resolve_options(options);
    atomic_init(&server->stopping, false);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_server = server;
    return SP_OK;
}

static enum sp_status prepare_server(struct sp_rpc_server *server, const struct sp_rpc_server_options *options,
                                     const struct sp_rpc_method *methods, size_t method_count,
                                     struct sp_bytes descriptors, struct sp_error *error) {
    server->connections = sp_rpc_connections_create(&options->limits, &server->counts);
    server->listeners = sp_rpc_listeners_create(server->connections);
    if (server->connections == NULL || server->listeners == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_rpc_doors_open(server, options, error);
    if (status != SP_OK)
        return status;
    status = create_workers(server, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_methods_create(methods, method_count, options->admit != NULL, descriptors, &server->owned_methods,
                                   error);
    if (status != SP_OK)
        return status;
    server->methods = server->owned_methods->all;
    server->method_count = server->owned_methods->count;
    status = sp_rpc_doors_attach(server, error);
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
    enum sp_status status = prepare_server(server, options, methods, method_count, descriptors, error);
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
    return sp_rpc_listeners_port(server->listeners, i);
}

unsigned sp_rpc_server_connections(const struct sp_rpc_server *server) {
    return sp_rpc_connections_count(server->connections);
}

size_t sp_rpc_server_bounds(const struct sp_rpc_server *server, uint64_t ret_counts[static SP_RPC_BOUND_COUNT]) {
    for (size_t i = 0; i < SP_RPC_BOUND_COUNT; i++)
        ret_counts[i] = atomic_load_explicit(&server->counts.of[i], memory_order_relaxed);
    return sp_rpc_connections_held_bytes(server->connections);
}

/* ---- running ---- */

enum sp_status sp_rpc_server_start(struct sp_rpc_server *server, struct sp_error *error) {
    sp_rpc_doors_start(server);
    server->started = true;
    if (sp_rpc_bell_create(server, TAG_END_STREAMS, &server->end_streams) != SP_OK ||
        sp_rpc_bell_create(server, TAG_REFUSE, &server->refuse) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (unsigned i = 0; i < server->worker_count; i++)
        sp_rpc_worker_request_all(&server->workers[i]);
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        int failed = pthread_create(&worker->thread, NULL, sp_rpc_worker_main, worker);
        if (failed != 0)
            return sp_error_set(error, SP_ERR_IO, "cannot start worker %u: %s", i, strerror(failed));
        server->threads_running++;
    }
    enum sp_status status = sp_rpc_connections_start(server->connections, error);
    if (status != SP_OK)
        return status;
    return sp_rpc_listeners_start(server->listeners, error);
}

void sp_rpc_server_set_serving(struct sp_rpc_server *server, bool serving) {
    sp_rpc_health_set(server->owned_methods->health, serving);
}

void sp_rpc_server_set_alive(struct sp_rpc_server *server, bool alive) {
    sp_rpc_health_set_alive(server->owned_methods->health, alive);
}

unsigned sp_rpc_server_threads(const struct sp_rpc_server *server) {
    return server->worker_count;
}

const struct sp_heartbeat *sp_rpc_server_heartbeat(const struct sp_rpc_server *server, unsigned thread) {
    return &server->workers[thread].heartbeat;
}

/* ---- stopping ---- */

static struct timespec time_in(int64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

/* Until the count is that of all workers, at most for the time. */
static bool wait_for_workers(struct sp_rpc_server *server, const unsigned *count, int64_t wait_ms) {
    const struct timespec until = time_in(wait_ms);
    pthread_mutex_lock(&server->lock);
    int result = 0;
    while (*count < server->worker_count && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    bool done = *count == server->worker_count;
    pthread_mutex_unlock(&server->lock);
    return done;
}

static bool has_connections(const struct sp_rpc_server *server) {
    return sp_rpc_connections_count(server->connections) > 0;
}

static bool has_pending_calls(const struct sp_rpc_server *server) {
    for (unsigned i = 0; i < server->worker_count; i++)
        if (atomic_load_explicit(&server->workers[i].pending_count, memory_order_relaxed) > 0)
            return true;
    return false;
}

static void wait_while(const struct sp_rpc_server *server, bool (*goes_on)(const struct sp_rpc_server *server),
                       int64_t until_ms) {
    const struct timespec pause = {.tv_nsec = 10 * 1000000L};
    while (goes_on(server) && sp_clock_monotonic_ms() < until_ms)
        nanosleep(&pause, NULL);
}

/* Connections with a maximum age are asked to leave, one by one, and lose nothing: they are answered as long as
 * that is to be expected. Streams end once all have been asked, so that they go on elsewhere. */
static void let_connections_leave(struct sp_rpc_server *server, int64_t begin_ms, unsigned grace_ms) {
    enum { ASKED_AFTER_MS = 500, KEPT_FOR_CALLS_MS = 5000 };
    int64_t asked_ms = (int64_t)server->options.max_connection_age_s * 1100 + ASKED_AFTER_MS;
    unsigned kept_ms = grace_ms / 5 < KEPT_FOR_CALLS_MS ? grace_ms / 5 : KEPT_FOR_CALLS_MS;
    int64_t most_ms = (int64_t)(grace_ms - kept_ms);
    wait_while(server, has_connections, begin_ms + (asked_ms < most_ms ? asked_ms : most_ms));
    sp_rpc_bell_ring(server->end_streams);
    wait_while(server, has_connections, begin_ms + most_ms);
}

/* gRPC answers what comes after its own shutdown with CANCELLED, which says nothing of a server and which clients
 * do not repeat. So nothing comes any more: calls end here, then their connections, and then gRPC. */
static void end_calls(struct sp_rpc_server *server, int64_t until_ms) {
    enum { ANSWERING_MS = 200 };
    wait_while(server, has_pending_calls, until_ms);
    sp_rpc_bell_ring(server->refuse);
    int64_t left_ms = until_ms - sp_clock_monotonic_ms();
    if (wait_for_workers(server, &server->workers_refusing, left_ms > ANSWERING_MS ? left_ms : ANSWERING_MS))
        wait_while(server, has_pending_calls, sp_clock_monotonic_ms() + ANSWERING_MS);
    sp_rpc_connections_cut_all(server->connections);
}

static void leave_calls(struct sp_rpc_server *server, unsigned grace_ms) {
    int64_t begin_ms = sp_clock_monotonic_ms();
    if (server->options.max_connection_age_s > 0)
        let_connections_leave(server, begin_ms, grace_ms);
    else
        sp_rpc_bell_ring(server->end_streams);
    end_calls(server, begin_ms + grace_ms);
}

static void shut_doors_and_join(struct sp_rpc_server *server) {
    enum { CLOSING_MS = 1000 };
    sp_rpc_doors_shut(server);
    if (server->threads_running > 0 && !wait_for_workers(server, &server->workers_shut, CLOSING_MS))
        sp_rpc_doors_cancel_calls(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        if (i < server->threads_running)
            pthread_join(server->workers[i].thread, NULL);
        else
            sp_rpc_worker_drain(&server->workers[i]);
}

/* Of a server whose threads do not all run. */
static void ring_bells(struct sp_rpc_server *server) {
    sp_rpc_bell_ring(server->end_streams);
    sp_rpc_bell_ring(server->refuse);
}

void sp_rpc_server_stop(struct sp_rpc_server *server, unsigned grace_ms) {
    if (server->stopped)
        return;
    server->stopped = true;
    if (server->owned_methods != NULL)
        sp_rpc_health_set(server->owned_methods->health, false);
    if (server->listeners != NULL)
        sp_rpc_listeners_stop(server->listeners);
    if (server->threads_running == server->worker_count)
        leave_calls(server, grace_ms);
    else
        ring_bells(server);
    atomic_store(&server->stopping, true);
    if (server->attached)
        shut_doors_and_join(server);
}

static void free_worker(struct worker *worker) {
    sp_rpc_pool_fini(worker);
    sp_rpc_timers_fini(&worker->timers);
    sp_rpc_timers_fini(&worker->ages);
    sp_tls_crl_memo_free(worker->crl_memo);
    if (worker->cq != NULL)
        grpc_completion_queue_destroy(worker->cq);
}

void sp_rpc_server_close(struct sp_rpc_server *server) {
    if (server == NULL)
        return;
    sp_rpc_server_stop(server, 0);
    sp_rpc_bell_free(server->end_streams);
    sp_rpc_bell_free(server->refuse);
    sp_rpc_doors_free(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        free_worker(&server->workers[i]);
    free(server->workers);
    sp_rpc_listeners_free(server->listeners);
    sp_rpc_connections_free(server->connections);
    sp_rpc_methods_free(server->owned_methods);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
    sp_rpc_global_fini();
}
