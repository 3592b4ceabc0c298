/* Inside the store: which changes are about a workspace, so that reading one tenant's history costs
 * what that tenant has. Derived from the changes, and kept in step with them by whoever puts and
 * removes one. */
#ifndef SP_STORE_RECORDS_CHANGE_INDEX_H
#define SP_STORE_RECORDS_CHANGE_INDEX_H

#include "base/arena.h"

struct sp_view;
struct sp_write;

/* The workspaces that a change is about or touches something in, in the order in which it names
 * them; those that follow each other are different ones. Borrowed from the packed change. */
struct sp_change_workspaces {
    struct sp_str *ids; /* in the arena */
    size_t count;
    size_t capacity;
};

/* Reads them from a packed Change. SP_ERR_CORRUPT; SP_ERR_MEMORY. */
enum sp_status sp_change_find_workspaces(struct sp_bytes packed, struct sp_arena *arena,
                                         struct sp_change_workspaces *ret_workspaces) SP_MUST_USE;

/* Indexes a change. `packed` is not in the map. One that cannot be read is indexed for nobody:
 * `verify` reports it. */
enum sp_status sp_change_index_add(struct sp_write *write, uint64_t number, struct sp_bytes packed,
                                   struct sp_arena *arena) SP_MUST_USE;

/* Takes a change out of the index, which is still stored. SP_OK if there is no such change. */
enum sp_status sp_change_index_remove(struct sp_write *write, uint64_t number, struct sp_arena *arena) SP_MUST_USE;

/* Whether the index has the change for the workspace. */
enum sp_status sp_change_index_has(struct sp_view *view, struct sp_str workspace, uint64_t number,
                                   bool *ret_has) SP_MUST_USE;

/* Visits the numbers of a workspace's changes from `from` on, rising. The visitor's return is as in
 * sp_entity_walk. */
enum sp_status sp_change_index_walk(struct sp_view *view, struct sp_str workspace, uint64_t from,
                                    enum sp_status (*visit)(void *context, uint64_t number), void *context) SP_MUST_USE;

#endif
