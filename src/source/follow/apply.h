/* Applying what a watch delivers to the store: complete revisions in order, everything that
 * arrived together in one transaction. */
#ifndef SP_SOURCE_FOLLOW_APPLY_H
#define SP_SOURCE_FOLLOW_APPLY_H

#include "source/shared/state.h"

/* Revisions that the store already has are ignored. *ret_committed: the store changed. `arena`
 * is scratch, which the events may be in too. SP_ERR_ABORTED: list the source again. */
enum sp_status sp_source_apply_events(const struct sp_source_link *link, const struct sp_etcd_events *events,
                                      struct sp_arena *arena, bool *ret_committed, struct sp_error *error) SP_MUST_USE;

#endif
