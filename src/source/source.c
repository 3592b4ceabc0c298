#include "source/source.h"

#include <stdlib.h>

#include "base/clock.h"
#include "etcd/client.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/follow/compare.h"
#include "source/follow/follower.h"
#include "source/follow/list.h"
#include "source/shared/head.h"
#include "source/shared/url.h"
#include "source/write/limits.h"
#include "source/write/upload.h"
#include "source/write/writer.h"
#include "store/records/create.h"
#include "store/records/followed_source.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/replica/cursor.h"
#include "store/replica/set_back.h"
#include "store/replica/unreadable.h"

enum { PATIENCE_MS = 10 * 1000 };

struct sp_source {
    const char *url;
    struct sp_source_shared shared;
    struct sp_source_follower follower;
    struct sp_source_writer writer;
};

/* ---- what a store follows ---- */

enum sp_status sp_source_make_store(const struct sp_source_options *options, const char *path, uint64_t map_size_bytes,
                                    struct sp_error *error) {
    char name[SP_SOURCE_NAME_BYTES];
    enum sp_status status = sp_source_make_name(options->url, name, error);
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

static enum sp_status read_followed(struct sp_view *view, struct sp_str *ret_followed, struct sp_error *error) {
    enum sp_status status = sp_view_source(view, ret_followed);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's source");
    return SP_OK;
}

static enum sp_status check_follows(struct sp_view *view, const char *name, struct sp_error *error) {
    struct sp_str followed;
    enum sp_status status = read_followed(view, &followed, error);
    if (status != SP_OK)
        return status;
    if (sp_str_equal(followed, sp_str_from(name)))
        return SP_OK;
    if (sp_str_equal(followed, SP_STR_LITERAL("embedded")))
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "this store does not use etcd; move it there with `sallyport-sync migrate --to`, or use an "
                            "empty folder");
    return sp_error_set(error, SP_ERR_PRECONDITION, "this store follows %.*s; use another or an empty folder",
                        SP_STR_ARG(followed));
}

/* Calls `check` with a view of the store's newest state. */
static enum sp_status check_store(struct sp_store *store,
                                  enum sp_status (*check)(void *context, struct sp_view *view, struct sp_error *error),
                                  void *context, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store");
    status = check(context, sp_snapshot_view(snapshot), error);
    sp_snapshot_end(snapshot);
    return status;
}

static enum sp_status check_embedded(void *context, struct sp_view *view, struct sp_error *error) {
    struct sp_str followed;
    (void)context;
    enum sp_status status = read_followed(view, &followed, error);
    if (status != SP_OK)
        return status;
    if (!sp_str_equal(followed, SP_STR_LITERAL("embedded")))
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "this store follows %.*s; give --source=etcd://HOST:PORT/PREFIX/", SP_STR_ARG(followed));
    return SP_OK;
}

enum sp_status sp_source_check_embedded(struct sp_store *store, struct sp_error *error) {
    return check_store(store, check_embedded, NULL, error);
}

/* ---- open and close ---- */

/* What the store holds of the source. */
struct position {
    char name[SP_SOURCE_NAME_BYTES];
    bool filled; /* it has a revision */
    bool listed; /* it has a cursor and a revision */
    uint64_t head_revision;
    size_t unreadable;
    struct sp_revision set_back; /* zero: etcd did not go back, or an epoch has begun since */
    struct sp_arena arena;
};

static enum sp_status read_position_head(struct position *position, struct sp_view *view,
                                         struct sp_revision *ret_revision) {
    enum sp_status status = sp_view_unreadable(view, &position->unreadable);
    if (status != SP_OK)
        return status;
    status = sp_view_set_back(view, &position->set_back);
    if (status != SP_OK)
        return status;
    return sp_view_revision(view, ret_revision);
}

static enum sp_status read_position(void *context, struct sp_view *view, struct sp_error *error) {
    struct position *position = context;
    struct sp_revision revision;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = check_follows(view, position->name, error);
    if (status != SP_OK)
        return status;
    status = read_position_head(position, view, &revision);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store's head is damaged");
    position->filled = revision.number > 0;
    status = sp_source_read_cursor(view, &position->arena, &cursor, &head, error);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    position->listed = position->filled;
    position->head_revision = cursor.head_revision;
    return SP_OK;
}

