#include "sync/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "http/pages.h"
#include "observe/process.h"
#include "store/records/head.h"

enum row {
    CALLS,
    COMMIT_SECONDS,
    COMMIT_CHANGES,
    QUEUE,
    WATCHES,
    EXPIRING,
    LAST_BACKUP,
    READY,
    GRPC_CONNECTIONS,
    CONNECTIONS,
    SOURCE_FOLLOWING,
    SOURCE_AGE,
    SOURCE_UNREADABLE,
    SOURCE_LISTINGS,
    SOURCE_DIFFERENCES,
    SOURCE_LOST_RACES,
    ROWS
};

enum outcome { OK, REFUSED, FAILED, OUTCOMES };

enum { SHARDS = SP_SYNC_WRITER_SHARD + 1, MAX_CONNECTIONS = 256 };

struct sp_sync_metrics {
    struct sp_metrics *metrics;
    struct sp_process_metrics *process;
    struct sp_http_server *http;
    atomic_llong expiring;      /* -1: not known yet */
    atomic_llong last_backup_s; /* 0: none since the start */
};

static unsigned method_count(void) {
    unsigned count = 0;
    while (sp_admin_method_at(count) != NULL)
        count++;
    return count;
}

static size_t call_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    static const char *const outcomes[OUTCOMES] = {"ok", "refused", "failed"};
    ret_labels[0] = (struct sp_metric_label){"method", sp_admin_method_name(sp_admin_method_at(series / OUTCOMES))};
    ret_labels[1] = (struct sp_metric_label){"outcome", outcomes[series % OUTCOMES]};
    return 2;
}

static const uint64_t commit_buckets_ns[] = {200000,   500000,   1000000,   2000000,   5000000,    10000000,
                                             20000000, 50000000, 100000000, 200000000, 1000000000, 5000000000};
