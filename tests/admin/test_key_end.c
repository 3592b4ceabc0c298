/* An end binds: not_after travels through every way in which a key makes, changes or revives
 * another. Lineage: which keys come from which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

enum { NOW_S = ADMIN_FIXTURE_NOW_S };

#define READ "{'names': ['voices_read']}"
#define ROTATE "{'names': ['voices_read', 'api_key_rotate']}"
#define WRITE "'workspace_write', 'workspace_read', 'voices_read'"

struct scene {
    struct admin_fixture fixture;
    const char *admin;
};

static void open_scene(struct scene *scene) {
    admin_fixture_open(&scene->fixture, NULL);
    scene->admin = admin_workspace(&scene->fixture, "w1");
    admin_ok(&scene->fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(&scene->fixture, scene->admin, "CreateUser",
             "{'id': 'boss', 'name': 'Boss', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    admin_ok(&scene->fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
}

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    open_scene(scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

/* ---- ends ---- */

static void a_key_that_expires_and_rotates_itself_needs_an_explicit_end(void **state) {
    static const struct {
        const char *rest;
        enum sp_status status;
        const char *says;
        int64_t expires_in_s; /* of the key that was made */
        int64_t not_after_in_s;
    } rows[] = {
        {"'permissions': " ROTATE ", 'expiresAt': '1700000008'", SP_ERR_INVALID, "not_after: required", 0, 0},
        {"'permissions': " ROTATE ", 'expiresAt': '1700000008', 'notAfter': '1700000100'", SP_OK, NULL, 8, 100},
        {"'permissions': " ROTATE ", 'notAfter': '1700000100'", SP_OK, NULL, 100, 100},
        {"'permissions': " ROTATE, SP_OK, NULL, 0, 0},
        {"'permissions': " READ ", 'expiresAt': '1700000008'", SP_OK, NULL, 8, 0},
        {"'permissions': " READ ", 'expiresAt': '1700000101', 'notAfter': '1700000100'", SP_ERR_INVALID,
         "must not be later than not_after (2023-11-14T22:15:00Z)", 0, 0},
        {"'permissions': " READ ", 'notAfter': '1700000000'", SP_ERR_INVALID, "not_after: must be in the future", 0, 0},
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *request = admin_format(fixture, "{'principal': 'bot', 'name': 'x', %s}", rows[i].rest);
        if (rows[i].status != SP_OK) {
            admin_fails(fixture, scene->admin, "CreateApiKey", request, rows[i].status, rows[i].says);
            continue;
        }
        admin_ok(fixture, scene->admin, "CreateApiKey", request);
        assert_int_equal(admin_number(fixture, "apiKey.expiresAt"),
                         rows[i].expires_in_s == 0 ? 0 : NOW_S + rows[i].expires_in_s);
        assert_int_equal(admin_number(fixture, "apiKey.notAfter"),
                         rows[i].not_after_in_s == 0 ? 0 : NOW_S + rows[i].not_after_in_s);
    }
}

static void an_end_in_milliseconds_or_beyond_a_hundred_years_is_refused_everywhere(void **state) {
    static const struct {
        const char *method;
        const char *rest; /* of the request, before the time */
        const char *member;
        const char *field;
    } rows[] = {
        {"CreateApiKey", "'principal': 'bot', 'name': 'x', 'permissions': " READ, "expiresAt", "expires_at"},
        {"CreateApiKey", "'principal': 'bot', 'name': 'x', 'permissions': " READ, "notAfter", "not_after"},
        {"UpdateApiKey", "'id': 'k1', 'updateMask': ['expires_at']", "expiresAt", "expires_at"},
        {"UpdateApiKey", "'id': 'k1', 'updateMask': ['not_after']", "notAfter", "not_after"},
        {"RotateApiKey", "'id': 'k1'", "expiresAt", "expires_at"},
        {"RotateApiKey", "'id': 'k1'", "notAfter", "not_after"},
    };
    static const struct {
        long long time_s;
        const char *says; /* after the field */
    } times[] = {
        {1800000000000, ": 1800000000000 looks like milliseconds"},
        {NOW_S + 3155760001LL, "is more than 100 years ahead"},
        {253402300800, "is beyond the year 9999"},
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "CreateApiKey",
             "{'id': 'k1', 'principal': 'bot', 'name': 'x', 'permissions': " READ "}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t j = 0; j < sizeof(times) / sizeof(*times); j++) {
            const char *request =
                admin_format(fixture, "{%s, '%s': '%lld'}", rows[i].rest, rows[i].member, times[j].time_s);
            admin_fails(fixture, scene->admin, rows[i].method, request, SP_ERR_INVALID, times[j].says);
            assert_true(strncmp(fixture->error.message, rows[i].field, strlen(rows[i].field)) == 0);
        }
}

