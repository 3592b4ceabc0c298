#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/effective_role.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/schema_numbers.h"
#include "store/records/write.h"
#include "support/restore_scene.h"

static enum sp_role role_on_v1(struct scene *scene, uint64_t principal) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    enum sp_role role = SP_ROLE_NONE;
    assert_int_equal(sp_index_effective_role(scene->view, world_resource_key(1, true, "v1", buffer), principal, &role),
                     SP_OK);
    return role;
}

struct key_case {
    const char *name;
    struct key_state backup, later, restored;
    const char *told; /* NULL: nothing about this key */
};

static const struct key_case key_cases[] = {
    {"an untouched change keeps the key", {.names = {NULL}}, {.names = {NULL}}, {.names = {NULL}}, NULL},
    {"disabled", {.names = {NULL}}, {.disabled = true}, {.disabled = true}, "disabled"},
    {"deleted", {.names = {NULL}}, {.deleted = true}, {.deleted = true}, "deleted"},
    {"enabled later", {.disabled = true}, {.disabled = false}, {.disabled = true}, NULL},
    {"all to names",
     {.names = {NULL}},
     {.names = {"voices_write"}},
     {.names = {"voices_write"}},
     "permissions narrowed"},
    {"names to fewer",
     {.names = {"text_to_speech", "voices_write"}},
     {.names = {"voices_write"}},
     {.names = {"voices_write"}},
     "permissions narrowed"},
    {"names to others",
     {.names = {"text_to_speech", "voices_write"}},
     {.names = {"voices_write", "workspace_read"}},
     {.names = {"voices_write"}},
     "permissions narrowed"},
    {"names to more",
     {.names = {"voices_write"}},
     {.names = {"voices_write", "workspace_read"}},
     {.names = {"voices_write"}},
     NULL},
    {"names to all", {.names = {"voices_write"}}, {.names = {NULL}}, {.names = {"voices_write"}}, NULL},
    {"allowlist set", {.ips = {NULL}}, {.ips = {"203.0.113.0/24"}}, {.ips = {"203.0.113.0/24"}}, "allowlist set"},
    {"allowlist narrowed",
     {.ips = {"203.0.113.0/24"}},
     {.ips = {"203.0.113.7/32"}},
     {.ips = {"203.0.113.7/32"}},
     "allowlist changed"},
    {"allowlist moved",
     {.ips = {"203.0.113.0/24"}},
     {.ips = {"198.51.100.0/24"}},
     {.ips = {"198.51.100.0/24"}},
     "allowlist changed"},
    {"allowlist widened",
     {.ips = {"203.0.113.7/32"}},
     {.ips = {"203.0.113.0/24", "198.51.100.0/24"}},
     {.ips = {"203.0.113.7/32"}},
     NULL},
    {"allowlist cleared", {.ips = {"203.0.113.7/32"}}, {.ips = {NULL}}, {.ips = {"203.0.113.7/32"}}, NULL},
    {"expiry set", {.expires_at_s = 0}, {.expires_at_s = 9}, {.expires_at_s = 9}, "expiry brought forward"},
    {"expiry earlier", {.expires_at_s = 10}, {.expires_at_s = 9}, {.expires_at_s = 9}, "expiry brought forward"},
    {"expiry later", {.expires_at_s = 10}, {.expires_at_s = 11}, {.expires_at_s = 10}, NULL},
    {"expiry removed", {.expires_at_s = 10}, {.expires_at_s = 0}, {.expires_at_s = 10}, NULL},
    {"all at once",
     {.names = {NULL}},
     {.names = {"voices_write"}, .expires_at_s = 9, .disabled = true},
     {.names = {"voices_write"}, .expires_at_s = 9, .disabled = true},
     "disabled, expiry brought forward, permissions narrowed"},
};
enum { KEY_CASES = sizeof(key_cases) / sizeof(*key_cases) };

