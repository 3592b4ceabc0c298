#include "server/bulk.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/thread.h"
#include "rpc/call.h"
#include "server/worker_slots.h"

enum {
    QUEUE_MAX = 1000, /* tasks */
    NICE = 5,         /* beside the workers: about a third of their share of a busy CPU */
};

struct bulk_thread {
    struct sp_bulk *bulk;
    unsigned slot;
    pthread_t thread;
};

struct sp_bulk {
    struct sp_bulk_options options;
    struct bulk_thread threads[SP_SERVER_MAX_BULK_WORKERS];
    unsigned started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct sp_bulk_task *first;
    struct sp_bulk_task **end;
    size_t waiting;
    uint64_t refused;
    bool stopping;
};

/* ---- the threads ---- */

/* NULL: it is to stop, and nothing waits. */
static struct sp_bulk_task *wait_for_bulk_task(struct sp_bulk *bulk) {
    pthread_mutex_lock(&bulk->lock);
    while (bulk->first == NULL && !bulk->stopping)
        pthread_cond_wait(&bulk->changed, &bulk->lock);
    struct sp_bulk_task *task = bulk->first;
    if (task != NULL) {
        bulk->first = task->next;
        if (bulk->first == NULL)
            bulk->end = &bulk->first;
        bulk->waiting--;
    }
    pthread_mutex_unlock(&bulk->lock);
    return task;
}

static void *run_bulk_thread(void *user) {
    const struct bulk_thread *thread = user;
    struct sp_bulk *bulk = thread->bulk;
    /* On Linux, for this thread only. Without it the workers share their CPUs evenly. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    for (struct sp_bulk_task *task; (task = wait_for_bulk_task(bulk)) != NULL;)
        task->run(task, thread->slot);
    if (bulk->options.stopping != NULL)
        bulk->options.stopping(thread->slot, bulk->options.user);
    return NULL;
}

static enum sp_status start_bulk_threads(struct sp_bulk *bulk, struct sp_error *error) {
    for (unsigned i = 0; i < bulk->options.threads; i++) {
        struct bulk_thread *thread = &bulk->threads[i];
        *thread = (struct bulk_thread){.bulk = bulk, .slot = SP_SERVER_BULK_WORKER + i};
        enum sp_status status =
            sp_thread_start(&thread->thread, run_bulk_thread, thread, error, "a thread for batches and lists");
        if (status != SP_OK)
            return status;
        bulk->started++;
    }
    return SP_OK;
}

enum sp_status sp_bulk_start(const struct sp_bulk_options *options, struct sp_bulk **ret_bulk, struct sp_error *error) {
    struct sp_bulk *bulk = calloc(1, sizeof(*bulk));
    if (bulk == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    bulk->options = *options;
    if (bulk->options.threads > SP_SERVER_MAX_BULK_WORKERS)
        bulk->options.threads = SP_SERVER_MAX_BULK_WORKERS;
    bulk->end = &bulk->first;
    pthread_mutex_init(&bulk->lock, NULL);
    pthread_cond_init(&bulk->changed, NULL);
    enum sp_status status = start_bulk_threads(bulk, error);
    if (status != SP_OK) {
        sp_bulk_stop(bulk);
        return status;
    }
    *ret_bulk = bulk;
    return SP_OK;
}

void sp_bulk_stop(struct sp_bulk *bulk) {
    if (bulk == NULL)
        return;
    pthread_mutex_lock(&bulk->lock);
    bulk->stopping = true;
    pthread_cond_broadcast(&bulk->changed);
    pthread_mutex_unlock(&bulk->lock);
    for (unsigned i = 0; i < bulk->started; i++)
        pthread_join(bulk->threads[i].thread, NULL);
    pthread_cond_destroy(&bulk->changed);
    pthread_mutex_destroy(&bulk->lock);
    free(bulk);
}

/* ---- the queue ---- */

enum sp_status sp_bulk_submit(struct sp_bulk *bulk, struct sp_bulk_task *task, struct sp_error *error) {
    pthread_mutex_lock(&bulk->lock);
    bool room = bulk->waiting < QUEUE_MAX;
    if (room) {
        task->next = NULL;
        *bulk->end = task;
        bulk->end = &task->next;
        bulk->waiting++;
        pthread_cond_signal(&bulk->changed);
    } else {
        bulk->refused++;
    }
    pthread_mutex_unlock(&bulk->lock);
    if (room)
        return SP_OK;
    return sp_error_set(error, SP_ERR_EXHAUSTED,
                        "%d large batches, explanations and lists are waiting already: try again later", QUEUE_MAX);
}

void sp_bulk_get_stats(struct sp_bulk *bulk, size_t *ret_waiting, uint64_t *ret_refused) {
    pthread_mutex_lock(&bulk->lock);
    *ret_waiting = bulk->waiting;
    *ret_refused = bulk->refused;
    pthread_mutex_unlock(&bulk->lock);
}

/* ---- streams ---- */

void sp_bulk_stream_init(struct sp_bulk_stream *stream, struct sp_bulk *bulk, struct sp_rpc_call *call) {
    stream->bulk = bulk;
    stream->call = call;
    atomic_init(&stream->over, false);
    pthread_mutex_init(&stream->lock, NULL);
}

static void drop_bulk_stream(struct sp_bulk_stream *stream) {
    pthread_mutex_destroy(&stream->lock);
    stream->drop(stream);
}

static void run_stream_task(struct sp_bulk_task *task, unsigned slot) {
    struct sp_bulk_stream *stream = (struct sp_bulk_stream *)task;
    if (!atomic_load(&stream->over))
        stream->work(stream, slot);
    pthread_mutex_lock(&stream->lock);
    bool over = stream->call == NULL;
    stream->busy = false;
    if (!over)
        sp_rpc_wake(stream->call);
    pthread_mutex_unlock(&stream->lock);
    if (over)
        drop_bulk_stream(stream);
}

enum sp_status sp_bulk_stream_submit(struct sp_bulk_stream *stream, struct sp_error *error) {
    stream->task.run = run_stream_task;
    stream->busy = true; /* nobody else looks at it yet */
    enum sp_status status = sp_bulk_submit(stream->bulk, &stream->task, error);
    if (status != SP_OK)
        stream->busy = false;
    return status;
}

bool sp_bulk_stream_is_idle(struct sp_bulk_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    bool idle = !stream->busy;
    pthread_mutex_unlock(&stream->lock);
    return idle;
}

void sp_bulk_stream_close(struct sp_bulk_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    bool busy = stream->busy;
    stream->call = NULL;
    atomic_store(&stream->over, true);
    pthread_mutex_unlock(&stream->lock);
    if (!busy)
        drop_bulk_stream(stream);
}
