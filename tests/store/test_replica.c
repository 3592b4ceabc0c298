/* A second store that follows a first by what its writes note, as the followers of an etcd do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/role.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/changeset.h"
#include "store/records/create.h"
#include "store/records/edit.h"
#include "store/records/epoch.h"
#include "store/records/head.h"
#include "store/records/journal.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/account.h"
#include "store/recovery/reindex.h"
#include "store/recovery/verify.h"
#include "store/replica/apply.h"
#include "store/replica/cursor.h"
#include "store/replica/entity_sum.h"
#include "store/replica/judge.h"
#include "store/replica/source_head.h"
#include "store/replica/unreadable.h"
#include "store/replica/walk.h"
#include "support/process.h"
#include "support/store_world.h"
#include "wire/wire.h"

enum { NOW_S = 1800000000 };

struct fixture {
    struct world world; /* the truth */
    char folder[64];
    struct sp_store *follower;
    struct sp_arena notes, scratch;
    uint64_t revision; /* of the source that there would be */
    unsigned left_out; /* reported */
};

static void check(enum sp_status status, const struct sp_error *error) {
    if (status != SP_OK)
        fail_msg("%s: %s", sp_status_name(status), error->message);
}

static int begin(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct sp_error error = {0};
    world_init(&fixture->world);
    folder_make(fixture->folder);
    const struct sp_store_create_options create = {.map_size_bytes = (uint64_t)1 << 30,
                                                   .key_prefix = SP_STR_LITERAL("sp_"),
                                                   .now_s = NOW_S,
                                                   .source = SP_STR_LITERAL("etcd:/test/")};
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    check(sp_store_create(fixture->folder, &create, &error), &error);
    check(sp_store_open(fixture->folder, &options, &fixture->follower, &error), &error);
    assert_int_equal(sp_arena_init(&fixture->notes, 1 << 16, 64 << 20), SP_OK);
    assert_int_equal(sp_arena_init(&fixture->scratch, 1 << 16, 64 << 20), SP_OK);
    *state = fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    sp_store_close(fixture->follower);
    folder_remove(fixture->folder);
    world_fini(&fixture->world);
    sp_arena_fini(&fixture->notes);
    sp_arena_fini(&fixture->scratch);
    free(fixture);
    return 0;
}

/* ---- following ---- */

struct noted {
    struct sp_replica_record *records;
    size_t count;
    Sallyport__Store__V1__SourceHead *head;
};

/* Begins a change of the truth whose records will be noted. */
static void begin_noted(struct fixture *fixture) {
    sp_arena_reset(&fixture->notes);
    world_begin(&fixture->world);
    assert_int_equal(sp_write_note(fixture->world.write, &fixture->notes), SP_OK);
}

static struct noted commit_noted(struct fixture *fixture) {
    struct sp_error error = {0};
    struct sp_revision revision;
    struct noted noted;
    check(sp_changeset_apply(fixture->world.write, fixture->world.set, &revision, &error), &error);
    assert_int_equal(sp_write_noted(fixture->world.write, &noted.records, &noted.count), SP_OK);
    assert_int_equal(sp_replica_make_head(fixture->world.write, &fixture->notes, &noted.head), SP_OK);
    assert_int_equal(noted.head->number, revision.number);
    check(sp_write_commit(fixture->world.write, &error), &error);
    return noted;
}

static void count_left_out(void *context, struct sp_bytes entity_key, const char *why) {
    struct fixture *fixture = context;
    (void)entity_key;
    assert_true(why[0] != '\0');
    fixture->left_out++;
}

/* Applies in one write; aborts where it fails. */
static enum sp_status follow(struct fixture *fixture, const struct noted *noted, bool chained,
                             struct sp_replica_outcome *ret_outcome) {
    struct sp_error error = {0};
    struct sp_write *write;
    const struct sp_replica_cursor cursor = {7, ++fixture->revision, fixture->revision, 0};
    check(sp_write_begin(fixture->follower, &write, &error), &error);
    sp_arena_reset(&fixture->scratch);
    struct sp_multiset_hash set;
    bool judged = chained && noted->head != NULL;
    enum sp_status status = SP_OK;
    if (judged)
        status = sp_replica_judge(write, noted->records, noted->count, noted->head, &fixture->scratch, &set, &error);
    if (status == SP_OK)
        status = sp_replica_apply(write, noted->records, noted->count, chained, &fixture->scratch, count_left_out,
                                  fixture, ret_outcome, &error);
    if (status == SP_OK)
        status = judged ? sp_replica_take_entity_set(write, &set) : sp_write_recount_entities(write);
    if (status == SP_OK && noted->head != NULL)
        status = sp_replica_take_head(write, noted->head, &cursor, chained, &error);
    if (status == SP_OK && noted->head == NULL) {
        struct sp_replica_cursor now;
        Sallyport__Store__V1__SourceHead *head;
        status = sp_view_replica(sp_write_view(write), &fixture->scratch, &now, &head);
        if (status == SP_OK)
            status = sp_replica_move(write, &cursor, head);
    }
    if (status == SP_OK)
        return sp_write_commit(write, &error);
    sp_write_abort(write);
    return status;
}

