/* The set of entities counted afresh: those that a store holds, and those that it leaves out
 * because it cannot read them. */
#ifndef SP_STORE_REPLICA_ENTITY_SUM_H
#define SP_STORE_REPLICA_ENTITY_SUM_H

#include "core/multiset_hash.h"

struct sp_view;
struct sp_write;

/* Sums them. SP_ERR_CORRUPT, SP_ERR_MEMORY. */
enum sp_status sp_view_sum_entities(struct sp_view *view, struct sp_multiset_hash *ret_set) SP_MUST_USE;

/* *ret_fits: the sum is the set that the view's head commits to. As sp_view_sum_entities. */
enum sp_status sp_view_check_entity_set(struct sp_view *view, bool *ret_fits) SP_MUST_USE;

/* Makes the sum the store's set. As sp_view_sum_entities. */
enum sp_status sp_write_recount_entities(struct sp_write *write) SP_MUST_USE;

#endif
