/* Rotation of keys: DESIGN 2.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

enum { NOW_S = ADMIN_FIXTURE_NOW_S };
#define DAY_S INT64_C(86400)

#define ALL "{'all': true}"

static int set_up(void **state) {
    struct admin_scene *scene = admin_scene_open(NULL);
    admin_ok(&scene->fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(&scene->fixture, scene->admin, "CreateUser",
             "{'id': 'boss', 'name': 'Boss', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    admin_ok(&scene->fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    *state = scene;
    return 0;
}

static void the_new_key_is_as_the_old_one(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *old = admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read', 'agents_read']}",
                                    ", 'id': 'k1', 'allowedIps': {'entries': ['203.0.113.0/24', '2001:db8::1']}");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'newId': 'k2'}");
    const char *new = admin_keep(fixture, admin_text(fixture, "secret"));
    assert_string_not_equal(old, new);
    assert_string_equal(admin_text(fixture, "apiKey.id"), "k2");
    assert_string_equal(admin_text(fixture, "apiKey.rotatedFrom"), "k1");
    assert_string_equal(admin_text(fixture, "apiKey.principal"), "bot");
    assert_string_equal(admin_text(fixture, "apiKey.name"), "test");
    assert_string_equal(admin_text(fixture, "apiKey.permissions.names.0"), "voices_read");
    assert_string_equal(admin_text(fixture, "apiKey.permissions.names.1"), "agents_read");
    assert_string_equal(admin_text(fixture, "apiKey.allowedIps.0"), "203.0.113.0/24");
    assert_string_equal(admin_text(fixture, "apiKey.allowedIps.1"), "2001:db8::1/128");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), 0);
    admin_ok(fixture, old, "WhoAmI", "{}");
    admin_ok(fixture, new, "WhoAmI", "{}");
    admin_ok(fixture, scene->admin, "DeleteApiKey", "{'id': 'k1'}");
    admin_fails(fixture, old, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, NULL);
    admin_ok(fixture, new, "WhoAmI", "{}");
}

static void the_list_is_carried_along_after_a_downgrade(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1', 'allowedIps': {'entries': ['198.51.100.7']}");
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'plan': 'PLAN_FREE'}, 'updateMask': ['plan', 'features']}");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1'}");
    assert_string_equal(admin_text(fixture, "apiKey.allowedIps.0"), "198.51.100.7/32");
    const char *new = admin_keep(fixture, admin_text(fixture, "secret"));
    admin_fails(fixture, new, "WhoAmI", "{}", SP_ERR_PERMISSION, "IP_NOT_ALLOWED");
}

struct lifetime {
    int64_t old_expires_in_s; /* of a key made a day ago; 0: never */
    int64_t asked_in_s;       /* 0: not asked for */
    uint32_t grace_s;
    int64_t new_in_s; /* 0: never */
    int64_t old_in_s;
};

static void lifetimes_go_on_and_the_grace_ends_the_old_key(void **state) {
    static const struct lifetime table[] = {
        {0, 0, 0, 0, 0},
        {0, 0, 60, 0, 60},
        {0, DAY_S, 1, DAY_S, 1},
        /* Made a day ago to live three days: three more from now. */
        {2 * DAY_S, 0, 0, 3 * DAY_S, 2 * DAY_S},
        {2 * DAY_S, 0, 3600, 3 * DAY_S, 3600},
        /* A grace never lengthens. */
        {2 * DAY_S, 0, 7776000, 3 * DAY_S, 2 * DAY_S},
        {2 * DAY_S, 5 * DAY_S, 0, 5 * DAY_S, 2 * DAY_S},
        {2 * DAY_S, 10, 0, 10, 2 * DAY_S},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct lifetime *row = &table[i];
        fixture->now_s = NOW_S - DAY_S;
        int64_t ends = row->old_expires_in_s == 0 ? 0 : NOW_S + row->old_expires_in_s;
        admin_new_key(fixture, scene->admin, "bot", ALL,
                      admin_format(fixture, ", 'id': 'old%zu', 'expiresAt': '%lld'", i, (long long)ends));
        fixture->now_s = NOW_S;
        int64_t asked = row->asked_in_s == 0 ? 0 : NOW_S + row->asked_in_s;
        admin_ok(fixture, scene->admin, "RotateApiKey",
                 admin_format(fixture, "{'id': 'old%zu', 'graceS': %u, 'expiresAt': '%lld'}", i, row->grace_s,
                              (long long)asked));
        int64_t expected = row->new_in_s == 0 ? 0 : NOW_S + row->new_in_s;
        assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), expected);
        assert_int_equal(admin_number(fixture, "apiKey.createdAt"), NOW_S);
        admin_ok(fixture, scene->admin, "GetApiKey", admin_format(fixture, "{'id': 'old%zu'}", i));
        assert_int_equal(admin_number(fixture, "expiresAt"), row->old_in_s == 0 ? 0 : NOW_S + row->old_in_s);
    }
}

