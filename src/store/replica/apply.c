#include "store/replica/apply.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/digest.h"
#include "store/records/change_index.h"
#include "store/records/change_record.h"
#include "store/records/derive.h"
#include "store/records/entity.h"
#include "store/records/entity_set.h"
#include "store/records/index_edit.h"
#include "store/records/request.h"
#include "store/replica/unreadable.h"
#include "wire/wire.h"

struct application {
    struct sp_write *write;
    struct sp_arena *arena;
    struct sp_index_edit edit;
    sp_replica_report *report;
    void *context;
    struct sp_replica_outcome outcome;
    struct sp_error *error;
    bool chained;
    struct sp_head head; /* where the changes have come to */
    bool head_moved;
};

/* ---- entities ---- */

static const char not_unique[] = "a value of it that must be unique belongs to another entity";

/* The index records of an entity as it came: nothing of it is believed before it was checked. */
static enum sp_status derive_new(struct application *application, const struct sp_replica_record *record,
                                 struct sp_index_records *ret_records, struct sp_error *why) {
    ProtobufCMessage *message;
    struct sp_bytes part;
    if (!sp_entity_key_is_valid(record->key))
        return sp_error_set(why, SP_ERR_INVALID, "its kind is unknown to this release");
    enum sp_kind kind = (enum sp_kind)record->key.data[0];
    enum sp_status status = sp_wire_unpack(sp_kind_descriptor(kind), record->value, application->arena, &message, why);
    if (status != SP_OK)
        return status;
    status = sp_derive(record->key, message, application->arena, ret_records, why);
    if (status != SP_OK || kind == SP_KIND_TOMBSTONE)
        return status;
    return sp_stored_public_part(record->value, &part);
}

static enum sp_status derive_old(struct application *application, struct sp_bytes key, struct sp_bytes stored,
                                 struct sp_index_records *ret_records) {
    uint8_t *copy = sp_arena_alloc(application->arena, stored.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, stored.data, stored.size);
    return sp_derive_stored(key, (struct sp_bytes){copy, stored.size}, application->arena, ret_records);
}

static enum sp_status remove_entity(struct application *application, struct sp_bytes key) {
    struct sp_bytes stored;
    struct sp_index_records before;
    struct sp_index_records none = {NULL, 0, 0};
    enum sp_status status = sp_view_get(&application->write->transaction.view, SP_DB_ENTITY, key, &stored);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    status = derive_old(application, key, stored, &before);
    if (status != SP_OK)
        return status;
    status = sp_write_remove(application->write, SP_DB_ENTITY, key, NULL);
    if (status != SP_OK)
        return status;
    application->outcome.changed++;
    return sp_index_edit_replace(&application->edit, &before, &none);
}

/* What was there goes too, so that nothing old goes on being allowed. */
static enum sp_status leave_out_entity(struct application *application, const struct sp_replica_record *record,
                                       const char *why) {
    bool is_new = false;
    enum sp_status status = SP_OK;
    struct sp_bytes key = record->key;
    uint8_t hash[SP_DIGEST_BYTES];
    if (key.size > 0 && key.size <= SP_ENTITY_KEY_MAX_BYTES)
        status = remove_entity(application, key);
    if (status != SP_OK)
        return status;
    sp_entity_hash(key, record->value, hash);
    status = sp_replica_mark_unreadable(application->write, key, hash, application->arena, &is_new);
    if (status != SP_OK || !is_new)
        return status;
    application->outcome.unreadable++;
    if (application->report != NULL)
        application->report(application->context, key, why);
    return SP_OK;
}

/* Whether a record that must be unique is another entity's. Asked before anything of the entity
 * is written. */
static enum sp_status find_conflict(struct application *application, const struct sp_index_records *after,
                                    const struct sp_index_records *before, bool *ret_conflict) {
    bool conflict = false;
    for (size_t i = 0; !conflict && i < after->count; i++) {
        bool own = false;
        for (size_t j = 0; !own && j < before->count; j++)
            own = sp_index_record_shares_place(&before->items[j], &after->items[i]);
        if (own)
            continue;
        enum sp_status status = sp_index_edit_is_taken(&application->edit, &after->items[i], &conflict);
        if (status != SP_OK)
            return status;
    }
    *ret_conflict = conflict;
    return SP_OK;
}

