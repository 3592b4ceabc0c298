#include "source/write/publish.h"

#include "base/clock.h"
#include "base/random.h"
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/ask.h"
#include "source/shared/head.h"
#include "source/shared/records.h"
#include "source/write/stage.h"
#include "store/records/journal.h"
#include "store/records/write.h"
#include "store/replica/cursor.h"
#include "store/replica/source_head.h"
#include "wire/wire.h"

enum { SEND_AGAIN_MS = 3000 };

struct publication {
    const struct sp_source_link *link;
    struct sp_write *write;
    struct sp_arena *arena;
    struct sp_source_pending *pending;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head;
    struct sp_source_operations operations;
    struct sp_etcd_compare compares[2]; /* the head, and the last part of a staged change */
    size_t compare_count;
    uint8_t commit_id[SP_SOURCE_ID_BYTES];
    struct sp_error *error;
};

static enum sp_status report_publish_memory(struct publication *publication) {
    return sp_error_set(publication->error, SP_ERR_EXHAUSTED, "the change exceeds the memory limit of one change");
}

/* ---- what is sent ---- */

static enum sp_status gather_operations(struct publication *publication) {
    struct sp_replica_record *records = NULL;
    size_t count = 0;
    enum sp_status status = sp_write_check(publication->write, publication->error);
    if (status != SP_OK)
        return status;
    if (sp_write_noted(publication->write, &records, &count) != SP_OK)
        return report_publish_memory(publication);
    for (size_t i = 0; i < count; i++) {
        /* Each store trims its trail by itself; etcd's is trimmed by its anchor. */
        if (records[i].deleted && records[i].space != SP_REPLICA_ENTITY)
            continue;
        if (sp_source_add_record_operations(&publication->operations, publication->link->shared->prefix, &records[i]) !=
            SP_OK)
            return report_publish_memory(publication);
    }
    return SP_OK;
}

static enum sp_status make_head(struct publication *publication) {
    Sallyport__Store__V1__SourceHead *before = NULL;
    enum sp_status status = sp_source_read_cursor(sp_write_view(publication->write), publication->arena,
                                                  &publication->cursor, &before, publication->error);
    if (status != SP_OK)
        return status;
    if (before->staged != NULL) {
        publication->pending->fold_wanted = true;
        publication->pending->awaited_revision = publication->cursor.head_revision + 1;
        return sp_error_set(publication->error, SP_ERR_ABORTED, "a large change is still being written to etcd");
    }
    status = sp_source_check_signer(publication->link->shared->keys, before, publication->error);
    if (status != SP_OK)
        return status;
    status = sp_replica_make_head(publication->write, publication->arena, &publication->head);
    if (status != SP_OK)
        return sp_error_set(publication->error, status, "cannot make the head for etcd");
    status = sp_random_fill(publication->commit_id, sizeof(publication->commit_id));
    if (status != SP_OK)
        return sp_error_set(publication->error, status, "cannot make a random id");
    publication->head->previous_commit_id = before->commit_id;
    publication->head->commit_id = (ProtobufCBinaryData){sizeof(publication->commit_id), publication->commit_id};
    publication->compares[0] =
        (struct sp_etcd_compare){.key = sp_source_head_key(publication->link->shared->prefix, publication->arena),
                                 .what = SP_ETCD_MOD_IS,
                                 .revision = publication->cursor.head_revision};
    publication->compare_count = 1;
    if (publication->compares[0].key.data == NULL)
        return report_publish_memory(publication);
    return SP_OK;
}

static enum sp_status stage_if_large(struct publication *publication) {
    struct sp_source_operations *operations = &publication->operations;
    if (operations->count <= publication->link->txn_operations && operations->bytes <= SP_SOURCE_TXN_BYTES)
        return SP_OK;
    enum sp_status status = sp_source_stage(publication->link, operations, publication->arena,
                                            &publication->head->staged, &publication->compares[1], publication->error);
    if (status != SP_OK)
        return status;
    publication->compare_count = 2;
    publication->operations = (struct sp_source_operations){.arena = publication->arena};
    return SP_OK;
}

static enum sp_status add_head_operation(struct publication *publication) {
    const struct sp_source_shared *shared = publication->link->shared;
    struct sp_etcd_operation put = {.what = SP_ETCD_PUT, .key = publication->compares[0].key};
    enum sp_status status = sp_source_pack_head(shared->keys, shared->prefix, publication->head, publication->arena,
                                                &put.value, publication->error);
    if (status != SP_OK)
        return status;
    if (sp_source_add_operation(&publication->operations, put) != SP_OK)
        return report_publish_memory(publication);
    return SP_OK;
}

