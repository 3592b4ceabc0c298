/* Whether the audit trail accounts for every entity.
 *
 * The newest entry that lists an entity must leave it as the store has it: there with the same
 * bytes (their hash is in the entry; entries of releases before store format 2 show the public
 * part only), or gone. An entity that no kept entry lists is accounted for only if the trail
 * was trimmed and the entity is older than what is left of it. Tombstones are not listed and not
 * judged, nor are entities that a follower leaves out because it cannot read them. */
#ifndef SP_STORE_RECOVERY_ACCOUNT_H
#define SP_STORE_RECOVERY_ACCOUNT_H

#include "base/status.h"
#include "store/recovery/report.h"

struct sp_store;
struct sp_view;

/* Inside the store: reports each entity that the trail does not account for as a line. SP_OK
 * even if there are some. SP_ERR_CORRUPT: the trail cannot be read; SP_ERR_MEMORY. */
enum sp_status sp_view_find_unaccounted(struct sp_view *view, sp_verify_report *report, void *context,
                                        uint64_t *ret_count) SP_MUST_USE;

/* The same in one snapshot of the store. */
enum sp_status sp_store_find_unaccounted(struct sp_store *store, sp_verify_report *report, void *context,
                                         uint64_t *ret_count, struct sp_error *error) SP_MUST_USE;

#endif
