/* Keys: DESIGN 2.2, 2.6 and 2.7 as the admin calls keep them. Rotation is in test_rotate.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

enum { NOW_S = ADMIN_FIXTURE_NOW_S };

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

static const char *create(struct admin_scene *scene, const char *rest) {
    return admin_format(&scene->fixture, "{'id': 'k1', 'principal': 'ann', 'name': 'One'%s}", rest);
}

/* ---- lists of providers ---- */

/* "'203.0.0.0/28', …": `count` blocks of the size, the first at 203.`second`.0.0, each `step`
 * addresses after the last. */
static const char *made_list(struct admin_scene *scene, unsigned second, unsigned size_bits, size_t count,
                             unsigned step) {
    static char text[4096 * 24];
    size_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = i * step;
        int written = snprintf(text + used, sizeof(text) - used, "%s'203.%u.%u.%u/%u'", i > 0 ? ", " : "",
                               second + at / 65536, at / 256 % 256, at % 256, 32 - size_bits);
        assert_true(written > 0 && (size_t)written < sizeof(text) - used);
        used += (size_t)written;
    }
    return admin_keep(&scene->fixture, text);
}

/* As large as the lists of crawlers and proxies are, and given as their providers publish them: in
 * small blocks, many of which touch. */
static void a_providers_list_is_joined_stored_and_enforced(void **state) {
    static const struct {
        const char *name;
        unsigned size_bits;
        size_t given;
        unsigned step;
        size_t joined;
        const char *inside, *outside;
    } rows[] = {
        {"pairs that touch leave a hundred", 4, 200, 16, 3, "203.1.12.127", "203.1.12.128"},
        {"a hundred apart", 4, 100, 64, 100, "203.1.24.207", "203.1.24.208"},
        {"single addresses in a row", 0, 4096, 1, 1, "203.1.15.255", "203.1.16.0"},
        {"67 apart", 5, 67, 64, 67, "203.1.16.159", "203.1.16.160"},
        {"the same, with the halves of each", 4, 134, 16, 3, "203.1.8.95", "203.1.8.96"},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *list = made_list(scene, 1, rows[i].size_bits, rows[i].given, rows[i].step);
        char *request = NULL;
        assert_true(asprintf(&request,
                             "{'principal': 'ann', 'name': '%s', 'permissions': " ALL
                             ", 'allowedIps': {'entries': [%s]}}",
                             rows[i].name, list) > 0);
        admin_ok(fixture, scene->admin, "CreateApiKey", request);
        free(request);
        assert_int_equal(admin_length(fixture, "apiKey.allowedIps"), rows[i].joined);
        const char *key = admin_keep(fixture, admin_text(fixture, "secret"));
        fixture->address = rows[i].inside;
        admin_ok(fixture, key, "WhoAmI", "{}");
        assert_int_equal(admin_length(fixture, "apiKey.allowedIps"), rows[i].joined);
        fixture->address = rows[i].outside;
        admin_fails(fixture, key, "WhoAmI", "{}", SP_ERR_PERMISSION, "IP_NOT_ALLOWED");
        fixture->address = "203.0.113.9";
    }
}

