#include "sync/usage.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "daemon/caller.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/usage/reports.h"
#include "store/usage/usage.h"
#include "sync/usage_report.h"
#include "usage/table.h"
#include "wire/wire.h"

enum {
    QUEUE_MAX = 1000,
    BATCH_MAX = 64,
    OWN_KEYS = 16384,         /* used in calls to the admin API between two commits */
    OWN_EVERY_MAX_MS = 30000, /* between two commits */
    TIDY_EVERY_MS = 10000,
    TIDY_PIECE = 5000,
    LOG_AGAIN_S = 60,
    BEHIND_S = 10, /* a follower polls its source every second */
};

#define FORGET_LOSS_S (INT64_C(401) * 86400) /* longer than any window */
#define FORGET_ENDED_S INT64_C(3600)

/* A report that waits. Lives in the call's arena. */
struct report_job {
    struct sp_rpc_call *call;
    const Sallyport__V1__ReportUsageRequest *request;
    Sallyport__V1__ReportUsageResponse reply;
    enum sp_status status;
    struct report_job *next;
};

struct sp_sync_usage {
    struct sp_sync_usage_options options;
    struct sp_admin_usage admin;
    struct sp_usage_store *store; /* NULL: it could not be opened */
    uint64_t instance;
    pthread_t thread;
    bool running;

    /* The thread's. */
    struct sp_snapshot *snapshot;
    struct sp_usage_table writing; /* own uses that are being written */
    uint64_t own_sequence;         /* of the last report of its own */
    int64_t own_lost_s;
    int64_t own_due_ms; /* CLOCK_MONOTONIC, as the next */
    int64_t tidy_due_ms;
    uint8_t tidy_place[SP_USAGE_PLACE_BYTES];
    int64_t last_complaint_s;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct sp_usage_table own; /* uses in calls to the admin API */
    struct report_job *first;
    struct report_job **end;
    size_t waiting;
    bool stopping;
};

static void log_usage_failure(struct sp_sync_usage *usage, const char *doing, enum sp_status status,
                              const struct sp_error *error) {
    int64_t at_s = sp_clock_now_s();
    if (at_s - usage->last_complaint_s < LOG_AGAIN_S)
        return;
    usage->last_complaint_s = at_s;
    sp_log(SP_LOG_ERROR, "last uses of keys: %s failed (%s) %s", doing, sp_status_name(status), error->message);
}

/* ---- batches ---- */

typedef enum sp_status fill_batch(struct sp_sync_usage *usage, struct sp_usage_batch *batch, void *context);

/* All of what `fill` writes, or nothing; a failure is logged as one of `doing`. */
static enum sp_status commit_usage_batch(struct sp_sync_usage *usage, const char *doing, fill_batch *fill,
                                         void *context) {
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    enum sp_status status = sp_usage_batch_begin(usage->store, &batch, &error);
    if (status != SP_OK)
        goto failed;
    status = fill(usage, batch, context);
    if (status != SP_OK) {
        sp_usage_batch_abort(batch);
        goto failed;
    }
    status = sp_usage_batch_commit(batch, &error);
    if (status != SP_OK)
        goto failed;
    return SP_OK;
failed:
    log_usage_failure(usage, doing, status, &error);
    return status;
}

/* ---- own uses ---- */

struct own_uses {
    int64_t until_s; /* the end of the time in which they are known */
    bool goodbye;
};

static void note_own_use(void *user, struct sp_str workspace, struct sp_str key_id, const struct sp_ip *ip,
                         enum sp_reason rejected) {
    struct sp_sync_usage *usage = user;
    pthread_mutex_lock(&usage->lock);
    (void)sp_usage_table_note(&usage->own, workspace, key_id, sp_clock_now_s(), ip, rejected);
    pthread_mutex_unlock(&usage->lock);
}

static void log_retirement(void *user, struct sp_str operator_name, const char *server) {
    (void)user;
    sp_log(SP_LOG_INFO, "operator %.*s retired server %s: its unreported uses count as lost", SP_STR_ARG(operator_name),
           server);
}

/* Reports the admin instance as a source whose uses are known until `until_s`, and merges those
 * uses. */
