/* Rights are given, not taken, over the real programs: a key of a few seconds that rotates itself,
 * and a tenant's account that registers what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/programs.h"

static struct programs programs;
static struct caller admin;
static char admin_key[PROGRAMS_KEY_BYTES];

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    programs_start_with(&programs, NULL);
    programs_workspace(&programs, "w1", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    caller_ok(&admin, "Admin/CreateServiceAccount", "{'id': 'bot', 'name': 'bot'}");
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

static void open_new_key(struct caller *caller, const char *permissions, const char *rest) {
    caller_ok(&admin, "Admin/CreateApiKey", "{'principal': 'bot', 'name': 'x', 'permissions': %s%s}", permissions,
              rest);
    assert_true(caller_open(caller, programs.sync_target, caller_text(&admin, "secret")));
}

/* Rotates with each new text in turn, as soon as the key before it has ended, until that is
 * refused. */
static size_t rotate_until_refused(struct caller *caller, long long give_up_s) {
    size_t rotations = 0;
    while (time(NULL) < give_up_s) {
        char secret[PROGRAMS_KEY_BYTES];
        enum sp_status status = caller_call(caller, "Admin/RotateApiKey", "{'graceS': 1}");
        if (status != SP_OK && status != SP_ERR_PRECONDITION)
            break;
        if (status == SP_ERR_PRECONDITION) {
            assert_non_null(strstr(caller->error.message, "works until"));
            usleep(100 * 1000);
            continue;
        }
        snprintf(secret, sizeof(secret), "%s", caller_text(caller, "secret"));
        caller_close(caller);
        assert_true(caller_open(caller, programs.sync_target, secret));
        rotations++;
    }
    return rotations;
}

static void a_key_of_seconds_does_not_live_on_by_rotating_itself(void **state) {
    (void)state;
    struct caller caller;
    char rest[96];
    /* `all` includes no right to rotate itself. */
    snprintf(rest, sizeof(rest), ", 'expiresAt': '%lld'", (long long)time(NULL) + 8);
    open_new_key(&caller, "{'all': true}", rest);
    assert_int_equal(rotate_until_refused(&caller, (long long)time(NULL) + 8), 0);
    assert_int_equal(caller.error.status, SP_ERR_PERMISSION);
    caller_close(&caller);
    /* Nor does one that lists it without an end. */
    assert_int_equal(caller_callf(&admin, "Admin/CreateApiKey",
                                  "{'principal': 'bot', 'name': 'x', 'permissions': {'names': ['api_key_rotate']}%s}",
                                  rest),
                     SP_ERR_INVALID);
    /* With an end it goes on until then. */
    long long end_s = (long long)time(NULL) + 4;
    snprintf(rest, sizeof(rest), ", 'expiresAt': '%lld', 'notAfter': '%lld'", end_s - 2, end_s);
    open_new_key(&caller, "{'names': ['api_key_rotate']}", rest);
    assert_true(rotate_until_refused(&caller, end_s + 10) > 1);
    assert_true(time(NULL) < end_s + 5);
    assert_int_equal(caller.error.status, SP_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(caller.error.message, "KEY_EXPIRED"));
    caller_close(&caller);
}

static void an_account_takes_no_ids_and_no_ones_resources(void **state) {
    (void)state;
    static const struct {
        const char *type, *id;
    } rows[] = {{"report", "audit"}, {"secret", "openai"}, {"voice", "rachel"}, {"agent", "front-desk"}};
    struct caller bot;
    open_new_key(&bot, "{'all': true}", "");
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'w1', 'resource': {'type': 'secret', 'id': 'of-ann'}}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(caller_callf(&bot, "Admin/RegisterResource", "{'resource': {'type': '%s', 'id': '%s'}}",
                                      rows[i].type, rows[i].id),
                         SP_ERR_PERMISSION);
        caller_ok(&admin, "Admin/ListShares", "{'resource': {'type': '%s', 'id': '%s'}}", "secret", "openai");
        assert_int_equal(json_array_size(caller_at(&admin, "grants")), 0);
    }
    assert_int_equal(caller_call(&bot, "Admin/DeleteResource", "{'resource': {'type': 'secret', 'id': 'of-ann'}}"),
                     SP_ERR_PERMISSION);
    /* Nor does the admin of the workspace take global ids, or learn which are taken. */
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v'}}");
    char taken[1024];
    assert_int_equal(caller_call(&admin, "Admin/RegisterResource", "{'resource': {'type': 'voice', 'id': 'v'}}"),
                     SP_ERR_PERMISSION);
    snprintf(taken, sizeof(taken), "%s", admin.error.message);
    assert_int_equal(caller_call(&admin, "Admin/RegisterResource", "{'resource': {'type': 'voice', 'id': 'free'}}"),
                     SP_ERR_PERMISSION);
    assert_string_equal(admin.error.message, taken);
    /* What an operator grants works. */
    caller_ok(&admin, "Admin/CreateApiKey",
              "{'id': 'platform', 'principal': 'bot', 'name': 'x', 'permissions': {'names': ['voices_read']}}");
    struct caller platform;
    assert_true(caller_open(&platform, programs.sync_target, caller_text(&admin, "secret")));
    operator_ok(&programs, "Admin/UpdateApiKey",
                "{'workspace': 'w1', 'id': 'platform', 'updateMask': ['permissions'], 'permissions': {'names': "
                "['voices_read', 'resource_register']}}");
    caller_ok(&platform, "Admin/RegisterResource", "{'resource': {'type': 'voice', 'id': 'rachel'}}");
    caller_close(&platform);
    caller_close(&bot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_seconds_does_not_live_on_by_rotating_itself),
        cmocka_unit_test(an_account_takes_no_ids_and_no_ones_resources),
    };
    int failed = cmocka_run_group_tests(tests, make_world, remove_world);
    return failed > 255 ? 255 : failed;
}
