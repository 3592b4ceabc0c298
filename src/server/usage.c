#include "server/usage.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "rpc/client.h"
#include "sallyport/v1/usage.pb-c.h"
#include "usage/gather.h"
#include "wire/wire.h"

enum {
    LANE_KEYS = 2048, /* of one of a lane's tables; the first that is full asks to be collected */
    REPORT_USES = 5000,
    CALL_TIMEOUT_MS = 3000,
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MOST_MS = 15000,
    SAY_AGAIN_MS = 600000,
    SAY_LOSS_AGAIN_MS = 60000,
    IP4_BYTES = 4,
    ARENA_FIRST_BYTES = 64 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
};

/* A report that is not known to have arrived: it is sent again as it is, under the same number. */
struct flight {
    bool there;
    int64_t until_s;
    int64_t lost_until_s;
    bool goodbye;
    uint8_t *uses; /* packed */
    size_t uses_size;
};

struct sp_usage_reporter {
    struct sp_usage_reporter_options options;
    struct sp_usage_gather gather;
    atomic_bool stopping;
    atomic_llong answered_at_ms; /* of the last report that was; CLOCK_MONOTONIC */
    atomic_ullong losses;
    sem_t wake;
    pthread_t thread;

    /* The thread's. */
    struct sp_rpc_client *client; /* NULL: to be opened */
    struct sp_arena arena;
    struct sp_usage_table pending; /* collected and not in flight */
    int64_t until_s;               /* of the last collection */
    int64_t told_until_s;          /* answered */
    int64_t lost_until_s;
    struct flight flight;
    uint64_t instance;
    uint64_t sequence;     /* answered */
    int64_t collect_at_ms; /* CLOCK_MONOTONIC, as all that follow */
    int64_t retry_at_ms;
    int64_t stop_at_ms;
    unsigned backoff_ms; /* 0: the last report arrived */
    int64_t said_at_ms;
    int64_t said_loss_ms;
    bool said_goodbye;
};

static int64_t clock_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t now_ms(void) {
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---- on the workers' threads ---- */

static void wake(void *user) {
    struct sp_usage_reporter *reporter = user;
    (void)sem_post(&reporter->wake);
}

void sp_usage_reporter_note(struct sp_usage_reporter *reporter, unsigned lane, const struct sp_query *query,
                            const struct sp_answer *answer) {
    enum sp_reason rejected;
    /* A principal that was asked about as such presented no key. */
    if (reporter == NULL || !answer->key_found || answer->key_id.size == 0 ||
        !sp_usage_counts(answer->reason, &rejected))
        return;
    unsigned last = reporter->options.lanes - 1;
    sp_usage_note(&reporter->gather, lane < last ? lane : last, answer->workspace, answer->key_id, query->ip, rejected);
}

/* ---- collecting ---- */

static void collect(struct sp_usage_reporter *reporter) {
    sp_usage_collect(&reporter->gather, &reporter->pending, &reporter->until_s);
    if (!reporter->pending.lost)
        return;
    reporter->pending.lost = false;
    atomic_fetch_add(&reporter->losses, 1);
    /* What was lost was seen in the second of the collection at the latest. */
    reporter->lost_until_s = reporter->until_s + 1;
    if (reporter->said_loss_ms != 0 && now_ms() - reporter->said_loss_ms < SAY_LOSS_AGAIN_MS)
        return;
    reporter->said_loss_ms = now_ms();
    sp_log(SP_LOG_WARNING,
           "more keys are used than can be told: which ones are unused is not known for a while (--report-keys, "
           "--report-interval)");
}

/* ---- a report ---- */

static ProtobufCBinaryData ip_bytes(struct sp_arena *arena, const struct sp_usage_moment *moment, bool *ok) {
    if (moment->at_s == 0 || !moment->has_ip)
        return (ProtobufCBinaryData){0};
    size_t size = sp_ip_is_v4(&moment->ip) ? IP4_BYTES : sizeof(moment->ip.bytes);
    uint8_t *bytes = sp_arena_alloc(arena, size);
    *ok &= bytes != NULL;
    if (bytes == NULL)
        return (ProtobufCBinaryData){0};
    memcpy(bytes, moment->ip.bytes + sizeof(moment->ip.bytes) - size, size);
    return (ProtobufCBinaryData){size, bytes};
}

static bool make_entry(struct sp_arena *arena, const struct sp_usage_table *table, uint32_t i,
                       Sallyport__V1__KeyUseEntry *entry) {
    bool ok = true;
    struct sp_str workspace;
    struct sp_str key_id;
    struct sp_key_use use;
    sp_usage_table_at(table, i, &workspace, &key_id, &use);
    sallyport__v1__key_use_entry__init(entry);
    entry->workspace = sp_arena_strdup(arena, workspace);
    entry->key_id = sp_arena_strdup(arena, key_id);
    entry->used_at = use.accepted.at_s;
    entry->used_ip = ip_bytes(arena, &use.accepted, &ok);
    entry->rejected_at = use.rejected.at_s;
    entry->rejected_ip = ip_bytes(arena, &use.rejected, &ok);
    entry->rejected_reason = (Sallyport__V1__Reason)use.reason;
    return ok && entry->workspace != NULL && entry->key_id != NULL;
}

/* Packs the last `count` entries. */
static enum sp_status pack_uses(struct sp_arena *arena, const struct sp_usage_table *table, uint32_t count,
                                struct sp_bytes *ret_bytes) {
    Sallyport__V1__ReportUsageRequest message = SALLYPORT__V1__REPORT_USAGE_REQUEST__INIT;
    Sallyport__V1__KeyUseEntry *entries = sp_arena_calloc(arena, count, sizeof(*entries));
    message.uses = sp_arena_calloc(arena, count, sizeof(*message.uses));
    if (count > 0 && (entries == NULL || message.uses == NULL))
        return SP_ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (!make_entry(arena, table, table->count - 1 - i, &entries[i]))
            return SP_ERR_MEMORY;
        message.uses[i] = &entries[i];
    }
    message.n_uses = count;
    return sp_wire_pack(&message.base, arena, ret_bytes);
}

