/* In random worlds, every list is held against sp_check asked about everything there is. */
#include "list_steps.h"
#include "store/records/effective_role.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"

#include <inttypes.h>

enum { ROUNDS = 6, WORKSPACES = 3, PRINCIPALS = 12, GROUPS = 8, IDS = 40, FIRST_KEY = 100000 };

static void random_id(uint64_t *random, char ret_id[static 8]) {
    /* Short ones of few letters: many are prefixes of each other. */
    size_t size = world_random(random) % 3 + 1;
    for (size_t i = 0; i < size; i++)
        ret_id[i] = "a-Z\x7e"[world_random(random) % 4];
    ret_id[size] = '\0';
}

struct things {
    char ids[IDS][8];
    uint64_t owners[IDS]; /* of voices */
};

static void put_random_grant(struct world *world, uint64_t *random, const struct things *things) {
    size_t i = world_random(random) % IDS;
    bool voice = world_random(random) % 2 == 0;
    uint64_t workspace = voice ? things->owners[i] : world_random(random) % WORKSPACES + 1;
    bool group = world_random(random) % 2 == 0;
    uint64_t subject = group ? 1000 + workspace * 100 + world_random(random) % GROUPS
                             : workspace * 100 + world_random(random) % PRINCIPALS;
    struct world_grant grant = {voice, things->ids[i], group ? 'g' : 'p', subject, (int)(world_random(random) % 4) + 1};
    world_put_grant(world, workspace, &grant);
}

static void put_random_people(struct world *world, uint64_t *random, uint64_t workspace) {
    world_put_workspace(world, workspace, workspace == 3 && world_random(random) % 2 == 0);
    for (uint64_t p = 0; p < PRINCIPALS; p++) {
        uint64_t number = workspace * 100 + p;
        bool disabled = world_random(random) % 6 == 0;
        if (world_random(random) % 3 == 0)
            world_put_service_account(world, workspace, number, disabled);
        else
            world_put_user(world, workspace, number, world_random(random) % 5 == 0, disabled);
        world_put_key(world, workspace,
                      &(struct world_key){.number = FIRST_KEY + number, .principal = number, .all = true});
    }
    for (uint64_t g = 0; g < GROUPS; g++) {
        world_put_group(world, workspace, 1000 + workspace * 100 + g);
        for (uint64_t p = 0; p < PRINCIPALS; p++)
            if (world_random(random) % 3 == 0)
                world_put_member(world, workspace, 1000 + workspace * 100 + g, workspace * 100 + p);
    }
}

static void fill(struct world *world, uint64_t *random, struct things *things) {
    world_begin(world);
    for (uint64_t workspace = 1; workspace <= WORKSPACES; workspace++)
        put_random_people(world, random, workspace);
    for (size_t i = 0; i < IDS; i++) {
        bool is_new = false;
        while (!is_new) {
            random_id(random, things->ids[i]);
            is_new = true;
            for (size_t j = 0; j < i && is_new; j++)
                is_new = strcmp(things->ids[i], things->ids[j]) != 0;
        }
        things->owners[i] = world_random(random) % WORKSPACES + 1;
        world_put_resource(world, things->owners[i], true, things->ids[i]);
        if (world_random(random) % 3 == 0)
            world_put_resource(world, world_random(random) % WORKSPACES + 1, false, things->ids[i]);
    }
    for (size_t i = 0; i < 100; i++)
        put_random_grant(world, random, things);
    world_commit(world);
}

static enum sp_reason reason_of(struct world *world, const struct sp_query *query) {
    struct sp_snapshot *snapshot;
    struct sp_answer answer;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_check(sp_snapshot_view(snapshot), query, &answer), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return answer.reason;
}

/* An empty list has the reason of what came closest: that of the latest test that anything failed.
 * What was never registered and needs a role is as good as not shared. */
static void check_end(const struct listed *listed, enum sp_reason nearest) {
    if (listed->count > 0 || listed->end.more_than_listed)
        assert_int_equal(listed->end.reason, SP_REASON_ALLOWED);
    else if (nearest != SP_REASON_RESOURCE_UNKNOWN || listed->end.reason != SP_REASON_NOT_SHARED)
        assert_int_equal(listed->end.reason, nearest);
}

static bool holds(const struct listed *listed, const char *id) {
    for (size_t i = 0; i < listed->count; i++)
        if (strcmp(listed->ids[i], id) == 0)
            return true;
    return false;
}

/* A note is known where it is registered or shared; an ADMIN may read any. */
static bool is_known_note(struct world *world, uint64_t workspace, const char *id) {
    struct sp_snapshot *snapshot;
    char workspace_id[24];
    struct sp_entity_key key;
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_str parts[] = {SP_STR_LITERAL("note"), sp_str_from(id)};
    bool known = false;
    enum sp_role role = SP_ROLE_NONE;
    snprintf(workspace_id, sizeof(workspace_id), "w%" PRIu64, workspace);
    assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, sp_str_from(workspace_id), parts, 2, &key), SP_OK);
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_entity_exists(sp_snapshot_view(snapshot), &key, &known), SP_OK);
    for (uint64_t p = 0; p < PRINCIPALS && role == SP_ROLE_NONE; p++)
        assert_int_equal(sp_index_effective_role(sp_snapshot_view(snapshot),
                                                 world_resource_key(workspace, false, id, buffer), workspace * 100 + p,
                                                 &role),
                         SP_OK);
    for (uint64_t g = 0; g < GROUPS && role == SP_ROLE_NONE; g++) /* as a subject of its own: groups without members */
        assert_int_equal(sp_index_effective_role(sp_snapshot_view(snapshot),
                                                 world_resource_key(workspace, false, id, buffer),
                                                 1000 + workspace * 100 + g, &role),
                         SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return known || role != SP_ROLE_NONE;
}

