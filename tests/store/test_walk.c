/* What every walk makes of its visitor's status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/records/change.h"
#include "store/records/entity.h"
#include "store/records/index_walk.h"
#include "store/records/journal.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "store/replica/walk.h"
#include "store/usage/reports.h"
#include "store/usage/usage.h"
#include "support/process.h"
#include "support/store_world.h"

/* A visitor that answers each visit with one status. */
struct visits {
    enum sp_status answer;
    size_t count;
};

static enum sp_status answer_visit(struct visits *visits) {
    visits->count++;
    return visits->answer;
}

static enum sp_status visit_record(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)key;
    (void)value;
    return answer_visit(context);
}

static enum sp_status visit_change(void *context, const Sallyport__V1__Change *change) {
    (void)change;
    return answer_visit(context);
}

static enum sp_status visit_text(void *context, struct sp_str text) {
    (void)text;
    return answer_visit(context);
}

static enum sp_status visit_resource(void *context, struct sp_bytes resource_key) {
    (void)resource_key;
    return answer_visit(context);
}

static enum sp_status visit_grant(void *context, uint64_t subject_number, enum sp_role role) {
    (void)subject_number;
    (void)role;
    return answer_visit(context);
}

static enum sp_status visit_number(void *context, uint64_t number) {
    (void)number;
    return answer_visit(context);
}

static enum sp_status visit_source(void *context, const struct sp_usage_source *source) {
    (void)source;
    return answer_visit(context);
}

/* ---- the walks: each meets two or more ---- */

struct scene {
    struct world world;
    struct sp_arena arena;
    struct sp_snapshot *snapshot;
    struct sp_view *view;
    char usage_folder[64];
    struct sp_usage_store *usage;
};

static enum sp_status walk_entities(struct scene *scene, struct visits *visits) {
    static const uint8_t kind = SP_KIND_PRINCIPAL;
    return sp_entity_walk(scene->view, (struct sp_bytes){&kind, 1}, NULL, visit_record, visits);
}

static enum sp_status walk_changes(struct scene *scene, struct visits *visits) {
    return sp_change_walk(scene->view, 0, &scene->arena, visit_change, visits);
}

static enum sp_status walk_replicated_entities(struct scene *scene, struct visits *visits) {
    return sp_replica_walk(scene->view, SP_REPLICA_ENTITY, (struct sp_bytes){NULL, 0}, visit_record, visits);
}

static enum sp_status walk_replicated_changes(struct scene *scene, struct visits *visits) {
    return sp_replica_walk(scene->view, SP_REPLICA_CHANGE, (struct sp_bytes){NULL, 0}, visit_record, visits);
}

static enum sp_status walk_principal_keys(struct scene *scene, struct visits *visits) {
    return sp_index_walk_principal_keys(scene->view, 1, visit_text, visits);
}

static enum sp_status walk_subject_resources(struct scene *scene, struct visits *visits) {
    return sp_index_walk_subject_resources(scene->view, 1, (struct sp_bytes){0}, visit_resource, visits);
}

static enum sp_status walk_resource_grants(struct scene *scene, struct visits *visits) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    return sp_index_walk_resource_grants(scene->view, world_resource_key(1, true, "a", buffer), visit_grant, visits);
}

static enum sp_status walk_principal_groups(struct scene *scene, struct visits *visits) {
    return sp_index_walk_principal_groups(scene->view, 1, visit_number, visits);
}

static enum sp_status walk_group_members(struct scene *scene, struct visits *visits) {
    return sp_index_walk_group_members(scene->view, 7, visit_number, visits);
}

static enum sp_status walk_actions(struct scene *scene, struct visits *visits) {
    return sp_index_walk_actions(scene->view, SP_STR_LITERAL("voice"), (struct sp_str){NULL, 0}, visit_text, visits);
}

static enum sp_status walk_usage_sources(struct scene *scene, struct visits *visits) {
    struct sp_usage_view *view = NULL;
    assert_int_equal(sp_usage_view_begin(scene->usage, &view), SP_OK);
    enum sp_status status = sp_usage_view_sources(view, NULL, visit_source, visits);
    sp_usage_view_end(view);
    return status;
}

static const struct {
    const char *name;
    enum sp_status (*walk)(struct scene *scene, struct visits *visits);
} walks[] = {
    {"entities", walk_entities},
    {"changes", walk_changes},
    {"replicated entities", walk_replicated_entities},
    {"replicated changes", walk_replicated_changes},
    {"keys of a principal", walk_principal_keys},
    {"resources of a subject", walk_subject_resources},
    {"grants of a resource", walk_resource_grants},
    {"groups of a principal", walk_principal_groups},
    {"members of a group", walk_group_members},
    {"actions", walk_actions},
    {"usage sources", walk_usage_sources},
};

