/* Sending what a write did, as one transaction that holds only while nobody else has changed anything. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "source/internal.h"
#include "store/replica/source_head.h"
#include "wire/wire.h"

enum { SEND_AGAIN_MS = 3000 };

struct publication {
    struct sp_source *source;
    struct sp_write *write;
    struct sp_arena *arena;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head;
    struct sp_source_operations operations;
    struct sp_etcd_compare compares[2];
    size_t compare_count;
    uint8_t commit_id[SP_SOURCE_ID_BYTES];
    struct sp_error *error;
};

static enum sp_status no_memory(struct publication *publication) {
    return sp_error_set(publication->error, SP_ERR_EXHAUSTED, "the change takes more memory than one change may use");
}

/* ---- what is sent ---- */

static enum sp_status gather(struct publication *publication) {
    struct sp_replica_record *records = NULL;
    size_t count = 0;
    publication->operations.arena = publication->arena;
    enum sp_status status = sp_write_check(publication->write, publication->error);
    if (status != SP_OK)
        return status;
    status = sp_write_noted(publication->write, &records, &count);
    for (size_t i = 0; status == SP_OK && i < count; i++) {
        /* The trail is trimmed here by each store for itself; etcd's is trimmed by its anchor. */
        if (records[i].deleted && records[i].space != SP_REPLICA_ENTITY)
            continue;
        status = sp_source_operations_add(&publication->operations, publication->source, &records[i]);
    }
    return status == SP_OK ? SP_OK : no_memory(publication);
}

static enum sp_status make_head(struct publication *publication) {
    Sallyport__Store__V1__SourceHead *before = NULL;
    enum sp_status status =
        sp_view_replica(sp_write_view(publication->write), publication->arena, &publication->cursor, &before);
    if (status == SP_OK && before->staged != NULL) {
        publication->source->fold_wanted = true;
        publication->source->awaited_revision = publication->cursor.head_revision + 1;
        return sp_error_set(publication->error, SP_ERR_ABORTED, "a large change is on its way to its places");
    }
    if (status == SP_OK)
        status = sp_replica_make_head(publication->write, publication->arena, &publication->head);
    if (status == SP_OK)
        status = sp_random_fill(publication->commit_id, sizeof publication->commit_id);
    if (status != SP_OK)
        return sp_error_set(publication->error, status, "the store does not tell where in etcd it is");
    publication->head->commit_id = (ProtobufCBinaryData){sizeof publication->commit_id, publication->commit_id};
    publication->compares[0] =
        (struct sp_etcd_compare){.key = sp_source_key_head(publication->source, publication->arena),
                                 .what = SP_ETCD_MOD_IS,
                                 .revision = publication->cursor.head_revision};
    publication->compare_count = 1;
    return publication->compares[0].key.data == NULL ? no_memory(publication) : SP_OK;
}

static enum sp_status stage_if_large(struct publication *publication) {
    struct sp_source_operations *operations = &publication->operations;
    if (operations->count <= SP_SOURCE_TXN_OPERATIONS && operations->bytes <= SP_SOURCE_TXN_BYTES)
        return SP_OK;
    enum sp_status status = sp_source_stage(publication->source, operations, publication->head, publication->arena,
                                            &publication->compares[1], publication->error);
    publication->compare_count = 2;
    publication->operations = (struct sp_source_operations){.arena = publication->arena};
    return status;
}

static enum sp_status add_head(struct publication *publication) {
    struct sp_bytes packed;
    enum sp_status status = sp_wire_pack(&publication->head->base, publication->arena, &packed);
    if (status == SP_OK)
        status = sp_source_operations_push(
            &publication->operations,
            (struct sp_etcd_operation){.what = SP_ETCD_PUT, .key = publication->compares[0].key, .value = packed});
    return status == SP_OK ? SP_OK : no_memory(publication);
}

/* ---- sending ---- */

/* Whether the head that is in the way is the one that an unanswered try put. */
static bool is_ours(const struct publication *publication, const struct sp_etcd_outcome *outcome) {
    Sallyport__Store__V1__SourceHead *there = NULL;
    if (!outcome->found || sp_source_read_head(outcome->otherwise.value, publication->arena, &there, NULL) != SP_OK)
        return false;
    return there->commit_id.len == SP_SOURCE_ID_BYTES &&
           memcmp(there->commit_id.data, publication->commit_id, SP_SOURCE_ID_BYTES) == 0;
}