static void refuses_a_grace_out_of_range_and_an_expiry_in_the_past(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1'");
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'graceS': 7776001}", SP_ERR_INVALID, "grace_s");
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'expiresAt': '1700000000'}", SP_ERR_INVALID,
                "expires_at");
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'none'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'newId': 'k1'}", SP_ERR_EXISTS, NULL);
}

static void a_key_that_does_not_work_is_not_rotated(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'off'");
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'old', 'expiresAt': '1700000010'");
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'off'}");
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'off'}", SP_ERR_PRECONDITION, "disabled");
    fixture->now_s = NOW_S + 9;
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'old', 'newId': 'new'}");
    fixture->now_s = NOW_S + 10;
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'old'}", SP_ERR_PRECONDITION, "expired");
}

static void the_old_key_works_until_its_grace_ends(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *old = admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'graceS': 30}");
    const char *new = admin_keep(fixture, admin_text(fixture, "secret"));
    fixture->now_s = NOW_S + 29;
    admin_ok(fixture, old, "WhoAmI", "{}");
    fixture->now_s = NOW_S + 30;
    admin_fails(fixture, old, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_EXPIRED");
    admin_ok(fixture, new, "WhoAmI", "{}");
}

/* ---- who may ---- */

static void a_permitted_key_rotates_itself_and_no_other(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *self =
        admin_new_key(fixture, scene->admin, "bot", "{'names': ['api_key_rotate', 'voices_read']}", ", 'id': 'self'");
    const char *not_permitted = admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read']}", "");
    admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read']}", ", 'id': 'other'");
    admin_fails(fixture, self, "RotateApiKey", "{'id': 'other'}", SP_ERR_PERMISSION, "rotates itself");
    admin_fails(fixture, self, "RotateApiKey", "{'id': 'no-such'}", SP_ERR_PERMISSION, "rotates itself");
    admin_fails(fixture, not_permitted, "RotateApiKey", "{}", SP_ERR_PERMISSION, "api_key_rotate");
    admin_ok(fixture, self, "RotateApiKey", "{'graceS': 60}");
    const char *next = admin_keep(fixture, admin_text(fixture, "secret"));
    assert_string_equal(admin_text(fixture, "apiKey.rotatedFrom"), "self");
    fixture->now_s = NOW_S + 60;
    admin_ok(fixture, next, "RotateApiKey", "{'graceS': 1}");
}

