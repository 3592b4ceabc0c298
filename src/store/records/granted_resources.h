/* What is shared with a principal: the resources of one type that it or one of its groups was
 * granted a role on, merged from the lists of each in the order of their ids, each resource once
 * whatever the number of its grants.
 *
 * They show only that there is a grant, not its role, and these lists carry no seals: ask
 * sp_index_effective_role before you rely on one. One thread; good until the view ends. */
#ifndef SP_STORE_RECORDS_GRANTED_RESOURCES_H
#define SP_STORE_RECORDS_GRANTED_RESOURCES_H

#include "base/arena.h"
#include "store/records/index.h"

struct sp_shared;

/* Begins after the id `after` (empty: at the first). `scope` is that of the resource key. Takes
 * one seek for the principal and for each of its groups, and memory for them in `arena`.
 * SP_ERR_CORRUPT, SP_ERR_MEMORY, SP_ERR_IO. */
enum sp_status sp_shared_open(struct sp_view *view, uint64_t principal_number, uint32_t type_number, uint64_t scope,
                              struct sp_str after, struct sp_arena *arena, struct sp_shared **ret_shared) SP_MUST_USE;

/* The next id; SP_ERR_NOT_FOUND past the last. Borrowed from the view. Takes one seek for each
 * grant of it, and time that grows with the logarithm of the number of lists. */
enum sp_status sp_shared_next(struct sp_shared *shared, struct sp_str *ret_id) SP_MUST_USE;

/* NULL is allowed. */
void sp_shared_close(struct sp_shared *shared);

/* The first id above `after` (empty: the first) of the resources of a type and scope that have a
 * grant, or of global ones that are registered, whatever their workspace. Borrowed from the
 * view. SP_ERR_NOT_FOUND. */
enum sp_status sp_shared_any_after(struct sp_view *view, uint32_t type_number, uint64_t scope, struct sp_str after,
                                   struct sp_str *ret_id) SP_MUST_USE;

#endif
