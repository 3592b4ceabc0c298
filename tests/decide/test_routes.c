/* A snapshot is answered by the routes of its own schema: never by older ones, nor by newer ones.
 * Real stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/route_match.h"
#include "decide/routes.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/databases.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/schema_numbers.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_raw.h"
#include "support/store_world.h"

static struct world world;
static struct sp_snapshot *snapshot;
static struct sp_route_source *source;
static struct sp_route_reader reader;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    world_commit(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_route_source_create(&source), SP_OK);
    reader = (struct sp_route_reader){0};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_route_reader_close(source, &reader);
    sp_route_source_free(source);
    sp_snapshot_close(snapshot);
    world_fini(&world);
    return 0;
}

static struct sp_revision put_schema(const char *yaml) {
    struct sp_error error;
    struct sp_entity_key key;
    ProtobufCMessage *old;
    Sallyport__Store__V1__StoredSchema *schema;
    assert_int_equal(sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key), SP_OK);
    world_begin(&world);
    assert_int_equal(sp_entity_get(sp_write_view(world.write), &key, &world.arena, &old), SP_OK);
    assert_int_equal(sp_schema_number(sp_str_from(yaml), (const Sallyport__Store__V1__StoredSchema *)old, &world.arena,
                                      &schema, &error),
                     SP_OK);
    assert_int_equal(sp_changeset_put(world.set, &key, &schema->base), SP_OK);
    return world_commit(&world);
}

/* A schema with one route. */
static struct sp_revision put_route(const char *route) {
    char yaml[512];
    snprintf(yaml, sizeof(yaml),
             "version: 1\ntypes: {voice: {actions: {use: {}}}, note: {ids: workspace, actions: {read: {}}}}\n"
             "routes:\n  %s\n",
             route);
    return put_schema(yaml);
}

static const struct sp_routes *routes_in(struct sp_snapshot *from, struct sp_route_reader *with) {
    const struct sp_routes *routes = NULL;
    assert_int_equal(sp_routes_at(source, with, sp_snapshot_view(from), &routes), SP_OK);
    assert_non_null(routes);
    return routes;
}

static struct sp_route_match match_get(const struct sp_routes *routes, const char *path,
                                       char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    const struct sp_route_request request = {.method = SP_STR_LITERAL("GET"), .target = sp_str_from(path)};
    return sp_routes_match(routes, &request, scratch);
}

static bool reaches(const struct sp_routes *routes, const char *path) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    return match_get(routes, path, scratch).outcome == SP_ROUTE_FOUND;
}

/* In a call of its own. */
static bool reaches_now(const char *path) {
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    bool reached = reaches(routes_in(snapshot, &reader), path);
    sp_snapshot_release(snapshot);
    return reached;
}

static const struct sp_routes *routes_now(void) {
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    const struct sp_routes *routes = routes_in(snapshot, &reader);
    sp_snapshot_release(snapshot);
    return routes;
}

static void a_schema_that_is_put_counts_for_the_next_call(void **state) {
    (void)state;
    assert_false(reaches_now("/a"));
    for (int round = 0; round < 3; round++) {
        put_route("GET /a: use voice");
        assert_true(reaches_now("/a"));
        assert_false(reaches_now("/b"));
        put_route("GET /b: use voice");
        assert_false(reaches_now("/a"));
        assert_true(reaches_now("/b"));
    }
    put_schema(world_schema);
    assert_false(reaches_now("/b"));
}

/* The route's own texts must live as long as it is used. */
static void what_was_reached_is_whole_after_the_schema_changed(void **state) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    put_route("GET /a/{id}: use voice/{id}");
    const struct sp_routes *routes = routes_now();
    put_route("GET /b: use voice");
    struct sp_route_match match = match_get(routes, "/a/x", scratch);
    assert_true(sp_str_equal(match.route->type, SP_STR_LITERAL("voice")));
    assert_true(sp_str_equal(match.route->action, SP_STR_LITERAL("use")));
    assert_true(sp_str_equal(match.id, SP_STR_LITERAL("x")));
    assert_false(reaches_now("/a/x"));
}

static void other_changes_keep_what_was_compiled(void **state) {
    (void)state;
    put_route("GET /a: use voice");
    const struct sp_routes *before = routes_now();
    world_begin(&world);
    world_put_user(&world, 1, 5, true, false);
    world_commit(&world);
    assert_ptr_equal(routes_now(), before);
    /* This one moves the settings version as a schema does. */
    world_begin(&world);
    world_put_workspace(&world, 1, true);
    world_commit(&world);
    assert_ptr_equal(routes_now(), before);
    put_route("GET /b: use voice");
    assert_true(reaches_now("/b"));
}

static void readers_share_what_one_of_them_compiled(void **state) {
    struct sp_route_reader second = {0};
    struct sp_snapshot *other = NULL;
    (void)state;
    put_route("GET /a: use voice");
    const struct sp_routes *first = routes_now();
    assert_int_equal(sp_snapshot_open(world.store, &other), SP_OK);
    assert_int_equal(sp_snapshot_acquire(other), SP_OK);
    assert_ptr_equal(routes_in(other, &second), first);
    sp_snapshot_release(other);
    sp_route_reader_close(source, &reader);
    assert_int_equal(sp_snapshot_acquire(other), SP_OK);
    assert_ptr_equal(routes_in(other, &second), first);
    assert_true(reaches(first, "/a"));
    sp_snapshot_release(other);
    sp_snapshot_close(other);
    sp_route_reader_close(source, &second);
}

