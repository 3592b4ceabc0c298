/* Rebuilding the indexes of a store. */
#ifndef SP_STORE_RECOVERY_REINDEX_H
#define SP_STORE_RECOVERY_REINDEX_H

#include "base/status.h"
#include "store/recovery/report.h"

struct sp_store;
struct sp_write;

/* Rebuilds every index from the entities in one write transaction. */
enum sp_status sp_store_reindex(struct sp_store *store, sp_progress *progress, void *context,
                                struct sp_error *error) SP_MUST_USE;

/* The same within an open write, which can only be aborted if it fails. */
enum sp_status sp_write_reindex(struct sp_write *write, sp_progress *progress, void *context,
                                struct sp_error *error) SP_MUST_USE;

#endif
