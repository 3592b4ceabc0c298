#include "source/follow/apply.h"

#include <stdio.h>

#include "base/clock.h"
#include "etcd/answer.h"
#include "etcd/watch.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/follow/refuse.h"
#include "source/follow/unreadable.h"
#include "source/shared/head.h"
#include "source/shared/staged.h"
#include "store/records/write.h"
#include "store/replica/apply.h"
#include "store/replica/cursor.h"
#include "store/replica/judge.h"
#include "store/replica/source_head.h"

struct application {
    const struct sp_source_link *link;
    struct sp_arena *arena;
    struct sp_write *write;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head; /* the newest that was applied, or the store's own */
    bool head_came;
    enum sp_status stopped; /* why the next revision cannot be applied; SP_OK: all are */
    struct sp_replica_outcome outcome;
    struct sp_error *error;
};

/* What came at one revision. */
struct arrival {
    uint64_t revision;
    const struct sp_etcd_kv *head_kv; /* NULL: it has no head */
    Sallyport__Store__V1__SourceHead *head;
    struct sp_source_records records;
    struct sp_multiset_hash set; /* the entities once it is applied */
    bool applicable;
};

/* ---- one revision, read and judged ---- */

static enum sp_status read_event(struct application *application, const struct sp_etcd_event *event,
                                 struct arrival *arrival) {
    struct sp_source_key key = sp_source_read_key(application->link->shared->prefix, event->kv.key);
    if (key.kind == SP_SOURCE_HEAD_KEY && event->deleted)
        return sp_error_set(application->error, SP_ERR_ABORTED, "the head in etcd was deleted");
    if (key.kind == SP_SOURCE_HEAD_KEY) {
        arrival->head_kv = &event->kv;
        return SP_OK;
    }
    enum sp_status status = sp_source_add_record(&arrival->records, &key, event->kv.value, event->deleted);
    if (status != SP_OK)
        return sp_error_set(application->error, status, "out of memory");
    return SP_OK;
}

/* Parts of a large change on their way to their places were applied before, and idempotency
 * records expire: anything else should not be. */
static enum sp_status report_if_altering(struct application *application, const struct arrival *arrival) {
    const struct sp_replica_record *altering = NULL;
    char key[SP_SOURCE_KEY_TEXT_BYTES];
    char what[SP_SOURCE_KEY_TEXT_BYTES + 64];
    enum sp_status status = sp_replica_find_altering(sp_write_view(application->write), arrival->records.items,
                                                     arrival->records.count, &altering);
    if (status != SP_OK)
        return sp_error_set(application->error, status, "cannot read the store");
    if (altering == NULL)
        return SP_OK;
    sp_source_show_key(altering->key, key);
    (void)snprintf(what, sizeof(what), "the %s %s",
                   altering->space == SP_REPLICA_CHANGE ? "change" : (altering->deleted ? "deletion of" : "entity"),
                   key);
    sp_source_refuse(application->link->shared, arrival->revision, what, "it came without a head");
    return SP_OK;
}

static enum sp_status check_succession(struct application *application, const struct arrival *arrival) {
    const Sallyport__Store__V1__SourceHead *head = arrival->head;
    if (!sp_source_same_store(head, application->head))
        return sp_error_set(application->error, SP_ERR_ABORTED, "etcd now holds a different store");
    if (sp_replica_is_old_head(head)) {
        if (sp_replica_is_old_head(application->head))
            return SP_OK;
        return sp_error_set(application->error, SP_ERR_PRECONDITION,
                            "it was written by an earlier release than the previous one");
    }
    if (!sp_source_succeeds(head, application->head))
        return sp_error_set(application->error, SP_ERR_ABORTED, "etcd's head does not continue from this store's head");
    return SP_OK;
}

static enum sp_status judge_with_head(struct application *application, struct arrival *arrival) {
    const struct sp_source_shared *shared = application->link->shared;
    enum sp_status status =
        sp_source_verify_head(shared->keys, shared->prefix, arrival->head, application->arena, application->error);
    if (status != SP_OK)
        return status;
    status = check_succession(application, arrival);
    if (status != SP_OK)
        return status;
    if (arrival->head->staged != NULL) {
        status = sp_source_read_staged_records(application->link, arrival->head->staged, arrival->revision,
                                               &arrival->records, application->error);
        if (status != SP_OK)
            return status;
    }
    return sp_replica_judge(application->write, arrival->records.items, arrival->records.count, arrival->head,
                            application->arena, &arrival->set, application->error);
}

/* A head that does not account for what came with it is passed over. If the entities do not add
 * up, either this store or etcd is wrong: a listing tells. */
