#include "rpc/grpc/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "rpc/client.h"
#include "rpc/grpc/bell.h"
#include "rpc/grpc/door.h"
#include "rpc/grpc/peer.h"
#include "rpc/grpc/pool.h"
#include "rpc/grpc/worker.h"
#include "tls/crl.h"

/* ---- opening ---- */

/* The health worker leaves reading from sockets to the others, so that it takes no part in their
 * work. */
static grpc_completion_queue *create_queue(bool health_only) {
    const grpc_completion_queue_attributes attributes = {
        .version = GRPC_CQ_CURRENT_VERSION,
        .cq_completion_type = GRPC_CQ_NEXT,
        .cq_polling_type = health_only ? GRPC_CQ_NON_POLLING : GRPC_CQ_DEFAULT_POLLING,
    };
    return grpc_completion_queue_create(grpc_completion_queue_factory_lookup(&attributes), &attributes, NULL);
}

static enum sp_status create_workers(struct core_server *server, struct sp_error *error) {
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
        worker->crl_memo = server->shared.crl == NULL ? NULL : sp_tls_crl_memo_create();
        if (server->shared.crl != NULL && worker->crl_memo == NULL)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    return SP_OK;
}

static struct core_server *create_core_server(const struct sp_rpc_server_options *options,
                                              const struct core_shared *shared) {
    struct core_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return NULL;
    server->options = *options;
    server->shared = *shared;
    atomic_init(&server->stopping, false);
    pthread_mutex_init(&server->lock, NULL);
    sp_clock_init_condition(&server->changed);
    return server;
}

