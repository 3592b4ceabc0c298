#include "sync/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/epoch.h"
#include "sync/source_internal.h"

enum { CLEAN_EVERY_MS = 60000, JOIN_LOOK_MS = 20 };

/* ---- the store's side ---- */

/* Endpoints may change; what a store follows is told by the prefix, and the store's id in the head. */
enum sp_status sp_source_name(const char *url, char ret_name[static SP_SOURCE_NAME_BYTES], struct sp_error *error) {
    struct sp_str endpoints;
    struct sp_str prefix;
    enum sp_status status = sp_source_read_url(url, &endpoints, &prefix, error);
    if (status != SP_OK)
        return status;
    int size = snprintf(ret_name, SP_SOURCE_NAME_BYTES, "etcd:%.*s", SP_STR_ARG(prefix));
    return size > 0 && size < SP_SOURCE_NAME_BYTES ? SP_OK
                                                   : sp_error_set(error, SP_ERR_INVALID, "the prefix is too long");
}

enum sp_status sp_source_make_store(const struct sp_source_options *options, const char *path, uint64_t map_size_bytes,
                                    struct sp_error *error) {
    char name[SP_SOURCE_NAME_BYTES];
    enum sp_status status = sp_source_name(options->url, name, error);
    if (status != SP_OK)
        return status;
    const struct sp_store_create_options create = {
        .map_size_bytes = map_size_bytes,
        .key_prefix = SP_STR_LITERAL("sp_"),
        .now_s = sp_clock_now_s(),
        .source = sp_str_from(name),
    };
    status = sp_store_create(path, &create, error);
    return status == SP_ERR_EXISTS ? SP_OK : status;
}

static enum sp_status check_source(struct sp_view *view, const char *name, struct sp_error *error) {
    struct sp_str source;
    enum sp_status status = sp_view_source(view, &source);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store does not tell what it follows");
    if (sp_str_equal(source, sp_str_from(name)))
        return SP_OK;
    if (sp_str_equal(source, SP_STR_LITERAL("embedded")))
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "this store is the truth itself: `sallyport-sync migrate --to` moves it to etcd, or give an "
            "empty folder");
    return sp_error_set(error, SP_ERR_PRECONDITION, "this store follows %.*s: give another folder, or an empty one",
                        SP_STR_ARG(source));
}

static enum sp_status read_revision(struct sp_source *source, struct sp_view *view, struct sp_error *error) {
    struct sp_revision revision;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_view_revision(view, &revision);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store's head is damaged");
    status = sp_view_replica(view, &source->notes, &cursor, &head);
    source->state.filled = revision.number > 0;
    source->list_wanted = status == SP_ERR_NOT_FOUND || revision.number == 0;
    if (status == SP_OK)
        source->head_revision = cursor.head_revision;
    return status == SP_ERR_NOT_FOUND ? SP_OK : status;
}

static enum sp_status look_at_store(struct sp_source *source, struct sp_error *error) {
    char name[SP_SOURCE_NAME_BYTES];
    struct sp_snapshot *snapshot = NULL;
    size_t unreadable = 0;
    enum sp_status status = sp_source_name(source->options.url, name, error);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_open(source->store, &snapshot);
    if (status == SP_OK)
        status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK) {
        sp_snapshot_close(snapshot);
        return sp_error_set(error, status, "the store cannot be read");
    }
    status = check_source(sp_snapshot_view(snapshot), name, error);
    if (status == SP_OK)
        status = sp_view_unreadable(sp_snapshot_view(snapshot), &unreadable);
    if (status == SP_OK)
        status = read_revision(source, sp_snapshot_view(snapshot), error);
    source->state.unreadable = unreadable;
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return status;
}

enum sp_status sp_source_check_embedded(struct sp_store *store, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_str followed = {NULL, 0};
    enum sp_status status = sp_snapshot_open(store, &snapshot);
    if (status == SP_OK)
        status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK) {
        status = sp_view_source(sp_snapshot_view(snapshot), &followed);
        if (status == SP_OK && !sp_str_equal(followed, SP_STR_LITERAL("embedded")))
            status =
                sp_error_set(error, SP_ERR_PRECONDITION,
                             "this store follows %.*s: say --source=etcd://HOST:PORT/PREFIX/", SP_STR_ARG(followed));
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
    return status == SP_OK || status == SP_ERR_PRECONDITION
               ? status
               : sp_error_set(error, status, "the store does not tell what it follows");
}