/* One call began before the schema changed, another after, and they take turns. */
static void each_snapshot_has_the_routes_of_its_own_revision(void **state) {
    struct sp_route_reader older = {0};
    struct sp_snapshot *before = NULL;
    (void)state;
    put_route("GET /a: use voice");
    assert_int_equal(sp_snapshot_open(world.store, &before), SP_OK);
    assert_int_equal(sp_snapshot_acquire(before), SP_OK);
    put_route("GET /b: use voice");
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    for (int round = 0; round < 3; round++) {
        assert_true(reaches(routes_in(snapshot, &reader), "/b"));
        assert_false(reaches(routes_in(snapshot, &reader), "/a"));
        assert_true(reaches(routes_in(before, &older), "/a"));
        assert_false(reaches(routes_in(before, &older), "/b"));
    }
    sp_snapshot_release(snapshot);
    sp_snapshot_release(before);
    sp_snapshot_close(before);
    sp_route_reader_close(source, &older);
}

/* ---- damage ---- */

struct flipping {
    size_t bytes, refused;
};

/* Damage of the schema's text, of its mark and of their keys is told, and never changes what a path
 * reaches. */
static void flip_and_ask(void *context, enum sp_database database, uint64_t file_offset) {
    struct flipping *flipping = context;
    struct sp_route_source *nothing_read = NULL;
    struct sp_route_reader fresh = {0};
    const struct sp_routes *routes = NULL;
    (void)database;
    assert_int_equal(sp_route_source_create(&nothing_read), SP_OK);
    raw_flip(&world, file_offset, 0x04);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    enum sp_status status = sp_routes_at(nothing_read, &fresh, sp_snapshot_view(snapshot), &routes);
    if (status == SP_OK)
        assert_true(reaches(routes, "/here") && !reaches(routes, "/there"));
    else
        assert_int_equal(status, SP_ERR_CORRUPT);
    sp_snapshot_release(snapshot);
    raw_flip(&world, file_offset, 0x04);
    sp_route_reader_close(nothing_read, &fresh);
    sp_route_source_free(nothing_read);
    flipping->bytes++;
    flipping->refused += status != SP_OK;
}

static void damage_of_the_schema_is_told(void **state) {
    struct flipping flipping = {0};
    (void)state;
    put_route("GET /here: use voice");
    raw_each_byte(&world, SP_DB_ENTITY, flip_and_ask, &flipping);
    assert_true(flipping.refused > 150); /* at least the text */
    assert_true(flipping.refused < flipping.bytes);
    flipping = (struct flipping){0};
    raw_each_byte(&world, SP_DB_ACTION, flip_and_ask, &flipping);
    assert_true(flipping.refused >= SP_SCHEMA_MARK_RECORD_BYTES);
}

/* ---- threads ---- */

enum { CHANGES = 200, THREADS = 3 };

static atomic_bool done;
static atomic_size_t calls;

/* Revision n has the route /rn, or that of the revision before where n is odd. */
static bool call(struct sp_snapshot *own, struct sp_route_reader *with) {
    struct sp_revision revision;
    const struct sp_routes *routes = NULL;
    char path[32], next[32];
    if (sp_snapshot_acquire(own) != SP_OK || sp_view_revision(sp_snapshot_view(own), &revision) != SP_OK ||
        sp_routes_at(source, with, sp_snapshot_view(own), &routes) != SP_OK)
        return false;
    snprintf(path, sizeof(path), "/r%llu", (unsigned long long)(revision.number / 2 * 2));
    snprintf(next, sizeof(next), "/r%llu", (unsigned long long)(revision.number / 2 * 2 + 2));
    bool good = reaches(routes, path) && !reaches(routes, next);
    sp_snapshot_release(own);
    return good;
}

static void *call_until_done(void *failures) {
    struct sp_snapshot *own = NULL;
    struct sp_route_reader with = {0};
    bool good = sp_snapshot_open(world.store, &own) == SP_OK;
    while (good && !atomic_load(&done)) {
        good = call(own, &with);
        atomic_fetch_add(&calls, 1);
    }
    if (!good)
        atomic_fetch_add((atomic_int *)failures, 1);
    sp_route_reader_close(source, &with);
    sp_snapshot_close(own);
    return NULL;
}

static void put_route_of(uint64_t revision) {
    char route[64];
    snprintf(route, sizeof(route), "GET /r%llu: use voice", (unsigned long long)revision);
    assert_int_equal(put_route(route).number, revision);
}

static void threads_agree_with_their_snapshots_while_the_schema_changes(void **state) {
    pthread_t threads[THREADS];
    atomic_int failures = 0;
    (void)state;
    uint64_t revision = put_route("GET /a: use voice").number + 1;
    if (revision % 2 != 0)
        revision = put_route("GET /b: use voice").number + 1;
    put_route_of(revision);
    atomic_store(&done, false);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_until_done, &failures), 0);
    for (size_t i = 0; i < CHANGES; i++) {
        world_begin(&world);
        world_put_workspace(&world, 1, i % 2 == 0);
        assert_int_equal(world_commit(&world).number, ++revision);
        put_route_of(++revision);
    }
    while (atomic_load(&calls) < 1000 && atomic_load(&failures) == 0)
        sched_yield();
    atomic_store(&done, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_schema_that_is_put_counts_for_the_next_call),
        CASE(what_was_reached_is_whole_after_the_schema_changed),
        CASE(other_changes_keep_what_was_compiled),
        CASE(readers_share_what_one_of_them_compiled),
        CASE(each_snapshot_has_the_routes_of_its_own_revision),
        CASE(damage_of_the_schema_is_told),
        CASE(threads_agree_with_their_snapshots_while_the_schema_changes),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL) > 0 ? 1 : 0;
}