static enum sp_status write_own_uses(struct sp_sync_usage *usage, struct sp_usage_batch *batch, void *context) {
    const struct own_uses *own = context;
    bool again = false;
    const struct sp_usage_report report = {
        .id = SP_STR_LITERAL(SP_USAGE_ADMIN_ID),
        .instance = usage->instance,
        .sequence = usage->own_sequence + 1,
        .until_s = own->until_s,
        .lost_until_s = usage->own_lost_s,
        .goodbye = own->goodbye,
    };
    enum sp_status status = sp_usage_batch_report(batch, &report, sp_clock_now_s(), &again);
    if (status != SP_OK)
        return status;
    for (uint32_t i = 0; i < usage->writing.count; i++) {
        struct sp_str workspace;
        struct sp_str key_id;
        struct sp_key_use use;
        sp_usage_table_at(&usage->writing, i, &workspace, &key_id, &use);
        status = sp_usage_batch_merge(batch, workspace, key_id, &use);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Moves own uses to the table that is being written, which still has those that could not be
 * written the last time. Returns until when they are known. */
static int64_t take_own_uses(struct sp_sync_usage *usage) {
    pthread_mutex_lock(&usage->lock);
    int64_t until_s = sp_clock_now_s();
    sp_usage_table_merge_all(&usage->writing, &usage->own);
    sp_usage_table_clear(&usage->own);
    pthread_mutex_unlock(&usage->lock);
    if (usage->writing.lost) {
        usage->own_lost_s = until_s;
        usage->writing.lost = false;
    }
    return until_s;
}

static void commit_own_uses(struct sp_sync_usage *usage, bool goodbye) {
    struct own_uses own = {.until_s = take_own_uses(usage), .goodbye = goodbye};
    if (commit_usage_batch(usage, "writing those of the admin API", write_own_uses, &own) != SP_OK)
        return;
    usage->own_sequence++;
    sp_usage_table_clear(&usage->writing);
}

/* ---- reports ---- */

/* SP_ERR_EXHAUSTED concerns one job only; after any other failure the batch must be aborted. */
static enum sp_status apply_report_jobs(struct sp_usage_batch *batch, struct sp_view *view, struct report_job *jobs) {
    int64_t now_ms = sp_clock_now_ms();
    for (struct report_job *job = jobs; job != NULL; job = job->next) {
        sallyport__v1__report_usage_response__init(&job->reply);
        job->status = sp_usage_report_apply(batch, view, job->request, now_ms, &job->reply);
        if (job->status != SP_OK && job->status != SP_ERR_EXHAUSTED)
            return job->status;
    }
    return SP_OK;
}

/* SP_ERR_UNAVAILABLE: the store is behind the source that it follows, and may not know every key
 * that servers see; they keep their reports. */
static enum sp_status check_store_is_current(struct sp_view *view) {
    int64_t synced_at_s = 0;
    enum sp_status status = sp_view_synced_at(view, &synced_at_s);
    if (status != SP_OK)
        return status;
    bool behind = synced_at_s != 0 && sp_clock_now_s() - synced_at_s > BEHIND_S;
    return behind ? SP_ERR_UNAVAILABLE : SP_OK;
}

static enum sp_status acquire_usage_snapshot(struct sp_sync_usage *usage) {
    if (usage->snapshot == NULL) {
        enum sp_status status = sp_snapshot_open(usage->options.store, &usage->snapshot);
        if (status != SP_OK)
            return status;
    }
    return sp_snapshot_acquire(usage->snapshot);
}

static enum sp_status apply_jobs_at_snapshot(struct sp_sync_usage *usage, struct sp_usage_batch *batch, void *context) {
    struct report_job *jobs = context;
    enum sp_status status = acquire_usage_snapshot(usage);
    if (status != SP_OK)
        return status;
    status = check_store_is_current(sp_snapshot_view(usage->snapshot));
    if (status != SP_OK)
        goto out;
    status = apply_report_jobs(batch, sp_snapshot_view(usage->snapshot), jobs);
out:
    sp_snapshot_release(usage->snapshot);
    return status;
}

static enum sp_status commit_report_jobs(struct sp_sync_usage *usage, struct report_job *jobs) {
    return commit_usage_batch(usage, "writing a report", apply_jobs_at_snapshot, jobs);
}

static void answer_report(struct report_job *job) {
    struct sp_bytes bytes;
    if (job->status == SP_OK && sp_wire_pack(&job->reply.base, sp_rpc_call_arena(job->call), &bytes) == SP_OK)
        sp_rpc_reply(job->call, bytes);
    else if (job->status == SP_ERR_EXHAUSTED)
        sp_rpc_fail(job->call, job->status, "no room for another server: retire those that no longer exist");
    else
        sp_rpc_fail(job->call, SP_ERR_UNAVAILABLE, "cannot write the report: send it again later");
}

/* After a failed batch each job is tried alone, so that one report that cannot be written does
 * not block the others. */
static void run_report_jobs(struct sp_sync_usage *usage, struct report_job *jobs) {
    enum sp_status status = commit_report_jobs(usage, jobs);
    for (struct report_job *job = jobs; job != NULL;) {
        struct report_job *next = job->next;
        if (status != SP_OK) {
            job->next = NULL;
            enum sp_status alone = commit_report_jobs(usage, job);
            job->status = alone != SP_OK ? SP_ERR_UNAVAILABLE : job->status;
        }
        answer_report(job);
        job = next;
    }
}

/* ---- tidying ---- */

static enum sp_status is_key_gone(void *context, struct sp_str workspace, struct sp_str key_id, bool *ret_gone) {
    bool exists = false;
    enum sp_status status = sp_usage_key_exists(context, workspace, key_id, &exists);
    *ret_gone = !exists;
    return status;
}

static enum sp_status forget_deleted_keys(struct sp_sync_usage *usage, struct sp_usage_batch *batch, void *context) {
    (void)context;
    bool end = false;
    int64_t at_s = sp_clock_now_s();
    enum sp_status status = acquire_usage_snapshot(usage);
    if (status != SP_OK)
        return status;
    status =
        sp_usage_batch_tidy(batch, usage->tidy_place, TIDY_PIECE, is_key_gone, sp_snapshot_view(usage->snapshot), &end);
    sp_snapshot_release(usage->snapshot);
    if (status != SP_OK)
        return status;
    return sp_usage_batch_forget_ended(batch, at_s - FORGET_LOSS_S, at_s - FORGET_ENDED_S);
}

static void commit_forgetting(struct sp_sync_usage *usage) {
    (void)commit_usage_batch(usage, "forgetting deleted keys", forget_deleted_keys, NULL);
}

/* ---- the thread ---- */

static int64_t choose_own_interval_ms(const struct sp_sync_usage *usage) {
    int64_t every_ms = usage->options.grace_s * 1000 / 4;
    return every_ms < OWN_EVERY_MAX_MS ? every_ms : OWN_EVERY_MAX_MS;
}

/* With the lock held. */
static void wait_for_reports(struct sp_sync_usage *usage) {
    while (usage->first == NULL && !usage->stopping && sp_clock_wait(&usage->changed, &usage->lock, usage->own_due_ms))
        continue;
}

/* With the lock held. */
static struct report_job *take_report_jobs(struct sp_sync_usage *usage) {
    struct report_job *jobs = usage->first;
    struct report_job **end = &usage->first;
    for (size_t i = 0; i < BATCH_MAX && *end != NULL; i++, usage->waiting--)
        end = &(*end)->next;
    usage->first = *end;
    *end = NULL;
    if (usage->first == NULL)
        usage->end = &usage->first;
    return jobs;
}

static void do_due_work(struct sp_sync_usage *usage) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms >= usage->own_due_ms) {
        commit_own_uses(usage, false);
        usage->own_due_ms = now_ms + choose_own_interval_ms(usage);
    }
    if (now_ms >= usage->tidy_due_ms) {
        commit_forgetting(usage);
        usage->tidy_due_ms = now_ms + TIDY_EVERY_MS;
    }
}

