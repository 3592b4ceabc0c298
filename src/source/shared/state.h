/* What the follower and the writer share, and what each of them reaches the source with.
 *
 * Only `progress` of struct sp_source_shared changes, and only the functions below touch it. Any
 * thread. */
#ifndef SP_SOURCE_SHARED_STATE_H
#define SP_SOURCE_SHARED_STATE_H

#include <pthread.h>

#include "source/report.h"
#include "source/shared/signature.h"
#include "store/lmdb/environment.h"

/* What changes, all of it under the lock of struct sp_source_shared. */
struct sp_source_progress {
    bool followed; /* by a thread of this process */
    bool stopping;
    int64_t in_step_ms;         /* when the store was last known to have everything; 0: never */
    int64_t reached_ms;         /* when etcd last answered; 0: never */
    uint64_t head_revision;     /* the newest head that the store has */
    uint64_t restored_epoch;    /* after a restore of etcd: begin an epoch above this one; 0: no */
    enum sp_status told_status; /* of a failure of etcd that was logged and not passed on, and when */
    int64_t told_ms;
    bool little_room;             /* in etcd: only changes that take access away are made */
    bool txn_refused;             /* etcd takes smaller transactions than before */
    struct sp_source_state state; /* following, filled and counts */
};

struct sp_source_shared {
    struct sp_store *store;
    struct sp_str prefix; /* of keys in etcd; borrowed */
    bool follow_only;
    bool inspect_only;            /* listings are not judged */
    bool accept_rollback;         /* listings may be older than the store, although heads are signed */
    bool allow_unauthenticated;   /* changes are made although etcd authenticates nobody */
    struct sp_signing_keys *keys; /* of heads (signature.h); NULL: none */
    pthread_mutex_t lock;         /* guards `progress` */
    pthread_cond_t changed;
    struct sp_source_progress progress;
};

/* One owner's way to the source; each owner has an etcd client of its own. */
struct sp_source_link {
    struct sp_source_shared *shared;
    struct sp_etcd *etcd;
    size_t txn_operations; /* that etcd takes in one transaction beside the head; 0: not known yet */
    bool for_callers;      /* errors reach callers of the API: without etcd's words and codes (ask.h) */
};

void sp_source_init_shared(struct sp_source_shared *shared, struct sp_store *store, struct sp_str prefix,
                           bool follow_only);
void sp_source_fini_shared(struct sp_source_shared *shared);

void sp_source_get_shared_state(struct sp_source_shared *shared, struct sp_source_state *ret_state);

/* ---- time ---- */

/* etcd answered just now. */
void sp_source_note_reached(struct sp_source_shared *shared);
/* It refused the user or the password. */
void sp_source_note_signed_out(struct sp_source_shared *shared);
/* The store had everything at that time. */
void sp_source_note_in_step(struct sp_source_shared *shared, int64_t at_ms);

/* ---- the head ---- */

/* The store has this head, and perhaps a newer one already. Wakes whoever waits for it. */
void sp_source_raise_head(struct sp_source_shared *shared, uint64_t head_revision);
/* The store has exactly this head: etcd's revisions may have started over. */
void sp_source_replace_head(struct sp_source_shared *shared, uint64_t head_revision);
/* Waits until the store has that head, at most until `until_ms` (sp_clock_monotonic_ms); false:
 * it does not. */
bool sp_source_await_head(struct sp_source_shared *shared, uint64_t head_revision, int64_t until_ms);

/* ---- the follower's thread ---- */

void sp_source_set_followed(struct sp_source_shared *shared, bool followed);
bool sp_source_is_followed(struct sp_source_shared *shared);
void sp_source_set_following(struct sp_source_shared *shared, bool following);
void sp_source_request_stop(struct sp_source_shared *shared);
bool sp_source_is_stopping(struct sp_source_shared *shared);
/* Sleeps until `until_ms`, or until a stop is requested. */
void sp_source_sleep(struct sp_source_shared *shared, int64_t until_ms);

/* ---- failures ---- */

/* Logs an alarm, or that it is over, when it changes. */
void sp_source_note_authentication(struct sp_source_shared *shared, bool unauthenticated);
/* Whether a failure is to be logged: another than the last one, or the same after a minute. */
bool sp_source_may_log_failure(struct sp_source_shared *shared, enum sp_status status);

/* etcd refused a transaction for its size. */
void sp_source_note_refused_size(struct sp_source_shared *shared);
/* Whether it did since the last time. */
bool sp_source_take_refused_size(struct sp_source_shared *shared);

/* ---- room in etcd ---- */

/* Logs it when it changes. */
void sp_source_note_room(struct sp_source_shared *shared, uint64_t size_bytes, uint64_t quota_bytes, bool little);
bool sp_source_get_little_room(struct sp_source_shared *shared);

/* ---- counts ---- */

void sp_source_count_list(struct sp_source_shared *shared);
void sp_source_count_differences(struct sp_source_shared *shared, uint64_t differences);
void sp_source_count_lost_race(struct sp_source_shared *shared);
void sp_source_count_refusal(struct sp_source_shared *shared);
void sp_source_set_unreadable(struct sp_source_shared *shared, size_t unreadable);

/* ---- after a restore of etcd ---- */

void sp_source_set_restored_epoch(struct sp_source_shared *shared, uint64_t epoch);
uint64_t sp_source_get_restored_epoch(struct sp_source_shared *shared);

#endif