static enum sp_status send(struct publication *publication, uint64_t *ret_revision) {
    struct sp_etcd_outcome outcome;
    struct sp_source *source = publication->source;
    const struct sp_etcd_txn txn = {
        .compares = publication->compares,
        .compare_count = publication->compare_count,
        .operations = publication->operations.items,
        .operation_count = publication->operations.count,
        .otherwise = publication->compares[0].key,
    };
    int64_t until_ms = sp_clock_monotonic_ms() + SEND_AGAIN_MS;
    enum sp_status status = sp_etcd_commit(source->write, &txn, publication->arena, &outcome, publication->error);
    /* What went unanswered may have been made: the same once more is harmless, and tells. */
    if (status == SP_ERR_UNAVAILABLE && sp_clock_monotonic_ms() < until_ms)
        status = sp_etcd_commit(source->write, &txn, publication->arena, &outcome, publication->error);
    if (status == SP_ERR_UNAVAILABLE)
        return sp_error_set(publication->error, status,
                            "etcd does not answer: whether the change was made is not known; ask again with the same "
                            "request_id");
    if (status != SP_OK)
        return status;
    sp_source_reached(source);
    if (outcome.made) {
        *ret_revision = outcome.header.revision;
        return SP_OK;
    }
    if (is_ours(publication, &outcome)) {
        *ret_revision = outcome.otherwise.mod_revision;
        return SP_OK;
    }
    if (!outcome.found)
        return sp_error_set(publication->error, SP_ERR_UNAVAILABLE,
                            "etcd holds no store any more: nothing was changed");
    source->awaited_revision = outcome.otherwise.mod_revision;
    return sp_error_set(publication->error, SP_ERR_ABORTED, "another change was made first: try again");
}

static enum sp_status publish(struct publication *publication) {
    uint64_t revision = 0;
    enum sp_status status = gather(publication);
    if (status == SP_OK)
        status = make_head(publication);
    if (status == SP_OK)
        status = stage_if_large(publication);
    if (status == SP_OK)
        status = add_head(publication);
    if (status == SP_OK)
        status = send(publication, &revision);
    if (status == SP_ERR_ABORTED && publication->head != NULL && publication->head->staged != NULL)
        sp_source_unstage(publication->source, publication->head->staged, publication->arena);
    if (status != SP_OK)
        return status;
    publication->cursor.revision = revision;
    publication->cursor.head_revision = revision;
    status = sp_replica_move(publication->write, &publication->cursor, publication->head);
    if (status != SP_OK)
        return sp_error_set(publication->error, status,
                            "the change was made in etcd, but cannot be written to this store");
    publication->source->awaited_revision = revision;
    publication->source->fold_wanted = publication->head->staged != NULL;
    return SP_OK;
}

enum sp_status sp_source_publish(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    struct publication publication = {.source = source, .write = write, .arena = &source->notes, .error = error};
    sp_arena_reset(&source->notes);
    enum sp_status status = publish(&publication);
    if (status == SP_ERR_PERMISSION || status == SP_ERR_UNAUTHENTICATED)
        status = sp_error_set(error, SP_ERR_PRECONDITION,
                              "this instance's credentials may not write to etcd: send changes to one whose may");
    return status;
}

enum sp_status sp_source_confirm(struct sp_source *source, struct sp_write *write, struct sp_error *error) {
    struct sp_source_found found;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    sp_arena_reset(&source->notes);
    enum sp_status status = sp_source_ask_head(source, source->write, &source->notes, &found, error);
    if (status != SP_OK)
        return status;
    status = sp_view_replica(sp_write_view(write), &source->notes, &cursor, &head);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store does not tell where in etcd it is");
    if (cursor.head_revision == found.head_revision)
        return SP_OK;
    source->awaited_revision = found.head_revision;
    return sp_error_set(error, SP_ERR_ABORTED, "this instance is behind etcd: try again");
}

void sp_source_published(struct sp_source *source) {
    struct sp_error error = {0};
    sp_source_set_head(source, source->awaited_revision);
    if (!source->fold_wanted)
        return;
    source->fold_wanted = false;
    if (sp_source_fold(source, &error) != SP_OK)
        sp_log(SP_LOG_WARNING, "a large change is made, and will be written to its places later: %s", error.message);
}