static void *run_usage_keeper(void *user) {
    struct sp_sync_usage *usage = user;
    do_due_work(usage);
    pthread_mutex_lock(&usage->lock);
    while (usage->first != NULL || !usage->stopping) {
        wait_for_reports(usage);
        struct report_job *jobs = take_report_jobs(usage);
        pthread_mutex_unlock(&usage->lock);
        if (jobs != NULL)
            run_report_jobs(usage, jobs);
        do_due_work(usage);
        pthread_mutex_lock(&usage->lock);
    }
    pthread_mutex_unlock(&usage->lock);
    commit_own_uses(usage, true);
    return NULL;
}

/* ---- the call ---- */

static enum sp_status queue_report(struct sp_sync_usage *usage, struct report_job *job, struct sp_error *error) {
    enum sp_status status = SP_OK;
    pthread_mutex_lock(&usage->lock);
    if (usage->stopping || usage->waiting >= QUEUE_MAX) {
        status = sp_error_set(error, SP_ERR_UNAVAILABLE, "cannot accept the report right now: send it again later");
    } else {
        *usage->end = job;
        usage->end = &job->next;
        usage->waiting++;
        pthread_cond_signal(&usage->changed);
    }
    pthread_mutex_unlock(&usage->lock);
    return status;
}

static enum sp_status take_report(struct sp_sync_usage *usage, struct sp_rpc_call *call, struct sp_error *error) {
    ProtobufCMessage *request = NULL;
    if (usage->store == NULL)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "this instance cannot keep last uses: see its log for the reason");
    enum sp_status status = sp_wire_unpack(&sallyport__v1__report_usage_request__descriptor, sp_rpc_call_request(call),
                                           sp_rpc_call_arena(call), &request, error);
    if (status != SP_OK)
        return status;
    status = sp_usage_report_check((const Sallyport__V1__ReportUsageRequest *)request, error);
    if (status != SP_OK)
        return status;
    struct report_job *job = sp_arena_calloc(sp_rpc_call_arena(call), 1, sizeof(*job));
    if (job == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the report needs more memory than one call may use");
    job->call = call;
    job->request = (const Sallyport__V1__ReportUsageRequest *)request;
    /* From here on the call may end at any moment. */
    return queue_report(usage, job, error);
}

