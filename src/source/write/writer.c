#include "source/write/writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "etcd/client.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/ask.h"
#include "source/shared/head.h"
#include "source/shared/records.h"
#include "source/write/fold.h"
#include "source/write/limits.h"
#include "source/write/room.h"
#include "store/records/epoch.h"
#include "store/records/head.h"
#include "store/records/write.h"
#include "store/replica/cursor.h"
#include "store/replica/source_head.h"

enum { POLL_MS = 20, RENEW_EVERY_MS = 1000 };

enum sp_status sp_source_init_writer(struct sp_source_writer *writer, struct sp_source_shared *shared,
                                     struct sp_etcd *etcd) {
    *writer = (struct sp_source_writer){.link = {.shared = shared, .etcd = etcd}};
    enum sp_status status = sp_arena_init(&writer->journal, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    return sp_arena_init(&writer->outgoing, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
}

void sp_source_fini_writer(struct sp_source_writer *writer) {
    sp_etcd_close(writer->link.etcd);
    sp_arena_fini(&writer->journal);
    sp_arena_fini(&writer->outgoing);
}

/* ---- large changes ---- */

static enum sp_status fold_if_wanted(struct sp_source_writer *writer, struct sp_error *error) {
    if (!writer->pending.fold_wanted)
        return SP_OK;
    writer->pending.fold_wanted = false;
    return sp_source_fold(&writer->link, error);
}

/* A staged change has taken effect already: folding it may wait. */
static void try_fold_if_wanted(struct sp_source_writer *writer) {
    struct sp_error error = {0};
    if (fold_if_wanted(writer, &error) != SP_OK)
        sp_log(SP_LOG_WARNING, "cannot move a large change into place in etcd yet: %s", error.message);
}

/* ---- changes ---- */

/* Once, and again when etcd refused what it took before. */
static enum sp_status learn_limits_if_wanted(struct sp_source_writer *writer, struct sp_error *error) {
    if (writer->link.txn_operations > 0 && !sp_source_take_refused_size(writer->link.shared))
        return SP_OK;
    writer->link.txn_operations = 0;
    return sp_source_learn_limits(&writer->link, error);
}

/* Whether etcd takes smaller transactions than when the last change was put together. */
static bool found_smaller_limits(struct sp_source_writer *writer) {
    size_t before = writer->link.txn_operations;
    struct sp_error error = {0};
    return learn_limits_if_wanted(writer, &error) == SP_OK && writer->link.txn_operations < before;
}

static enum sp_status check_ready(struct sp_source_writer *writer, struct sp_error *error) {
    struct sp_source_shared *shared = writer->link.shared;
    struct sp_source_state state;
    if (shared->follow_only)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "this instance only follows etcd; use an instance that accepts changes");
    sp_source_get_shared_state(shared, &state);
    if (state.unauthenticated && !shared->allow_unauthenticated)
        return sp_source_tell_caller(SP_ERR_PRECONDITION, error);
    if (state.signed_out)
        return sp_source_tell_caller(SP_ERR_UNAUTHENTICATED, error);
    if (!state.reachable)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "cannot reach etcd; nothing was changed: try again");
    if (sp_source_is_followed(shared) && !state.following)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "this instance is still catching up with etcd; nothing was changed: try again");
    if (state.unreadable > 0)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "this release cannot read %zu entities of etcd, so this instance accepts no changes: repair "
            "them, or use an instance of a later release",
            state.unreadable);
    return sp_source_check_signer(shared->keys, NULL, error);
}

enum sp_status sp_source_begin_change(struct sp_source_writer *writer, struct sp_write **ret_write,
                                      struct sp_error *error) {
    enum sp_status status = check_ready(writer, error);
    if (status != SP_OK)
        return status;
    status = learn_limits_if_wanted(writer, error);
    if (status != SP_OK)
        return status;
    sp_source_measure_room(&writer->link, &writer->room_due_ms);
    status = fold_if_wanted(writer, error);
    if (status != SP_OK)
        return status;
    return sp_source_begin_cleaning(writer, ret_write, error);
}

enum sp_status sp_source_commit_change(struct sp_source_writer *writer, struct sp_write *write,
                                       struct sp_error *error) {
    size_t count = 0;
    size_t bytes = 0;
    enum sp_status status;
    sp_write_noted_size(write, &count, &bytes);
    sp_arena_reset(&writer->outgoing);
    if (count == 0)
        status = sp_source_confirm(&writer->link, write, &writer->outgoing, &writer->pending, error);
    else
        status = sp_source_publish(&writer->link, write, &writer->outgoing, &writer->pending, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        if (found_smaller_limits(writer))
            return sp_error_set(error, SP_ERR_ABORTED, "etcd's transaction limit has been lowered; try again");
        return status;
    }
    status = sp_write_commit(write, error);
    if (status != SP_OK || count == 0)
        return status;
    sp_source_raise_head(writer->link.shared, writer->pending.awaited_revision);
    try_fold_if_wanted(writer);
    return SP_OK;
}

/* ---- cleaning ---- */

