/* Writing a change that is too large for one transaction of etcd aside, below s/: a head that
 * names it makes it take effect, and it is folded into its places afterwards (fold.h). */
#ifndef SP_SOURCE_WRITE_STAGE_H
#define SP_SOURCE_WRITE_STAGE_H

#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/records.h"
#include "source/shared/state.h"

/* Writes the operations aside under a new id, all in `arena`. *ret_last: key and revision of the
 * last part, for a compare. SP_ERR_EXHAUSTED: out of memory. */
enum sp_status sp_source_stage(const struct sp_source_link *link, const struct sp_source_operations *operations,
                               struct sp_arena *arena, Sallyport__Store__V1__StagedChange **ret_staged,
                               struct sp_etcd_compare *ret_last, struct sp_error *error) SP_MUST_USE;

/* Deletes what was staged and did not take effect. Whatever that misses is left to
 * sp_source_clean. */
void sp_source_unstage(const struct sp_source_link *link, const Sallyport__Store__V1__StagedChange *staged,
                       struct sp_arena *arena);

#endif
