/* The follower: lists the source when that is needed, watches it, and checks once a second that
 * nothing was missed.
 *
 * One thread, the follower's own once it was started. */
#ifndef SP_SOURCE_FOLLOW_FOLLOWER_H
#define SP_SOURCE_FOLLOW_FOLLOWER_H

#include "etcd/watch.h"
#include "source/shared/records.h"
#include "source/shared/state.h"

struct sp_source_follower {
    struct sp_source_link link;
    uint64_t compare_every_s;    /* 0: never */
    void (*applied)(void *user); /* called after each commit; NULL: not */
    void *applied_user;
    struct sp_arena arena;
    struct sp_etcd_watch *watch; /* NULL: none is open */
    bool list_wanted;
    bool reindexed; /* damaged indexes were rebuilt; once is enough */
    int64_t compare_due_ms;
    int64_t check_due_ms;          /* of the head */
    int64_t authentication_due_ms; /* a check whether etcd authenticates */
    int64_t list_due_ms;           /* after a refused listing; 0: there was none */
    int64_t in_step_ms;            /* when the store was last complete; at first: when following began */
    enum sp_status logged_status;  /* the trouble that was last logged, and when */
    int64_t logged_ms;
    pthread_t thread;
    bool running;
};

/* Takes over `etcd`. `list_wanted`: the store is not known to be a state of the source.
 * SP_ERR_MEMORY: it must still be finished. */
enum sp_status sp_source_init_follower(struct sp_source_follower *follower, struct sp_source_shared *shared,
                                       struct sp_etcd *etcd, bool list_wanted, uint64_t compare_every_s) SP_MUST_USE;
/* The thread must have been stopped. */
void sp_source_fini_follower(struct sp_source_follower *follower);

/* Begins to follow: lists if that is wanted, checks the head and opens a watch. SP_ERR_ABORTED:
 * a listing is wanted now. */
enum sp_status sp_source_begin_following(struct sp_source_follower *follower, struct sp_error *error) SP_MUST_USE;

/* Waits for events and applies them, or checks the head when that is due; compares the store
 * with the source when that is due. An error ends following: sp_source_end_following, and begin
 * again. */
enum sp_status sp_source_follow_once(struct sp_source_follower *follower, struct sp_error *error) SP_MUST_USE;

void sp_source_end_following(struct sp_source_follower *follower);

/* Starts a thread that does all this until it is stopped. SP_ERR_IO. */
enum sp_status sp_source_start_follower(struct sp_source_follower *follower, void (*applied)(void *user), void *user,
                                        struct sp_error *error) SP_MUST_USE;
/* Does nothing if it was not started. */
void sp_source_stop_follower(struct sp_source_follower *follower);

#endif
