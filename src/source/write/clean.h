/* Removing from etcd what has expired there: idempotency records, changes before the anchor,
 * parts of staged changes whose writer died. What fails is tried again later. */
#ifndef SP_SOURCE_WRITE_CLEAN_H
#define SP_SOURCE_WRITE_CLEAN_H

#include "source/shared/state.h"
#include "store/records/journal.h"

struct sp_source_cleaner {
    int64_t due_ms;          /* of everything but the idempotency records */
    uint64_t cleaned_anchor; /* changes up to it are gone */
};

/* `expired`: records that the store has just forgotten. Does nothing if the source is only
 * followed, or cannot be reached. */
void sp_source_clean(const struct sp_source_link *link, struct sp_source_cleaner *cleaner,
                     const struct sp_replica_record *expired, size_t count);

#endif
