#include "server/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "observe/process.h"
#include "server/decision_log.h"
#include "server/metrics.h"
#include "store/records/head.h"

enum sp_status sp_service_init(struct sp_service *service, const struct sp_server_config *config) {
    *service = (struct sp_service){.config = config};
    enum sp_status status = sp_snapshots_init(&service->snapshots);
    if (status != SP_OK)
        return status;
    status = sp_ext_authz_write_last_word(&service->last_word);
    if (status != SP_OK)
        return status;
    if (config->daemon.metrics_listen.count > 0) {
        status = sp_server_metrics_create(&service->recorder.metrics);
        if (status != SP_OK)
            return status;
    }
    return sp_process_metrics_create("sallyportd", &service->process);
}

enum sp_status sp_service_open_store(struct sp_service *service, struct sp_revision *ret_revision,
                                     struct sp_error *error) {
    return sp_snapshots_open_store(&service->snapshots, service->config->store, ret_revision, error);
}

void sp_service_worker_stopping(unsigned worker, void *user) {
    struct sp_service *service = user;
    sp_snapshots_leave(&service->snapshots, worker);
}

void sp_service_fini(struct sp_service *service) {
    sp_snapshots_fini(&service->snapshots);
    sp_decision_log_close(service->recorder.decision_log);
    sp_process_metrics_free(service->process);
    sp_metrics_free(service->recorder.metrics);
}

enum sp_status sp_service_complete(struct sp_service *service, struct sp_view *view, struct sp_query *query) {
    query->now_s = sp_clock_now_s();
    return sp_view_is_stale(view, query->now_s, (int64_t)service->config->max_staleness_s, &query->stale);
}

enum sp_status sp_service_answer(struct sp_service *service, struct sp_view *view, struct sp_query *query,
                                 struct sp_answer *ret_answer) {
    enum sp_status status = sp_service_complete(service, view, query);
    if (status != SP_OK)
        return status;
    return sp_check(view, query, ret_answer);
}

static void log_damage(struct sp_service *service) {
    long long now = sp_clock_now_s();
    long long last = atomic_load(&service->last_corrupt_log_s);
    if (last != now && atomic_compare_exchange_strong(&service->last_corrupt_log_s, &last, now))
        sp_log(SP_LOG_ERROR,
               "refused a call because a record of the store fails its checksum: run `sallyport-sync verify`, then "
               "`sallyport-sync reindex`, or restore a backup");
}

void sp_service_explain_failure(struct sp_service *service, enum sp_status status, struct sp_error *error) {
    if (status == SP_ERR_CORRUPT) {
        log_damage(service);
        sp_error_set(error, status, "no answer: a record that this question needs is damaged");
    } else if (status == SP_ERR_MEMORY || status == SP_ERR_EXHAUSTED) {
        sp_error_set(error, status, "the call needs more memory than a call may use: send a smaller request");
    } else {
        sp_error_set(error, status, "no answer: the store could not be read");
    }
}