static void a_list_that_is_too_long_says_how_long_it_is_before_and_after_joining(void **state) {
    static const struct {
        size_t given;
        unsigned step;
        const char *says;
    } rows[] = {
        {101, 32, "the 101 entries given join into 101 CIDR blocks, and a list holds at most 100"},
        {300, 32, "the 300 entries given join into 300 CIDR blocks"},
        {4097, 1, "4097 entries were given; the limits are 4096 entries"},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "CreateApiKey", create(scene, ", 'permissions': " ALL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *list = made_list(scene, 1, 0, rows[i].given, rows[i].step);
        char *request = NULL;
        assert_true(asprintf(&request,
                             "{'principal': 'ann', 'name': 'x', 'permissions': " ALL
                             ", 'allowedIps': {'entries': [%s]}}",
                             list) > 0);
        admin_fails(fixture, scene->admin, "CreateApiKey", request, SP_ERR_INVALID, rows[i].says);
        free(request);
        assert_true(asprintf(&request, "{'id': 'k1', 'updateMask': ['allowed_ips'], 'allowedIps': {'entries': [%s]}}",
                             list) > 0);
        admin_fails(fixture, scene->admin, "UpdateApiKey", request, SP_ERR_INVALID, rows[i].says);
        free(request);
    }
}

/* ---- creating ---- */

static void gives_a_key_and_its_text_once(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "CreateApiKey",
             create(scene, ", 'permissions': {'names': ['voices_read']}, 'expiresAt': '1700000060'"));
    const char *secret = admin_keep(fixture, admin_text(fixture, "secret"));
    assert_int_equal(strncmp(secret, "sp_", 3), 0);
    assert_string_equal(admin_text(fixture, "apiKey.hint"), secret + strlen(secret) - 4);
    assert_string_equal(admin_text(fixture, "apiKey.workspace"), "w1");
    assert_string_equal(admin_text(fixture, "apiKey.permissions.names.0"), "voices_read");
    assert_int_equal(admin_number(fixture, "apiKey.createdAt"), NOW_S);
    assert_int_equal(admin_number(fixture, "revision.number"), (int64_t)admin_revision(fixture));

    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'k1'}");
    assert_string_equal(admin_text(fixture, "principal"), "ann");
    char *dump = json_dumps(fixture->reply, 0);
    assert_null(strstr(dump, secret));
    free(dump);

    admin_ok(fixture, secret, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "principal.id"), "ann");
    assert_string_equal(admin_text(fixture, "apiKey.id"), "k1");
}

struct refusal {
    const char *rest;
    enum sp_status status;
    const char *says;
};

static void refuses_what_is_no_key(void **state) {
    static const struct refusal refusals[] = {
        {"", SP_ERR_INVALID, "permissions: required"},
        {", 'permissions': {}", SP_ERR_INVALID, "permissions: required"},
        {", 'permissions': {'all': true, 'names': ['voices_read']}", SP_ERR_INVALID,
         "together with all, names may list only"},
        {", 'permissions': {'names': ['voices_read', 'resource_register']}", SP_ERR_PERMISSION,
         "only an operator can give a key resource_register"},
        {", 'permissions': {'names': ['no_such']}", SP_ERR_INVALID, "no permission no_such"},
        {", 'permissions': {'names': ['voices_read', 'voices_read']}", SP_ERR_INVALID, "twice"},
        {", 'permissions': " ALL ", 'expiresAt': '1700000000'", SP_ERR_INVALID, "expires_at"},
        {", 'permissions': " ALL ", 'expiresAt': '-1'", SP_ERR_INVALID, "expires_at"},
        {", 'permissions': " ALL ", 'allowedIps': {}", SP_ERR_INVALID, "allowed_ips"},
        {", 'permissions': " ALL ", 'allowedIps': {'entries': ['10.1.2.3']}", SP_ERR_INVALID, "10.0.0.0/8"},
        {", 'permissions': " ALL ", 'allowedIps': {'entries': ['8.0.0.0/5']}", SP_ERR_INVALID, "allowed_ips[0]"},
        {", 'permissions': " ALL ", 'allowedIps': {'entries': ['203.0.113.7/24']}", SP_ERR_INVALID, "203.0.113.0/24"},
    };
    struct admin_scene *scene = *state;
    uint64_t before = admin_revision(&scene->fixture);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        admin_fails(&scene->fixture, scene->admin, "CreateApiKey", create(scene, refusals[i].rest), refusals[i].status,
                    refusals[i].says);
    admin_fails(&scene->fixture, scene->admin, "CreateApiKey", "{'principal': 'ann', 'permissions': {'all': true}}",
                SP_ERR_INVALID, "name");
    admin_fails(&scene->fixture, scene->admin, "CreateApiKey",
                "{'principal': 'nobody', 'name': 'x', 'permissions': {'all': true}}", SP_ERR_NOT_FOUND, "nobody");
    assert_int_equal(admin_revision(&scene->fixture), before);
}

