/* Last use of keys over the admin API: who may ask, what is said in words, and the servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/usage/reports.h"
#include "store/usage/usage.h"
#include "support/admin_fixture.h"
#include "support/process.h"

enum { NOW = ADMIN_FIXTURE_NOW_S, DAY = 86400, GRACE = 120 };

struct scene {
    struct admin_fixture fixture;
    struct sp_admin_usage usage;
    const char *admin; /* of workspace "w1" */
    unsigned notes;    /* of uses */
    unsigned rejections;
    char noted[64], retired[64];
    char folder[64];
    struct sp_usage_store *store;
};

static void on_note(void *user, struct sp_str workspace, struct sp_str key_id, const struct sp_ip *ip,
                    enum sp_reason rejected) {
    struct scene *scene = user;
    (void)ip;
    scene->notes += rejected == SP_REASON_NONE;
    scene->rejections += rejected != SP_REASON_NONE;
    snprintf(scene->noted, sizeof(scene->noted), "%.*s/%.*s", SP_STR_ARG(workspace), SP_STR_ARG(key_id));
}

static void on_retired(void *user, struct sp_str operator_name, const char *server) {
    struct scene *scene = user;
    snprintf(scene->retired, sizeof(scene->retired), "%.*s %s", SP_STR_ARG(operator_name), server);
}

/* Last use is kept since 100 days, and the key "old" is 90 days old. */
static int set_up(void **state) {
    static struct scene scene;
    struct sp_error error = {0};
    scene = (struct scene){0};
    admin_fixture_open(&scene.fixture, NULL);
    scene.fixture.now_s = NOW - 90 * DAY;
    scene.admin = admin_workspace(&scene.fixture, "w1");
    admin_ok(&scene.fixture, scene.admin, "CreateApiKey",
             "{'id': 'old', 'principal': 'w1-admin', 'name': 'old', 'permissions': {'all': true}}");
    scene.fixture.now_s = NOW;
    scene.usage = (struct sp_admin_usage){
        .up_since_s = NOW - DAY, .grace_s = GRACE, .note = on_note, .retired = on_retired, .user = &scene};
    folder_make(scene.folder);
    assert_int_equal(sp_usage_store_open(scene.folder, NOW - 100 * DAY, &scene.usage.store, &error), SP_OK);
    scene.store = scene.usage.store;
    scene.fixture.usage = &scene.usage;
    *state = &scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    sp_usage_store_close(scene->store);
    folder_remove(scene->folder);
    admin_fixture_close(&scene->fixture);
    return 0;
}

/* ---- what servers told ---- */

static void told(struct scene *scene, const char *server, uint64_t instance, uint64_t sequence, int64_t until_s,
                 int64_t lost_until_s, int64_t now_s) {
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    bool again = false;
    const struct sp_usage_report report = {.id = sp_str_from(server),
                                           .instance = instance,
                                           .sequence = sequence,
                                           .until_s = until_s,
                                           .lost_until_s = lost_until_s};
    assert_int_equal(sp_usage_batch_begin(scene->usage.store, &batch, &error), SP_OK);
    assert_int_equal(sp_usage_batch_report(batch, &report, now_s, &again), SP_OK);
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
}

static void used(struct scene *scene, const char *key_id, int64_t at_s, int64_t rejected_s) {
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    const struct sp_key_use use = {
        .accepted = {at_s, true, {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7}}},
        .rejected = {rejected_s, false, {{0}}},
        .reason = rejected_s != 0 ? SP_REASON_IP_NOT_ALLOWED : SP_REASON_NONE,
    };
    assert_int_equal(sp_usage_batch_begin(scene->usage.store, &batch, &error), SP_OK);
    assert_int_equal(sp_usage_batch_merge(batch, SP_STR_LITERAL("w1"), sp_str_from(key_id), &use), SP_OK);
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
}

static void all_is_known(struct scene *scene) {
    told(scene, SP_USAGE_ADMIN_ID, 1, 1, NOW - 5, 0, NOW - 5);
    told(scene, "alpha", 1, 1, NOW - 10, 0, NOW - 10);
}

/* ---- tests ---- */

