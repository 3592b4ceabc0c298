/* The one thread that writes. It takes queued jobs in turns (sync/queue.h), applies them in one
 * transaction and commits once, so that many clients share the cost of one durable commit. In
 * between it tidies the store.
 *
 * A transaction in which a job wrote and was then refused cannot be committed (sp_write_refuse):
 * it is aborted, that job is left out, and the others are applied again. If the store is full,
 * each job is tried alone, so that only those that do not fit fail. */
#ifndef SP_SYNC_WRITER_H
#define SP_SYNC_WRITER_H

#include "base/heartbeat.h"
#include "sync/job.h"
#include "sync/writer_options.h"
#include "sync/writer_stats.h"

struct sp_writer;

enum sp_status sp_writer_start(const struct sp_writer_options *options, struct sp_writer **ret_writer,
                               struct sp_error *error) SP_MUST_USE;

/* Queues a job, whose `done` will be called. SP_ERR_UNAVAILABLE: the writer is stopping;
 * SP_ERR_EXHAUSTED: the queue is full, or the job's workspace has as many jobs there as it may, or
 * has written more than its allowance; the message says when to come again. Any thread. */
enum sp_status sp_writer_submit(struct sp_writer *writer, struct sp_job *job, struct sp_error *error) SP_MUST_USE;

/* The sign of life of its thread, which beats with every job and while it is idle. Lives as long as
 * the writer. Any thread. */
const struct sp_heartbeat *sp_writer_heartbeat(const struct sp_writer *writer);

/* Any thread. */
void sp_writer_get_stats(struct sp_writer *writer, struct sp_writer_stats *ret_stats);

/* Refuses new jobs and finishes those that are queued, for at most `wait_ms`. False if some are
 * left, which the writer goes on with. Any thread but the writer's. NULL is allowed. */
bool sp_writer_finish(struct sp_writer *writer, unsigned wait_ms);
/* Refuses new jobs, finishes those that are queued however long that takes, ends the thread. Any
 * thread but the writer's. NULL is allowed. */
void sp_writer_stop(struct sp_writer *writer);
/* Frees a stopped writer. NULL is allowed. */
void sp_writer_free(struct sp_writer *writer);

#endif