static const struct {
    bool voice;
    const char *action;
} asked_actions[] = {{true, "use"}, {true, "edit"}, {true, "preview"}, {false, "read"}};

static struct sp_query query_of(uint64_t principal, size_t action, uint8_t digest[static 32]) {
    uint64_t key_number = FIRST_KEY + principal;
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_KNOWN,
                             .resource_type = sp_str_from(asked_actions[action].voice ? "voice" : "note"),
                             .action = sp_str_from(asked_actions[action].action),
                             .now_s = NOW_S};
    world_digest_of(key_number, digest);
    return query;
}

/* A key that was looked up beforehand: the worlds' digests are of no text. */
static struct sp_key key_of(struct world *world, const uint8_t digest[static 32], char texts[3][24],
                            uint64_t principal) {
    struct sp_snapshot *snapshot;
    struct sp_key key;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), digest, &key), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    snprintf(texts[0], 24, "k%" PRIu64, FIRST_KEY + principal);
    snprintf(texts[1], 24, "p%" PRIu64, principal);
    snprintf(texts[2], 24, "w%" PRIu64, principal / 100);
    key.id = sp_str_from(texts[0]);
    key.principal = sp_str_from(texts[1]);
    key.workspace = sp_str_from(texts[2]);
    return key;
}

static struct sp_list_limits random_limits(uint64_t *random) {
    return (struct sp_list_limits){world_random(random) % 7 + 1, world_random(random) % 13 + 1, 0};
}

static size_t compare_resources(struct world *world, uint64_t *random, const struct things *things, uint64_t principal,
                                size_t action) {
    static struct listed listed;
    uint8_t digest[32];
    char texts[3][24];
    struct sp_query query = query_of(principal, action, digest);
    struct sp_key key = key_of(world, digest, texts, principal);
    size_t expected = 0;
    enum sp_reason nearest = SP_REASON_NONE;
    query.known_key = &key;
    list_all(world, step_resources, &query, random_limits(random), &listed);
    for (size_t i = 0; i < IDS; i++) {
        query.resource_id = sp_str_from(things->ids[i]);
        bool known = asked_actions[action].voice || is_known_note(world, principal / 100, things->ids[i]);
        enum sp_reason reason = reason_of(world, &query);
        bool should = known && reason == SP_REASON_ALLOWED;
        if (reason > nearest)
            nearest = reason;
        if (should != holds(&listed, things->ids[i]))
            fail_msg("p%" PRIu64 " %s %s: check says %d, the list differs", principal, asked_actions[action].action,
                     things->ids[i], should);
        expected += should;
    }
    assert_int_equal(listed.count, expected);
    check_end(&listed, nearest);
    return expected;
}

static size_t compare_principals(struct world *world, uint64_t *random, const struct things *things, uint64_t workspace,
                                 size_t action, size_t thing) {
    static struct listed listed;
    char workspace_id[24], id[24];
    uint8_t digest[32];
    size_t expected = 0;
    enum sp_reason nearest = SP_REASON_NONE;
    snprintf(workspace_id, sizeof(workspace_id), "w%" PRIu64, workspace);
    struct sp_query query = query_of(workspace * 100, action, digest);
    query.workspace = sp_str_from(workspace_id);
    query.resource_id = sp_str_from(things->ids[thing]);
    list_all(world, step_principals, &query, random_limits(random), &listed);
    for (uint64_t p = 0; p < PRINCIPALS; p++) {
        char texts[3][24];
        uint64_t principal = workspace * 100 + p;
        world_digest_of(FIRST_KEY + principal, digest);
        struct sp_key key = key_of(world, digest, texts, principal);
        query.known_key = &key;
        snprintf(id, sizeof(id), "p%" PRIu64, principal);
        enum sp_reason reason = reason_of(world, &query);
        bool should = reason == SP_REASON_ALLOWED;
        if (reason > nearest)
            nearest = reason;
        if (should != holds(&listed, id))
            fail_msg("%s %s %s: check says %d, the list differs", id, asked_actions[action].action, things->ids[thing],
                     should);
        expected += should;
    }
    assert_int_equal(listed.count, expected);
    check_end(&listed, nearest);
    return expected;
}

static void lists_are_what_check_allows_in_any_world(void **state) {
    (void)state;
    uint64_t random = world_seed("lists");
    size_t resources = 0, principals = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct world world;
        static struct things things;
        world_init(&world);
        fill(&world, &random, &things);
        for (uint64_t workspace = 1; workspace <= WORKSPACES; workspace++)
            for (size_t action = 0; action < 4; action++) {
                for (uint64_t p = 0; p < PRINCIPALS; p++)
                    resources += compare_resources(&world, &random, &things, workspace * 100 + p, action);
                for (size_t i = 0; i < IDS; i += 3)
                    principals += compare_principals(&world, &random, &things, workspace, action, i);
            }
        world_fini(&world);
    }
    print_message("%zu resources and %zu principals were listed\n", resources, principals);
    assert_true(resources > 1000 && principals > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_what_check_allows_in_any_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
