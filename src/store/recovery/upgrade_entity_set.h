/* Inside the store: what upgrades a store of format 1 by the set of its entities. */
#ifndef SP_STORE_RECOVERY_UPGRADE_ENTITY_SET_H
#define SP_STORE_RECOVERY_UPGRADE_ENTITY_SET_H

#include "base/status.h"

struct sp_write;

/* Sums the entities and gives the head the digest of the sum.
 * A store that leaves out entities of its source will list the source again, because the hashes of
 * these are not known. SP_ERR_CORRUPT, SP_ERR_MEMORY. */
enum sp_status sp_write_first_entity_set(struct sp_write *write) SP_MUST_USE;

#endif
