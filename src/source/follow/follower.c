#include "source/follow/follower.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "etcd/token.h"
#include "etcd/watch.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/follow/apply.h"
#include "source/follow/compare.h"
#include "source/follow/list.h"
#include "source/shared/head.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "store/replica/cursor.h"

enum {
    CHECK_EVERY_MS = 1000,
    LOOKS_MAX = 3, /* of one check, if a writer moves the store on each time */
    RETRY_MS = 200,
    REFUSED_MS = 2000,  /* instead, if etcd answered but not as it should: somebody must repair that first */
    LAG_MAX_MS = 10000, /* a watch that is behind etcd's leader for longer is replaced */
    LOG_AGAIN_MS = 60000,
    AUTHENTICATION_EVERY_MS = 10000,
    LIST_AGAIN_MS = 30000, /* after a refused listing: it is not cheap, and somebody must repair etcd first */
};

enum sp_status sp_source_init_follower(struct sp_source_follower *follower, struct sp_source_shared *shared,
                                       struct sp_etcd *etcd, bool list_wanted, uint64_t compare_every_s) {
    *follower =
        (struct sp_source_follower){.link = {.shared = shared, .etcd = etcd},
                                    .compare_every_s = compare_every_s,
                                    .list_wanted = list_wanted,
                                    .compare_due_ms = sp_clock_monotonic_ms() + (int64_t)compare_every_s * 1000};
    return sp_arena_init(&follower->arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
}

void sp_source_fini_follower(struct sp_source_follower *follower) {
    sp_source_end_following(follower);
    sp_etcd_close(follower->link.etcd);
    sp_arena_fini(&follower->arena);
}

static enum sp_status request_listing(struct sp_source_follower *follower, struct sp_error *error, const char *why) {
    follower->list_wanted = true;
    return sp_error_set(error, SP_ERR_ABORTED, "%s", why);
}

static void announce_commit(const struct sp_source_follower *follower) {
    if (follower->applied != NULL)
        follower->applied(follower->applied_user);
}

/* ---- checking the head ---- */

/* A look at etcd's head, and the store's position before it. */
struct head_check {
    int64_t asked_s;
    int64_t asked_ms;
    struct sp_replica_cursor before;
    struct sp_source_found found;
    bool moved; /* a writer has moved the store on since */
    bool in_step;
};

static bool is_behind_store(const struct sp_source_follower *follower, const struct head_check *check) {
    return follower->watch == NULL && check->found.header.revision < check->before.resume;
}

/* etcd's newest head is the store's by its revision, or should have been applied before the store
 * came to where it is. */
static bool is_other_history(const struct head_check *check, const Sallyport__Store__V1__SourceHead *head) {
    if (check->found.head_revision == check->before.head_revision)
        return !sp_source_same_commit(check->found.head, head);
    return check->found.head_revision > check->before.head_revision &&
           check->found.head_revision <= check->before.resume;
}

static enum sp_status record_in_step(struct head_check *check, struct sp_write *write,
                                     const Sallyport__Store__V1__SourceHead *head, struct sp_error *error) {
    struct sp_replica_cursor cursor = check->before;
    if (check->found.header.revision > cursor.resume)
        cursor.resume = check->found.header.revision;
    enum sp_status status = sp_replica_move(write, &cursor, head);
    if (status == SP_OK)
        status = sp_write_synced_at(write, check->asked_s);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot write the store");
    check->in_step = true;
    return SP_OK;
}

/* In a write: compares the store's position with the head that was found; if they agree, records
 * both the time and etcd's revision. Only what did not move while the write lock was waited for can
 * be compared with what was found before that. */
static enum sp_status record_check(struct sp_source_follower *follower, struct head_check *check,
                                   struct sp_write *write, struct sp_error *error) {
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_source_read_cursor(sp_write_view(write), &follower->arena, &cursor, &head, error);
    if (status == SP_ERR_NOT_FOUND)
        return request_listing(follower, error, "the store is empty");
    if (status != SP_OK)
        return status;
    if (cursor.cluster_id != check->found.header.cluster_id)
        return request_listing(follower, error, "this is a different etcd cluster than before");
    if (!sp_source_same_store(head, check->found.head))
        return request_listing(follower, error, "etcd holds a different store than before");
    check->moved = cursor.revision != check->before.revision || cursor.head_revision != check->before.head_revision ||
                   cursor.resume != check->before.resume;
    if (check->moved)
        return SP_OK;
    if (is_behind_store(follower, check))
        return request_listing(follower, error, "etcd is behind this store: it was restored from a backup");
    if (is_other_history(check, head))
        return request_listing(follower, error, "etcd's history differs from this store's");
    if (check->found.head_revision != cursor.head_revision)
        return SP_OK;
    return record_in_step(check, write, head, error);
}

/* Late releases of 3.5 and all since take any token while authentication is off (3.4 and 3.5.1
 * refuse each), so that it has to be asked for. */
static enum sp_status check_authentication_when_due(struct sp_source_follower *follower, struct sp_error *error) {
    struct sp_etcd *etcd = follower->link.etcd;
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < follower->authentication_due_ms)
        return SP_OK;
    follower->authentication_due_ms = now_ms + AUTHENTICATION_EVERY_MS;
    return sp_etcd_check_authentication(etcd, error);
}