struct collected {
    struct sp_arena *arena;
    struct sp_replica_record *items;
    size_t count;
    enum sp_replica_space space;
};

static struct sp_bytes copy(struct sp_arena *arena, struct sp_bytes bytes) {
    uint8_t *data = sp_arena_alloc(arena, bytes.size + 1);
    assert_non_null(data);
    memcpy(data, bytes.data, bytes.size);
    return (struct sp_bytes){data, bytes.size};
}

static enum sp_status collect(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct collected *all = context;
    assert_true(all->count < 10000);
    all->items[all->count++] =
        (struct sp_replica_record){.space = all->space, .key = copy(all->arena, key), .value = copy(all->arena, value)};
    return SP_OK;
}

static struct collected collect_space(struct sp_view *view, enum sp_replica_space space, struct sp_arena *arena) {
    struct collected all = {.arena = arena, .space = space};
    all.items = sp_arena_calloc(arena, 10000, sizeof(*all.items));
    assert_non_null(all.items);
    assert_int_equal(sp_replica_walk(view, space, (struct sp_bytes){NULL, 0}, collect, &all), SP_OK);
    return all;
}

static void verify(struct sp_store *store) {
    struct sp_error error = {0};
    check(sp_store_verify(store, NULL, NULL, NULL, &error), &error);
}

struct findings {
    uint64_t count;
    char last[512];
};

static void keep_finding(void *context, const char *finding) {
    struct findings *findings = context;
    findings->count++;
    snprintf(findings->last, sizeof(findings->last), "%s", finding);
}

/* By verify, and by the search for what the trail does not account for. */
static void assert_one_finding(struct sp_store *store, const char *text) {
    struct sp_error error = {0};
    struct findings findings = {0}, unaccounted = {0};
    uint64_t count = 0;
    assert_int_equal(sp_store_verify(store, keep_finding, NULL, &findings, &error), SP_ERR_CORRUPT);
    assert_int_equal(findings.count, 1);
    assert_non_null(strstr(findings.last, text));
    check(sp_store_find_unaccounted(store, keep_finding, &unaccounted, &count, &error), &error);
    assert_int_equal(count, 1);
    assert_string_equal(unaccounted.last, findings.last);
}

static void assert_equal(struct fixture *fixture) {
    struct sp_snapshot *snapshots[2];
    struct sp_store *stores[2] = {fixture->world.store, fixture->follower};
    struct sp_revision revisions[2];
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 1 << 16, 64 << 20), SP_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sp_snapshot_open(stores[i], &snapshots[i]), SP_OK);
        assert_int_equal(sp_snapshot_acquire(snapshots[i]), SP_OK);
        assert_int_equal(sp_view_revision(sp_snapshot_view(snapshots[i]), &revisions[i]), SP_OK);
    }
    assert_int_equal(revisions[0].number, revisions[1].number);
    assert_int_equal(revisions[0].epoch, revisions[1].epoch);
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        struct collected a = collect_space(sp_snapshot_view(snapshots[0]), (enum sp_replica_space)space, &arena);
        struct collected b = collect_space(sp_snapshot_view(snapshots[1]), (enum sp_replica_space)space, &arena);
        assert_int_equal(a.count, b.count);
        for (size_t i = 0; i < a.count; i++) {
            assert_int_equal(a.items[i].key.size, b.items[i].key.size);
            assert_memory_equal(a.items[i].key.data, b.items[i].key.data, a.items[i].key.size);
            assert_int_equal(a.items[i].value.size, b.items[i].value.size);
            assert_memory_equal(a.items[i].value.data, b.items[i].value.data, a.items[i].value.size);
        }
    }
    for (int i = 0; i < 2; i++) {
        sp_snapshot_release(snapshots[i]);
        sp_snapshot_close(snapshots[i]);
        verify(stores[i]);
    }
    sp_arena_fini(&arena);
}

