/* Applying what a watch delivers to the store: complete revisions in order, everything that
 * arrived together in one transaction.
 *
 * A revision is applied only with a head that accounts for it (store/replica/judge.h). One without
 * a head is passed over, and so is one that its head does not account for; if it would have altered
 * an entity or a change, that is an alarm: an error in the log, and counted. */
#ifndef SP_SOURCE_FOLLOW_APPLY_H
#define SP_SOURCE_FOLLOW_APPLY_H

#include "etcd/watch.h"
#include "source/shared/state.h"

/* Revisions that the store already has are ignored. *ret_committed: the store changed, which it may
 * have although this fails: what came before the revision that cannot be applied is kept. `arena`
 * is scratch, which the events may be in too. SP_ERR_ABORTED: list the source again. */
enum sp_status sp_source_apply_events(const struct sp_source_link *link, const struct sp_etcd_events *events,
                                      struct sp_arena *arena, bool *ret_committed, struct sp_error *error) SP_MUST_USE;

#endif