/* Moves what one report may hold from the pending table into the flight. Where memory is short it stays where it is. */
static enum sp_status board(struct sp_usage_reporter *reporter) {
    struct sp_usage_table *pending = &reporter->pending;
    uint32_t count = pending->count < REPORT_USES ? pending->count : REPORT_USES;
    struct sp_bytes packed = {0};
    enum sp_status status = pack_uses(&reporter->arena, pending, count, &packed);
    uint8_t *uses = status == SP_OK ? malloc(packed.size + 1) : NULL;
    if (uses != NULL && packed.size > 0)
        memcpy(uses, packed.data, packed.size);
    sp_arena_reset(&reporter->arena);
    if (uses == NULL)
        return SP_ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        sp_usage_table_pop(pending);
    bool last = pending->count == 0;
    reporter->flight = (struct flight){
        .there = true,
        .until_s = last ? reporter->until_s : 0,
        .lost_until_s = reporter->lost_until_s,
        .goodbye = last && atomic_load(&reporter->stopping),
        .uses = uses,
        .uses_size = packed.size,
    };
    return SP_OK;
}

/* The flight's bytes with a head of now: packed messages behind each other are one message. */
static enum sp_status pack_flight(struct sp_usage_reporter *reporter, struct sp_bytes *ret_bytes) {
    const struct flight *flight = &reporter->flight;
    Sallyport__V1__ReportUsageRequest head = SALLYPORT__V1__REPORT_USAGE_REQUEST__INIT;
    struct sp_bytes packed;
    head.server = sp_arena_strdup(&reporter->arena, sp_str_from(reporter->options.server));
    head.instance = reporter->instance;
    head.sequence = reporter->sequence + 1;
    head.sent_at_ms = clock_ms(CLOCK_REALTIME);
    head.until = flight->until_s;
    head.lost_until = flight->lost_until_s;
    head.goodbye = flight->goodbye;
    enum sp_status status = head.server == NULL ? SP_ERR_MEMORY : sp_wire_pack(&head.base, &reporter->arena, &packed);
    if (status != SP_OK)
        return status;
    uint8_t *bytes = sp_arena_alloc(&reporter->arena, packed.size + flight->uses_size);
    if (bytes == NULL)
        return SP_ERR_MEMORY;
    memcpy(bytes, packed.data, packed.size);
    memcpy(bytes + packed.size, flight->uses, flight->uses_size);
    *ret_bytes = (struct sp_bytes){bytes, packed.size + flight->uses_size};
    return SP_OK;
}

/* ---- sending ---- */

static enum sp_status open_client(struct sp_usage_reporter *reporter, struct sp_error *error) {
    const struct sp_rpc_client_options options = {
        .target = reporter->options.target, .timeout_ms = CALL_TIMEOUT_MS, .tls = reporter->options.tls};
    return reporter->client != NULL ? SP_OK : sp_rpc_client_open(&options, &reporter->client, error);
}

