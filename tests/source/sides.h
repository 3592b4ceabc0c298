/* Stores that follow one scripted etcd, each with the parts of a source over it, and a clock
 * that the test sets. */
#ifndef TESTS_SOURCE_SIDES_H
#define TESTS_SOURCE_SIDES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/follow/compare.h"
#include "source/follow/follower.h"
#include "source/shared/head.h"
#include "source/source.h"
#include "source/write/writer.h"
#include "store/lmdb/options.h"
#include "store/records/changeset.h"
#include "store/records/edit.h"
#include "store/records/head.h"
#include "store/records/journal.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "store/recovery/verify.h"
#include "store/replica/walk.h"
#include "support/fake_clock.h"
#include "support/process.h"
#include "support/scripted_etcd.h"
#include "support/store_world.h"

#define SIDES_PREFIX "/sp/"
#define SIDES_URL "etcd://script:1" SIDES_PREFIX

enum { SIDES = 3 };

struct side {
    struct world world; /* its store, and the change that is open */
    struct sp_source_shared shared;
    struct sp_source_follower follower;
    struct sp_source_writer writer;
    struct sp_error error; /* of the last call */
};

struct sides {
    struct scripted_etcd etcd;
    struct side side[SIDES];
    struct sp_arena arena;
};

static inline void check(enum sp_status status, const struct sp_error *error) {
    if (status != SP_OK)
        fail_msg("%s: %s", sp_status_name(status), error->message);
}

/* The first side's store is made as an embedded one, with workspace w1 and its admin p1, and
 * uploaded. */
static inline void sides_upload_first(struct sides *sides) {
    struct world *world = &sides->side[0].world;
    const struct sp_source_options options = {.url = SIDES_URL, .transport = &sides->etcd.transport};
    struct sp_source *source = NULL;
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    world_init(world);
    world_begin(world);
    world_put_workspace(world, 1, false);
    world_put_user(world, 1, 1, true, false);
    (void)world_commit(world);
    check(sp_source_open_for_upload(&options, world->store, &source, &error), &error);
    check(sp_write_begin(world->store, &write, &error), &error);
    check(sp_source_upload(source, write, &error), &error);
    check(sp_write_commit(write, &error), &error);
    sp_source_close(source);
}

static inline void sides_make_store(struct sides *sides, struct world *world) {
    const struct sp_source_options options = {.url = SIDES_URL, .transport = &sides->etcd.transport};
    struct sp_error error = {0};
    *world = (struct world){.path = "/tmp/sp-source-test-XXXXXX"};
    assert_non_null(mkdtemp(world->path));
    check(sp_source_make_store(&options, world->path, (uint64_t)1 << 30, &error), &error);
    world_reopen(world, &(struct sp_store_options){.mode = SP_STORE_WRITE, .no_sync = true});
    assert_int_equal(sp_arena_init(&world->arena, 1 << 20, 1 << 30), SP_OK);
}

static inline void side_init_parts(struct sides *sides, struct side *side, bool listed, uint64_t compare_every_s) {
    sp_source_init_shared(&side->shared, side->world.store, SP_STR_LITERAL(SIDES_PREFIX), false);
    assert_int_equal(sp_source_init_follower(&side->follower, &side->shared, scripted_etcd_client(&sides->etcd),
                                             !listed, compare_every_s),
                     SP_OK);
    assert_int_equal(sp_source_init_writer(&side->writer, &side->shared, scripted_etcd_client(&sides->etcd)), SP_OK);
    side->writer.link.txn_operations = SP_SOURCE_TXN_OPERATIONS; /* as if it had learnt that */
}

static inline int sides_begin(void **state) {
    struct sides *sides = calloc(1, sizeof(*sides));
    assert_non_null(sides);
    fake_clock_start();
    scripted_etcd_init(&sides->etcd);
    assert_int_equal(sp_arena_init(&sides->arena, 1 << 16, 64 << 20), SP_OK);
    sides_upload_first(sides);
    for (int i = 1; i < SIDES; i++)
        sides_make_store(sides, &sides->side[i].world);
    for (int i = 0; i < SIDES; i++)
        side_init_parts(sides, &sides->side[i], i == 0, 0);
    *state = sides;
    return 0;
}

static inline int sides_end(void **state) {
    struct sides *sides = *state;
    for (int i = 0; i < SIDES; i++) {
        struct side *side = &sides->side[i];
        sp_source_fini_writer(&side->writer);
        sp_source_fini_follower(&side->follower);
        sp_source_fini_shared(&side->shared);
        world_fini(&side->world);
    }
    scripted_etcd_fini(&sides->etcd);
    sp_arena_fini(&sides->arena);
    fake_clock_end();
    free(sides);
    return 0;
}

/* ---- following ---- */

static inline enum sp_status try_to_follow(struct side *side) {
    side->error = (struct sp_error){0};
    return sp_source_begin_following(&side->follower, &side->error);
}

static inline void begin_to_follow(struct side *side) {
    check(try_to_follow(side), &side->error);
}

