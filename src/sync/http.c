#include "sync/http.h"

#include "connect/connect.h"
#include "daemon/health_pages.h"
#include "daemon/lifecycle.h"
#include "daemon/listeners.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "sync/calls.h"

enum { MAX_ROUTES = SP_HEALTH_ROUTES + SP_SYNC_MAX_METHODS + SP_CONNECT_OWN_ROUTES };

/* Leaves *observed as it is if the store cannot be read. */
static void observe_sync_store(struct sp_sync *sync, struct sp_observed_store *observed) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_store_stats stats;
    struct sp_revision revision = {0};
    struct sp_error error;
    if (sp_sync_acquire_any(sync, SP_SYNC_METRICS_WORKER, &snapshot, &error) != SP_OK)
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
        .rpc = sync->rpc,
        .http_connections = sp_http_connections(sync->http) + sp_http_connections(sync->metrics_http),
        .ready = sp_health_is_ready(&sync->ready, sync->watchdog),
    };
    sp_writer_get_stats(sync->writer, &gauges.writer);
    sp_readers_get_stats(sync->readers, &gauges.reads_waiting, &gauges.reads_refused);
    if (sync->source != NULL) {
        sp_source_get_state(sync->source, &source);
        gauges.source = &source;
    }
    observe_sync_store(sync, &gauges.store);
    sp_daemon_observe(&gauges.process);
    gauges.process.stuck_threads = sp_watchdog_stuck(sync->watchdog);
    sp_sync_metrics_write(sync->metrics, &gauges, out);
}

static void close_metrics_snapshot(void *user) {
    sp_sync_worker_stopping(SP_SYNC_METRICS_WORKER, user);
}

static enum sp_status start_sync_metrics(struct sp_sync *sync, const struct sp_daemon_options *options,
                                         struct sp_error *error) {
    sync->metrics_listener = (struct sp_metrics_listener){
        .callers = sync->callers, .write = write_sync_metrics, .stopping = close_metrics_snapshot, .user = sync};
    return sp_metrics_listener_start(options, &sync->metrics_listener, &sync->metrics_http, error);
}

static enum sp_status start_sync_connect(struct sp_sync *sync, const struct sp_daemon_options *daemon,
                                         struct sp_error *error) {
    static const ProtobufCServiceDescriptor *const services[] = {&sallyport__v1__admin__descriptor};
    struct sp_rpc_method methods[SP_SYNC_MAX_METHODS];
    const struct sp_connect_options options = {.methods = methods,
                                               .method_count = sp_sync_methods(sync, methods),
                                               .services = services,
                                               .service_count = 1,
                                               .arena_budget_bytes = SP_SYNC_ARENA_BUDGET_BYTES,
                                               .max_stream_age_s = (unsigned)daemon->max_stream_age_s,
                                               .slot = SP_SYNC_CONNECT_WORKER,
                                               .admit = sp_sync_admit,
                                               .authenticate = sp_sync_authenticate,
                                               .worker_stopping = sp_sync_worker_stopping,
                                               .user = sync};
    return sp_connect_start(&options, &sync->connect, error);
}

/* All of the HTTP port; returns how many. */
static size_t list_sync_routes(struct sp_sync *sync, struct sp_http_route ret_routes[static MAX_ROUTES]) {
    const struct sp_http_route *of_connect = NULL;
    size_t count = SP_HEALTH_ROUTES;
    sp_health_routes(&sync->health_pages, ret_routes);
    for (size_t i = sp_connect_routes(sync->connect, &of_connect); i > 0; i--)
        ret_routes[count++] = of_connect[i - 1];
    return count;
}

enum sp_status sp_sync_http_start(struct sp_sync *sync, const struct sp_daemon_options *options,
                                  struct sp_error *error) {
    struct sp_http_route routes[MAX_ROUTES];
    const struct sp_http_options http = sp_listeners_http_options(options, &options->http_listen);
    if (http.listen_count > 0) {
        sync->health_pages = (struct sp_health_pages){&sync->ready, sync->watchdog};
        enum sp_status status = start_sync_connect(sync, options, error);
        if (status != SP_OK)
            return status;
        size_t count = list_sync_routes(sync, routes);
        status = sp_listeners_open_http(&http, "HTTP", routes, count, &sync->http, error);
        if (status != SP_OK)
            return status;
    }
    return start_sync_metrics(sync, options, error);
}

void sp_sync_http_close(struct sp_sync *sync) {
    sp_connect_leave(sync->connect);
    sp_listeners_close_http(&sync->http, &sync->metrics_http);
    sp_connect_stop(sync->connect);
}
