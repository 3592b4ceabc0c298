#include "source/shared/state.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"

enum { REACHABLE_MS = 3000, LOG_FAILURE_AGAIN_MS = 60000 };

void sp_source_init_shared(struct sp_source_shared *shared, struct sp_store *store, struct sp_str prefix,
                           bool follow_only) {
    *shared = (struct sp_source_shared){.store = store, .prefix = prefix, .follow_only = follow_only};
    pthread_mutex_init(&shared->lock, NULL);
    sp_clock_init_condition(&shared->changed);
}

void sp_source_fini_shared(struct sp_source_shared *shared) {
    pthread_cond_destroy(&shared->changed);
    pthread_mutex_destroy(&shared->lock);
}

void sp_source_get_shared_state(struct sp_source_shared *shared, struct sp_source_state *ret_state) {
    int64_t now_ms = sp_clock_monotonic_ms();
    pthread_mutex_lock(&shared->lock);
    *ret_state = shared->progress.state;
    ret_state->age_ms = shared->progress.in_step_ms == 0 ? -1 : now_ms - shared->progress.in_step_ms;
    ret_state->reachable = shared->progress.reached_ms != 0 && now_ms - shared->progress.reached_ms <= REACHABLE_MS;
    pthread_mutex_unlock(&shared->lock);
}

/* ---- time ---- */

void sp_source_note_reached(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.reached_ms = sp_clock_monotonic_ms();
    shared->progress.state.signed_out = false;
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_note_signed_out(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.signed_out = true;
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_note_in_step(struct sp_source_shared *shared, int64_t at_ms) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.in_step_ms = at_ms;
    pthread_mutex_unlock(&shared->lock);
}

/* ---- the head ---- */

void sp_source_raise_head(struct sp_source_shared *shared, uint64_t head_revision) {
    pthread_mutex_lock(&shared->lock);
    if (shared->progress.head_revision < head_revision)
        shared->progress.head_revision = head_revision;
    shared->progress.state.filled = true;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_replace_head(struct sp_source_shared *shared, uint64_t head_revision) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.head_revision = head_revision;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
}

bool sp_source_await_head(struct sp_source_shared *shared, uint64_t head_revision, int64_t until_ms) {
    pthread_mutex_lock(&shared->lock);
    while (shared->progress.head_revision < head_revision && !shared->progress.stopping)
        if (!sp_clock_wait(&shared->changed, &shared->lock, until_ms))
            break;
    bool there = shared->progress.head_revision >= head_revision;
    pthread_mutex_unlock(&shared->lock);
    return there;
}

/* ---- the follower's thread ---- */

void sp_source_set_followed(struct sp_source_shared *shared, bool followed) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.followed = followed;
    pthread_mutex_unlock(&shared->lock);
}

bool sp_source_is_followed(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    bool followed = shared->progress.followed;
    pthread_mutex_unlock(&shared->lock);
    return followed;
}

void sp_source_set_following(struct sp_source_shared *shared, bool following) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.following = following;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_request_stop(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.stopping = true;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
}

bool sp_source_is_stopping(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    bool stopping = shared->progress.stopping;
    pthread_mutex_unlock(&shared->lock);
    return stopping;
}

void sp_source_sleep(struct sp_source_shared *shared, int64_t until_ms) {
    pthread_mutex_lock(&shared->lock);
    while (!shared->progress.stopping && sp_clock_wait(&shared->changed, &shared->lock, until_ms)) {
    }
    pthread_mutex_unlock(&shared->lock);
}

/* ---- failures ---- */

void sp_source_note_authentication(struct sp_source_shared *shared, bool unauthenticated) {
    pthread_mutex_lock(&shared->lock);
    bool before = shared->progress.state.unauthenticated;
    shared->progress.state.unauthenticated = unauthenticated;
    pthread_mutex_unlock(&shared->lock);
    if (unauthenticated && !before)
        sp_log(SP_LOG_ERROR,
               "etcd authentication is disabled, although --etcd-user is given: anyone who can reach it can "
               "write to it; enable authentication (`etcdctl auth enable`)");
    if (before && !unauthenticated)
        sp_log(SP_LOG_INFO, "etcd authentication is enabled again");
}

bool sp_source_may_log_failure(struct sp_source_shared *shared, enum sp_status status) {
    int64_t now_ms = sp_clock_monotonic_ms();
    pthread_mutex_lock(&shared->lock);
    bool may = status != shared->progress.told_status || now_ms - shared->progress.told_ms >= LOG_FAILURE_AGAIN_MS;
    if (may) {
        shared->progress.told_status = status;
        shared->progress.told_ms = now_ms;
    }
    pthread_mutex_unlock(&shared->lock);
    return may;
}

void sp_source_note_refused_size(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.txn_refused = true;
    pthread_mutex_unlock(&shared->lock);
}

bool sp_source_take_refused_size(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    bool refused = shared->progress.txn_refused;
    shared->progress.txn_refused = false;
    pthread_mutex_unlock(&shared->lock);
    return refused;
}

/* ---- room in etcd ---- */

void sp_source_note_room(struct sp_source_shared *shared, uint64_t size_bytes, uint64_t quota_bytes, bool little) {
    pthread_mutex_lock(&shared->lock);
    bool before = shared->progress.little_room;
    shared->progress.little_room = little;
    pthread_mutex_unlock(&shared->lock);
    if (little && !before)
        sp_log(SP_LOG_ERROR,
               "etcd's database uses %" PRIu64 " bytes of its quota of %" PRIu64
               ": only changes that take access away are accepted until there is room; compact and defragment etcd, or "
               "raise its --quota-backend-bytes",
               size_bytes, quota_bytes);
    if (before && !little)
        sp_log(SP_LOG_INFO, "etcd has room again: all changes are accepted");
}

bool sp_source_get_little_room(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    bool little = shared->progress.little_room;
    pthread_mutex_unlock(&shared->lock);
    return little;
}

/* ---- counts ---- */

void sp_source_count_list(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.lists++;
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_count_differences(struct sp_source_shared *shared, uint64_t differences) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.differences += differences;
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_count_lost_race(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.lost_races++;
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_count_refusal(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.refusals++;
    pthread_mutex_unlock(&shared->lock);
}

void sp_source_set_unreadable(struct sp_source_shared *shared, size_t unreadable) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.state.unreadable = unreadable;
    pthread_mutex_unlock(&shared->lock);
}

/* ---- after a restore of etcd ---- */

void sp_source_set_restored_epoch(struct sp_source_shared *shared, uint64_t epoch) {
    pthread_mutex_lock(&shared->lock);
    shared->progress.restored_epoch = epoch;
    shared->progress.state.set_back = epoch != 0;
    pthread_mutex_unlock(&shared->lock);
}

uint64_t sp_source_get_restored_epoch(struct sp_source_shared *shared) {
    pthread_mutex_lock(&shared->lock);
    uint64_t epoch = shared->progress.restored_epoch;
    pthread_mutex_unlock(&shared->lock);
    return epoch;
}
