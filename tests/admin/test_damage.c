/* Records that cannot be read are an error of the call. They are not taken for names that the
 * schema lacks, nor skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/schema_names.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/view.h"
#include "store/records/edit.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"
#include "wire/wire.h"

struct scene {
    struct admin_fixture fixture;
    const char *admin;
    const char *platform; /* a service account permitted resource_register */
    struct sp_bytes kept; /* what was damaged, as it was */
};

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct admin_fixture *fixture = &scene->fixture;
    admin_fixture_open(fixture, NULL);
    scene->admin = admin_workspace(fixture, "w1");
    admin_ok(fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    admin_ok(fixture, scene->admin, "CreateGroup", "{'id': 'team', 'name': 'Team'}");
    scene->platform = admin_registrar(fixture, scene->admin, "w1", "bot");
    for (int i = 0; i < 6; i++)
        admin_ok(fixture, scene->platform, "RegisterResource",
                 admin_format(fixture,
                              "{'resource': {'type': 'voice', 'id': 'v%d'}, "
                              "'shares': [{'subject': {'group': 'team'}, 'role': 'ROLE_VIEWER'}]}",
                              i));
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture); /* verifies: a test puts back what it damages */
    test_free(scene);
    return 0;
}

/* ---- damage ---- */

static void write_raw(struct scene *scene, const struct sp_entity_key *key, struct sp_bytes value) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    struct sp_bytes key_bytes = {key->bytes, key->size};
    assert_int_equal(sp_write_begin(scene->fixture.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_put(write, SP_DB_ENTITY, key_bytes, value, 0), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

static void keep_raw(struct scene *scene, const struct sp_entity_key *key) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_bytes value;
    assert_int_equal(sp_snapshot_open(scene->fixture.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(
        sp_view_get(sp_snapshot_view(snapshot), SP_DB_ENTITY, (struct sp_bytes){key->bytes, key->size}, &value), SP_OK);
    uint8_t *copy = sp_arena_alloc(&scene->fixture.kept, value.size);
    assert_non_null(copy);
    memcpy(copy, value.data, value.size);
    scene->kept = (struct sp_bytes){copy, value.size};
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

static struct sp_entity_key schema_key(void) {
    struct sp_entity_key key;
    assert_int_equal(sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key), SP_OK);
    return key;
}

static const uint8_t no_protobuf[] = {0xff, 0xff, 0xff};

/* The schema without its types, as if their numbers had never been given. */
static struct sp_bytes schema_without_types(struct scene *scene) {
    ProtobufCMessage *message = NULL;
    struct sp_bytes packed;
    assert_int_equal(sp_wire_unpack_trusted(&sallyport__store__v1__stored_schema__descriptor, scene->kept,
                                            &scene->fixture.kept, &message),
                     SP_OK);
    ((Sallyport__Store__V1__StoredSchema *)(void *)message)->n_types = 0;
    assert_int_equal(sp_wire_pack(message, &scene->fixture.kept, &packed), SP_OK);
    return packed;
}

/* ---- a damaged schema ---- */

static void a_damaged_schema_is_no_empty_list(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const struct {
        const char *method, *request;
    } lists[] = {
        {"ListResources", "{'workspace': 'w1'}"},
        {"ListResources", "{'workspace': 'w1', 'type': 'voice'}"},
        {"ListShares", "{'workspace': 'w1', 'subject': {'group': 'team'}}"},
        {"ListShares", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}"},
        {"GetResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}"},
        {"GetSchema", "{}"},
    };
    struct sp_entity_key key = schema_key();
    keep_raw(scene, &key);
    write_raw(scene, &key, (struct sp_bytes){no_protobuf, sizeof(no_protobuf)});
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        admin_fails(fixture, fixture->operator_key, lists[i].method, lists[i].request, SP_ERR_CORRUPT, "verify");
    write_raw(scene, &key, scene->kept);
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        admin_ok(fixture, fixture->operator_key, lists[i].method, lists[i].request);
}

static void a_damaged_schema_is_no_missing_permission(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const char *const request = "{'resource': {'type': 'voice', 'id': 'v9'}}";
    struct sp_entity_key key = schema_key();
    keep_raw(scene, &key);
    write_raw(scene, &key, (struct sp_bytes){no_protobuf, sizeof(no_protobuf)});
    admin_fails(fixture, scene->platform, "RegisterResource", request, SP_ERR_CORRUPT, NULL);
    admin_fails(fixture, scene->platform, "RotateApiKey", "{}", SP_ERR_CORRUPT, NULL);
    admin_fails(fixture, scene->admin, "ListGroups", "{}", SP_ERR_CORRUPT, NULL);
    write_raw(scene, &key, scene->kept);
    admin_ok(fixture, scene->platform, "RegisterResource", request);
}

static void a_type_that_no_schema_numbered_is_damage(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    struct sp_entity_key key = schema_key();
    keep_raw(scene, &key);
    write_raw(scene, &key, schema_without_types(scene));
    admin_fails(fixture, fixture->operator_key, "ListResources", "{'workspace': 'w1'}", SP_ERR_CORRUPT, NULL);
    admin_fails(fixture, fixture->operator_key, "ListShares", "{'workspace': 'w1', 'subject': {'group': 'team'}}",
                SP_ERR_CORRUPT, NULL);
    admin_fails(fixture, scene->admin, "DeleteGroup", "{'id': 'team'}", SP_ERR_CORRUPT, NULL);
    write_raw(scene, &key, scene->kept);
}

static void a_schema_that_takes_too_much_memory_lacks_no_name(void **state) {
    struct scene *scene = *state;
    struct sp_snapshot *snapshot = NULL;
    struct sp_arena small;
    struct sp_error error = {0};
    struct sp_admin_resource_type type;
    bool has = true;
    assert_int_equal(sp_arena_init(&small, 64, 64), SP_OK);
    assert_int_equal(sp_snapshot_open(scene->fixture.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    struct sp_admin_context ctx = {.view = sp_snapshot_view(snapshot), .arena = &small, .error = &error};
    assert_int_equal(sp_admin_key_has_permission(&ctx, "workspace_read", &has), SP_ERR_MEMORY);
    assert_true(has); /* untouched */
    assert_int_equal(sp_admin_find_type(&ctx, "voice", &type), SP_ERR_MEMORY);
    assert_int_equal(sp_admin_find_type_by_number(&ctx, 1, &type), SP_ERR_MEMORY);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    sp_arena_fini(&small);
}

/* ---- pages ---- */

/* A page that went over the records of the page before would meet the damage. */
static void a_page_of_resources_reads_nothing_of_the_page_before(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    struct sp_entity_key key;
    const struct sp_str resource[] = {SP_STR_LITERAL("voice"), SP_STR_LITERAL("v1")};
    assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, SP_STR_LITERAL("w1"), resource, 2, &key), SP_OK);
    admin_ok(fixture, scene->admin, "ListResources", "{'type': 'voice', 'pageSize': 2}");
    const char *token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    keep_raw(scene, &key);
    write_raw(scene, &key, (struct sp_bytes){no_protobuf, sizeof(no_protobuf)});
    admin_fails(fixture, scene->admin, "ListResources", "{'type': 'voice', 'pageSize': 2}", SP_ERR_CORRUPT, NULL);
    admin_ok(fixture, scene->admin, "ListResources",
             admin_format(fixture, "{'type': 'voice', 'pageSize': 2, 'pageToken': '%s'}", token));
    assert_int_equal(admin_length(fixture, "resources"), 2);
    assert_string_equal(admin_text(fixture, "resources.0.ref.id"), "v2");
    write_raw(scene, &key, scene->kept);
}

static uint64_t read_group_number(struct scene *scene) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    assert_int_equal(sp_entity_key_1(SP_KIND_GROUP, SP_STR_LITERAL("w1"), SP_STR_LITERAL("team"), &key), SP_OK);
    keep_raw(scene, &key);
    assert_int_equal(sp_wire_unpack_trusted(&sallyport__store__v1__stored_group__descriptor, scene->kept,
                                            &scene->fixture.kept, &message),
                     SP_OK);
    return ((const Sallyport__Store__V1__StoredGroup *)(const void *)message)->number;
}

/* A record before all others in the index of what is shared with a subject, which is no resource
 * key. */
static void damage_shares(struct scene *scene, uint64_t subject_number, bool damaged) {
    static const uint8_t first[] = {0};
    struct sp_bytes value = {first, sizeof(first)};
    struct sp_bytes key = {(const uint8_t *)&subject_number, sizeof(subject_number)};
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    assert_int_equal(sp_write_begin(scene->fixture.store, &write, &error), SP_OK);
    assert_int_equal(damaged ? sp_write_put(write, SP_DB_SUBJECT_RES, key, value, 0)
                             : sp_write_remove(write, SP_DB_SUBJECT_RES, key, &value),
                     SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

static void a_page_of_shares_reads_nothing_of_the_page_before(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const char *const first = "{'subject': {'group': 'team'}, 'pageSize': 2}";
    uint64_t number = read_group_number(scene);
    admin_ok(fixture, scene->admin, "ListShares", first);
    const char *token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    damage_shares(scene, number, true);
    admin_fails(fixture, scene->admin, "ListShares", first, SP_ERR_CORRUPT, NULL);
    admin_ok(fixture, scene->admin, "ListShares",
             admin_format(fixture, "{'subject': {'group': 'team'}, 'pageSize': 2, 'pageToken': '%s'}", token));
    assert_int_equal(admin_length(fixture, "grants"), 2);
    assert_string_equal(admin_text(fixture, "grants.0.resource.id"), "v2");
    damage_shares(scene, number, false);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_damaged_schema_is_no_empty_list),
        CASE(a_damaged_schema_is_no_missing_permission),
        CASE(a_type_that_no_schema_numbered_is_damage),
        CASE(a_schema_that_takes_too_much_memory_lacks_no_name),
        CASE(a_page_of_resources_reads_nothing_of_the_page_before),
        CASE(a_page_of_shares_reads_nothing_of_the_page_before),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