static enum sp_status call(struct sp_usage_reporter *reporter, struct sp_error *error) {
    struct sp_bytes request;
    struct sp_bytes reply;
    enum sp_status status = open_client(reporter, error);
    if (status != SP_OK)
        return status;
    status = pack_flight(reporter, &request);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    return sp_rpc_client_call(reporter->client, "/sallyport.v1.Usage/Report", request, &reporter->arena, &reply, error);
}

static void land(struct sp_usage_reporter *reporter) {
    reporter->sequence++;
    atomic_store(&reporter->answered_at_ms, now_ms());
    reporter->told_until_s = reporter->flight.until_s != 0 ? reporter->flight.until_s : reporter->told_until_s;
    reporter->said_goodbye = reporter->flight.goodbye;
    free(reporter->flight.uses);
    reporter->flight = (struct flight){0};
    if (reporter->backoff_ms > 0)
        sp_log(SP_LOG_INFO, "last uses of keys are reported to %s again", reporter->options.target);
    reporter->backoff_ms = 0;
    reporter->said_at_ms = 0;
}

/* A connection that failed waits longer and longer inside gRPC before it is tried again: a new one does not. */
static void put_off(struct sp_usage_reporter *reporter, const struct sp_error *error) {
    int64_t at_ms = now_ms();
    unsigned doubled = reporter->backoff_ms * 2;
    reporter->backoff_ms = doubled == 0 ? BACKOFF_FIRST_MS : doubled < BACKOFF_MOST_MS ? doubled : BACKOFF_MOST_MS;
    reporter->retry_at_ms = at_ms + reporter->backoff_ms;
    sp_rpc_client_close(reporter->client);
    reporter->client = NULL;
    if (reporter->said_at_ms != 0 && at_ms - reporter->said_at_ms < SAY_AGAIN_MS)
        return;
    reporter->said_at_ms = at_ms;
    sp_log(SP_LOG_WARNING, "last uses of keys cannot be reported to %s and are kept until they can: %s",
           reporter->options.target, error->message);
}

static bool has_something_to_tell(const struct sp_usage_reporter *reporter) {
    return reporter->flight.there || reporter->pending.count > 0 || reporter->told_until_s != reporter->until_s ||
           (atomic_load(&reporter->stopping) && !reporter->said_goodbye);
}

/* Until all is told or something fails. Lanes that fill up meanwhile are emptied. */
static void send_all(struct sp_usage_reporter *reporter) {
    while (has_something_to_tell(reporter)) {
        struct sp_error error = {0};
        enum sp_status status = reporter->flight.there ? SP_OK : board(reporter);
        if (status == SP_OK)
            status = call(reporter, &error);
        else
            sp_error_set(&error, status, "out of memory");
        sp_arena_reset(&reporter->arena);
        if (status != SP_OK) {
            put_off(reporter, &error);
            return;
        }
        land(reporter);
        if (sem_trywait(&reporter->wake) == 0)
            collect(reporter);
    }
}

/* ---- the thread ---- */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* True where it was woken before the time. */
static bool wait_until(struct sp_usage_reporter *reporter, int64_t until_ms) {
    const struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    return sem_clockwait(&reporter->wake, CLOCK_MONOTONIC, &until) == 0;
}

static bool may_send(const struct sp_usage_reporter *reporter) {
    return reporter->backoff_ms == 0 || now_ms() >= reporter->retry_at_ms;
}

static void run_turn(struct sp_usage_reporter *reporter) {
    int64_t until_ms = reporter->collect_at_ms;
    if (reporter->backoff_ms > 0)
        until_ms = least(until_ms, reporter->retry_at_ms);
    bool woken = wait_until(reporter, until_ms);
    bool due = now_ms() >= reporter->collect_at_ms;
    if (due)
        reporter->collect_at_ms = now_ms() + reporter->options.interval_ms;
    if (due || woken)
        collect(reporter);
    bool owes = reporter->backoff_ms > 0;
    if ((due || owes || sp_usage_table_is_filling(&reporter->pending)) && may_send(reporter))
        send_all(reporter);
}

/* Nothing is noted any more. */
static void say_goodbye(struct sp_usage_reporter *reporter) {
    collect(reporter);
    reporter->backoff_ms = 0;
    send_all(reporter);
    while (!reporter->said_goodbye && now_ms() < reporter->stop_at_ms) {
        (void)wait_until(reporter, least(reporter->retry_at_ms, reporter->stop_at_ms));
        send_all(reporter);
    }
    if (!reporter->said_goodbye)
        sp_log(SP_LOG_WARNING, "the last uses of keys since the last report are lost: %s did not take them in time",
               reporter->options.target);
}