enum sp_status sp_source_begin_cleaning(struct sp_source_writer *writer, struct sp_write **ret_write,
                                        struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(writer->link.shared->store, &write, error);
    if (status != SP_OK)
        return status;
    sp_arena_reset(&writer->journal);
    if (sp_write_note(write, &writer->journal) != SP_OK) {
        sp_write_abort(write);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    *ret_write = write;
    return SP_OK;
}

enum sp_status sp_source_commit_cleaning(struct sp_source_writer *writer, struct sp_write *write,
                                         struct sp_error *error) {
    struct sp_replica_record *records = NULL;
    struct sp_error ignored = {0};
    size_t count = 0;
    enum sp_status status = sp_write_noted(write, &records, &count);
    if (status != SP_OK) {
        sp_write_abort(write);
        return sp_error_set(error, status, "out of memory");
    }
    status = sp_write_commit(write, error);
    if (status != SP_OK)
        return status;
    if (writer->link.shared->follow_only || learn_limits_if_wanted(writer, &ignored) != SP_OK)
        return SP_OK; /* what is not removed now is later */
    sp_source_clean(&writer->link, &writer->cleaner, records, count);
    return SP_OK;
}

/* ---- waiting for the store ---- */

bool sp_source_await_winner(struct sp_source_writer *writer, unsigned timeout_ms) {
    struct sp_source_shared *shared = writer->link.shared;
    try_fold_if_wanted(writer);
    sp_source_count_lost_race(shared);
    return sp_source_await_head(shared, writer->pending.awaited_revision, sp_clock_monotonic_ms() + timeout_ms);
}

static enum sp_status compare_store_head(struct sp_source_writer *writer, bool *ret_there, struct sp_error *error) {
    struct sp_source_found found;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    sp_arena_reset(&writer->outgoing);
    enum sp_status status = sp_source_ask_head(&writer->link, &writer->outgoing, &found, error);
    if (status != SP_OK)
        return status;
    status = sp_source_read_newest_cursor(writer->link.shared->store, &writer->outgoing, &cursor, &head, error);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_there = status == SP_OK && cursor.head_revision >= found.head_revision;
    return SP_OK;
}

enum sp_status sp_source_await_store(struct sp_source_writer *writer, unsigned timeout_ms, struct sp_error *error) {
    int64_t until_ms = sp_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        bool there = false;
        enum sp_status status = compare_store_head(writer, &there, error);
        if (status != SP_OK || there)
            return status;
        if (sp_clock_monotonic_ms() >= until_ms)
            return sp_error_set(error, SP_ERR_UNAVAILABLE,
                                "this store is behind etcd: is `sallyport-sync serve --source` following it?");
        sp_clock_sleep_ms(POLL_MS);
    }
}

/* ---- after a restore of etcd ---- */

enum sp_status sp_source_write_restored_epoch(struct sp_source_writer *writer, struct sp_arena *arena,
                                              struct sp_error *error) {
    struct sp_source_shared *shared = writer->link.shared;
    struct sp_write *write = NULL;
    struct sp_revision revision;
    uint64_t restored_epoch = sp_source_get_restored_epoch(shared);
    if (restored_epoch == 0 || shared->follow_only)
        return SP_OK;
    enum sp_status status = sp_source_begin_change(writer, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_write_view(write), &revision);
    if (status != SP_OK) {
        status = sp_error_set(error, status, "the store's head is damaged");
        goto abort;
    }
    if (revision.epoch > restored_epoch) { /* another instance has begun it */
        sp_source_set_restored_epoch(shared, 0);
        goto abort;
    }
    status = sp_write_begin_epoch(write, restored_epoch, "source", "Restore", sp_clock_now_s(), arena);
    if (status != SP_OK) {
        status = sp_error_set(error, status, "cannot begin an epoch");
        goto abort;
    }
    status = sp_source_commit_change(writer, write, error);
    if (status != SP_OK)
        return status;
    sp_source_set_restored_epoch(shared, 0);
    sp_log(SP_LOG_WARNING, "began a new epoch, because etcd was restored from a backup");
    return SP_OK;
abort:
    sp_write_abort(write);
    return status;
}

/* ---- a head of this release, and signed by this instance's key ---- */

static enum sp_status is_renewal_wanted(struct sp_source_writer *writer, bool *ret_wanted, struct sp_error *error) {
    struct sp_source_shared *shared = writer->link.shared;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    int64_t now_ms = sp_clock_monotonic_ms();
    *ret_wanted = false;
    if (shared->follow_only || now_ms < writer->renewal_due_ms)
        return SP_OK;
    writer->renewal_due_ms = now_ms + RENEW_EVERY_MS;
    sp_arena_reset(&writer->outgoing);
    enum sp_status status = sp_source_read_newest_cursor(shared->store, &writer->outgoing, &cursor, &head, error);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    *ret_wanted =
        head->staged == NULL && (sp_replica_is_old_head(head) || !sp_source_has_own_signature(shared->keys, head));
    return SP_OK;
}

enum sp_status sp_source_write_renewed_head(struct sp_source_writer *writer, struct sp_error *error) {
    struct sp_write *write = NULL;
    bool wanted = false;
    enum sp_status status = is_renewal_wanted(writer, &wanted, error);
    if (status != SP_OK || !wanted)
        return status;
    status = sp_source_begin_change(writer, &write, error);
    if (status != SP_OK)
        return status;
    sp_arena_reset(&writer->outgoing);
    status = sp_source_publish(&writer->link, write, &writer->outgoing, &writer->pending, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status == SP_ERR_ABORTED ? SP_OK : status; /* whoever was first may have renewed it */
    }
    status = sp_write_commit(write, error);
    if (status != SP_OK)
        return status;
    sp_source_raise_head(writer->link.shared, writer->pending.awaited_revision);
    sp_log(SP_LOG_INFO, "renewed etcd's head in this release's format, signed if this instance has a key");
    return SP_OK;
}
