/* The roles that a batch of questions has found: of a principal on a resource, which may have taken
 * a long join. Good for one acquire of a snapshot. Not thread-safe. */
#ifndef SP_DECIDE_ROLE_MEMO_H
#define SP_DECIDE_ROLE_MEMO_H

#include "base/arena.h"
#include "decide/lookup.h"

struct sp_role_memo;

/* For so many different questions; of more, some are looked up again. In the arena.
 * SP_ERR_MEMORY. */
enum sp_status sp_role_memo_create(struct sp_arena *arena, size_t questions,
                                   struct sp_role_memo **ret_memo) SP_MUST_USE;

/* Whether it has the role, and how it was given. `resource_key` is that of the indexes. */
bool sp_role_memo_find(const struct sp_role_memo *memo, uint64_t principal_number, struct sp_bytes resource_key,
                       struct sp_found_role *ret_found);

/* Remembers a role, if there is room. */
void sp_role_memo_put(struct sp_role_memo *memo, uint64_t principal_number, struct sp_bytes resource_key,
                      struct sp_found_role found);

#endif
