/* Threads for calls that read much: lists, explanations, and pages of watched changes. The workers
 * hand them over, so that whoever makes a change does not wait behind lists. Each workspace has a
 * turn, and so have operators, so that nobody waits for all that another has asked for. The system
 * runs these threads behind the workers and the writer (a higher nice value). */
#ifndef SP_SYNC_READERS_H
#define SP_SYNC_READERS_H

#include "sync/job.h"

struct sp_readers;

/* Part of what its owner hands over, and the owner's again once `read` was called, on a reader's
 * thread. `slot`: the thread's (sync/worker_slots.h). */
struct sp_reading {
    struct sp_job job; /* first; of it, the owner sets `workspace` */
    void (*read)(struct sp_reading *reading, unsigned slot);
};

struct sp_readers_options {
    unsigned threads;                            /* 1 to SP_SYNC_MAX_READERS */
    void (*stopping)(unsigned slot, void *user); /* on each thread when it ends */
    void *user;
};

/* SP_ERR_MEMORY; SP_ERR_IO: a thread cannot be started. */
enum sp_status sp_readers_start(const struct sp_readers_options *options, struct sp_readers **ret_readers,
                                struct sp_error *error) SP_MUST_USE;
/* Reads what is queued, ends the threads, and frees it. NULL is allowed. */
void sp_readers_stop(struct sp_readers *readers);

/* Queues a reading. SP_ERR_EXHAUSTED: as many wait as may, in all or of its workspace. Any
 * thread. */
enum sp_status sp_readers_submit(struct sp_readers *readers, struct sp_reading *reading,
                                 struct sp_error *error) SP_MUST_USE;

/* How many readings wait, and how many were refused. Any thread. */
void sp_readers_get_stats(struct sp_readers *readers, size_t *ret_waiting, uint64_t *ret_refused);

#endif
