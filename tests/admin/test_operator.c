#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/method_row.h"
#include "admin/operator.h"
#include "core/key_text.h"
#include "store/records/change.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

static struct sp_admin_operator_terms terms;

static enum sp_status add(struct admin_fixture *fixture, const char *name, char *ret_secret) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    sp_arena_reset(&fixture->arena);
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    enum sp_status status = sp_admin_operator_add(write, sp_str_from(name), &terms, fixture->now_s, &fixture->arena,
                                                  ret_secret, &fixture->error);
    if (status == SP_OK)
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
    else
        sp_write_abort(write);
    return status;
}

static enum sp_status revoke(struct admin_fixture *fixture, const char *name) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    sp_arena_reset(&fixture->arena);
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    enum sp_status status =
        sp_admin_operator_revoke(write, sp_str_from(name), fixture->now_s, &fixture->arena, &fixture->error);
    if (status == SP_OK)
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
    else
        sp_write_abort(write);
    return status;
}

static void several_operators_come_and_go(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    char secret[SP_KEY_TEXT_BYTES];
    char again[SP_KEY_TEXT_BYTES];
    assert_int_equal(add(&fixture, "ops", secret), SP_OK);
    admin_ok(&fixture, secret, "WhoAmI", "{}");
    assert_string_equal(admin_text(&fixture, "actor.kind"), "ACTOR_OPERATOR");
    assert_string_equal(admin_text(&fixture, "actor.id"), "ops");
    admin_ok(&fixture, secret, "ListWorkspaces", "{}");
    assert_int_equal(add(&fixture, "ops", again), SP_ERR_EXISTS);
    assert_int_equal(add(&fixture, "no good", again), SP_ERR_INVALID);
    assert_int_equal(add(&fixture, "", again), SP_ERR_INVALID);
    assert_int_equal(revoke(&fixture, "ops"), SP_OK);
    admin_fails(&fixture, secret, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_UNKNOWN]");
    admin_ok(&fixture, fixture.operator_key, "WhoAmI", "{}");
    assert_int_equal(revoke(&fixture, "ops"), SP_ERR_NOT_FOUND);
    assert_int_equal(add(&fixture, "ops", again), SP_OK);
    assert_string_not_equal(secret, again);
    admin_ok(&fixture, again, "WhoAmI", "{}");
    admin_fixture_close(&fixture);
}

/* What an entry of the audit trail says of who, how and where. */
struct expected {
    const char *method;
    Sallyport__V1__ActorKind kind;
    const char *workspace;
    const char *actor_workspace;
    const char *actor;
    bool has_key;
    const char *address;
    const char *request_id;
    int64_t time_s;
};

struct trail {
    const struct expected *expected;
    size_t at;
};

static enum sp_status compare(void *context, const Sallyport__V1__Change *change) {
    struct trail *trail = context;
    const struct expected *expected = &trail->expected[trail->at++];
    assert_string_equal(change->method, expected->method);
    assert_int_equal(change->actor->kind, expected->kind);
    assert_string_equal(change->workspace, expected->workspace);
    assert_string_equal(change->actor->workspace, expected->actor_workspace);
    assert_string_equal(change->actor->id, expected->actor);
    assert_int_equal(change->actor->key_id[0] != '\0', expected->has_key);
    assert_string_equal(change->address, expected->address);
    assert_string_equal(change->request_id, expected->request_id);
    assert_int_equal(change->time, expected->time_s);
    return SP_OK;
}

static void the_trail_tells_who_did_what_from_where(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    uint64_t before = admin_revision(&fixture);
    const char *admin = admin_workspace(&fixture, "w1");
    fixture.now_s++;
    fixture.address = "2001:db8::1";
    admin_ok(&fixture, admin, "CreateGroup", "{'requestId': 'r1', 'name': 'G'}");
    admin_fails(&fixture, admin, "CreateGroup", "{'name': ''}", SP_ERR_INVALID, NULL);
    fixture.address = NULL;
    admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'seats': 3}, 'updateMask': ['seats']}");
    assert_int_equal(revoke(&fixture, "root"), SP_OK);

    const Sallyport__V1__ActorKind by_operator = SALLYPORT__V1__ACTOR_KIND__ACTOR_OPERATOR;
    const Sallyport__V1__ActorKind by_principal = SALLYPORT__V1__ACTOR_KIND__ACTOR_PRINCIPAL;
    const Sallyport__V1__ActorKind offline = SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE;
    const int64_t now_s = ADMIN_FIXTURE_NOW_S;
    const struct expected expected[] = {
        {"CreateWorkspace", by_operator, "w1", "", "root", false, "203.0.113.9", "", now_s},
        {"CreateGroup", by_principal, "w1", "w1", "w1-admin", true, "2001:db8::1", "r1", now_s + 1},
        {"UpdateWorkspace", by_operator, "w1", "", "root", false, "", "", now_s + 1},
        {"operator revoke", offline, "", "", "operator revoke", false, "", "", now_s + 1},
    };
    struct trail trail = {.expected = expected};
    struct sp_snapshot *snapshot = NULL;
    assert_int_equal(sp_snapshot_open(fixture.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    sp_arena_reset(&fixture.arena);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), before + 1, &fixture.arena, compare, &trail), SP_OK);
    assert_int_equal(trail.at, sizeof(expected) / sizeof(*expected));
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    admin_fixture_close(&fixture);
}