static const uint64_t change_buckets[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

/* The number of methods is known when the program runs. */
static struct sp_metric table[ROWS] = {
    [CALLS] = {.name = "sallyport_admin_calls_total",
               .help = "Calls of the admin API: done, refused (the caller's to mend), or failed (ours). Imports count "
                       "each batch, watches when they are let in.",
               .kind = SP_METRIC_COUNTER,
               .labels = call_labels},
    [COMMIT_SECONDS] = {.name = "sallyport_commit_seconds",
                        .help = "Time to make one batch of changes durable and visible.",
                        .kind = SP_METRIC_HISTOGRAM,
                        .buckets = commit_buckets_ns,
                        .bucket_count = sizeof(commit_buckets_ns) / sizeof(*commit_buckets_ns),
                        .scale = 1e-9},
    [COMMIT_CHANGES] = {.name = "sallyport_commit_changes",
                        .help = "Changes that were committed together.",
                        .kind = SP_METRIC_HISTOGRAM,
                        .buckets = change_buckets,
                        .bucket_count = sizeof(change_buckets) / sizeof(*change_buckets)},
    [QUEUE] = {.name = "sallyport_change_queue",
               .help = "Changes that wait for the writer; at 10,000 more are refused.",
               .kind = SP_METRIC_GAUGE},
    [WATCHES] = {.name = "sallyport_watches", .help = "WatchChanges calls that are open.", .kind = SP_METRIC_GAUGE},
    [EXPIRING] = {.name = "sallyport_keys_expiring_soon",
                  .help = "Enabled keys that expire within seven days; counted anew about every minute, more rarely in "
                          "large stores. Missing until counted once.",
                  .kind = SP_METRIC_GAUGE},
    [LAST_BACKUP] = {.name = "sallyport_last_backup_timestamp_seconds",
                     .help = "When a backup was last sent whole, in seconds since 1970. Missing until there was one "
                             "since the start.",
                     .kind = SP_METRIC_GAUGE},
    [READY] = {.name = "sallyport_ready",
               .help = "1 while calls are served, as the health service says it; else 0.",
               .kind = SP_METRIC_GAUGE},
    [GRPC_CONNECTIONS] = {.name = "sallyport_grpc_connections",
                          .help = "Connections open to the gRPC listeners.",
                          .kind = SP_METRIC_GAUGE},
    [CONNECTIONS] = {.name = "sallyport_http_connections",
                     .help = "Connections open to the HTTP port.",
                     .kind = SP_METRIC_GAUGE},
    [SOURCE_FOLLOWING] = {.name = "sallyport_source_following",
                          .help = "1 while etcd is watched, 0 while it is not. Missing, as all of sallyport_source_*, "
                                  "where the store is the truth itself.",
                          .kind = SP_METRIC_GAUGE},
    [SOURCE_AGE] = {.name = "sallyport_source_age_seconds",
                    .help =
                        "Time since the store was last known to have everything that etcd has. Missing until it was.",
                    .kind = SP_METRIC_GAUGE},
    [SOURCE_UNREADABLE] = {.name = "sallyport_source_unreadable_entities",
                           .help =
                               "Entities of etcd that this release cannot read: what depends on them is denied, and "
                               "this instance makes no changes. Alert when above 0.",
                           .kind = SP_METRIC_GAUGE},
    [SOURCE_LISTINGS] = {.name = "sallyport_source_listings",
                         .help = "How often the whole of etcd was listed since the start.",
                         .kind = SP_METRIC_GAUGE},
    [SOURCE_DIFFERENCES] = {.name = "sallyport_source_differences",
                            .help =
                                "Records that full comparisons found to differ from etcd's since the start. Alert when "
                                "above 0.",
                            .kind = SP_METRIC_GAUGE},
    [SOURCE_LOST_RACES] = {.name = "sallyport_source_lost_races",
                           .help =
                               "Batches of changes that were made again since the start, because another instance's "
                               "came first.",
                           .kind = SP_METRIC_GAUGE},
};

enum sp_status sp_sync_metrics_create(struct sp_sync_metrics **ret_metrics) {
    struct sp_sync_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return SP_ERR_MEMORY;
    atomic_init(&metrics->expiring, -1);
    table[CALLS].series = method_count() * OUTCOMES;
    enum sp_status status = sp_metrics_create(table, ROWS, SHARDS, &metrics->metrics);
    if (status == SP_OK)
        status = sp_process_metrics_create("sallyport-sync", &metrics->process);
    if (status == SP_OK)
        *ret_metrics = metrics;
    else
        sp_sync_metrics_free(metrics);
    return status;
}

void sp_sync_metrics_free(struct sp_sync_metrics *metrics) {
    if (metrics == NULL)
        return;
    sp_metrics_free(metrics->metrics);
    sp_process_metrics_free(metrics->process);
    free(metrics);
}

/* ---- counting ---- */

static enum outcome outcome_of(enum sp_status status) {
    switch (status) {
    case SP_OK:
        return OK;
    case SP_ERR_INVALID:
    case SP_ERR_UNAUTHENTICATED:
    case SP_ERR_PERMISSION:
    case SP_ERR_NOT_FOUND:
    case SP_ERR_EXISTS:
    case SP_ERR_PRECONDITION:
    case SP_ERR_OUT_OF_RANGE:
    case SP_ERR_CANCELLED:
    case SP_ERR_DEADLINE:
        return REFUSED;
    case SP_ERR_EXHAUSTED:
    case SP_ERR_ABORTED:
    case SP_ERR_UNAVAILABLE:
    case SP_ERR_CORRUPT:
    case SP_ERR_UNIMPLEMENTED:
    case SP_ERR_MEMORY:
    case SP_ERR_IO:
    case SP_ERR_INTERNAL:
    case SP_WALK_END:
        return FAILED;
    }
    return FAILED;
}

void sp_sync_count_call(const struct sp_sync_method *of, unsigned shard, enum sp_status status) {
    unsigned method = (unsigned)(of - of->sync->methods);
    sp_metrics_add(of->sync->metrics->metrics, shard, CALLS, method * OUTCOMES + outcome_of(status), 1);
}

void sp_sync_count_commit(struct sp_sync_metrics *metrics, uint64_t took_ns, size_t jobs) {
    if (metrics == NULL)
        return;
    sp_metrics_observe(metrics->metrics, SP_SYNC_WRITER_SHARD, COMMIT_SECONDS, 0, took_ns);
    sp_metrics_observe(metrics->metrics, SP_SYNC_WRITER_SHARD, COMMIT_CHANGES, 0, jobs);
}

void sp_sync_set_expiring(struct sp_sync_metrics *metrics, uint64_t keys) {
    if (metrics != NULL)
        atomic_store(&metrics->expiring, (long long)keys);
}

void sp_sync_count_backup(struct sp_sync_metrics *metrics, int64_t now_s) {
    atomic_store(&metrics->last_backup_s, now_s);
}

/* ---- the page ---- */

static void look_at_store(struct sp_sync *sync, struct sp_observed_store *observed) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_store_stats stats;
    struct sp_revision revision = {0};
    struct sp_error error;
    if (sp_sync_acquire(sync, SP_SYNC_HTTP_WORKER, &snapshot, &error) != SP_OK)
        return;
    enum sp_status status = sp_view_revision(sp_snapshot_view(snapshot), &revision);
    sp_snapshot_release(snapshot);
    if (status != SP_OK || sp_store_stats(sync->store, &stats) != SP_OK)
        return;
    *observed = (struct sp_observed_store){
        .open = true,
        .epoch = revision.epoch,
        .revision = revision.number,
        .map_bytes = stats.map_size_bytes,
        .used_bytes = stats.used_bytes,
        .readers = stats.readers,
        .max_readers = stats.max_readers,
    };
}

static double known(long long value, long long unknown) {
    return value == unknown ? (double)NAN : (double)value;
}

