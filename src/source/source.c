#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "source/internal.h"
#include "store/records/create.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/replica/unreadable.h"

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
