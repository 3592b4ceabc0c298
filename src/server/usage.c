#include "server/usage.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "server/usage_report.h"
#include "server/worker_slots.h"
#include "usage/gather.h"

enum {
    LANE_KEYS = 2048, /* in one table of a lane; the first full one asks to be collected */
    REPORT_USES = 5000,
    CALL_TIMEOUT_MS = 3000,
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MOST_MS = 15000,
    LOG_FAILURE_EVERY_MS = 600000,
    LOG_LOSS_EVERY_MS = 60000,
    ARENA_FIRST_BYTES = 64 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
};

/* A report that has not been answered: it is sent again as it is, under the same number. */
struct report {
    bool there;
    int64_t until_s;
    int64_t lost_until_s;
    bool goodbye;
    uint8_t *uses; /* packed */
    size_t uses_size;
};

/* What only the reporter's thread touches. Times are of CLOCK_MONOTONIC, in ms, unless they end
 * in _s. */
struct reporter_thread {
    struct sp_rpc_client *client; /* NULL: to be opened */
    struct sp_arena arena;
    struct sp_usage_table pending; /* collected, and in no report yet */
    struct report report;
    int64_t until_s;          /* of the last collection */
    int64_t reported_until_s; /* answered */
    int64_t lost_until_s;
    uint64_t instance;
    uint64_t sequence; /* of the last answered report */
    int64_t collect_at_ms;
    int64_t retry_at_ms;
    unsigned backoff_ms; /* 0: the last report was answered */
    int64_t logged_failure_at_ms;
    int64_t logged_loss_at_ms;
    bool said_goodbye;
};

struct sp_usage_reporter {
    struct sp_usage_reporter_options options;
    struct sp_usage_gather gather;
    atomic_bool stopping;
    int64_t stop_at_ms;          /* set before `stopping` */
    atomic_llong answered_at_ms; /* of the last report that was; CLOCK_MONOTONIC */
    atomic_ullong losses;
    sem_t wake;
    pthread_t thread;
    struct reporter_thread own;
};

/* ---- on the workers' threads ---- */

static void wake_reporter(void *user) {
    struct sp_usage_reporter *reporter = user;
    (void)sem_post(&reporter->wake);
}

/* The last lane is the HTTP server's, the one before is Connect's, and before those are those of
 * bulk threads, from behind. */
static unsigned find_lane(const struct sp_usage_reporter *reporter, unsigned slot) {
    unsigned last = reporter->options.lanes - 1;
    if (slot == SP_SERVER_CONNECT_WORKER && last > 0)
        return last - 1;
    if (slot >= SP_SERVER_BULK_WORKER && slot - SP_SERVER_BULK_WORKER + 1 < last)
        return last - 2 - (slot - SP_SERVER_BULK_WORKER);
    return slot < last ? slot : last;
}

void sp_usage_reporter_note(struct sp_usage_reporter *reporter, unsigned lane, const struct sp_query *query,
                            const struct sp_answer *answer) {
    enum sp_reason rejected;
    /* A question about a principal as such presents no key. */
    if (reporter == NULL || !answer->key_found || answer->key_id.size == 0 ||
        !sp_usage_counts(answer->reason, &rejected))
        return;
    sp_usage_note(&reporter->gather, find_lane(reporter, lane), answer->workspace, answer->key_id, query->ip, rejected);
}

/* ---- collecting ---- */

static void collect_uses(struct sp_usage_reporter *reporter) {
    struct reporter_thread *own = &reporter->own;
    sp_usage_collect(&reporter->gather, &own->pending, &own->until_s);
    if (!own->pending.lost)
        return;
    own->pending.lost = false;
    atomic_fetch_add(&reporter->losses, 1);
    /* A lost use happened in the second of the collection at the latest. */
    own->lost_until_s = own->until_s + 1;
    int64_t now_ms = sp_clock_monotonic_ms();
    if (own->logged_loss_at_ms != 0 && now_ms - own->logged_loss_at_ms < LOG_LOSS_EVERY_MS)
        return;
    own->logged_loss_at_ms = now_ms;
    sp_log(SP_LOG_WARNING,
           "more keys are in use than can be reported, so key usage counts as unknown for a while: raise --report-keys "
           "or lower --report-interval");
}

/* ---- a report ---- */

/* Moves what one report may hold from the pending table into the report. On failure it stays
 * where it is. */