static enum sp_status ask_authenticated_head(struct sp_source_follower *follower, struct sp_source_found *ret_found,
                                             struct sp_error *error) {
    enum sp_status status = sp_source_ask_head(&follower->link, &follower->arena, ret_found, error);
    if (status == SP_OK)
        status = check_authentication_when_due(follower, error);
    sp_source_note_authentication(follower->link.shared, sp_etcd_is_unauthenticated(follower->link.etcd));
    return status;
}

/* After etcd went back: revisions of before are of another epoch from now on. */
static void note_newer_epoch(struct sp_source_follower *follower, uint64_t epoch) {
    struct sp_source_shared *shared = follower->link.shared;
    uint64_t restored_epoch = sp_source_get_restored_epoch(shared);
    if (restored_epoch == 0 || epoch <= restored_epoch)
        return;
    sp_source_set_restored_epoch(shared, 0);
    sp_log(SP_LOG_INFO, "a new epoch has begun after etcd was set back");
}

static enum sp_status look_at_head(struct sp_source_follower *follower, struct head_check *check,
                                   struct sp_error *error) {
    struct sp_source_shared *shared = follower->link.shared;
    struct sp_write *write = NULL;
    Sallyport__Store__V1__SourceHead *head = NULL;
    *check = (struct head_check){.asked_s = sp_clock_now_s(), .asked_ms = sp_clock_monotonic_ms()};
    sp_arena_reset(&follower->arena);
    enum sp_status status = sp_source_read_newest_cursor(shared->store, &follower->arena, &check->before, &head, error);
    if (status == SP_ERR_NOT_FOUND)
        return request_listing(follower, error, "the store is empty");
    if (status != SP_OK)
        return status;
    status = ask_authenticated_head(follower, &check->found, error);
    if (status != SP_OK)
        return status;
    status = sp_write_begin(shared->store, &write, error);
    if (status != SP_OK)
        return status;
    status = record_check(follower, check, write, error);
    if (status != SP_OK)
        goto out;
    note_newer_epoch(follower, check->found.head->epoch);
    if (check->in_step)
        return sp_write_commit(write, error);
out:
    sp_write_abort(write);
    return status;
}

static enum sp_status check_etcd_head(struct sp_source_follower *follower, struct sp_error *error) {
    struct head_check check = {.moved = true};
    follower->check_due_ms = sp_clock_monotonic_ms() + CHECK_EVERY_MS;
    for (int looks = 0; looks < LOOKS_MAX && check.moved; looks++) {
        enum sp_status status = look_at_head(follower, &check, error);
        if (status != SP_OK)
            return status;
    }
    if (!check.in_step && sp_clock_monotonic_ms() - follower->in_step_ms > LAG_MAX_MS)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the watch is behind etcd's leader and makes no progress");
    if (!check.in_step)
        return SP_OK;
    follower->in_step_ms = sp_clock_monotonic_ms();
    sp_source_note_in_step(follower->link.shared, check.asked_ms);
    sp_source_raise_head(follower->link.shared, check.found.head_revision);
    return SP_OK;
}

/* ---- watching ---- */

static bool is_revision_missing(enum sp_status status) {
    return status == SP_ERR_OUT_OF_RANGE || status == SP_ERR_FUTURE;
}