static void private_ranges_take_the_operators_switch(void **state) {
    static const char list[] = ", 'permissions': " ALL ", 'allowedIps': {'entries': ['10.1.0.0/16', 'fd00::/8']}",
                      loopback[] = ", 'permissions': " ALL ", 'allowedIps': {'entries': ['127.0.0.1']}",
                      on[] = "{'workspace': {'id': 'w1', 'allowPrivateRanges': true}, 'updateMask': "
                             "['allow_private_ranges']}",
                      off[] = "{'workspace': {'id': 'w1'}, 'updateMask': ['allow_private_ranges']}";
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_fails(fixture, scene->admin, "CreateApiKey", create(scene, list), SP_ERR_INVALID, "an operator can allow");
    admin_fails(fixture, scene->admin, "UpdateWorkspace", on, SP_ERR_PERMISSION, "operator");
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace", on);
    admin_fails(fixture, scene->admin, "CreateApiKey", create(scene, loopback), SP_ERR_INVALID, "127.0.0.0/8");
    admin_ok(fixture, scene->admin, "CreateApiKey", create(scene, list));
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace", off);
    admin_fails(fixture, scene->admin, "CreateApiKey",
                admin_format(fixture, "{'principal': 'ann', 'name': 'Two'%s}", list), SP_ERR_INVALID, "not public");
    /* A list that is there stays, and can be carried along. */
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1'}");
    assert_int_equal(admin_length(fixture, "apiKey.allowedIps"), 2);
}

static void keeps_an_id_for_ever(void **state) {
    struct admin_scene *scene = *state;
    const char *request = create(scene, ", 'permissions': " ALL);
    admin_ok(&scene->fixture, scene->admin, "CreateApiKey", request);
    admin_fails(&scene->fixture, scene->admin, "CreateApiKey", request, SP_ERR_EXISTS, "already exists");
    admin_ok(&scene->fixture, scene->admin, "DeleteApiKey", "{'id': 'k1'}");
    admin_fails(&scene->fixture, scene->admin, "CreateApiKey", request, SP_ERR_EXISTS, "used before");
    admin_fails(&scene->fixture, scene->admin, "GetApiKey", "{'id': 'k1'}", SP_ERR_NOT_FOUND, NULL);
}

static void holds_the_quota_of_keys(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'keys': 2}}, 'updateMask': ['quotas']}");
    admin_ok(fixture, scene->admin, "CreateApiKey", create(scene, ", 'permissions': " ALL));
    admin_fails(fixture, scene->admin, "CreateApiKey",
                "{'principal': 'ann', 'name': 'two', 'permissions': {'all': true}}", SP_ERR_EXHAUSTED, "quota keys");
    admin_fails(fixture, scene->admin, "RotateApiKey", "{'id': 'k1'}", SP_ERR_EXHAUSTED, "quota keys");
}

static void only_admins_make_keys(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *member = admin_new_key(fixture, scene->admin, "ann", ALL, "");
    const char *bot = admin_new_key(fixture, scene->admin, "bot", ALL, "");
    const char *reader = admin_new_key(fixture, scene->admin, "boss", "{'names': ['workspace_read']}", "");
    const char *request = create(scene, ", 'permissions': {'names': ['voices_read']}");
    admin_fails(fixture, member, "CreateApiKey", request, SP_ERR_PERMISSION, NULL);
    admin_fails(fixture, bot, "CreateApiKey", request, SP_ERR_PERMISSION, NULL);
    admin_fails(fixture, reader, "CreateApiKey", request, SP_ERR_PERMISSION, "workspace_write");
    admin_fails(fixture, member, "GetApiKey", "{'id': 'k1'}", SP_ERR_PERMISSION, NULL);
    admin_ok(fixture, reader, "ListApiKeys", "{}");
}

/* ---- nothing widens ---- */

/* The acting key of these tables: workspace_read, workspace_write and voices_read, from
 * 203.0.113.0/24, for ten days. */
static const char *narrow_admin(struct admin_scene *scene) {
    return admin_new_key(&scene->fixture, scene->admin, "boss",
                         "{'names': ['workspace_read', 'workspace_write', 'voices_read']}",
                         ", 'id': 'acting', 'allowedIps': {'entries': ['203.0.113.0/24']}, 'expiresAt': '1700864000'");
}

#define WITHIN_IPS ", 'allowedIps': {'entries': ['203.0.113.9']}"
#define WITHIN_END ", 'expiresAt': '1700864000'"
#define WITHIN_NAMES ", 'permissions': {'names': ['voices_read']}"