/* Everything that the truth holds, as a listing gives it. */
static struct noted all_of_it(struct fixture *fixture) {
    struct sp_error error = {0};
    struct sp_write *write;
    struct noted noted = {.records = NULL};
    sp_arena_reset(&fixture->notes);
    check(sp_write_begin(fixture->world.store, &write, &error), &error);
    noted.records = sp_arena_calloc(&fixture->notes, 20000, sizeof(*noted.records));
    assert_non_null(noted.records);
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        struct collected all = collect_space(sp_write_view(write), (enum sp_replica_space)space, &fixture->notes);
        memcpy(noted.records + noted.count, all.items, all.count * sizeof(*all.items));
        noted.count += all.count;
    }
    assert_int_equal(sp_replica_make_head(write, &fixture->notes, &noted.head), SP_OK);
    sp_write_abort(write);
    return noted;
}

static void fill(struct fixture *fixture) {
    struct sp_replica_outcome outcome = {0};
    struct noted noted = all_of_it(fixture);
    assert_int_equal(follow(fixture, &noted, false, &outcome), SP_OK);
    assert_int_equal(outcome.unreadable, 0);
}

static void put_some(struct world *world) {
    const struct world_key key = {.number = 1, .principal = 11, .all = true};
    const struct world_grant grant = {true, "v1", 'p', 11, SP_ROLE_VIEWER};
    world_put_workspace(world, 1, false);
    world_put_user(world, 1, 11, true, false);
    world_put_group(world, 1, 12);
    world_put_member(world, 1, 12, 11);
    world_put_resource(world, 1, true, "v1");
    world_put_grant(world, 1, &grant);
    world_put_key(world, 1, &key);
}

/* ---- tests ---- */

static void a_listing_of_everything_makes_the_same_store(void **state) {
    struct fixture *fixture = *state;
    world_begin(&fixture->world);
    put_some(&fixture->world);
    (void)world_commit(&fixture->world);
    fill(fixture);
    assert_equal(fixture);
}

static void what_a_write_notes_makes_the_same_change(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_OK);
    assert_equal(fixture);
    begin_noted(fixture);
    world_delete(&fixture->world, SP_KIND_KEY, 1, "k1");
    world_delete_member(&fixture->world, 1, 12, 11);
    noted = commit_noted(fixture);
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_OK);
    assert_equal(fixture);
}

static void each_record_is_told_once_as_it_is_at_the_end(void **state) {
    struct fixture *fixture = *state;
    begin_noted(fixture);
    world_put_workspace(&fixture->world, 1, false);
    world_put_workspace(&fixture->world, 1, true);
    struct noted noted = commit_noted(fixture);
    assert_int_equal(noted.count, 2); /* the workspace and the change */
    assert_int_equal(noted.records[0].space, SP_REPLICA_ENTITY);
    assert_int_equal(noted.records[1].space, SP_REPLICA_CHANGE);
}

static void the_same_again_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome first = {0}, again = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    assert_int_equal(follow(fixture, &noted, true, &first), SP_OK);
    assert_true(first.changed > 0);
    assert_int_equal(follow(fixture, &noted, true, &again), SP_OK);
    assert_int_equal(again.changed, 0);
    assert_equal(fixture);
}

static void a_change_that_does_not_continue_the_chain_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    (void)commit_noted(fixture); /* this one is missed */
    begin_noted(fixture);
    world_put_workspace(&fixture->world, 2, false);
    struct noted noted = commit_noted(fixture);
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_ERR_ABORTED);
    fill(fixture);
    assert_equal(fixture);
}

static void a_change_with_another_past_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    for (size_t i = 0; i < noted.count; i++)
        if (noted.records[i].space == SP_REPLICA_CHANGE) {
            uint8_t *bytes = (uint8_t *)(uintptr_t)noted.records[i].value.data;
            bytes[noted.records[i].value.size - 1] ^= 1;
        }
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_ERR_ABORTED);
}

