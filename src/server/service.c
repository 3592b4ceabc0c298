#include "server/service.h"

#include <time.h>

#include "base/log.h"
#include "base/random.h"
#include "observe/process.h"
#include "server/metrics.h"

static int64_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

enum sp_status sp_service_init(struct sp_service *service, const struct sp_server_config *config) {
    uint64_t process = 0;
    *service = (struct sp_service){.config = config};
    enum sp_status status = sp_random_fill((uint8_t *)&process, sizeof(process));
    if (status != SP_OK)
        return status;
    for (unsigned i = 0; i < SP_SERVER_WORKER_SLOTS; i++)
        service->workers[i].ids = (struct sp_decision_ids){.process = process, .worker = i};
    status = sp_route_source_create(&service->routes);
    if (status == SP_OK && config->daemon.http_listen.count > 0)
        status = sp_server_metrics_create(&service->metrics);
    return status == SP_OK ? sp_process_metrics_create("sallyportd", &service->process) : status;
}

static enum sp_status first_revision(struct sp_store *store, struct sp_revision *ret_revision) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_open(store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK) {
        status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
    return status;
}

enum sp_status sp_service_open_store(struct sp_service *service, struct sp_revision *ret_revision,
                                     struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(service->config->store, &options, &store, error);
    if (status != SP_OK)
        return status;
    status = first_revision(store, ret_revision);
    if (status == SP_OK && ret_revision->number == 0) {
        sp_store_close(store);
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store in %s is still being filled by sallyport-sync",
                            service->config->store);
    }
    if (status != SP_OK) {
        sp_store_close(store);
        return sp_error_set(error, status, "the store in %s has no readable revision (%s)", service->config->store,
                            sp_status_name(status));
    }
    atomic_store(&service->store, store);
    return SP_OK;
}

void sp_service_worker_stopping(unsigned worker, void *user) {
    struct sp_service *service = user;
    sp_snapshot_close(service->workers[worker].snapshot);
    service->workers[worker].snapshot = NULL;
    sp_route_reader_close(service->routes, &service->workers[worker].routes);
}

void sp_service_fini(struct sp_service *service) {
    sp_store_close(atomic_load(&service->store));
    atomic_store(&service->store, NULL);
    sp_route_source_free(service->routes);
    service->routes = NULL;
    sp_decision_log_close(service->decision_log);
    sp_process_metrics_free(service->process);
    sp_metrics_free(service->metrics);
}

enum sp_status sp_service_acquire(struct sp_service *service, unsigned slot, struct sp_snapshot **ret_snapshot,
                                  struct sp_error *error) {
    struct sp_server_worker *worker = &service->workers[slot];
    enum sp_status status;
    if (worker->snapshot == NULL) {
        struct sp_store *store = atomic_load(&service->store);
        if (store == NULL)
            return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store is not open yet: ask again");
        status = sp_snapshot_open(store, &worker->snapshot);
        if (status != SP_OK)
            return sp_error_set(error, status, "the store cannot be read now: ask again");
    }
    status = sp_snapshot_acquire(worker->snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store cannot be read now: ask again");
    *ret_snapshot = worker->snapshot;
    return SP_OK;
}

/* Only a store that follows another source can fall behind; one that is the truth itself was never "synced". */
static enum sp_status judge_staleness(const struct sp_service *service, struct sp_view *view, struct sp_query *query) {
    int64_t synced_at_s = 0;
    if (service->config->max_staleness_s == 0)
        return SP_OK;
    enum sp_status status = sp_view_synced_at(view, &synced_at_s);
    if (status == SP_OK)
        query->stale = synced_at_s != 0 && query->now_s - synced_at_s > (int64_t)service->config->max_staleness_s;
    return status;
}

enum sp_status sp_service_complete(struct sp_service *service, struct sp_view *view, struct sp_query *query) {
    query->now_s = now_s();
    return judge_staleness(service, view, query);
}

enum sp_status sp_service_answer(struct sp_service *service, struct sp_view *view, struct sp_query *query,
                                 struct sp_answer *ret_answer) {
    enum sp_status status = sp_service_complete(service, view, query);
    return status == SP_OK ? sp_check(view, query, ret_answer) : status;
}

enum sp_status sp_service_routes(struct sp_service *service, unsigned worker, struct sp_view *view,
                                 const struct sp_routes **ret_routes) {
    return sp_routes_at(service->routes, &service->workers[worker].routes, view, ret_routes);
}

static void log_damage(struct sp_service *service) {
    long long now = now_s();
    long long last = atomic_load(&service->last_corrupt_log_s);
    if (last != now && atomic_compare_exchange_strong(&service->last_corrupt_log_s, &last, now))
        sp_log(SP_LOG_ERROR,
               "a record of the store fails its checksum, and a call was refused for it: run `sallyport-sync verify`, "
               "then `sallyport-sync reindex`, or restore a backup");
}

void sp_service_explain_failure(struct sp_service *service, enum sp_status status, struct sp_error *error) {
    if (status == SP_ERR_CORRUPT) {
        log_damage(service);
        sp_error_set(error, status, "the store is damaged where this question needs it: there is no answer");
    } else if (status == SP_ERR_MEMORY || status == SP_ERR_EXHAUSTED) {
        sp_error_set(error, status, "the call needs more memory than a call may use: ask for less at once");
    } else {
        sp_error_set(error, status, "the store could not be read: there is no answer");
    }
}
