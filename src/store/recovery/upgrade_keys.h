/* A step of upgrades from format 1: permissions that claim. Until then `all` included
 * resource_register and api_key_rotate; now a key has them only by name, which needs no other
 * bytes. The step reports the keys that used either without naming it, as far as the audit trail
 * goes back, and names both on the keys that the operator wants to keep them. */
#ifndef SP_STORE_RECOVERY_UPGRADE_KEYS_H
#define SP_STORE_RECOVERY_UPGRADE_KEYS_H

#include "store/recovery/upgrade_step.h"

/* Runs once the indexes are rebuilt: what it changes is one change of the audit trail.
 * SP_ERR_INVALID or SP_ERR_PRECONDITION for a key of keep_implicit that is malformed, not there, or
 * not `all`. */
enum sp_status sp_upgrade_claiming_keys(struct sp_upgrade *upgrade) SP_MUST_USE;

#endif