static enum sp_status replace_entity(struct application *application, const struct sp_replica_record *record,
                                     struct sp_index_records *before) {
    struct sp_index_records after = {NULL, 0, 0};
    struct sp_error why = {0};
    bool conflict = false;
    enum sp_status status = derive_new(application, record, &after, &why);
    if (status == SP_ERR_MEMORY || status == SP_ERR_EXHAUSTED)
        return status;
    if (status != SP_OK)
        return leave_out_entity(application, record, why.message);
    status = find_conflict(application, &after, before, &conflict);
    if (status != SP_OK)
        return status;
    if (conflict)
        return leave_out_entity(application, record, not_unique);
    status = sp_write_put(application->write, SP_DB_ENTITY, record->key, record->value, 0);
    if (status != SP_OK)
        return status;
    application->outcome.changed++;
    status = sp_index_edit_replace(&application->edit, before, &after);
    if (status != SP_OK)
        return status;
    return sp_replica_mark_readable(application->write, record->key, application->arena);
}

static enum sp_status put_replicated_entity(struct application *application, const struct sp_replica_record *record) {
    struct sp_bytes stored = {NULL, 0};
    struct sp_index_records before = {NULL, 0, 0};
    enum sp_status status = SP_ERR_NOT_FOUND;
    if (sp_entity_key_is_valid(record->key))
        status = sp_view_get(&application->write->transaction.view, SP_DB_ENTITY, record->key, &stored);
    if (status == SP_ERR_NOT_FOUND)
        return replace_entity(application, record, &before);
    if (status != SP_OK)
        return status;
    if (sp_bytes_equal(stored, record->value))
        return SP_OK;
    status = derive_old(application, record->key, stored, &before);
    if (status != SP_OK)
        return status;
    return replace_entity(application, record, &before);
}

static enum sp_status delete_replicated_entity(struct application *application,
                                               const struct sp_replica_record *record) {
    enum sp_status status = SP_OK;
    if (record->key.size == 0)
        return SP_OK;
    if (sp_entity_key_is_valid(record->key))
        status = remove_entity(application, record->key);
    if (status != SP_OK)
        return status;
    return sp_replica_mark_readable(application->write, record->key, application->arena);
}

/* ---- changes ---- */

static enum sp_status refuse_unchained(struct application *application, uint64_t number) {
    return sp_error_set(application->error, SP_ERR_ABORTED,
                        "change %" PRIu64 " of the source does not continue this store's chain, which is at %" PRIu64,
                        number, application->head.revision.number);
}

static enum sp_status check_chain(struct application *application, uint64_t number, struct sp_bytes packed) {
    if (number != application->head.revision.number + 1 ||
        sp_change_follow(packed, application->head.last_hash) != SP_OK)
        return refuse_unchained(application, number);
    application->head.revision.number = number;
    application->head_moved = true;
    return SP_OK;
}

static enum sp_status put_change(struct application *application, const struct sp_replica_record *record) {
    struct sp_bytes stored;
    if (record->key.size != 8)
        return sp_error_set(application->error, SP_ERR_ABORTED, "a change of the source has no number");
    uint64_t number = sp_load_be64(record->key.data);
    struct sp_bytes key = sp_number_key(&number);
    enum sp_status status = sp_view_get(&application->write->transaction.view, SP_DB_CHANGE, key, &stored);
    if (status == SP_OK && sp_bytes_equal(stored, record->value))
        return SP_OK;
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    if (application->chained) {
        /* Trimmed here, or a large one of which only a part is on its way to its place. */
        if (number <= application->head.revision.number)
            return SP_OK;
        status = check_chain(application, number, record->value);
        if (status != SP_OK)
            return status;
    }
    application->outcome.changed++;
    status = sp_change_index_remove(application->write, number, application->arena);
    if (status != SP_OK)
        return status;
    status = sp_write_put(application->write, SP_DB_CHANGE, key, record->value, 0);
    if (status != SP_OK)
        return status;
    return sp_change_index_add(application->write, number, record->value, application->arena);
}

/* Each store trims its own trail, so a deletion means something only when all of a source is
 * compared. */
static enum sp_status delete_change(struct application *application, const struct sp_replica_record *record) {
    if (application->chained || record->key.size != 8)
        return SP_OK;
    uint64_t number = sp_load_be64(record->key.data);
    application->outcome.changed++;
    enum sp_status status = sp_change_index_remove(application->write, number, application->arena);
    if (status != SP_OK)
        return status;
    return sp_write_remove_any(application->write, SP_DB_CHANGE, sp_number_key(&number));
}

/* ---- idempotency records ---- */

/* They expire here by themselves; one that cannot be read only loses a replay. */
static enum sp_status put_request(struct application *application, const struct sp_replica_record *record) {
    struct sp_bytes stored;
    ProtobufCMessage *message;
    if (record->key.size != SP_DIGEST_BYTES)
        return SP_OK;
    enum sp_status status = sp_view_get(&application->write->transaction.view, SP_DB_REQUEST, record->key, &stored);
    if (status == SP_OK && sp_bytes_equal(stored, record->value))
        return SP_OK;
    status = sp_wire_unpack(&sallyport__store__v1__stored_request__descriptor, record->value, application->arena,
                            &message, NULL);
    if (status != SP_OK)
        return status == SP_ERR_INVALID ? SP_OK : status;
    application->outcome.changed++;
    return sp_request_put(application->write, record->key.data, (const Sallyport__Store__V1__StoredRequest *)message);
}