static void times_to_filter_by_are_in_seconds_too(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_fails(fixture, scene->admin, "ListApiKeys", "{'expiresBefore': '1800000000000'}", SP_ERR_INVALID,
                "expires_before: 1800000000000 looks like milliseconds");
    admin_fails(fixture, scene->admin, "ListChanges", "{'sinceTime': '1800000000000'}", SP_ERR_INVALID,
                "since_time: 1800000000000 looks like milliseconds");
    admin_fails(fixture, scene->admin, "ListChanges", "{'untilTime': '1800000000000'}", SP_ERR_INVALID,
                "until_time: 1800000000000 looks like milliseconds");
}

/* The key of eight seconds that rotated itself on and on. */
static void rotating_on_and_on_ends_at_not_after(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *key =
        admin_new_key(fixture, scene->admin, "bot", ROTATE, ", 'expiresAt': '1700000008', 'notAfter': '1700000060'");
    size_t rotations = 0;
    while (fixture->now_s < NOW_S + 60) {
        fixture->now_s += 5;
        if (admin_call(fixture, key, "RotateApiKey", "{'notAfter': '1800000000'}") != SP_OK)
            break;
        key = admin_keep(fixture, admin_text(fixture, "secret"));
        assert_int_equal(admin_number(fixture, "apiKey.notAfter"), NOW_S + 60);
        assert_true(admin_number(fixture, "apiKey.expiresAt") <= NOW_S + 60);
        rotations++;
    }
    assert_true(rotations > 8);
    fixture->now_s = NOW_S + 60;
    admin_fails(fixture, key, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_EXPIRED");
}

/* What a key with an end brings about, by the ways there are. k1 is somebody else's. */
static void the_acting_keys_end_travels_to_whatever_it_touches(void **state) {
    (void)state;
    static const struct {
        const char *acting; /* its permissions besides those of an admin, and its end */
        const char *rest;
        const char *k1;    /* rest of k1, of the MEMBER ann */
        const char *setup; /* by the other admin; NULL: nothing */
        const char *setup_request;
        const char *method;
        const char *request;
        int64_t ends_in_s; /* of the key concerned; -1: the call is refused */
    } rows[] = {
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "CreateApiKey",
         "{'id': 'k2', 'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700000100'}", 100},
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "CreateApiKey",
         "{'id': 'k2', 'principal': 'bot', 'name': 'x', 'permissions': " ROTATE
         ", 'expiresAt': '1700000050', 'notAfter': '1900000000'}",
         100},
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "CreateApiKey",
         "{'id': 'k2', 'principal': 'bot', 'name': 'x', 'permissions': " ROTATE "}", -1},
        /* One that may rotate itself could last until its not_after. */
        {", 'api_key_rotate'", ", 'expiresAt': '1700000100', 'notAfter': '1700000500'", "", NULL, NULL, "CreateApiKey",
         "{'id': 'k2', 'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700000500'}", 500},
        {", 'api_key_rotate'", ", 'expiresAt': '1700000100', 'notAfter': '1700000500'", "", NULL, NULL, "CreateApiKey",
         "{'id': 'k2', 'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700000501'}", -1},
        /* Widening. */
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", NULL, NULL, "UpdateApiKey",
         "{'id': 'k1', 'updateMask': ['expires_at'], 'expiresAt': '1700000090'}", 100},
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", NULL, NULL, "UpdateApiKey",
         "{'id': 'k1', 'updateMask': ['expires_at'], 'expiresAt': '1700000101'}", -1},
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", NULL, NULL, "UpdateApiKey",
         "{'id': 'k1', 'updateMask': ['permissions', 'not_after'], 'notAfter': '1900000000', 'permissions': " ROTATE
         "}",
         100},
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "UpdateApiKey",
         "{'id': 'k1', 'updateMask': ['permissions'], 'permissions': {'names': ['voices_read', 'workspace_read']}}",
         -1},
        /* Narrowing is free, and bounds nothing. */
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "UpdateApiKey",
         "{'id': 'k1', 'updateMask': ['name'], 'name': 'y'}", 0},
        /* Rotating. */
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", NULL, NULL, "RotateApiKey",
         "{'id': 'k1', 'newId': 'k2'}", 100},
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "RotateApiKey", "{'id': 'k1', 'newId': 'k2'}", -1},
        {"", "", ", 'expiresAt': '1700000050', 'notAfter': '1700000060'", NULL, NULL, "RotateApiKey",
         "{'id': 'k1', 'newId': 'k2'}", 60},
        /* Reviving. */
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", "DisableApiKey", "{'id': 'k1'}",
         "EnableApiKey", "{'id': 'k1'}", 100},
        {"", ", 'expiresAt': '1700000100'", "", "DisableApiKey", "{'id': 'k1'}", "EnableApiKey", "{'id': 'k1'}", -1},
        /* Promoting and enabling the owner. */
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", NULL, NULL, "UpdatePrincipal",
         "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}", 100},
        {"", ", 'expiresAt': '1700000100'", "", NULL, NULL, "UpdatePrincipal",
         "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}", -1},
        {"", ", 'expiresAt': '1700000100'", ", 'expiresAt': '1700000050'", "UpdatePrincipal",
         "{'principal': {'id': 'ann', 'disabled': true}, 'updateMask': ['disabled']}", "UpdatePrincipal",
         "{'principal': {'id': 'ann'}, 'updateMask': ['disabled']}", 100},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scene own;
        struct admin_fixture *fixture = &own.fixture;
        open_scene(&own);
        const char *acting =
            admin_new_key(fixture, own.admin, "boss", admin_format(fixture, "{'names': [" WRITE "%s]}", rows[i].acting),
                          rows[i].rest);
        admin_new_key(fixture, own.admin, "ann", READ, admin_format(fixture, ", 'id': 'k1'%s", rows[i].k1));
        if (rows[i].setup != NULL)
            admin_ok(fixture, own.admin, rows[i].setup, rows[i].setup_request);
        if (rows[i].ends_in_s < 0) {
            admin_fails(fixture, acting, rows[i].method, rows[i].request, SP_ERR_PERMISSION, "last beyond");
        } else {
            const char *concerned = strstr(rows[i].request, "'k2'") != NULL ? "{'id': 'k2'}" : "{'id': 'k1'}";
            admin_ok(fixture, acting, rows[i].method, rows[i].request);
            admin_ok(fixture, own.admin, "GetApiKey", concerned);
            int64_t expected = rows[i].ends_in_s == 0 ? 0 : NOW_S + rows[i].ends_in_s;
            if (admin_number(fixture, "notAfter") != expected)
                fail_msg("row %zu: not_after is %lld", i, (long long)admin_number(fixture, "notAfter"));
        }
        admin_fixture_close(&own.fixture);
    }
}

