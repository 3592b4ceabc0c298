#include "sync/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/source.h"
#include "store/records/write.h"
#include "sync/expiring.h"
#include "sync/metrics.h"
#include "sync/tidy.h"

enum {
    QUEUE_MAX = 10000,
    BATCH_MAX = 1000,
    BATCH_MAX_MS = 50,   /* of applying jobs before a commit */
    RACE_MAX_MS = 5000,  /* of lost races against other instances */
    AWAIT_MS = 500,      /* for the follower to catch up after one */
    LEFT_OUT_MAX = 3,    /* jobs taken out of one batch before each is tried alone */
    IDLE_TIDY_MS = 1000, /* how often an idle writer tidies */
    SCRATCH_FIRST_BYTES = 64 * 1024,
    SCRATCH_BUDGET_BYTES = 256 * 1024 * 1024,
};

/* Jobs that are committed together. */
struct batch {
    struct sp_job *jobs[BATCH_MAX];
    size_t count;
    size_t left_out;
    size_t judged_at; /* the state of the store by which those left out were refused: sp_write_state */
    int64_t race_until_ms;
};

struct sp_writer {
    struct sp_writer_options options;
    struct sp_arena scratch;
    struct sp_tidy tidy;
    struct sp_expiring expiring;
    struct batch batch;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct sp_job *first;
    struct sp_job **end;
    size_t waiting;
    bool stopping;
};

static uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- the queue ---- */

/* Takes the jobs of the next batch off the queue. With the lock held. */
static void take_job_batch(struct sp_writer *writer, struct batch *batch) {
    batch->count = 0;
    batch->left_out = 0;
    while (writer->first != NULL && batch->count < BATCH_MAX) {
        struct sp_job *job = writer->first;
        if (job->alone && batch->count > 0)
            break;
        job->left_out = false;
        batch->jobs[batch->count++] = job;
        writer->first = job->next;
        if (job->alone)
            break;
    }
    if (writer->first == NULL)
        writer->end = &writer->first;
    writer->waiting -= batch->count;
}

/* Puts the batch's jobs from `keep` on back where they were. */
static void put_jobs_back(struct sp_writer *writer, struct batch *batch, size_t keep) {
    pthread_mutex_lock(&writer->lock);
    for (size_t i = batch->count; i > keep; i--) {
        struct sp_job *job = batch->jobs[i - 1];
        job->next = writer->first;
        if (writer->first == NULL)
            writer->end = &job->next;
        writer->first = job;
        writer->waiting++;
    }
    pthread_mutex_unlock(&writer->lock);
    batch->count = keep;
}

/* ---- a batch ---- */

enum outcome { SETTLED, TRY_AGAIN, TRY_EACH_ALONE };

static void settle_jobs(struct batch *batch, enum sp_status status, const struct sp_error *error) {
    for (size_t i = 0; i < batch->count; i++) {
        struct sp_job *job = batch->jobs[i];
        if (!job->left_out && job->status == SP_OK) {
            job->status = status;
            job->error = *error;
        }
    }
}

static void retry_left_out_jobs(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        batch->jobs[i]->left_out = false;
    batch->left_out = 0;
}

/* What to do with a batch one of whose jobs wrote and then failed. Its write is aborted in any
 * case. */
static enum outcome leave_job_out(struct batch *batch, struct sp_job *job) {
    if (batch->count > 1 && (job->status == SP_ERR_EXHAUSTED || batch->left_out >= LEFT_OUT_MAX))
        return TRY_EACH_ALONE;
    job->left_out = true;
    batch->left_out++;
    return TRY_AGAIN;
}

/* False if the write can only be aborted. */
static bool apply_writer_job(struct sp_writer *writer, struct sp_write *write, struct sp_job *job) {
    uint64_t operations_before = sp_write_operations(write);
    job->error = (struct sp_error){0};
    job->status = job->apply(job, write, &writer->scratch, &job->error);
    sp_arena_wipe(&writer->scratch);
    return job->status == SP_OK || sp_write_refuse(write, operations_before);
}

static enum outcome apply_jobs_of_batch(struct sp_writer *writer, struct sp_write *write, struct batch *batch,
                                        bool *ret_something) {
    int64_t until_ms = sp_clock_monotonic_ms() + BATCH_MAX_MS;
    for (size_t i = 0; i < batch->count; i++) {
        struct sp_job *job = batch->jobs[i];
        if (job->left_out)
            continue;
        if (!apply_writer_job(writer, write, job))
            return leave_job_out(batch, job);
        *ret_something |= job->status == SP_OK;
        bool enough = sp_clock_monotonic_ms() >= until_ms || sp_source_is_full(writer->options.source, write);
        if (i + 1 < batch->count && batch->left_out == 0 && enough)
            put_jobs_back(writer, batch, i + 1);
    }
    return SETTLED;
}