static enum sp_status open_etcd(const struct sp_source_options *options, struct sp_str endpoints,
                                bool allow_unauthenticated, struct sp_etcd **ret_etcd, struct sp_error *error) {
    const struct sp_etcd_options etcd = {
        .endpoints = endpoints,
        .ca_file = options->ca_file,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .user = options->user,
        .password_file = options->password_file,
        .allow_unauthenticated = allow_unauthenticated,
        .patience_ms = PATIENCE_MS,
        .transport = options->transport,
    };
    return sp_etcd_open(&etcd, ret_etcd, error);
}

/* Makes the three parts, with a client of etcd for each owner. */
static enum sp_status init_parts(struct sp_source *source, const struct sp_source_options *options,
                                 struct sp_store *store, const struct position *position, struct sp_error *error) {
    struct sp_str endpoints;
    struct sp_str prefix;
    struct sp_etcd *etcd = NULL;
    enum sp_status status = sp_source_read_url(options->url, &endpoints, &prefix, error);
    if (status != SP_OK)
        return status;
    sp_source_init_shared(&source->shared, store, prefix, options->follow_only);
    source->shared.inspect_only = options->inspect_only;
    source->shared.accept_rollback = options->accept_rollback;
    source->shared.allow_unauthenticated = options->allow_unauthenticated;
    status = sp_signing_keys_open(options->signing_key_file, options->verify_keys_file, &source->shared.keys, error);
    if (status != SP_OK)
        goto fini_shared;
    if (position->filled)
        sp_source_raise_head(&source->shared, position->head_revision);
    sp_source_set_unreadable(&source->shared, position->unreadable);
    sp_source_set_restored_epoch(&source->shared, position->set_back.epoch);
    /* What is followed needs no trust in who may write there, if heads are signed. */
    status = open_etcd(options, endpoints, options->allow_unauthenticated || options->verify_keys_file != NULL, &etcd,
                       error);
    if (status != SP_OK)
        goto fini_shared;
    status =
        sp_source_init_follower(&source->follower, &source->shared, etcd, !position->listed, options->compare_every_s);
    if (status != SP_OK) {
        status = sp_error_set(error, status, "out of memory");
        goto fini_follower;
    }
    status = open_etcd(options, endpoints, options->allow_unauthenticated, &etcd, error);
    if (status != SP_OK)
        goto fini_follower;
    status = sp_source_init_writer(&source->writer, &source->shared, etcd);
    if (status == SP_OK)
        return SP_OK;
    status = sp_error_set(error, status, "out of memory");
    sp_source_fini_writer(&source->writer);
fini_follower:
    sp_source_fini_follower(&source->follower);
fini_shared:
    sp_signing_keys_close(source->shared.keys);
    sp_source_fini_shared(&source->shared);
    return status;
}

static enum sp_status make_source(const struct sp_source_options *options, struct sp_store *store,
                                  const struct position *position, struct sp_source **ret_source,
                                  struct sp_error *error) {
    struct sp_source *source = calloc(1, sizeof(*source));
    if (source == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    source->url = options->url;
    enum sp_status status = init_parts(source, options, store, position, error);
    if (status != SP_OK) {
        free(source);
        return status;
    }
    *ret_source = source;
    return SP_OK;
}

enum sp_status sp_source_open(const struct sp_source_options *options, struct sp_store *store,
                              struct sp_source **ret_source, struct sp_error *error) {
    struct position position = {.filled = false};
    enum sp_status status = sp_source_make_name(options->url, position.name, error);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&position.arena, 4096, 1 << 20);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = check_store(store, read_position, &position, error);
    if (status == SP_OK)
        status = make_source(options, store, &position, ret_source, error);
    sp_arena_fini(&position.arena);
    return status;
}

enum sp_status sp_source_open_for_upload(const struct sp_source_options *options, struct sp_store *store,
                                         struct sp_source **ret_source, struct sp_error *error) {
    const struct position nothing = {.filled = false};
    return make_source(options, store, &nothing, ret_source, error);
}