/* ---- open and close ---- */

static enum sp_status connect_both(struct sp_source *source, struct sp_error *error) {
    struct sp_str endpoints;
    enum sp_status status = sp_source_read_url(source->options.url, &endpoints, &source->prefix, error);
    const struct sp_etcd_options options = {
        .endpoints = endpoints,
        .ca_file = source->options.ca_file,
        .cert_file = source->options.cert_file,
        .key_file = source->options.key_file,
        .user = source->options.user,
        .password_file = source->options.password_file,
    };
    if (status == SP_OK)
        status = sp_etcd_open(&options, &source->follow, error);
    return status == SP_OK ? sp_etcd_open(&options, &source->write, error) : status;
}

static enum sp_status open_source(const struct sp_source_options *options, struct sp_store *store, bool follows,
                                  struct sp_source **ret_source, struct sp_error *error) {
    pthread_condattr_t attributes;
    struct sp_source *source = calloc(1, sizeof *source);
    if (source == NULL ||
        sp_arena_init(&source->notes, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES) != SP_OK ||
        sp_arena_init(&source->journal, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES) != SP_OK) {
        if (source != NULL)
            sp_arena_fini(&source->notes);
        free(source);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    source->options = *options;
    source->store = store;
    pthread_mutex_init(&source->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&source->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    source->compare_due_ms = sp_clock_monotonic_ms() + (int64_t)options->compare_every_s * 1000;
    enum sp_status status = connect_both(source, error);
    if (status == SP_OK && follows)
        status = look_at_store(source, error);
    if (status == SP_OK)
        *ret_source = source;
    else
        sp_source_close(source);
    return status;
}

enum sp_status sp_source_open(const struct sp_source_options *options, struct sp_store *store,
                              struct sp_source **ret_source, struct sp_error *error) {
    return open_source(options, store, true, ret_source, error);
}

enum sp_status sp_source_open_for_upload(const struct sp_source_options *options, struct sp_store *store,
                                         struct sp_source **ret_source, struct sp_error *error) {
    return open_source(options, store, false, ret_source, error);
}

void sp_source_close(struct sp_source *source) {
    if (source == NULL)
        return;
    sp_etcd_close(source->follow);
    sp_etcd_close(source->write);
    sp_arena_fini(&source->notes);
    sp_arena_fini(&source->journal);
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

enum sp_status sp_source_start(struct sp_source *source, void (*applied)(void *user), void *user,
                               struct sp_error *error) {
    source->applied = applied;
    source->applied_user = user;
    int failed = pthread_create(&source->thread, NULL, sp_source_follow, source);
    if (failed != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot start the follower's thread: %s", strerror(failed));
    source->running = true;
    return SP_OK;
}

void sp_source_stop(struct sp_source *source) {
    if (source == NULL || !source->running)
        return;
    pthread_mutex_lock(&source->lock);
    source->stopping = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    pthread_join(source->thread, NULL);
    source->running = false;
}

/* ---- what both threads know ---- */

void sp_source_reached(struct sp_source *source) {
    pthread_mutex_lock(&source->lock);
    source->reached_ms = sp_clock_monotonic_ms();
    pthread_mutex_unlock(&source->lock);
}

void sp_source_in_step(struct sp_source *source, int64_t at_ms) {
    pthread_mutex_lock(&source->lock);
    source->in_step_ms = at_ms;
    pthread_mutex_unlock(&source->lock);
}

void sp_source_set_head(struct sp_source *source, uint64_t head_revision) {
    pthread_mutex_lock(&source->lock);
    if (source->head_revision < head_revision)
        source->head_revision = head_revision;
    source->state.filled = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

void sp_source_reset_head(struct sp_source *source, uint64_t head_revision) {
    pthread_mutex_lock(&source->lock);
    source->head_revision = head_revision;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

void sp_source_set_following(struct sp_source *source, bool following) {
    pthread_mutex_lock(&source->lock);
    source->state.following = following;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

bool sp_source_is_stopping(struct sp_source *source) {
    pthread_mutex_lock(&source->lock);
    bool stopping = source->stopping;
    pthread_mutex_unlock(&source->lock);
    return stopping;
}

void sp_source_get_state(struct sp_source *source, struct sp_source_state *ret_state) {
    pthread_mutex_lock(&source->lock);
    *ret_state = source->state;
    ret_state->age_ms = source->in_step_ms == 0 ? -1 : sp_clock_monotonic_ms() - source->in_step_ms;
    ret_state->reachable =
        source->reached_ms != 0 && sp_clock_monotonic_ms() - source->reached_ms <= SP_SOURCE_REACHABLE_MS;
    pthread_mutex_unlock(&source->lock);
}

/* ---- before and after a change ---- */

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

enum sp_status sp_source_read_cursor(struct sp_source *source, struct sp_arena *arena,
                                     struct sp_replica_cursor *ret_cursor,
                                     Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_open(source->store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK) {
        status = sp_view_replica(sp_snapshot_view(snapshot), arena, ret_cursor, ret_head);
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
    return status;
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

/* ---- cleaning ---- */

static void remove_changes(struct sp_source *source, struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_source_found found;
    struct sp_etcd_outcome outcome;
    uint8_t from[8] = {0};
    uint8_t to[8];
    if (sp_source_ask_head(source, source->write, arena, &found, &error) != SP_OK ||
        found.head->anchor_number <= source->cleaned_anchor)
        return;
    sp_store_be64(to, found.head->anchor_number + 1);
    const struct sp_etcd_operation remove = {
        .what = SP_ETCD_DELETE,
        .key = sp_source_key_record(source, SP_REPLICA_CHANGE, (struct sp_bytes){from, 8}, 0, arena),
        .end = sp_source_key_record(source, SP_REPLICA_CHANGE, (struct sp_bytes){to, 8}, 0, arena),
    };
    const struct sp_etcd_txn txn = {.operations = &remove, .operation_count = 1};
    if (remove.key.data != NULL && remove.end.data != NULL &&
        sp_etcd_commit(source->write, &txn, arena, &outcome, &error) == SP_OK)
        source->cleaned_anchor = found.head->anchor_number;
}

static void remove_requests(struct sp_source *source, const struct sp_replica_record *expired, size_t count,
                            struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_etcd_outcome outcome;
    struct sp_source_operations operations = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        if (expired[i].space != SP_REPLICA_REQUEST || !expired[i].deleted)
            continue;
        if (sp_source_operations_add(&operations, source, &expired[i]) != SP_OK)
            return;
    }
    for (size_t at = 0; at < operations.count; at += SP_SOURCE_TXN_OPERATIONS) {
        size_t left = operations.count - at;
        const struct sp_etcd_txn txn = {
            .operations = operations.items + at,
            .operation_count = left < SP_SOURCE_TXN_OPERATIONS ? left : SP_SOURCE_TXN_OPERATIONS,
        };
        if (sp_etcd_commit(source->write, &txn, arena, &outcome, &error) != SP_OK)
            return;
    }
}

void sp_source_clean(struct sp_source *source, const struct sp_replica_record *expired, size_t count) {
    struct sp_arena arena;
    struct sp_source_state state;
    sp_source_get_state(source, &state);
    if (source->options.follow_only || !state.reachable ||
        sp_arena_init(&arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES) != SP_OK)
        return;
    if (count > 0)
        remove_requests(source, expired, count, &arena);
    if (sp_clock_monotonic_ms() >= source->clean_due_ms) {
        source->clean_due_ms = sp_clock_monotonic_ms() + CLEAN_EVERY_MS;
        remove_changes(source, &arena);
        sp_source_clean_staged(source, &arena);
    }
    sp_arena_fini(&arena);
}