static enum sp_status begin_report(struct sp_usage_reporter *reporter) {
    struct reporter_thread *own = &reporter->own;
    uint32_t count = own->pending.count < REPORT_USES ? own->pending.count : REPORT_USES;
    struct sp_bytes packed = {0};
    enum sp_status status = sp_usage_pack_uses(&own->pending, count, &own->arena, &packed);
    if (status != SP_OK)
        goto out;
    uint8_t *uses = malloc(packed.size + 1);
    if (uses == NULL) {
        status = SP_ERR_MEMORY;
        goto out;
    }
    if (packed.size > 0)
        memcpy(uses, packed.data, packed.size);
    for (uint32_t i = 0; i < count; i++)
        sp_usage_table_pop(&own->pending);
    bool last = own->pending.count == 0;
    own->report = (struct report){
        .there = true,
        .until_s = last ? own->until_s : 0,
        .lost_until_s = own->lost_until_s,
        .goodbye = last && atomic_load(&reporter->stopping),
        .uses = uses,
        .uses_size = packed.size,
    };
out:
    sp_arena_reset(&own->arena);
    return status;
}

static void finish_report(struct sp_usage_reporter *reporter) {
    struct reporter_thread *own = &reporter->own;
    own->sequence++;
    atomic_store(&reporter->answered_at_ms, sp_clock_monotonic_ms());
    if (own->report.until_s != 0)
        own->reported_until_s = own->report.until_s;
    own->said_goodbye = own->report.goodbye;
    free(own->report.uses);
    own->report = (struct report){0};
    if (own->backoff_ms > 0)
        sp_log(SP_LOG_INFO, "last uses of keys are reported to %s again", reporter->options.target);
    own->backoff_ms = 0;
    own->logged_failure_at_ms = 0;
}

/* ---- sending ---- */

static enum sp_status open_admin_client(struct sp_usage_reporter *reporter, struct sp_error *error) {
    const struct sp_rpc_client_options options = {
        .target = reporter->options.target, .timeout_ms = CALL_TIMEOUT_MS, .tls = reporter->options.tls};
    if (reporter->own.client != NULL)
        return SP_OK;
    return sp_rpc_client_open(&options, &reporter->own.client, error);
}

static enum sp_status send_report(struct sp_usage_reporter *reporter, struct sp_error *error) {
    struct reporter_thread *own = &reporter->own;
    struct sp_bytes request;
    struct sp_bytes reply;
    enum sp_status status = open_admin_client(reporter, error);
    if (status != SP_OK)
        return status;
    const struct sp_usage_report_head head = {
        .server = reporter->options.server,
        .instance = own->instance,
        .sequence = own->sequence + 1,
        .sent_at_ms = sp_clock_now_ms(),
        .until_s = own->report.until_s,
        .lost_until_s = own->report.lost_until_s,
        .goodbye = own->report.goodbye,
    };
    status =
        sp_usage_pack_report(&head, (struct sp_bytes){own->report.uses, own->report.uses_size}, &own->arena, &request);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    return sp_rpc_client_call(own->client, "/sallyport.v1.Usage/Report", request, &own->arena, &reply, error);
}

/* Closes the connection: gRPC retries a failed one less and less often, and a new one at once. */
static void postpone_report(struct sp_usage_reporter *reporter, const struct sp_error *error) {
    struct reporter_thread *own = &reporter->own;
    int64_t now_ms = sp_clock_monotonic_ms();
    unsigned doubled = own->backoff_ms * 2;
    own->backoff_ms = doubled == 0 ? BACKOFF_FIRST_MS : doubled < BACKOFF_MOST_MS ? doubled : BACKOFF_MOST_MS;
    own->retry_at_ms = now_ms + own->backoff_ms;
    sp_rpc_client_close(own->client);
    own->client = NULL;
    if (own->logged_failure_at_ms != 0 && now_ms - own->logged_failure_at_ms < LOG_FAILURE_EVERY_MS)
        return;
    own->logged_failure_at_ms = now_ms;
    sp_log(SP_LOG_WARNING, "last uses of keys cannot be reported to %s and are kept until they can: %s",
           reporter->options.target, error->message);
}

static bool owes_report(const struct sp_usage_reporter *reporter) {
    const struct reporter_thread *own = &reporter->own;
    return own->report.there || own->pending.count > 0 || own->reported_until_s != own->until_s ||
           (atomic_load(&reporter->stopping) && !own->said_goodbye);
}

static enum sp_status send_next_report(struct sp_usage_reporter *reporter, struct sp_error *error) {
    if (!reporter->own.report.there) {
        enum sp_status status = begin_report(reporter);
        if (status != SP_OK)
            return sp_error_set(error, status, "out of memory");
    }
    enum sp_status status = send_report(reporter, error);
    sp_arena_reset(&reporter->own.arena);
    if (status != SP_OK)
        return status;
    finish_report(reporter);
    return SP_OK;
}

/* Until nothing is owed or something fails. Lanes that fill up meanwhile are emptied. */
static void send_reports(struct sp_usage_reporter *reporter) {
    while (owes_report(reporter)) {
        struct sp_error error = {0};
        if (send_next_report(reporter, &error) != SP_OK) {
            postpone_report(reporter, &error);
            return;
        }
        if (sem_trywait(&reporter->wake) == 0)
            collect_uses(reporter);
    }
}

/* ---- the thread ---- */

