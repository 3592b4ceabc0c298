/* WatchChanges: pages of the change log, sent as fast as the client takes them; then asleep until the next commit. A snapshot is
 * held only while a page is read. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/change.h"
#include "store/records/head.h"
#include "sync/metrics.h"
#include "wire/wire.h"

enum {
    PAGE_MAX_CHANGES = 256,     /* looked at */
    PAGE_MAX_BYTES = 64 * 1024, /* a watcher that does not read holds a page: one change at least */
    MAX_WATCHES = 1000,
    MAX_WATCHES_OF_WORKSPACE = 100, /* so that no tenant keeps the others from watching */
    ARENA_FIRST_BYTES = 4 * 1024,
    ARENA_BUDGET_BYTES = 256 * 1024 * 1024, /* one change may be a whole batch of an import */
};

struct sp_watch {
    const struct sp_sync_method *of;
    struct sp_rpc_call *call;
    struct sp_watch *previous, *next; /* under the service's lock */
    struct sp_sync_caller caller;
    struct sp_arena arena; /* of the page */
    char *workspace;       /* whose changes were asked for; empty: all that may be seen */
    bool started;
    bool sending;
    bool admitted; /* under the service's lock, as is: */
    char admitted_to[SP_ID_MAX_BYTES + 1];
    uint64_t next_number;
    struct sp_bytes page[PAGE_MAX_CHANGES];
    size_t page_count, page_at;
};

static void register_watch(struct sp_watch *watch) {
    struct sp_sync *sync = watch->of->sync;
    pthread_mutex_lock(&sync->lock);
    watch->next = sync->watches;
    if (sync->watches != NULL)
        sync->watches->previous = watch;
    sync->watches = watch;
    pthread_mutex_unlock(&sync->lock);
}

static void forget_watch(struct sp_watch *watch) {
    struct sp_sync *sync = watch->of->sync;
    pthread_mutex_lock(&sync->lock);
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
    if (watch->previous != NULL)
        watch->previous->next = watch->next;
    else
        sync->watches = watch->next;
    pthread_mutex_unlock(&sync->lock);
}

size_t sp_sync_watch_count(struct sp_sync *sync) {
    size_t count = 0;
    pthread_mutex_lock(&sync->lock);
    for (const struct sp_watch *watch = sync->watches; watch != NULL; watch = watch->next)
        count += watch->admitted;
    pthread_mutex_unlock(&sync->lock);
    return count;
}

void sp_sync_wake_watches(void *user) {
    struct sp_sync *sync = user;
    pthread_mutex_lock(&sync->lock);
    for (struct sp_watch *watch = sync->watches; watch != NULL; watch = watch->next)
        sp_rpc_wake(watch->call);
    pthread_mutex_unlock(&sync->lock);
}

/* Whoever was authorised takes a place; those who were not hold nothing. */
static enum sp_status admit(struct sp_watch *watch, struct sp_str workspace, struct sp_error *error) {
    struct sp_sync *sync = watch->of->sync;
    size_t all = 0;
    size_t of_workspace = 0;
    if (workspace.size > SP_ID_MAX_BYTES)
        return sp_error_set(error, SP_ERR_CORRUPT, "the workspace's id is damaged");
    pthread_mutex_lock(&sync->lock);
    for (const struct sp_watch *other = sync->watches; other != NULL && !watch->admitted; other = other->next) {
        all += other->admitted;
        of_workspace += other->admitted && sp_str_equal(sp_str_from(other->admitted_to), workspace);
    }
    bool was_admitted = watch->admitted;
    if (all < MAX_WATCHES && of_workspace < MAX_WATCHES_OF_WORKSPACE && !watch->admitted) {
        watch->admitted = true;
        if (workspace.size > 0)
            memcpy(watch->admitted_to, workspace.data, workspace.size);
    }
    bool admitted = watch->admitted;
    pthread_mutex_unlock(&sync->lock);
    if (admitted && !was_admitted)
        sp_sync_count_call(watch->of, sp_rpc_call_worker(watch->call), SP_OK);
    if (admitted)
        return SP_OK;
    return sp_error_set(error, SP_ERR_EXHAUSTED, "%zu watch already, and %zu of them this workspace: at most %d and %d",
                        all, of_workspace, MAX_WATCHES, MAX_WATCHES_OF_WORKSPACE);
}

/* ---- a page ---- */

struct page_reader {
    struct sp_watch *watch;
    struct sp_arena arena;   /* of the change that is looked at */
    struct sp_str workspace; /* whose changes may be seen; empty: all */
    size_t looked_at;
    size_t bytes;
};

static enum sp_status take_change(void *context, const Sallyport__V1__Change *change) {
    struct page_reader *reader = context;
    struct sp_watch *watch = reader->watch;
    if (reader->looked_at == PAGE_MAX_CHANGES || reader->bytes >= PAGE_MAX_BYTES)
        return SP_WALK_END;
    reader->looked_at++;
    Sallyport__V1__Change *seen = NULL;
    enum sp_status status = sp_admin_change_seen(change, reader->workspace, &reader->arena, &seen);
    if (status == SP_OK && seen != NULL) {
        struct sp_bytes *packed = &watch->page[watch->page_count];
        status = sp_wire_pack(&seen->base, &watch->arena, packed);
        if (status == SP_OK) {
            reader->bytes += packed->size;
            watch->page_count++;
        }
    }
    if (status != SP_OK)
        return status;
    watch->next_number = change->revision->number + 1;
    return SP_OK;
}