static void set_source(const struct sp_sync *sync, struct sp_metrics *metrics) {
    struct sp_source_state state = {.age_ms = -1};
    if (sync->source != NULL)
        sp_source_get_state(sync->source, &state);
    double missing = sync->source != NULL ? 0 : (double)NAN;
    sp_metrics_set(metrics, SOURCE_FOLLOWING, 0, missing + (state.following ? 1 : 0));
    sp_metrics_set(metrics, SOURCE_AGE, 0, state.age_ms < 0 ? (double)NAN : (double)state.age_ms / 1000);
    sp_metrics_set(metrics, SOURCE_UNREADABLE, 0, missing + (double)state.unreadable);
    sp_metrics_set(metrics, SOURCE_LISTINGS, 0, missing + (double)state.lists);
    sp_metrics_set(metrics, SOURCE_DIFFERENCES, 0, missing + (double)state.differences);
    sp_metrics_set(metrics, SOURCE_LOST_RACES, 0, missing + (double)state.lost_races);
}

static void write_page(void *user, struct sp_text_out *out) {
    struct sp_sync *sync = user;
    struct sp_sync_metrics *own = sync->metrics;
    struct sp_observed_store observed = {0};
    look_at_store(sync, &observed);
    sp_metrics_set(own->metrics, QUEUE, 0, (double)sp_writer_waiting(sync->writer));
    sp_metrics_set(own->metrics, WATCHES, 0, (double)sp_sync_watch_count(sync));
    sp_metrics_set(own->metrics, EXPIRING, 0, known(atomic_load(&own->expiring), -1));
    sp_metrics_set(own->metrics, LAST_BACKUP, 0, known(atomic_load(&own->last_backup_s), 0));
    sp_metrics_set(own->metrics, READY, 0, atomic_load(&sync->ready) ? 1 : 0);
    set_source(sync, own->metrics);
    sp_metrics_set(own->metrics, GRPC_CONNECTIONS, 0, (double)sp_rpc_server_connections(sync->rpc));
    sp_metrics_set(own->metrics, CONNECTIONS, 0, (double)sp_http_connections(own->http));
    sp_metrics_write(own->metrics, out);
    sp_process_metrics_write(own->process, &observed, out);
}

static void metrics(struct sp_http_exchange *exchange, void *user) {
    sp_http_reply_page(exchange, SP_METRICS_CONTENT_TYPE, write_page, user);
}

static void readyz(struct sp_http_exchange *exchange, void *user) {
    const struct sp_sync *sync = user;
    sp_http_reply_ready(exchange, atomic_load(&sync->ready));
}

/* ---- the port ---- */

static void tell_of_tls(void *sync, bool good, const char *message) {
    (void)sync;
    sp_log(good ? SP_LOG_INFO : SP_LOG_ERROR, "%s", message);
}

static void thread_stopping(void *user) {
    sp_sync_worker_stopping(SP_SYNC_HTTP_WORKER, user);
}

static enum sp_status start(struct sp_sync *sync, struct sp_http_server *server, const struct sp_option_texts *listen,
                            struct sp_error *error) {
    sync->metrics->http = server;
    enum sp_status status = sp_http_start(server, error);
    for (size_t i = 0; i < listen->count && status == SP_OK; i++)
        sp_log(SP_LOG_INFO, "listening for HTTP on %s, port %d", listen->values[i], sp_http_port(server, i));
    return status;
}

enum sp_status sp_sync_http_start(struct sp_sync *sync, const struct sp_option_texts *listen, bool insecure,
                                  const struct sp_tls_files *tls, struct sp_http_server **ret_server,
                                  struct sp_error *error) {
    enum { ROUTES = 3 };
    static struct sp_http_route routes[ROUTES]; /* read until the server is closed */
    const struct sp_http_options options = {
        .listen = listen->values,
        .listen_count = listen->count,
        .insecure = insecure,
        .tls = *tls,
        .notice = tell_of_tls,
        .max_connections = MAX_CONNECTIONS,
        .thread_stopping = thread_stopping,
        .user = sync,
    };
    struct sp_http_server *server = NULL;
    *ret_server = NULL;
    if (listen->count == 0)
        return SP_OK;
    routes[0] = (struct sp_http_route){.method = "GET", .path = "/metrics", .handle = metrics, .user = sync};
    routes[1] = (struct sp_http_route){.method = "GET", .path = "/healthz", .handle = sp_http_healthz, .anyone = true};
    routes[2] =
        (struct sp_http_route){.method = "GET", .path = "/readyz", .handle = readyz, .user = sync, .anyone = true};
    enum sp_status status = sp_http_open(&options, routes, ROUTES, &server, error);
    if (status == SP_OK)
        status = start(sync, server, listen, error);
    if (status == SP_OK)
        *ret_server = server;
    else
        sp_http_close(server);
    return status;
}