static void self_rotation_never_lengthens_a_life(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *self = admin_new_key(fixture, scene->admin, "ann", "{'names': ['api_key_rotate']}",
                                     ", 'id': 'self', 'expiresAt': '1700001000', 'notAfter': '1800000000'");
    fixture->now_s = NOW_S + 400;
    admin_fails(fixture, self, "RotateApiKey", "{'expiresAt': '1700001401'}", SP_ERR_PERMISSION,
                "cannot extend its lifetime");
    admin_ok(fixture, self, "RotateApiKey", "{}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), NOW_S + 1400);
    const char *next = admin_keep(fixture, admin_text(fixture, "secret"));
    fixture->now_s = NOW_S + 1000;
    admin_fails(fixture, self, "RotateApiKey", "{}", SP_ERR_UNAUTHENTICATED, "KEY_EXPIRED");
    admin_ok(fixture, next, "RotateApiKey", "{'expiresAt': '1700002000'}");
    /* A shorter life is the next one's measure. */
    const char *last = admin_keep(fixture, admin_text(fixture, "secret"));
    fixture->now_s = NOW_S + 1400;
    admin_ok(fixture, last, "RotateApiKey", "{}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), NOW_S + 2400);
}

/* ---- one line, one successor ---- */

#define ROTATES "{'names': ['voices_read', 'api_key_rotate']}"

static size_t count_working_keys(struct admin_scene *scene, const char *principal) {
    struct admin_fixture *fixture = &scene->fixture;
    size_t count = 0;
    admin_ok(fixture, scene->admin, "ListApiKeys", admin_format(fixture, "{'principal': '%s'}", principal));
    for (size_t i = 0; i < admin_length(fixture, "apiKeys"); i++) {
        int64_t ends_s = admin_number(fixture, admin_format(fixture, "apiKeys.%zu.expiresAt", i));
        count += !admin_flag(fixture, admin_format(fixture, "apiKeys.%zu.disabled", i)) &&
                 (ends_s == 0 || ends_s > fixture->now_s);
    }
    return count;
}

/* Whatever the grace, each key of the line that works tries again and again. */
static void a_key_that_rotates_itself_never_becomes_more_than_two(void **state) {
    enum { TRIES = 200, KEYS_MAX = TRIES + 1 };
    static const unsigned graces_s[] = {0, 1, 60, 7776000};
    static const int64_t steps_s[] = {0, 1, 40, 7776000};
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t g = 0; g < 4; g++) {
        const char *keys[KEYS_MAX];
        size_t count = 1;
        const char *owner = admin_format(fixture, "owner%zu", g);
        admin_ok(fixture, scene->admin, "CreateServiceAccount",
                 admin_format(fixture, "{'id': '%s', 'name': 'O'}", owner));
        keys[0] = admin_new_key(fixture, scene->admin, owner, ROTATES, "");
        for (size_t i = 0; i < TRIES; i++) {
            fixture->now_s += steps_s[i % 4];
            const char *request = admin_format(fixture, "{'graceS': %u}", graces_s[g]);
            if (admin_call(fixture, keys[i % count], "RotateApiKey", request) == SP_OK)
                keys[count++] = admin_keep(fixture, admin_text(fixture, "secret"));
            else
                assert_true(fixture->error.status == SP_ERR_PRECONDITION ||
                            fixture->error.status == SP_ERR_UNAUTHENTICATED);
            assert_in_range(count_working_keys(scene, owner), 1, 2);
        }
        assert_true(count > 1 + (g != 0));
    }
}

static void a_key_that_was_rotated_rotates_again_once_its_successor_is_gone(void **state) {
    static const char *const ways[] = {"DisableApiKey", "DeleteApiKey"};
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        const char *key =
            admin_new_key(fixture, scene->admin, "bot", ROTATES, admin_format(fixture, ", 'id': 'old%zu'", i));
        admin_ok(fixture, key, "RotateApiKey", admin_format(fixture, "{'newId': 'lost%zu', 'graceS': 600}", i));
        admin_fails(fixture, key, "RotateApiKey", "{'graceS': 600}", SP_ERR_PRECONDITION,
                    admin_format(fixture, "rotated before, to key lost%zu, which works", i));
        admin_ok(fixture, scene->admin, ways[i], admin_format(fixture, "{'id': 'lost%zu'}", i));
        admin_ok(fixture, key, "RotateApiKey", admin_format(fixture, "{'newId': 'new%zu', 'graceS': 600}", i));
        admin_ok(fixture, scene->admin, "GetApiKey", admin_format(fixture, "{'id': 'old%zu'}", i));
        assert_string_equal(admin_text(fixture, "rotatedTo"), admin_format(fixture, "new%zu", i));
        assert_int_equal(admin_number(fixture, "expiresAt"), NOW_S + 600);
    }
}

static void a_successor_waits_until_the_key_that_it_replaced_has_ended(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", ROTATES, ", 'id': 'k0'");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k0', 'newId': 'k1'}");
    const char *next = admin_keep(fixture, admin_text(fixture, "secret"));
    admin_fails(fixture, next, "RotateApiKey", "{}", SP_ERR_PRECONDITION,
                "key k0, which key k1 replaced, still works: ask an admin to delete it first");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k0', 'expiresAt': '1700000600', 'updateMask': ['expires_at']}");
    admin_fails(fixture, next, "RotateApiKey", "{}", SP_ERR_PRECONDITION, "works until 2023-11-14T22:23:20Z");
    /* Admins, who can make any number of keys, are not bound. */
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1'}");
    admin_ok(fixture, scene->admin, "DeleteApiKey",
             admin_format(fixture, "{'id': '%s'}", admin_text(fixture, "apiKey.id")));
    fixture->now_s = NOW_S + 600;
    admin_ok(fixture, next, "RotateApiKey", "{}");
}

/* Asking for an end that the key cannot have is a mistake, or more than it may give; either way it
 * is told which. */
