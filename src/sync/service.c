#include "sync/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "connect/connect.h"
#include "store/records/snapshot.h"

#include <string.h>

enum { TASKS_MAX_WAIT_MS = 2000 };

enum sp_status sp_sync_init(struct sp_sync *sync, struct sp_store *store, struct sp_source *source,
                            const char *store_path, const struct sp_sync_options *options, struct sp_error *error) {
    *sync = (struct sp_sync){.store = store, .source = source, .store_path = store_path};
    sp_watch_list_init(&sync->watches);
    pthread_mutex_init(&sync->lock, NULL);
    sp_clock_init_condition(&sync->task_ended);
    if (sp_sync_metrics_create(&sync->metrics) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    const struct sp_writer_options of_writer = {
        .store = store,
        .source = source,
        .metrics = sync->metrics,
        .keep_changes_s = options->keep_changes_s,
        .keep_changes_bytes = options->keep_changes_bytes,
        .reserve_bytes = options->reserve_bytes,
        .allowance = options->allowance,
        .committed = sp_watch_list_wake,
        .user = &sync->watches,
    };
    return sp_writer_start(&of_writer, &sync->writer, error);
}

void sp_sync_stop_writing(struct sp_sync *sync, unsigned wait_ms) {
    if (!sp_writer_finish(sync->writer, wait_ms))
        sp_log(SP_LOG_WARNING, "the queued changes were not finished within %u ms", wait_ms);
}

/* A copy of a large store may take minutes, and nobody needs it any longer. */
static bool wait_for_tasks(struct sp_sync *sync) {
    int64_t until_ms = sp_clock_monotonic_ms() + TASKS_MAX_WAIT_MS;
    pthread_mutex_lock(&sync->lock);
    while (sync->tasks > 0 && sp_clock_wait(&sync->task_ended, &sync->lock, until_ms))
        continue;
    bool ended = sync->tasks == 0;
    pthread_mutex_unlock(&sync->lock);
    return ended;
}

bool sp_sync_fini(struct sp_sync *sync) {
    if (!wait_for_tasks(sync))
        return false;
    sp_writer_stop(sync->writer);
    sp_writer_free(sync->writer);
    sp_connect_free(sync->connect);
    sp_sync_metrics_free(sync->metrics);
    sp_watch_list_fini(&sync->watches);
    pthread_cond_destroy(&sync->task_ended);
    pthread_mutex_destroy(&sync->lock);
    return true;
}

void sp_sync_worker_stopping(unsigned worker, void *user) {
    struct sp_sync *sync = user;
    sp_snapshot_close(sync->workers[worker].snapshot);
    sync->workers[worker].snapshot = NULL;
}

enum sp_status sp_sync_acquire_any(struct sp_sync *sync, unsigned slot, struct sp_snapshot **ret_snapshot,
                                   struct sp_error *error) {
    struct sp_sync_worker *worker = &sync->workers[slot];
    enum sp_status status = SP_OK;
    if (worker->snapshot == NULL)
        status = sp_snapshot_open(sync->store, &worker->snapshot);
    if (status != SP_OK)
        goto failed;
    status = sp_snapshot_acquire(worker->snapshot);
    if (status != SP_OK)
        goto failed;
    *ret_snapshot = worker->snapshot;
    return SP_OK;
failed:
    return sp_error_set(error, status, "the store cannot be read right now: try again");
}

/* Whether the worker's snapshot, which is held, is of a store with something in it. */
static bool is_snapshot_filled(struct sp_sync_worker *worker) {
    struct sp_revision revision = {0};
    if (!worker->is_filled && sp_view_revision(sp_snapshot_view(worker->snapshot), &revision) == SP_OK)
        worker->is_filled = revision.number > 0;
    return worker->is_filled;
}

enum sp_status sp_sync_acquire(struct sp_sync *sync, unsigned slot, struct sp_snapshot **ret_snapshot,
                               struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_sync_acquire_any(sync, slot, &snapshot, error);
    if (status != SP_OK)
        return status;
    if (!is_snapshot_filled(&sync->workers[slot])) {
        sp_snapshot_release(snapshot);
        return sp_error_set(
            error, SP_ERR_UNAVAILABLE,
            "this instance has read nothing from etcd yet; its log says why: try again, or use another");
    }
    *ret_snapshot = snapshot;
    return SP_OK;
}

void sp_sync_count_call(const struct sp_sync_method *of, unsigned shard, enum sp_status status) {
    sp_sync_metrics_count_call(of->sync->metrics, (size_t)(of - of->sync->methods), shard, status);
}
