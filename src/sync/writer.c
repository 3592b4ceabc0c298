#include "sync/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "sync/batch.h"
#include "sync/expiring.h"
#include "sync/job_check.h"
#include "sync/metrics.h"
#include "sync/queue.h"
#include "sync/reserve.h"
#include "sync/tidy.h"
#include "sync/writer_state.h"

enum {
    QUEUE_MAX = 10000,
    QUEUE_MAX_BYTES = 64 * 1024 * 1024,
    QUEUE_MAX_OF_WORKSPACE = 1000,
    QUEUE_MAX_BYTES_OF_WORKSPACE = 8 * 1024 * 1024,
    QUEUE_MAX_NARROWING = 1000, /* beyond the others */
    FIRST_JOB_US = 1000,        /* how long a job takes until that is measured */
    IDLE_TIDY_MS = 1000,        /* how often an idle writer tidies */
    SCRATCH_FIRST_BYTES = 64 * 1024,
    SCRATCH_BUDGET_BYTES = 256 * 1024 * 1024,
};

/* ---- the thread ---- */

static void wait_for_jobs(struct sp_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    if (sp_queue_length(writer->queue) == 0 && !writer->stopping && !writer->tidy.look_for_deleted)
        (void)sp_clock_wait(&writer->changed, &writer->lock, sp_clock_monotonic_ms() + IDLE_TIDY_MS);
    pthread_mutex_unlock(&writer->lock);
}

/* Stopping comes after all that is queued. */
static bool goes_on_writing(struct sp_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    bool goes_on = sp_queue_length(writer->queue) > 0 || !writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    return goes_on;
}

static void note_pace(struct sp_writer *writer, uint64_t took_us, size_t jobs) {
    pthread_mutex_lock(&writer->lock);
    writer->job_us = (writer->job_us * 7 + took_us / jobs) / 8;
    pthread_mutex_unlock(&writer->lock);
}

static void run_next_batch(struct sp_writer *writer) {
    uint64_t began_ns = sp_clock_monotonic_ns();
    size_t jobs = sp_batch_run_next(writer);
    if (jobs > 0)
        note_pace(writer, (sp_clock_monotonic_ns() - began_ns) / 1000, jobs);
    else
        sp_reserve_measure(writer->reserve);
}

static void count_expiring_keys(struct sp_writer *writer) {
    uint64_t keys = 0;
    if (sp_expiring_step(&writer->expiring, writer->options.store, &writer->scratch, &keys))
        sp_sync_metrics_set_expiring(writer->options.metrics, keys);
}

static void *run_writer(void *user) {
    struct sp_writer *writer = user;
    (void)pthread_setname_np(pthread_self(), "writer");
    while (goes_on_writing(writer)) {
        wait_for_jobs(writer);
        sp_heartbeat_beat(&writer->heartbeat);
        run_next_batch(writer);
        if (sp_tidy(&writer->tidy, writer->options.store, &writer->scratch) && writer->options.committed != NULL)
            writer->options.committed(writer->options.user);
        count_expiring_keys(writer);
    }
    return NULL;
}

/* ---- for others ---- */

static enum sp_status create_writer(const struct sp_writer_options *options, struct sp_writer **ret_writer) {
    static const struct sp_queue_limits limits = {
        .jobs = QUEUE_MAX,
        .bytes = QUEUE_MAX_BYTES,
        .workspace_jobs = QUEUE_MAX_OF_WORKSPACE,
        .workspace_bytes = QUEUE_MAX_BYTES_OF_WORKSPACE,
        .narrowing_jobs = QUEUE_MAX_NARROWING,
    };
    struct sp_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL || sp_arena_init(&writer->scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES) != SP_OK) {
        free(writer);
        return SP_ERR_MEMORY;
    }
    writer->options = *options;
    writer->job_us = FIRST_JOB_US;
    writer->tidy = (struct sp_tidy){.keep_changes_s = options->keep_changes_s,
                                    .keep_changes_bytes = options->keep_changes_bytes,
                                    .source = options->source,
                                    .look_for_deleted = true};
    pthread_mutex_init(&writer->lock, NULL);
    sp_clock_init_condition(&writer->changed);
    if (sp_queue_create(&limits, &writer->queue) != SP_OK ||
        sp_allowance_create(&options->allowance, &writer->allowance) != SP_OK ||
        sp_reserve_create(options->store, options->reserve_bytes, &writer->reserve) != SP_OK) {
        sp_writer_free(writer);
        return SP_ERR_MEMORY;
    }
    *ret_writer = writer;
    return SP_OK;
}

