#include "server/metrics.h"

#include "core/decision.h"
#include "daemon/refusals.h"
#include "server/asking.h"
#include "server/worker_slots.h"

enum { REASONS = SP_REASON_COUNT - 1 }; /* all but SP_REASON_NONE */

static const uint64_t call_buckets_ns[] = {2000,   5000,    10000,   20000,    50000,    100000,    200000,
                                           500000, 1000000, 2000000, 10000000, 50000000, 200000000, 1000000000};

/* The statuses that a call can end with; any other counts as the last. */
static const enum sp_status error_statuses[] = {
    SP_ERR_INVALID,  SP_ERR_UNAUTHENTICATED, SP_ERR_PERMISSION, SP_ERR_PRECONDITION, SP_ERR_EXHAUSTED,
    SP_ERR_DEADLINE, SP_ERR_UNAVAILABLE,     SP_ERR_CORRUPT,    SP_ERR_INTERNAL,
};
enum { ERRORS = sizeof(error_statuses) / sizeof(*error_statuses) };

unsigned sp_server_decision_series(unsigned transport, unsigned reason) {
    return transport * REASONS + reason - 1;
}

static size_t decision_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    enum sp_reason reason = (enum sp_reason)(series % REASONS + 1);
    ret_labels[0] = (struct sp_metric_label){"decision", reason == SP_REASON_ALLOWED ? "allow" : "deny"};
    ret_labels[1] = (struct sp_metric_label){"reason", sp_reason_name(reason)};
    ret_labels[2] = (struct sp_metric_label){"transport", sp_transport_name((enum sp_transport)(series / REASONS))};
    return 3;
}

static size_t transport_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    ret_labels[0] = (struct sp_metric_label){"transport", sp_transport_name((enum sp_transport)series)};
    return 1;
}

unsigned sp_server_error_series(unsigned transport, enum sp_status status) {
    unsigned i = 0;
    while (i < ERRORS - 1 && sp_status_to_grpc(error_statuses[i]) != sp_status_to_grpc(status))
        i++;
    return transport * ERRORS + i;
}

static size_t error_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    ret_labels[0] = (struct sp_metric_label){"code", sp_status_name(error_statuses[series % ERRORS])};
    ret_labels[1] = (struct sp_metric_label){"transport", sp_transport_name((enum sp_transport)(series / ERRORS))};
    return 2;
}

static const struct sp_metric table[SP_SERVER_METRIC_COUNT] = {
    [SP_SERVER_DECISIONS] = {.name = "sallyport_decisions_total",
                             .help = "Questions answered, by decision, reason and transport.",
                             .kind = SP_METRIC_COUNTER,
                             .series = SP_TRANSPORT_COUNT * REASONS,
                             .labels = decision_labels},
    [SP_SERVER_CALL_SECONDS] = {.name = "sallyport_call_seconds",
                                .help = "Time from receiving a call (or a message of a stream) until its answer was "
                                        "ready, including waits for a revision; a batch counts once.",
                                .kind = SP_METRIC_HISTOGRAM,
                                .series = SP_TRANSPORT_COUNT,
                                .labels = transport_labels,
                                .buckets = call_buckets_ns,
                                .bucket_count = sizeof(call_buckets_ns) / sizeof(*call_buckets_ns),
                                .scale = 1e-9},
    [SP_SERVER_CALL_ERRORS] =
        {.name = "sallyport_call_errors_total",
         .help = "Calls that got an error instead of a decision, which callers must treat as a denial.",
         .kind = SP_METRIC_COUNTER,
         .series = SP_TRANSPORT_COUNT * ERRORS,
         .labels = error_labels},
    [SP_SERVER_REVISION_WAITS] = {.name = "sallyport_min_revision_waits_total",
                                  .help = "Calls that waited for their min_revision.",
                                  .kind = SP_METRIC_COUNTER},
    [SP_SERVER_READY] = {.name = "sallyport_ready",
                         .help = "1 while decisions are served and the health service reports SERVING; otherwise 0.",
                         .kind = SP_METRIC_GAUGE},
    [SP_SERVER_SYNC_AGE] = {.name = "sallyport_sync_age_seconds",
                            .help = "Seconds since the store was last in step with the source that it follows; "
                                    "missing for a store that follows none.",
                            .kind = SP_METRIC_GAUGE},
    [SP_SERVER_LOG_WRITTEN] = {.name = "sallyport_decision_log_lines_total",
                               .help = "Lines written to the decision log; missing without one.",
                               .kind = SP_METRIC_GATHERED_COUNTER},
    [SP_SERVER_LOG_DROPPED] = {.name = "sallyport_decision_log_dropped_total",
                               .help = "Decisions missing from the decision log because there was no room or they "
                                       "could not be written; missing without a decision log.",
                               .kind = SP_METRIC_GATHERED_COUNTER},
    [SP_SERVER_LOG_WAITING] = {.name = "sallyport_decision_log_spill_bytes",
                               .help =
                                   "Bytes of the decision log's spill file that wait to be written; missing without "
                                   "one.",
                               .kind = SP_METRIC_GAUGE},
    [SP_SERVER_LOG_FULLNESS] = {.name = "sallyport_decision_log_spill_ratio",
                                .help = "How full the fullest worker's share of the spill file is, from 0 to 1; at 1 "
                                        "decisions are dropped. Missing without one.",
                                .kind = SP_METRIC_GAUGE},
    [SP_SERVER_GRPC_CONNECTIONS] = {.name = "sallyport_grpc_connections",
                                    .help = "Connections open to the gRPC listeners.",
                                    .kind = SP_METRIC_GAUGE},
    [SP_SERVER_HTTP_CONNECTIONS] = {.name = "sallyport_http_connections",
                                    .help = "Connections open to the HTTP port.",
                                    .kind = SP_METRIC_GAUGE},
    [SP_SERVER_REFUSALS] = SP_REFUSALS_ROW,
    [SP_SERVER_UNANSWERED] = SP_UNANSWERED_ROW,
    [SP_SERVER_HTTP_TLS_REFUSALS] = SP_HTTP_TLS_REFUSALS_ROW,
    [SP_SERVER_USE_REPORT_AGE] = {.name = "sallyport_key_use_report_age_seconds",
                                  .help = "Seconds since the admin instance accepted the last report of key uses; "
                                          "missing without --report-to.",
                                  .kind = SP_METRIC_GAUGE},
    [SP_SERVER_BULK_QUEUE] = {.name = "sallyport_bulk_queue",
                              .help = "Large batches, explanations and steps of lists that wait for a thread of "
                                      "--bulk-workers; at 1,000 further ones are refused.",
                              .kind = SP_METRIC_GAUGE},
    [SP_SERVER_BULK_REFUSED] = {.name = "sallyport_bulk_refused_total",
                                .help = "Large batches, explanations and lists refused because too many waited.",
                                .kind = SP_METRIC_GATHERED_COUNTER},
    [SP_SERVER_USE_LOSSES] = {.name = "sallyport_key_use_losses_total",
                              .help = "Times that uses of keys were lost because there was no room to keep them until "
                                      "the next report; missing without --report-to.",
                              .kind = SP_METRIC_GATHERED_COUNTER},
};

enum sp_status sp_server_metrics_create(struct sp_metrics **ret_metrics) {
    return sp_metrics_create(table, SP_SERVER_METRIC_COUNT, SP_SERVER_WORKER_SLOTS, ret_metrics);
}
