/* Changes that are too large for one transaction of etcd: written aside, made to take effect by a head that names them, then
 * written to their places. */
#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "source/internal.h"
#include "wire/wire.h"

enum { LEFT_BEHIND_S = 600, PART_OPERATIONS = 10000 };

static struct sp_bytes bytes_of(ProtobufCBinaryData data) {
    return (struct sp_bytes){data.data, data.len};
}

static ProtobufCBinaryData binary_of(struct sp_bytes bytes) {
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {bytes.data};
    return (ProtobufCBinaryData){bytes.size, data.out};
}

static enum sp_status no_memory(struct sp_error *error) {
    return sp_error_set(error, SP_ERR_EXHAUSTED, "the change takes more memory than one change may use");
}

/* ---- writing aside ---- */

static struct sp_bytes below_prefix(const struct sp_source *source, struct sp_bytes key) {
    return (struct sp_bytes){key.data + source->prefix.size, key.size - source->prefix.size};
}

/* Takes operations from `*at` on into one part. */
static enum sp_status pack_part(const struct sp_source *source, const struct sp_source_operations *operations,
                                size_t *at, struct sp_arena *arena, struct sp_bytes *ret_packed) {
    Sallyport__Store__V1__StagedPart part = SALLYPORT__STORE__V1__STAGED_PART__INIT;
    size_t bytes = 0;
    size_t count = 0;
    while (*at + count < operations->count && count < PART_OPERATIONS) {
        const struct sp_etcd_operation *operation = &operations->items[*at + count];
        bytes += operation->key.size + operation->value.size + 16;
        if (count > 0 && bytes > SP_SOURCE_TXN_BYTES)
            break;
        count++;
    }
    Sallyport__Store__V1__StagedOperation *all = sp_arena_calloc(arena, count, sizeof *all);
    part.operations = sp_arena_calloc(arena, count, sizeof(void *));
    if (all == NULL || part.operations == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct sp_etcd_operation *operation = &operations->items[*at + i];
        sallyport__store__v1__staged_operation__init(&all[i]);
        all[i].key = binary_of(below_prefix(source, operation->key));
        all[i].value = binary_of(operation->value);
        all[i].deletes = operation->what == SP_ETCD_DELETE;
        part.operations[i] = &all[i];
    }
    part.created_at = sp_clock_now_s();
    part.n_operations = count;
    *at += count;
    return sp_wire_pack(&part.base, arena, ret_packed);
}

static enum sp_status put_part(struct sp_source *source, struct sp_bytes id, uint32_t part, struct sp_bytes packed,
                               struct sp_arena *arena, struct sp_etcd_compare *ret_put, struct sp_error *error) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_operation put = {
        .what = SP_ETCD_PUT, .key = sp_source_key_staged(source, id, &part, arena), .value = packed};
    const struct sp_etcd_txn txn = {.operations = &put, .operation_count = 1};
    if (put.key.data == NULL)
        return no_memory(error);
    enum sp_status status = sp_etcd_commit(source->write, &txn, arena, &outcome, error);
    if (status == SP_OK)
        *ret_put =
            (struct sp_etcd_compare){.key = put.key, .what = SP_ETCD_MOD_IS, .revision = outcome.header.revision};
    return status;
}

enum sp_status sp_source_stage(struct sp_source *source, const struct sp_source_operations *operations,
                               Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                               struct sp_etcd_compare *ret_last, struct sp_error *error) {
    uint8_t *id = sp_arena_alloc(arena, SP_SOURCE_ID_BYTES);
    Sallyport__Store__V1__StagedChange *staged = sp_arena_alloc(arena, sizeof *staged);
    if (id == NULL || staged == NULL)
        return no_memory(error);
    enum sp_status status = sp_random_fill(id, SP_SOURCE_ID_BYTES);
    sallyport__store__v1__staged_change__init(staged);
    staged->id = (ProtobufCBinaryData){SP_SOURCE_ID_BYTES, id};
    size_t at = 0;
    while (status == SP_OK && at < operations->count) {
        struct sp_bytes packed;
        if (pack_part(source, operations, &at, arena, &packed) != SP_OK)
            return no_memory(error);
        status = put_part(source, bytes_of(staged->id), staged->parts++, packed, arena, ret_last, error);
    }
    if (status == SP_OK)
        head->staged = staged;
    return status;
}

void sp_source_unstage(struct sp_source *source, const Sallyport__Store__V1__StagedChange *staged,
                       struct sp_arena *arena) {
    uint32_t last = UINT32_MAX;
    struct sp_error ignored = {0};
    struct sp_etcd_outcome outcome;
    struct sp_etcd_operation remove = {.what = SP_ETCD_DELETE,
                                       .key = sp_source_key_staged(source, bytes_of(staged->id), NULL, arena),
                                       .end = sp_source_key_staged(source, bytes_of(staged->id), &last, arena)};
    const struct sp_etcd_txn txn = {.operations = &remove, .operation_count = 1};
    if (remove.key.data == NULL || remove.end.data == NULL ||
        sp_etcd_commit(source->write, &txn, arena, &outcome, &ignored) != SP_OK)
        sp_log(SP_LOG_DEBUG, "what was staged for a lost race stays for a while");
}

