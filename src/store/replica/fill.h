/* Filling a store of revision 0 from its source. Nothing is decided from it before the source's
 * head is taken over. So its records are applied by sp_replica_apply_without_keys, and the index of
 * keys, whose places are random, is built behind them and in order: each of its pages is then
 * written about once, not once a commit. A process that ends in between leaves a store of revision
 * 0, which is filled again. */
#ifndef SP_STORE_REPLICA_FILL_H
#define SP_STORE_REPLICA_FILL_H

#include "store/replica/apply.h"

struct sp_store;

/* How many keys are sorted at a time, and put in one transaction: each may change a page. */
struct sp_replica_fill_sizes {
    size_t keys_in_a_run;
    size_t keys_in_a_commit;
};
extern const struct sp_replica_fill_sizes sp_replica_fill_sizes; /* what servers use */

/* Builds the index of keys from the entities that are there, whatever is in it. A key whose digest
 * is that of another one, earlier in the order of entities, is left out.
 *
 * Commits *write now and then and begins it again, so that it never holds many changed pages; it is
 * NULL after a failure of either. `arena` is scratch. As sp_replica_apply. */
enum sp_status sp_replica_index_keys(struct sp_store *store, struct sp_write **write,
                                     const struct sp_replica_fill_sizes *sizes, struct sp_arena *arena,
                                     sp_replica_report *report, void *context, struct sp_replica_outcome *ret_outcome,
                                     struct sp_error *error) SP_MUST_USE;

#endif