static void refuses_to_outlive(struct admin_fixture *fixture, const char *key) {
    enum sp_status status = admin_call(fixture, key, "RotateApiKey", "{'expiresAt': '1700001601'}");
    assert_true(status == SP_ERR_PERMISSION || status == SP_ERR_INVALID);
    assert_non_null(strstr(fixture->error.message, "2023-11-14T22:40:00Z"));
}

/* Rotating is how one gets rid of a key that leaked: whoever holds the old text must not use its
 * grace to make a key that outlives it. */
static void a_key_whose_end_was_brought_forward_does_not_escape_it(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const char *const permissions[] = {ALL, "{'all': true, 'names': ['api_key_rotate']}"};
    static const struct {
        const char *rest;
        const char *method, *request;
    } rows[] = {
        {"", "RotateApiKey", "'graceS': 600"},
        {", 'expiresAt': '1800000000', 'notAfter': '1900000000'", "RotateApiKey", "'graceS': 600"},
        {"", "UpdateApiKey", "'expiresAt': '1700001600', 'updateMask': ['expires_at']"},
        {", 'expiresAt': '1800000000', 'notAfter': '1900000000'", "UpdateApiKey",
         "'expiresAt': '1700001600', 'updateMask': ['expires_at']"},
        {", 'expiresAt': '1800000000', 'notAfter': '1900000000'", "UpdateApiKey",
         "'notAfter': '1700001600', 'updateMask': ['not_after']"},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
        fixture->now_s = NOW_S;
        const char *key = admin_new_key(fixture, scene->admin, "boss", permissions[i % 2],
                                        admin_format(fixture, ", 'id': 'k%zu'%s", i, rows[i / 2].rest));
        fixture->now_s = NOW_S + 1000;
        admin_ok(fixture, scene->admin, rows[i / 2].method,
                 admin_format(fixture, "{'id': 'k%zu', %s}", i, rows[i / 2].request));
        fixture->now_s = NOW_S + 1100;
        refuses_to_outlive(fixture, key);
        admin_ok(fixture, key, "RotateApiKey", "{'expiresAt': '1700001600'}");
        const char *next = admin_keep(fixture, admin_text(fixture, "secret"));
        assert_int_equal(admin_number(fixture, "apiKey.notAfter"), NOW_S + 1600);
        /* Nor by way of a successor, or of another key that it made. */
        const char *made = admin_new_key(fixture, key, "boss", permissions[i % 2],
                                         ", 'expiresAt': '1700001600', 'notAfter': '1900000000'");
        assert_int_equal(admin_number(fixture, "apiKey.notAfter"), NOW_S + 1600);
        refuses_to_outlive(fixture, made);
        refuses_to_outlive(fixture, next);
    }
}

static void an_admin_who_puts_the_end_off_gives_the_lifetime_back(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *self = admin_new_key(fixture, scene->admin, "bot", "{'names': ['api_key_rotate']}", ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k1', 'expiresAt': '1700001600', 'updateMask': ['expires_at']}");
    assert_int_equal(admin_number(fixture, "apiKey.notAfter"), NOW_S + 1600);
    admin_fails(fixture, scene->admin, "UpdateApiKey",
                "{'id': 'k1', 'expiresAt': '1700002000', 'updateMask': ['expires_at']}", SP_ERR_INVALID,
                "must not be later than not_after (2023-11-14T22:40:00Z)");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k1', 'expiresAt': '1700002000', 'notAfter': '1700003000', 'updateMask': ['expires_at', "
             "'not_after']}");
    fixture->now_s = NOW_S + 500;
    admin_ok(fixture, self, "RotateApiKey", "{}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), NOW_S + 2500);
    assert_int_equal(admin_number(fixture, "apiKey.notAfter"), NOW_S + 3000);
}

static void an_admin_rotates_only_what_reaches_no_further(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *acting =
        admin_new_key(fixture, scene->admin, "boss", "{'names': ['workspace_write', 'workspace_read', 'voices_read']}",
                      ", 'id': 'acting', 'expiresAt': '1700001000'");
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'wide', 'expiresAt': '1700000500'");
    admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read']}", ", 'id': 'endless'");
    admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read']}",
                  ", 'id': 'small', 'expiresAt': '1700000500'");
    admin_fails(fixture, acting, "RotateApiKey", "{'id': 'wide'}", SP_ERR_PERMISSION, "permissions");
    admin_fails(fixture, acting, "RotateApiKey", "{'id': 'endless'}", SP_ERR_PERMISSION, "outlives");
    admin_ok(fixture, acting, "RotateApiKey", "{'id': 'endless', 'expiresAt': '1700001000'}");
    admin_ok(fixture, acting, "RotateApiKey", "{'id': 'small'}");
    /* Without api_key_rotate its own rotation is bound by the same rule. */
    fixture->now_s = NOW_S + 10;
    admin_fails(fixture, acting, "RotateApiKey", "{}", SP_ERR_PERMISSION, "outlives");
    admin_ok(fixture, acting, "RotateApiKey", "{'expiresAt': '1700001000'}");
}

