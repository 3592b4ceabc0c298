/* Verifying a store. */
#ifndef SP_STORE_RECOVERY_VERIFY_H
#define SP_STORE_RECOVERY_VERIFY_H

#include "base/status.h"
#include "store/recovery/report.h"

struct sp_store;

/* Compares every index record with the entities (missing, surplus, different, bad seal, counts),
 * walks the chain of changes, and checks that it accounts for every entity, in one snapshot.
 * SP_ERR_CORRUPT: something was reported. */
enum sp_status sp_store_verify(struct sp_store *store, sp_verify_report *report, sp_progress *progress, void *context,
                               struct sp_error *error) SP_MUST_USE;

#endif
