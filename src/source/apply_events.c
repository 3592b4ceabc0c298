/* What a watch gives, into the store: whole revisions in order, all that came together in one transaction. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/internal.h"
#include "store/replica/apply.h"
#include "store/replica/source_head.h"
#include "store/replica/unreadable.h"

struct application {
    struct sp_source *source;
    struct sp_arena *arena;
    struct sp_write *write;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head; /* the newest that came, or the store's own */
    bool head_came;
    struct sp_replica_outcome outcome;
    struct sp_error *error;
};

void sp_source_report_unreadable(void *context, struct sp_bytes entity_key, const char *why) {
    char name[SP_SOURCE_KEY_TEXT_BYTES];
    (void)context;
    sp_source_show_key(entity_key, name);
    sp_log(SP_LOG_ERROR, "an entity of etcd is left out, so that what depends on it is denied: kind %d, %s: %s",
           entity_key.size > 0 ? entity_key.data[0] : 0, name, why);
}

void sp_source_count_unreadable(struct sp_source *source, struct sp_view *view) {
    size_t count = 0;
    if (sp_view_unreadable(view, &count) != SP_OK)
        return;
    pthread_mutex_lock(&source->lock);
    source->state.unreadable = count;
    pthread_mutex_unlock(&source->lock);
}

/* ---- one revision ---- */

static enum sp_status add_staged(struct application *application, const Sallyport__Store__V1__StagedChange *staged,
                                 uint64_t revision, struct sp_source_records *records) {
    struct sp_source_operations operations = {.arena = application->arena};
    enum sp_status status = sp_source_read_staged(application->source, application->source->follow, staged, revision,
                                                  application->arena, &operations, application->error);
    for (size_t i = 0; status == SP_OK && i < operations.count; i++) {
        struct sp_source_key key = sp_source_key_read(application->source, operations.items[i].key);
        status =
            sp_source_records_add(records, &key, operations.items[i].value, operations.items[i].what == SP_ETCD_DELETE);
    }
    return status;
}

static bool same_id(ProtobufCBinaryData a, ProtobufCBinaryData b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static enum sp_status take_head(struct application *application, const struct sp_etcd_kv *kv,
                                struct sp_source_records *records) {
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_source_read_head(kv->value, application->arena, &head, application->error);
    if (status != SP_OK)
        return status;
    if (!same_id(head->store_id, application->head->store_id))
        return sp_error_set(application->error, SP_ERR_ABORTED, "etcd holds another store now");
    application->head = head;
    application->head_came = true;
    application->cursor.head_revision = kv->mod_revision;
    return head->staged == NULL ? SP_OK : add_staged(application, head->staged, kv->mod_revision, records);
}

static enum sp_status read_event(struct application *application, const struct sp_etcd_event *event,
                                 struct sp_source_records *records) {
    struct sp_source_key key = sp_source_key_read(application->source, event->kv.key);
    if (key.place != SP_SOURCE_HEAD)
        return sp_source_records_add(records, &key, event->kv.value, event->deleted);
    if (event->deleted)
        return sp_error_set(application->error, SP_ERR_ABORTED, "the head in etcd was deleted");
    return take_head(application, &event->kv, records);
}

static enum sp_status apply_revision(struct application *application, const struct sp_etcd_event *events,
                                     size_t count) {
    struct sp_source_records records = {.arena = application->arena};
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < count; i++)
        status = read_event(application, &events[i], &records);
    if (status != SP_OK)
        return status;
    application->cursor.revision = events[0].kv.mod_revision;
    return sp_replica_apply(application->write, records.items, records.count, true, application->arena,
                            sp_source_report_unreadable, application->source, &application->outcome,
                            application->error);
}

/* ---- all that came ---- */

static enum sp_status apply_all(struct application *application, const struct sp_etcd_events *events) {
    enum sp_status status = SP_OK;
    size_t count;
    for (size_t i = 0; status == SP_OK && i < events->count; i += count) {
        uint64_t revision = events->events[i].kv.mod_revision;
        count = 1;
        while (i + count < events->count && events->events[i + count].kv.mod_revision == revision)
            count++;
        if (revision > application->cursor.revision)
            status = apply_revision(application, &events->events[i], count);
    }
    return status;
}

/* Without a new head nothing can have changed but places of what was applied already, and idempotency records that went. */
static enum sp_status conclude(struct application *application, bool *ret_commit) {
    enum sp_status status = SP_OK;
    *ret_commit = application->head_came || application->outcome.changed > 0;
    if (!*ret_commit)
        return SP_OK;
    if (application->head_came)
        status =
            sp_replica_take_head(application->write, application->head, &application->cursor, true, application->error);
    else
        status = sp_replica_move(application->write, &application->cursor, application->head);
    return status == SP_OK ? sp_write_synced_at(application->write, sp_clock_now_s()) : status;
}

static enum sp_status apply_in_write(struct application *application, const struct sp_etcd_events *events,
                                     bool *ret_commit) {
    enum sp_status status = sp_view_replica(sp_write_view(application->write), application->arena, &application->cursor,
                                            &application->head);
    if (status != SP_OK)
        return sp_error_set(application->error, status == SP_ERR_NOT_FOUND ? SP_ERR_ABORTED : status,
                            "the store does not tell where in etcd it is");
    status = apply_all(application, events);
    return status == SP_OK ? conclude(application, ret_commit) : status;
}

enum sp_status sp_source_apply(struct sp_source *source, const struct sp_etcd_events *events, struct sp_arena *arena,
                               struct sp_error *error) {
    struct application application = {.source = source, .arena = arena, .error = error};
    bool commit = false;
    if (events->count == 0)
        return SP_OK;
    enum sp_status status = sp_write_begin(source->store, &application.write, error);
    if (status != SP_OK)
        return status;
    status = apply_in_write(&application, events, &commit);
    if (status == SP_OK && commit)
        sp_source_count_unreadable(source, sp_write_view(application.write));
    if (status != SP_OK || !commit) {
        sp_write_abort(application.write);
        return status;
    }
    status = sp_write_commit(application.write, error);
    if (status != SP_OK)
        return status;
    sp_source_set_head(source, application.cursor.head_revision);
    if (source->applied != NULL)
        source->applied(source->applied_user);
    return SP_OK;
}
