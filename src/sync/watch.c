/* WatchChanges: pages of the change log, sent as fast as the client takes them; then asleep
 * until the next commit. A snapshot is held only while a page is read, which readers do. */
#include "sync/watch.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "admin/change_filter.h"
#include "admin/changes.h"
#include "base/clock.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/change.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "sync/call_event.h"
#include "sync/readers.h"
#include "sync/service.h"
#include "sync/stream_access.h"
#include "sync/task.h"
#include "wire/wire.h"

enum {
    PAGE_MAX_CHANGES = 256,     /* read, whether they may be seen or not */
    PAGE_MAX_BYTES = 64 * 1024, /* or one change; a watcher that does not read holds a page */
    PAGE_MAX_MS = 40,           /* of a worker */
    ARENA_FIRST_BYTES = 4 * 1024,
    ARENA_BUDGET_BYTES = 256 * 1024 * 1024, /* one change may be a batch of an import */
    REQUEST_FIRST_BYTES = 512,
    REQUEST_BUDGET_BYTES = 64 * 1024,
};

/* While the task is held, a reader has all of it but `entry` and `sending`. */
struct watch {
    struct sp_reading reading; /* first: a reading is its watch's */
    struct sp_task task;
    struct sp_watch_entry entry;
    const struct sp_sync_method *of;
    struct sp_rpc_call *call; /* not the reader's */
    struct sp_sync_caller caller;
    struct sp_arena arena; /* of the page */
    struct sp_arena kept;  /* of the request */
    const Sallyport__V1__WatchChangesRequest *request;
    struct sp_admin_change_filter filter;
    bool listed; /* among those that a commit wakes */
    bool started;
    bool began; /* next_number is set */
    bool sending;
    uint64_t next_number;
    struct sp_bytes page[PAGE_MAX_CHANGES];
    size_t page_count, page_at;
    bool page_is_new;      /* its reader has finished, and the stream has not looked at it */
    bool page_is_cut;      /* the log may go on behind the page */
    uint64_t wakes;        /* of the list of watches, before the page was read */
    enum sp_status status; /* of reading it */
    struct sp_error error;
};

/* ---- a page ---- */

struct page_reader {
    struct watch *watch;
    struct sp_arena arena;   /* of the change that is being read */
    struct sp_str workspace; /* whose changes may be seen; empty: all */
    size_t read;             /* changes */
    size_t bytes;
    int64_t began_ms;
    bool cut; /* the log may go on behind the page */
};

static bool is_page_full(const struct page_reader *reader) {
    return reader->read == PAGE_MAX_CHANGES || reader->bytes >= PAGE_MAX_BYTES ||
           (reader->read > 0 && sp_clock_thread_ms() - reader->began_ms >= PAGE_MAX_MS);
}

static enum sp_status add_change_to_page(void *context, const Sallyport__V1__Change *change) {
    struct page_reader *reader = context;
    struct watch *watch = reader->watch;
    Sallyport__V1__Change *seen = NULL;
    reader->cut = is_page_full(reader);
    if (reader->cut)
        return SP_WALK_END;
    reader->read++;
    watch->next_number = change->revision->number + 1;
    if (!sp_admin_change_filter_fits(&watch->filter, reader->workspace, change))
        return SP_OK;
    enum sp_status status = sp_admin_change_seen(change, reader->workspace, &reader->arena, &seen);
    if (status != SP_OK)
        return status;
    if (seen != NULL) {
        struct sp_bytes *packed = &watch->page[watch->page_count];
        status = sp_wire_pack(&seen->base, &watch->arena, packed);
        if (status != SP_OK)
            return status;
        reader->bytes += packed->size;
        watch->page_count++;
    }
    return SP_OK;
}

/* For every page, because the caller's key may have been disabled since the last. */
static enum sp_status authorize_watch(struct watch *watch, struct sp_view *view, struct sp_str *ret_workspace,
                                      struct sp_error *error) {
    watch->caller.caller.now_s = sp_clock_now_s();
    return sp_admin_authorize_stream(watch->of->method, view, &watch->caller.caller, &watch->request->base,
                                     &watch->arena, ret_workspace, error);
}