static void tells_what_is_known_and_why(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const struct {
        const char *request;
        const char *safety;
        const char *why;
    } cases[] = {
        {"{'id': 'old'}", "KEY_SAFETY_SAFE", "not used on any server for 30 days before 2023-11-14T22:13:10Z"},
        {"{'id': 'old', 'windowS': 3456000}", "KEY_SAFETY_SAFE", "not used on any server for 40 days before "},
        {"{'id': 'old', 'windowS': 4320000}", "KEY_SAFETY_IN_USE", "used within the last 50 days"},
        {"{'id': 'old', 'windowS': 34560000}", "KEY_SAFETY_IN_USE", "used within the last 400 days"},
        {"{'id': 'young'}", "KEY_SAFETY_UNKNOWN", "created less than 30 days ago"},
        {"{'id': 'young', 'windowS': 1}", "KEY_SAFETY_UNKNOWN", "created less than 1 second ago"},
        {"{'id': 'old', 'windowS': 5400}", "KEY_SAFETY_SAFE", "not used on any server for 90 minutes before "},
    };
    all_is_known(scene);
    used(scene, "old", NOW - 45 * DAY, NOW - 3 * DAY);
    admin_ok(fixture, scene->admin, "CreateApiKey",
             "{'id': 'young', 'principal': 'w1-admin', 'name': 'young', 'permissions': {'all': true}}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        admin_ok(fixture, scene->admin, "GetKeyUsage", cases[i].request);
        assert_string_equal(admin_text(fixture, "safeToDelete"), cases[i].safety);
        if (strncmp(admin_text(fixture, "why"), cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s", cases[i].request, admin_text(fixture, "why"));
    }
    assert_int_equal(admin_number(fixture, "lastUsedAt"), NOW - 45 * DAY);
    assert_string_equal(admin_text(fixture, "lastUsedIp"), "203.0.113.7");
    assert_int_equal(admin_number(fixture, "lastRejectedAt"), NOW - 3 * DAY);
    assert_string_equal(admin_text(fixture, "lastRejectedIp"), "");
    assert_string_equal(admin_text(fixture, "lastRejectedReason"), "IP_NOT_ALLOWED");
    assert_int_equal(admin_number(fixture, "knownSince"), NOW - 100 * DAY);
    assert_int_equal(admin_number(fixture, "knownUntil"), NOW - 10);
}

static void every_doubt_is_said_in_words(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const char request[] = "{'id': 'old'}";
    told(scene, SP_USAGE_ADMIN_ID, 1, 1, NOW - 5, 0, NOW - 5);
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_non_null(strstr(admin_text(fixture, "why"), "no server reports: start each sallyportd with --report-to"));

    told(scene, "alpha", 1, 1, 0, 0, NOW - 10);
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_non_null(strstr(admin_text(fixture, "why"), "server alpha has not finished its first report"));
    assert_int_equal(admin_number(fixture, "knownUntil"), 0);

    told(scene, "alpha", 1, 2, NOW - 500, 0, NOW - 10);
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_non_null(strstr(admin_text(fixture, "why"), "(sallyport server retire alpha)"));

    told(scene, "alpha", 1, 3, NOW - 10, NOW - 2 * DAY, NOW - 10);
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_non_null(strstr(admin_text(fixture, "why"), "server alpha lost some uses from before 2023-11-12"));
    admin_ok(fixture, scene->admin, "GetKeyUsage", "{'id': 'old', 'windowS': 86400}");
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_SAFE");

    scene->usage.up_since_s = NOW - 10;
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_non_null(strstr(admin_text(fixture, "why"), "the admin instance started less than 2 minutes"));

    fixture->now_s = NOW + 500;
    told(scene, "alpha", 1, 4, NOW + 499, 0, NOW + 499);
    admin_ok(fixture, scene->admin, "GetKeyUsage", "{'id': 'old', 'windowS': 60}");
    assert_non_null(strstr(admin_text(fixture, "why"), "the admin instance cannot record uses"));

    scene->usage.store = NULL;
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_UNKNOWN");
    assert_non_null(strstr(admin_text(fixture, "why"), "this instance does not record key usage"));
    fixture->usage = NULL;
    admin_ok(fixture, scene->admin, "GetKeyUsage", request);
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_UNKNOWN");
}

static void keys_show_their_use_and_can_be_sieved_by_it(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    all_is_known(scene);
    used(scene, "old", NOW - 45 * DAY, 0);
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'old'}");
    assert_string_equal(admin_text(fixture, "usage.safeToDelete"), "KEY_SAFETY_SAFE");
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'old', 'usageWindowS': 8640000}");
    assert_string_equal(admin_text(fixture, "usage.safeToDelete"), "KEY_SAFETY_IN_USE");
    admin_ok(fixture, scene->admin, "ListApiKeys", "{}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 2);
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'safeToDeleteOnly': true}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 1);
    assert_string_equal(admin_text(fixture, "apiKeys.0.id"), "old");
    assert_int_equal(admin_number(fixture, "apiKeys.0.usage.lastUsedAt"), NOW - 45 * DAY);
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'safeToDeleteOnly': true, 'usageWindowS': 4320000}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 0);

    /* The reply of a change says nothing of it, and nothing of it is stored. */
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'old', 'name': 'older', 'updateMask': ['name']}");
    assert_true(json_is_null(admin_at(fixture, "apiKey.usage")) || admin_at(fixture, "apiKey.usage") == NULL);
}