static void no_new_key_goes_beyond_the_acting_one(void **state) {
    static const struct refusal refusals[] = {
        {WITHIN_IPS WITHIN_END ", 'permissions': " ALL, SP_ERR_PERMISSION, "permissions"},
        {WITHIN_IPS WITHIN_END ", 'permissions': {'names': ['voices_write']}", SP_ERR_PERMISSION, "permissions"},
        {WITHIN_NAMES WITHIN_END, SP_ERR_PERMISSION, "any address"},
        {WITHIN_NAMES WITHIN_END ", 'allowedIps': {'entries': ['203.0.112.0/23']}", SP_ERR_PERMISSION, "outside"},
        {WITHIN_NAMES WITHIN_IPS, SP_ERR_PERMISSION, "outlives"},
        {WITHIN_NAMES WITHIN_IPS ", 'expiresAt': '1700864001'", SP_ERR_PERMISSION, "outlives"},
        {WITHIN_NAMES WITHIN_IPS WITHIN_END, SP_OK, NULL},
    };
    struct admin_scene *scene = *state;
    const char *acting = narrow_admin(scene);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        admin_fails(&scene->fixture, acting, "CreateApiKey", create(scene, refusals[i].rest), refusals[i].status,
                    refusals[i].says);
}

struct change {
    const char *request; /* after the id */
    enum sp_status status;
    const char *says;
};

static void try_changes(struct admin_scene *scene, const char *acting, const char *id, const struct change *changes,
                        size_t count) {
    for (size_t i = 0; i < count; i++)
        admin_fails(&scene->fixture, acting, "UpdateApiKey",
                    admin_format(&scene->fixture, "{'id': '%s', %s}", id, changes[i].request), changes[i].status,
                    changes[i].says);
}

static void no_key_widens_itself(void **state) {
    static const struct change changes[] = {
        {"'updateMask': ['permissions'], 'permissions': {'all': true}", SP_ERR_PERMISSION, "permissions"},
        {"'updateMask': ['permissions'], 'permissions': {'names': ['workspace_write', 'voices_write']}",
         SP_ERR_PERMISSION, "permissions"},
        {"'updateMask': ['expires_at'], 'expiresAt': '0'", SP_ERR_PERMISSION, "outlives"},
        {"'updateMask': ['expires_at'], 'expiresAt': '1700864001'", SP_ERR_PERMISSION, "outlives"},
        {"'clearAllowedIps': true", SP_ERR_PERMISSION, "any address"},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.112.0/23']}", SP_ERR_PERMISSION, "outside"},
        {"'updateMask': ['name'], 'name': 'Other'", SP_OK, NULL},
        {"'updateMask': ['expires_at'], 'expiresAt': '1700863999'", SP_OK, NULL},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.113.0/28']}", SP_OK, NULL},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.113.0/24']}", SP_ERR_PERMISSION, "outside"},
    };
    struct admin_scene *scene = *state;
    const char *acting = narrow_admin(scene);
    try_changes(scene, acting, "acting", changes, sizeof(changes) / sizeof(*changes));
}

static void narrows_what_reaches_further_but_never_opens_it(void **state) {
    /* The key: everything, from one address outside the acting key's list, for ever. */
    static const struct change changes[] = {
        {"'clearAllowedIps': true", SP_ERR_PERMISSION, NULL},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['198.51.100.7', '203.0.113.9']}", SP_ERR_PERMISSION,
         NULL},
        /* Within the acting key's addresses, but all of the other's permissions would be open to
         * them. */
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.113.9']}", SP_ERR_PERMISSION, "permissions"},
        {"'updateMask': ['permissions'], 'permissions': {'names': ['voices_write', 'voices_read']}", SP_OK, NULL},
        {"'updateMask': ['permissions'], 'permissions': {'all': true}", SP_ERR_PERMISSION, "permissions"},
        {"'updateMask': ['expires_at'], 'expiresAt': '1900000000'", SP_OK, NULL},
        {"'updateMask': ['expires_at'], 'expiresAt': '1900000001'", SP_ERR_PERMISSION, NULL},
        {"'updateMask': ['permissions', 'expires_at'], 'permissions': {'names': ['voices_read']}, 'expiresAt': "
         "'1700864000'",
         SP_OK, NULL},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.113.9']}", SP_OK, NULL},
    };
    struct admin_scene *scene = *state;
    const char *acting = narrow_admin(scene);
    admin_new_key(&scene->fixture, scene->admin, "ann", ALL,
                  ", 'id': 'k1', 'allowedIps': {'entries': ['198.51.100.7']}");
    try_changes(scene, acting, "k1", changes, sizeof(changes) / sizeof(*changes));
}