static void assert_texts(char **texts, size_t count, const char *const *expected, const char *name) {
    size_t expected_count = 0;
    while (expected[expected_count] != NULL)
        expected_count++;
    if (count != expected_count)
        fail_msg("%s: %zu texts, not %zu", name, count, expected_count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(texts[i], expected[i]);
}

static void check_key(struct scene *scene, uint64_t number, const struct key_case *vector) {
    const struct key_state *expected = &vector->restored;
    const Sallyport__V1__ApiKey *key = scene_key(scene, number);
    if ((key == NULL) != expected->deleted || scene_has_key(scene, number) != (key != NULL))
        fail_msg("%s: %s", vector->name, key == NULL ? "gone" : "there");
    if (key == NULL)
        return;
    size_t names = 0;
    while (expected->names[names] != NULL)
        names++;
    assert_int_equal(key->permissions->all, names == 0);
    assert_texts(key->permissions->names, key->permissions->n_names, expected->names, vector->name);
    assert_texts(key->allowed_ips, key->n_allowed_ips, expected->ips, vector->name);
    if (key->expires_at != expected->expires_at_s || (bool)key->disabled != expected->disabled)
        fail_msg("%s: expires at %" PRId64 ", disabled %d", vector->name, key->expires_at, key->disabled);
    struct sp_key indexed;
    uint8_t digest[32], bits[SP_PERMISSION_SET_BYTES];
    world_digest_of(number, digest);
    assert_int_equal(sp_index_key(scene->view, digest, &indexed), SP_OK);
    scene_permission_bits(expected->names, names, bits);
    assert_int_equal(indexed.permissions.all, names == 0);
    if (names > 0)
        assert_memory_equal(indexed.permissions.bits, bits, sizeof(bits));
}

static void check_told(const struct scene *scene, uint64_t number, const char *what) {
    char begin[64], line[256];
    (void)snprintf(begin, sizeof(begin), "API key w1/k%" PRIu64 ": ", number);
    (void)snprintf(line, sizeof(line), "%s%s\n", begin, what != NULL ? what : "");
    if ((strstr(scene->report, what != NULL ? line : begin) != NULL) != (what != NULL))
        fail_msg("k%" PRIu64 " in:\n%s", number, scene->report);
}

/* Keys are numbered from 100 on. */
static void takes_back_what_was_revoked_of_a_key(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    scene_put_people(&scene.world);
    for (uint64_t i = 0; i < KEY_CASES; i++)
        scene_put_key(&scene.world, 100 + i, &key_cases[i].backup);
    world_commit(&scene.world);
    scene_back_up(&scene);
    for (uint64_t i = 0; i < KEY_CASES; i++) {
        world_begin(&scene.world);
        scene_put_key(&scene.world, 100 + i, &key_cases[i].later);
        world_commit(&scene.world);
    }
    scene_restore_by_changes(&scene);
    for (uint64_t i = 0; i < KEY_CASES; i++) {
        check_key(&scene, 100 + i, &key_cases[i]);
        check_told(&scene, 100 + i, key_cases[i].told);
    }
    scene_end(&scene);
}

static void judges_a_key_by_its_last_state_only(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    scene_put_people(&scene.world);
    scene_put_key(&scene.world, 1, &(struct key_state){.disabled = false});
    world_commit(&scene.world);
    scene_back_up(&scene);
    for (int i = 0; i < 2; i++) {
        world_begin(&scene.world);
        scene_put_key(&scene.world, 1, &(struct key_state){.disabled = i == 0});
        world_commit(&scene.world);
    }
    scene_restore_by_changes(&scene);
    assert_false(scene_key(&scene, 1)->disabled);
    scene_end(&scene);
}

static const struct world_grant direct = {true, "v1", 'p', 11, SP_ROLE_EDITOR};
static const struct world_grant by_group = {true, "v1", 'g', 20, SP_ROLE_COMMENTER};

static void put_shares(struct world *world) {
    scene_put_people(world);
    world_put_resource(world, 1, true, "v1");
    world_put_grant(world, 1, &direct);
    world_put_grant(world, 1, &by_group);
    scene_put_key(world, 1, &(struct key_state){.disabled = false});
}

struct share_case {
    const char *name;
    void (*change)(struct world *world);
    enum sp_role restored; /* of principal 11 on v1 */
    const char *told;
};

static void remove_direct(struct world *world) {
    world_delete_grant(world, 1, &direct);
}

static void lower_direct(struct world *world) {
    struct world_grant lowered = direct;
    lowered.role = SP_ROLE_VIEWER;
    world_put_grant(world, 1, &lowered);
    world_delete_grant(world, 1, &by_group);
}

static void raise_direct(struct world *world) {
    struct world_grant raised = direct;
    raised.role = SP_ROLE_ADMIN;
    world_put_grant(world, 1, &raised);
}

static void remove_direct_and_member(struct world *world) {
    world_delete_grant(world, 1, &direct);
    world_delete_member(world, 1, 20, 11);
}

static void delete_group(struct world *world) {
    world_delete_grant(world, 1, &direct);
    world_delete_grant(world, 1, &by_group);
    world_delete_member(world, 1, 20, 10);
    world_delete_member(world, 1, 20, 11);
    world_delete(world, SP_KIND_GROUP, 1, "g20");
}

static void delete_resource(struct world *world) {
    world_delete_grant(world, 1, &direct);
    world_delete_grant(world, 1, &by_group);
    world_delete_resource(world, 1, true, "v1");
}

static void share_more(struct world *world) {
    world_put_resource(world, 1, true, "v2");
    world_put_grant(world, 1, &(struct world_grant){true, "v2", 'p', 11, SP_ROLE_ADMIN});
}

static const struct share_case share_cases[] = {
    {"a removed grant", remove_direct, SP_ROLE_COMMENTER, "grant w1/voice/v1/p11: deleted\n"},
    {"a lowered role", lower_direct, SP_ROLE_VIEWER, "grant w1/voice/v1/p11: role lowered\n"},
    {"a raised role", raise_direct, SP_ROLE_EDITOR, "the later change log has"},
    {"a removed member", remove_direct_and_member, SP_ROLE_NONE, "membership w1/g20/p11: deleted\n"},
    {"a deleted group", delete_group, SP_ROLE_NONE, "group w1/g20: deleted\n"},
    {"a deleted resource", delete_resource, SP_ROLE_NONE, "resource w1/voice/v1: deleted\n"},
    {"a later share", share_more, SP_ROLE_EDITOR, "the later change log has"},
};

static void takes_back_what_was_unshared(void **state) {
    const struct share_case *vector = *state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    put_shares(&scene.world);
    world_commit(&scene.world);
    scene_back_up(&scene);
    world_begin(&scene.world);
    vector->change(&scene.world);
    world_commit(&scene.world);
    scene_restore_by_changes(&scene);
    assert_int_equal(role_on_v1(&scene, 11), vector->restored);
    scene_told(&scene, vector->told);
    scene_end(&scene);
}

static void takes_back_people_and_workspaces(void **state) {
    (void)state;
    struct scene scene;
    struct sp_principal_state principal;
    struct sp_workspace_state workspace;
    scene_begin(&scene);
    world_begin(&scene.world);
    scene_put_people(&scene.world);
    world_put_workspace(&scene.world, 2, false);
    world_commit(&scene.world);
    scene_back_up(&scene);
    world_begin(&scene.world);
    world_put_user(&scene.world, 1, 10, false, false);
    world_put_user(&scene.world, 1, 11, true, true);
    world_put_workspace(&scene.world, 2, true);
    world_put_user(&scene.world, 1, 12, true, false);
    world_commit(&scene.world);
    scene_restore_by_changes(&scene);
    scene_told(&scene, "principal w1/p10: no longer an admin of the workspace\n");
    scene_told(&scene, "principal w1/p11: disabled\n");
    scene_told(&scene, "workspace w2: disabled\n");
    assert_int_equal(sp_index_principal(scene.view, 10, &principal), SP_OK);
    assert_false(principal.workspace_admin);
    assert_int_equal(sp_index_principal(scene.view, 11, &principal), SP_OK);
    assert_true(principal.disabled && !principal.workspace_admin);
    assert_int_equal(sp_index_workspace(scene.view, 1, &workspace), SP_OK);
    assert_false(workspace.disabled);
    assert_int_equal(sp_index_workspace(scene.view, 2, &workspace), SP_OK);
    assert_true(workspace.disabled);
    assert_null(scene_entity(&scene, SP_KIND_PRINCIPAL, "w1", "p12"));
    scene_end(&scene);
}

static void put_operator(struct world *world, const char *name, int64_t created_at_s, uint8_t first) {
    uint8_t digest[32] = {first};
    Sallyport__V1__Operator content;
    sallyport__v1__operator__init(&content);
    Sallyport__Store__V1__StoredOperator stored;
    sallyport__store__v1__stored_operator__init(&stored);
    struct sp_entity_key key;
    content.name = sp_arena_strdup(&world->arena, sp_str_from(name));
    content.created_at = created_at_s;
    stored.operator_ = &content;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    assert_int_equal(sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, sp_str_from(name), &key), SP_OK);
    assert_int_equal(sp_changeset_put(world->set, &key, &stored.base), SP_OK);
}

