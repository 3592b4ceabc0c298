#include "server/min_revision.h"

#include "store/records/head.h"
#include "store/records/snapshot.h"

#include <inttypes.h>

static bool names_revision(const Sallyport__V1__Revision *wanted) {
    return wanted != NULL && (wanted->epoch != 0 || wanted->number != 0);
}

enum sp_status sp_min_revision_check(const Sallyport__V1__Revision *wanted, struct sp_revision current,
                                     struct sp_error *error) {
    if (!names_revision(wanted))
        return SP_OK;
    if (wanted->epoch != current.epoch)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "min_revision: belongs to epoch %" PRIu64 ", but the store is in epoch %" PRIu64
                            ": ask again without min_revision",
                            wanted->epoch, current.epoch);
    if (wanted->number > current.number)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "min_revision: revision %" PRIu64 " has not arrived here yet, the store is at %" PRIu64
                            ": try again",
                            wanted->number, current.number);
    return SP_OK;
}

enum sp_status sp_min_revision_acquire(struct sp_service *service, unsigned worker,
                                       const Sallyport__V1__Revision *wanted, bool may_wait,
                                       struct sp_snapshot **ret_snapshot, struct sp_revision *ret_revision,
                                       struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    enum sp_status status = sp_snapshots_acquire(&service->snapshots, worker, &snapshot, error);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_snapshot_view(snapshot), &revision);
    if (status != SP_OK) {
        sp_service_explain_failure(service, status, error);
        goto release;
    }
    status = sp_min_revision_check(wanted, revision, error);
    if (status == SP_ERR_UNAVAILABLE && may_wait)
        status = SP_ERR_ABORTED;
    if (status != SP_OK)
        goto release;
    *ret_snapshot = snapshot;
    *ret_revision = revision;
    return SP_OK;

release:
    sp_snapshot_release(snapshot);
    return status;
}
