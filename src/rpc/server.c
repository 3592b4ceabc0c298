/* What servers of both engines have in common: options, methods with health and reflection,
 * listeners, connections, and the health listeners' own engine. */
#include "rpc/server.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "rpc/connections.h"
#include "rpc/entrances.h"
#include "rpc/grpc/server.h"
#include "rpc/h2/server.h"
#include "rpc/h2/tls.h"
#include "rpc/health.h"
#include "rpc/methods.h"
#include "tls/crl.h"

enum {
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    REQUEST_MEMORY_BYTES = 32 * 1024 * 1024,
    MAX_CONCURRENT_STREAMS = 100,
    MAX_WORKERS = 256,
    CONNECTION_AGE_GRACE_S = 10,
    MAX_AGE_S = 7 * 24 * 60 * 60, /* gRPC counts milliseconds in an int */
    REQUEST_TIMEOUT_S = 10,
    ANSWER_TIMEOUT_S = 30,
    MAX_METADATA_BYTES = 64 * 1024, /* more than proxies let pass (Envoy: 60 KiB) */
    MAX_RESETS_PER_SECOND = 1000,
    MAX_CONTROL_FRAMES_PER_SECOND = 20 * 1000,
    MAX_EMPTY_FRAMES_PER_SECOND = 1000,
};

struct sp_rpc_server {
    struct sp_rpc_server_options options;
    struct sp_rpc_methods *methods; /* with health and reflection */
    struct connections *connections;
    struct listeners *listeners;
    struct sp_rpc_bound_counts counts;
    struct sp_tls_crl *crl;           /* NULL: no certificate is known to be revoked */
    struct sp_tls_refusals *refusals; /* NULL: without TLS */
    struct core_server *core;         /* NULL: the other engine serves */
    struct h2_server *h2;             /* the same */
    struct h2_tls *h2_tls;            /* of it, if it speaks TLS */
    struct h2_server *health;         /* NULL: no listener is for health only */
    struct h2_entrance tcp_entrance, unix_entrance, health_entrance;
    bool stopped;
};

/* ---- options ---- */

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

static unsigned or_default(unsigned given, unsigned otherwise) {
    return given == 0 ? otherwise : given;
}

static void complete_limits_of_h2(struct sp_rpc_connection_limits *limits) {
    if (limits->max_metadata_bytes == 0)
        limits->max_metadata_bytes = MAX_METADATA_BYTES;
    limits->max_resets_per_second = or_default(limits->max_resets_per_second, MAX_RESETS_PER_SECOND);
    limits->max_control_frames_per_s = or_default(limits->max_control_frames_per_s, MAX_CONTROL_FRAMES_PER_SECOND);
    limits->max_empty_frames_per_s = or_default(limits->max_empty_frames_per_s, MAX_EMPTY_FRAMES_PER_SECOND);
    limits->answer_timeout_s = or_default(limits->answer_timeout_s, ANSWER_TIMEOUT_S);
}

static void complete_options(struct sp_rpc_server_options *options) {
    options->workers = options->workers == 0 ? count_cpus() : options->workers;
    options->workers = options->workers > MAX_WORKERS ? MAX_WORKERS : options->workers;
    options->arena_budget_bytes = options->arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options->arena_budget_bytes;
    if (options->max_concurrent_streams == 0)
        options->max_concurrent_streams = MAX_CONCURRENT_STREAMS;
    options->connection_age_grace_s = resolve_age_grace_s(options);
    if (options->limits.request_timeout_s == 0)
        options->limits.request_timeout_s = REQUEST_TIMEOUT_S;
    if (options->limits.request_memory_bytes == 0)
        options->limits.request_memory_bytes = REQUEST_MEMORY_BYTES;
    complete_limits_of_h2(&options->limits);
}

/* The caller's, read while opening only. */
static void forget_borrowed_options(struct sp_rpc_server_options *options) {
    options->listen = options->health_listen = NULL;
    options->unix_uids = NULL;
    options->tls = (struct sp_tls_files){0};
}

static enum sp_status check_options(const struct sp_rpc_server_options *options, struct sp_error *error) {
    if (options->tls.ca != NULL && options->tls.certificate == NULL)
        return sp_error_set(error, SP_ERR_INVALID,
                            "a CA for clients requires a server certificate; give the server's certificate and key");
    return SP_OK;
}

/* A connection has one or two descriptors; the soft limit is often 1,024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---- engines ---- */

static bool take_for_h2(void *user, int listener_fd, int fd) {
    (void)listener_fd;
    return sp_rpc_h2_server_take(user, fd);
}

