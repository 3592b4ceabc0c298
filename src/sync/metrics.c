#include "sync/metrics.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "daemon/refusals.h"
#include "observe/metrics.h"
#include "sync/worker_slots.h"

enum row {
    CALLS,
    COMMIT_SECONDS,
    COMMIT_CHANGES,
    QUEUE,
    QUEUE_SECONDS,
    READS_QUEUE,
    READS_REFUSED,
    REFUSED_CHANGES,
    ROOM,
    WATCHES,
    EXPIRING,
    LAST_BACKUP,
    READY,
    GRPC_CONNECTIONS,
    CONNECTIONS,
    REFUSALS,
    UNANSWERED,
    HTTP_TLS_REFUSALS,
    SOURCE_FOLLOWING,
    SOURCE_AGE,
    SOURCE_UNREADABLE,
    SOURCE_LISTINGS,
    SOURCE_DIFFERENCES,
    SOURCE_REFUSALS,
    SOURCE_LOST_RACES,
    SOURCE_UNAUTHENTICATED,
    SOURCE_SET_BACK,
    ROWS
};

enum outcome { OK, REFUSED, FAILED, OUTCOMES };

struct sp_sync_metrics {
    struct sp_metrics *metrics;
    struct sp_process_metrics *process;
    atomic_llong expiring;      /* -1: not known yet */
    atomic_llong last_backup_s; /* 0: none since the start */
};

static size_t label_call(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    static const char *const outcomes[OUTCOMES] = {"ok", "refused", "failed"};
    ret_labels[0] = (struct sp_metric_label){"method", sp_admin_method_name(sp_admin_method_at(series / OUTCOMES))};
    ret_labels[1] = (struct sp_metric_label){"outcome", outcomes[series % OUTCOMES]};
    return 2;
}

static size_t label_refusal(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    ret_labels[0] = (struct sp_metric_label){"limit", sp_writer_refusal_name((enum sp_writer_refusal)series)};
    return 1;
}

static const uint64_t commit_buckets_ns[] = {200000,   500000,   1000000,   2000000,   5000000,    10000000,
                                             20000000, 50000000, 100000000, 200000000, 1000000000, 5000000000};
