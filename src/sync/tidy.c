#include "sync/tidy.h"

#include <time.h>

#include "admin/admin.h"
#include "base/log.h"
#include "source/source.h"
#include "store/records/change.h"
#include "store/records/request.h"

enum {
    READERS_EVERY_MS = 5000,
    RECORDS_EVERY_MS = 60000,
    PIECE = 1000,      /* records or entities removed in one commit */
    SOURCE_PIECE = 50, /* entities, and as many tombstones, in one transaction of etcd */
};

static int64_t clock_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void clear_readers(struct sp_store *store) {
    int cleared = 0;
    if (sp_store_clear_stale_readers(store, &cleared) == SP_OK && cleared > 0)
        sp_log(SP_LOG_INFO, "cleared the reader slots of %d dead readers", cleared);
}

/* *ret_more: a whole piece was removed, so there may be more. */
static enum sp_status remove_old(struct sp_tidy *tidy, struct sp_write *write, int64_t now_s, bool *ret_more) {
    size_t requests = 0;
    size_t changes = 0;
    enum sp_status status = sp_request_expire(write, now_s, PIECE, &requests);
    if (status == SP_OK && tidy->keep_changes_s > 0)
        status = sp_change_trim(write, now_s - tidy->keep_changes_s, PIECE, &changes);
    *ret_more = requests == PIECE || changes == PIECE;
    return status;
}

/* A transaction; one in which nothing was found costs no disk write. */
static enum sp_status forget_old(struct sp_tidy *tidy, struct sp_store *store, int64_t now_s, bool *ret_more,
                                 struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_source_begin_tidying(tidy->source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = remove_old(tidy, write, now_s, ret_more);
    if (status == SP_OK)
        return sp_source_commit_tidying(tidy->source, write, error);
    sp_write_abort(write);
    return status;
}

/* A change like any other. Of several instances that try it, one loses the race, and looks again later. */
static enum sp_status remove_deleted(struct sp_tidy *tidy, struct sp_store *store, int64_t now_s,
                                     struct sp_arena *scratch, bool *ret_more, struct sp_error *error) {
    struct sp_write *write = NULL;
    size_t limit = tidy->source != NULL ? SOURCE_PIECE : PIECE;
    enum sp_status status = sp_source_begin(tidy->source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_remove_deleted(write, limit, now_s, scratch, ret_more, error);
    if (status == SP_OK)
        return sp_source_commit(tidy->source, write, error);
    sp_write_abort(write);
    return status;
}

static bool is_for_later(const struct sp_tidy *tidy, enum sp_status status) {
    return tidy->source != NULL &&
           (status == SP_ERR_ABORTED || status == SP_ERR_UNAVAILABLE || status == SP_ERR_PRECONDITION);
}

static bool remove_piece(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch, bool *ret_more) {
    struct sp_error error = {0};
    bool more_deleted = false;
    int64_t now_s = clock_ms(CLOCK_REALTIME) / 1000;
    enum sp_status status = forget_old(tidy, store, now_s, ret_more, &error);
    if (status == SP_OK && tidy->look_for_deleted)
        status = remove_deleted(tidy, store, now_s, scratch, &more_deleted, &error);
    sp_arena_wipe(scratch);
    if (is_for_later(tidy, status)) {
        tidy->look_for_deleted = false;
        tidy->look_again = true;
        return false;
    }
    if (status != SP_OK) {
        sp_log(SP_LOG_WARNING, "tidying the store failed, and is tried again in a minute: %s %s",
               sp_status_name(status), error.message);
        return false;
    }
    tidy->look_for_deleted = more_deleted;
    return true;
}

/* At once: until then revisions of before the restore are believed. */
static void mend_epoch(struct sp_tidy *tidy, struct sp_arena *scratch) {
    struct sp_error error = {0};
    if (tidy->source == NULL)
        return;
    if (sp_source_mend_epoch(tidy->source, scratch, &error) != SP_OK && error.status != SP_ERR_UNAVAILABLE)
        sp_log(SP_LOG_WARNING, "no new epoch can be begun in etcd yet: %s", error.message);
    sp_arena_wipe(scratch);
}

bool sp_tidy(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch) {
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    bool tick = now_ms >= tidy->readers_due_ms;
    mend_epoch(tidy, scratch);
    if (tick) {
        clear_readers(store);
        tidy->readers_due_ms = now_ms + READERS_EVERY_MS;
    }
    if (now_ms < tidy->records_due_ms && !tidy->look_for_deleted)
        return tick;
    tidy->look_for_deleted |= tidy->look_again;
    tidy->look_again = false;
    bool looked = tidy->look_for_deleted;
    bool more = false;
    bool ok = remove_piece(tidy, store, scratch, &more);
    if (!ok)
        tidy->look_for_deleted = false;
    tidy->records_due_ms = ok && more ? now_ms : now_ms + RECORDS_EVERY_MS;
    return tick || (ok && looked);
}