static struct h2_options h2_options_of(struct sp_rpc_server *server, unsigned loops, bool health_only) {
    return (struct h2_options){.server = &server->options,
                               .methods = server->methods->all,
                               .method_count = server->methods->count,
                               .counts = &server->counts,
                               .connections = server->connections,
                               .tls = health_only ? NULL : server->h2_tls,
                               .crl = health_only ? NULL : server->crl,
                               .loops = loops,
                               .health_only = health_only};
}

static enum sp_status open_core(struct sp_rpc_server *server, struct entrances *entrances, struct sp_error *error) {
    const struct core_shared shared = {server->connections, &server->counts, server->crl, server->refusals};
    enum sp_status status = sp_rpc_core_server_open(&server->options, &shared, server->methods->all,
                                                    server->methods->count, &server->core, error);
    if (status != SP_OK)
        return status;
    entrances->tcp = (struct entrance){sp_rpc_core_server_take_tcp, server->core};
    entrances->unix_socket = (struct entrance){sp_rpc_core_server_take_unix, server->core};
    return SP_OK;
}

static enum sp_status open_h2(struct sp_rpc_server *server, struct entrances *entrances, struct sp_error *error) {
    const struct sp_rpc_server_options *options = &server->options;
    bool has_tls = options->tls.certificate != NULL || options->tls.key != NULL;
    if (has_tls) {
        enum sp_status status =
            sp_rpc_h2_tls_open(&options->tls, server->refusals, options->notice, options->user, &server->h2_tls, error);
        if (status != SP_OK)
            return status;
    }
    const struct h2_options h2 = h2_options_of(server, options->workers, false);
    enum sp_status status = sp_rpc_h2_server_open(&h2, &server->h2, error);
    if (status != SP_OK)
        return status;
    server->tcp_entrance = (struct h2_entrance){server->h2, has_tls ? SP_PEER_TLS : SP_PEER_PLAIN};
    server->unix_entrance = (struct h2_entrance){server->h2, SP_PEER_UNIX};
    entrances->tcp = (struct entrance){take_for_h2, &server->tcp_entrance};
    entrances->unix_socket = (struct entrance){take_for_h2, &server->unix_entrance};
    return SP_OK;
}

static enum sp_status open_health(struct sp_rpc_server *server, struct entrances *entrances, struct sp_error *error) {
    if (server->options.health_listen_count == 0)
        return SP_OK;
    const struct h2_options h2 = h2_options_of(server, 1, true);
    enum sp_status status = sp_rpc_h2_server_open(&h2, &server->health, error);
    if (status != SP_OK)
        return status;
    server->health_entrance = (struct h2_entrance){server->health, SP_PEER_PLAIN};
    entrances->health = (struct entrance){take_for_h2, &server->health_entrance};
    return SP_OK;
}

static enum sp_status open_engines(struct sp_rpc_server *server, struct sp_error *error) {
    struct entrances entrances = {0};
    enum sp_status status = server->options.engine == SP_RPC_ENGINE_H2 ? open_h2(server, &entrances, error)
                                                                       : open_core(server, &entrances, error);
    if (status != SP_OK)
        return status;
    status = open_health(server, &entrances, error);
    if (status != SP_OK)
        return status;
    return sp_rpc_entrances_bind(&server->options, &entrances, server->listeners, error);
}

/* ---- opening ---- */

static enum sp_status open_revocation(struct sp_rpc_server *server, struct sp_error *error) {
    const struct sp_rpc_server_options *options = &server->options;
    if (options->tls.crl == NULL)
        return SP_OK;
    const struct sp_tls_crl_options crl = {
        .file = options->tls.crl, .ca = options->tls.ca, .notice = options->notice, .user = options->user};
    return sp_tls_crl_open(&crl, &server->crl, error);
}

static void report_refusal(void *user, const struct sp_tls_refusal *refusal) {
    struct sp_rpc_server *server = user;
    sp_rpc_bound_count(&server->counts, SP_RPC_BOUND_TLS);
    if (server->options.tls_refused != NULL)
        server->options.tls_refused(server->options.user, refusal);
}

static enum sp_status open_refusals(struct sp_rpc_server *server, struct sp_error *error) {
    if (server->options.tls.certificate == NULL)
        return SP_OK;
    server->refusals = sp_tls_refusals_open(report_refusal, server);
    return server->refusals != NULL ? SP_OK : sp_error_set(error, SP_ERR_MEMORY, "out of memory");
}