static void takes_back_operators_and_names_given_anew(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    put_operator(&scene.world, "kept", 5, 1);
    put_operator(&scene.world, "revoked", 5, 2);
    put_operator(&scene.world, "renewed", 5, 3);
    world_commit(&scene.world);
    scene_back_up(&scene);
    world_begin(&scene.world);
    world_delete(&scene.world, SP_KIND_OPERATOR, 0, "revoked");
    world_delete(&scene.world, SP_KIND_OPERATOR, 0, "renewed");
    world_commit(&scene.world);
    world_begin(&scene.world);
    put_operator(&scene.world, "renewed", 6, 4);
    put_operator(&scene.world, "kept", 5, 1);
    world_commit(&scene.world);
    scene_restore_by_changes(&scene);
    assert_non_null(scene_entity(&scene, SP_KIND_OPERATOR, "", "kept"));
    assert_null(scene_entity(&scene, SP_KIND_OPERATOR, "", "revoked"));
    assert_null(scene_entity(&scene, SP_KIND_OPERATOR, "", "renewed"));
    scene_told(&scene, "operator renewed: deleted; its name was given to another key later\n");
    scene_end(&scene);
}

/* ---- the schema ---- */

static void put_schema(struct world *world, const char *yaml) {
    struct sp_entity_key key;
    struct sp_error error = {0};
    ProtobufCMessage *old = NULL;
    Sallyport__Store__V1__StoredSchema *stored = NULL;
    assert_int_equal(sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key), SP_OK);
    assert_int_equal(sp_entity_get(sp_write_view(world->write), &key, &world->arena, &old), SP_OK);
    assert_int_equal(sp_schema_number(sp_str_from(yaml), (Sallyport__Store__V1__StoredSchema *)(void *)old,
                                      &world->arena, &stored, &error),
                     SP_OK);
    assert_int_equal(sp_changeset_put(world->set, &key, &stored->base), SP_OK);
}

