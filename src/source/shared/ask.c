#include "source/shared/ask.h"

#include "base/log.h"
#include "etcd/kv.h"

/* What a caller of the API is told; whatever is not listed is the last row. */
static const struct {
    enum sp_status came, told;
    const char *words;
} told_failures[] = {
    {SP_ERR_PERMISSION, SP_ERR_PRECONDITION, "etcd credentials are read-only here; use an instance with write access"},
    {SP_ERR_UNAUTHENTICATED, SP_ERR_UNAVAILABLE, "this instance cannot sign in to etcd; its log says why: try again"},
    {SP_ERR_PRECONDITION, SP_ERR_PRECONDITION,
     "etcd authentication is disabled, so this instance makes no changes; see its log"},
    {SP_ERR_EXHAUSTED, SP_ERR_PRECONDITION,
     "etcd is out of space: no change can be made until an operator makes room there"},
    {SP_ERR_INVALID, SP_ERR_PRECONDITION,
     "the change exceeds etcd's limits for one transaction: make a smaller one, or ask the operator to raise them"},
    {SP_OK, SP_ERR_UNAVAILABLE, "unexpected answer from etcd: try again; if it persists, see this instance's log"},
};

enum sp_status sp_source_tell_caller(enum sp_status status, struct sp_error *error) {
    size_t row = 0;
    while (told_failures[row].came != SP_OK && told_failures[row].came != status)
        row++;
    return sp_error_set(error, told_failures[row].told, "%s", told_failures[row].words);
}

enum sp_status sp_source_tell(const struct sp_source_link *link, enum sp_status status, struct sp_error *error) {
    if (!link->for_callers || status == SP_OK)
        return status;
    if (sp_source_may_log_failure(link->shared, status))
        sp_log(SP_LOG_ERROR, "a change failed at etcd: %s: %s", sp_status_name(status), error->message);
    return sp_source_tell_caller(status, error);
}

enum sp_status sp_source_get(const struct sp_source_link *link, const struct sp_etcd_range *range,
                             struct sp_arena *arena, struct sp_etcd_page *ret_page, struct sp_error *error) {
    return sp_source_tell(link, sp_etcd_get(link->etcd, range, arena, ret_page, error), error);
}

enum sp_status sp_source_put(const struct sp_source_link *link, const struct sp_etcd_txn *txn, struct sp_arena *arena,
                             struct sp_etcd_outcome *ret_outcome, struct sp_error *error) {
    enum sp_status status = sp_etcd_commit(link->etcd, txn, arena, ret_outcome, error);
    if (status == SP_ERR_INVALID)
        sp_source_note_refused_size(link->shared);
    return sp_source_tell(link, status, error);
}
