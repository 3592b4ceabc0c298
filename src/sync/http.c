#include "sync/http.h"

#include "daemon/health_pages.h"
#include "daemon/listeners.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"

/* Leaves *observed as it is if the store cannot be read. */
static void observe_store(struct sp_sync *sync, struct sp_observed_store *observed) {
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

static void write_sync_metrics(void *user, struct sp_text_out *out) {
    struct sp_sync *sync = user;
    struct sp_source_state source;
    struct sp_sync_gauges gauges = {
        .watches = sp_watch_list_count(&sync->watches),
        .grpc_connections = sp_rpc_server_connections(sync->rpc),
        .http_connections = sp_http_connections(sync->http),
        .ready = atomic_load(&sync->ready),
    };
    sp_writer_get_stats(sync->writer, &gauges.writer);
    if (sync->source != NULL) {
        sp_source_get_state(sync->source, &source);
        gauges.source = &source;
    }
    observe_store(sync, &gauges.store);
    sp_sync_metrics_write(sync->metrics, &gauges, out);
}

static void close_http_snapshot(void *user) {
    sp_sync_worker_stopping(SP_SYNC_HTTP_WORKER, user);
}

enum sp_status sp_sync_http_start(struct sp_sync *sync, const struct sp_daemon_options *options,
                                  struct sp_error *error) {
    /* Read until the server is closed. */
    static struct sp_http_route routes[SP_HEALTH_ROUTES];
    static struct sp_health_pages pages;
    struct sp_http_options http_options = sp_listeners_http_options(options);
    if (http_options.listen_count == 0)
        return SP_OK;
    http_options.thread_stopping = close_http_snapshot;
    http_options.user = sync;
    pages = (struct sp_health_pages){&sync->ready, write_sync_metrics, sync};
    sp_health_routes(&pages, routes);
    enum sp_status status = sp_http_open(&http_options, routes, SP_HEALTH_ROUTES, &sync->http, error);
    if (status != SP_OK)
        return status;
    return sp_listeners_start_http(options, sync->http, error);
}
