#include "sync/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "source/source.h"
#include "store/records/write.h"
#include "sync/expiring.h"
#include "sync/metrics.h"
#include "sync/queue.h"
#include "sync/reserve.h"
#include "sync/tidy.h"

enum {
    QUEUE_MAX = 10000,
    QUEUE_MAX_BYTES = 64 * 1024 * 1024,
    QUEUE_MAX_OF_WORKSPACE = 1000,
    QUEUE_MAX_BYTES_OF_WORKSPACE = 8 * 1024 * 1024,
    QUEUE_MAX_NARROWING = 1000, /* beyond the others */
    BATCH_MAX = 1000,
    /* How long jobs are applied before a commit: as long as a commit takes. If shorter, most of the
     * time would be the disk's; if longer, who comes during a batch would wait for more than the
     * disk. */
    BATCH_MIN_MS = 4,
    BATCH_MAX_MS = 25,
    JOB_MIN_BYTES = 1024, /* what a change is charged at least */
    RETRY_MIN_MS = 20,
    RETRY_MAX_MS = 60000,
    FIRST_JOB_US = 1000,   /* how long a job takes until that is measured */
    RACE_MAX_MS = 5000,    /* of lost races against other instances */
    AWAIT_MS = 500,        /* for the follower to catch up after one */
    LEFT_OUT_MAX = 3,      /* jobs taken out of one batch before each is tried alone */
    NARROWING_BETWEEN = 8, /* jobs that narrow, before each ordinary one that is tried alone */
    IDLE_TIDY_MS = 1000,   /* how often an idle writer tidies */
    SCRATCH_FIRST_BYTES = 64 * 1024,
    SCRATCH_BUDGET_BYTES = 256 * 1024 * 1024,
};

/* Jobs that are committed together. */
struct batch {
    struct sp_job *jobs[BATCH_MAX];
    uint64_t bytes[BATCH_MAX]; /* that each wrote */
    size_t count;
    size_t left_out;
    bool closed;      /* takes no more jobs */
    size_t judged_at; /* the state of the store by which those left out were refused: sp_write_state */
    int64_t race_until_ms;
};

struct sp_writer {
    struct sp_writer_options options;
    struct sp_arena scratch;
    struct sp_tidy tidy;
    struct sp_expiring expiring;
    struct batch batch, single;
    uint64_t commit_us; /* how long a commit takes, by the last few */
    struct sp_allowance *allowance;
    struct sp_reserve *reserve;
    _Atomic uint64_t refused[SP_WRITER_REFUSALS];
    struct sp_heartbeat heartbeat;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct sp_queue *queue;
    uint64_t job_us; /* how long a job takes, by the last batches */
    bool stopping;
};

/* ---- what a client must wait for ---- */

static unsigned clamp_retry_ms(uint64_t ms) {
    return ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : (unsigned)ms;
}

/* When about so many jobs have been done. */
static unsigned retry_after_jobs_ms(const struct sp_writer *writer, size_t jobs) {
    return clamp_retry_ms(jobs * writer->job_us / 1000);
}

static void count_refusal(struct sp_writer *writer, enum sp_writer_refusal refusal) {
    atomic_fetch_add_explicit(&writer->refused[refusal], 1, memory_order_relaxed);
}

/* SP_ERR_EXHAUSTED: the job's workspace has written more than it may. What only narrows is not held
 * up. */
static enum sp_status check_allowance(struct sp_writer *writer, const struct sp_job *job, struct sp_error *error) {
    if (sp_job_narrows(job) || job->workspace[0] == '\0')
        return SP_OK;
    int64_t wait_ms = sp_allowance_wait_ms(writer->allowance, job->workspace, sp_clock_monotonic_ms());
    if (wait_ms == 0)
        return SP_OK;
    count_refusal(writer, SP_WRITER_WORKSPACE_ALLOWANCE);
    return sp_error_set(error, SP_ERR_EXHAUSTED,
                        "workspace %s exceeds its allowance for changes: retry in %u ms; an operator can raise "
                        "--change-rate and --change-burst",
                        job->workspace, clamp_retry_ms((uint64_t)wait_ms));
}

/* ---- the queue ---- */

/* Adds the next job to a batch that has room; false: none waits, or the next one wants to be
 * alone. */
static bool take_next_job(struct sp_writer *writer, struct batch *batch) {
    if (batch->count == BATCH_MAX || (batch->count > 0 && batch->jobs[0]->alone))
        return false;
    pthread_mutex_lock(&writer->lock);
    struct sp_job *job = sp_queue_take(writer->queue, batch->count == 0);
    pthread_mutex_unlock(&writer->lock);
    if (job == NULL)
        return false;
    job->left_out = false;
    job->status = SP_OK;
    batch->bytes[batch->count] = 0;
    batch->jobs[batch->count++] = job;
    sp_sync_metrics_count_wait(writer->options.metrics, sp_clock_monotonic_ms() - job->queued_ms);
    return true;
}