static void a_store_that_follows_is_not_changed_past_its_source(void **state) {
    struct fixture *fixture = *state;
    struct sp_error error = {0};
    struct sp_write *write;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    check(sp_write_begin(fixture->follower, &write, &error), &error);
    assert_int_equal(
        sp_replica_apply(write, noted.records, noted.count, true, &fixture->scratch, NULL, NULL, &outcome, &error),
        SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_ERR_PRECONDITION);
    check(sp_write_begin(fixture->follower, &write, &error), &error);
    assert_int_equal(sp_replica_set_source(write, SP_STR_LITERAL("embedded")), SP_OK);
    assert_int_equal(
        sp_replica_apply(write, noted.records, noted.count, true, &fixture->scratch, NULL, NULL, &outcome, &error),
        SP_OK);
    check(sp_write_commit(write, &error), &error);
}

static size_t unreadable_now(struct fixture *fixture) {
    struct sp_snapshot *snapshot;
    size_t count = 0;
    assert_int_equal(sp_snapshot_open(fixture->follower, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_unreadable(sp_snapshot_view(snapshot), &count), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return count;
}

struct damage {
    const char *name;
    uint8_t kind; /* of the entity that comes damaged */
    const char *value;
    size_t size;
};

static const struct damage damages[] = {
    {"is cut", SP_KIND_KEY, "\12\377", 2},
    {"is empty", SP_KIND_PRINCIPAL, "", 0},
    {"lacks its numbers", SP_KIND_WORKSPACE, "\12\4\12\2w1", 6},
    {"is another's schema", SP_KIND_SCHEMA, "\12\3\377\376\375", 5},
};

/* Whatever comes instead of an entity: what depended on it is gone, the rest is whole, and the
 * right one brings it back. */
static void an_entity_that_cannot_be_read_is_left_out_until_it_can(void **state) {
    struct fixture *fixture = *state;
    world_begin(&fixture->world);
    put_some(&fixture->world);
    (void)world_commit(&fixture->world);
    fill(fixture);
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        struct sp_replica_outcome outcome = {0};
        struct noted all = all_of_it(fixture);
        struct sp_replica_record *target = NULL;
        for (size_t j = 0; j < all.count; j++)
            if (all.records[j].space == SP_REPLICA_ENTITY && all.records[j].key.data[0] == damages[i].kind)
                target = &all.records[j];
        if (target == NULL)
            fail_msg("no entity of kind %d", damages[i].kind);
        struct sp_replica_record right = *target, wrong = *target;
        wrong.value = (struct sp_bytes){(const uint8_t *)damages[i].value, damages[i].size};
        fixture->left_out = 0;
        struct noted one = {.records = &wrong, .count = 1};
        if (follow(fixture, &one, true, &outcome) != SP_OK || outcome.unreadable != 1 || fixture->left_out != 1)
            fail_msg("an entity that %s was not left out", damages[i].name);
        assert_int_equal(unreadable_now(fixture), 1);
        verify(fixture->follower);
        one.records = &right;
        assert_int_equal(follow(fixture, &one, true, &outcome), SP_OK);
        assert_int_equal(unreadable_now(fixture), 0);
        assert_equal(fixture);
    }
}

static void of_a_kind_that_is_not_known_yet_is_left_out(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    struct sp_replica_record record = {
        .space = SP_REPLICA_ENTITY, .key = {(const uint8_t *)"\77w1\0x", 5}, .value = {(const uint8_t *)"\12\0", 2}};
    struct noted one = {.records = &record, .count = 1};
    assert_int_equal(follow(fixture, &one, true, &outcome), SP_OK);
    assert_int_equal(unreadable_now(fixture), 1);
    record.deleted = true;
    assert_int_equal(follow(fixture, &one, true, &outcome), SP_OK);
    assert_int_equal(unreadable_now(fixture), 0);
    verify(fixture->follower);
}

/* Two keys with one digest: the second is denied, whoever it is, and the first goes on. */
static void what_must_be_unique_and_is_not_is_left_out(void **state) {
    struct fixture *fixture = *state;
    uint8_t digest[32];
    world_digest_of(1, digest);
    world_begin(&fixture->world);
    put_some(&fixture->world);
    (void)world_commit(&fixture->world);
    fill(fixture);
    begin_noted(fixture);
    world_delete(&fixture->world, SP_KIND_KEY, 1, "k1");
    const struct world_key twin = {.number = 2, .principal = 11, .all = true, .digest = digest};
    world_put_key(&fixture->world, 1, &twin);
    struct noted noted = commit_noted(fixture);
    /* As if the deletion had been lost on the way. */
    struct noted damaged = {.head = noted.head,
                            .records = sp_arena_calloc(&fixture->notes, noted.count, sizeof(*noted.records))};
    for (size_t i = 0; i < noted.count; i++)
        if (!noted.records[i].deleted)
            damaged.records[damaged.count++] = noted.records[i];
    struct sp_replica_outcome outcome = {0};
    assert_int_equal(follow(fixture, &damaged, true, &outcome), SP_ERR_PRECONDITION);
    damaged.head = NULL; /* not judged then */
    assert_int_equal(follow(fixture, &damaged, true, &outcome), SP_OK);
    assert_int_equal(outcome.unreadable, 1);
    /* The trail says that the key is gone, and it is there. */
    assert_one_finding(fixture->follower, "deleted it, but it exists");
}

/* As a source did it whose writer committed half of a refused change: an entity without an entry of
 * the trail. */
static void an_entity_that_no_change_lists_is_found(void **state) {
    struct fixture *fixture = *state;
    world_begin(&fixture->world);
    put_some(&fixture->world);
    (void)world_commit(&fixture->world);
    fill(fixture);
    begin_noted(fixture);
    world_put_user(&fixture->world, 1, 77, true, false);
    struct noted noted = commit_noted(fixture);
    struct noted unlisted = {.records = sp_arena_calloc(&fixture->notes, noted.count, sizeof(*noted.records))};
    for (size_t i = 0; i < noted.count; i++)
        if (noted.records[i].space == SP_REPLICA_ENTITY)
            unlisted.records[unlisted.count++] = noted.records[i];
    struct sp_replica_outcome outcome = {0};
    assert_int_equal(follow(fixture, &unlisted, false, &outcome), SP_OK);
    assert_one_finding(fixture->follower, "p77: no change lists it");
}

struct first_of_kind {
    enum sp_kind kind;
    struct sp_arena *arena;
    struct sp_bytes key, value;
};

static enum sp_status keep_first(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct first_of_kind *first = context;
    if (key.data[0] != first->kind)
        return SP_OK;
    first->key = copy(first->arena, key);
    first->value = copy(first->arena, value);
    return SP_WALK_END;
}

/* Past all changes, as whoever can write the file. */
static void alter_first(struct fixture *fixture, enum sp_kind kind,
                        void (*alter)(struct fixture *fixture, struct sp_write *write, struct first_of_kind *first)) {
    struct sp_error error = {0};
    struct sp_write *write;
    struct first_of_kind first = {.kind = kind, .arena = &fixture->notes};
    check(sp_write_begin(fixture->world.store, &write, &error), &error);
    assert_int_equal(sp_entity_walk(sp_write_view(write), (struct sp_bytes){NULL, 0}, NULL, keep_first, &first), SP_OK);
    assert_true(first.key.size > 0);
    alter(fixture, write, &first);
    check(sp_write_commit(write, &error), &error);
    check(sp_store_reindex(fixture->world.store, NULL, NULL, &error), &error);
}

static void put_another_digest(struct fixture *fixture, struct sp_write *write, struct first_of_kind *first) {
    ProtobufCMessage *message = NULL;
    assert_int_equal(sp_entity_decode(first->key, first->value, &fixture->notes, &message), SP_OK);
    ((Sallyport__Store__V1__StoredKey *)message)->digest.data[0] ^= 1;
    assert_int_equal(sp_wire_pack(message, &fixture->notes, &first->value), SP_OK);
    assert_int_equal(sp_write_put(write, SP_DB_ENTITY, first->key, first->value, 0), SP_OK);
}

static void remove_it(struct fixture *fixture, struct sp_write *write, struct first_of_kind *first) {
    (void)fixture;
    assert_int_equal(sp_write_remove(write, SP_DB_ENTITY, first->key, NULL), SP_OK);
}

static void a_digest_that_was_altered_past_all_changes_is_found(void **state) {
    struct fixture *fixture = *state;
    world_begin(&fixture->world);
    put_some(&fixture->world);
    (void)world_commit(&fixture->world);
    verify(fixture->world.store);
    alter_first(fixture, SP_KIND_KEY, put_another_digest);
    assert_one_finding(fixture->world.store, "it differs from its state after revision 2");
}

/* No entry lists tombstones; the set has them. */
static void a_tombstone_that_was_removed_past_all_changes_is_found(void **state) {
    struct fixture *fixture = *state;
    struct sp_error error = {0};
    struct findings findings = {0};
    world_begin(&fixture->world);
    put_some(&fixture->world);
    (void)world_commit(&fixture->world);
    world_begin(&fixture->world);
    world_delete(&fixture->world, SP_KIND_KEY, 1, "k1");
    (void)world_commit(&fixture->world);
    verify(fixture->world.store);
    alter_first(fixture, SP_KIND_TOMBSTONE, remove_it);
    assert_int_equal(sp_store_verify(fixture->world.store, keep_finding, NULL, &findings, &error), SP_ERR_CORRUPT);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.last, "the entities do not add up to the set that the head commits to");
}