static enum sp_status judge_arrival(struct application *application, struct arrival *arrival) {
    enum sp_status status = sp_replica_check_head(arrival->head, application->error);
    if (status != SP_OK)
        return status;
    status = judge_with_head(application, arrival);
    arrival->applicable = status == SP_OK;
    if (status != SP_ERR_PRECONDITION && status != SP_ERR_CORRUPT)
        return status;
    sp_source_refuse(application->link->shared, arrival->revision, "a head", application->error->message);
    if (status == SP_ERR_CORRUPT)
        return SP_ERR_ABORTED;
    *application->error = (struct sp_error){.status = SP_OK};
    return SP_OK;
}

static enum sp_status read_arrival(struct application *application, const struct sp_etcd_event *events, size_t count,
                                   struct arrival *arrival) {
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = read_event(application, &events[i], arrival);
        if (status != SP_OK)
            return status;
    }
    if (arrival->head_kv == NULL)
        return SP_OK;
    return sp_source_unpack_head(arrival->head_kv->value, application->arena, &arrival->head, application->error);
}

/* Changes nothing. */
static enum sp_status prepare_arrival(struct application *application, const struct sp_etcd_event *events, size_t count,
                                      struct arrival *arrival) {
    *arrival = (struct arrival){.revision = events[0].kv.mod_revision, .records = {.arena = application->arena}};
    enum sp_status status = read_arrival(application, events, count, arrival);
    if (status != SP_OK)
        return status;
    return arrival->head == NULL ? report_if_altering(application, arrival) : judge_arrival(application, arrival);
}

/* ---- and applied ---- */

static enum sp_status apply_arrival(struct application *application, struct arrival *arrival) {
    enum sp_status status =
        sp_replica_apply(application->write, arrival->records.items, arrival->records.count, true, application->arena,
                         sp_source_log_unreadable, NULL, &application->outcome, application->error);
    if (status != SP_OK)
        return status;
    status = sp_replica_take_entity_set(application->write, &arrival->set);
    if (status != SP_OK)
        return sp_error_set(application->error, status, "cannot write the store");
    application->head = arrival->head;
    application->head_came = true;
    application->cursor.revision = arrival->revision;
    application->cursor.head_revision = arrival->revision;
    return SP_OK;
}

/* ---- everything that came ---- */

static size_t count_events_of_revision(const struct sp_etcd_events *events, size_t at) {
    size_t count = 1;
    while (at + count < events->count &&
           events->events[at + count].kv.mod_revision == events->events[at].kv.mod_revision)
        count++;
    return count;
}

/* Stops at the first revision that cannot be applied: what came before it is good. */
static enum sp_status apply_new_revisions(struct application *application, const struct sp_etcd_events *events) {
    size_t count;
    for (size_t i = 0; i < events->count; i += count) {
        struct arrival arrival;
        count = count_events_of_revision(events, i);
        if (events->events[i].kv.mod_revision <= application->cursor.revision)
            continue;
        application->stopped = prepare_arrival(application, &events->events[i], count, &arrival);
        if (application->stopped != SP_OK)
            return SP_OK;
        if (!arrival.applicable)
            continue;
        enum sp_status status = apply_arrival(application, &arrival);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status write_position(struct application *application) {
    if (!application->head_came)
        return SP_OK;
    enum sp_status status =
        sp_replica_take_head(application->write, application->head, &application->cursor, true, application->error);
    if (status != SP_OK)
        return status;
    return sp_write_synced_at(application->write, sp_clock_now_s());
}

static enum sp_status apply_in_write(struct application *application, const struct sp_etcd_events *events) {
    enum sp_status status = sp_source_read_cursor(sp_write_view(application->write), application->arena,
                                                  &application->cursor, &application->head, application->error);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(application->error, SP_ERR_ABORTED, "the store is empty");
    if (status != SP_OK)
        return status;
    status = apply_new_revisions(application, events);
    if (status != SP_OK)
        return status;
    return write_position(application);
}

enum sp_status sp_source_apply_events(const struct sp_source_link *link, const struct sp_etcd_events *events,
                                      struct sp_arena *arena, bool *ret_committed, struct sp_error *error) {
    struct application application = {.link = link, .arena = arena, .error = error};
    *ret_committed = false;
    if (events->count == 0)
        return SP_OK;
    enum sp_status status = sp_write_begin(link->shared->store, &application.write, error);
    if (status != SP_OK)
        return status;
    status = apply_in_write(&application, events);
    if (status != SP_OK || !application.head_came) {
        sp_write_abort(application.write);
        return status != SP_OK ? status : application.stopped;
    }
    sp_source_count_unreadable(link->shared, sp_write_view(application.write));
    status = sp_write_commit(application.write, error);
    if (status != SP_OK)
        return status;
    sp_source_raise_head(link->shared, application.cursor.head_revision);
    *ret_committed = true;
    return application.stopped;
}
