/* Entities that this release cannot read: they are left out of the store, so that whatever
 * depends on them is denied. */
#ifndef SP_SOURCE_FOLLOW_UNREADABLE_H
#define SP_SOURCE_FOLLOW_UNREADABLE_H

#include "source/shared/state.h"
#include "store/lmdb/view.h"

/* Logs an entity that is left out: a sp_replica_report, without context. */
void sp_source_log_unreadable(void *context, struct sp_bytes entity_key, const char *why);

/* Takes over how many entities a view leaves out; a view that cannot be read changes nothing. */
void sp_source_count_unreadable(struct sp_source_shared *shared, struct sp_view *view);

#endif
