#include "source/follow/apply.h"

#include "base/clock.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/follow/unreadable.h"
#include "source/shared/head.h"
#include "source/shared/staged.h"
#include "store/records/write.h"
#include "store/replica/apply.h"
#include "store/replica/cursor.h"
#include "store/replica/source_head.h"

struct application {
    const struct sp_source_link *link;
    struct sp_arena *arena;
    struct sp_write *write;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head; /* the newest that came, or the store's own */
    bool head_came;
    struct sp_replica_outcome outcome;
    struct sp_error *error;
};

/* ---- one revision ---- */

static enum sp_status take_head(struct application *application, const struct sp_etcd_kv *kv,
                                struct sp_source_records *records) {
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_source_unpack_head(kv->value, application->arena, &head, application->error);
    if (status != SP_OK)
        return status;
    if (!sp_source_same_store(head, application->head))
        return sp_error_set(application->error, SP_ERR_ABORTED, "etcd now holds another store");
    application->head = head;
    application->head_came = true;
    application->cursor.head_revision = kv->mod_revision;
    if (head->staged == NULL)
        return SP_OK;
    return sp_source_read_staged_records(application->link, head->staged, kv->mod_revision, records,
                                         application->error);
}

static enum sp_status read_event(struct application *application, const struct sp_etcd_event *event,
                                 struct sp_source_records *records) {
    struct sp_source_key key = sp_source_read_key(application->link->shared->prefix, event->kv.key);
    if (key.kind == SP_SOURCE_HEAD_KEY && event->deleted)
        return sp_error_set(application->error, SP_ERR_ABORTED, "the head in etcd was deleted");
    if (key.kind == SP_SOURCE_HEAD_KEY)
        return take_head(application, &event->kv, records);
    enum sp_status status = sp_source_add_record(records, &key, event->kv.value, event->deleted);
    if (status != SP_OK)
        return sp_error_set(application->error, status, "out of memory");
    return SP_OK;
}

static enum sp_status apply_revision(struct application *application, const struct sp_etcd_event *events,
                                     size_t count) {
    struct sp_source_records records = {.arena = application->arena};
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = read_event(application, &events[i], &records);
        if (status != SP_OK)
            return status;
    }
    application->cursor.revision = events[0].kv.mod_revision;
    return sp_replica_apply(application->write, records.items, records.count, true, application->arena,
                            sp_source_log_unreadable, NULL, &application->outcome, application->error);
}

/* ---- everything that came ---- */

static enum sp_status apply_new_revisions(struct application *application, const struct sp_etcd_events *events) {
    size_t count;
    for (size_t i = 0; i < events->count; i += count) {
        uint64_t revision = events->events[i].kv.mod_revision;
        count = 1;
        while (i + count < events->count && events->events[i + count].kv.mod_revision == revision)
            count++;
        if (revision <= application->cursor.revision)
            continue;
        enum sp_status status = apply_revision(application, &events->events[i], count);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status write_position(struct application *application) {
    enum sp_status status;
    if (application->head_came)
        status =
            sp_replica_take_head(application->write, application->head, &application->cursor, true, application->error);
    else
        status = sp_replica_move(application->write, &application->cursor, application->head);
    if (status != SP_OK)
        return status;
    return sp_write_synced_at(application->write, sp_clock_now_s());
}

/* *ret_changed false: without a new head, all that can have come is the parts of a large change
 * on their way to their places, which were applied before, and expired idempotency records. */
static enum sp_status apply_in_write(struct application *application, const struct sp_etcd_events *events,
                                     bool *ret_changed) {
    enum sp_status status = sp_source_read_cursor(sp_write_view(application->write), application->arena,
                                                  &application->cursor, &application->head, application->error);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(application->error, SP_ERR_ABORTED, "the store is empty");
    if (status != SP_OK)
        return status;
    status = apply_new_revisions(application, events);
    if (status != SP_OK)
        return status;
    *ret_changed = application->head_came || application->outcome.changed > 0;
    return *ret_changed ? write_position(application) : SP_OK;
}

enum sp_status sp_source_apply_events(const struct sp_source_link *link, const struct sp_etcd_events *events,
                                      struct sp_arena *arena, bool *ret_committed, struct sp_error *error) {
    struct application application = {.link = link, .arena = arena, .error = error};
    bool changed = false;
    if (events->count == 0) {
        *ret_committed = false;
        return SP_OK;
    }
    enum sp_status status = sp_write_begin(link->shared->store, &application.write, error);
    if (status != SP_OK)
        return status;
    status = apply_in_write(&application, events, &changed);
    if (status != SP_OK || !changed) {
        sp_write_abort(application.write);
        if (status == SP_OK)
            *ret_committed = false;
        return status;
    }
    sp_source_count_unreadable(link->shared, sp_write_view(application.write));
    status = sp_write_commit(application.write, error);
    if (status != SP_OK)
        return status;
    sp_source_raise_head(link->shared, application.cursor.head_revision);
    *ret_committed = true;
    return SP_OK;
}