/* resource_register is an operator's to give, also for longer. */
static void an_admin_rotates_a_key_that_registers_to_no_later_end(void **state) {
    static const struct {
        const char *rest;     /* of the request */
        int64_t expires_in_s; /* 0: refused */
    } rows[] = {
        {"", 1000},
        {", 'expiresAt': '1700000900'", 900},
        {", 'expiresAt': '1700001000', 'notAfter': '1700001000'", 1000},
        {", 'expiresAt': '1700001001'", 0},
        {", 'expiresAt': '1700001500', 'notAfter': '1700002500'", 0},
        {", 'expiresAt': '1800000000', 'notAfter': '1800000000'", 0},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *admin = admin_new_key(fixture, scene->admin, "w1-admin", "{'all': true}", "");
    const char *registrar = admin_new_key(fixture, scene->admin, "w1-admin", "{'all': true}", ", 'id': 'also'");
    admin_new_key(fixture, admin, "w1-admin", "{'names': ['voices_read']}",
                  ", 'id': 'k1', 'expiresAt': '1700001000', 'notAfter': '1700002000'");
    admin_ok(fixture, fixture->operator_key, "UpdateApiKey",
             "{'workspace': 'w1', 'id': 'k1', 'updateMask': ['permissions'], 'permissions': {'names': ['voices_read', "
             "'resource_register']}}");
    admin_ok(fixture, fixture->operator_key, "UpdateApiKey",
             "{'workspace': 'w1', 'id': 'also', 'updateMask': ['permissions'], 'permissions': {'all': true, 'names': "
             "['resource_register']}}");
    fixture->now_s += 500;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *request = admin_format(fixture, "{'id': 'k1'%s}", rows[i].rest);
        if (rows[i].expires_in_s == 0) {
            admin_fails(fixture, admin, "RotateApiKey", request, SP_ERR_PERMISSION, "may register resources");
            admin_ok(fixture, registrar, "RotateApiKey", request);
            continue;
        }
        admin_ok(fixture, admin, "RotateApiKey", request);
        assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), ADMIN_FIXTURE_NOW_S + rows[i].expires_in_s);
    }
    /* Whoever has it too renews the lifetime as ever. */
    admin_ok(fixture, registrar, "RotateApiKey", "{'id': 'k1'}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), ADMIN_FIXTURE_NOW_S + 1500);
}

static void a_replay_rotates_once_and_tells_the_secret_once(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'requestId': 'r1', 'id': 'k1', 'newId': 'k2'}");
    uint64_t revision = admin_revision(fixture);
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'requestId': 'r1', 'id': 'k1', 'newId': 'k2'}");
    assert_string_equal(admin_text(fixture, "secret"), "");
    assert_true(admin_flag(fixture, "secretAlreadyIssued"));
    assert_string_equal(admin_text(fixture, "apiKey.id"), "k2");
    assert_int_equal(admin_revision(fixture), revision);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, admin_scene_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_new_key_is_as_the_old_one),
        CASE(the_list_is_carried_along_after_a_downgrade),
        CASE(lifetimes_go_on_and_the_grace_ends_the_old_key),
        CASE(refuses_a_grace_out_of_range_and_an_expiry_in_the_past),
        CASE(a_key_that_does_not_work_is_not_rotated),
        CASE(the_old_key_works_until_its_grace_ends),
        CASE(a_permitted_key_rotates_itself_and_no_other),
        CASE(self_rotation_never_lengthens_a_life),
        CASE(a_key_that_rotates_itself_never_becomes_more_than_two),
        CASE(a_key_that_was_rotated_rotates_again_once_its_successor_is_gone),
        CASE(a_successor_waits_until_the_key_that_it_replaced_has_ended),
        CASE(a_key_whose_end_was_brought_forward_does_not_escape_it),
        CASE(an_admin_who_puts_the_end_off_gives_the_lifetime_back),
        CASE(an_admin_rotates_only_what_reaches_no_further),
        CASE(an_admin_rotates_a_key_that_registers_to_no_later_end),
        CASE(a_replay_rotates_once_and_tells_the_secret_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
