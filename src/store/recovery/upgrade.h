/* Bringing a store of an earlier format to this release's, in one transaction: it has either format
 * afterwards, never something in between. */
#ifndef SP_STORE_RECOVERY_UPGRADE_H
#define SP_STORE_RECOVERY_UPGRADE_H

#include "store/recovery/upgrade_step.h"

/* Upgrades the store in the folder `path`, which no process may have open. Every index is rebuilt.
 * *ret_from: the format it had; this release's if there was nothing to do. SP_ERR_PRECONDITION: its
 * format is too old or too new. */
enum sp_status sp_store_upgrade(const char *path, const struct sp_upgrade_options *options, sp_verify_report *report,
                                void *context, uint32_t *ret_from, struct sp_error *error) SP_MUST_USE;

#endif
