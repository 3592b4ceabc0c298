/* Changes that no key makes: commands that run on the store itself, and the removal of deleted
 * workspaces. */
#ifndef SP_ADMIN_OFFLINE_CHANGES_H
#define SP_ADMIN_OFFLINE_CHANGES_H

#include <stdint.h>

#include "base/arena.h"

/* An empty changeset whose audit entry names `command` as actor and method; NULL when out of
 * memory. */
struct sp_changeset *sp_admin_offline_changes(struct sp_arena *arena, const char *command, struct sp_str workspace,
                                              int64_t now_s);

#endif