static void enables_only_what_reaches_no_further(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *acting = narrow_admin(scene);
    const char *wide = admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'wide'");
    admin_ok(fixture, acting, "DisableApiKey", "{'id': 'wide', 'reason': 'leaked'}");
    assert_string_equal(admin_text(fixture, "apiKey.disabledReason"), "leaked");
    admin_fails(fixture, wide, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_DISABLED");
    admin_fails(fixture, acting, "EnableApiKey", "{'id': 'wide'}", SP_ERR_PERMISSION, "permissions");
    admin_ok(fixture, scene->admin, "EnableApiKey", "{'id': 'wide'}");
    assert_string_equal(admin_text(fixture, "apiKey.disabledReason"), "");
    admin_ok(fixture, wide, "WhoAmI", "{}");
}

/* Only what takes access away may use the room that is kept for that. */
static void a_renamed_key_is_not_narrowed(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'k1', 'updateMask': ['name'], 'name': 'Other'}");
    assert_false(fixture->narrowed);
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k1', 'updateMask': ['permissions'], 'permissions': {'names': ['voices_read']}}");
    assert_true(fixture->narrowed);
}

static void a_second_disabling_changes_nothing(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k1', 'reason': 'first'}");
    uint64_t revision = admin_revision(fixture);
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k1', 'reason': 'second'}");
    assert_string_equal(admin_text(fixture, "apiKey.disabledReason"), "first");
    assert_int_equal(admin_revision(fixture), revision);
}

/* ---- allowlists ---- */

static void allowlists_need_plan_and_feature(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *request = create(scene, ", 'permissions': " ALL ", 'allowedIps': {'entries': ['203.0.113.9']}");
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1'}, 'updateMask': ['features']}");
    admin_fails(fixture, scene->admin, "CreateApiKey", request, SP_ERR_PRECONDITION, "not enabled");
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'plan': 'PLAN_STANDARD', 'features': ['FEATURE_IP_ALLOWLIST']}, "
             "'updateMask': ['plan', 'features']}");
    admin_fails(fixture, scene->admin, "CreateApiKey", request, SP_ERR_PRECONDITION, "require the ENTERPRISE plan");
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'k1'");
    admin_fails(fixture, scene->admin, "UpdateApiKey",
                "{'id': 'k1', 'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.113.9']}}",
                SP_ERR_PRECONDITION, "require the ENTERPRISE plan");
}

static void a_list_outlives_the_plan_and_can_be_cleared(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *key = admin_new_key(fixture, scene->admin, "ann", ALL,
                                    ", 'id': 'k1', 'allowedIps': {'entries': ['198.51.100.0/24', '198.51.100.0/24']}");
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'plan': 'PLAN_FREE'}, 'updateMask': ['plan']}");
    admin_fails(fixture, key, "WhoAmI", "{}", SP_ERR_PERMISSION, "allowlist");
    admin_fails(fixture, scene->admin, "UpdateApiKey",
                "{'id': 'k1', 'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['198.51.100.7']}}",
                SP_ERR_PRECONDITION, "require the ENTERPRISE plan");
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'k1', 'updateMask': ['name'], 'name': 'Kept'}");
    assert_int_equal(admin_length(fixture, "apiKey.allowedIps"), 1);
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'newId': 'k2'}");
    assert_string_equal(admin_text(fixture, "apiKey.allowedIps.0"), "198.51.100.0/24");
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'k1', 'clearAllowedIps': true}");
    assert_int_equal(admin_length(fixture, "apiKey.allowedIps"), 0);
    admin_ok(fixture, key, "WhoAmI", "{}");
}

