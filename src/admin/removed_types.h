/* Resources and grants of types that the schema has no more. They grant nothing, lists leave them
 * out, quotas do not count them, and they are deleted piece by piece; the tombstones of ids
 * remember their owners. A type that came back is another one, with another number. */
#ifndef SP_ADMIN_REMOVED_TYPES_H
#define SP_ADMIN_REMOVED_TYPES_H

#include "admin/context.h"
#include "store/records/edit.h"
#include "store/records/entity_key.h"

/* How far the deletion has come. Zeroed: to the beginning. */
struct sp_admin_purge_place {
    struct sp_entity_key workspace; /* the last one that is done */
    size_t step;                    /* in the next one: kinds and names that are done */
    struct sp_entity_key last;      /* visited in this step */
    size_t removed;                 /* types that the schema had removed; another number starts over */
    bool done;
};

/* Deletes at most `limit` of them (1 or more) in one workspace, as one change, or none if a bounded
 * piece of the store has none. *ret_place counts once the write is committed. *ret_more: there may
 * be more. If it fails, the write must be aborted. */
enum sp_status sp_admin_purge_removed_types(struct sp_write *write, const struct sp_admin_purge_place *place,
                                            size_t limit, int64_t now_s, struct sp_arena *arena,
                                            struct sp_admin_purge_place *ret_place, bool *ret_more,
                                            struct sp_error *error) SP_MUST_USE;

/* How many of the kind (resources or grants) the context's workspace still has of removed types. */
enum sp_status sp_admin_count_of_removed_types(struct sp_admin_context *ctx, enum sp_kind kind,
                                               uint64_t *ret_count) SP_MUST_USE;

#endif
