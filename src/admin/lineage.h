/* The lineage of keys: which keys come from which, by rotation and by having been made with them,
 * over keys that were deleted since. */
#ifndef SP_ADMIN_LINEAGE_H
#define SP_ADMIN_LINEAGE_H

#include "admin/batch_map.h"
#include "admin/context.h"

/* The ids of the keys of the workspace that come from this one, directly or not; deleted ones are
 * left out. The nearest come first. In the arena. */
enum sp_status sp_admin_find_descendants(struct sp_admin_context *ctx, struct sp_str workspace, const char *key_id,
                                         char ***ret_ids, size_t *ret_count) SP_MUST_USE;

/* The key and all keys that come from it, deleted ones too, by id, in a map of things that are not
 * NULL. In the arena. */
enum sp_status sp_admin_find_line(struct sp_admin_context *ctx, struct sp_str workspace, const char *key_id,
                                  const struct sp_batch_map **ret_line) SP_MUST_USE;

/* What is known of a key that was deleted: its id, workspace and lineage. It counts as disabled,
 * for the reason "deleted". SP_ERR_NOT_FOUND, without a message. In the arena. */
enum sp_status sp_admin_find_deleted_key(struct sp_admin_context *ctx, struct sp_str workspace, struct sp_str id,
                                         Sallyport__V1__ApiKey **ret_key) SP_MUST_USE;

/* Visits the keys that were deleted and had the text of one of the digests, in the workspace
 * (empty: in any); `digests` maps them to anything. It reads all tombstones there. */
typedef enum sp_status sp_admin_deleted_key_visit(void *context, Sallyport__V1__ApiKey *key);
enum sp_status sp_admin_walk_deleted_texts(struct sp_admin_context *ctx, struct sp_str workspace,
                                           const struct sp_batch_map *digests, sp_admin_deleted_key_visit *visit,
                                           void *context) SP_MUST_USE;

/* Fills the key's `descendants`. */
enum sp_status sp_admin_fill_descendants(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key) SP_MUST_USE;

#endif
