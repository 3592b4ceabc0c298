#include "sync/task.h"

#include <string.h>

void sp_task_init(struct sp_task *task, struct sp_sync *sync, struct sp_rpc_call *call,
                  void (*drop)(struct sp_task *task)) {
    *task = (struct sp_task){.sync = sync, .call = call, .drop = drop};
    pthread_mutex_init(&task->lock, NULL);
}

static void drop_task(struct sp_task *task) {
    pthread_mutex_destroy(&task->lock);
    task->drop(task);
}

void sp_task_hold(struct sp_task *task) {
    pthread_mutex_lock(&task->lock);
    task->busy = true;
    pthread_mutex_unlock(&task->lock);
}

void sp_task_unhold(struct sp_task *task) {
    pthread_mutex_lock(&task->lock);
    task->busy = false;
    pthread_mutex_unlock(&task->lock);
}

void sp_task_release(struct sp_task *task) {
    pthread_mutex_lock(&task->lock);
    bool over = task->call == NULL;
    task->busy = false;
    if (!over)
        sp_rpc_wake(task->call);
    pthread_mutex_unlock(&task->lock);
    if (over)
        drop_task(task);
}

bool sp_task_is_done(struct sp_task *task) {
    pthread_mutex_lock(&task->lock);
    bool done = !task->busy;
    pthread_mutex_unlock(&task->lock);
    return done;
}

bool sp_task_is_over(struct sp_task *task) {
    pthread_mutex_lock(&task->lock);
    bool over = task->call == NULL;
    pthread_mutex_unlock(&task->lock);
    return over;
}

void sp_task_close(struct sp_task *task) {
    pthread_mutex_lock(&task->lock);
    bool busy = task->busy;
    task->call = NULL;
    atomic_store(&task->over, true);
    pthread_mutex_unlock(&task->lock);
    if (!busy)
        drop_task(task);
}

/* ---- threads ---- */

static bool count_task_in(struct sp_sync *sync) {
    pthread_mutex_lock(&sync->lock);
    bool room = sync->tasks < SP_SYNC_MAX_TASKS;
    sync->tasks += room ? 1 : 0;
    pthread_mutex_unlock(&sync->lock);
    return room;
}

static void count_task_out(struct sp_sync *sync) {
    pthread_mutex_lock(&sync->lock);
    sync->tasks--;
    pthread_cond_broadcast(&sync->task_ended);
    pthread_mutex_unlock(&sync->lock);
}

static void *run_task(void *user) {
    struct sp_task *task = user;
    struct sp_sync *sync = task->sync;
    task->run(task);
    sp_task_release(task);
    count_task_out(sync);
    return NULL;
}

enum sp_status sp_task_start(struct sp_task *task, void (*run)(struct sp_task *task), struct sp_error *error) {
    pthread_attr_t attributes;
    pthread_t thread;
    if (!count_task_in(task->sync))
        return sp_error_set(error, SP_ERR_EXHAUSTED, "%d backups and dry runs are already running: try again later",
                            SP_SYNC_MAX_TASKS);
    task->run = run;
    task->busy = true;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, run_task, task);
    pthread_attr_destroy(&attributes);
    if (failed == 0)
        return SP_OK;
    task->busy = false;
    count_task_out(task->sync);
    return sp_error_set(error, SP_ERR_IO, "cannot start a thread: %s", strerror(failed));
}