static enum sp_status admit_watch(struct watch *watch, struct sp_str workspace, unsigned slot, struct sp_error *error) {
    bool first = false;
    enum sp_status status = sp_watch_list_admit(&watch->of->sync->watches, &watch->entry, workspace, &first, error);
    if (status != SP_OK)
        return status;
    if (first) {
        sp_sync_count_call(watch->of, slot, SP_OK);
        sp_sync_report_call(watch->of->method, &watch->caller, NULL, SP_OK);
    }
    return SP_OK;
}

/* What follows are changes from now on: those of others are not looked at again, and their trimming
 * does not make this watch too old. */
static enum sp_status skip_to_end(struct watch *watch, struct sp_view *view, struct sp_error *error) {
    struct sp_revision revision;
    enum sp_status status = sp_view_revision(view, &revision);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's revision");
    if (watch->next_number <= revision.number)
        watch->next_number = revision.number + 1;
    return SP_OK;
}

static enum sp_status find_first_number(struct watch *watch, struct sp_view *view, struct sp_error *error) {
    const Sallyport__V1__WatchChangesRequest *request = watch->request;
    struct sp_revision revision;
    if ((request->from_number != 0) + request->from_oldest + (request->since != NULL) > 1)
        return sp_error_set(error, SP_ERR_INVALID, "from_number, from_oldest, since: give at most one");
    if (request->since != NULL)
        return sp_admin_changes_after(view, request->since, &watch->next_number, error);
    watch->next_number = request->from_number;
    if (request->from_oldest || request->from_number != 0)
        return SP_OK;
    enum sp_status status = sp_view_revision(view, &revision);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's revision");
    watch->next_number = revision.number + 1;
    return SP_OK;
}

/* Only once the caller is known. */
static enum sp_status begin_watch(struct watch *watch, struct sp_view *view, struct sp_error *error) {
    if (watch->began)
        return SP_OK;
    enum sp_status status = sp_admin_change_filter_check(&watch->filter, error);
    if (status != SP_OK)
        return status;
    status = find_first_number(watch, view, error);
    watch->began = status == SP_OK;
    return status;
}

