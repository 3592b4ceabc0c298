#include "sync/batch.h"

#include "base/clock.h"
#include "base/log.h"
#include "source/source.h"
#include "store/records/write.h"
#include "sync/job_check.h"
#include "sync/metrics.h"
#include "sync/queue.h"
#include "sync/reserve.h"

enum {
    /* How long jobs are applied before a commit: as long as a commit takes. If shorter, most of the
     * time would be the disk's; if longer, who comes during a batch would wait for more than the
     * disk. */
    BATCH_MIN_MS = 4,
    BATCH_MAX_MS = 25,
    JOB_MIN_BYTES = 1024,       /* what a change is charged at least */
    JOB_FREE_MS = 5,            /* of the writer's time, after which it is charged */
    JOB_BYTES_A_MS = 16 * 1024, /* about what a large change writes in it */
    RACE_MAX_MS = 5000,         /* of lost races against other instances */
    AWAIT_MS = 500,             /* for the follower to catch up after one */
    LEFT_OUT_MAX = 3,           /* jobs taken out of one batch before each is tried alone */
    NARROWING_BETWEEN = 8,      /* jobs that narrow, before each ordinary one that is tried alone */
};

/* Adds the next job to a batch that has room; false: none waits, or the next one wants to be
 * alone. */
static bool take_next_job(struct sp_writer *writer, struct sp_batch *batch) {
    if (batch->count == SP_BATCH_MAX || (batch->count > 0 && batch->jobs[0]->alone))
        return false;
    pthread_mutex_lock(&writer->lock);
    struct sp_job *job = sp_queue_take(writer->queue, batch->count == 0);
    pthread_mutex_unlock(&writer->lock);
    if (job == NULL)
        return false;
    job->left_out = false;
    job->took_ms = 0;
    job->status = SP_OK;
    batch->bytes[batch->count] = 0;
    batch->jobs[batch->count++] = job;
    sp_sync_metrics_count_wait(writer->options.metrics, sp_clock_monotonic_ms() - job->queued_ms);
    return true;
}

/* ---- applying and committing ---- */

enum outcome { SETTLED, TRY_AGAIN, TRY_EACH_ALONE };

static void settle_jobs(struct sp_batch *batch, enum sp_status status, const struct sp_error *error) {
    for (size_t i = 0; i < batch->count; i++) {
        struct sp_job *job = batch->jobs[i];
        if (!job->left_out && job->status == SP_OK) {
            job->status = status;
            job->error = *error;
        }
    }
}

static void retry_left_out_jobs(struct sp_batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        batch->jobs[i]->left_out = false;
    batch->left_out = 0;
}

/* What to do with a batch one of whose jobs wrote and then failed. Its write is aborted in any
 * case. */
static enum outcome leave_job_out(struct sp_batch *batch, struct sp_job *job) {
    if (batch->count > 1 && (job->status == SP_ERR_EXHAUSTED || batch->left_out >= LEFT_OUT_MAX))
        return TRY_EACH_ALONE;
    job->left_out = true;
    batch->left_out++;
    return TRY_AGAIN;
}

/* False if the write can only be aborted. */
static bool apply_writer_job(struct sp_writer *writer, struct sp_write *write, struct sp_job *job,
                             uint64_t *ret_bytes) {
    uint64_t operations_before = sp_write_operations(write);
    uint64_t bytes_before = sp_write_bytes(write);
    int64_t began_ms = sp_clock_thread_ms();
    sp_heartbeat_beat(&writer->heartbeat);
    job->error = (struct sp_error){0};
    job->narrowed = false;
    job->status = sp_job_check_before(writer, job, &job->error);
    if (job->status == SP_OK)
        job->status = job->apply(job, write, &writer->scratch, &job->error);
    sp_arena_wipe(&writer->scratch);
    job->took_ms = sp_clock_thread_ms() - began_ms;
    *ret_bytes = sp_write_bytes(write) - bytes_before;
    if (job->status == SP_OK && *ret_bytes > 0)
        job->status = sp_job_check_after(writer, job, write, *ret_bytes, &job->error);
    return job->status == SP_OK || sp_write_refuse(write, operations_before);
}