static enum sp_status prepare_core_server(struct core_server *server, struct sp_error *error) {
    enum sp_status status = sp_rpc_doors_open(server, &server->options, error);
    if (status != SP_OK)
        return status;
    status = create_workers(server, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_doors_attach(server, error);
    server->attached = status == SP_OK;
    return status;
}

enum sp_status sp_rpc_core_server_open(const struct sp_rpc_server_options *options, const struct core_shared *shared,
                                       const struct sp_rpc_method *methods, size_t method_count,
                                       struct core_server **ret_server, struct sp_error *error) {
    sp_rpc_global_init();
    struct core_server *server = create_core_server(options, shared);
    if (server == NULL) {
        sp_rpc_global_fini();
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    server->methods = methods;
    server->method_count = method_count;
    enum sp_status status = prepare_core_server(server, error);
    server->options.listen = NULL; /* the caller's */
    server->options.unix_uids = NULL;
    server->options.tls = (struct sp_tls_files){0};
    if (status != SP_OK) {
        sp_rpc_core_server_close(server);
        return status;
    }
    *ret_server = server;
    return SP_OK;
}

/* ---- running ---- */

enum sp_status sp_rpc_core_server_start(struct core_server *server, struct sp_error *error) {
    sp_rpc_doors_start(server);
    if (sp_rpc_bell_create(server, TAG_END_STREAMS, &server->end_streams) != SP_OK ||
        sp_rpc_bell_create(server, TAG_REFUSE, &server->refuse) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (unsigned i = 0; i < server->worker_count; i++)
        sp_rpc_worker_request_all(&server->workers[i]);
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        enum sp_status status = sp_thread_start(&worker->thread, sp_rpc_worker_main, worker, error, "worker %u", i);
        if (status != SP_OK)
            return status;
        server->threads_running++;
    }
    return SP_OK;
}

bool sp_rpc_core_server_take_tcp(void *user, int listener_fd, int fd) {
    return sp_rpc_doors_take_tcp(user, listener_fd, fd);
}

bool sp_rpc_core_server_take_unix(void *user, int listener_fd, int fd) {
    return sp_rpc_doors_take_unix(user, listener_fd, fd);
}

unsigned sp_rpc_core_server_threads(const struct core_server *server) {
    return server->worker_count;
}

const struct sp_heartbeat *sp_rpc_core_server_heartbeat(const struct core_server *server, unsigned thread) {
    return &server->workers[thread].heartbeat;
}

/* ---- stopping ---- */

/* Until the count is that of all workers, at most for the time. */
static bool wait_for_workers(struct core_server *server, const unsigned *count, int64_t wait_ms) {
    int64_t until_ms = sp_clock_monotonic_ms() + wait_ms;
    pthread_mutex_lock(&server->lock);
    while (*count < server->worker_count && sp_clock_wait(&server->changed, &server->lock, until_ms))
        continue;
    bool done = *count == server->worker_count;
    pthread_mutex_unlock(&server->lock);
    return done;
}

static bool has_connections(const struct core_server *server) {
    return sp_rpc_connections_count(server->shared.connections) > 0;
}

static bool has_pending_calls(const struct core_server *server) {
    for (unsigned i = 0; i < server->worker_count; i++)
        if (atomic_load_explicit(&server->workers[i].pending_count, memory_order_relaxed) > 0)
            return true;
    return false;
}

static void wait_while(const struct core_server *server, bool (*goes_on)(const struct core_server *server),
                       int64_t until_ms) {
    enum { LOOK_AGAIN_MS = 10 };
    while (goes_on(server) && sp_clock_monotonic_ms() < until_ms)
        sp_clock_sleep_ms(LOOK_AGAIN_MS);
}

/* Connections with a maximum age are asked to leave, one by one, and lose nothing: they are
 * answered as long as that is to be expected. Streams end once all have been asked, so that they go
 * on elsewhere. */
static void let_connections_leave(struct core_server *server, int64_t begin_ms, unsigned grace_ms) {
    enum { ASKED_AFTER_MS = 500, KEPT_FOR_CALLS_MS = 5000 };
    int64_t asked_ms = (int64_t)server->options.max_connection_age_s * 1100 + ASKED_AFTER_MS;
    unsigned kept_ms = grace_ms / 5 < KEPT_FOR_CALLS_MS ? grace_ms / 5 : KEPT_FOR_CALLS_MS;
    int64_t most_ms = (int64_t)(grace_ms - kept_ms);
    wait_while(server, has_connections, begin_ms + (asked_ms < most_ms ? asked_ms : most_ms));
    sp_rpc_bell_ring(server->end_streams);
    wait_while(server, has_connections, begin_ms + most_ms);
}

/* gRPC answers what comes after its own shutdown with CANCELLED, which says nothing of a server and
 * which clients do not repeat. So nothing comes any more: calls end here, then their connections,
 * and then gRPC. */
static void end_calls(struct core_server *server, int64_t until_ms) {
    enum { ANSWERING_MS = 200 };
    wait_while(server, has_pending_calls, until_ms);
    sp_rpc_bell_ring(server->refuse);
    int64_t left_ms = until_ms - sp_clock_monotonic_ms();
    if (wait_for_workers(server, &server->workers_refusing, left_ms > ANSWERING_MS ? left_ms : ANSWERING_MS))
        wait_while(server, has_pending_calls, sp_clock_monotonic_ms() + ANSWERING_MS);
    sp_rpc_connections_cut_all(server->shared.connections);
}

static void leave_calls(struct core_server *server, unsigned grace_ms) {
    int64_t begin_ms = sp_clock_monotonic_ms();
    if (server->options.max_connection_age_s > 0)
        let_connections_leave(server, begin_ms, grace_ms);
    else
        sp_rpc_bell_ring(server->end_streams);
    end_calls(server, begin_ms + grace_ms);
}

static void shut_doors_and_join(struct core_server *server) {
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

/* For a server that has not started all of its threads. */
static void ring_bells(struct core_server *server) {
    sp_rpc_bell_ring(server->end_streams);
    sp_rpc_bell_ring(server->refuse);
}

void sp_rpc_core_server_stop(struct core_server *server, unsigned grace_ms) {
    if (server->stopped)
        return;
    server->stopped = true;
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
    sp_rpc_peer_forget_all(worker);
    if (worker->cq != NULL)
        grpc_completion_queue_destroy(worker->cq);
}

void sp_rpc_core_server_close(struct core_server *server) {
    if (server == NULL)
        return;
    sp_rpc_core_server_stop(server, 0);
    sp_rpc_bell_free(server->end_streams);
    sp_rpc_bell_free(server->refuse);
    sp_rpc_doors_free(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        free_worker(&server->workers[i]);
    free(server->workers);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
    sp_rpc_global_fini();
}
