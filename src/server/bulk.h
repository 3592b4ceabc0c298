/* Threads for questions that take long: large batches, explanations and lists. The workers that
 * answer single questions hand them over, and the system runs those threads behind the workers'
 * (a higher nice value), so that nobody waits for what somebody else asked at length. */
#ifndef SP_SERVER_BULK_H
#define SP_SERVER_BULK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct sp_bulk;
struct sp_rpc_call;

/* Part of what its owner hands over, and the owner's again once `run` was called, on a bulk thread.
 * `slot`: the thread's (server/worker_slots.h). */
struct sp_bulk_task {
    void (*run)(struct sp_bulk_task *task, unsigned slot);
    struct sp_bulk_task *next; /* the queue's */
};

struct sp_bulk_options {
    unsigned threads;                            /* 1 to SP_SERVER_MAX_BULK_WORKERS */
    void (*stopping)(unsigned slot, void *user); /* on each thread when it ends */
    void *user;
};

/* SP_ERR_MEMORY; SP_ERR_IO: a thread cannot be started. */
enum sp_status sp_bulk_start(const struct sp_bulk_options *options, struct sp_bulk **ret_bulk,
                             struct sp_error *error) SP_MUST_USE;

/* Runs what is queued, ends the threads, and frees it. NULL is allowed. */
void sp_bulk_stop(struct sp_bulk *bulk);

/* Queues a task. SP_ERR_EXHAUSTED: as many wait as may. Any thread. */
enum sp_status sp_bulk_submit(struct sp_bulk *bulk, struct sp_bulk_task *task, struct sp_error *error) SP_MUST_USE;

/* How many tasks wait, and how many were refused. Any thread. */
void sp_bulk_get_stats(struct sp_bulk *bulk, size_t *ret_waiting, uint64_t *ret_refused);

/* ---- for streams, which may end while a task runs ---- */

/* The first part of a stream's state. While it is busy, the state is the bulk thread's. */
struct sp_bulk_stream {
    struct sp_bulk_task task;
    struct sp_bulk *bulk;
    pthread_mutex_t lock; /* over call and busy */
    struct sp_rpc_call *call;
    bool busy;
    atomic_bool over; /* the stream has ended: what is worked at is for nobody */
    void (*work)(struct sp_bulk_stream *stream, unsigned slot); /* must not use the call */
    void (*drop)(struct sp_bulk_stream *stream);                /* frees the state */
};

void sp_bulk_stream_init(struct sp_bulk_stream *stream, struct sp_bulk *bulk, struct sp_rpc_call *call);

/* Has `work` called, and then the stream woken, unless it is over. As sp_bulk_submit. */
enum sp_status sp_bulk_stream_submit(struct sp_bulk_stream *stream, struct sp_error *error) SP_MUST_USE;

/* In the stream's events: whether the state may be touched. */
bool sp_bulk_stream_is_idle(struct sp_bulk_stream *stream);

/* The stream is over (its `closed` event): drops the state, now or when the work is done. */
void sp_bulk_stream_close(struct sp_bulk_stream *stream);

#endif