static int64_t choose_batch_ms(const struct sp_writer *writer) {
    int64_t commit_ms = (int64_t)(writer->commit_us / 1000);
    if (writer->options.batch_ms > 0)
        return writer->options.batch_ms;
    if (commit_ms < BATCH_MIN_MS)
        return BATCH_MIN_MS;
    return commit_ms > BATCH_MAX_MS ? BATCH_MAX_MS : commit_ms;
}

/* Those that a batch holds already, and then others as they come, until it is time to commit. */
static enum outcome apply_jobs_of_batch(struct sp_writer *writer, struct sp_write *write, struct sp_batch *batch,
                                        bool *ret_something) {
    int64_t until_ms = sp_clock_monotonic_ms() + choose_batch_ms(writer);
    for (size_t i = 0; i < batch->count || (!batch->closed && take_next_job(writer, batch)); i++) {
        struct sp_job *job = batch->jobs[i];
        if (job->left_out)
            continue;
        if (!apply_writer_job(writer, write, job, &batch->bytes[i])) {
            batch->closed = true;
            return leave_job_out(batch, job);
        }
        *ret_something |= job->status == SP_OK;
        batch->closed |= sp_clock_monotonic_ms() >= until_ms || sp_source_is_full(writer->options.source, write);
    }
    batch->closed = true;
    return SETTLED;
}

static enum sp_status commit_batch(struct sp_writer *writer, struct sp_write *write, const struct sp_batch *batch,
                                   struct sp_error *error) {
    uint64_t began_ns = sp_clock_monotonic_ns();
    size_t jobs = 0;
    sp_heartbeat_beat(&writer->heartbeat);
    enum sp_status status = sp_source_commit(writer->options.source, write, error);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < batch->count; i++)
        jobs += !batch->jobs[i]->left_out && batch->jobs[i]->status == SP_OK;
    uint64_t took_ns = sp_clock_monotonic_ns() - began_ns;
    writer->commit_us = (3 * writer->commit_us + took_ns / 1000) / 4;
    sp_sync_metrics_count_commit(writer->options.metrics, took_ns, jobs);
    return SP_OK;
}

/* Fails refused jobs too: they were judged on state that may be stale. */
static void fail_all_jobs(struct sp_batch *batch, enum sp_status status, const struct sp_error *error) {
    retry_left_out_jobs(batch);
    for (size_t i = 0; i < batch->count; i++)
        batch->jobs[i]->status = SP_OK;
    settle_jobs(batch, status, error);
}

/* Another instance's change came first: what was checked must be checked again. */
static enum outcome handle_lost_race(struct sp_writer *writer, struct sp_batch *batch, const struct sp_error *error) {
    if (sp_clock_monotonic_ms() < batch->race_until_ms) {
        retry_left_out_jobs(batch);
        (void)sp_source_concede_race(writer->options.source, AWAIT_MS);
        return TRY_AGAIN;
    }
    fail_all_jobs(batch, SP_ERR_ABORTED, error);
    return SETTLED;
}

