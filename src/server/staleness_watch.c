#include "server/staleness_watch.h"

#include <inttypes.h>

#include "base/log.h"
#include "daemon/callers.h"
#include "daemon/lifecycle.h"
#include "daemon/process.h"
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

static void watch_staleness(struct sp_service *service, struct sp_rpc_server *server, struct sp_snapshot *snapshot) {
    bool stale = is_store_stale(service, snapshot);
    sp_daemon_set_serving(&service->ready, server, !stale);
    while (!sp_process_wait_for_signal(LOOK_EVERY_MS)) {
        sp_callers_reload_and_log(service->callers);
        bool now_stale = is_store_stale(service, snapshot);
        if (now_stale == stale)
            continue;
        stale = now_stale;
        sp_daemon_set_serving(&service->ready, server, !stale);
        if (stale)
            sp_log(SP_LOG_ERROR,
                   "not serving: the store was last in step with its source more than %" PRIu64
                   " seconds ago, and every decision is STALE",
                   service->config->max_staleness_s);
        else
            sp_log(SP_LOG_INFO, "the store is in step with its source again: serving");
    }
}

void sp_server_serve_while_fresh(struct sp_service *service, struct sp_rpc_server *server) {
    struct sp_snapshot *snapshot = NULL;
    if (service->config->max_staleness_s > 0 &&
        sp_snapshot_open(atomic_load(&service->snapshots.store), &snapshot) == SP_OK) {
        watch_staleness(service, server, snapshot);
        sp_snapshot_close(snapshot);
        return;
    }
    sp_daemon_set_serving(&service->ready, server, true);
    while (!sp_process_wait_for_signal(LOOK_EVERY_MS))
        sp_callers_reload_and_log(service->callers);
}