static enum sp_status commit_batch(struct sp_writer *writer, struct sp_write *write, const struct batch *batch,
                                   struct sp_error *error) {
    uint64_t began_ns = monotonic_ns();
    size_t jobs = 0;
    enum sp_status status = sp_source_commit(writer->options.source, write, error);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < batch->count; i++)
        jobs += !batch->jobs[i]->left_out && batch->jobs[i]->status == SP_OK;
    sp_sync_metrics_count_commit(writer->options.metrics, monotonic_ns() - began_ns, jobs);
    return SP_OK;
}

/* Fails refused jobs too: they were judged on state that may be stale. */
static void fail_all_jobs(struct batch *batch, enum sp_status status, const struct sp_error *error) {
    retry_left_out_jobs(batch);
    for (size_t i = 0; i < batch->count; i++)
        batch->jobs[i]->status = SP_OK;
    settle_jobs(batch, status, error);
}

/* Another instance's change came first: what was checked must be checked again. */
static enum outcome handle_lost_race(struct sp_writer *writer, struct batch *batch, const struct sp_error *error) {
    if (sp_clock_monotonic_ms() < batch->race_until_ms) {
        retry_left_out_jobs(batch);
        (void)sp_source_concede_race(writer->options.source, AWAIT_MS);
        return TRY_AGAIN;
    }
    fail_all_jobs(batch, SP_ERR_ABORTED, error);
    return SETTLED;
}

/* What to do with a batch that could not be committed. */
static enum outcome handle_failed_commit(struct sp_writer *writer, struct batch *batch, enum sp_status status,
                                         const struct sp_error *error) {
    if (status == SP_ERR_ABORTED && writer->options.source != NULL)
        return handle_lost_race(writer, batch, error);
    bool all_alike = status == SP_ERR_UNAVAILABLE || status == SP_ERR_PRECONDITION;
    if (batch->count > 1 && !all_alike)
        return TRY_EACH_ALONE;
    sp_log(SP_LOG_ERROR, "cannot commit a change: %s", error->message);
    if (writer->options.source != NULL)
        fail_all_jobs(batch, status, error);
    else
        settle_jobs(batch, status, error);
    return SETTLED;
}

static enum outcome try_job_batch(struct sp_writer *writer, struct batch *batch) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    bool something = false;
    if (batch->left_out == batch->count && writer->options.source == NULL)
        return SETTLED;
    for (size_t i = 0; i < batch->count; i++)
        batch->jobs[i]->status = batch->jobs[i]->left_out ? batch->jobs[i]->status : SP_OK;
    enum sp_status status = sp_source_begin(writer->options.source, writer->options.store, &write, &error);
    if (status != SP_OK) {
        settle_jobs(batch, status, &error);
        return SETTLED;
    }
    /* The follower may have moved the store on since a job was refused, and the reason may be
     * gone. */
    if (batch->left_out > 0 && batch->judged_at != sp_write_state(write) &&
        sp_clock_monotonic_ms() < batch->race_until_ms)
        retry_left_out_jobs(batch);
    batch->judged_at = sp_write_state(write);
    enum outcome outcome = apply_jobs_of_batch(writer, write, batch, &something);
    /* A store that is behind its source may have refused a job that is valid by now: the commit
     * finds out. */
    bool confirm = something || writer->options.source != NULL;
    if (outcome != SETTLED || !confirm) {
        sp_write_abort(write);
        return outcome;
    }
    status = commit_batch(writer, write, batch, &error);
    if (status != SP_OK)
        return handle_failed_commit(writer, batch, status, &error);
    return SETTLED;
}

/* Once `done` was called a job is its owner's again, and may be gone. */
static void finish_jobs(struct sp_writer *writer, const struct batch *batch) {
    bool committed = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct sp_job *job = batch->jobs[i];
        struct sp_error error = job->error;
        committed |= job->status == SP_OK;
        writer->tidy.look_for_deleted |= job->status == SP_OK && job->deletes_workspaces;
        if (job->status == SP_ERR_CORRUPT)
            sp_log(SP_LOG_ERROR, "refused a change because the store is damaged: %s", error.message);
        job->done(job, job->status, &error);
    }
    if (committed && writer->options.committed != NULL)
        writer->options.committed(writer->options.user);
}