/* What to do with a batch that could not be committed. */
static enum outcome handle_failed_commit(struct sp_writer *writer, struct sp_batch *batch, enum sp_status status,
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

/* No write can begin: whoever waits would only find out the same, one after the other. */
static void fail_without_write(struct sp_writer *writer, struct sp_batch *batch, enum sp_status status,
                               const struct sp_error *error) {
    while (!batch->closed && take_next_job(writer, batch)) {
    }
    batch->closed = true;
    settle_jobs(batch, status, error);
}

static enum outcome try_job_batch(struct sp_writer *writer, struct sp_batch *batch) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    bool something = false;
    if (batch->left_out == batch->count && writer->options.source == NULL)
        return SETTLED;
    for (size_t i = 0; i < batch->count; i++)
        batch->jobs[i]->status = batch->jobs[i]->left_out ? batch->jobs[i]->status : SP_OK;
    sp_reserve_measure(writer->reserve);
    enum sp_status status = sp_source_begin(writer->options.source, writer->options.store, &write, &error);
    if (status != SP_OK) {
        fail_without_write(writer, batch, status, &error);
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

/* What a job kept others waiting for, as the bytes that it could have written: thousands of edits
 * may change nothing. */
static uint64_t count_bytes_of_time(const struct sp_job *job) {
    return job->took_ms > JOB_FREE_MS ? (uint64_t)(job->took_ms - JOB_FREE_MS) * JOB_BYTES_A_MS : JOB_MIN_BYTES;
}

/* Refusals are not for nothing: those of jobs that wrote first took as long as the change would
 * have. Jobs that fail for another reason than their own are charged the least. */
static void charge_job(struct sp_writer *writer, const struct sp_job *job, uint64_t bytes) {
    bool wrote = job->status == SP_OK || job->left_out;
    uint64_t of_time = count_bytes_of_time(job);
    uint64_t charged = wrote && bytes > of_time ? bytes : of_time;
    int64_t now_ms = sp_clock_monotonic_ms();
    if (job->workspace[0] != '\0')
        sp_allowance_charge(writer->allowance, job->workspace, charged, now_ms);
    if (job->status == SP_OK) /* what was refused took no room, and must not cost the workspace its share */
        sp_reserve_charge(writer->reserve, job, bytes, now_ms);
}

/* Once `done` was called a job is its owner's again, and may be gone. */
static void finish_jobs(struct sp_writer *writer, const struct sp_batch *batch) {
    bool committed = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct sp_job *job = batch->jobs[i];
        struct sp_error error = job->error;
        committed |= job->status == SP_OK;
        charge_job(writer, job, batch->bytes[i]);
        writer->tidy.look_for_deleted |= job->status == SP_OK && job->deletes_in_pieces;
        if (job->status == SP_ERR_CORRUPT)
            sp_log(SP_LOG_ERROR, "refused a change because the store is damaged: %s", error.message);
        job->done(job, job->status, &error);
    }
    if (committed && writer->options.committed != NULL)
        writer->options.committed(writer->options.user);
}

static void run_job_alone(struct sp_writer *writer, struct sp_job *job) {
    struct sp_batch *single = &writer->single;
    *single = (struct sp_batch){.count = 1, .closed = true, .race_until_ms = sp_clock_monotonic_ms() + RACE_MAX_MS};
    single->jobs[0] = job;
    job->left_out = false;
    /* Only a lost race leaves a single job unsettled. */
    while (try_job_batch(writer, single) == TRY_AGAIN) {
    }
    finish_jobs(writer, single);
}

static struct sp_job *take_narrowing_job(struct sp_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    struct sp_job *job = sp_queue_take_narrowing(writer->queue);
    pthread_mutex_unlock(&writer->lock);
    if (job != NULL)
        sp_sync_metrics_count_wait(writer->options.metrics, sp_clock_monotonic_ms() - job->queued_ms);
    return job;
}

static void run_waiting_narrowing_jobs(struct sp_writer *writer) {
    for (int i = 0; i < NARROWING_BETWEEN; i++) {
        struct sp_job *job = take_narrowing_job(writer);
        if (job == NULL)
            return;
        run_job_alone(writer, job);
    }
}

/* Each takes a commit, or an abort, of its own: what narrows does not wait for all of them, be it
 * in the batch or in the queue. */
static void run_each_alone(struct sp_writer *writer, struct sp_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        if (!sp_job_narrows(batch->jobs[i]))
            continue;
        run_job_alone(writer, batch->jobs[i]);
        batch->jobs[i] = NULL; /* its owner's again */
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->jobs[i] == NULL)
            continue;
        run_waiting_narrowing_jobs(writer);
        run_job_alone(writer, batch->jobs[i]);
    }
}

static void run_job_batch(struct sp_writer *writer, struct sp_batch *batch) {
    batch->race_until_ms = sp_clock_monotonic_ms() + RACE_MAX_MS;
    enum outcome outcome = try_job_batch(writer, batch);
    while (outcome == TRY_AGAIN)
        outcome = try_job_batch(writer, batch);
    if (outcome == SETTLED) {
        finish_jobs(writer, batch);
        return;
    }
    run_each_alone(writer, batch);
}

size_t sp_batch_run_next(struct sp_writer *writer) {
    struct sp_batch *batch = &writer->batch;
    batch->count = batch->left_out = 0;
    batch->closed = false;
    if (take_next_job(writer, batch))
        run_job_batch(writer, batch);
    return batch->count;
}