static void *reporter_main(void *user) {
    struct sp_usage_reporter *reporter = user;
    while (!atomic_load(&reporter->stopping))
        run_turn(reporter);
    say_goodbye(reporter);
    return NULL;
}

/* ---- for others ---- */

static void free_reporter(struct sp_usage_reporter *reporter) {
    sp_rpc_client_close(reporter->client);
    sp_usage_gather_fini(&reporter->gather);
    sp_usage_table_fini(&reporter->pending);
    sp_arena_fini(&reporter->arena);
    free(reporter->flight.uses);
    (void)sem_destroy(&reporter->wake);
    free(reporter);
}

static enum sp_status create(const struct sp_usage_reporter_options *options, struct sp_usage_reporter **ret_reporter) {
    struct sp_usage_reporter *reporter = calloc(1, sizeof(*reporter));
    if (reporter == NULL)
        return SP_ERR_MEMORY;
    uint64_t seed = 0;
    reporter->options = *options;
    reporter->collect_at_ms = now_ms();
    atomic_init(&reporter->answered_at_ms, reporter->collect_at_ms);
    (void)sem_init(&reporter->wake, 0, 0);
    enum sp_status status = sp_arena_init(&reporter->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status == SP_OK)
        status = sp_random_fill((uint8_t *)&reporter->instance, sizeof(reporter->instance));
    if (status == SP_OK)
        status = sp_random_fill((uint8_t *)&seed, sizeof(seed));
    if (status == SP_OK)
        status = sp_usage_table_init(&reporter->pending, options->max_keys, seed);
    if (status == SP_OK)
        status = sp_usage_gather_init(&reporter->gather, options->lanes, LANE_KEYS, seed, wake, reporter);
    if (status == SP_OK)
        *ret_reporter = reporter;
    else
        free_reporter(reporter);
    return status;
}

enum sp_status sp_usage_reporter_start(const struct sp_usage_reporter_options *options,
                                       struct sp_usage_reporter **ret_reporter, struct sp_error *error) {
    struct sp_usage_reporter *reporter = NULL;
    enum sp_status status = create(options, &reporter);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot begin to gather last uses of keys: %s", sp_status_name(status));
    status = open_client(reporter, error);
    int failed = status == SP_OK ? pthread_create(&reporter->thread, NULL, reporter_main, reporter) : 0;
    if (failed != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot start the thread that reports: %s", strerror(failed));
    if (status == SP_OK)
        *ret_reporter = reporter;
    else
        free_reporter(reporter);
    return status;
}

void sp_usage_reporter_stop(struct sp_usage_reporter *reporter, unsigned drain_ms) {
    if (reporter == NULL)
        return;
    reporter->stop_at_ms = now_ms() + drain_ms; /* read by the thread after it saw `stopping` */
    atomic_store(&reporter->stopping, true);
    wake(reporter);
    pthread_join(reporter->thread, NULL);
    free_reporter(reporter);
}

void sp_usage_reporter_look(const struct sp_usage_reporter *reporter, struct sp_usage_reporter_stats *ret_stats) {
    *ret_stats = (struct sp_usage_reporter_stats){
        .report_age_s = (double)(now_ms() - atomic_load(&reporter->answered_at_ms)) / 1000,
        .losses = atomic_load(&reporter->losses),
    };
}

/* ---- the name ---- */

static bool is_in_id(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.-", c) != NULL);
}

void sp_usage_server_id(const char *listen, int port, char ret_id[static SP_SERVER_ID_BYTES]) {
    enum { HOST_MAX = 40, PATH_MAX_CHARS = 20 };
    char host[HOST_MAX + 1] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        (void)snprintf(host, sizeof(host), "host");
    size_t length = strlen(listen);
    /* The end of a path tells sockets of one machine apart. */
    const char *path = listen + (length > PATH_MAX_CHARS ? length - PATH_MAX_CHARS : 0);
    if (port > 0)
        (void)snprintf(ret_id, SP_SERVER_ID_BYTES, "%s:%d", host, port);
    else
        (void)snprintf(ret_id, SP_SERVER_ID_BYTES, "%s:%s", host, path);
    for (char *at = ret_id; *at != '\0'; at++)
        if (!is_in_id(*at) && *at != ':')
            *at = '-';
    if (ret_id[0] == '-' || ret_id[0] == '_' || ret_id[0] == '.')
        ret_id[0] = 'h';
}