/* ---- what belongs to a head ---- */

static struct sp_replica_record *find_noted(struct noted *noted, enum sp_kind kind) {
    for (size_t i = 0; i < noted->count; i++)
        if (noted->records[i].space == SP_REPLICA_ENTITY && noted->records[i].key.data[0] == kind)
            return &noted->records[i];
    fail_msg("no entity of kind %d was noted", kind);
    return NULL;
}

static void add_operator(struct fixture *fixture, struct noted *noted) {
    static const char key[] = "\2\0eve";
    Sallyport__V1__Operator public_part = SALLYPORT__V1__OPERATOR__INIT;
    Sallyport__Store__V1__StoredOperator stored = SALLYPORT__STORE__V1__STORED_OPERATOR__INIT;
    uint8_t digest[32] = {7};
    char name[] = "eve";
    public_part.name = name;
    stored.operator_ = &public_part;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    struct sp_replica_record *longer = sp_arena_calloc(&fixture->notes, noted->count + 1, sizeof(*longer));
    uint8_t *packed = sp_arena_alloc(&fixture->notes, sallyport__store__v1__stored_operator__get_packed_size(&stored));
    assert_non_null(longer);
    assert_non_null(packed);
    memcpy(longer, noted->records, noted->count * sizeof(*longer));
    longer[noted->count++] =
        (struct sp_replica_record){.space = SP_REPLICA_ENTITY,
                                   .key = {(const uint8_t *)key, sizeof(key) - 1},
                                   .value = {packed, sallyport__store__v1__stored_operator__pack(&stored, packed)}};
    noted->records = longer;
}

