/* The entities of the source that a store leaves out because this release cannot read them, in
 * meta "unreadable": size (2) and key of each. */
#ifndef SP_STORE_REPLICA_UNREADABLE_H
#define SP_STORE_REPLICA_UNREADABLE_H

#include "base/arena.h"
#include "base/bytes.h"

struct sp_view;
struct sp_write;

/* How many there are. SP_ERR_CORRUPT. */
enum sp_status sp_view_unreadable(struct sp_view *view, size_t *ret_count) SP_MUST_USE;

/* ---- inside the store ---- */

/* *ret_new: it was not in the list before. Keys that are too long to be an entity's count as
 * one. */
enum sp_status sp_replica_mark_unreadable(struct sp_write *write, struct sp_bytes key, struct sp_arena *arena,
                                          bool *ret_new) SP_MUST_USE;
enum sp_status sp_replica_mark_readable(struct sp_write *write, struct sp_bytes key,
                                        struct sp_arena *arena) SP_MUST_USE;

/* Whether the key is in the list. SP_ERR_CORRUPT. */
enum sp_status sp_view_is_unreadable(struct sp_view *view, struct sp_bytes key, bool *ret_unreadable) SP_MUST_USE;

#endif