static const uint64_t wait_buckets_ms[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30000};
static const uint64_t change_buckets[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

/* The number of methods is filled in at run time. */
static struct sp_metric table[ROWS] = {
    [CALLS] = {.name = "sallyport_admin_calls_total",
               .help = "Calls of the admin API: ok, refused (for the caller to fix), or failed (for the operator). An "
                       "import counts each batch, a watch counts when it is admitted.",
               .kind = SP_METRIC_COUNTER,
               .labels = label_call},
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
               .help = "Changes queued for the writer; at 10,000 further ones are refused, for one workspace at 1,000.",
               .kind = SP_METRIC_GAUGE},
    [QUEUE_SECONDS] = {.name = "sallyport_change_queue_seconds",
                       .help = "Time that changes waited for the writer.",
                       .kind = SP_METRIC_HISTOGRAM,
                       .buckets = wait_buckets_ms,
                       .bucket_count = sizeof(wait_buckets_ms) / sizeof(*wait_buckets_ms),
                       .scale = 1e-3},
    [READS_QUEUE] = {.name = "sallyport_read_queue",
                     .help =
                         "Lists, explanations and watches waiting for a thread; at 2,000 further ones are refused, for "
                         "one workspace at 200.",
                     .kind = SP_METRIC_GAUGE},
    [READS_REFUSED] = {.name = "sallyport_reads_refused_total",
                       .help = "Lists, explanations and watches refused because too many were waiting.",
                       .kind = SP_METRIC_COUNTER},
    [REFUSED_CHANGES] = {.name = "sallyport_changes_refused_total",
                         .help =
                             "Changes refused with RESOURCE_EXHAUSTED before they were tried, by the limit they met.",
                         .kind = SP_METRIC_GATHERED_COUNTER,
                         .series = SP_WRITER_REFUSALS,
                         .labels = label_refusal},
    [ROOM] = {.name = "sallyport_change_room_bytes",
              .help = "Room left in the store and on its volume before only changes that take access away are "
                      "accepted. Missing without --reserve.",
              .kind = SP_METRIC_GAUGE},
    [WATCHES] = {.name = "sallyport_watches", .help = "Open WatchChanges calls.", .kind = SP_METRIC_GAUGE},
    [EXPIRING] = {.name = "sallyport_keys_expiring_soon",
                  .help = "Enabled keys that expire within seven days and were not rotated to one that lasts longer; "
                          "counted about every minute, less often in large stores. Missing until the first count.",
                  .kind = SP_METRIC_GAUGE},
    [LAST_BACKUP] = {.name = "sallyport_last_backup_timestamp_seconds",
                     .help = "When a backup was last sent completely, in seconds since 1970. Missing until the first "
                             "one since the start.",
                     .kind = SP_METRIC_GAUGE},
    [READY] = {.name = "sallyport_ready",
               .help = "1 while calls are served, otherwise 0; the same as the health service reports.",
               .kind = SP_METRIC_GAUGE},
    [GRPC_CONNECTIONS] = {.name = "sallyport_grpc_connections",
                          .help = "Open connections to the gRPC listeners.",
                          .kind = SP_METRIC_GAUGE},
    [CONNECTIONS] = {.name = "sallyport_http_connections",
                     .help = "Open connections to the HTTP port.",
                     .kind = SP_METRIC_GAUGE},
    [REFUSALS] = SP_REFUSALS_ROW,
    [UNANSWERED] = SP_UNANSWERED_ROW,
    [HTTP_TLS_REFUSALS] = SP_HTTP_TLS_REFUSALS_ROW,
    [SOURCE_FOLLOWING] = {.name = "sallyport_source_following",
                          .help =
                              "1 while etcd is watched, otherwise 0. Missing, like all of sallyport_source_*, if the "
                              "store does not use etcd.",
                          .kind = SP_METRIC_GAUGE},
    [SOURCE_AGE] = {.name = "sallyport_source_age_seconds",
                    .help = "Time since the store was last known to match etcd. Missing until it did.",
                    .kind = SP_METRIC_GAUGE},
    [SOURCE_UNREADABLE] = {.name = "sallyport_source_unreadable_entities",
                           .help =
                               "Entities in etcd that this release cannot read: whatever depends on them is denied, "
                               "and this instance makes no changes. Alert if above 0.",
                           .kind = SP_METRIC_GAUGE},
    [SOURCE_LISTINGS] = {.name = "sallyport_source_listings",
                         .help = "Complete listings of etcd since the start.",
                         .kind = SP_METRIC_GAUGE},
    [SOURCE_DIFFERENCES] = {.name = "sallyport_source_differences",
                            .help = "Records that full comparisons found to differ from etcd since the start. Alert if "
                                    "above 0.",
                            .kind = SP_METRIC_GAUGE},
    [SOURCE_REFUSALS] = {.name = "sallyport_source_refusals",
                         .help = "What came from etcd since the start and was not applied because no valid head "
                                 "accounts for it: entities put without a change, heads with a wrong or no signature, "
                                 "listings that do not add up. Alert if above 0.",
                         .kind = SP_METRIC_GAUGE},
    [SOURCE_LOST_RACES] = {.name = "sallyport_source_lost_races",
                           .help = "Batches of changes retried since the start because another instance's came first.",
                           .kind = SP_METRIC_GAUGE},
    [SOURCE_SET_BACK] = {.name = "sallyport_source_set_back",
                         .help = "1 after etcd was set back to a state before this store's, until a new epoch begins, "
                                 "otherwise 0. Alert if it stays above 0.",
                         .kind = SP_METRIC_GAUGE},
    [SOURCE_UNAUTHENTICATED] =
        {.name = "sallyport_source_unauthenticated",
         .help =
             "1 while etcd authentication is disabled although --etcd-user is given, otherwise 0. Alert if above 0.",
         .kind = SP_METRIC_GAUGE},
};

enum sp_status sp_sync_metrics_create(struct sp_sync_metrics **ret_metrics) {
    struct sp_sync_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return SP_ERR_MEMORY;
    atomic_init(&metrics->expiring, -1);
    table[CALLS].series = SP_ADMIN_METHODS * OUTCOMES;
    enum sp_status status = sp_metrics_create(table, ROWS, SP_SYNC_METRIC_SHARDS, &metrics->metrics);
    if (status != SP_OK)
        goto failed;
    status = sp_process_metrics_create("sallyport-sync", &metrics->process);
    if (status != SP_OK)
        goto failed;
    *ret_metrics = metrics;
    return SP_OK;
failed:
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

static enum outcome outcome_of_call(enum sp_status status) {
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
    case SP_ERR_FUTURE:
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
    case SP_STREAM_END:
        return FAILED;
    }
    return FAILED;
}

void sp_sync_metrics_count_call(struct sp_sync_metrics *metrics, size_t method, unsigned shard, enum sp_status status) {
    sp_metrics_add(metrics->metrics, shard, CALLS, (unsigned)method * OUTCOMES + outcome_of_call(status), 1);
}

