/* Keys are taken in runs: as many as fit the memory for one are derived, sorted by digest and put,
 * then come the next. A run puts its keys page by page. */
#include "store/replica/fill.h"

#include <stdlib.h>

#include "core/digest.h"
#include "store/records/derive.h"
#include "store/records/entity.h"
#include "store/records/index_edit.h"
#include "store/records/record.h"
#include "store/replica/apply.h"

enum {
    RUN_FIRST_BYTES = 1 << 20,
    RUN_BUDGET_BYTES = 64 << 20, /* of records and entity keys; a run ends where it does */
    SCRATCH_FIRST_BYTES = 64 * 1024,
    SCRATCH_BUDGET_BYTES = 16 << 20,
};

const struct sp_replica_fill_sizes sp_replica_fill_sizes = {.keys_in_a_run = 1 << 19, .keys_in_a_commit = 20000};

struct run_key {
    uint64_t place; /* the key of its record */
    struct sp_bytes record;
    struct sp_bytes entity_key;
};

struct key_indexer {
    const struct sp_replica_fill_sizes *sizes;
    struct sp_store *store;
    struct sp_write **write;
    struct sp_arena run;     /* records and entity keys */
    struct sp_arena scratch; /* of one entity */
    struct run_key *keys;
    size_t count;
    struct sp_entity_key last; /* that was read */
    bool more;
    bool appending; /* the first run, whose keys are put behind each other */
    size_t uncommitted;
    struct sp_arena *arena;
    sp_replica_report *report;
    void *context;
    struct sp_replica_outcome *outcome;
    struct sp_error *error;
};

/* ---- reading a run ---- */

static bool copy_into_run(struct key_indexer *indexer, struct sp_bytes bytes, struct sp_bytes *ret_copy) {
    uint8_t *copy = sp_arena_alloc(&indexer->run, bytes.size);
    if (copy == NULL)
        return false;
    memcpy(copy, bytes.data, bytes.size);
    *ret_copy = (struct sp_bytes){copy, bytes.size};
    return true;
}

static enum sp_status add_to_run(struct key_indexer *indexer, struct sp_bytes entity_key,
                                 const struct sp_index_records *records) {
    for (size_t i = 0; i < records->count; i++) {
        struct run_key *key = &indexer->keys[indexer->count];
        if (records->items[i].database != SP_DB_KEY)
            continue;
        if (!copy_into_run(indexer, records->items[i].value, &key->record) ||
            !copy_into_run(indexer, entity_key, &key->entity_key))
            return SP_ERR_MEMORY;
        memcpy(&key->place, sp_key_record_digest(key->record), SP_SHORT_DIGEST_BYTES);
        indexer->count++;
    }
    return SP_OK;
}

static enum sp_status end_run(struct key_indexer *indexer) {
    indexer->more = true;
    return SP_WALK_END;
}

static enum sp_status read_key_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct key_indexer *indexer = context;
    struct sp_index_records records = {NULL, 0, 0};
    if (indexer->count == indexer->sizes->keys_in_a_run)
        return end_run(indexer);
    sp_arena_reset(&indexer->scratch);
    enum sp_status status = sp_derive_stored(key, value, &indexer->scratch, &records);
    if (status != SP_OK)
        return status;
    status = add_to_run(indexer, key, &records);
    if (status == SP_ERR_MEMORY && indexer->count > 0)
        return end_run(indexer);
    if (status != SP_OK)
        return status;
    return sp_entity_key_copy(key, &indexer->last);
}

/* As the index has them: by the first 8 bytes as a native number, then by the digest. Keys of one
 * digest in the order of their entities, because the first one stays. */
static int compare_run_keys(const void *a, const void *b) {
    const struct run_key *left = a;
    const struct run_key *right = b;
    if (left->place != right->place)
        return left->place < right->place ? -1 : 1;
    int order = memcmp(sp_key_record_digest(left->record), sp_key_record_digest(right->record), SP_DIGEST_BYTES);
    return order != 0 ? order : sp_bytes_compare(left->entity_key, right->entity_key);
}

static enum sp_status read_run(struct key_indexer *indexer) {
    static const uint8_t kind[] = {SP_KIND_KEY};
    sp_arena_reset(&indexer->run);
    indexer->count = 0;
    indexer->more = false;
    const struct sp_entity_key *after = indexer->last.size > 0 ? &indexer->last : NULL;
    enum sp_status status = sp_entity_walk(sp_write_view(*indexer->write), (struct sp_bytes){kind, sizeof(kind)}, after,
                                           read_key_entity, indexer);
    if (status != SP_OK)
        return status;
    if (indexer->count > 1)
        qsort(indexer->keys, indexer->count, sizeof(*indexer->keys), compare_run_keys);
    return SP_OK;
}