static void an_end_cannot_be_taken_from_a_key_that_rotates_itself(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", ROTATE,
                  ", 'id': 'k1', 'expiresAt': '1700000050', 'notAfter': '1700000060'");
    admin_fails(fixture, scene->admin, "UpdateApiKey", "{'id': 'k1', 'updateMask': ['not_after']}", SP_ERR_INVALID,
                "not_after: required");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k1', 'updateMask': ['not_after', 'expires_at']}"); /* never, both */
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), 0);
}

/* Imports and upgrades may leave one. */
static void a_key_that_expires_without_an_end_does_not_rotate_itself(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *key = admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'k1', 'expiresAt': '1700000050'");
    admin_fails(fixture, scene->admin, "UpdateApiKey",
                "{'id': 'k1', 'updateMask': ['permissions'], 'permissions': " ROTATE "}", SP_ERR_INVALID,
                "not_after: required");
    admin_fails(fixture, key, "RotateApiKey", "{}", SP_ERR_PERMISSION, "api_key_rotate");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k1', 'updateMask': ['permissions', 'not_after'], 'notAfter': '1700000060', 'permissions': " ROTATE
             "}");
    admin_ok(fixture, key, "RotateApiKey", "{}");
}

/* ---- lineage ---- */

/* k1 made k2, which made k3; k3 was rotated to k4, which an admin rotated to k5. k3 and k4 were
 * deleted. Others made m1. */