/* ---- reading what is aside ---- */

static enum sp_status add_part(const struct sp_source *source, struct sp_bytes value, struct sp_arena *arena,
                               struct sp_source_operations *operations, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    enum sp_status status =
        sp_wire_unpack(&sallyport__store__v1__staged_part__descriptor, value, arena, &message, error);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StagedPart *part = (const Sallyport__Store__V1__StagedPart *)message;
    for (size_t i = 0; status == SP_OK && i < part->n_operations; i++) {
        const Sallyport__Store__V1__StagedOperation *operation = part->operations[i];
        uint8_t *key = sp_arena_alloc(arena, source->prefix.size + operation->key.len + 1);
        if (key == NULL)
            return no_memory(error);
        memcpy(key, source->prefix.data, source->prefix.size);
        if (operation->key.len > 0)
            memcpy(key + source->prefix.size, operation->key.data, operation->key.len);
        status = sp_source_operations_push(operations, (struct sp_etcd_operation){
                                                           .what = operation->deletes ? SP_ETCD_DELETE : SP_ETCD_PUT,
                                                           .key = {key, source->prefix.size + operation->key.len},
                                                           .value = bytes_of(operation->value),
                                                       });
    }
    return status;
}

static enum sp_status read_part(struct sp_source *source, struct sp_etcd *etcd, struct sp_bytes id, uint32_t part,
                                uint64_t revision, struct sp_arena *arena, struct sp_source_operations *operations,
                                struct sp_error *error) {
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = sp_source_key_staged(source, id, &part, arena), .revision = revision};
    if (range.key.data == NULL)
        return no_memory(error);
    enum sp_status status = sp_etcd_get(etcd, &range, arena, &page, error);
    if (status != SP_OK)
        return status;
    if (page.count != 1)
        return sp_error_set(error, SP_ERR_ABORTED, "a part of a large change is gone from etcd");
    return add_part(source, page.kvs[0].value, arena, operations, error);
}

enum sp_status sp_source_read_staged(struct sp_source *source, struct sp_etcd *etcd,
                                     const Sallyport__Store__V1__StagedChange *staged, uint64_t revision,
                                     struct sp_arena *arena, struct sp_source_operations *operations,
                                     struct sp_error *error) {
    enum sp_status status = SP_OK;
    for (uint32_t part = 0; status == SP_OK && part < staged->parts; part++)
        status = read_part(source, etcd, bytes_of(staged->id), part, revision, arena, operations, error);
    return status;
}

/* ---- to its places ---- */

struct fold {
    struct sp_source *source;
    struct sp_arena arena;
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head;
    struct sp_error *error;
};

/* While the head is the one that names the change. SP_ERR_ABORTED: somebody else has done it. */
static enum sp_status commit_under_head(struct fold *fold, const struct sp_etcd_operation *operations, size_t count,
                                        uint64_t *ret_revision) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_compare guard = {.key = sp_source_key_head(fold->source, &fold->arena),
                                          .revision = fold->cursor.head_revision};
    const struct sp_etcd_txn txn = {
        .compares = &guard, .compare_count = 1, .operations = operations, .operation_count = count};
    if (guard.key.data == NULL)
        return no_memory(fold->error);
    enum sp_status status = sp_etcd_commit(fold->source->write, &txn, &fold->arena, &outcome, fold->error);
    if (status == SP_OK && !outcome.made)
        return sp_error_set(fold->error, SP_ERR_ABORTED, "etcd has another head by now");
    if (status == SP_OK)
        *ret_revision = outcome.header.revision;
    return status;
}

static enum sp_status write_to_places(struct fold *fold, const struct sp_source_operations *operations) {
    enum sp_status status = SP_OK;
    size_t count;
    for (size_t at = 0; status == SP_OK && at < operations->count; at += count) {
        size_t bytes = 0;
        uint64_t revision;
        for (count = 0; at + count < operations->count && count < SP_SOURCE_TXN_OPERATIONS; count++) {
            const struct sp_etcd_operation *operation = &operations->items[at + count];
            bytes += operation->key.size + operation->value.size;
            if (count > 0 && bytes > SP_SOURCE_TXN_BYTES)
                break;
        }
        status = commit_under_head(fold, operations->items + at, count, &revision);
    }
    return status;
}

static enum sp_status put_plain_head(struct fold *fold, uint64_t *ret_revision) {
    struct sp_bytes id = bytes_of(fold->head->staged->id);
    struct sp_bytes parts = sp_source_key_staged(fold->source, id, NULL, &fold->arena);
    uint32_t last = UINT32_MAX;
    struct sp_etcd_operation operations[2] = {
        {.what = SP_ETCD_PUT, .key = sp_source_key_head(fold->source, &fold->arena)},
        {.what = SP_ETCD_DELETE, .key = parts, .end = sp_source_key_staged(fold->source, id, &last, &fold->arena)},
    };
    fold->head->staged = NULL;
    enum sp_status status = sp_random_fill(fold->head->commit_id.data, fold->head->commit_id.len);
    if (status == SP_OK)
        status = sp_wire_pack(&fold->head->base, &fold->arena, &operations[0].value);
    if (status != SP_OK || parts.data == NULL || operations[0].key.data == NULL || operations[1].end.data == NULL)
        return no_memory(fold->error);
    return commit_under_head(fold, operations, 2, ret_revision);
}

