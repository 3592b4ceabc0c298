/* The room of the store that is kept for taking access away. Ordinary changes are refused before
 * they reach it. In it, only changes that narrow are made; in its last quarter only disabling and
 * deleting of keys, and what operators take away; in its last sixteenth only the latter. A
 * workspace may use a sixty-fourth of it at once, and until there is room again a sixteenth, the
 * last quarter of which is for disabling its keys.
 *
 * The writer's thread only, but for the counts. */
#ifndef SP_SYNC_RESERVE_H
#define SP_SYNC_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/allowance.h"
#include "sync/job.h"

struct sp_reserve;
struct sp_store;

/* `bytes` 0: none is kept. No more than an eighth of the map is. SP_ERR_MEMORY; SP_ERR_IO. */
enum sp_status sp_reserve_create(struct sp_store *store, uint64_t bytes, struct sp_reserve **ret_reserve) SP_MUST_USE;
/* NULL is allowed. */
void sp_reserve_free(struct sp_reserve *reserve);

/* Measures how much room there is, and allocates the blocks of the reserve. Before a write begins.
 * If it cannot be measured, what was measured before counts. */
void sp_reserve_measure(struct sp_reserve *reserve);

/* Whether a job may be tried. SP_ERR_EXHAUSTED. */
enum sp_status sp_reserve_check_before(struct sp_reserve *reserve, const struct sp_job *job, int64_t now_ms,
                                       struct sp_error *error) SP_MUST_USE;

/* Whether a write may be committed to which the job has added so many bytes: if not, the write is
 * to be aborted. SP_ERR_EXHAUSTED. */
enum sp_status sp_reserve_check_after(struct sp_reserve *reserve, const struct sp_job *job,
                                      const struct sp_write *write, uint64_t job_bytes,
                                      struct sp_error *error) SP_MUST_USE;

/* Charges a job that was committed. */
void sp_reserve_charge(struct sp_reserve *reserve, const struct sp_job *job, uint64_t bytes, int64_t now_ms);

/* What ordinary changes may still take; 0 while they are refused. Any thread. */
uint64_t sp_reserve_room(struct sp_reserve *reserve);

#endif