static enum sp_status open_data_watch(struct sp_source_follower *follower, struct sp_error *error) {
    struct sp_source_shared *shared = follower->link.shared;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    sp_arena_reset(&follower->arena);
    enum sp_status status = sp_source_read_newest_cursor(shared->store, &follower->arena, &cursor, &head, error);
    if (status != SP_OK)
        return status;
    struct sp_bytes key = sp_source_data_key(shared->prefix, &follower->arena);
    struct sp_bytes end = key.data == NULL ? key : sp_etcd_prefix_end(key, &follower->arena);
    if (end.data == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_etcd_watch_open(follower->link.etcd, key, end, cursor.resume + 1, &follower->watch, error);
    if (status == SP_ERR_OUT_OF_RANGE)
        return request_listing(follower, error, "etcd has compacted the revisions after this store's last one");
    if (status == SP_ERR_FUTURE)
        return request_listing(follower, error, "etcd has not reached this store's last revision");
    return status;
}

static enum sp_status apply_next_events(struct sp_source_follower *follower, int64_t wait_ms, struct sp_error *error) {
    struct sp_etcd_events events;
    bool committed = false;
    sp_arena_reset(&follower->arena);
    enum sp_status status = sp_etcd_watch_next(follower->watch, (unsigned)wait_ms, &follower->arena, &events, error);
    if (status == SP_ERR_DEADLINE)
        return SP_OK;
    if (status == SP_ERR_OUT_OF_RANGE)
        return request_listing(follower, error, "etcd has compacted the revisions that come next");
    if (status == SP_ERR_FUTURE)
        return request_listing(follower, error, "etcd has not reached the revisions that come next");
    if (status != SP_OK)
        return status;
    sp_source_note_reached(follower->link.shared);
    status = sp_source_apply_events(&follower->link, &events, &follower->arena, &committed, error);
    if (committed)
        announce_commit(follower);
    if (status == SP_ERR_ABORTED || is_revision_missing(status))
        follower->list_wanted = true;
    return status;
}

/* ---- full comparisons ---- */

static void log_difference(void *context, const char *difference) {
    (void)context;
    sp_log(SP_LOG_ERROR, "the store differs from etcd: %s", difference);
}

/* If the store is what its head commits to, listing etcd would not help: etcd is wrong. */
static bool log_if_store_fits_head(struct sp_source_follower *follower) {
    struct sp_error error = {0};
    bool fits = false;
    if (sp_source_check_store(&follower->link, &fits, &error) != SP_OK || !fits)
        return false;
    sp_log(SP_LOG_ERROR, "this store matches etcd's head, so the records that differ in etcd were not written by a "
                         "change; see docs/etcd.md, \"Trust\"");
    return true;
}

static void compare_when_due(struct sp_source_follower *follower) {
    struct sp_error error = {0};
    uint64_t compared = 0;
    uint64_t differences = 0;
    int64_t now_ms = sp_clock_monotonic_ms();
    if (follower->compare_every_s == 0 || now_ms < follower->compare_due_ms)
        return;
    follower->compare_due_ms = now_ms + (int64_t)follower->compare_every_s * 1000;
    enum sp_status status =
        sp_source_compare_all(&follower->link, log_difference, NULL, &compared, &differences, &error);
    if (status == SP_ERR_CANCELLED)
        return;
    if (status != SP_OK) {
        sp_log(SP_LOG_WARNING, "cannot compare the store with etcd: %s", error.message);
        return;
    }
    sp_log(SP_LOG_INFO, "compared %" PRIu64 " records with etcd: %" PRIu64 " differences", compared, differences);
    if (differences == 0)
        return;
    sp_source_count_differences(follower->link.shared, differences);
    follower->list_wanted = !log_if_store_fits_head(follower);
}

/* ---- following ---- */

/* After a refused listing a store that was filled before goes on from where it is, if it can. */
static enum sp_status hold_listing(struct sp_source_follower *follower, struct sp_error *error) {
    struct sp_source_state state;
    sp_source_get_shared_state(follower->link.shared, &state);
    follower->list_due_ms = sp_clock_monotonic_ms() + LIST_AGAIN_MS;
    if (!state.filled)
        return SP_ERR_PRECONDITION;
    sp_log(SP_LOG_WARNING, "cannot list etcd; the store stays as it is: %s", error->message);
    *error = (struct sp_error){.status = SP_OK};
    follower->list_wanted = false;
    return SP_OK;
}

static enum sp_status list_if_wanted(struct sp_source_follower *follower, struct sp_error *error) {
    if (!follower->list_wanted)
        return SP_OK;
    if (sp_clock_monotonic_ms() < follower->list_due_ms)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "the last listing of etcd was refused; trying again every %d seconds",
                            LIST_AGAIN_MS / 1000);
    enum sp_status status = sp_source_list_all(&follower->link, error);
    sp_source_note_authentication(follower->link.shared, sp_etcd_is_unauthenticated(follower->link.etcd));
    if (status == SP_ERR_PRECONDITION)
        return hold_listing(follower, error);
    if (status != SP_OK)
        return status;
    follower->list_wanted = false;
    sp_source_count_list(follower->link.shared);
    announce_commit(follower);
    return SP_OK;
}

