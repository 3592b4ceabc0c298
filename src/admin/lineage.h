/* The lineage of keys: which keys come from which, by rotation and by having been made with them,
 * over keys that were deleted since. */
#ifndef SP_ADMIN_LINEAGE_H
#define SP_ADMIN_LINEAGE_H

#include "admin/context.h"

/* The ids of the keys of the workspace that come from this one, directly or not; deleted ones are
 * left out. The nearest come first. In the arena. */
enum sp_status sp_admin_find_descendants(struct sp_admin_context *ctx, struct sp_str workspace, const char *key_id,
                                         char ***ret_ids, size_t *ret_count) SP_MUST_USE;

/* Fills the key's `descendants`. */
enum sp_status sp_admin_fill_descendants(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key) SP_MUST_USE;

#endif