static void an_update_says_exactly_what_it_changes(void **state) {
    static const struct change changes[] = {
        {"'name': 'x'", SP_ERR_INVALID, "update_mask"},
        {"'updateMask': ['hint']", SP_ERR_INVALID, "update_mask[0]"},
        {"'updateMask': ['allowed_ips']", SP_ERR_INVALID, "clear_allowed_ips"},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {}", SP_ERR_INVALID, "clear_allowed_ips"},
        {"'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['203.0.113.9']}, 'clearAllowedIps': true",
         SP_ERR_INVALID, "cannot be combined"},
        {"'updateMask': ['name'], 'name': 'x', 'allowedIps': {'entries': ['203.0.113.9']}", SP_ERR_INVALID,
         "not listed in update_mask"},
        {"'updateMask': ['permissions']", SP_ERR_INVALID, "permissions: required"},
        {"'updateMask': ['expires_at'], 'expiresAt': '1699999999'", SP_ERR_INVALID, "expires_at"},
        {"'updateMask': ['name'], 'name': ''", SP_ERR_INVALID, "name"},
        {"'updateMask': ['name'], 'name': 'New', 'expiresAt': '1800000000'", SP_OK, NULL},
    };
    struct admin_scene *scene = *state;
    admin_new_key(&scene->fixture, scene->admin, "ann", "{'names': ['voices_read']}", ", 'id': 'k1'");
    try_changes(scene, scene->admin, "k1", changes, sizeof(changes) / sizeof(*changes));
    admin_ok(&scene->fixture, scene->admin, "GetApiKey", "{'id': 'k1'}");
    assert_string_equal(admin_text(&scene->fixture, "name"), "New");
    assert_int_equal(admin_number(&scene->fixture, "expiresAt"), 0);
}

/* ---- lists, leaks and operators ---- */

static void lists_by_owner_and_by_expiry(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'soon', 'expiresAt': '1700000100'");
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'late', 'expiresAt': '1700000200'");
    admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'never'");
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'principal': 'ann'}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 2);
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'expiresBefore': '1700000200'}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 1);
    assert_string_equal(admin_text(fixture, "apiKeys.0.id"), "soon");
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'expiresBefore': '1700000201'}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 2);
    admin_fails(fixture, scene->admin, "ListApiKeys", "{'principal': 'nobody'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, scene->admin, "ListApiKeys", "{'expiresBefore': '-5'}", SP_ERR_INVALID, "expires_before");
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'pageSize': 3}");
    const char *next = admin_format(fixture, "{'pageToken': '%s'}", admin_text(fixture, "nextPageToken"));
    admin_ok(fixture, scene->admin, "ListApiKeys", next);
    assert_int_equal(admin_length(fixture, "apiKeys"), 1);
    assert_string_equal(admin_text(fixture, "nextPageToken"), "");
}