/* ---- limits of an operator's key ---- */

/* Adds an operator with terms of its own, and gives its key. */
static const char *add_limited(struct admin_fixture *fixture, const char *name,
                               const struct sp_admin_operator_terms *limited) {
    char secret[SP_KEY_TEXT_BYTES];
    terms = *limited;
    enum sp_status status = add(fixture, name, secret);
    terms = (struct sp_admin_operator_terms){0};
    if (status != SP_OK)
        fail_msg("%s", fixture->error.message);
    return admin_keep(fixture, secret);
}

static void a_scope_opens_its_methods_and_no_others(void **state) {
    (void)state;
    const struct sp_str scopes[] = {SP_STR_LITERAL("audit"), SP_STR_LITERAL("schema")};
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *key =
        add_limited(&fixture, "narrow", &(struct sp_admin_operator_terms){.scopes = scopes, .scope_count = 2});
    admin_ok(&fixture, key, "ListChanges", "{}");
    admin_ok(&fixture, key, "GetSchema", "{}");
    admin_ok(&fixture, key, "WhoAmI", "{}");
    admin_fails(&fixture, key, "ListWorkspaces", "{}", SP_ERR_PERMISSION, "scope \"workspaces\"");
    admin_fails(&fixture, key, "ListOperators", "{}", SP_ERR_PERMISSION, "scope \"operators\"");
    admin_fails(&fixture, key, "CreateWorkspace", "{'name': 'x', 'seats': 1}", SP_ERR_PERMISSION, "scope");
    admin_ok(&fixture, fixture.operator_key, "ListWorkspaces", "{}");
    admin_fixture_close(&fixture);
}

static void an_operators_key_ends_at_its_expiry(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *key =
        add_limited(&fixture, "short", &(struct sp_admin_operator_terms){.expires_at_s = fixture.now_s + 10});
    fixture.now_s += 9;
    admin_ok(&fixture, key, "ListWorkspaces", "{}");
    fixture.now_s += 1;
    admin_fails(&fixture, key, "ListWorkspaces", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_EXPIRED]");
    admin_fails(&fixture, key, "CreateWorkspace", "{'name': 'x', 'seats': 1}", SP_ERR_UNAUTHENTICATED, "[KEY_EXPIRED]");
    admin_ok(&fixture, fixture.operator_key, "ListWorkspaces", "{}");
    admin_fixture_close(&fixture);
}

/* Private ranges too: operators sit in the same network. */
static void an_operators_key_is_bound_to_its_addresses(void **state) {
    (void)state;
    const struct sp_str addresses[] = {SP_STR_LITERAL("10.0.0.0/8"), SP_STR_LITERAL("2001:db8::7")};
    static const struct {
        const char *address;
        bool allowed;
    } rows[] = {{"10.1.2.3", true}, {"2001:db8::7", true}, {"11.0.0.1", false}, {"2001:db8::8", false}, {NULL, false}};
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *key = add_limited(&fixture, "bound",
                                  &(struct sp_admin_operator_terms){.allowed_ips = addresses, .allowed_ip_count = 2});
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fixture.address = rows[i].address;
        if (rows[i].allowed)
            admin_ok(&fixture, key, "ListWorkspaces", "{}");
        else
            admin_fails(&fixture, key, "ListWorkspaces", "{}", SP_ERR_PERMISSION, "[IP_NOT_ALLOWED]");
    }
    admin_fixture_close(&fixture);
}

static void terms_that_cannot_be_are_refused_by_name(void **state) {
    (void)state;
    const struct sp_str wrong_scope[] = {SP_STR_LITERAL("backup"), SP_STR_LITERAL("everything")};
    const struct sp_str any_scope[] = {SP_STR_LITERAL("any")};
    const struct sp_str wrong_address[] = {SP_STR_LITERAL("10.0.0.1/8")};
    const struct {
        struct sp_admin_operator_terms terms;
        const char *names;
    } rows[] = {{{.scopes = wrong_scope, .scope_count = 2}, "scopes[1]"},
                {{.scopes = any_scope, .scope_count = 1}, "scopes[0]"},
                {{.allowed_ips = wrong_address, .allowed_ip_count = 1}, "allowed_ips[0]"},
                {{.expires_at_s = ADMIN_FIXTURE_NOW_S}, "expires_at"}};
    struct admin_fixture fixture;
    char secret[SP_KEY_TEXT_BYTES];
    admin_fixture_open(&fixture, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        terms = rows[i].terms;
        assert_int_equal(add(&fixture, "never", secret), SP_ERR_INVALID);
        assert_non_null(strstr(fixture.error.message, rows[i].names));
    }
    terms = (struct sp_admin_operator_terms){0};
    assert_int_equal(revoke(&fixture, "never"), SP_ERR_NOT_FOUND);
    admin_fixture_close(&fixture);
}

