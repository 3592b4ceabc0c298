/* min_revision: answers from a revision that the caller names, or a later one. */
#ifndef SP_SERVER_MIN_REVISION_H
#define SP_SERVER_MIN_REVISION_H

#include "sallyport/v1/authorization.pb-c.h"
#include "server/service.h"
#include "store/records/head.h"

/* Whether a store at `current` has reached `wanted` (NULL or zero: any will do). `set_back` (zero:
 * it was not): the newest revision before etcd went back; up to that one cannot tell what is gone
 * from what is new. SP_ERR_PRECONDITION: of another epoch, or set back; SP_ERR_UNAVAILABLE: not
 * reached yet. Pure. */
enum sp_status sp_min_revision_check(const Sallyport__V1__Revision *wanted, struct sp_revision current,
                                     struct sp_revision set_back, struct sp_error *error) SP_MUST_USE;

/* Acquires a snapshot that has reached `wanted`, on the thread of the worker slot; end with
 * sp_snapshot_release. If `may_wait`, SP_ERR_ABORTED means that it is not reached yet and the
 * caller may try again. Nothing is held on failure. */
enum sp_status sp_min_revision_acquire(struct sp_service *service, unsigned worker,
                                       const Sallyport__V1__Revision *wanted, bool may_wait,
                                       struct sp_snapshot **ret_snapshot, struct sp_revision *ret_revision,
                                       struct sp_error *error) SP_MUST_USE;

#endif