static void put_an_operator_beside(struct fixture *fixture, struct noted *noted) {
    add_operator(fixture, noted);
}

/* The digest is not in what the trail shows. */
static void give_the_key_another_digest(struct fixture *fixture, struct noted *noted) {
    struct sp_replica_record *record = find_noted(noted, SP_KIND_KEY);
    ProtobufCMessage *message = NULL;
    assert_int_equal(sp_entity_decode(record->key, record->value, &fixture->notes, &message), SP_OK);
    Sallyport__Store__V1__StoredKey *stored = (void *)message;
    stored->digest.data[0] ^= 1;
    assert_int_equal(sp_wire_pack(&stored->base, &fixture->notes, &record->value), SP_OK);
}

static void lose_a_membership(struct fixture *fixture, struct noted *noted) {
    struct sp_replica_record *record = find_noted(noted, SP_KIND_MEMBERSHIP);
    (void)fixture;
    *record = noted->records[--noted->count];
}

static void delete_what_was_put(struct fixture *fixture, struct noted *noted) {
    struct sp_replica_record *record = find_noted(noted, SP_KIND_GRANT);
    (void)fixture;
    record->deleted = true;
    record->value = (struct sp_bytes){NULL, 0};
}

static void delete_the_schema_too(struct fixture *fixture, struct noted *noted) {
    add_operator(fixture, noted);
    noted->records[noted->count - 1] =
        (struct sp_replica_record){.space = SP_REPLICA_ENTITY, .key = {(const uint8_t *)"\1\0", 2}, .deleted = true};
}

static void bring_a_record_twice(struct fixture *fixture, struct noted *noted) {
    add_operator(fixture, noted);
    noted->records[noted->count - 1] = *find_noted(noted, SP_KIND_KEY);
}

static void bury_an_id_that_nobody_had(struct fixture *fixture, struct noted *noted) {
    add_operator(fixture, noted);
    noted->records[noted->count - 1].key = (struct sp_bytes){(const uint8_t *)"\12w1\0\4p500", 9};
    noted->records[noted->count - 1].value = (struct sp_bytes){(const uint8_t *)"\10\1", 2};
}

static void commit_to_another_set(struct fixture *fixture, struct noted *noted) {
    (void)fixture;
    noted->head->entity_set.data[5] ^= 1;
}