enum sp_status sp_writer_start(const struct sp_writer_options *options, struct sp_writer **ret_writer,
                               struct sp_error *error) {
    struct sp_writer *writer = NULL;
    if (create_writer(options, &writer) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_thread_start(&writer->thread, run_writer, writer, error, "the writer's thread");
    if (status != SP_OK) {
        sp_writer_free(writer);
        return status;
    }
    writer->running = true;
    *ret_writer = writer;
    return SP_OK;
}

/* When about so many jobs have been done. */
static unsigned retry_after_jobs_ms(const struct sp_writer *writer, size_t jobs) {
    return sp_job_clamp_retry_ms(jobs * writer->job_us / 1000);
}

static enum sp_status refuse_for_full_queue(struct sp_writer *writer, const struct sp_job *job, enum sp_queue_room room,
                                            struct sp_error *error) {
    if (room == SP_QUEUE_FULL) {
        sp_job_count_refusal(writer, SP_WRITER_QUEUE_FULL);
        return sp_error_set(error, SP_ERR_EXHAUSTED, "too many changes are queued: retry in %u ms",
                            retry_after_jobs_ms(writer, sp_queue_length(writer->queue)));
    }
    sp_job_count_refusal(writer, SP_WRITER_WORKSPACE_QUEUE_FULL);
    return sp_error_set(error, SP_ERR_EXHAUSTED, "too many changes are queued for %s: retry in %u ms",
                        job->workspace[0] == '\0' ? "the operator" : job->workspace,
                        retry_after_jobs_ms(writer, sp_queue_ahead_of(writer->queue, job->workspace)));
}

/* With the lock held. */
static enum sp_status queue_job(struct sp_writer *writer, struct sp_job *job, struct sp_error *error) {
    if (writer->stopping)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the server is stopping: try again");
    enum sp_status status = sp_job_check_allowance(writer, job, error);
    if (status != SP_OK)
        return status;
    enum sp_queue_room room = sp_queue_room_for(writer->queue, job);
    if (room != SP_QUEUE_HAS_ROOM)
        return refuse_for_full_queue(writer, job, room, error);
    if (sp_queue_add(writer->queue, job) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    pthread_cond_signal(&writer->changed);
    return SP_OK;
}

enum sp_status sp_writer_submit(struct sp_writer *writer, struct sp_job *job, struct sp_error *error) {
    job->queued_ms = sp_clock_monotonic_ms();
    pthread_mutex_lock(&writer->lock);
    enum sp_status status = queue_job(writer, job, error);
    pthread_mutex_unlock(&writer->lock);
    return status;
}

const struct sp_heartbeat *sp_writer_heartbeat(const struct sp_writer *writer) {
    return &writer->heartbeat;
}

void sp_writer_get_stats(struct sp_writer *writer, struct sp_writer_stats *ret_stats) {
    pthread_mutex_lock(&writer->lock);
    ret_stats->waiting = sp_queue_length(writer->queue);
    pthread_mutex_unlock(&writer->lock);
    ret_stats->room_bytes = sp_reserve_room(writer->reserve);
    for (size_t i = 0; i < SP_WRITER_REFUSALS; i++)
        ret_stats->refused[i] = atomic_load_explicit(&writer->refused[i], memory_order_relaxed);
}

static void refuse_jobs(struct sp_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

bool sp_writer_finish(struct sp_writer *writer, unsigned wait_ms) {
    if (writer == NULL || !writer->running)
        return true;
    refuse_jobs(writer);
    writer->running = !sp_clock_join(writer->thread, wait_ms);
    return !writer->running;
}

void sp_writer_stop(struct sp_writer *writer) {
    if (writer == NULL || !writer->running)
        return;
    refuse_jobs(writer);
    pthread_join(writer->thread, NULL);
    writer->running = false;
}

void sp_writer_free(struct sp_writer *writer) {
    if (writer == NULL)
        return;
    sp_arena_fini(&writer->scratch);
    sp_expiring_fini(&writer->expiring);
    sp_queue_free(writer->queue);
    sp_allowance_free(writer->allowance);
    sp_reserve_free(writer->reserve);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}