void sp_source_close(struct sp_source *source) {
    if (source == NULL)
        return;
    sp_source_fini_writer(&source->writer);
    sp_source_fini_follower(&source->follower);
    sp_signing_keys_close(source->shared.keys);
    sp_source_fini_shared(&source->shared);
    free(source);
}

/* ---- shared ---- */

void sp_source_get_state(struct sp_source *source, struct sp_source_state *ret_state) {
    sp_source_get_shared_state(&source->shared, ret_state);
}

/* ---- the follower ---- */

void sp_source_serve_callers(struct sp_source *source) {
    if (source == NULL)
        return;
    source->writer.link.for_callers = true;
    sp_etcd_set_patience(source->writer.link.etcd, 0);
}

enum sp_status sp_source_start(struct sp_source *source, void (*applied)(void *user), void *user,
                               struct sp_error *error) {
    sp_etcd_set_patience(source->follower.link.etcd, 0);
    return sp_source_start_follower(&source->follower, applied, user, error);
}

void sp_source_stop(struct sp_source *source) {
    if (source != NULL)
        sp_source_stop_follower(&source->follower);
}

enum sp_status sp_source_list(struct sp_source *source, struct sp_error *error) {
    return sp_source_list_all(&source->follower.link, error);
}

enum sp_status sp_source_compare(struct sp_source *source, sp_source_report *report, void *context,
                                 uint64_t *ret_compared, uint64_t *ret_differences, struct sp_error *error) {
    return sp_source_compare_all(&source->follower.link, report, context, ret_compared, ret_differences, error);
}

/* ---- the writer ---- */

enum sp_status sp_source_begin(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                               struct sp_error *error) {
    if (source == NULL)
        return sp_write_begin(store, ret_write, error);
    return sp_source_begin_change(&source->writer, ret_write, error);
}

enum sp_status sp_source_commit(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    if (source == NULL)
        return sp_write_commit(write, error);
    return sp_source_commit_change(&source->writer, write, error);
}

bool sp_source_is_full(const struct sp_source *source, const struct sp_write *write) {
    size_t count = 0;
    size_t bytes = 0;
    if (source == NULL)
        return false;
    sp_write_noted_size(write, &count, &bytes);
    size_t most = source->writer.link.txn_operations;
    if (most == 0) /* not known before the first change */
        most = SP_SOURCE_TXN_OPERATIONS;
    return count > 0 && (count >= most / 2 || bytes >= SP_SOURCE_TXN_BYTES / 2);
}

bool sp_source_has_little_room(struct sp_source *source) {
    return source != NULL && sp_source_get_little_room(&source->shared);
}

enum sp_status sp_source_begin_tidying(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                                       struct sp_error *error) {
    if (source == NULL)
        return sp_write_begin(store, ret_write, error);
    return sp_source_begin_cleaning(&source->writer, ret_write, error);
}

enum sp_status sp_source_commit_tidying(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    if (source == NULL)
        return sp_write_commit(write, error);
    return sp_source_commit_cleaning(&source->writer, write, error);
}

bool sp_source_concede_race(struct sp_source *source, unsigned timeout_ms) {
    return sp_source_await_winner(&source->writer, timeout_ms);
}

enum sp_status sp_source_join(struct sp_source *source, unsigned timeout_ms, struct sp_error *error) {
    return sp_source_await_store(&source->writer, timeout_ms, error);
}

enum sp_status sp_source_begin_restored_epoch(struct sp_source *source, struct sp_arena *arena,
                                              struct sp_error *error) {
    return sp_source_write_restored_epoch(&source->writer, arena, error);
}

enum sp_status sp_source_renew_head(struct sp_source *source, struct sp_error *error) {
    return sp_source_write_renewed_head(&source->writer, error);
}

enum sp_status sp_source_upload(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    char name[SP_SOURCE_NAME_BYTES];
    enum sp_status status = sp_source_make_name(source->url, name, error);
    if (status != SP_OK)
        return status;
    status = sp_source_learn_limits(&source->writer.link, error);
    if (status != SP_OK)
        return status;
    status = sp_source_check_request_size(&source->writer.link, error);
    if (status != SP_OK)
        return status;
    return sp_source_upload_store(&source->writer.link, name, write, error);
}
