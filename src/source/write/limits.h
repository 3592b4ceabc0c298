/* How large a transaction etcd takes: its --max-txn-ops can be set below the default of 128. */
#ifndef SP_SOURCE_WRITE_LIMITS_H
#define SP_SOURCE_WRITE_LIMITS_H

#include "source/shared/state.h"

/* Finds out how many operations etcd takes, with transactions that change nothing, and keeps that
 * in link->txn_operations; logs it if it is less than this release can use. SP_ERR_PRECONDITION:
 * too few even for large changes in parts. Otherwise as sp_source_put. */
enum sp_status sp_source_learn_limits(struct sp_source_link *link, struct sp_error *error) SP_MUST_USE;

/* For many or large transactions at once: also checks that etcd takes requests that are large
 * enough. SP_ERR_PRECONDITION. */
enum sp_status sp_source_check_request_size(const struct sp_source_link *link, struct sp_error *error) SP_MUST_USE;

#endif