static enum sp_status prepare_server(struct sp_rpc_server *server, const struct sp_rpc_method *methods,
                                     size_t method_count, struct sp_bytes descriptors, struct sp_error *error) {
    const struct sp_rpc_server_options *options = &server->options;
    server->connections = sp_rpc_connections_create(&options->limits, &server->counts);
    if (server->connections != NULL)
        server->listeners = sp_rpc_listeners_create(server->connections);
    if (server->listeners == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = check_options(options, error);
    if (status != SP_OK)
        return status;
    status = open_revocation(server, error);
    if (status != SP_OK)
        return status;
    status = open_refusals(server, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_methods_create(methods, method_count, options->admit != NULL, descriptors, &server->methods, error);
    if (status != SP_OK)
        return status;
    return open_engines(server, error);
}

enum sp_status sp_rpc_server_open(const struct sp_rpc_server_options *options, const struct sp_rpc_method *methods,
                                  size_t method_count, struct sp_bytes descriptors, struct sp_rpc_server **ret_server,
                                  struct sp_error *error) {
    raise_descriptor_limit();
    struct sp_rpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    server->options = *options;
    complete_options(&server->options);
    enum sp_status status = prepare_server(server, methods, method_count, descriptors, error);
    forget_borrowed_options(&server->options);
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
    size_t held = sp_rpc_connections_held_bytes(server->connections);
    return server->h2 == NULL ? held : held + sp_rpc_h2_server_held_bytes(server->h2);
}

/* ---- running ---- */

enum sp_status sp_rpc_server_start(struct sp_rpc_server *server, struct sp_error *error) {
    enum sp_status status =
        server->h2 != NULL ? sp_rpc_h2_server_start(server->h2, error) : sp_rpc_core_server_start(server->core, error);
    if (status != SP_OK)
        return status;
    if (server->health != NULL) {
        status = sp_rpc_h2_server_start(server->health, error);
        if (status != SP_OK)
            return status;
    }
    status = sp_rpc_connections_start(server->connections, error);
    if (status != SP_OK)
        return status;
    return sp_rpc_listeners_start(server->listeners, error);
}

void sp_rpc_server_set_serving(struct sp_rpc_server *server, bool serving) {
    sp_rpc_health_set(server->methods->health, serving);
}

void sp_rpc_server_set_alive(struct sp_rpc_server *server, bool alive) {
    sp_rpc_health_set_alive(server->methods->health, alive);
}

static unsigned count_engine_threads(const struct sp_rpc_server *server) {
    return server->h2 != NULL ? server->options.workers : sp_rpc_core_server_threads(server->core);
}

unsigned sp_rpc_server_threads(const struct sp_rpc_server *server) {
    return count_engine_threads(server) + (server->health != NULL ? 1 : 0);
}

const struct sp_heartbeat *sp_rpc_server_heartbeat(const struct sp_rpc_server *server, unsigned thread) {
    if (thread >= count_engine_threads(server))
        return sp_rpc_h2_server_heartbeat(server->health, 0);
    return server->h2 != NULL ? sp_rpc_h2_server_heartbeat(server->h2, thread)
                              : sp_rpc_core_server_heartbeat(server->core, thread);
}

/* ---- stopping ---- */

void sp_rpc_server_stop(struct sp_rpc_server *server, unsigned grace_ms) {
    if (server->stopped)
        return;
    server->stopped = true;
    if (server->methods != NULL)
        sp_rpc_health_set(server->methods->health, false);
    if (server->listeners != NULL)
        sp_rpc_listeners_stop(server->listeners);
    if (server->health != NULL)
        sp_rpc_h2_server_stop(server->health, 0);
    if (server->h2 != NULL)
        sp_rpc_h2_server_stop(server->h2, grace_ms);
    if (server->core != NULL)
        sp_rpc_core_server_stop(server->core, grace_ms);
}

void sp_rpc_server_close(struct sp_rpc_server *server) {
    if (server == NULL)
        return;
    sp_rpc_server_stop(server, 0);
    sp_rpc_core_server_close(server->core);
    sp_rpc_h2_server_free(server->h2);
    sp_rpc_h2_server_free(server->health);
    sp_rpc_h2_tls_close(server->h2_tls);
    sp_tls_crl_close(server->crl);
    sp_tls_refusals_close(server->refusals);
    sp_rpc_listeners_free(server->listeners);
    sp_rpc_connections_free(server->connections);
    sp_rpc_methods_free(server->methods);
    free(server);
}