/* ---- sending ---- */

/* Whether the head that is in the way is the one that an unanswered try put. */
static bool is_own_head(const struct publication *publication, const struct sp_etcd_outcome *outcome) {
    Sallyport__Store__V1__SourceHead *there = NULL;
    if (!outcome->found || sp_source_unpack_head(outcome->otherwise.value, publication->arena, &there, NULL) != SP_OK)
        return false;
    return sp_bytes_equal(sp_wire_bytes(there->commit_id),
                          (struct sp_bytes){publication->commit_id, SP_SOURCE_ID_BYTES});
}

/* *ret_revision: of etcd, at which the change was made. */
static enum sp_status send_transaction(struct publication *publication, uint64_t *ret_revision) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_txn txn = {
        .compares = publication->compares,
        .compare_count = publication->compare_count,
        .operations = publication->operations.items,
        .operation_count = publication->operations.count,
        .otherwise = publication->compares[0].key,
    };
    int64_t until_ms = sp_clock_monotonic_ms() + SEND_AGAIN_MS;
    enum sp_status status = sp_source_put(publication->link, &txn, publication->arena, &outcome, publication->error);
    /* An unanswered try may have succeeded: sending the same again is harmless, and settles it. */
    if (status == SP_ERR_UNAVAILABLE && sp_clock_monotonic_ms() < until_ms)
        status = sp_source_put(publication->link, &txn, publication->arena, &outcome, publication->error);
    if (status == SP_ERR_UNAVAILABLE)
        return sp_error_set(publication->error, status,
                            "etcd does not answer; the change may or may not have been made: retry with the same "
                            "request_id");
    if (status != SP_OK)
        return status;
    sp_source_note_reached(publication->link->shared);
    if (outcome.made) {
        *ret_revision = outcome.header.revision;
        return SP_OK;
    }
    if (is_own_head(publication, &outcome)) {
        *ret_revision = outcome.otherwise.mod_revision;
        return SP_OK;
    }
    if (!outcome.found)
        return sp_error_set(publication->error, SP_ERR_UNAVAILABLE,
                            "etcd no longer holds a store; nothing was changed");
    publication->pending->awaited_revision = outcome.otherwise.mod_revision;
    return sp_error_set(publication->error, SP_ERR_ABORTED, "another change was made first; try again");
}

static enum sp_status publish_write(struct publication *publication) {
    uint64_t revision = 0;
    enum sp_status status = gather_operations(publication);
    if (status != SP_OK)
        return status;
    status = make_head(publication);
    if (status != SP_OK)
        return status;
    status = stage_if_large(publication);
    if (status != SP_OK)
        return status;
    status = add_head_operation(publication);
    if (status != SP_OK)
        return status;
    status = send_transaction(publication, &revision);
    if (status == SP_ERR_ABORTED && publication->head->staged != NULL)
        sp_source_unstage(publication->link, publication->head->staged, publication->arena);
    if (status != SP_OK)
        return status;
    publication->cursor.revision = revision;
    publication->cursor.head_revision = revision;
    status = sp_replica_move(publication->write, &publication->cursor, publication->head);
    if (status != SP_OK)
        return sp_error_set(publication->error, status,
                            "the change was made in etcd, but this store cannot be "
                            "written");
    publication->pending->awaited_revision = revision;
    publication->pending->fold_wanted = publication->head->staged != NULL;
    return SP_OK;
}

enum sp_status sp_source_publish(const struct sp_source_link *link, struct sp_write *write, struct sp_arena *arena,
                                 struct sp_source_pending *pending, struct sp_error *error) {
    struct publication publication = {.link = link,
                                      .write = write,
                                      .arena = arena,
                                      .pending = pending,
                                      .operations = {.arena = arena},
                                      .error = error};
    enum sp_status status = publish_write(&publication);
    if (status == SP_ERR_PERMISSION)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "etcd credentials are read-only here; use an instance with write access");
    return status;
}

enum sp_status sp_source_confirm(const struct sp_source_link *link, struct sp_write *write, struct sp_arena *arena,
                                 struct sp_source_pending *pending, struct sp_error *error) {
    struct sp_source_found found;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_source_ask_head(link, arena, &found, error);
    if (status != SP_OK)
        return status;
    status = sp_source_read_cursor(sp_write_view(write), arena, &cursor, &head, error);
    if (status != SP_OK)
        return status;
    if (cursor.head_revision == found.head_revision && sp_source_same_commit(head, found.head))
        return SP_OK;
    pending->awaited_revision = found.head_revision;
    return sp_error_set(error, SP_ERR_ABORTED, "this instance is behind etcd; try again");
}