static int64_t min_ms(int64_t a_ms, int64_t b_ms) {
    return a_ms < b_ms ? a_ms : b_ms;
}

static void run_reporter_turn(struct sp_usage_reporter *reporter) {
    struct reporter_thread *own = &reporter->own;
    bool failed = own->backoff_ms > 0;
    int64_t until_ms = failed ? min_ms(own->collect_at_ms, own->retry_at_ms) : own->collect_at_ms;
    bool woken = sp_clock_wait_semaphore(&reporter->wake, until_ms);
    int64_t now_ms = sp_clock_monotonic_ms();
    bool due = now_ms >= own->collect_at_ms;
    if (due)
        own->collect_at_ms = now_ms + reporter->options.interval_ms;
    if (due || woken)
        collect_uses(reporter);
    bool wanted = due || failed || sp_usage_table_is_filling(&own->pending);
    if (wanted && (!failed || sp_clock_monotonic_ms() >= own->retry_at_ms))
        send_reports(reporter);
}

/* Nothing is noted any more. */
static void send_goodbye(struct sp_usage_reporter *reporter) {
    struct reporter_thread *own = &reporter->own;
    collect_uses(reporter);
    own->backoff_ms = 0;
    send_reports(reporter);
    while (!own->said_goodbye && sp_clock_monotonic_ms() < reporter->stop_at_ms) {
        (void)sp_clock_wait_semaphore(&reporter->wake, min_ms(own->retry_at_ms, reporter->stop_at_ms));
        send_reports(reporter);
    }
    if (!own->said_goodbye)
        sp_log(SP_LOG_WARNING, "uses of keys since the last report are lost: %s did not accept them in time",
               reporter->options.target);
}

static void *run_reporter(void *user) {
    struct sp_usage_reporter *reporter = user;
    while (!atomic_load(&reporter->stopping))
        run_reporter_turn(reporter);
    send_goodbye(reporter);
    return NULL;
}

/* ---- life ---- */

static void free_reporter(struct sp_usage_reporter *reporter) {
    sp_rpc_client_close(reporter->own.client);
    sp_usage_gather_fini(&reporter->gather);
    sp_usage_table_fini(&reporter->own.pending);
    sp_arena_fini(&reporter->own.arena);
    free(reporter->own.report.uses);
    (void)sem_destroy(&reporter->wake);
    free(reporter);
}

static enum sp_status init_reporter(struct sp_usage_reporter *reporter,
                                    const struct sp_usage_reporter_options *options) {
    struct reporter_thread *own = &reporter->own;
    uint64_t seed = 0;
    reporter->options = *options;
    own->collect_at_ms = sp_clock_monotonic_ms();
    atomic_init(&reporter->answered_at_ms, own->collect_at_ms);
    (void)sem_init(&reporter->wake, 0, 0);
    enum sp_status status = sp_arena_init(&own->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_random_fill((uint8_t *)&own->instance, sizeof(own->instance));
    if (status != SP_OK)
        return status;
    status = sp_random_fill((uint8_t *)&seed, sizeof(seed));
    if (status != SP_OK)
        return status;
    status = sp_usage_table_init(&own->pending, options->max_keys, seed);
    if (status != SP_OK)
        return status;
    return sp_usage_gather_init(&reporter->gather, options->lanes, LANE_KEYS, seed, wake_reporter, reporter);
}

enum sp_status sp_usage_reporter_start(const struct sp_usage_reporter_options *options,
                                       struct sp_usage_reporter **ret_reporter, struct sp_error *error) {
    struct sp_usage_reporter *reporter = calloc(1, sizeof(*reporter));
    if (reporter == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = init_reporter(reporter, options);
    if (status != SP_OK) {
        sp_error_set(error, status, "cannot start gathering last uses of keys: %s", sp_status_name(status));
        goto fail;
    }
    status = open_admin_client(reporter, error);
    if (status != SP_OK)
        goto fail;
    status = sp_thread_start(&reporter->thread, run_reporter, reporter, error, "the thread that reports uses of keys");
    if (status != SP_OK)
        goto fail;
    *ret_reporter = reporter;
    return SP_OK;

fail:
    free_reporter(reporter);
    return status;
}

void sp_usage_reporter_stop(struct sp_usage_reporter *reporter, unsigned drain_ms) {
    if (reporter == NULL)
        return;
    reporter->stop_at_ms = sp_clock_monotonic_ms() + drain_ms;
    atomic_store(&reporter->stopping, true);
    wake_reporter(reporter);
    pthread_join(reporter->thread, NULL);
    free_reporter(reporter);
}

void sp_usage_reporter_read_stats(const struct sp_usage_reporter *reporter, struct sp_usage_reporter_stats *ret_stats) {
    *ret_stats = (struct sp_usage_reporter_stats){
        .report_age_s = (double)(sp_clock_monotonic_ms() - atomic_load(&reporter->answered_at_ms)) / 1000,
        .losses = atomic_load(&reporter->losses),
    };
}
