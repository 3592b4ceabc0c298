/* A store whose truth is elsewhere: records that came from there are applied so that the indexes
 * follow. Entities that go are applied before those that come, so that what must be unique may
 * move from one to the other. */
#ifndef SP_STORE_REPLICA_APPLY_H
#define SP_STORE_REPLICA_APPLY_H

#include "store/records/write.h"

struct sp_replica_outcome {
    size_t changed;    /* records that were not as the store had them */
    size_t unreadable; /* entities newly left out */
};

/* Applies records of any order; what is there already is left alone. An entity that cannot be
 * read, or that contradicts another one, is left out with all that was derived from it.
 * `chained`: changes must continue the store's chain, and the head moves on with them. `arena`
 * is scratch. `report` (may be NULL) is called for each entity that is left out.
 *
 * SP_ERR_ABORTED: a change does not fit the chain: list the source again. SP_ERR_CORRUPT: the
 * store's indexes are damaged. After any failure the write must be aborted. */
typedef void sp_replica_report(void *context, struct sp_bytes entity_key, const char *why);
enum sp_status sp_replica_apply(struct sp_write *write, struct sp_replica_record *records, size_t count, bool chained,
                                struct sp_arena *arena, sp_replica_report *report, void *context,
                                struct sp_replica_outcome *ret_outcome, struct sp_error *error) SP_MUST_USE;

/* ---- inside the store: filling one (fill.h) ---- */

/* As sp_replica_apply, not chained, but for the index of keys, which is left alone. */
enum sp_status sp_replica_apply_without_keys(struct sp_write *write, struct sp_replica_record *records, size_t count,
                                             struct sp_arena *arena, sp_replica_report *report, void *context,
                                             struct sp_replica_outcome *ret_outcome,
                                             struct sp_error *error) SP_MUST_USE;

/* Leaves out a key whose digest is another one's, as sp_replica_apply would have. `record` is the
 * key's entity, not in the map. The index of keys, which holds the other one, is left alone. */
enum sp_status sp_replica_leave_out_twin(struct sp_write *write, const struct sp_replica_record *record,
                                         struct sp_arena *arena, sp_replica_report *report, void *context,
                                         struct sp_replica_outcome *ret_outcome, struct sp_error *error) SP_MUST_USE;

#endif
