/* The follower's thread: list where that is needed, watch, and see once a second that nothing was missed. */
#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/internal.h"
#include "store/recovery/reindex.h"

enum {
    TOUCH_EVERY_MS = 1000,
    RETRY_MS = 200,
    LAG_MAX_MS = 10000, /* that a watch may be behind what etcd's leader says, before it is begun anew */
    SAY_AGAIN_MS = 60000,
};

struct follower {
    struct sp_source *source;
    struct sp_arena arena;
    struct sp_etcd_watch *watch;
    int64_t touch_due_ms;
    int64_t in_step_ms; /* when the store was last known to have everything */
    int64_t said_ms;
    enum sp_status said;
    bool mended; /* the indexes were rebuilt since all was well */
};

/* ---- in touch ---- */

static enum sp_status list_again(struct follower *follower, struct sp_error *error, const char *why) {
    follower->source->list_wanted = true;
    return sp_error_set(error, SP_ERR_ABORTED, "%s", why);
}

static bool same_id(ProtobufCBinaryData a, ProtobufCBinaryData b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* In a write: compares where the store is with what the leader said, and notes the time where that is the same. */
static enum sp_status note_touch(struct follower *follower, struct sp_write *write, const struct sp_source_found *found,
                                 int64_t asked_s, bool *ret_in_step, struct sp_error *error) {
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_view_replica(sp_write_view(write), &follower->arena, &cursor, &head);
    if (status == SP_ERR_NOT_FOUND)
        return list_again(follower, error, "the store is empty");
    if (status != SP_OK)
        return sp_error_set(error, status, "the store does not tell where in etcd it is");
    if (cursor.cluster_id != found->header.cluster_id)
        return list_again(follower, error, "etcd is another cluster than before");
    if (!same_id(head->store_id, found->head->store_id))
        return list_again(follower, error, "etcd holds another store than before");
    if (follower->watch == NULL && found->header.revision < cursor.resume)
        return list_again(follower, error, "etcd is behind this store: it was restored from a backup");
    /* The writer may have moved the cursor since the question was asked. */
    if (found->head_revision < cursor.head_revision) {
        *ret_in_step = false;
        return SP_OK;
    }
    if (found->head_revision != cursor.head_revision && found->head_revision <= cursor.resume)
        return list_again(follower, error, "etcd has another past than this store");
    *ret_in_step = found->head_revision == cursor.head_revision;
    if (!*ret_in_step)
        return SP_OK;
    if (found->header.revision > cursor.resume)
        cursor.resume = found->header.revision;
    status = sp_replica_move(write, &cursor, head);
    return status == SP_OK ? sp_write_synced_at(write, asked_s) : status;
}

static enum sp_status touch(struct follower *follower, struct sp_error *error) {
    struct sp_source *source = follower->source;
    struct sp_source_found found;
    struct sp_write *write = NULL;
    bool in_step = false;
    int64_t asked_s = sp_clock_now_s();
    int64_t asked_ms = sp_clock_monotonic_ms();
    follower->touch_due_ms = sp_clock_monotonic_ms() + TOUCH_EVERY_MS;
    sp_arena_reset(&follower->arena);
    enum sp_status status = sp_source_ask_head(source, source->follow, &follower->arena, &found, error);
    if (status == SP_OK)
        status = sp_write_begin(source->store, &write, error);
    if (status != SP_OK)
        return status;
    status = note_touch(follower, write, &found, asked_s, &in_step, error);
    if (status != SP_OK || !in_step) {
        sp_write_abort(write);
    } else {
        status = sp_write_commit(write, error);
        follower->in_step_ms = sp_clock_monotonic_ms();
        sp_source_in_step(source, asked_ms);
        sp_source_set_head(source, found.head_revision);
    }
    if (status == SP_OK && !in_step && sp_clock_monotonic_ms() - follower->in_step_ms > LAG_MAX_MS)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the watch is behind etcd's leader and does not move");
    return status;
}

/* ---- watching ---- */

static enum sp_status begin_watch(struct follower *follower, struct sp_error *error) {
    struct sp_source *source = follower->source;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    sp_arena_reset(&follower->arena);
    enum sp_status status = sp_source_read_cursor(source, &follower->arena, &cursor, &head);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store does not tell where in etcd it is");
    struct sp_bytes key = sp_source_key_data(source, &follower->arena);
    struct sp_bytes end = key.data == NULL ? key : sp_etcd_prefix_end(key, &follower->arena);
    if (end.data == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_etcd_watch_open(source->follow, key, end, cursor.resume + 1, &follower->watch, error);
    if (status == SP_ERR_OUT_OF_RANGE)
        return list_again(follower, error, "etcd has forgotten what came after this store's last revision");
    return status;
}

static enum sp_status watch_once(struct follower *follower, struct sp_error *error) {
    struct sp_etcd_events events;
    int64_t left_ms = follower->touch_due_ms - sp_clock_monotonic_ms();
    if (left_ms <= 0)
        return touch(follower, error);
    sp_arena_reset(&follower->arena);
    enum sp_status status = sp_etcd_watch_next(follower->watch, (unsigned)left_ms, &follower->arena, &events, error);
    if (status == SP_ERR_DEADLINE)
        return SP_OK;
    if (status == SP_ERR_OUT_OF_RANGE)
        return list_again(follower, error, "etcd has forgotten what comes next");
    if (status == SP_OK)
        sp_source_reached(follower->source);
    if (status == SP_OK)
        status = sp_source_apply(follower->source, &events, &follower->arena, error);
    if (status == SP_ERR_ABORTED || status == SP_ERR_OUT_OF_RANGE)
        follower->source->list_wanted = true;
    return status;
}

/* ---- the whole, now and then ---- */

static void report_difference(void *context, const char *difference) {
    (void)context;
    sp_log(SP_LOG_ERROR, "the store differs from etcd: %s", difference);
}

static void compare_when_due(struct follower *follower) {
    struct sp_source *source = follower->source;
    struct sp_error error = {0};
    uint64_t compared = 0;
    uint64_t differences = 0;
    if (source->options.compare_every_s == 0 || sp_clock_monotonic_ms() < source->compare_due_ms)
        return;
    source->compare_due_ms = sp_clock_monotonic_ms() + (int64_t)source->options.compare_every_s * 1000;
    enum sp_status status = sp_source_compare(source, report_difference, NULL, &compared, &differences, &error);
    if (status != SP_OK) {
        sp_log(SP_LOG_WARNING, "the store could not be compared with etcd: %s", error.message);
        return;
    }
    sp_log(SP_LOG_INFO, "compared %" PRIu64 " records with etcd: %" PRIu64 " differences", compared, differences);
    if (differences == 0)
        return;
    source->list_wanted = true;
    pthread_mutex_lock(&source->lock);
    source->state.differences += differences;
    pthread_mutex_unlock(&source->lock);
}

/* ---- following ---- */

static enum sp_status list_if_wanted(struct follower *follower, struct sp_error *error) {
    struct sp_source *source = follower->source;
    if (!source->list_wanted)
        return SP_OK;
    enum sp_status status = sp_source_list(source, error);
    if (status != SP_OK)
        return status;
    source->list_wanted = false;
    pthread_mutex_lock(&source->lock);
    source->state.lists++;
    pthread_mutex_unlock(&source->lock);
    if (source->applied != NULL)
        source->applied(source->applied_user);
    return SP_OK;
}

/* Until something is wrong. */
static enum sp_status follow_on(struct follower *follower, struct sp_error *error) {
    struct sp_source *source = follower->source;
    follower->in_step_ms = sp_clock_monotonic_ms();
    enum sp_status status = list_if_wanted(follower, error);
    if (status == SP_OK)
        status = touch(follower, error);
    if (status == SP_OK)
        status = begin_watch(follower, error);
    if (status != SP_OK)
        return status;
    sp_log(SP_LOG_INFO, "following etcd (%s)", sp_etcd_endpoint(source->follow));
    follower->said = SP_OK;
    sp_source_set_following(source, true);
    while (status == SP_OK && !source->list_wanted && !sp_source_is_stopping(source)) {
        status = watch_once(follower, error);
        if (status == SP_OK)
            compare_when_due(follower);
    }
    return status;
}

static void say(struct follower *follower, enum sp_status status, const struct sp_error *error) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (status == SP_OK || (status == follower->said && now_ms < follower->said_ms + SAY_AGAIN_MS))
        return;
    follower->said = status;
    follower->said_ms = now_ms;
    sp_log(status == SP_ERR_ABORTED ? SP_LOG_INFO : SP_LOG_WARNING, "not following etcd: %s", error->message);
}

/* A damaged index keeps changes from being applied; the entities are whole, so it can be made again. */
static void mend(struct follower *follower, enum sp_status status) {
    struct sp_error error = {0};
    if (status != SP_ERR_CORRUPT || follower->mended)
        return;
    follower->mended = true;
    sp_log(SP_LOG_ERROR, "the store's indexes are damaged and are made again");
    if (sp_store_reindex(follower->source->store, NULL, NULL, &error) != SP_OK)
        sp_log(SP_LOG_ERROR, "the indexes cannot be made again: %s", error.message);
    follower->source->list_wanted = true;
}

static void pause_before_retry(struct sp_source *source) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += RETRY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&source->lock);
    while (!source->stopping && pthread_cond_timedwait(&source->changed, &source->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&source->lock);
}

void *sp_source_follow(void *user) {
    struct sp_source *source = user;
    struct follower follower = {.source = source};
    if (sp_arena_init(&follower.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES) != SP_OK) {
        sp_log(SP_LOG_ERROR, "out of memory: etcd is not followed");
        return NULL;
    }
    while (!sp_source_is_stopping(source)) {
        struct sp_error error = {0};
        enum sp_status status = follow_on(&follower, &error);
        sp_source_set_following(source, false);
        sp_etcd_watch_close(follower.watch);
        follower.watch = NULL;
        say(&follower, status, &error);
        mend(&follower, status);
        if (status != SP_OK)
            pause_before_retry(source);
    }
    sp_arena_fini(&follower.arena);
    return NULL;
}
