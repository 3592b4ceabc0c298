#include "connect/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"

struct task_list {
    struct connect_task *first;
    struct connect_task **end;
};

struct connect_worker {
    struct connect_worker_options options;
    struct sp_heartbeat heartbeat;
    struct timers timers; /* the thread's own */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t posted;
    struct task_list quick, slow;
    bool stopping;
};

/* ---- lists ---- */

static void empty_task_list(struct task_list *list) {
    *list = (struct task_list){NULL, &list->first};
}

static void append_task(struct task_list *list, struct connect_task *task) {
    task->next = NULL;
    *list->end = task;
    list->end = &task->next;
}

static struct connect_task *take_first_task(struct task_list *list) {
    struct connect_task *task = list->first;
    if (task == NULL)
        return NULL;
    list->first = task->next;
    if (list->first == NULL)
        empty_task_list(list);
    return task;
}

/* ---- the thread ---- */

static int64_t choose_wake_ms(const struct connect_worker *worker) {
    int64_t until_ms = sp_clock_monotonic_ms() + SP_HEARTBEAT_EVERY_MS;
    const struct timer *first = sp_rpc_timers_first(&worker->timers);
    return first != NULL && first->due_ms < until_ms ? first->due_ms : until_ms;
}

static bool has_tasks(const struct connect_worker *worker) {
    return worker->quick.first != NULL || worker->slow.first != NULL;
}

/* All that are quick, in their order, and behind them one that is not; NULL: none until something
 * was due. */
static struct connect_task *await_connect_tasks(struct connect_worker *worker, bool *ret_stopping) {
    int64_t until_ms = choose_wake_ms(worker);
    pthread_mutex_lock(&worker->lock);
    while (!has_tasks(worker) && !worker->stopping && sp_clock_wait(&worker->posted, &worker->lock, until_ms))
        continue;
    struct connect_task *slow = take_first_task(&worker->slow);
    if (slow != NULL)
        append_task(&worker->quick, slow);
    struct connect_task *tasks = worker->quick.first;
    empty_task_list(&worker->quick);
    *ret_stopping = worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return tasks;
}

static void run_tasks(struct connect_task *tasks) {
    for (struct connect_task *task = tasks, *next; task != NULL; task = next) {
        next = task->next;
        task->next = NULL;
        task->run(task);
    }
}

/* `all`: those too that are not due yet. */
static void run_due_tasks(struct connect_worker *worker, bool all) {
    int64_t now_ms = sp_clock_monotonic_ms();
    for (struct timer *due = sp_rpc_timers_first(&worker->timers); due != NULL && (all || due->due_ms <= now_ms);
         due = sp_rpc_timers_first(&worker->timers)) {
        struct connect_task *task = due->owner;
        sp_rpc_timers_unset(&worker->timers, due);
        task->run(task);
    }
}

static void *run_connect_worker(void *user) {
    struct connect_worker *worker = user;
    (void)pthread_setname_np(pthread_self(), "connect");
    for (bool stopping = false;;) {
        struct connect_task *tasks = await_connect_tasks(worker, &stopping);
        sp_heartbeat_beat(&worker->heartbeat);
        if (tasks == NULL && stopping && sp_rpc_timers_first(&worker->timers) == NULL)
            break;
        run_tasks(tasks);
        run_due_tasks(worker, stopping);
    }
    if (worker->options.stopping != NULL)
        worker->options.stopping(worker->options.slot, worker->options.user);
    return NULL;
}

/* ---- life ---- */

enum sp_status sp_connect_worker_start(const struct connect_worker_options *options, struct connect_worker **ret_worker,
                                       struct sp_error *error) {
    struct connect_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    worker->options = *options;
    empty_task_list(&worker->quick);
    empty_task_list(&worker->slow);
    pthread_mutex_init(&worker->lock, NULL);
    sp_clock_init_condition(&worker->posted);
    enum sp_status status =
        sp_thread_start(&worker->thread, run_connect_worker, worker, error, "the thread for Connect calls");
    worker->started = status == SP_OK;
    if (status != SP_OK) {
        sp_connect_worker_free(worker);
        return status;
    }
    *ret_worker = worker;
    return SP_OK;
}

void sp_connect_worker_stop(struct connect_worker *worker) {
    if (!worker->started)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->posted);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    worker->started = false;
}

void sp_connect_worker_free(struct connect_worker *worker) {
    if (worker == NULL)
        return;
    sp_rpc_timers_fini(&worker->timers);
    pthread_cond_destroy(&worker->posted);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

const struct sp_heartbeat *sp_connect_worker_heartbeat(const struct connect_worker *worker) {
    return &worker->heartbeat;
}

/* ---- posting ---- */

static void post_task(struct connect_worker *worker, struct task_list *list, struct connect_task *task) {
    pthread_mutex_lock(&worker->lock);
    if (!has_tasks(worker))
        pthread_cond_signal(&worker->posted);
    append_task(list, task);
    pthread_mutex_unlock(&worker->lock);
}

void sp_connect_worker_post(struct connect_worker *worker, struct connect_task *task) {
    post_task(worker, &worker->quick, task);
}

void sp_connect_worker_post_slow(struct connect_worker *worker, struct connect_task *task) {
    post_task(worker, &worker->slow, task);
}

bool sp_connect_worker_post_after(struct connect_worker *worker, struct connect_task *task, unsigned delay_ms) {
    task->timer.owner = task;
    return sp_rpc_timers_set(&worker->timers, &task->timer, sp_clock_monotonic_ms() + (int64_t)delay_ms);
}

void sp_connect_worker_unpost(struct connect_worker *worker, struct connect_task *task) {
    sp_rpc_timers_unset(&worker->timers, &task->timer);
}
