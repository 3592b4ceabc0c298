/* Filling a store from its source, against applying the same records to it one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/role.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/create.h"
#include "store/records/entity.h"
#include "store/records/snapshot.h"
#include "store/recovery/verify.h"
#include "store/replica/entity_sum.h"
#include "store/replica/fill.h"
#include "store/replica/source_head.h"
#include "store/replica/unreadable.h"
#include "store/replica/walk.h"
#include "support/process.h"
#include "support/store_raw.h"
#include "support/store_world.h"
#include "wire/wire.h"

enum { NOW_S = 1800000000, RECORDS_MAX = 8000, KEYS = 600 };

/* Runs and commits that a few hundred keys come across several times. */
static const struct sp_replica_fill_sizes few = {.keys_in_a_run = 70, .keys_in_a_commit = 16};

struct fixture {
    struct world truth;
    struct world follower; /* its store and path only */
    struct sp_arena notes, scratch;
    struct sp_replica_record *records; /* of the truth, in the notes */
    size_t count;
    Sallyport__Store__V1__SourceHead *head;
    struct sp_replica_outcome outcome;
};

static void check(enum sp_status status, const struct sp_error *error) {
    if (status != SP_OK)
        fail_msg("%s: %s", sp_status_name(status), error->message);
}

static void make_follower(struct fixture *fixture) {
    struct sp_error error = {0};
    const struct sp_store_create_options create = {.map_size_bytes = (uint64_t)1 << 30,
                                                   .key_prefix = SP_STR_LITERAL("sp_"),
                                                   .now_s = NOW_S,
                                                   .source = SP_STR_LITERAL("etcd:/test/")};
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    folder_make(fixture->follower.path);
    check(sp_store_create(fixture->follower.path, &create, &error), &error);
    check(sp_store_open(fixture->follower.path, &options, &fixture->follower.store, &error), &error);
    fixture->outcome = (struct sp_replica_outcome){0};
}

static void remove_follower(struct fixture *fixture) {
    sp_store_close(fixture->follower.store);
    folder_remove(fixture->follower.path);
}

static int begin(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    world_init(&fixture->truth);
    assert_int_equal(sp_arena_init(&fixture->notes, 1 << 16, 64 << 20), SP_OK);
    assert_int_equal(sp_arena_init(&fixture->scratch, 1 << 16, 64 << 20), SP_OK);
    make_follower(fixture);
    *state = fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    remove_follower(fixture);
    world_fini(&fixture->truth);
    sp_arena_fini(&fixture->notes);
    sp_arena_fini(&fixture->scratch);
    free(fixture);
    return 0;
}

/* ---- the truth ---- */

static void put_workspace_with_keys(struct world *world, uint64_t workspace, uint64_t first_key) {
    uint64_t user = 100 * workspace + 1, group = 100 * workspace + 2;
    char voice[16];
    snprintf(voice, sizeof(voice), "v%d", (int)workspace);
    const struct world_grant grant = {true, voice, 'g', group, SP_ROLE_EDITOR};
    world_put_workspace(world, workspace, false);
    world_put_user(world, workspace, user, true, false);
    world_put_group(world, workspace, group);
    world_put_member(world, workspace, group, user);
    world_put_resource(world, workspace, true, voice);
    world_put_grant(world, workspace, &grant);
    for (uint64_t i = 0; i < KEYS / 3; i++) {
        const struct world_key key = {.number = first_key + i, .principal = user, .all = i % 2 == 0};
        world_put_key(world, workspace, &key);
    }
}

static struct sp_bytes copy_noted(struct fixture *fixture, struct sp_bytes bytes) {
    uint8_t *data = sp_arena_alloc(&fixture->notes, bytes.size + 1);
    assert_non_null(data);
    memcpy(data, bytes.data, bytes.size);
    return (struct sp_bytes){data, bytes.size};
}

struct collection {
    struct fixture *fixture;
    enum sp_replica_space space;
};

static enum sp_status collect(void *context, struct sp_bytes key, struct sp_bytes value) {
    const struct collection *collection = context;
    struct fixture *fixture = collection->fixture;
    assert_true(fixture->count < RECORDS_MAX);
    fixture->records[fixture->count++] = (struct sp_replica_record){
        .space = collection->space, .key = copy_noted(fixture, key), .value = copy_noted(fixture, value)};
    return SP_OK;
}

static void make_truth(struct fixture *fixture) {
    struct sp_error error = {0};
    struct sp_write *write;
    for (uint64_t workspace = 1; workspace <= 3; workspace++) {
        world_begin(&fixture->truth);
        put_workspace_with_keys(&fixture->truth, workspace, workspace * 1000);
        (void)world_commit(&fixture->truth);
    }
    fixture->records = sp_arena_calloc(&fixture->notes, RECORDS_MAX, sizeof(*fixture->records));
    assert_non_null(fixture->records);
    check(sp_write_begin(fixture->truth.store, &write, &error), &error);
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        struct collection collection = {fixture, (enum sp_replica_space)space};
        assert_int_equal(
            sp_replica_walk(sp_write_view(write), collection.space, (struct sp_bytes){NULL, 0}, collect, &collection),
            SP_OK);
    }
    assert_int_equal(sp_replica_make_head(write, &fixture->notes, &fixture->head), SP_OK);
    sp_write_abort(write);
}

