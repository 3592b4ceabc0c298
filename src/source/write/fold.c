#include "source/write/fold.h"

#include "base/random.h"
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/ask.h"
#include "source/shared/head.h"
#include "source/shared/staged.h"
#include "store/records/write.h"
#include "store/replica/cursor.h"
#include "wire/wire.h"

struct fold {
    const struct sp_source_link *link;
    struct sp_arena arena;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head;
    struct sp_error *error;
};

static enum sp_status report_fold_memory(struct fold *fold) {
    return sp_error_set(fold->error, SP_ERR_EXHAUSTED, "the change exceeds the memory limit of one change");
}

/* Holds only while the head is the one that names the change. SP_ERR_ABORTED: another instance
 * has folded it. */
static enum sp_status commit_under_head(struct fold *fold, const struct sp_etcd_operation *operations, size_t count,
                                        uint64_t *ret_revision) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_compare guard = {.key = sp_source_head_key(fold->link->shared->prefix, &fold->arena),
                                          .what = SP_ETCD_MOD_IS,
                                          .revision = fold->cursor.head_revision};
    const struct sp_etcd_txn txn = {
        .compares = &guard, .compare_count = 1, .operations = operations, .operation_count = count};
    if (guard.key.data == NULL)
        return report_fold_memory(fold);
    enum sp_status status = sp_source_put(fold->link, &txn, &fold->arena, &outcome, fold->error);
    if (status != SP_OK)
        return status;
    if (!outcome.made)
        return sp_error_set(fold->error, SP_ERR_ABORTED, "etcd's head has changed in the meantime");
    *ret_revision = outcome.header.revision;
    return SP_OK;
}

static enum sp_status write_to_places(struct fold *fold, const struct sp_source_operations *operations) {
    size_t count;
    for (size_t at = 0; at < operations->count; at += count) {
        uint64_t revision;
        count = sp_source_fit_operations(operations, at, fold->link->txn_operations);
        enum sp_status status = commit_under_head(fold, &operations->items[at], count, &revision);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status put_plain_head(struct fold *fold, uint64_t *ret_revision) {
    struct sp_str prefix = fold->link->shared->prefix;
    struct sp_bytes id = sp_source_staged_id(fold->head->staged);
    struct sp_etcd_operation operations[2] = {
        {.what = SP_ETCD_PUT, .key = sp_source_head_key(prefix, &fold->arena)},
        {.what = SP_ETCD_DELETE,
         .key = sp_source_staged_key(prefix, id, &fold->arena),
         .end = sp_source_staged_part_key(prefix, id, UINT32_MAX, &fold->arena)},
    };
    if (operations[0].key.data == NULL || operations[1].key.data == NULL || operations[1].end.data == NULL)
        return report_fold_memory(fold);
    uint8_t *commit_id = sp_arena_alloc(&fold->arena, SP_SOURCE_ID_BYTES);
    if (commit_id == NULL)
        return report_fold_memory(fold);
    enum sp_status status = sp_random_fill(commit_id, SP_SOURCE_ID_BYTES);
    if (status != SP_OK)
        return sp_error_set(fold->error, status, "cannot make a random id");
    fold->head->staged = NULL;
    fold->head->previous_commit_id = fold->head->commit_id;
    fold->head->commit_id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, commit_id};
    status = sp_source_pack_head(fold->link->shared->keys, prefix, fold->head, &fold->arena, &operations[0].value,
                                 fold->error);
    if (status != SP_OK)
        return status;
    return commit_under_head(fold, operations, 2, ret_revision);
}

/* The follower does the same when it sees the head; whichever comes first. */
static enum sp_status move_store_to_head(struct fold *fold, uint64_t revision) {
    struct sp_write *write = NULL;
    struct sp_replica_cursor now;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_write_begin(fold->link->shared->store, &write, fold->error);
    if (status != SP_OK)
        return status;
    status = sp_source_read_cursor(sp_write_view(write), &fold->arena, &now, &head, fold->error);
    if (status != SP_OK || now.head_revision != fold->cursor.head_revision)
        goto abort;
    now.head_revision = revision;
    now.revision = revision;
    status = sp_replica_move(write, &now, fold->head);
    if (status != SP_OK) {
        status = sp_error_set(fold->error, status, "cannot write the store");
        goto abort;
    }
    return sp_write_commit(write, fold->error);
abort:
    sp_write_abort(write);
    return status;
}

static enum sp_status fold_change(struct fold *fold) {
    struct sp_source_operations operations = {.arena = &fold->arena};
    uint64_t revision = 0;
    enum sp_status status =
        sp_source_read_newest_cursor(fold->link->shared->store, &fold->arena, &fold->cursor, &fold->head, fold->error);
    if (status != SP_OK || fold->head->staged == NULL)
        return status;
    status = sp_source_check_signer(fold->link->shared->keys, fold->head, fold->error);
    if (status != SP_OK)
        return status;
    status = sp_source_read_staged(fold->link, fold->head->staged, 0, &operations, fold->error);
    if (status != SP_OK)
        return status;
    status = write_to_places(fold, &operations);
    if (status != SP_OK)
        return status;
    status = put_plain_head(fold, &revision);
    if (status != SP_OK)
        return status;
    status = move_store_to_head(fold, revision);
    if (status != SP_OK)
        return status;
    sp_source_raise_head(fold->link->shared, revision);
    return SP_OK;
}

enum sp_status sp_source_fold(const struct sp_source_link *link, struct sp_error *error) {
    struct fold fold = {.link = link, .error = error};
    enum sp_status status = sp_arena_init(&fold.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = fold_change(&fold);
    sp_arena_fini(&fold.arena);
    return status == SP_ERR_ABORTED ? SP_OK : status;
}
