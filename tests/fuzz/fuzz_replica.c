/* What comes from a source of truth, applied to a real store that follows: whatever it is, the
 * store is refused it or left whole, and judging it changes nothing.
 *
 * Input: records, each a byte (space, 4: deleted, 8: and the change before this one is applied),
 * sizes of key (1) and value (2), and both. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "core/digest.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/change_record.h"
#include "store/records/create.h"
#include "store/records/journal.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "store/replica/apply.h"
#include "store/replica/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 32 };

static char folder[] = "/tmp/sp-fuzz-replica-XXXXXX";
static struct sp_store *store;
static struct sp_arena arena;

static void require(bool holds) {
    if (!holds)
        abort();
}

static void remove_store(void) {
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[64];
    sp_store_close(store);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    sp_arena_fini(&arena);
}

static void make_store(void) {
    const struct sp_store_create_options create = {.map_size_bytes = 64 << 20,
                                                   .key_prefix = SP_STR_LITERAL("sp_"),
                                                   .now_s = 1800000000,
                                                   .source = SP_STR_LITERAL("etcd:/fuzz/")};
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    require(mkdtemp(folder) != NULL);
    require(sp_store_create(folder, &create, NULL) == SP_OK);
    require(sp_store_open(folder, &options, &store, NULL) == SP_OK);
    require(sp_arena_init(&arena, 1 << 16, 64 << 20) == SP_OK);
    require(atexit(remove_store) == 0);
}

/* Gives a change its number and hash, so that it continues the chain. */
static void chain_change(struct sp_replica_record *record, uint64_t number, uint8_t hash[static SP_DIGEST_BYTES]) {
    const struct sp_bytes parts[] = {{hash, SP_DIGEST_BYTES}, record->value};
    uint8_t *key = sp_arena_alloc(&arena, 8);
    uint8_t *value = sp_arena_alloc(&arena, record->value.size + SP_CHANGE_HASH_FIELD_BYTES);
    require(key != NULL && value != NULL);
    sp_store_be64(key, number);
    sp_sha256_parts(parts, 2, hash);
    if (record->value.size > 0)
        memcpy(value, record->value.data, record->value.size);
    memcpy(value + record->value.size, "\112\40", 2); /* field 9, 32 bytes */
    memcpy(value + record->value.size + 2, hash, SP_DIGEST_BYTES);
    record->key = (struct sp_bytes){key, 8};
    record->value = (struct sp_bytes){value, record->value.size + SP_CHANGE_HASH_FIELD_BYTES};
    record->deleted = false;
}

/* Judges what was gathered as if it belonged to a head. It changes nothing. */
static void judge(struct sp_write *write, const struct sp_replica_record *records, size_t count) {
    struct sp_replica_record chained[RECORDS_MAX];
    struct sp_multiset_hash set;
    uint8_t hash[SP_DIGEST_BYTES] = {0};
    uint64_t number = 0;
    uint64_t operations = sp_write_operations(write);
    Sallyport__Store__V1__SourceHead head = SALLYPORT__STORE__V1__SOURCE_HEAD__INIT;
    const struct sp_replica_record *altering;
    for (size_t i = 0; i < count; i++) {
        chained[i] = records[i];
        if (records[i].space == SP_REPLICA_CHANGE)
            chain_change(&chained[i], ++number, hash);
    }
    head.number = number;
    head.hash = (ProtobufCBinaryData){sizeof(hash), hash};
    enum sp_status status = sp_replica_judge(write, chained, count, &head, &arena, &set, NULL);
    require(status == SP_OK || status == SP_ERR_PRECONDITION || status == SP_ERR_MEMORY);
    require(sp_replica_find_altering(sp_write_view(write), records, count, &altering) == SP_OK);
    require(sp_write_operations(write) == operations);
}

/* Applies what was gathered; false where the write can only be aborted. */
static bool apply(struct sp_write *write, struct sp_replica_record *records, size_t *count) {
    struct sp_replica_outcome outcome = {0};
    judge(write, records, *count);
    enum sp_status status = sp_replica_apply(write, records, *count, false, &arena, NULL, NULL, &outcome, NULL);
    require(outcome.unreadable <= *count);
    *count = 0;
    return status == SP_OK;
}

static size_t read_record(const uint8_t *data, size_t size, struct sp_replica_record *record) {
    if (size < 4)
        return 0;
    size_t key_size = data[1];
    size_t value_size = sp_load_be16(data + 2);
    if (size - 4 < key_size + value_size)
        return 0;
    *record = (struct sp_replica_record){.space = (enum sp_replica_space)(data[0] % SP_REPLICA_SPACES),
                                         .key = {data + 4, key_size},
                                         .value = {data + 4 + key_size, value_size},
                                         .deleted = (data[0] & 4) != 0};
    return 4 + key_size + value_size;
}

static bool apply_all(struct sp_write *write, const uint8_t *data, size_t size) {
    struct sp_replica_record records[RECORDS_MAX];
    size_t count = 0;
    size_t taken;
    while ((taken = read_record(data, size, &records[count])) > 0) {
        if (((data[0] & 8) != 0 || ++count == RECORDS_MAX) && !apply(write, records, &count))
            return false;
        data += taken;
        size -= taken;
    }
    return apply(write, records, &count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    if (store == NULL)
        make_store();
    sp_arena_reset(&arena);
    require(sp_write_begin(store, &write, NULL) == SP_OK);
    if (!apply_all(write, data, size)) {
        sp_write_abort(write);
        return 0;
    }
    /* The truth and what was derived from it agree; the store without a revision takes what it is
     * given. */
    require(sp_write_commit(write, NULL) == SP_OK);
    enum sp_status status = sp_store_reindex(store, NULL, NULL, &error);
    if (status != SP_OK)
        fprintf(stderr, "%s\n", error.message);
    require(status == SP_OK);
    return 0;
}