static enum sp_status walk_change_page(struct page_reader *reader, struct sp_view *view, struct sp_error *error) {
    enum sp_status status = sp_arena_init(&reader->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    uint64_t from = reader->watch->next_number;
    reader->began_ms = sp_clock_thread_ms();
    status = reader->workspace.size == 0
                 ? sp_change_walk(view, from, &reader->arena, add_change_to_page, reader)
                 : sp_change_walk_of(view, reader->workspace, from, &reader->arena, add_change_to_page, reader);
    sp_arena_fini(&reader->arena);
    if (status == SP_ERR_OUT_OF_RANGE)
        return sp_admin_refuse_trimmed("from_number", from, error);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the changes");
    return SP_OK;
}

static enum sp_status read_change_page(struct watch *watch, unsigned slot, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct page_reader reader = {.watch = watch};
    sp_arena_reset(&watch->arena);
    watch->page_count = watch->page_at = 0;
    enum sp_status status = sp_sync_acquire(watch->of->sync, slot, &snapshot, error);
    if (status != SP_OK)
        return status;
    struct sp_view *view = sp_snapshot_view(snapshot);
    status = authorize_watch(watch, view, &reader.workspace, error);
    if (status != SP_OK)
        goto out;
    status = admit_watch(watch, reader.workspace, slot, error);
    if (status != SP_OK)
        goto out;
    status = begin_watch(watch, view, error);
    if (status != SP_OK)
        goto out;
    status = walk_change_page(&reader, view, error);
    if (status != SP_OK)
        goto out;
    watch->page_is_cut = reader.cut;
    if (!reader.cut)
        status = skip_to_end(watch, view, error);
out:
    sp_snapshot_release(snapshot);
    return status;
}

static void read_watch_page(struct sp_reading *reading, unsigned slot) {
    struct watch *watch = (struct watch *)reading;
    if (!sp_task_is_over(&watch->task)) {
        watch->wakes = sp_watch_list_wakes(&watch->of->sync->watches);
        watch->status = read_change_page(watch, slot, &watch->error);
        watch->page_is_new = true;
    }
    sp_task_release(&watch->task);
}

/* ---- the stream ---- */

static void fail_watch(struct watch *watch, enum sp_status status, const struct sp_error *error) {
    watch->started = false;
    sp_sync_fail_stream(watch->of, &watch->caller, watch->call, status, error->message);
}

static void begin_reading_page(struct watch *watch) {
    struct sp_error error = {0};
    sp_task_hold(&watch->task);
    enum sp_status status = sp_readers_submit(watch->of->sync->readers, &watch->reading, &error);
    if (status == SP_OK)
        return;
    sp_task_unhold(&watch->task);
    fail_watch(watch, status, &error);
}

/* Whether more may be in the log than the page that was read. */
static bool is_log_longer(const struct watch *watch) {
    return watch->page_is_cut || watch->wakes != sp_watch_list_wakes(&watch->of->sync->watches);
}

static void send_next_change(struct watch *watch) {
    if (!watch->started || watch->sending || !sp_task_is_done(&watch->task))
        return;
    if (watch->page_is_new && watch->status != SP_OK) {
        fail_watch(watch, watch->status, &watch->error);
        return;
    }
    if (watch->page_at < watch->page_count) {
        watch->page_is_new = false;
        watch->sending = true;
        sp_rpc_send(watch->call, watch->page[watch->page_at++]);
        return;
    }
    /* A page of others' changes, or one that was sent, is no reason to sleep. */
    if (!watch->page_is_new || is_log_longer(watch))
        begin_reading_page(watch);
}

static void drop_watch(struct sp_task *task) {
    struct watch *watch = (struct watch *)((char *)task - offsetof(struct watch, task));
    sp_sync_caller_wipe(&watch->caller);
    sp_arena_fini(&watch->arena);
    sp_arena_fini(&watch->kept);
    free(watch);
}

static void open_watch(struct sp_rpc_call *call, void *user) {
    struct sp_str workspace;
    if (!sp_sync_admit_stream(user, call, &workspace))
        return;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL || sp_arena_init(&watch->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        free(watch);
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    watch->of = user;
    watch->call = call;
    watch->reading.read = read_watch_page;
    if (workspace.size > 0 && workspace.size <= SP_ID_MAX_BYTES) /* an operator has none */
        memcpy(watch->reading.job.workspace, workspace.data, workspace.size);
    sp_task_init(&watch->task, watch->of->sync, call, drop_watch);
    sp_sync_caller_of(watch->of->sync, call, &watch->caller);
    sp_rpc_set_state(call, watch);
    sp_rpc_read(call);
}

static enum sp_status read_watch_request(struct watch *watch, struct sp_bytes message, struct sp_error *error) {
    ProtobufCMessage *unpacked = NULL;
    if (sp_arena_init(&watch->kept, REQUEST_FIRST_BYTES, REQUEST_BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status =
        sp_wire_unpack(&sallyport__v1__watch_changes_request__descriptor, message, &watch->kept, &unpacked, error);
    if (status != SP_OK)
        return status;
    watch->request = (const Sallyport__V1__WatchChangesRequest *)unpacked;
    watch->filter = sp_admin_change_filter_of_watch(watch->request);
    return SP_OK;
}

static void receive_watch_request(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct watch *watch = sp_rpc_state(call);
    struct sp_error error = {0};
    (void)user;
    enum sp_status status = read_watch_request(watch, message, &error);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
        return;
    }
    watch->started = watch->listed = true;
    sp_watch_list_add(&watch->of->sync->watches, &watch->entry, call);
    send_next_change(watch);
}

static void refuse_watch_without_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_INVALID, "the call carries no request");
}

static void continue_watch(struct sp_rpc_call *call, void *user) {
    struct watch *watch = sp_rpc_state(call);
    (void)user;
    watch->sending = false;
    send_next_change(watch);
}

static void wake_watch(struct sp_rpc_call *call, void *user) {
    (void)user;
    send_next_change(sp_rpc_state(call));
}

static void close_watch(struct sp_rpc_call *call, void *user) {
    struct watch *watch = sp_rpc_state(call);
    (void)user;
    if (watch == NULL)
        return;
    if (watch->listed)
        sp_watch_list_remove(&watch->of->sync->watches, &watch->entry);
    sp_task_close(&watch->task);
}

const struct sp_rpc_stream_ops sp_sync_watch_ops = {
    .opened = open_watch,
    .received = receive_watch_request,
    .half_closed = refuse_watch_without_request,
    .sent = continue_watch,
    .woken = wake_watch,
    .closed = close_watch,
};
