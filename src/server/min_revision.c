#include "server/min_revision.h"

#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/replica/set_back.h"

#include <inttypes.h>

static bool names_revision(const Sallyport__V1__Revision *wanted) {
    return wanted != NULL && (wanted->epoch != 0 || wanted->number != 0);
}

enum sp_status sp_min_revision_check(const Sallyport__V1__Revision *wanted, struct sp_revision current,
                                     struct sp_revision set_back, struct sp_error *error) {
    if (!names_revision(wanted))
        return SP_OK;
    if (wanted->epoch != current.epoch)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "min_revision: is of another epoch, %" PRIu64 ", and the store is in epoch %" PRIu64
                            ": ask again without min_revision",
                            wanted->epoch, current.epoch);
    if (set_back.number > 0 && wanted->number <= set_back.number)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "min_revision: etcd was set back to before revision %" PRIu64
                            ", and no new epoch has begun since: ask again without min_revision",
                            set_back.number);
    if (wanted->number > current.number)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "min_revision: revision %" PRIu64 " has not arrived here yet; the store is at %" PRIu64
                            ": try again",
                            wanted->number, current.number);
    return SP_OK;
}

/* Both of one view. Calls that name no revision do not read what only those need that do. */
static enum sp_status read_revisions(struct sp_view *view, bool with_set_back, struct sp_revision *ret_revision,
                                     struct sp_revision *ret_set_back) {
    enum sp_status status = sp_view_revision(view, ret_revision);
    if (status != SP_OK || !with_set_back)
        return status;
    return sp_view_set_back(view, ret_set_back);
}

enum sp_status sp_min_revision_acquire(struct sp_service *service, unsigned worker,
                                       const Sallyport__V1__Revision *wanted, bool may_wait,
                                       struct sp_snapshot **ret_snapshot, struct sp_revision *ret_revision,
                                       struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    struct sp_revision set_back = {0};
    enum sp_status status = sp_snapshots_acquire(&service->snapshots, worker, &snapshot, error);
    if (status != SP_OK)
        return status;
    status = read_revisions(sp_snapshot_view(snapshot), names_revision(wanted), &revision, &set_back);
    if (status != SP_OK) {
        sp_service_explain_failure(service, status, error);
        goto release;
    }
    status = sp_min_revision_check(wanted, revision, set_back, error);
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