/* As with changes: once everything has been compared, a record that the source lacks must not
 * answer a replay. */
static enum sp_status delete_request(struct application *application, const struct sp_replica_record *record) {
    if (application->chained || record->key.size != SP_DIGEST_BYTES)
        return SP_OK;
    application->outcome.changed++;
    return sp_request_remove(application->write, record->key.data);
}

/* ---- all ---- */

static enum sp_status apply_record(struct application *application, const struct sp_replica_record *record) {
    switch (record->space) {
    case SP_REPLICA_ENTITY:
        return record->deleted ? delete_replicated_entity(application, record)
                               : put_replicated_entity(application, record);
    case SP_REPLICA_CHANGE:
        return record->deleted ? delete_change(application, record) : put_change(application, record);
    case SP_REPLICA_REQUEST:
        return record->deleted ? delete_request(application, record) : put_request(application, record);
    case SP_REPLICA_SPACES:
        break;
    }
    return SP_ERR_INTERNAL;
}

static int compare_deletions_first(const void *a, const void *b) {
    const struct sp_replica_record *left = a;
    const struct sp_replica_record *right = b;
    if (left->deleted != right->deleted)
        return left->deleted ? -1 : 1;
    return sp_replica_record_compare(left, right);
}

static enum sp_status apply_records(struct application *application, struct sp_replica_record *records, size_t count) {
    enum sp_status status = sp_view_head(&application->write->transaction.view, &application->head);
    if (status != SP_OK)
        return status;
    if (count > 1)
        qsort(records, count, sizeof(*records), compare_deletions_first);
    for (size_t i = 0; i < count; i++) {
        status = apply_record(application, &records[i]);
        if (status != SP_OK)
            return status;
    }
    status = sp_index_edit_flush(&application->edit);
    if (status != SP_OK || !application->head_moved)
        return status;
    return sp_write_head(application->write, &application->head);
}

static enum sp_status explain_failed_application(struct application *application, enum sp_status status) {
    if (application->error->status != SP_OK)
        return status;
    enum sp_status failure = sp_write_failure(application->write, application->error);
    if (failure != SP_OK)
        return failure;
    return sp_error_set(application->error, status, "cannot apply the source's records");
}

static struct application begin_application(struct sp_write *write, struct sp_arena *arena, sp_replica_report *report,
                                            void *context, struct sp_error *error) {
    return (struct application){.write = write,
                                .arena = arena,
                                .edit = {.write = write, .arena = arena, .error = error},
                                .report = report,
                                .context = context,
                                .error = error};
}

static enum sp_status end_application(struct application *application, enum sp_status status,
                                      struct sp_replica_outcome *ret_outcome, struct sp_error *error) {
    if (status != SP_OK) {
        application->write->refused = true;
        status = explain_failed_application(application, status);
        if (error != NULL)
            *error = *application->error;
        return status;
    }
    ret_outcome->changed += application->outcome.changed;
    ret_outcome->unreadable += application->outcome.unreadable;
    return SP_OK;
}

enum sp_status sp_replica_apply(struct sp_write *write, struct sp_replica_record *records, size_t count, bool chained,
                                struct sp_arena *arena, sp_replica_report *report, void *context,
                                struct sp_replica_outcome *ret_outcome, struct sp_error *error) {
    struct sp_error own = {0};
    struct application application = begin_application(write, arena, report, context, &own);
    application.chained = chained;
    return end_application(&application, apply_records(&application, records, count), ret_outcome, error);
}

enum sp_status sp_replica_apply_without_keys(struct sp_write *write, struct sp_replica_record *records, size_t count,
                                             struct sp_arena *arena, sp_replica_report *report, void *context,
                                             struct sp_replica_outcome *ret_outcome, struct sp_error *error) {
    struct sp_error own = {0};
    struct application application = begin_application(write, arena, report, context, &own);
    application.edit.without_keys = true;
    return end_application(&application, apply_records(&application, records, count), ret_outcome, error);
}

enum sp_status sp_replica_leave_out_twin(struct sp_write *write, const struct sp_replica_record *record,
                                         struct sp_arena *arena, sp_replica_report *report, void *context,
                                         struct sp_replica_outcome *ret_outcome, struct sp_error *error) {
    struct sp_error own = {0};
    struct application application = begin_application(write, arena, report, context, &own);
    application.edit.without_keys = true;
    enum sp_status status = leave_out_entity(&application, record, not_unique);
    if (status == SP_OK)
        status = sp_index_edit_flush(&application.edit);
    return end_application(&application, status, ret_outcome, error);
}
