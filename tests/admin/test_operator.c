#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "admin/operator.h"
#include "store/records/change.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

static enum sp_status add(struct admin_fixture *fixture, const char *name, char *ret_secret) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    sp_arena_reset(&fixture->arena);
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    enum sp_status status =
        sp_admin_operator_add(write, sp_str_from(name), fixture->now_s, &fixture->arena, ret_secret, &fixture->error);
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
    assert_int_equal(trail.at, sizeof(expected) / sizeof(expected[0]));
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_operators_come_and_go),
        cmocka_unit_test(the_trail_tells_who_did_what_from_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