static void finds_a_leaked_key_in_the_own_workspace_only(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other_admin = admin_workspace(fixture, "w2");
    const char *leaked = admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1'");
    const char *request = admin_format(fixture, "{'apiKey': '%s'}", leaked);
    admin_ok(fixture, scene->admin, "FindKey", request);
    assert_string_equal(admin_text(fixture, "id"), "k1");
    admin_fails(fixture, other_admin, "FindKey", request, SP_ERR_NOT_FOUND, "has no key with this text");
    assert_null(strstr(fixture->error.message, leaked));
    admin_ok(fixture, fixture->operator_key, "FindKey", request);
    assert_string_equal(admin_text(fixture, "workspace"), "w1");
    admin_fails(fixture, scene->admin, "FindKey", "{'apiKey': 'sp_nothing'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, scene->admin, "FindKey", "{}", SP_ERR_INVALID, "api_key");
    admin_fails(fixture, leaked, "FindKey", request, SP_ERR_PERMISSION, NULL);
}

/* Text that people paste, in which "$K" is the key. */
static void finds_a_leaked_key_whatever_is_around_it(void **state) {
    static const char *const texts[] = {
        "$K\\n",
        "  $K\\r\\n",
        "\\\"$K\\\"",
        "Bearer $K",
        "authorization: Bearer $K",
        "curl -H \\\"x-api-key: $K\\\" https://api.example.org",
        "export KEY=$K; echo",
        "2026-11-30 WARN request failed {\\\"key\\\":\\\"$K\\\"}",
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *keys[2];
    for (size_t deleted = 0; deleted < 2; deleted++) {
        keys[deleted] =
            admin_new_key(fixture, scene->admin, "bot", ALL, admin_format(fixture, ", 'id': 'k%zu'", deleted));
        if (deleted)
            admin_ok(fixture, scene->admin, "DeleteApiKey", "{'id': 'k1'}");
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
            const char *mark = strstr(texts[i], "$K");
            const char *request = admin_format(fixture, "{'apiKey': '%.*s%s%s'}", (int)(mark - texts[i]), texts[i],
                                               keys[deleted], mark + 2);
            admin_ok(fixture, scene->admin, "FindKey", request);
            assert_string_equal(admin_text(fixture, "id"), deleted ? "k1" : "k0");
            assert_string_equal(admin_text(fixture, "disabledReason"), deleted ? "deleted" : "");
        }
    }
    admin_fails(fixture, scene->admin, "FindKey",
                admin_format(fixture, "{'apiKey': 'old: %s new: %s'}", keys[1], keys[0]), SP_ERR_INVALID,
                "several keys");
    admin_ok(fixture, scene->admin, "FindKey", admin_format(fixture, "{'apiKey': '%s again %s'}", keys[0], keys[0]));
    admin_fails(fixture, scene->admin, "FindKey", "{'apiKey': 'nothing of the kind'}", SP_ERR_NOT_FOUND, "no key");
    char longer[9000] = "{'apiKey': '";
    memset(longer + strlen(longer), 'a', 8500);
    strcat(longer, "'}");
    admin_fails(fixture, scene->admin, "FindKey", longer, SP_ERR_INVALID, "8192");
}

/* Words of separators only, each end of which may be a key. */
static void a_text_that_takes_long_to_search_is_refused(void **state) {
    enum { BEGIN = sizeof("{'apiKey': '") - 1, WORD_BYTES = 512, WORDS = 15 };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    char text[9000] = "{'apiKey': '";
    memset(text + BEGIN, '=', WORD_BYTES * WORDS);
    for (size_t i = 1; i < WORDS; i++)
        text[BEGIN + i * WORD_BYTES] = ' ';
    strcat(text, "'}");
    admin_fails(fixture, scene->admin, "FindKey", text, SP_ERR_INVALID, "too many words");
    /* One such word is not too much, and a key after it is found. */
    const char *key = admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "FindKey",
             admin_format(fixture, "{'apiKey': '%.*s %s'}", WORD_BYTES / 2, text + BEGIN, key));
    assert_string_equal(admin_text(fixture, "id"), "k1");
}

/* So that nobody's changes wait behind them. */
static void what_walks_keys_is_read_by_the_threads_for_lists(void **state) {
    static const char *const names[] = {"FindKey", "GetApiKey", "ListApiKeys", "ExplainKey"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!sp_admin_method_reads_much(sp_admin_method_find(names[i])))
            fail_msg("%s", names[i]);
}

/* An operator's key is named to operators, and is nothing to others. */
static void an_operator_s_key_is_found_by_operators_only(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *leaked = fixture->operator_key;
    const char *own = admin_new_key(fixture, scene->admin, "bot", ALL, ", 'id': 'k1'");
    const char *request = admin_format(fixture, "{'apiKey': 'x-api-key: %s'}", leaked);
    admin_fails(fixture, leaked, "FindKey", request, SP_ERR_PRECONDITION, "the key of operator");
    assert_null(strstr(fixture->error.message, leaked));
    admin_fails(fixture, scene->admin, "FindKey", request, SP_ERR_NOT_FOUND, "workspace w1 has no key");
    request = admin_format(fixture, "{'apiKey': '%s %s'}", leaked, own);
    admin_fails(fixture, leaked, "FindKey", request, SP_ERR_INVALID, "several keys, such as k1 and operator");
    admin_ok(fixture, scene->admin, "FindKey", request);
    assert_string_equal(admin_text(fixture, "id"), "k1");
    admin_fails(fixture, leaked, "FindKey", "{'apiKey': 'nothing of the kind'}", SP_ERR_NOT_FOUND,
                "no workspace and no operator has a key");
}