/* The follower does the same when it sees the head; whoever comes first. */
static enum sp_status move_store(struct fold *fold, uint64_t revision) {
    struct sp_write *write = NULL;
    struct sp_replica_cursor now;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_write_begin(fold->source->store, &write, fold->error);
    if (status != SP_OK)
        return status;
    status = sp_view_replica(sp_write_view(write), &fold->arena, &now, &head);
    if (status == SP_OK && now.head_revision == fold->cursor.head_revision) {
        now.head_revision = revision;
        now.revision = revision;
        status = sp_replica_move(write, &now, fold->head);
        if (status == SP_OK)
            return sp_write_commit(write, fold->error);
    }
    sp_write_abort(write);
    return status;
}

static enum sp_status fold_change(struct fold *fold) {
    struct sp_source_operations operations = {.arena = &fold->arena};
    uint64_t revision = 0;
    enum sp_status status = sp_source_read_cursor(fold->source, &fold->arena, &fold->cursor, &fold->head);
    if (status != SP_OK)
        return sp_error_set(fold->error, status, "the store does not tell where in etcd it is");
    if (fold->head->staged == NULL)
        return SP_OK;
    status = sp_source_read_staged(fold->source, fold->source->write, fold->head->staged, 0, &fold->arena, &operations,
                                   fold->error);
    if (status == SP_OK)
        status = write_to_places(fold, &operations);
    if (status == SP_OK)
        status = put_plain_head(fold, &revision);
    if (status == SP_OK)
        status = move_store(fold, revision);
    if (status == SP_OK)
        sp_source_set_head(fold->source, revision);
    return status == SP_ERR_ABORTED ? SP_OK : status;
}

enum sp_status sp_source_fold(struct sp_source *source, struct sp_error *error) {
    struct fold fold = {.source = source, .error = error};
    enum sp_status status = sp_arena_init(&fold.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = fold_change(&fold);
    sp_arena_fini(&fold.arena);
    return status;
}

/* ---- what dead writers left ---- */

static bool is_old(struct sp_bytes value, struct sp_arena *arena) {
    ProtobufCMessage *message = NULL;
    if (sp_wire_unpack(&sallyport__store__v1__staged_part__descriptor, value, arena, &message, NULL) != SP_OK)
        return true;
    return ((const Sallyport__Store__V1__StagedPart *)message)->created_at < sp_clock_now_s() - LEFT_BEHIND_S;
}

static enum sp_status remove_staged(struct sp_source *source, struct sp_bytes key, const struct sp_source_found *found,
                                    struct sp_arena *arena, struct sp_error *error) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_compare guard = {.key = sp_source_key_head(source, arena), .revision = found->head_revision};
    const struct sp_etcd_operation remove = {.what = SP_ETCD_DELETE, .key = key};
    const struct sp_etcd_txn txn = {
        .compares = &guard, .compare_count = 1, .operations = &remove, .operation_count = 1};
    return guard.key.data == NULL ? SP_ERR_MEMORY : sp_etcd_commit(source->write, &txn, arena, &outcome, error);
}

static bool is_named(const struct sp_source *source, struct sp_bytes key, const struct sp_source_found *found,
                     struct sp_arena *arena) {
    if (found->head->staged == NULL)
        return false;
    struct sp_bytes named = sp_source_key_staged(source, bytes_of(found->head->staged->id), NULL, arena);
    return named.data == NULL || (key.size >= named.size && memcmp(key.data, named.data, named.size) == 0);
}

void sp_source_clean_staged(struct sp_source *source, struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_source_found found;
    struct sp_etcd_page page;
    struct sp_bytes prefix = sp_source_key_staged(source, (struct sp_bytes){NULL, 0}, NULL, arena);
    enum sp_status status = sp_source_ask_head(source, source->write, arena, &found, &error);
    if (status != SP_OK || prefix.data == NULL)
        return;
    const struct sp_etcd_range range = {.key = prefix, .end = sp_etcd_prefix_end(prefix, arena), .limit = 16};
    status = range.end.data == NULL ? SP_ERR_MEMORY : sp_etcd_get(source->write, &range, arena, &page, &error);
    for (size_t i = 0; status == SP_OK && i < page.count; i++) {
        if (is_named(source, page.kvs[i].key, &found, arena) || !is_old(page.kvs[i].value, arena))
            continue;
        sp_log(SP_LOG_WARNING,
               "a part of a large change, whose writer died before it took effect, is removed from etcd");
        status = remove_staged(source, page.kvs[i].key, &found, arena, &error);
    }
}
