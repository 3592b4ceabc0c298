/* The jobs that wait for the writer, taken in turns: each workspace has a turn, and so have
 * operators, so that none waits for all that another has queued. A turn is worth a number of bytes
 * rather than of jobs. Jobs that only take access away go first, but of two workspaces' jobs one is
 * of the other kind now and then. Within a workspace and a kind, jobs stay in their order.
 *
 * The queue is bounded in all and for each workspace, in jobs and in bytes. Not thread-safe: the
 * writer has a lock over it. */
#ifndef SP_SYNC_QUEUE_H
#define SP_SYNC_QUEUE_H

#include "sync/job.h"

struct sp_queue;

struct sp_queue_limits {
    size_t jobs, bytes;                     /* of all */
    size_t workspace_jobs, workspace_bytes; /* of one workspace */
    size_t narrowing_jobs;                  /* beyond `jobs`, for those that narrow; a tenth of it for one workspace.
                                             * Beyond the bytes they may have half as many */
};

/* SP_ERR_MEMORY. */
enum sp_status sp_queue_create(const struct sp_queue_limits *limits, struct sp_queue **ret_queue) SP_MUST_USE;
/* It must be empty. NULL is allowed. */
void sp_queue_free(struct sp_queue *queue);

enum sp_queue_room {
    SP_QUEUE_HAS_ROOM,
    SP_QUEUE_FULL,           /* everybody's limit */
    SP_QUEUE_WORKSPACE_FULL, /* the workspace's own */
};

/* Whether a job would be taken. The last one of an otherwise empty queue always is, whatever its
 * size. */
enum sp_queue_room sp_queue_room_for(const struct sp_queue *queue, const struct sp_job *job);

/* Queues a job for which there is room. SP_ERR_MEMORY. */
enum sp_status sp_queue_add(struct sp_queue *queue, struct sp_job *job) SP_MUST_USE;

/* Takes the next job; NULL: none waits, or the next one wants to be alone and `alone_too` is
 * false. */
struct sp_job *sp_queue_take(struct sp_queue *queue, bool alone_too);

/* Takes the next job that narrows; NULL: none waits. */
struct sp_job *sp_queue_take_narrowing(struct sp_queue *queue);

size_t sp_queue_length(const struct sp_queue *queue);

/* How many jobs are ahead of a new one of the workspace when all take their turns: a guess, for
 * telling a client when to come again. */
size_t sp_queue_ahead_of(const struct sp_queue *queue, const char *workspace);

#endif
