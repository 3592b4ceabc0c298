#include "sync/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/thread.h"
#include "sync/queue.h"
#include "sync/worker_slots.h"

enum {
    WAITING_MAX = 2000,
    WAITING_MAX_OF_WORKSPACE = 200, /* a workspace may watch with 100 calls */
    READING_BYTES = 4096,           /* a turn of the queue is worth that: one reading */
    READERS_NICE = 5,               /* beside the workers: about a third of their share of a busy CPU */
};

struct reader {
    struct sp_readers *readers;
    unsigned slot;
    pthread_t thread;
};

struct sp_readers {
    struct sp_readers_options options;
    struct reader all[SP_SYNC_MAX_READERS];
    unsigned started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct sp_queue *queue;
    uint64_t refused;
    bool stopping;
};

/* NULL: it is to stop, and nothing waits. */
static struct sp_reading *wait_for_reading(struct sp_readers *readers) {
    pthread_mutex_lock(&readers->lock);
    while (sp_queue_length(readers->queue) == 0 && !readers->stopping)
        pthread_cond_wait(&readers->changed, &readers->lock);
    struct sp_job *job = sp_queue_take(readers->queue, true);
    pthread_mutex_unlock(&readers->lock);
    return (struct sp_reading *)job;
}

static void *run_reader(void *user) {
    const struct reader *reader = user;
    struct sp_readers *readers = reader->readers;
    (void)pthread_setname_np(pthread_self(), "reader");
    /* On Linux, for this thread only. Without it the workers share their CPUs evenly. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), READERS_NICE);
    for (struct sp_reading *reading; (reading = wait_for_reading(readers)) != NULL;)
        reading->read(reading, reader->slot);
    readers->options.stopping(reader->slot, readers->options.user);
    return NULL;
}

static enum sp_status start_readers(struct sp_readers *readers, struct sp_error *error) {
    for (unsigned i = 0; i < readers->options.threads && i < SP_SYNC_MAX_READERS; i++) {
        struct reader *reader = &readers->all[i];
        *reader = (struct reader){.readers = readers, .slot = SP_SYNC_READER + i};
        enum sp_status status = sp_thread_start(&reader->thread, run_reader, reader, error, "a thread for lists");
        if (status != SP_OK)
            return status;
        readers->started++;
    }
    return SP_OK;
}

enum sp_status sp_readers_start(const struct sp_readers_options *options, struct sp_readers **ret_readers,
                                struct sp_error *error) {
    const struct sp_queue_limits limits = {.jobs = WAITING_MAX,
                                           .bytes = SIZE_MAX,
                                           .workspace_jobs = WAITING_MAX_OF_WORKSPACE,
                                           .workspace_bytes = SIZE_MAX};
    struct sp_readers *readers = calloc(1, sizeof(*readers));
    if (readers == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    if (sp_queue_create(&limits, &readers->queue) != SP_OK) {
        free(readers);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    readers->options = *options;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->changed, NULL);
    enum sp_status status = start_readers(readers, error);
    if (status != SP_OK) {
        sp_readers_stop(readers);
        return status;
    }
    *ret_readers = readers;
    return SP_OK;
}

void sp_readers_stop(struct sp_readers *readers) {
    if (readers == NULL)
        return;
    pthread_mutex_lock(&readers->lock);
    readers->stopping = true;
    pthread_cond_broadcast(&readers->changed);
    pthread_mutex_unlock(&readers->lock);
    for (unsigned i = 0; i < readers->started; i++)
        pthread_join(readers->all[i].thread, NULL);
    sp_queue_free(readers->queue);
    pthread_cond_destroy(&readers->changed);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}

/* With the lock held. */
static enum sp_status append_reading(struct sp_readers *readers, struct sp_reading *reading, struct sp_error *error) {
    switch (sp_queue_room_for(readers->queue, &reading->job)) {
    case SP_QUEUE_HAS_ROOM:
        break;
    case SP_QUEUE_FULL:
        return sp_error_set(error, SP_ERR_EXHAUSTED, "%d lists and watches are waiting already: try again later",
                            WAITING_MAX);
    case SP_QUEUE_WORKSPACE_FULL:
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "%d lists and watches of this workspace are waiting already: try again later",
                            WAITING_MAX_OF_WORKSPACE);
    }
    if (sp_queue_add(readers->queue, &reading->job) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    pthread_cond_signal(&readers->changed);
    return SP_OK;
}

enum sp_status sp_readers_submit(struct sp_readers *readers, struct sp_reading *reading, struct sp_error *error) {
    reading->job.bytes = READING_BYTES;
    pthread_mutex_lock(&readers->lock);
    enum sp_status status = append_reading(readers, reading, error);
    if (status != SP_OK)
        readers->refused++;
    pthread_mutex_unlock(&readers->lock);
    return status;
}

void sp_readers_get_stats(struct sp_readers *readers, size_t *ret_waiting, uint64_t *ret_refused) {
    pthread_mutex_lock(&readers->lock);
    *ret_waiting = sp_queue_length(readers->queue);
    *ret_refused = readers->refused;
    pthread_mutex_unlock(&readers->lock);
}
