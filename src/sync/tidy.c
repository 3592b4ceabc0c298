#include "sync/tidy.h"

#include "admin/removal.h"
#include "base/clock.h"
#include "base/log.h"
#include "source/source.h"
#include "store/lmdb/store.h"
#include "store/records/change.h"
#include "store/records/request.h"
#include "store/records/store_time.h"
#include "store/records/write.h"

enum {
    READERS_EVERY_MS = 5000,
    RECORDS_EVERY_MS = 60000,
    WARN_EVERY_MS = 3600000,
    PIECE = 1000,      /* records or entities removed in one commit */
    SOURCE_PIECE = 50, /* entities, and as many tombstones, in one transaction of etcd */
};

static void clear_dead_readers(struct sp_store *store) {
    int cleared = 0;
    if (sp_store_clear_stale_readers(store, &cleared) == SP_OK && cleared > 0)
        sp_log(SP_LOG_INFO, "cleared the reader slots of %d dead readers", cleared);
}

/* `sallyport-sync grow` sets it in the file. A map that cannot be taken over now is at the next
 * tick. */
static void adopt_larger_map(struct sp_store *store) {
    bool grew = false;
    if (sp_store_adopt_growth(store, &grew) == SP_OK && grew)
        sp_log(SP_LOG_INFO, "adopted the larger map of the store");
}

/* The clock may be wrong, or the store was not served for a while: nothing tells which. */
static void warn_of_clock_ahead(struct sp_tidy *tidy, int64_t ahead_s) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (ahead_s <= SP_STORE_TIME_DAY_S || now_ms < tidy->warn_due_ms)
        return;
    tidy->warn_due_ms = now_ms + WARN_EVERY_MS;
    sp_log(SP_LOG_WARNING,
           "the system clock is %lld hours ahead of this store's clock: check it; until the store's clock has caught "
           "up, at two seconds a second, old changes and request ids are kept longer",
           (long long)ahead_s / 3600);
}

/* *ret_more: a full piece was removed, so there may be more. */
static enum sp_status remove_old_records(struct sp_tidy *tidy, struct sp_write *write, int64_t now_s, bool *ret_more) {
    size_t requests = 0;
    size_t changes = 0;
    int64_t time_s;
    enum sp_status status = sp_view_store_time(sp_write_view(write), now_s, &time_s);
    if (status != SP_OK)
        return status;
    warn_of_clock_ahead(tidy, now_s - time_s);
    status = sp_request_expire(write, time_s, PIECE, &requests);
    if (status != SP_OK)
        return status;
    if (tidy->keep_changes_s > 0)
        status = sp_change_trim(write, time_s - tidy->keep_changes_s, PIECE, &changes);
    if (status != SP_OK)
        return status;
    size_t too_many = 0;
    if (tidy->keep_changes_bytes > 0)
        status = sp_change_trim_to_size(write, tidy->keep_changes_bytes, PIECE, &too_many);
    if (status != SP_OK)
        return status;
    *ret_more = requests == PIECE || changes == PIECE || too_many == PIECE;
    /* A store that follows a source commits when it was last in step with it. */
    return tidy->source == NULL ? sp_write_keep_time(write, now_s) : SP_OK;
}

