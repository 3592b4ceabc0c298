/* The look-ups that every kind of question makes: the presented key, and a role on a resource. */
#ifndef SP_DECIDE_LOOKUP_H
#define SP_DECIDE_LOOKUP_H

#include "base/arena.h"
#include "decide/query.h"
#include "store/lmdb/view.h"

/* Steps 1 and 2. *ret_reason is KEY_MALFORMED, KEY_UNKNOWN, or SP_REASON_NONE, and then *ret_key is
 * set. */
enum sp_status sp_find_presented_key(struct sp_view *view, const struct sp_query *query, struct sp_key *ret_key,
                                     enum sp_reason *ret_reason) SP_MUST_USE;

/* The key of an id in a workspace, as SP_CREDENTIAL_KNOWN takes it; its texts are borrowed from the
 * view. What is read meanwhile is put into `arena`. SP_ERR_NOT_FOUND; SP_ERR_CORRUPT;
 * SP_ERR_MEMORY. */
enum sp_status sp_find_key_by_id(struct sp_view *view, struct sp_str workspace, struct sp_str id,
                                 struct sp_arena *arena, struct sp_key *ret_key) SP_MUST_USE;

/* A role and what gave it. */
struct sp_found_role {
    enum sp_role role;
    enum sp_via via;
};

/* The principal's role on the resource: ADMIN for an ADMIN user of the workspace, else the highest
 * of the grants. An empty `resource_key` (no id, or one too long to exist) names no resource, on
 * which nobody has a role. */
enum sp_status sp_find_role(struct sp_view *view, const struct sp_key *key, const struct sp_principal_state *principal,
                            struct sp_bytes resource_key, struct sp_found_role *ret_found) SP_MUST_USE;

#endif
