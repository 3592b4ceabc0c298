/* Deleting what much hangs on: it denies at once, and the rest goes piece by piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/cascade.h"
#include "admin/removal.h"
#include "store/records/change.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

enum { SHARES = 1500, PIECE = 400 };

static struct admin_fixture fixture;
static const char *admin;

static int set_up(void **state) {
    (void)state;
    admin_fixture_open(&fixture, NULL);
    admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'groups': 100000}}, 'updateMask': ['quotas']}");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'team', 'name': 'Team'}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'team', 'principals': ['ann']}");
    admin_new_key(&fixture, admin, "ann", "{'all': true}", ", 'id': 'k1'");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    admin_fixture_close(&fixture); /* also verifies every index */
    return 0;
}

/* Shares so many items, or one item with so many groups, in calls of 500. */
static void share(const char *format, size_t count) {
    for (size_t first = 0; first < count; first += 500) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        fprintf(out, "{'updates': [");
        for (size_t i = first; i < first + 500 && i < count; i++) {
            fprintf(out, "%s{'role': 'ROLE_VIEWER', ", i > first ? ", " : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            fprintf(out, format, i);
#pragma GCC diagnostic pop
            fprintf(out, "}");
        }
        fprintf(out, "]}");
        assert_int_equal(fclose(out), 0);
        admin_ok(&fixture, admin, "UpdateShares", text);
        free(text);
    }
}

static const char *reason_on(const char *item) {
    admin_ok(&fixture, admin, "ExplainKey",
             admin_format(&fixture,
                          "{'keyId': 'k1', 'ip': '203.0.113.9', 'resource': {'type': 'history_item', 'id': '%s'}, "
                          "'action': 'read'}",
                          item));
    return admin_text(&fixture, "answer.reason");
}

/* How many pieces it took. */
static size_t remove_all(void) {
    bool more = true;
    size_t pieces = 0;
    for (; more; pieces++) {
        struct sp_write *write = NULL;
        struct sp_error error = {0};
        sp_arena_reset(&fixture.arena);
        assert_int_equal(sp_write_begin(fixture.store, &write, &error), SP_OK);
        if (sp_admin_remove_deleted(write, PIECE, fixture.now_s, &fixture.arena, &more, &error) != SP_OK)
            fail_msg("%s", error.message);
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
    }
    return pieces;
}

static enum sp_status find_largest(void *context, const Sallyport__V1__Change *change) {
    size_t *largest = context;
    *largest = change->n_entities > *largest ? change->n_entities : *largest;
    return SP_OK;
}

static size_t largest_change_from(uint64_t revision) {
    struct sp_snapshot *snapshot;
    size_t largest = 0;
    assert_int_equal(sp_snapshot_open(fixture.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), revision, &fixture.arena, find_largest, &largest),
                     SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return largest;
}

static void a_principal_with_many_grants_denies_at_once_and_goes_in_pieces(void **state) {
    (void)state;
    share("'resource': {'type': 'history_item', 'id': 'i%zu'}, 'subject': {'principal': 'ann'}", SHARES);
    assert_string_equal(reason_on("i7"), "ALLOWED");
    uint64_t before = admin_revision(&fixture);
    admin_ok(&fixture, admin, "DeletePrincipal", "{'id': 'ann'}");
    assert_int_equal(largest_change_from(before + 1), 1);
    assert_string_equal(reason_on("i7"), "PRINCIPAL_DISABLED");
    admin_fails(&fixture, admin, "GetPrincipal", "{'id': 'ann'}", SP_ERR_NOT_FOUND, "ann");
    admin_fails(&fixture, admin, "DeletePrincipal", "{'id': 'ann'}", SP_ERR_NOT_FOUND, "ann");
    admin_fails(&fixture, admin, "UpdatePrincipal",
                "{'principal': {'id': 'ann', 'disabled': false}, 'updateMask': ['disabled']}", SP_ERR_NOT_FOUND, "ann");
    admin_fails(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}", SP_ERR_EXISTS, "ann");
    admin_ok(&fixture, admin, "ListPrincipals", "{}");
    assert_int_equal(admin_length(&fixture, "principals"), 1);
    assert_in_range(remove_all(), SHARES / PIECE, SHARES / PIECE + 2);
    assert_in_range(largest_change_from(before + 1), PIECE, PIECE + 2);
    admin_fails(&fixture, admin, "GetApiKey", "{'id': 'k1'}", SP_ERR_NOT_FOUND, "k1");
    admin_fails(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}", SP_ERR_EXISTS, "used before");
    admin_ok(&fixture, admin, "ListShares", "{'resource': {'type': 'history_item', 'id': 'i7'}}");
    assert_int_equal(admin_length(&fixture, "grants"), 0);
}