static void commit_to_another_change(struct fixture *fixture, struct noted *noted) {
    (void)fixture;
    noted->head->hash.data[5] ^= 1;
}

static const struct {
    const char *name;
    void (*spoil)(struct fixture *fixture, struct noted *noted);
    enum sp_status status;
} spoilings[] = {
    {"an operator that no change lists", put_an_operator_beside, SP_ERR_PRECONDITION},
    {"a key with another digest", give_the_key_another_digest, SP_ERR_PRECONDITION},
    {"a membership that does not come", lose_a_membership, SP_ERR_PRECONDITION},
    {"a grant that is deleted instead", delete_what_was_put, SP_ERR_PRECONDITION},
    {"a deletion that no change lists", delete_the_schema_too, SP_ERR_PRECONDITION},
    {"a record twice", bring_a_record_twice, SP_ERR_PRECONDITION},
    {"a tombstone of nothing", bury_an_id_that_nobody_had, SP_ERR_CORRUPT},
    {"a head with another set", commit_to_another_set, SP_ERR_CORRUPT},
    {"a head with another hash", commit_to_another_change, SP_ERR_ABORTED},
};

static void what_does_not_belong_to_its_head_is_not_applied(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    for (size_t i = 0; i < sizeof(spoilings) / sizeof(*spoilings); i++) {
        Sallyport__Store__V1__SourceHead *head = (void *)sp_wire_copy(&noted.head->base, &fixture->notes);
        struct noted spoilt = {.count = noted.count, .head = head};
        spoilt.records = sp_arena_calloc(&fixture->notes, noted.count, sizeof(*noted.records));
        memcpy(spoilt.records, noted.records, noted.count * sizeof(*noted.records));
        spoilings[i].spoil(fixture, &spoilt);
        enum sp_status status = follow(fixture, &spoilt, true, &outcome);
        if (status != spoilings[i].status)
            fail_msg("%s: %s", spoilings[i].name, sp_status_name(status));
    }
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_OK);
    assert_equal(fixture);
}

static void without_a_head_only_what_alters_something_matters(void **state) {
    struct fixture *fixture = *state;
    struct sp_error error = {0};
    struct sp_write *write;
    const struct sp_replica_record *found = NULL;
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    check(sp_write_begin(fixture->follower, &write, &error), &error);
    assert_int_equal(sp_replica_find_altering(sp_write_view(write), noted.records, noted.count, &found), SP_OK);
    assert_ptr_equal(found, &noted.records[0]);
    const struct sp_replica_record harmless[] = {
        {.space = SP_REPLICA_ENTITY, .key = noted.records[0].key, .deleted = true}, /* is not here */
        {.space = SP_REPLICA_REQUEST, .key = noted.records[0].key, .value = {(const uint8_t *)"x", 1}},
        {.space = SP_REPLICA_CHANGE, .key = {(const uint8_t *)"\0\0\0\0\0\0\0\1", 8}, .deleted = true},
    };
    assert_int_equal(sp_replica_find_altering(sp_write_view(write), harmless, 3, &found), SP_OK);
    assert_null(found);
    struct sp_replica_record change = noted.records[noted.count - 1];
    assert_int_equal(change.space, SP_REPLICA_CHANGE);
    assert_int_equal(sp_replica_find_altering(sp_write_view(write), &change, 1, &found), SP_OK);
    assert_ptr_equal(found, &change);
    sp_write_abort(write);
}

/* Heads of releases before store format 2 commit to no set, and their changes to no bytes. */
static void the_names_must_agree_with_an_old_head(void **state) {
    struct fixture *fixture = *state;
    struct sp_replica_outcome outcome = {0};
    fill(fixture);
    begin_noted(fixture);
    put_some(&fixture->world);
    struct noted noted = commit_noted(fixture);
    noted.head->format = SP_STORE_OLDEST_FORMAT;
    noted.head->entity_set = (ProtobufCBinaryData){0, NULL};
    struct noted spoilt = noted;
    put_an_operator_beside(fixture, &spoilt);
    assert_int_equal(follow(fixture, &spoilt, true, &outcome), SP_ERR_PRECONDITION);
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_OK);
    assert_equal(fixture);
    noted.head->format = SP_STORE_FORMAT; /* which a head of this release cannot do without */
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_ERR_INVALID);
    noted.head->format = SP_STORE_FORMAT + 1;
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_ERR_PRECONDITION);
}