/* A transaction that finds nothing to remove costs no disk write. */
static enum sp_status commit_removal_of_old(struct sp_tidy *tidy, struct sp_store *store, int64_t now_s, bool *ret_more,
                                            struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_source_begin_tidying(tidy->source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = remove_old_records(tidy, write, now_s, ret_more);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_source_commit_tidying(tidy->source, write, error);
}

/* A change like any other. If several instances try it, all but one lose the race and try again
 * later. */
static enum sp_status remove_deleted(struct sp_tidy *tidy, struct sp_store *store, int64_t now_s,
                                     struct sp_arena *scratch, bool *ret_more, struct sp_error *error) {
    struct sp_write *write = NULL;
    size_t limit = tidy->source != NULL ? SOURCE_PIECE : PIECE;
    enum sp_status status = sp_source_begin(tidy->source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_remove_deleted(write, limit, now_s, scratch, ret_more, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_source_commit(tidy->source, write, error);
}

/* Another change of the same kind. */
static enum sp_status purge_removed_types(struct sp_tidy *tidy, struct sp_store *store, int64_t now_s,
                                          struct sp_arena *scratch, bool *ret_more, struct sp_error *error) {
    struct sp_write *write = NULL;
    struct sp_admin_purge_place place = tidy->purge_place;
    size_t limit = tidy->source != NULL ? SOURCE_PIECE : PIECE;
    enum sp_status status = sp_source_begin(tidy->source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_purge_removed_types(write, &tidy->purge_place, limit, now_s, scratch, &place, ret_more, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    status = sp_source_commit(tidy->source, write, error);
    if (status != SP_OK)
        return status;
    tidy->purge_place = place;
    return SP_OK;
}

static bool is_worth_a_later_try(const struct sp_tidy *tidy, enum sp_status status) {
    return tidy->source != NULL &&
           (status == SP_ERR_ABORTED || status == SP_ERR_UNAVAILABLE || status == SP_ERR_PRECONDITION);
}

static enum sp_status remove_piece(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch,
                                   bool *ret_more_old, bool *ret_more_deleted, struct sp_error *error) {
    int64_t now_s = sp_clock_now_s();
    enum sp_status status = commit_removal_of_old(tidy, store, now_s, ret_more_old, error);
    if (status != SP_OK || !tidy->look_for_deleted)
        return status;
    status = remove_deleted(tidy, store, now_s, scratch, ret_more_deleted, error);
    sp_arena_wipe(scratch);
    if (status != SP_OK || *ret_more_deleted)
        return status;
    status = purge_removed_types(tidy, store, now_s, scratch, ret_more_deleted, error);
    sp_arena_wipe(scratch);
    return status;
}

/* False if it failed; then the next try comes later. */
static bool tidy_records(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch, bool *ret_more) {
    struct sp_error error = {0};
    bool more_deleted = false;
    enum sp_status status = remove_piece(tidy, store, scratch, ret_more, &more_deleted, &error);
    tidy->look_for_deleted = status == SP_OK && more_deleted;
    if (status == SP_OK)
        return true;
    if (is_worth_a_later_try(tidy, status))
        tidy->look_again = true;
    else
        sp_log(SP_LOG_WARNING, "tidying the store failed and will be retried in a minute: %s %s",
               sp_status_name(status), error.message);
    return false;
}

/* Without delay, because until then revisions from before the restore count as known. */
static void begin_epoch_after_restore(struct sp_tidy *tidy, struct sp_arena *scratch) {
    struct sp_error error = {0};
    if (tidy->source == NULL)
        return;
    if (sp_source_begin_restored_epoch(tidy->source, scratch, &error) != SP_OK && error.status != SP_ERR_UNAVAILABLE)
        sp_log(SP_LOG_WARNING, "cannot begin a new epoch in etcd yet: %s", error.message);
    sp_arena_wipe(scratch);
}

static void renew_head(struct sp_tidy *tidy) {
    struct sp_error error = {0};
    if (tidy->source == NULL)
        return;
    if (sp_source_renew_head(tidy->source, &error) != SP_OK && error.status != SP_ERR_UNAVAILABLE)
        sp_log(SP_LOG_WARNING, "cannot renew etcd's head yet: %s", error.message);
}

bool sp_tidy(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch) {
    int64_t now_ms = sp_clock_monotonic_ms();
    bool tick = now_ms >= tidy->readers_due_ms;
    begin_epoch_after_restore(tidy, scratch);
    renew_head(tidy);
    if (tick) {
        clear_dead_readers(store);
        adopt_larger_map(store);
        tidy->readers_due_ms = now_ms + READERS_EVERY_MS;
    }
    if (now_ms < tidy->records_due_ms && !tidy->look_for_deleted)
        return tick;
    tidy->look_for_deleted |= tidy->look_again;
    tidy->look_again = false;
    bool looked = tidy->look_for_deleted;
    bool more = false;
    bool ok = tidy_records(tidy, store, scratch, &more);
    tidy->records_due_ms = ok && more ? now_ms : now_ms + RECORDS_EVERY_MS;
    return tick || (ok && looked);
}