static inline enum sp_status follow_once(struct side *side) {
    side->error = (struct sp_error){0};
    return sp_source_follow_once(&side->follower, &side->error);
}

/* Until what came is applied and the head was checked. */
static inline void catch_up(struct side *side) {
    for (int i = 0; i < 3; i++)
        check(follow_once(side), &side->error);
}

static inline struct sp_source_state state_of(struct side *side) {
    struct sp_source_state state;
    sp_source_get_shared_state(&side->shared, &state);
    return state;
}

/* ---- changing ---- */

static inline enum sp_status try_to_begin_change(struct side *side) {
    Sallyport__V1__Change head = SALLYPORT__V1__CHANGE__INIT;
    static char method[] = "Test";
    side->error = (struct sp_error){0};
    enum sp_status status = sp_source_begin_change(&side->writer, &side->world.write, &side->error);
    if (status != SP_OK)
        return status;
    sp_arena_reset(&side->world.arena);
    head.method = method;
    head.time = sp_clock_now_s();
    side->world.set = sp_changeset_new(&side->world.arena, &head);
    assert_non_null(side->world.set);
    return SP_OK;
}

static inline void begin_change(struct side *side) {
    check(try_to_begin_change(side), &side->error);
}

static inline enum sp_status try_to_commit(struct side *side) {
    struct sp_revision revision;
    check(sp_changeset_apply(side->world.write, side->world.set, &revision, &side->error), &side->error);
    return sp_source_commit_change(&side->writer, side->world.write, &side->error);
}

/* One user of workspace 1, who is nobody's admin. */
static inline void make_user(struct side *side, uint64_t number) {
    begin_change(side);
    world_put_user(&side->world, 1, number, false, false);
    check(try_to_commit(side), &side->error);
}

static inline void begin_users(struct side *side, uint64_t first, size_t count) {
    begin_change(side);
    for (size_t i = 0; i < count; i++)
        world_put_user(&side->world, 1, first + i, false, false);
}

/* ---- damage ---- */

struct found_entity {
    enum sp_kind kind;
    struct sp_entity_key key;
};

static inline enum sp_status keep_entity_key(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct found_entity *found = context;
    (void)value;
    if (key.data[0] != found->kind)
        return SP_OK;
    found->key.size = (uint16_t)key.size;
    memcpy(found->key.bytes, key.data, key.size);
    return SP_WALK_END;
}

/* Removes the first entity of a kind from the store, past everything. */
static inline void side_lose_entity(struct side *side, enum sp_kind kind) {
    struct found_entity found = {.kind = kind};
    struct sp_write *write = NULL;
    check(sp_write_begin(side->world.store, &write, &side->error), &side->error);
    assert_int_equal(
        sp_replica_walk(sp_write_view(write), SP_REPLICA_ENTITY, (struct sp_bytes){NULL, 0}, keep_entity_key, &found),
        SP_OK);
    assert_true(found.key.size > 0);
    assert_int_equal(sp_write_remove(write, SP_DB_ENTITY, sp_entity_key_bytes(&found.key), NULL), SP_OK);
    write->moved = true;
    check(sp_write_commit(write, &side->error), &side->error);
    check(sp_store_reindex(side->world.store, NULL, NULL, &side->error), &side->error);
}

/* ---- looking ---- */

static inline enum sp_status count_record(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)key;
    (void)value;
    ++*(size_t *)context;
    return SP_OK;
}

static inline size_t count_records(struct side *side, enum sp_replica_space space) {
    struct sp_snapshot *snapshot = NULL;
    size_t count = 0;
    assert_int_equal(sp_snapshot_open(side->world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(
        sp_replica_walk(sp_snapshot_view(snapshot), space, (struct sp_bytes){NULL, 0}, count_record, &count), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return count;
}

static inline struct sp_revision revision_of(struct side *side) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision;
    assert_int_equal(sp_snapshot_open(side->world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return revision;
}

static inline void keep_line(void *context, const char *difference) {
    snprintf(context, 200, "%s", difference);
}

/* The store passes verify, and is what etcd holds. */
static inline void assert_equals_etcd(struct side *side) {
    char line[200] = "";
    uint64_t compared = 0, differences = 0;
    struct sp_error error = {0};
    check(sp_store_verify(side->world.store, NULL, NULL, NULL, &error), &error);
    check(sp_source_compare_all(&side->follower.link, keep_line, line, &compared, &differences, &error), &error);
    if (differences > 0)
        fail_msg("%s", line);
    assert_true(compared > 0);
}

static inline void assert_said(const struct side *side, const char *text) {
    if (strstr(side->error.message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, side->error.message);
}

/* The key of the head, or of what stands below the prefix. */
static inline struct sp_bytes key_below(struct sides *sides, const char *below) {
    char *key = sp_arena_printf(&sides->arena, "%s%s", SIDES_PREFIX, below);
    assert_non_null(key);
    return (struct sp_bytes){(const uint8_t *)key, strlen(key)};
}

#endif