static void a_group_with_many_grants_gives_nothing_any_more_and_goes_in_pieces(void **state) {
    (void)state;
    share("'resource': {'type': 'history_item', 'id': 'i%zu'}, 'subject': {'group': 'team'}", SHARES);
    assert_string_equal(reason_on("i7"), "ALLOWED");
    uint64_t before = admin_revision(&fixture);
    admin_ok(&fixture, admin, "DeleteGroup", "{'id': 'team'}");
    assert_int_equal(largest_change_from(before + 1), 2); /* the group, and its member */
    assert_string_equal(reason_on("i7"), "NOT_SHARED");
    admin_fails(&fixture, admin, "GetGroup", "{'id': 'team'}", SP_ERR_NOT_FOUND, "team");
    admin_fails(&fixture, admin, "AddGroupMembers", "{'group': 'team', 'principals': ['ann']}", SP_ERR_NOT_FOUND,
                "team");
    admin_fails(&fixture, admin, "ShareResource",
                "{'resource': {'type': 'history_item', 'id': 'new'}, 'subject': {'group': 'team'}, "
                "'role': 'ROLE_VIEWER'}",
                SP_ERR_NOT_FOUND, "team");
    admin_ok(&fixture, admin, "ListGroups", "{}");
    for (size_t i = 0; i < admin_length(&fixture, "groups"); i++) {
        char path[32];
        snprintf(path, sizeof(path), "groups.%zu.id", i);
        assert_string_not_equal(admin_text(&fixture, path), "team");
    }
    assert_in_range(remove_all(), SHARES / PIECE, SHARES / PIECE + 2);
    assert_string_equal(reason_on("i7"), "NOT_SHARED");
    admin_fails(&fixture, admin, "CreateGroup", "{'id': 'team', 'name': 'T'}", SP_ERR_EXISTS, "used before");
}

static void a_resource_with_many_grants_denies_at_once_and_goes_in_pieces(void **state) {
    (void)state;
    const char *const type = "history_item";
    admin_ok(&fixture, fixture.operator_key, "RegisterResource",
             "{'workspace': 'w1', 'resource': {'type': 'history_item', 'id': 'x'}}");
    for (size_t i = 0; i < SHARES; i++)
        admin_ok(&fixture, admin, "CreateGroup", admin_format(&fixture, "{'id': 'g%zu', 'name': 'G'}", i));
    share("'resource': {'type': 'history_item', 'id': 'x'}, 'subject': {'group': 'g%zu'}", SHARES);
    admin_ok(&fixture, admin, "ShareResource",
             "{'resource': {'type': 'history_item', 'id': 'x'}, 'subject': {'principal': 'ann'}, "
             "'role': 'ROLE_EDITOR'}");
    assert_string_equal(reason_on("x"), "ALLOWED");
    uint64_t before = admin_revision(&fixture);
    admin_ok(&fixture, fixture.operator_key, "DeleteResource",
             admin_format(&fixture, "{'workspace': 'w1', 'resource': {'type': '%s', 'id': 'x'}}", type));
    assert_int_equal(largest_change_from(before + 1), 1);
    assert_string_equal(reason_on("x"), "NOT_SHARED");
    admin_fails(&fixture, admin, "GetResource", "{'resource': {'type': 'history_item', 'id': 'x'}}", SP_ERR_NOT_FOUND,
                "x");
    admin_fails(&fixture, admin, "ShareResource",
                "{'resource': {'type': 'history_item', 'id': 'x'}, 'subject': {'principal': 'ann'}, "
                "'role': 'ROLE_EDITOR'}",
                SP_ERR_NOT_FOUND, "x");
    admin_fails(&fixture, fixture.operator_key, "RegisterResource",
                "{'workspace': 'w1', 'resource': {'type': 'history_item', 'id': 'x'}}", SP_ERR_EXISTS, "x");
    admin_ok(&fixture, admin, "ListResources", "{}");
    assert_int_equal(admin_length(&fixture, "resources"), 0);
    assert_in_range(remove_all(), SHARES / PIECE, SHARES / PIECE + 2);
    assert_string_equal(reason_on("x"), "NOT_SHARED");
    admin_ok(&fixture, fixture.operator_key, "RegisterResource",
             "{'workspace': 'w1', 'resource': {'type': 'history_item', 'id': 'x'}}");
    assert_string_equal(reason_on("x"), "NOT_SHARED");
}