static void any_key_disables_itself_and_stays_so(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *bot = admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read']}", ", 'id': 'k1'");
    admin_ok(fixture, bot, "DisableSelf", "{'reason': 'found on a forum'}");
    assert_true(admin_flag(fixture, "apiKey.disabled"));
    admin_fails(fixture, bot, "EnableApiKey", "{'id': 'k1'}", SP_ERR_UNAUTHENTICATED, "KEY_DISABLED");
    admin_fails(fixture, fixture->operator_key, "DisableSelf", "{}", SP_ERR_PERMISSION, "offline");
}

static void operators_give_and_take_the_keys_of_admins_only(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *operator_key = fixture->operator_key;
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'anns'");
    admin_fails(fixture, operator_key, "CreateApiKey",
                "{'workspace': 'w1', 'principal': 'ann', 'name': 'x', 'permissions': {'all': true}}", SP_ERR_PERMISSION,
                "only keys of ADMIN users");
    admin_fails(fixture, operator_key, "CreateApiKey",
                "{'workspace': 'w1', 'principal': 'bot', 'name': 'x', 'permissions': {'all': true}}", SP_ERR_PERMISSION,
                "only keys of ADMIN users");
    admin_fails(fixture, operator_key, "DeleteApiKey", "{'workspace': 'w1', 'id': 'anns'}", SP_ERR_PERMISSION, NULL);
    admin_fails(fixture, operator_key, "EnableApiKey", "{'workspace': 'w1', 'id': 'anns'}", SP_ERR_PERMISSION, NULL);
    admin_fails(fixture, operator_key, "RotateApiKey", "{'workspace': 'w1', 'id': 'anns'}", SP_ERR_PERMISSION, NULL);
    admin_ok(fixture, operator_key, "DisableApiKey", "{'workspace': 'w1', 'id': 'anns'}");
    admin_ok(fixture, operator_key, "CreateApiKey",
             "{'workspace': 'w1', 'principal': 'boss', 'id': 'rescue', 'name': 'x', 'permissions': {'all': true}}");
    const char *rescue = admin_keep(fixture, admin_text(fixture, "secret"));
    admin_ok(fixture, rescue, "EnableApiKey", "{'id': 'anns'}");
    admin_ok(fixture, operator_key, "DeleteApiKey", "{'workspace': 'w1', 'id': 'rescue'}");
    admin_fails(fixture, rescue, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_UNKNOWN");
}

static void another_workspaces_keys_are_not_there(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_workspace(fixture, "w2");
    admin_new_key(fixture, scene->admin, "ann", ALL, ", 'id': 'k1'");
    static const char *const methods[] = {"GetApiKey", "RotateApiKey", "DisableApiKey", "EnableApiKey", "DeleteApiKey"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        admin_fails(fixture, other, methods[i], "{'id': 'k1'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, other, "GetApiKey", "{'workspace': 'w1', 'id': 'k1'}", SP_ERR_NOT_FOUND, NULL);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, admin_scene_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_providers_list_is_joined_stored_and_enforced),
        CASE(a_list_that_is_too_long_says_how_long_it_is_before_and_after_joining),
        CASE(gives_a_key_and_its_text_once),
        CASE(refuses_what_is_no_key),
        CASE(private_ranges_take_the_operators_switch),
        CASE(keeps_an_id_for_ever),
        CASE(holds_the_quota_of_keys),
        CASE(only_admins_make_keys),
        CASE(no_new_key_goes_beyond_the_acting_one),
        CASE(no_key_widens_itself),
        CASE(narrows_what_reaches_further_but_never_opens_it),
        CASE(enables_only_what_reaches_no_further),
        CASE(a_renamed_key_is_not_narrowed),
        CASE(a_second_disabling_changes_nothing),
        CASE(allowlists_need_plan_and_feature),
        CASE(a_list_outlives_the_plan_and_can_be_cleared),
        CASE(an_update_says_exactly_what_it_changes),
        CASE(lists_by_owner_and_by_expiry),
        CASE(finds_a_leaked_key_in_the_own_workspace_only),
        CASE(finds_a_leaked_key_whatever_is_around_it),
        CASE(a_text_that_takes_long_to_search_is_refused),
        CASE(what_walks_keys_is_read_by_the_threads_for_lists),
        CASE(an_operator_s_key_is_found_by_operators_only),
        CASE(any_key_disables_itself_and_stays_so),
        CASE(operators_give_and_take_the_keys_of_admins_only),
        CASE(another_workspaces_keys_are_not_there),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