static void run_job_alone(struct sp_writer *writer, struct sp_job *job) {
    struct batch single = {.jobs = {job}, .count = 1, .race_until_ms = sp_clock_monotonic_ms() + RACE_MAX_MS};
    job->left_out = false;
    /* Only a lost race leaves a single job unsettled. */
    while (try_job_batch(writer, &single) == TRY_AGAIN) {
    }
    finish_jobs(writer, &single);
}

static void run_job_batch(struct sp_writer *writer, struct batch *batch) {
    batch->race_until_ms = sp_clock_monotonic_ms() + RACE_MAX_MS;
    enum outcome outcome = try_job_batch(writer, batch);
    while (outcome == TRY_AGAIN)
        outcome = try_job_batch(writer, batch);
    if (outcome == SETTLED) {
        finish_jobs(writer, batch);
        return;
    }
    for (size_t i = 0; i < batch->count; i++)
        run_job_alone(writer, batch->jobs[i]);
}

/* ---- the thread ---- */

static void wait_for_jobs(struct sp_writer *writer) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_TIDY_MS / 1000;
    if (writer->first == NULL && !writer->stopping && !writer->tidy.look_for_deleted)
        pthread_cond_timedwait(&writer->changed, &writer->lock, &until);
}

static void count_expiring_keys(struct sp_writer *writer) {
    uint64_t keys = 0;
    if (sp_expiring_step(&writer->expiring, writer->options.store, &writer->scratch, &keys))
        sp_sync_metrics_set_expiring(writer->options.metrics, keys);
}

static void *run_writer(void *user) {
    struct sp_writer *writer = user;
    pthread_mutex_lock(&writer->lock);
    while (writer->first != NULL || !writer->stopping) {
        wait_for_jobs(writer);
        take_job_batch(writer, &writer->batch);
        pthread_mutex_unlock(&writer->lock);
        if (writer->batch.count > 0)
            run_job_batch(writer, &writer->batch);
        if (sp_tidy(&writer->tidy, writer->options.store, &writer->scratch) && writer->options.committed != NULL)
            writer->options.committed(writer->options.user);
        count_expiring_keys(writer);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- for others ---- */

static enum sp_status create_writer(const struct sp_writer_options *options, struct sp_writer **ret_writer) {
    pthread_condattr_t attributes;
    struct sp_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL || sp_arena_init(&writer->scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES) != SP_OK) {
        free(writer);
        return SP_ERR_MEMORY;
    }
    writer->options = *options;
    writer->end = &writer->first;
    writer->tidy = (struct sp_tidy){
        .keep_changes_s = options->keep_changes_s, .source = options->source, .look_for_deleted = true};
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_writer = writer;
    return SP_OK;
}

enum sp_status sp_writer_start(const struct sp_writer_options *options, struct sp_writer **ret_writer,
                               struct sp_error *error) {
    struct sp_writer *writer = NULL;
    if (create_writer(options, &writer) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    int failed = pthread_create(&writer->thread, NULL, run_writer, writer);
    if (failed != 0) {
        sp_writer_free(writer);
        return sp_error_set(error, SP_ERR_IO, "cannot start the writer's thread: %s", strerror(failed));
    }
    writer->running = true;
    *ret_writer = writer;
    return SP_OK;
}

enum sp_status sp_writer_submit(struct sp_writer *writer, struct sp_job *job, struct sp_error *error) {
    enum sp_status status = SP_OK;
    job->next = NULL;
    pthread_mutex_lock(&writer->lock);
    if (writer->stopping) {
        status = sp_error_set(error, SP_ERR_UNAVAILABLE, "the server is stopping: try again");
    } else if (writer->waiting >= QUEUE_MAX) {
        status = sp_error_set(error, SP_ERR_UNAVAILABLE, "%d changes are already queued: try again later", QUEUE_MAX);
    } else {
        *writer->end = job;
        writer->end = &job->next;
        writer->waiting++;
        pthread_cond_signal(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    return status;
}

size_t sp_writer_waiting(struct sp_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    size_t waiting = writer->waiting;
    pthread_mutex_unlock(&writer->lock);
    return waiting;
}

void sp_writer_stop(struct sp_writer *writer) {
    if (writer == NULL || !writer->running)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->running = false;
}

void sp_writer_free(struct sp_writer *writer) {
    if (writer == NULL)
        return;
    sp_arena_fini(&writer->scratch);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}