static void every_method_of_operators_has_a_scope(void **state) {
    const struct sp_admin_method *method;
    (void)state;
    for (size_t i = 0; (method = sp_admin_method_at(i)) != NULL; i++) {
        bool operators = method->access == SP_ACCESS_OPERATOR || method->access == SP_ACCESS_ADMIN_READ ||
                         method->access == SP_ACCESS_OPERATOR_OR_ADMIN || method->access == SP_ACCESS_RESOURCE ||
                         method->access == SP_ACCESS_CREATE_KEY;
        if (operators && method->scope == SP_SCOPE_NONE)
            fail_msg("%s has no scope in admin/methods.c", method->name);
    }
}

/* ---- online ---- */

static void operators_are_listed_with_their_limits_and_never_a_digest(void **state) {
    (void)state;
    const struct sp_str scopes[] = {SP_STR_LITERAL("backup")};
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    (void)add_limited(
        &fixture, "nightly",
        &(struct sp_admin_operator_terms){.scopes = scopes, .scope_count = 1, .expires_at_s = fixture.now_s + 100});
    admin_ok(&fixture, fixture.operator_key, "ListOperators", "{}");
    assert_int_equal(admin_length(&fixture, "operators"), 2);
    assert_string_equal(admin_text(&fixture, "operators.0.operator.name"), "nightly");
    assert_string_equal(admin_text(&fixture, "operators.0.operator.scopes.0"), "backup");
    assert_int_equal(admin_number(&fixture, "operators.0.operator.expiresAt"), fixture.now_s + 100);
    assert_int_equal(admin_number(&fixture, "operators.0.lastUsedAt"), 0);
    assert_string_equal(admin_text(&fixture, "operators.1.operator.name"), "root");
    assert_int_equal(admin_number(&fixture, "operators.1.lastUsedAt"), fixture.now_s); /* it asks */
    assert_string_equal(admin_text(&fixture, "operators.1.lastUsedIp"), "203.0.113.9");
    char *dumped = json_dumps(fixture.reply, 0);
    assert_null(strstr(dumped, "digest"));
    free(dumped);
    admin_ok(&fixture, fixture.operator_key, "ListOperators", "{'pageSize': 1}");
    assert_int_equal(admin_length(&fixture, "operators"), 1);
    const char *token = admin_keep(&fixture, admin_text(&fixture, "nextPageToken"));
    admin_ok(&fixture, fixture.operator_key, "ListOperators", admin_format(&fixture, "{'pageToken': '%s'}", token));
    assert_string_equal(admin_text(&fixture, "operators.0.operator.name"), "root");
    admin_fixture_close(&fixture);
}

static void an_operator_is_revoked_by_another_and_not_by_itself(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    const char *key = add_limited(&fixture, "leaked", &(struct sp_admin_operator_terms){0});
    admin_fails(&fixture, admin, "RevokeOperator", "{'name': 'leaked'}", SP_ERR_PERMISSION, "operator");
    admin_fails(&fixture, admin, "ListOperators", "{}", SP_ERR_PERMISSION, "operator");
    admin_fails(&fixture, key, "RevokeOperator", "{'name': 'leaked'}", SP_ERR_PRECONDITION, "your own key");
    admin_fails(&fixture, fixture.operator_key, "RevokeOperator", "{'name': 'nobody'}", SP_ERR_NOT_FOUND, "nobody");
    admin_fails(&fixture, fixture.operator_key, "RevokeOperator", "{'name': ''}", SP_ERR_INVALID, "name");
    admin_ok(&fixture, fixture.operator_key, "RevokeOperator", "{'requestId': 'r', 'name': 'leaked'}");
    admin_fails(&fixture, key, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_UNKNOWN]");
    admin_ok(&fixture, fixture.operator_key, "ListChanges", "{'kind': 'ENTITY_OPERATOR', 'object': 'leaked'}");
    assert_int_equal(admin_length(&fixture, "changes"), 2);
    assert_string_equal(admin_text(&fixture, "changes.1.method"), "RevokeOperator");
    assert_string_equal(admin_text(&fixture, "changes.1.actor.id"), "root");
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_operators_come_and_go),
        cmocka_unit_test(the_trail_tells_who_did_what_from_where),
        cmocka_unit_test(a_scope_opens_its_methods_and_no_others),
        cmocka_unit_test(an_operators_key_ends_at_its_expiry),
        cmocka_unit_test(an_operators_key_is_bound_to_its_addresses),
        cmocka_unit_test(terms_that_cannot_be_are_refused_by_name),
        cmocka_unit_test(every_method_of_operators_has_a_scope),
        cmocka_unit_test(operators_are_listed_with_their_limits_and_never_a_digest),
        cmocka_unit_test(an_operator_is_revoked_by_another_and_not_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