void sp_sync_metrics_count_commit(struct sp_sync_metrics *metrics, uint64_t took_ns, size_t jobs) {
    if (metrics == NULL)
        return;
    sp_metrics_observe(metrics->metrics, SP_SYNC_WRITER_SHARD, COMMIT_SECONDS, 0, took_ns);
    sp_metrics_observe(metrics->metrics, SP_SYNC_WRITER_SHARD, COMMIT_CHANGES, 0, jobs);
}

void sp_sync_metrics_count_wait(struct sp_sync_metrics *metrics, int64_t waited_ms) {
    if (metrics != NULL)
        sp_metrics_observe(metrics->metrics, SP_SYNC_WRITER_SHARD, QUEUE_SECONDS, 0,
                           waited_ms > 0 ? (uint64_t)waited_ms : 0);
}

void sp_sync_metrics_set_expiring(struct sp_sync_metrics *metrics, uint64_t keys) {
    if (metrics != NULL)
        atomic_store(&metrics->expiring, (long long)keys);
}

void sp_sync_metrics_count_backup(struct sp_sync_metrics *metrics, int64_t now_s) {
    atomic_store(&metrics->last_backup_s, now_s);
}

/* ---- the page ---- */

/* A gauge that is not known is missing from the page. */
static double value_or_missing(long long value, long long unknown) {
    return value == unknown ? (double)NAN : (double)value;
}

static void set_source_gauges(struct sp_metrics *metrics, const struct sp_source_state *source) {
    static const struct sp_source_state none = {.age_ms = -1};
    const struct sp_source_state *state = source != NULL ? source : &none;
    double missing = source != NULL ? 0 : (double)NAN;
    sp_metrics_set(metrics, SOURCE_FOLLOWING, 0, missing + (state->following ? 1 : 0));
    sp_metrics_set(metrics, SOURCE_AGE, 0, state->age_ms < 0 ? (double)NAN : (double)state->age_ms / 1000);
    sp_metrics_set(metrics, SOURCE_UNREADABLE, 0, missing + (double)state->unreadable);
    sp_metrics_set(metrics, SOURCE_LISTINGS, 0, missing + (double)state->lists);
    sp_metrics_set(metrics, SOURCE_DIFFERENCES, 0, missing + (double)state->differences);
    sp_metrics_set(metrics, SOURCE_REFUSALS, 0, missing + (double)state->refusals);
    sp_metrics_set(metrics, SOURCE_LOST_RACES, 0, missing + (double)state->lost_races);
    sp_metrics_set(metrics, SOURCE_SET_BACK, 0, missing + (state->set_back ? 1 : 0));
    sp_metrics_set(metrics, SOURCE_UNAUTHENTICATED, 0, missing + (state->unauthenticated ? 1 : 0));
}

void sp_sync_metrics_write(struct sp_sync_metrics *metrics, const struct sp_sync_gauges *gauges,
                           struct sp_text_out *out) {
    struct sp_metrics *rows = metrics->metrics;
    sp_metrics_set(rows, QUEUE, 0, (double)gauges->writer.waiting);
    sp_metrics_set(rows, READS_QUEUE, 0, (double)gauges->reads_waiting);
    sp_metrics_set(rows, READS_REFUSED, 0, (double)gauges->reads_refused);
    sp_metrics_set(rows, ROOM, 0,
                   gauges->writer.room_bytes == UINT64_MAX ? (double)NAN : (double)gauges->writer.room_bytes);
    for (unsigned i = 0; i < SP_WRITER_REFUSALS; i++)
        sp_metrics_set(rows, REFUSED_CHANGES, i, (double)gauges->writer.refused[i]);
    sp_metrics_set(rows, WATCHES, 0, (double)gauges->watches);
    sp_metrics_set(rows, EXPIRING, 0, value_or_missing(atomic_load(&metrics->expiring), -1));
    sp_metrics_set(rows, LAST_BACKUP, 0, value_or_missing(atomic_load(&metrics->last_backup_s), 0));
    sp_metrics_set(rows, READY, 0, gauges->ready ? 1 : 0);
    set_source_gauges(rows, gauges->source);
    sp_metrics_set(rows, GRPC_CONNECTIONS, 0, gauges->grpc_connections);
    if (gauges->rpc != NULL)
        sp_refusals_gather(gauges->rpc, rows, &(struct sp_refusals_rows){REFUSALS, UNANSWERED, HTTP_TLS_REFUSALS});
    sp_metrics_set(rows, CONNECTIONS, 0, gauges->http_connections);
    sp_metrics_write(rows, out);
    sp_process_metrics_write(metrics->process, &gauges->store, &gauges->process, out);
}
