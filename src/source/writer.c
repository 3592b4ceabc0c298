/* Before and after a change that goes to the source. */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/internal.h"
#include "store/records/epoch.h"
#include "store/records/head.h"

enum { JOIN_LOOK_MS = 20 };

static enum sp_status check_ready(struct sp_source *source, struct sp_error *error) {
    struct sp_source_state state;
    if (source->options.follow_only)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "this instance only follows etcd: send changes to one that makes them");
    sp_source_get_state(source, &state);
    if (!state.reachable)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd cannot be reached: nothing was changed; ask again");
    if (source->running && !state.following)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "this instance is still catching up with etcd: nothing was changed; ask again");
    if (state.unreadable > 0)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "%zu entities of etcd cannot be read by this release, so that it makes no changes: mend them, or "
            "send changes to an instance of a later release",
            state.unreadable);
    if (!source->fold_wanted)
        return SP_OK;
    source->fold_wanted = false;
    return sp_source_fold(source, error);
}

enum sp_status sp_source_begin(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                               struct sp_error *error) {
    enum sp_status status = source == NULL ? SP_OK : check_ready(source, error);
    return status == SP_OK ? sp_source_begin_tidying(source, store, ret_write, error) : status;
}

enum sp_status sp_source_commit(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    size_t count = 0;
    size_t bytes = 0;
    if (source == NULL)
        return sp_write_commit(write, error);
    sp_write_noted_size(write, &count, &bytes);
    enum sp_status status =
        count == 0 ? sp_source_confirm(source, write, error) : sp_source_publish(source, write, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    status = sp_write_commit(write, error);
    if (status == SP_OK && count > 0)
        sp_source_published(source);
    return status;
}

bool sp_source_is_full(const struct sp_source *source, const struct sp_write *write) {
    size_t count = 0;
    size_t bytes = 0;
    sp_write_noted_size(write, &count, &bytes);
    return source != NULL && (count >= SP_SOURCE_TXN_OPERATIONS / 2 || bytes >= SP_SOURCE_TXN_BYTES / 2);
}

enum sp_status sp_source_begin_tidying(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                                       struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status == SP_OK && source != NULL) {
        sp_arena_reset(&source->journal);
        if (sp_write_note(write, &source->journal) != SP_OK) {
            sp_write_abort(write);
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        }
    }
    if (status == SP_OK)
        *ret_write = write;
    return status;
}

enum sp_status sp_source_commit_tidying(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    struct sp_replica_record *records = NULL;
    size_t count = 0;
    if (source == NULL)
        return sp_write_commit(write, error);
    enum sp_status status = sp_write_noted(write, &records, &count);
    if (status != SP_OK) {
        sp_write_abort(write);
        return sp_error_set(error, status, "out of memory");
    }
    status = sp_write_commit(write, error);
    if (status == SP_OK)
        sp_source_clean(source, records, count);
    return status;
}

bool sp_source_await(struct sp_source *source, unsigned timeout_ms) {
    struct sp_error error = {0};
    if (source->fold_wanted) {
        source->fold_wanted = false;
        if (sp_source_fold(source, &error) != SP_OK)
            sp_log(SP_LOG_WARNING, "a large change cannot be written to its places yet: %s", error.message);
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + (int64_t)timeout_ms * 1000000;
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    int result = 0;
    pthread_mutex_lock(&source->lock);
    source->state.lost_races++;
    while (source->head_revision < source->awaited_revision && !source->stopping && result == 0)
        result = pthread_cond_timedwait(&source->changed, &source->lock, &until);
    bool there = source->head_revision >= source->awaited_revision;
    pthread_mutex_unlock(&source->lock);
    return there;
}

static enum sp_status join_once(struct sp_source *source, bool *ret_there, struct sp_error *error) {
    struct sp_source_found found;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    sp_arena_reset(&source->notes);
    enum sp_status status = sp_source_ask_head(source, source->write, &source->notes, &found, error);
    if (status != SP_OK)
        return status;
    status = sp_source_read_cursor(source, &source->notes, &cursor, &head);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return sp_error_set(error, status, "the store does not tell where in etcd it is");
    *ret_there = status == SP_OK && cursor.head_revision >= found.head_revision;
    return SP_OK;
}

enum sp_status sp_source_join(struct sp_source *source, unsigned timeout_ms, struct sp_error *error) {
    int64_t until_ms = sp_clock_monotonic_ms() + timeout_ms;
    bool there = false;
    enum sp_status status = join_once(source, &there, error);
    while (status == SP_OK && !there && sp_clock_monotonic_ms() < until_ms) {
        nanosleep(&(struct timespec){.tv_nsec = JOIN_LOOK_MS * 1000000L}, NULL);
        status = join_once(source, &there, error);
    }
    if (status == SP_OK && !there)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "this store is behind etcd: `sallyport-sync serve --source` must be following it");
    return status;
}

static uint64_t epoch_wanted(struct sp_source *source) {
    pthread_mutex_lock(&source->lock);
    uint64_t above = source->new_epoch;
    pthread_mutex_unlock(&source->lock);
    return above;
}

static void epoch_begun(struct sp_source *source) {
    pthread_mutex_lock(&source->lock);
    source->new_epoch = 0;
    pthread_mutex_unlock(&source->lock);
}

enum sp_status sp_source_mend_epoch(struct sp_source *source, struct sp_arena *arena, struct sp_error *error) {
    struct sp_write *write = NULL;
    struct sp_revision revision;
    uint64_t above = epoch_wanted(source);
    if (above == 0 || source->options.follow_only)
        return SP_OK;
    enum sp_status status = sp_source_begin(source, source->store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_write_view(write), &revision);
    /* Another instance may have done it. */
    bool done = status == SP_OK && revision.epoch > above;
    if (status == SP_OK && !done)
        status = sp_write_begin_epoch(write, above, "source", "Restore", sp_clock_now_s(), arena);
    if (status == SP_OK && !done)
        status = sp_source_commit(source, write, error);
    else
        sp_write_abort(write);
    if (status != SP_OK)
        return status;
    if (!done)
        sp_log(SP_LOG_WARNING, "a new epoch begins, because etcd was restored from a backup");
    epoch_begun(source);
    return SP_OK;
}