enum sp_status sp_source_begin_following(struct sp_source_follower *follower, struct sp_error *error) {
    follower->in_step_ms = sp_clock_monotonic_ms();
    enum sp_status status = list_if_wanted(follower, error);
    if (status != SP_OK)
        return status;
    status = check_etcd_head(follower, error);
    if (status != SP_OK)
        return status;
    status = open_data_watch(follower, error);
    if (status != SP_OK)
        return status;
    sp_log(SP_LOG_INFO, "following etcd (%s)", sp_etcd_endpoint(follower->link.etcd));
    follower->logged_status = SP_OK;
    sp_source_set_following(follower->link.shared, true);
    return SP_OK;
}

enum sp_status sp_source_follow_once(struct sp_source_follower *follower, struct sp_error *error) {
    int64_t left_ms = follower->check_due_ms - sp_clock_monotonic_ms();
    enum sp_status status =
        left_ms <= 0 ? check_etcd_head(follower, error) : apply_next_events(follower, left_ms, error);
    if (status != SP_OK)
        return status;
    compare_when_due(follower);
    return SP_OK;
}

void sp_source_end_following(struct sp_source_follower *follower) {
    sp_source_set_following(follower->link.shared, false);
    sp_etcd_watch_close(follower->watch);
    follower->watch = NULL;
}

/* ---- the thread ---- */

static enum sp_status follow_until_trouble(struct sp_source_follower *follower, struct sp_error *error) {
    enum sp_status status = sp_source_begin_following(follower, error);
    if (status != SP_OK)
        goto out;
    while (!follower->list_wanted && !sp_source_is_stopping(follower->link.shared)) {
        status = sp_source_follow_once(follower, error);
        if (status != SP_OK)
            goto out;
    }
out:
    sp_source_end_following(follower);
    return status;
}

static void log_trouble(struct sp_source_follower *follower, enum sp_status status, const struct sp_error *error) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (status == follower->logged_status && now_ms < follower->logged_ms + LOG_AGAIN_MS)
        return;
    follower->logged_status = status;
    follower->logged_ms = now_ms;
    sp_log(status == SP_ERR_ABORTED ? SP_LOG_INFO : SP_LOG_WARNING, "not following etcd: %s", error->message);
}

/* Damaged indexes keep changes from being applied; the entities are intact, so the indexes can
 * be rebuilt from them. */
static void rebuild_indexes_once(struct sp_source_follower *follower) {
    struct sp_error error = {0};
    if (follower->reindexed)
        return;
    follower->reindexed = true;
    sp_log(SP_LOG_ERROR, "the store's indexes are damaged; rebuilding them");
    if (sp_store_reindex(follower->link.shared->store, NULL, NULL, &error) != SP_OK)
        sp_log(SP_LOG_ERROR, "cannot rebuild the indexes: %s", error.message);
    follower->list_wanted = true;
}

static void *run_follower(void *user) {
    struct sp_source_follower *follower = user;
    struct sp_source_shared *shared = follower->link.shared;
    while (!sp_source_is_stopping(shared)) {
        struct sp_error error = {0};
        enum sp_status status = follow_until_trouble(follower, &error);
        if (status == SP_OK || sp_source_is_stopping(shared))
            continue;
        log_trouble(follower, status, &error);
        if (status == SP_ERR_UNAUTHENTICATED)
            sp_source_note_signed_out(shared);
        if (status == SP_ERR_CORRUPT)
            rebuild_indexes_once(follower);
        bool is_passing = status == SP_ERR_UNAVAILABLE || status == SP_ERR_ABORTED || is_revision_missing(status);
        sp_source_sleep(shared, sp_clock_monotonic_ms() + (is_passing ? RETRY_MS : REFUSED_MS));
    }
    return NULL;
}

enum sp_status sp_source_start_follower(struct sp_source_follower *follower, void (*applied)(void *user), void *user,
                                        struct sp_error *error) {
    follower->applied = applied;
    follower->applied_user = user;
    enum sp_status status = sp_thread_start(&follower->thread, run_follower, follower, error, "the follower thread");
    if (status != SP_OK)
        return status;
    follower->running = true;
    sp_source_set_followed(follower->link.shared, true);
    return SP_OK;
}

void sp_source_stop_follower(struct sp_source_follower *follower) {
    if (!follower->running)
        return;
    sp_source_request_stop(follower->link.shared);
    pthread_join(follower->thread, NULL);
    follower->running = false;
    sp_source_set_followed(follower->link.shared, false);
}
