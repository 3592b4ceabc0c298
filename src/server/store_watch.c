#include "server/store_watch.h"

#include <inttypes.h>

#include "base/log.h"
#include "daemon/callers.h"
#include "daemon/lifecycle.h"
#include "daemon/process.h"
#include "server/gateway/default_target.h"
#include "store/records/snapshot.h"

enum { LOOK_EVERY_MS = 1000 };

/* A store that cannot be read does not count as stale: the calls themselves report what is wrong
 * with it. */
static bool is_store_stale(struct sp_service *service, struct sp_snapshot *snapshot) {
    struct sp_query query = {.stale = false};
    if (sp_snapshot_acquire(snapshot) != SP_OK)
        return false;
    enum sp_status status = sp_service_complete(service, sp_snapshot_view(snapshot), &query);
    sp_snapshot_release(snapshot);
    return status == SP_OK && query.stale;
}

static void log_staleness(const struct sp_service *service, bool stale) {
    if (stale)
        sp_log(SP_LOG_ERROR,
               "not serving: the store has been out of step with its source for more than %" PRIu64
               " seconds, and every decision is STALE",
               service->config->max_staleness_s);
    else
        sp_log(SP_LOG_INFO, "serving again: the store is in step with its source");
}

/* The schema may change, and so may what the default leads to. */
static void check_default_target(const struct sp_service *service, struct sp_snapshot *snapshot,
                                 uint64_t *schema_mark) {
    if (snapshot == NULL || sp_snapshot_acquire(snapshot) != SP_OK)
        return;
    sp_gateway_check_default_target(&service->config->gateway, sp_snapshot_view(snapshot), schema_mark);
    sp_snapshot_release(snapshot);
}

/* `snapshot` NULL: the store cannot become stale, and no default is configured. */
static enum sp_status watch_store(struct sp_service *service, struct sp_rpc_server *server,
                                  struct sp_snapshot *snapshot) {
    struct sp_error error = {0};
    uint64_t schema_mark = 0;
    bool stale = snapshot != NULL && is_store_stale(service, snapshot);
    check_default_target(service, snapshot, &schema_mark);
    sp_daemon_set_serving(&service->ready, server, !stale);
    while (!sp_process_wait_for_signal(LOOK_EVERY_MS)) {
        sp_callers_reload_and_log(service->callers);
        enum sp_status status = sp_snapshots_check_files(&service->snapshots, &error);
        if (status != SP_OK) {
            sp_daemon_set_serving(&service->ready, server, false);
            sp_log(SP_LOG_ERROR, "not serving, and stopping: %s", error.message);
            return status;
        }
        check_default_target(service, snapshot, &schema_mark);
        bool now_stale = snapshot != NULL && is_store_stale(service, snapshot);
        if (now_stale == stale)
            continue;
        stale = now_stale;
        sp_daemon_set_serving(&service->ready, server, !stale);
        log_staleness(service, stale);
    }
    return SP_OK;
}

enum sp_status sp_server_watch_store(struct sp_service *service, struct sp_rpc_server *server) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_store *store = atomic_load(&service->snapshots.store);
    bool needed = service->config->max_staleness_s > 0 || service->config->gateway.default_type.size > 0;
    if (needed && sp_snapshot_open(store, &snapshot) != SP_OK)
        snapshot = NULL;
    enum sp_status status = watch_store(service, server, snapshot);
    sp_snapshot_close(snapshot);
    return status;
}