static void random_changes_leave_both_the_same(void **state) {
    struct fixture *fixture = *state;
    enum { ROUNDS = 200, USERS = 8 };
    uint64_t random = world_seed("random_changes_leave_both_the_same");
    bool keys[USERS] = {false}, members[USERS] = {false};
    world_begin(&fixture->world);
    put_some(&fixture->world);
    for (uint64_t i = 0; i < USERS; i++)
        world_put_user(&fixture->world, 1, 20 + i, false, false);
    (void)world_commit(&fixture->world);
    fill(fixture);
    uint64_t next_key = 100, key_of[USERS] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        struct sp_replica_outcome outcome = {0};
        begin_noted(fixture);
        for (uint64_t i = 0; i < USERS; i++) {
            char id[24];
            uint64_t choice = world_random(&random) % 6;
            snprintf(id, sizeof(id), "k%llu", (unsigned long long)key_of[i]);
            if (choice == 0 && keys[i]) {
                world_delete(&fixture->world, SP_KIND_KEY, 1, id);
                keys[i] = false;
            } else if (choice <= 1 && !keys[i]) {
                key_of[i] = next_key++;
                const struct world_key key = {.number = key_of[i], .principal = 20 + i, .all = true};
                world_put_key(&fixture->world, 1, &key);
                keys[i] = true;
            } else if (choice == 2) {
                if (members[i])
                    world_delete_member(&fixture->world, 1, 12, 20 + i);
                else
                    world_put_member(&fixture->world, 1, 12, 20 + i);
                members[i] = !members[i];
            } else if (choice == 3) {
                world_put_user(&fixture->world, 1, 20 + i, false, world_random(&random) % 2 == 0);
            }
        }
        world_put_workspace(&fixture->world, 1, round % 7 == 0);
        struct noted noted = commit_noted(fixture);
        assert_int_equal(follow(fixture, &noted, true, &outcome), SP_OK);
        assert_int_equal(outcome.unreadable, 0);
    }
    assert_equal(fixture);
}

static void a_new_epoch_is_followed(void **state) {
    struct fixture *fixture = *state;
    struct sp_error error = {0};
    struct sp_replica_outcome outcome = {0};
    struct noted noted;
    fill(fixture);
    sp_arena_reset(&fixture->notes);
    check(sp_write_begin(fixture->world.store, &fixture->world.write, &error), &error);
    assert_int_equal(sp_write_note(fixture->world.write, &fixture->notes), SP_OK);
    assert_int_equal(sp_write_begin_epoch(fixture->world.write, 0, "test", "Test", NOW_S, &fixture->notes), SP_OK);
    assert_int_equal(sp_write_noted(fixture->world.write, &noted.records, &noted.count), SP_OK);
    assert_int_equal(sp_replica_make_head(fixture->world.write, &fixture->notes, &noted.head), SP_OK);
    assert_true(noted.head->epoch >= NOW_S);
    check(sp_write_commit(fixture->world.write, &error), &error);
    assert_int_equal(follow(fixture, &noted, true, &outcome), SP_OK);
    assert_equal(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_listing_of_everything_makes_the_same_store, begin, end),
        cmocka_unit_test_setup_teardown(what_a_write_notes_makes_the_same_change, begin, end),
        cmocka_unit_test_setup_teardown(each_record_is_told_once_as_it_is_at_the_end, begin, end),
        cmocka_unit_test_setup_teardown(the_same_again_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_change_that_does_not_continue_the_chain_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_change_with_another_past_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_follows_is_not_changed_past_its_source, begin, end),
        cmocka_unit_test_setup_teardown(an_entity_that_cannot_be_read_is_left_out_until_it_can, begin, end),
        cmocka_unit_test_setup_teardown(of_a_kind_that_is_not_known_yet_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(what_must_be_unique_and_is_not_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(an_entity_that_no_change_lists_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_digest_that_was_altered_past_all_changes_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_tombstone_that_was_removed_past_all_changes_is_found, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_belong_to_its_head_is_not_applied, begin, end),
        cmocka_unit_test_setup_teardown(without_a_head_only_what_alters_something_matters, begin, end),
        cmocka_unit_test_setup_teardown(the_names_must_agree_with_an_old_head, begin, end),
        cmocka_unit_test_setup_teardown(random_changes_leave_both_the_same, begin, end),
        cmocka_unit_test_setup_teardown(a_new_epoch_is_followed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
