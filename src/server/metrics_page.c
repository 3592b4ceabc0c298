#include "server/metrics_page.h"

#include <math.h>

#include "base/clock.h"
#include "daemon/health_pages.h"
#include "daemon/lifecycle.h"
#include "daemon/refusals.h"
#include "http/server.h"
#include "observe/process.h"
#include "rpc/server.h"
#include "server/bulk.h"
#include "server/decision_log.h"
#include "server/metrics.h"
#include "server/usage.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"

static void observe_view(struct sp_service *service, struct sp_observed_store *observed, int64_t *ret_synced_at_s) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_error error;
    struct sp_revision revision = {0};
    if (sp_snapshots_acquire(&service->snapshots, SP_SERVER_METRICS_WORKER, &snapshot, &error) != SP_OK)
        return;
    struct sp_view *view = sp_snapshot_view(snapshot);
    observed->open = sp_view_revision(view, &revision) == SP_OK;
    observed->epoch = revision.epoch;
    observed->revision = revision.number;
    if (sp_view_synced_at(view, ret_synced_at_s) != SP_OK)
        *ret_synced_at_s = 0;
    sp_snapshot_release(snapshot);
}

static void observe_server_store(struct sp_service *service, struct sp_observed_store *observed,
                                 int64_t *ret_synced_at_s) {
    struct sp_store *store = atomic_load(&service->snapshots.store);
    struct sp_store_stats stats;
    if (store == NULL)
        return;
    observe_view(service, observed, ret_synced_at_s);
    if (sp_store_stats(store, &stats) != SP_OK) {
        observed->open = false;
        return;
    }
    observed->map_bytes = stats.map_size_bytes;
    observed->used_bytes = stats.used_bytes;
    observed->readers = stats.readers;
    observed->max_readers = stats.max_readers;
}

static void gather_decision_log(struct sp_service *service) {
    const struct sp_decision_log *log = service->recorder.decision_log;
    if (log == NULL)
        return;
    sp_metrics_set(service->recorder.metrics, SP_SERVER_LOG_WRITTEN, 0, (double)sp_decision_log_written(log));
    sp_metrics_set(service->recorder.metrics, SP_SERVER_LOG_DROPPED, 0, (double)sp_decision_log_dropped(log));
    if (service->config->decision_log_settings.spill == NULL)
        return;
    sp_metrics_set(service->recorder.metrics, SP_SERVER_LOG_WAITING, 0, (double)sp_decision_log_waiting(log));
    sp_metrics_set(service->recorder.metrics, SP_SERVER_LOG_FULLNESS, 0, sp_decision_log_fullness(log));
}

static void gather_key_use(struct sp_service *service) {
    struct sp_usage_reporter_stats stats;
    if (service->recorder.usage == NULL)
        return;
    sp_usage_reporter_read_stats(service->recorder.usage, &stats);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_USE_REPORT_AGE, 0, stats.report_age_s);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_USE_LOSSES, 0, (double)stats.losses);
}

static void gather_bulk(struct sp_service *service) {
    size_t waiting = 0;
    uint64_t refused = 0;
    sp_bulk_get_stats(service->bulk, &waiting, &refused);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_BULK_QUEUE, 0, (double)waiting);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_BULK_REFUSED, 0, (double)refused);
}

void sp_server_metrics_page(struct sp_service *service, struct sp_text_out *out) {
    struct sp_observed_store observed = {0};
    struct sp_observed_process process;
    int64_t synced_at_s = 0;
    observe_server_store(service, &observed, &synced_at_s);
    bool ready = sp_health_is_ready(&service->ready, service->watchdog);
    double age_s = synced_at_s == 0 ? (double)NAN : (double)(sp_clock_now_s() - synced_at_s);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_READY, 0, ready ? 1 : 0);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_SYNC_AGE, 0, age_s);
    sp_metrics_set(service->recorder.metrics, SP_SERVER_GRPC_CONNECTIONS, 0,
                   (double)sp_rpc_server_connections(service->rpc));
    sp_metrics_set(service->recorder.metrics, SP_SERVER_HTTP_CONNECTIONS, 0,
                   (double)sp_http_connections(service->http) + (double)sp_http_connections(service->metrics_http));
    sp_refusals_gather(
        service->rpc, service->recorder.metrics,
        &(struct sp_refusals_rows){SP_SERVER_REFUSALS, SP_SERVER_UNANSWERED, SP_SERVER_HTTP_TLS_REFUSALS});
    gather_decision_log(service);
    gather_key_use(service);
    gather_bulk(service);
    sp_metrics_write(service->recorder.metrics, out);
    sp_daemon_observe(&process);
    process.stuck_threads = sp_watchdog_stuck(service->watchdog);
    sp_process_metrics_write(service->process, &observed, &process, out);
}