static void only_who_may_read_a_key_learns_of_its_use(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_workspace(fixture, "w2");
    all_is_known(scene);
    const char *operator_key = fixture->operator_key;
    admin_ok(fixture, operator_key, "GetKeyUsage", "{'workspace': 'w1', 'id': 'old'}");
    admin_fails(fixture, operator_key, "GetKeyUsage", "{'id': 'old'}", SP_ERR_INVALID, "workspace");
    admin_fails(fixture, other, "GetKeyUsage", "{'workspace': 'w1', 'id': 'old'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, other, "GetKeyUsage", "{'id': 'old'}", SP_ERR_NOT_FOUND, "key old not found");
    admin_fails(fixture, NULL, "GetKeyUsage", "{'id': 'old'}", SP_ERR_UNAUTHENTICATED, NULL);
    const char *weak = admin_new_key(fixture, scene->admin, "w1-admin", "{'names': ['text_to_speech']}", "");
    admin_fails(fixture, weak, "GetKeyUsage", "{'id': 'old'}", SP_ERR_PERMISSION, NULL);
    admin_fails(fixture, scene->admin, "GetKeyUsage", "{'id': 'old', 'windowS': 34560001}", SP_ERR_INVALID,
                "window_s: at most 400 days");
    admin_fails(fixture, scene->admin, "ListApiKeys", "{'usageWindowS': '18446744073709551615'}", SP_ERR_INVALID,
                "usage_window_s: at most 400 days");
    admin_fails(fixture, scene->admin, "ListServers", "{}", SP_ERR_PERMISSION, NULL);
    admin_fails(fixture, scene->admin, "RetireServer", "{'id': 'alpha'}", SP_ERR_PERMISSION, NULL);
}

static void the_key_that_asks_is_in_use(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    all_is_known(scene);
    scene->notes = 0;
    admin_ok(fixture, scene->admin, "WhoAmI", "{}");
    const char *id = admin_keep(fixture, admin_text(fixture, "apiKey.id"));
    assert_int_equal(scene->notes, 1);
    admin_ok(fixture, scene->admin, "GetKeyUsage", admin_format(fixture, "{'id': '%s'}", id));
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_IN_USE");
    assert_int_equal(admin_number(fixture, "lastUsedAt"), NOW);
    assert_string_equal(admin_text(fixture, "lastUsedIp"), "203.0.113.9");
    char noted[64];
    snprintf(noted, sizeof(noted), "w1/%s", id);
    assert_string_equal(scene->noted, noted);
    assert_int_equal(scene->notes, 2);
    /* An operator's is kept by name; one that fails is a rejection. */
    admin_ok(fixture, fixture->operator_key, "GetKeyUsage", "{'workspace': 'w1', 'id': 'old'}");
    assert_int_equal(scene->notes, 3);
    assert_string_equal(scene->noted, SP_USAGE_OPERATORS "/root");
    fixture->now_s = NOW + 1;
    admin_ok(fixture, fixture->operator_key, "DisableApiKey",
             admin_format(fixture, "{'workspace': 'w1', 'id': '%s'}", id));
    admin_fails(fixture, scene->admin, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_DISABLED");
    assert_int_equal(scene->notes, 4);
    assert_int_equal(scene->rejections, 1);
}

static void servers_are_listed_by_state_and_page_by_page(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const char *const states[][2] = {
        {"alpha", "SERVER_STATE_REPORTING"}, {"beta", "SERVER_STATE_SILENT"},     {"delta", "SERVER_STATE_BEHIND"},
        {"gamma", "SERVER_STATE_ENDED"},     {"gamma", "SERVER_STATE_REPORTING"},
    };
    all_is_known(scene);
    told(scene, "beta", 2, 1, NOW - 500, 0, NOW - 499);
    told(scene, "gamma", 3, 1, NOW - 500, 0, NOW - 499);
    told(scene, "gamma", 4, 1, NOW - 30, 0, NOW - 20);
    told(scene, "delta", 5, 1, NOW - 600, 0, NOW - 10);
    const char *token = "";
    for (size_t i = 0; i < 5; i++) {
        admin_ok(fixture, fixture->operator_key, "ListServers",
                 admin_format(fixture, "{'pageSize': 1, 'pageToken': '%s'}", token));
        assert_int_equal(admin_length(fixture, "servers"), 1);
        assert_string_equal(admin_text(fixture, "servers.0.id"), states[i][0]);
        assert_string_equal(admin_text(fixture, "servers.0.state"), states[i][1]);
        token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
        assert_int_equal(token[0] == '\0', i == 4);
    }
    assert_string_equal(admin_text(fixture, "servers.0.instance"), "0000000000000004");
    admin_ok(fixture, fixture->operator_key, "ListServers", "{}");
    assert_int_equal(admin_length(fixture, "servers"), 5);
    /* Not base64url; no instance; no id; an id that is not terminated, or too early. */
    static const char *const foreign[] = {"!", "YWxwaGEA", "AAAAAAAAAAAB", "YWxwaGEBAAAAAAAAAAE", "YQBiAAAAAAAAAAAB"};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
        admin_fails(fixture, fixture->operator_key, "ListServers",
                    admin_format(fixture, "{'pageToken': '%s'}", foreign[i]), SP_ERR_INVALID,
                    "page_token: not a token returned by this list");
    admin_fails(fixture, fixture->operator_key, "ListServers", "{'pageSize': 1001}", SP_ERR_INVALID, "page_size");
}

static void a_server_is_retired_by_an_operator_whose_name_is_told(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t revision = admin_revision(fixture);
    all_is_known(scene);
    told(scene, "beta", 2, 1, NOW - 500, 0, NOW - 499);
    admin_ok(fixture, scene->admin, "GetKeyUsage", "{'id': 'old'}");
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_UNKNOWN");
    admin_ok(fixture, fixture->operator_key, "RetireServer", "{'id': 'beta'}");
    assert_int_equal(admin_number(fixture, "retired"), 1);
    assert_string_equal(scene->retired, "root beta");
    admin_ok(fixture, scene->admin, "GetKeyUsage", "{'id': 'old'}");
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_SAFE");
    admin_fails(fixture, fixture->operator_key, "RetireServer", "{'id': 'beta'}", SP_ERR_NOT_FOUND,
                "server beta not found");
    admin_fails(fixture, fixture->operator_key, "RetireServer", "{'id': 'no id'}", SP_ERR_INVALID, "id");
    assert_int_equal(admin_revision(fixture), revision);
    scene->usage.store = NULL;
    admin_fails(fixture, fixture->operator_key, "ListServers", "{}", SP_ERR_UNAVAILABLE, "does not record key usage");
}

static void what_the_admin_instance_lost_is_shown_and_can_be_accepted(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    all_is_known(scene);
    admin_ok(fixture, fixture->operator_key, "ListServers", "{}");
    assert_int_equal(admin_length(fixture, "servers"), 1);
    /* It was killed, and another process goes on. */
    told(scene, SP_USAGE_ADMIN_ID, 2, 1, NOW - 1, 0, NOW - 1);
    admin_ok(fixture, fixture->operator_key, "ListServers", "{}");
    assert_int_equal(admin_length(fixture, "servers"), 2);
    assert_string_equal(admin_text(fixture, "servers.0.id"), "@admin");
    assert_string_equal(admin_text(fixture, "servers.0.state"), "SERVER_STATE_ENDED");
    admin_ok(fixture, scene->admin, "GetKeyUsage", "{'id': 'old'}");
    assert_non_null(strstr(admin_text(fixture, "why"), "the admin instance @admin lost some uses from before"));
    admin_ok(fixture, fixture->operator_key, "RetireServer", "{'id': '@admin'}");
    admin_ok(fixture, scene->admin, "GetKeyUsage", "{'id': 'old'}");
    assert_string_equal(admin_text(fixture, "safeToDelete"), "KEY_SAFETY_SAFE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_is_known_and_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_doubt_is_said_in_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_show_their_use_and_can_be_sieved_by_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_who_may_read_a_key_learns_of_its_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_that_asks_is_in_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(servers_are_listed_by_state_and_page_by_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_admin_instance_lost_is_shown_and_can_be_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_is_retired_by_an_operator_whose_name_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