/* ---- */

static void fill_world(struct world *world) {
    world_begin(world);
    for (uint64_t principal = 1; principal <= 2; principal++) {
        world_put_user(world, 1, principal, false, false);
        world_put_member(world, 1, 7, principal);
        world_put_key(world, 1, &(struct world_key){.number = principal, .principal = 1, .all = true});
        world_put_grant(world, 1, &(struct world_grant){true, "a", 'p', principal, 2});
    }
    world_put_member(world, 1, 8, 1);
    world_put_grant(world, 1, &(struct world_grant){true, "b", 'p', 1, 3});
    world_commit(world);
    world_begin(world);
    world_put_resource(world, 1, true, "a");
    world_commit(world);
}

static void fill_usage(struct scene *scene) {
    struct sp_error error = {0};
    struct sp_usage_batch *batch = NULL;
    bool again = false;
    folder_make(scene->usage_folder);
    assert_int_equal(sp_usage_store_open(scene->usage_folder, 1000, &scene->usage, &error), SP_OK);
    assert_int_equal(sp_usage_batch_begin(scene->usage, &batch, &error), SP_OK);
    const struct sp_usage_report one = {.id = SP_STR_LITERAL("one"), .instance = 1, .sequence = 1};
    const struct sp_usage_report two = {.id = SP_STR_LITERAL("two"), .instance = 1, .sequence = 1};
    assert_int_equal(sp_usage_batch_report(batch, &one, 1000, &again), SP_OK);
    assert_int_equal(sp_usage_batch_report(batch, &two, 1000, &again), SP_OK);
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
}

static int set_up(void **state) {
    static struct scene scene;
    scene = (struct scene){0};
    world_init(&scene.world);
    fill_world(&scene.world);
    fill_usage(&scene);
    assert_int_equal(sp_arena_init(&scene.arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(sp_snapshot_open(scene.world.store, &scene.snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(scene.snapshot), SP_OK);
    scene.view = sp_snapshot_view(scene.snapshot);
    *state = &scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    sp_snapshot_release(scene->snapshot);
    sp_snapshot_close(scene->snapshot);
    sp_arena_fini(&scene->arena);
    sp_usage_store_close(scene->usage);
    folder_remove(scene->usage_folder);
    world_fini(&scene->world);
    return 0;
}

static void check_walks(struct scene *scene, enum sp_status answer, enum sp_status expected) {
    for (size_t i = 0; i < sizeof(walks) / sizeof(*walks); i++) {
        struct visits visits = {.answer = answer};
        enum sp_status status = walks[i].walk(scene, &visits);
        if (status != expected || visits.count != 1)
            fail_msg("%s: status %d after %zu visits", walks[i].name, (int)status, visits.count);
    }
}

static void goes_on_while_the_visitor_returns_ok(void **state) {
    for (size_t i = 0; i < sizeof(walks) / sizeof(*walks); i++) {
        struct visits visits = {.answer = SP_OK};
        assert_int_equal(walks[i].walk(*state, &visits), SP_OK);
        if (visits.count < 2)
            fail_msg("%s: %zu visits", walks[i].name, visits.count);
    }
}

static void ends_with_ok_when_the_visitor_ends_the_walk(void **state) {
    check_walks(*state, SP_WALK_END, SP_OK);
}

static void returns_every_error_of_the_visitor(void **state) {
    for (int status = SP_OK + 1; status < SP_WALK_END; status++)
        check_walks(*state, (enum sp_status)status, (enum sp_status)status);
}

static void sources_are_visited_from_the_first_after_the_one_that_is_named(void **state) {
    static const struct {
        struct sp_usage_source after;
        size_t visits;
    } rows[] = {
        {{.id = "a", .instance = 9}, 2},   {{.id = "one", .instance = 0}, 2}, {{.id = "one", .instance = 1}, 1},
        {{.id = "one", .instance = 2}, 1}, {{.id = "two", .instance = 1}, 0}, {{.id = "u", .instance = 0}, 0},
    };
    const struct scene *scene = *state;
    struct sp_usage_view *view = NULL;
    assert_int_equal(sp_usage_view_begin(scene->usage, &view), SP_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct visits visits = {.answer = SP_OK};
        assert_int_equal(sp_usage_view_sources(view, &rows[i].after, visit_source, &visits), SP_OK);
        assert_int_equal(visits.count, rows[i].visits);
    }
    sp_usage_view_end(view);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(goes_on_while_the_visitor_returns_ok),
        CASE(ends_with_ok_when_the_visitor_ends_the_walk),
        CASE(returns_every_error_of_the_visitor),
        CASE(sources_are_visited_from_the_first_after_the_one_that_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