static void a_global_resource_that_is_being_removed_is_nobodys(void **state) {
    (void)state;
    const char *other = admin_workspace(&fixture, "w2");
    const char *request = "{'workspace': 'w2', 'resource': {'type': 'voice', 'id': 'v'}}";
    admin_ok(&fixture, fixture.operator_key, "RegisterResource",
             "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v'}}");
    for (size_t i = 0; i <= SP_ADMIN_CASCADE_MAX; i++)
        admin_ok(&fixture, admin, "CreateGroup", admin_format(&fixture, "{'id': 'g%zu', 'name': 'G'}", i));
    share("'resource': {'type': 'voice', 'id': 'v'}, 'subject': {'group': 'g%zu'}", SP_ADMIN_CASCADE_MAX + 1);
    admin_ok(&fixture, fixture.operator_key, "DeleteResource",
             "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v'}}");
    admin_ok(&fixture, admin, "ExplainKey",
             "{'keyId': 'k1', 'ip': '203.0.113.9', 'resource': {'type': 'voice', 'id': 'v'}, 'action': 'use'}");
    assert_string_equal(admin_text(&fixture, "answer.reason"), "RESOURCE_UNKNOWN");
    admin_fails(&fixture, fixture.operator_key, "RegisterResource", request, SP_ERR_EXISTS, NULL);
    remove_all();
    admin_ok(&fixture, fixture.operator_key, "RegisterResource", request); /* as operators may */
    admin_ok(&fixture, other, "ListShares", "{'resource': {'type': 'voice', 'id': 'v'}}");
    assert_int_equal(admin_length(&fixture, "grants"), 0);
}

static void what_fits_into_one_change_goes_in_one(void **state) {
    (void)state;
    share("'resource': {'type': 'history_item', 'id': 'i%zu'}, 'subject': {'principal': 'ann'}", 100);
    uint64_t before = admin_revision(&fixture);
    admin_ok(&fixture, admin, "DeletePrincipal", "{'id': 'ann'}");
    assert_int_equal(admin_revision(&fixture), before + 1);
    assert_int_equal(remove_all(), 1);
    assert_int_equal(admin_revision(&fixture), before + 1);
    admin_fails(&fixture, admin, "GetApiKey", "{'id': 'k1'}", SP_ERR_NOT_FOUND, "k1");
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_principal_with_many_grants_denies_at_once_and_goes_in_pieces),
        CASE(a_group_with_many_grants_gives_nothing_any_more_and_goes_in_pieces),
        CASE(a_resource_with_many_grants_denies_at_once_and_goes_in_pieces),
        CASE(a_global_resource_that_is_being_removed_is_nobodys),
        CASE(what_fits_into_one_change_goes_in_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