struct schema_case {
    const char *name;
    const char *later;
    bool applied;
};

static const struct schema_case schema_cases[] = {
    {"the same schema", world_schema, false},
    {"a schema without an action",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: viewer}, preview: {}}}\n",
     true},
    {"a schema that needs a higher role",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: editor}, edit: {permission: "
     "voices_write, role: editor}, preview: {}}}\n",
     true},
    {"a schema that needs a permission more",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: viewer}, edit: {permission: "
     "voices_write, role: editor}, preview: {permission: text_to_speech}}}\n",
     true},
    {"a schema with another route, which may have taken paths away from one that is here",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: viewer}, edit: {permission: "
     "voices_write, role: editor}, preview: {}}}\nroutes: {GET /v1/voices: edit voice}\n",
     true},
    {"a schema that adds and eases",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x, more: x}\ntypes:\n  note: {ids: workspace, "
     "actions: "
     "{read: {}}}\n  voice: {actions: {use: {permission: text_to_speech}, edit: {permission: voices_write, role: "
     "viewer}, preview: {}, more: {permission: more}}}\n",
     false},
};

static void takes_the_later_schema_where_it_is_stricter(void **state) {
    const struct schema_case *vector = *state;
    struct scene scene;
    scene_begin(&scene);
    world_begin(&scene.world);
    scene_put_people(&scene.world);
    scene_put_key(&scene.world, 1, &(struct key_state){.names = {NULL}});
    world_commit(&scene.world);
    scene_back_up(&scene);
    world_begin(&scene.world);
    put_schema(&scene.world, vector->later);
    scene_put_key(&scene.world, 1, &(struct key_state){.names = {"voices_write"}});
    world_commit(&scene.world);
    scene_restore_by_changes(&scene);
    void *schema = scene_entity(&scene, SP_KIND_SCHEMA, "", "");
    assert_string_equal(((Sallyport__Store__V1__StoredSchema *)schema)->yaml,
                        vector->applied ? vector->later : world_schema);
    assert_int_equal(scene_key(&scene, 1)->permissions->n_names, 1);
    scene_end(&scene);
}

static struct CMUnitTest case_of(const char *name, CMUnitTestFunction test, const void *vector) {
    union {
        const void *in;
        void *out;
    } state = {.in = vector};
    return (struct CMUnitTest){.name = name, .test_func = test, .initial_state = state.out};
}

int main(void) {
    enum { SHARES = sizeof(share_cases) / sizeof(*share_cases) };
    enum { SCHEMAS = sizeof(schema_cases) / sizeof(*schema_cases) };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(takes_back_what_was_revoked_of_a_key),
        cmocka_unit_test(judges_a_key_by_its_last_state_only),
        cmocka_unit_test(takes_back_people_and_workspaces),
        cmocka_unit_test(takes_back_operators_and_names_given_anew),
    };
    struct CMUnitTest tests[SHARES + SCHEMAS + sizeof(others) / sizeof(*others)];
    size_t count = 0;
    for (size_t i = 0; i < SHARES; i++)
        tests[count++] = case_of(share_cases[i].name, takes_back_what_was_unshared, &share_cases[i]);
    for (size_t i = 0; i < SCHEMAS; i++)
        tests[count++] = case_of(schema_cases[i].name, takes_the_later_schema_where_it_is_stricter, &schema_cases[i]);
    memcpy(tests + count, others, sizeof(others));
    return cmocka_run_group_tests_name("take_back", tests, NULL, NULL) > 0 ? 1 : 0;
}