/* Asks anew each time whether the caller may see it: a key that was disabled sees no more. */
static enum sp_status authorize(struct sp_watch *watch, struct sp_view *view, struct sp_str *ret_workspace,
                                struct sp_error *error) {
    Sallyport__V1__WatchChangesRequest request = SALLYPORT__V1__WATCH_CHANGES_REQUEST__INIT;
    request.workspace = watch->workspace;
    watch->caller.caller.now_s = sp_clock_now_s();
    return sp_admin_authorize_stream(watch->of->method, view, &watch->caller.caller, &request.base, &watch->arena,
                                     ret_workspace, error);
}

static enum sp_status find_start(struct sp_watch *watch, struct sp_view *view) {
    struct sp_revision revision;
    if (watch->next_number != 0)
        return SP_OK;
    enum sp_status status = sp_view_revision(view, &revision);
    if (status == SP_OK)
        watch->next_number = revision.number + 1;
    return status;
}

static enum sp_status walk(struct page_reader *reader, struct sp_view *view, struct sp_error *error) {
    enum sp_status status = sp_arena_init(&reader->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_change_walk(view, reader->watch->next_number, &reader->arena, take_change, reader);
    sp_arena_fini(&reader->arena);
    if (status == SP_ERR_OUT_OF_RANGE)
        return sp_error_set(error, status, "from_number: changes that old are not kept any more: begin with 0");
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "the changes could not be read");
}

/* *ret_more: the log may go on behind the page. */
static enum sp_status read_page(struct sp_watch *watch, bool *ret_more, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct page_reader reader = {.watch = watch};
    sp_arena_reset(&watch->arena);
    watch->page_count = watch->page_at = 0;
    enum sp_status status = sp_sync_acquire(watch->of->sync, sp_rpc_call_worker(watch->call), &snapshot, error);
    if (status != SP_OK)
        return status;
    struct sp_view *view = sp_snapshot_view(snapshot);
    status = authorize(watch, view, &reader.workspace, error);
    if (status == SP_OK)
        status = admit(watch, reader.workspace, error);
    if (status == SP_OK && (status = find_start(watch, view)) != SP_OK)
        sp_error_set(error, status, "the store's revision could not be read");
    if (status == SP_OK)
        status = walk(&reader, view, error);
    sp_snapshot_release(snapshot);
    *ret_more = reader.looked_at == PAGE_MAX_CHANGES || reader.bytes >= PAGE_MAX_BYTES;
    return status;
}

/* ---- the stream ---- */

static void pump(struct sp_watch *watch) {
    struct sp_error error = {0};
    bool more = false;
    if (!watch->started || watch->sending)
        return;
    if (watch->page_at == watch->page_count) {
        enum sp_status status = read_page(watch, &more, &error);
        if (status != SP_OK) {
            watch->started = false;
            sp_sync_count_call(watch->of, sp_rpc_call_worker(watch->call), status);
            sp_rpc_fail(watch->call, status, error.message);
            return;
        }
    }
    if (watch->page_at < watch->page_count) {
        watch->sending = true;
        sp_rpc_send(watch->call, watch->page[watch->page_at++]);
    } else if (more) {
        /* A whole page of other workspaces' changes: let other calls go first. */
        sp_rpc_wake(watch->call);
    }
}

static void opened(struct sp_rpc_call *call, void *user) {
    struct sp_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL || sp_arena_init(&watch->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        free(watch);
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    watch->of = user;
    watch->call = call;
    sp_sync_caller_of(watch->of->sync, call, &watch->caller);
    sp_rpc_set_state(call, watch);
    register_watch(watch);
    sp_rpc_read(call);
}

static void received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct sp_watch *watch = sp_rpc_state(call);
    ProtobufCMessage *request = NULL;
    struct sp_error error = {0};
    (void)user;
    enum sp_status status =
        sp_wire_unpack(&sallyport__v1__watch_changes_request__descriptor, message, &watch->arena, &request, &error);
    if (status == SP_OK) {
        const Sallyport__V1__WatchChangesRequest *watch_request = (const Sallyport__V1__WatchChangesRequest *)request;
        watch->next_number = watch_request->from_number;
        watch->workspace = strdup(watch_request->workspace);
        if (watch->workspace == NULL)
            status = sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
    }
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
        return;
    }
    watch->started = true;
    pump(watch);
}

static void half_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_INVALID, "the call carries no request");
}

static void sent(struct sp_rpc_call *call, void *user) {
    struct sp_watch *watch = sp_rpc_state(call);
    (void)user;
    watch->sending = false;
    pump(watch);
}

static void woken(struct sp_rpc_call *call, void *user) {
    (void)user;
    pump(sp_rpc_state(call));
}

static void closed(struct sp_rpc_call *call, void *user) {
    struct sp_watch *watch = sp_rpc_state(call);
    (void)user;
    if (watch == NULL)
        return;
    forget_watch(watch);
    sp_sync_caller_wipe(&watch->caller);
    sp_arena_fini(&watch->arena);
    free(watch->workspace);
    free(watch);
}

const struct sp_rpc_stream_ops sp_sync_watch_ops = {
    .opened = opened,
    .received = received,
    .half_closed = half_closed,
    .sent = sent,
    .woken = woken,
    .closed = closed,
};
