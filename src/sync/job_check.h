/* Inside the writer: whether a job may be written, by what its workspace wrote before and by the
 * room that there is. Refusals are counted. */
#ifndef SP_SYNC_JOB_CHECK_H
#define SP_SYNC_JOB_CHECK_H

#include "sync/job.h"
#include "sync/writer_state.h"

struct sp_write;

/* Within what a client may reasonably be told to wait. */
unsigned sp_job_clamp_retry_ms(uint64_t ms);

/* Any thread. */
void sp_job_count_refusal(struct sp_writer *writer, enum sp_writer_refusal refusal);

/* SP_ERR_EXHAUSTED: the job's workspace has written more than it may. What only narrows is not held
 * up. Any thread. */
enum sp_status sp_job_check_allowance(struct sp_writer *writer, const struct sp_job *job,
                                      struct sp_error *error) SP_MUST_USE;

/* Before a job is applied, and once it has written so many bytes, which must be aborted if it is
 * refused then. The writer's thread only. SP_ERR_EXHAUSTED. */
enum sp_status sp_job_check_before(struct sp_writer *writer, const struct sp_job *job,
                                   struct sp_error *error) SP_MUST_USE;
enum sp_status sp_job_check_after(struct sp_writer *writer, const struct sp_job *job, const struct sp_write *write,
                                  uint64_t bytes, struct sp_error *error) SP_MUST_USE;

#endif
