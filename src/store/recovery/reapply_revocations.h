/* Inside the store: beginning the new epoch of a restored store, and taking back in it what a
 * later log revoked. */
#ifndef SP_STORE_RECOVERY_REAPPLY_REVOCATIONS_H
#define SP_STORE_RECOVERY_REAPPLY_REVOCATIONS_H

#include "store/recovery/later_log.h"
#include "store/recovery/report.h"

struct sp_write;

/* Writes an audit entry that begins a new epoch, and then one or more with what was taken back,
 * each of which is reported as a line. The log is settled. After a failure the write must be
 * aborted. SP_ERR_CORRUPT; SP_ERR_INVALID; SP_ERR_MEMORY; as sp_changeset_apply. */
enum sp_status sp_take_back(struct sp_write *write, const struct sp_later_log *log, int64_t now_s,
                            sp_verify_report *report, void *context, struct sp_error *error) SP_MUST_USE;

#endif