static void handle_report(struct sp_rpc_call *call, void *user) {
    struct sp_error error = {0};
    enum sp_status status = take_report(user, call, &error);
    if (status != SP_OK)
        sp_rpc_fail(call, status, error.message);
}

/* ---- for others ---- */

static void free_usage(struct sp_sync_usage *usage) {
    sp_snapshot_close(usage->snapshot);
    sp_usage_store_close(usage->store);
    sp_usage_table_fini(&usage->writing);
    sp_usage_table_fini(&usage->own);
    pthread_cond_destroy(&usage->changed);
    pthread_mutex_destroy(&usage->lock);
    free(usage);
}

static enum sp_status create_usage(const struct sp_sync_usage_options *options, struct sp_sync_usage **ret_usage) {
    uint64_t seed = 0;
    struct sp_sync_usage *usage = calloc(1, sizeof(*usage));
    if (usage == NULL)
        return SP_ERR_MEMORY;
    usage->options = *options;
    usage->end = &usage->first;
    usage->tidy_due_ms = sp_clock_monotonic_ms() + TIDY_EVERY_MS;
    pthread_mutex_init(&usage->lock, NULL);
    sp_clock_init_condition(&usage->changed);
    enum sp_status status = sp_random_fill((uint8_t *)&usage->instance, sizeof(usage->instance));
    if (status != SP_OK)
        goto failed;
    status = sp_random_fill((uint8_t *)&seed, sizeof(seed));
    if (status != SP_OK)
        goto failed;
    status = sp_usage_table_init(&usage->own, OWN_KEYS, seed);
    if (status != SP_OK)
        goto failed;
    status = sp_usage_table_init(&usage->writing, OWN_KEYS, seed);
    if (status != SP_OK)
        goto failed;
    *ret_usage = usage;
    return SP_OK;
failed:
    free_usage(usage);
    return status;
}

static void open_usage_store(struct sp_sync_usage *usage) {
    struct sp_error error = {0};
    if (sp_usage_store_open(usage->options.store_path, sp_clock_now_s(), &usage->store, &error) != SP_OK)
        sp_log(SP_LOG_ERROR, "not keeping last uses of keys: %s", error.message);
    usage->admin = (struct sp_admin_usage){
        .store = usage->store,
        .up_since_s = sp_clock_now_s(),
        .grace_s = usage->options.grace_s,
        .note = note_own_use,
        .retired = log_retirement,
        .user = usage,
    };
}

enum sp_status sp_sync_usage_start(const struct sp_sync_usage_options *options, struct sp_sync_usage **ret_usage,
                                   struct sp_error *error) {
    struct sp_sync_usage *usage = NULL;
    enum sp_status status = create_usage(options, &usage);
    if (status != SP_OK || usage == NULL)
        return sp_error_set(error, status != SP_OK ? status : SP_ERR_MEMORY, "cannot start keeping last uses of keys");
    open_usage_store(usage);
    if (usage->store != NULL)
        status =
            sp_thread_start(&usage->thread, run_usage_keeper, usage, error, "the thread that keeps last uses of keys");
    if (status != SP_OK) {
        free_usage(usage);
        return status;
    }
    usage->running = usage->store != NULL;
    *ret_usage = usage;
    return SP_OK;
}

void sp_sync_usage_stop(struct sp_sync_usage *usage) {
    if (usage == NULL)
        return;
    pthread_mutex_lock(&usage->lock);
    usage->stopping = true;
    pthread_cond_signal(&usage->changed);
    pthread_mutex_unlock(&usage->lock);
    if (usage->running)
        pthread_join(usage->thread, NULL);
    free_usage(usage);
}

const struct sp_admin_usage *sp_sync_usage_admin(const struct sp_sync_usage *usage) {
    return &usage->admin;
}

struct sp_rpc_method sp_sync_usage_method(struct sp_sync_usage *usage) {
    return (struct sp_rpc_method){
        .path = "/sallyport.v1.Usage/Report",
        .kind = SP_RPC_UNARY,
        .unary = handle_report,
        .user = usage,
        .permit = SP_CALLER_REPORT,
        .max_request_bytes = 4 * 1024 * 1024,
    };
}
