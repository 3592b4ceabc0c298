/* Comparing the store with the source at the revision that the store has: page by page beside
 * one snapshot, both in the order of their keys. Nothing waits for it. */
#ifndef SP_SOURCE_FOLLOW_COMPARE_H
#define SP_SOURCE_FOLLOW_COMPARE_H

#include "source/shared/state.h"

/* `report` (may be NULL) receives the first hundred differences. SP_ERR_NOT_FOUND: the store is
 * empty; SP_ERR_OUT_OF_RANGE: etcd has compacted that revision away; SP_ERR_ABORTED: a large change
 * is on its way: try again; SP_ERR_CANCELLED: stopping. */
enum sp_status sp_source_compare_all(const struct sp_source_link *link, sp_source_report *report, void *context,
                                     uint64_t *ret_compared, uint64_t *ret_differences,
                                     struct sp_error *error) SP_MUST_USE;

/* *ret_fits: the store's entities, added up, are the set that the head commits to which it follows.
 * Then whatever differs in etcd is there without a head. */
enum sp_status sp_source_check_store(const struct sp_source_link *link, bool *ret_fits,
                                     struct sp_error *error) SP_MUST_USE;

#endif