/* The key with the id gets the digest of another. */
static void give_digest_of(struct fixture *fixture, const char *id, uint64_t other) {
    uint8_t digest[32];
    world_digest_of(other, digest);
    for (size_t i = 0; i < fixture->count; i++) {
        struct sp_replica_record *record = &fixture->records[i];
        ProtobufCMessage *message;
        if (record->space != SP_REPLICA_ENTITY || record->key.data[0] != SP_KIND_KEY)
            continue;
        assert_int_equal(sp_entity_decode(record->key, record->value, &fixture->notes, &message), SP_OK);
        Sallyport__Store__V1__StoredKey *key = (void *)message;
        if (strcmp(key->key->id, id) != 0)
            continue;
        key->digest = (ProtobufCBinaryData){sizeof(digest), digest};
        assert_int_equal(sp_wire_pack(message, &fixture->notes, &record->value), SP_OK);
        return;
    }
    fail_msg("no key %s", id);
}

/* ---- the follower ---- */

static struct sp_write *begin_write(struct fixture *fixture) {
    struct sp_error error = {0};
    struct sp_write *write;
    check(sp_write_begin(fixture->follower.store, &write, &error), &error);
    sp_arena_reset(&fixture->scratch);
    return write;
}

static void commit(struct sp_write *write) {
    struct sp_error error = {0};
    check(sp_write_commit(write, &error), &error);
}

/* Applying changes the order of what it is given. */
static struct sp_replica_record *copy_records(struct fixture *fixture, size_t count) {
    struct sp_replica_record *copy = sp_arena_calloc(&fixture->notes, count + 1, sizeof(*copy));
    assert_non_null(copy);
    memcpy(copy, fixture->records, count * sizeof(*copy));
    return copy;
}

/* The first `count` records as one page of a listing, committed. */
static void fill_with(struct fixture *fixture, size_t count) {
    struct sp_error error = {0};
    struct sp_write *write = begin_write(fixture);
    check(sp_replica_apply_without_keys(write, copy_records(fixture, count), count, &fixture->scratch, NULL, NULL,
                                        &fixture->outcome, &error),
          &error);
    commit(write);
}

static struct sp_write *index_keys(struct fixture *fixture) {
    struct sp_error error = {0};
    struct sp_write *write = begin_write(fixture);
    check(sp_replica_index_keys(fixture->follower.store, &write, &few, &fixture->scratch, NULL, NULL, &fixture->outcome,
                                &error),
          &error);
    return write;
}

static void take_head(struct fixture *fixture, struct sp_write *write) {
    struct sp_error error = {0};
    const struct sp_replica_cursor cursor = {7, 1, 1, 0};
    check(sp_write_recount_entities(write), &error);
    check(sp_replica_take_head(write, fixture->head, &cursor, false, &error), &error);
    commit(write);
}

static void assert_is_the_truth(struct fixture *fixture) {
    uint8_t truth[32], follower[32];
    struct sp_error error = {0};
    raw_digest_indexes(&fixture->truth, truth);
    raw_digest_indexes(&fixture->follower, follower);
    assert_memory_equal(truth, follower, sizeof(truth));
    check(sp_store_verify(fixture->follower.store, NULL, NULL, NULL, &error), &error);
}

/* ---- tests ---- */

static void a_filled_store_has_the_indexes_of_its_source(void **state) {
    struct fixture *fixture = *state;
    make_truth(fixture);
    fill_with(fixture, fixture->count);
    take_head(fixture, index_keys(fixture));
    assert_int_equal(fixture->outcome.unreadable, 0);
    assert_is_the_truth(fixture);
}

/* Wherever a process ended: the next one lists everything again. */
static void filling_goes_on_after_it_was_broken_off(void **state) {
    struct fixture *fixture = *state;
    make_truth(fixture);
    fill_with(fixture, fixture->count / 2);
    commit(index_keys(fixture));
    fill_with(fixture, fixture->count - 5);
    sp_write_abort(index_keys(fixture)); /* all but the last of its commits */
    fill_with(fixture, fixture->count);
    take_head(fixture, index_keys(fixture));
    assert_is_the_truth(fixture);
}

static void a_store_without_keys_is_filled_too(void **state) {
    struct fixture *fixture = *state;
    make_truth(fixture);
    for (size_t i = 0; i < fixture->count; i++)
        if (fixture->records[i].space == SP_REPLICA_ENTITY && fixture->records[i].key.data[0] == SP_KIND_KEY)
            fixture->records[i--] = fixture->records[--fixture->count];
    fill_with(fixture, fixture->count);
    commit(index_keys(fixture));
    assert_int_equal(fixture->outcome.unreadable, 0);
}

/* What applying one after the other leaves out, filling leaves out, in one run and across two. */
static void of_keys_with_one_digest_the_first_stays(void **state) {
    struct fixture *fixture = *state;
    uint8_t applied[32], filled[32];
    struct sp_error error = {0};
    struct sp_replica_outcome outcome = {0};
    make_truth(fixture);
    give_digest_of(fixture, "k1003", 1002);
    give_digest_of(fixture, "k3100", 1002);
    give_digest_of(fixture, "k2007", 3008);
    struct sp_write *write = begin_write(fixture);
    check(sp_replica_apply(write, copy_records(fixture, fixture->count), fixture->count, false, &fixture->scratch, NULL,
                           NULL, &outcome, &error),
          &error);
    commit(write);
    raw_digest_indexes(&fixture->follower, applied);
    remove_follower(fixture);
    make_follower(fixture);
    fill_with(fixture, fixture->count);
    commit(index_keys(fixture));
    raw_digest_indexes(&fixture->follower, filled);
    assert_int_equal(outcome.unreadable, 3);
    assert_int_equal(fixture->outcome.unreadable, outcome.unreadable);
    assert_memory_equal(applied, filled, sizeof(applied));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_filled_store_has_the_indexes_of_its_source),
        CASE(filling_goes_on_after_it_was_broken_off),
        CASE(a_store_without_keys_is_filled_too),
        CASE(of_keys_with_one_digest_the_first_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