static void make_family(struct scene *scene) {
    struct admin_fixture *fixture = &scene->fixture;
    const char *key = admin_new_key(fixture, scene->admin, "boss", "{'all': true}", ", 'id': 'k1'");
    key = admin_new_key(fixture, key, "boss", "{'all': true}", ", 'id': 'k2'");
    key = admin_new_key(fixture, key, "bot", ROTATE, ", 'id': 'k3'");
    admin_ok(fixture, key, "RotateApiKey", "{'newId': 'k4'}");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k4', 'newId': 'k5'}");
    admin_ok(fixture, scene->admin, "DeleteApiKey", "{'id': 'k3'}");
    admin_ok(fixture, scene->admin, "DeleteApiKey", "{'id': 'k4'}");
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'm1'");
}

static void assert_list(struct admin_fixture *fixture, const char *path, const char *first, const char *second) {
    assert_int_equal(admin_length(fixture, path), (first != NULL) + (second != NULL));
    if (first != NULL)
        assert_string_equal(admin_text(fixture, admin_format(fixture, "%s.0", path)), first);
    if (second != NULL)
        assert_string_equal(admin_text(fixture, admin_format(fixture, "%s.1", path)), second);
}

static void lineage_goes_on_over_keys_that_were_deleted(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    make_family(scene);
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'k1', 'withDescendants': true}");
    assert_list(fixture, "descendants", "k2", "k5");
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'k5', 'withDescendants': true}");
    assert_list(fixture, "descendants", NULL, NULL);
    assert_string_equal(admin_text(fixture, "rotatedFrom"), "k4");
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'k2'}");
    assert_string_equal(admin_text(fixture, "createdByKey"), "k1");
    assert_list(fixture, "descendants", NULL, NULL);
}

static void disabling_takes_the_descendants_along(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const struct {
        const char *id;
        bool disabled;
    } rows[] = {{"k1", true}, {"k2", true}, {"k5", true}, {"m1", false}};
    make_family(scene);
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k2', 'reason': 'before'}");
    uint64_t before = admin_revision(fixture);
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k1', 'reason': 'leaked', 'withDescendants': true}");
    assert_int_equal(admin_revision(fixture), before + 1);
    assert_list(fixture, "disabledDescendants", "k5", NULL); /* k2 was, and keeps its reason */
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_ok(fixture, scene->admin, "GetApiKey", admin_format(fixture, "{'id': '%s'}", rows[i].id));
        assert_int_equal(admin_flag(fixture, "disabled"), rows[i].disabled);
    }
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'k2'}");
    assert_string_equal(admin_text(fixture, "disabledReason"), "before");
}

static void a_leaked_key_that_was_deleted_still_leads_to_its_descendants(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_workspace(fixture, "w2");
    const char *leaked = admin_new_key(fixture, scene->admin, "boss", "{'all': true}", ", 'id': 'k1'");
    const char *rotor = admin_new_key(fixture, leaked, "bot", ROTATE, ", 'id': 'k2'");
    admin_ok(fixture, rotor, "RotateApiKey", "{'newId': 'k3'}");
    admin_ok(fixture, leaked, "DeleteApiKey", "{'id': 'k2'}");
    admin_ok(fixture, leaked, "DeleteApiKey", "{'id': 'k1'}");
    admin_new_key(fixture, scene->admin, "ann", READ, ", 'id': 'm1'");
    const char *find = admin_format(fixture, "{'apiKey': '%s', 'withDescendants': true}", leaked);
    const char *finders[] = {scene->admin, fixture->operator_key};
    for (size_t i = 0; i < sizeof(finders) / sizeof(*finders); i++) {
        admin_ok(fixture, finders[i], "FindKey", find);
        assert_string_equal(admin_text(fixture, "id"), "k1");
        assert_string_equal(admin_text(fixture, "workspace"), "w1");
        assert_string_equal(admin_text(fixture, "disabledReason"), "deleted");
        assert_list(fixture, "descendants", "k3", NULL);
    }
    admin_fails(fixture, other, "FindKey", find, SP_ERR_NOT_FOUND, "has no key with this text");
    admin_fails(fixture, other, "DisableApiKey", "{'id': 'k1', 'withDescendants': true}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, scene->admin, "DisableApiKey", "{'id': 'k1'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, scene->admin, "DisableApiKey", "{'id': 'k9', 'withDescendants': true}", SP_ERR_NOT_FOUND,
                NULL);
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k1', 'reason': 'leaked', 'withDescendants': true}");
    assert_list(fixture, "disabledDescendants", "k3", NULL);
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'k3'}");
    assert_true(admin_flag(fixture, "disabled"));
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'm1'}");
    assert_false(admin_flag(fixture, "disabled"));
}