static void note_pace(struct sp_writer *writer, uint64_t took_us, size_t jobs) {
    if (jobs == 0)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->job_us = (writer->job_us * 7 + took_us / jobs) / 8;
    pthread_mutex_unlock(&writer->lock);
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

/* etcd's quota is kept like the store's map: what only takes access away goes on longest. */
static enum sp_status check_source_room(struct sp_writer *writer, const struct sp_job *job, bool may_narrow,
                                        struct sp_error *error) {
    if (may_narrow || sp_job_narrows(job) || !sp_source_has_little_room(writer->options.source))
        return SP_OK;
    count_refusal(writer, SP_WRITER_RESERVE);
    return sp_error_set(error, SP_ERR_EXHAUSTED,
                        "etcd is full except for a reserve, which is for changes that only take access away: ask the "
                        "operator to compact and defragment it, or to raise its quota");
}

static enum sp_status check_before_job(struct sp_writer *writer, const struct sp_job *job, struct sp_error *error) {
    enum sp_status status = check_allowance(writer, job, error);
    if (status != SP_OK)
        return status;
    status = check_source_room(writer, job, job->narrowing != SP_ADMIN_WIDENS, error);
    if (status != SP_OK)
        return status;
    status = sp_reserve_check_before(writer->reserve, job, sp_clock_monotonic_ms(), error);
    if (status != SP_OK)
        count_refusal(writer, SP_WRITER_RESERVE);
    return status;
}

static enum sp_status check_after_job(struct sp_writer *writer, const struct sp_job *job, const struct sp_write *write,
                                      uint64_t bytes, struct sp_error *error) {
    enum sp_status status = check_source_room(writer, job, job->narrowed, error);
    if (status != SP_OK)
        return status;
    status = sp_reserve_check_after(writer->reserve, job, write, bytes, error);
    if (status != SP_OK)
        count_refusal(writer, SP_WRITER_RESERVE);
    return status;
}

/* False if the write can only be aborted. */
static bool apply_writer_job(struct sp_writer *writer, struct sp_write *write, struct sp_job *job,
                             uint64_t *ret_bytes) {
    uint64_t operations_before = sp_write_operations(write);
    uint64_t bytes_before = sp_write_bytes(write);
    sp_heartbeat_beat(&writer->heartbeat);
    job->error = (struct sp_error){0};
    job->narrowed = false;
    job->status = check_before_job(writer, job, &job->error);
    if (job->status == SP_OK)
        job->status = job->apply(job, write, &writer->scratch, &job->error);
    sp_arena_wipe(&writer->scratch);
    *ret_bytes = sp_write_bytes(write) - bytes_before;
    if (job->status == SP_OK && *ret_bytes > 0)
        job->status = check_after_job(writer, job, write, *ret_bytes, &job->error);
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
static enum outcome apply_jobs_of_batch(struct sp_writer *writer, struct sp_write *write, struct batch *batch,
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

static enum sp_status commit_batch(struct sp_writer *writer, struct sp_write *write, const struct batch *batch,
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

/* No write can begin: whoever waits would only find out the same, one after the other. */
static void fail_without_write(struct sp_writer *writer, struct batch *batch, enum sp_status status,
                               const struct sp_error *error) {
    while (!batch->closed && take_next_job(writer, batch)) {
    }
    batch->closed = true;
    settle_jobs(batch, status, error);
}

static enum outcome try_job_batch(struct sp_writer *writer, struct batch *batch) {
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

/* Refusals are not for nothing: those of jobs that wrote first took as long as the change would
 * have. Jobs that fail for another reason than their own are charged the least. */
static void charge_job(struct sp_writer *writer, const struct sp_job *job, uint64_t bytes) {
    bool wrote = job->status == SP_OK || job->left_out;
    uint64_t charged = wrote && bytes > JOB_MIN_BYTES ? bytes : JOB_MIN_BYTES;
    int64_t now_ms = sp_clock_monotonic_ms();
    if (job->workspace[0] != '\0')
        sp_allowance_charge(writer->allowance, job->workspace, charged, now_ms);
    sp_reserve_charge(writer->reserve, job, charged, now_ms);
}

/* Once `done` was called a job is its owner's again, and may be gone. */
static void finish_jobs(struct sp_writer *writer, const struct batch *batch) {
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
    struct batch *single = &writer->single;
    *single = (struct batch){.count = 1, .closed = true, .race_until_ms = sp_clock_monotonic_ms() + RACE_MAX_MS};
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
static void run_each_alone(struct sp_writer *writer, struct batch *batch) {
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

/* A batch that holds its first job. */
static void run_job_batch(struct sp_writer *writer, struct batch *batch) {
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

static void run_next_batch(struct sp_writer *writer) {
    struct batch *batch = &writer->batch;
    batch->count = batch->left_out = 0;
    batch->closed = false;
    if (!take_next_job(writer, batch))
        return;
    uint64_t began_ns = sp_clock_monotonic_ns();
    run_job_batch(writer, batch);
    note_pace(writer, (sp_clock_monotonic_ns() - began_ns) / 1000, batch->count);
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
        if (writer->batch.count == 0)
            sp_reserve_measure(writer->reserve);
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

static enum sp_status refuse_for_full_queue(struct sp_writer *writer, const struct sp_job *job, enum sp_queue_room room,
                                            struct sp_error *error) {
    if (room == SP_QUEUE_FULL) {
        count_refusal(writer, SP_WRITER_QUEUE_FULL);
        return sp_error_set(error, SP_ERR_EXHAUSTED, "too many changes are queued: retry in %u ms",
                            retry_after_jobs_ms(writer, sp_queue_length(writer->queue)));
    }
    count_refusal(writer, SP_WRITER_WORKSPACE_QUEUE_FULL);
    return sp_error_set(error, SP_ERR_EXHAUSTED, "too many changes are queued for %s: retry in %u ms",
                        job->workspace[0] == '\0' ? "the operator" : job->workspace,
                        retry_after_jobs_ms(writer, sp_queue_ahead_of(writer->queue, job->workspace)));
}

/* With the lock held. */
static enum sp_status queue_job(struct sp_writer *writer, struct sp_job *job, struct sp_error *error) {
    if (writer->stopping)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the server is stopping: try again");
    enum sp_status status = check_allowance(writer, job, error);
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