/* ---- putting it ---- */

static enum sp_status leave_out_twin(struct key_indexer *indexer, const struct run_key *key) {
    struct sp_bytes stored;
    struct sp_replica_record record = {.space = SP_REPLICA_ENTITY, .key = key->entity_key};
    enum sp_status status = sp_view_get(sp_write_view(*indexer->write), SP_DB_ENTITY, key->entity_key, &stored);
    if (status != SP_OK)
        return status;
    sp_arena_reset(indexer->arena);
    uint8_t *copy = sp_arena_alloc(indexer->arena, stored.size);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, stored.data, stored.size);
    record.value = (struct sp_bytes){copy, stored.size};
    return sp_replica_leave_out_twin(*indexer->write, &record, indexer->arena, indexer->report, indexer->context,
                                     indexer->outcome, indexer->error);
}

static enum sp_status put_run_key(struct key_indexer *indexer, const struct run_key *key) {
    struct sp_error why = {0};
    struct sp_index_edit edit = {.write = *indexer->write, .arena = &indexer->scratch, .error = &why};
    const struct sp_index_record record = {
        .database = SP_DB_KEY,
        .key = {sp_key_record_digest(key->record), SP_SHORT_DIGEST_BYTES},
        .value = key->record,
    };
    enum sp_status status = SP_ERR_EXISTS;
    if (indexer->appending)
        status = sp_write_put(*indexer->write, SP_DB_KEY, record.key, record.value, MDB_NOOVERWRITE | MDB_APPEND);
    if (status != SP_ERR_EXISTS)
        return status;
    sp_arena_reset(&indexer->scratch);
    status = sp_index_edit_insert(&edit, &record);
    return status == SP_ERR_EXISTS ? leave_out_twin(indexer, key) : status;
}

static enum sp_status begin_next_write(struct key_indexer *indexer) {
    struct sp_write *write = *indexer->write;
    *indexer->write = NULL;
    indexer->uncommitted = 0;
    enum sp_status status = sp_write_commit(write, indexer->error);
    if (status != SP_OK)
        return status;
    return sp_write_begin(indexer->store, indexer->write, indexer->error);
}

static enum sp_status put_run(struct key_indexer *indexer) {
    for (size_t i = 0; i < indexer->count; i++) {
        enum sp_status status = put_run_key(indexer, &indexer->keys[i]);
        if (status == SP_OK && ++indexer->uncommitted == indexer->sizes->keys_in_a_commit)
            status = begin_next_write(indexer);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- all ---- */

static enum sp_status index_all_keys(struct key_indexer *indexer) {
    enum sp_status status = sp_write_empty(*indexer->write, SP_DB_KEY);
    if (status != SP_OK)
        return status;
    indexer->appending = true;
    do {
        status = read_run(indexer);
        if (status != SP_OK)
            return status;
        status = put_run(indexer);
        if (status != SP_OK)
            return status;
        indexer->appending = false;
    } while (indexer->more);
    return SP_OK;
}

static enum sp_status init_key_indexer(struct key_indexer *indexer) {
    indexer->keys = calloc(indexer->sizes->keys_in_a_run, sizeof(*indexer->keys));
    if (indexer->keys == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_arena_init(&indexer->run, RUN_FIRST_BYTES, RUN_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    return sp_arena_init(&indexer->scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES);
}

static enum sp_status fill_key_index(struct key_indexer *indexer) {
    enum sp_status status = init_key_indexer(indexer);
    if (status != SP_OK)
        return status;
    return index_all_keys(indexer);
}

enum sp_status sp_replica_index_keys(struct sp_store *store, struct sp_write **write,
                                     const struct sp_replica_fill_sizes *sizes, struct sp_arena *arena,
                                     sp_replica_report *report, void *context, struct sp_replica_outcome *ret_outcome,
                                     struct sp_error *error) {
    struct sp_error own = {0};
    struct key_indexer indexer = {.sizes = sizes,
                                  .store = store,
                                  .write = write,
                                  .arena = arena,
                                  .report = report,
                                  .context = context,
                                  .outcome = ret_outcome,
                                  .error = &own};
    enum sp_status status = fill_key_index(&indexer);
    sp_arena_fini(&indexer.run);
    sp_arena_fini(&indexer.scratch);
    free(indexer.keys);
    if (status == SP_OK)
        return SP_OK;
    enum sp_status failure = *write != NULL ? sp_write_failure(*write, &own) : SP_OK;
    if (own.status == SP_OK)
        (void)sp_error_set(&own, status, "cannot build the index of keys");
    *error = own;
    return failure != SP_OK ? failure : status;
}