static void a_key_that_went_with_its_owner_still_leads_to_its_descendants(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *leaked = admin_new_key(fixture, scene->admin, "boss", "{'all': true}", ", 'id': 'k1'");
    admin_new_key(fixture, leaked, "bot", READ, ", 'id': 'k2'");
    admin_ok(fixture, scene->admin, "DeletePrincipal", "{'id': 'boss'}");
    admin_ok(fixture, scene->admin, "FindKey", admin_format(fixture, "{'apiKey': '%s'}", leaked));
    assert_string_equal(admin_text(fixture, "id"), "k1");
    admin_ok(fixture, fixture->operator_key, "DisableApiKey",
             "{'workspace': 'w1', 'id': 'k1', 'withDescendants': true}");
    assert_list(fixture, "disabledDescendants", "k2", NULL);
}

static void a_leaked_text_leads_to_its_descendants_in_any_workspace(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *leaked = admin_new_key(fixture, scene->admin, "boss", "{'all': true}", ", 'id': 'k1'");
    admin_new_key(fixture, leaked, "bot", READ, ", 'id': 'k2'");
    const char *request = admin_format(fixture, "{'apiKey': '%s', 'withDescendants': true}", leaked);
    admin_ok(fixture, fixture->operator_key, "FindKey", request);
    assert_list(fixture, "descendants", "k2", NULL);
    assert_string_equal(admin_text(fixture, "workspace"), "w1");
    admin_fails(fixture, admin_workspace(fixture, "w2"), "FindKey", request, SP_ERR_NOT_FOUND, NULL);
}

static void a_long_chain_of_rotations_is_followed_to_its_end(void **state) {
    enum { LENGTH = 300 };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *key = admin_new_key(fixture, scene->admin, "bot", ROTATE, ", 'id': 'c0'");
    for (size_t i = 1; i <= LENGTH; i++) {
        admin_ok(fixture, key, "RotateApiKey", admin_format(fixture, "{'newId': 'c%zu', 'graceS': 1}", i));
        key = admin_keep(fixture, admin_text(fixture, "secret"));
        fixture->now_s++;
    }
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'c0', 'withDescendants': true}");
    assert_int_equal(admin_length(fixture, "disabledDescendants"), LENGTH);
    assert_string_equal(admin_text(fixture, "disabledDescendants.299"), "c300");
    admin_fails(fixture, key, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_DISABLED");
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_key_that_expires_and_rotates_itself_needs_an_explicit_end),
        CASE(an_end_in_milliseconds_or_beyond_a_hundred_years_is_refused_everywhere),
        CASE(times_to_filter_by_are_in_seconds_too),
        CASE(rotating_on_and_on_ends_at_not_after),
        cmocka_unit_test(the_acting_keys_end_travels_to_whatever_it_touches),
        CASE(an_end_cannot_be_taken_from_a_key_that_rotates_itself),
        CASE(a_key_that_expires_without_an_end_does_not_rotate_itself),
        CASE(lineage_goes_on_over_keys_that_were_deleted),
        CASE(disabling_takes_the_descendants_along),
        CASE(a_leaked_key_that_was_deleted_still_leads_to_its_descendants),
        CASE(a_key_that_went_with_its_owner_still_leads_to_its_descendants),
        CASE(a_leaked_text_leads_to_its_descendants_in_any_workspace),
        CASE(a_long_chain_of_rotations_is_followed_to_its_end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
