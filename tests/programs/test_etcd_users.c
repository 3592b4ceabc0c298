/* Pods that sign in to a real etcd, whose tokens live for two seconds and are left to expire. Pod a
 * makes changes; pod b, with a public key, only follows. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/key_text.h"
#include "support/pods.h"
#include "support/signing_keys.h"

enum { EXPIRED_MS = 3500, NOTICED_MS = 20000 };

struct fixture {
    struct origin origin;
    struct pod a, b;
    struct etcd_tokens tokens;
    char user_word[32], password_file[160], password_word[200], signing_word[200], verify_word[200];
    int made; /* workspaces */
};

static void make_origin(struct fixture *fixture, bool jwt) {
    char folder[64];
    folder_make(folder);
    etcd_tokens_make(&fixture->tokens, folder, jwt);
    origin_make_with(&fixture->origin, fixture->tokens.words);
    folder_remove(folder); /* etcd has read it */
}

static void give_user(struct fixture *fixture, const char *password) {
    etcd_control(&fixture->origin.etcd, "user add pod:%s", password);
    etcd_control(&fixture->origin.etcd, "user grant-role pod pod");
}

static int begin(void **state, bool jwt) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char private_file[160], public_file[160];
    assert_non_null(fixture);
    make_origin(fixture, jwt);
    etcd_lock(&fixture->origin.etcd, "readwrite", "/sallyport/v1/");
    const char *folder = fixture->origin.folder;
    snprintf(fixture->password_file, sizeof(fixture->password_file), "%s/password", folder);
    file_write(fixture->password_file, "word\n");
    snprintf(private_file, sizeof(private_file), "%s/signing.pem", folder);
    snprintf(public_file, sizeof(public_file), "%s/verify.pem", folder);
    signing_keys_make(private_file, public_file, NULL);
    snprintf(fixture->user_word, sizeof(fixture->user_word), "--etcd-user=pod");
    snprintf(fixture->password_word, sizeof(fixture->password_word), "--etcd-password-file=%s", fixture->password_file);
    snprintf(fixture->signing_word, sizeof(fixture->signing_word), "--source-signing-key=%s", private_file);
    snprintf(fixture->verify_word, sizeof(fixture->verify_word), "--source-verify-keys=%s", public_file);
    pod_make(&fixture->a, &fixture->origin, "a", NULL);
    fixture->a.sync_words[0] = fixture->user_word;
    fixture->a.sync_words[1] = fixture->password_word;
    fixture->a.sync_words[2] = fixture->signing_word;
    pod_start(&fixture->a, &fixture->origin);
    process_wait_for(&fixture->a.sync, "renewed etcd's head");
    pod_make(&fixture->b, &fixture->origin, "b", NULL);
    fixture->b.sync_words[0] = fixture->user_word;
    fixture->b.sync_words[1] = fixture->password_word;
    fixture->b.sync_words[2] = fixture->verify_word;
    fixture->b.sync_words[3] = "--follow-only";
    pod_start(&fixture->b, &fixture->origin);
    *state = fixture;
    return 0;
}

static int begin_with_simple_tokens(void **state) {
    return begin(state, false);
}

static int begin_with_jwt(void **state) {
    return begin(state, true);
}

static int end(void **state) {
    struct fixture *fixture = *state;
    pod_end(&fixture->a, SIGTERM);
    pod_end(&fixture->b, SIGTERM);
    origin_end(&fixture->origin);
    free(fixture);
    return 0;
}

/* ---- what pods do ---- */

static enum sp_status change(struct fixture *fixture) {
    return caller_callf(&fixture->a.admin, "Admin/CreateWorkspace", "{'id': 'made-%d', 'name': 'Made', 'seats': 2}",
                        fixture->made++);
}

/* A change at a reaches b's decisions. */
static void assert_works(struct fixture *fixture) {
    char key[PROGRAMS_KEY_BYTES], revision[96];
    if (change(fixture) != SP_OK) {
        char *said = process_read(fixture->a.sync.err);
        fail_msg("%s; log: %s", fixture->a.admin.error.message, strlen(said) > 700 ? said + strlen(said) - 700 : said);
    }
    snprintf(key, sizeof(key), "%s", caller_text(&fixture->a.admin, "secret"));
    pod_revision(&fixture->a.admin, revision);
    pod_await(&fixture->b, &fixture->a);
    assert_string_equal(pod_check(&fixture->b, key, revision), "ALLOWED");
}

static void await_change(struct fixture *fixture, enum sp_status expected) {
    enum sp_status status = change(fixture);
    for (int i = 0; status != expected && i < NOTICED_MS / 50; i++) {
        sp_clock_sleep_ms(50);
        status = change(fixture);
    }
    if (status != expected)
        fail_msg("%s: %s", sp_status_name(status), fixture->a.admin.error.message);
}

/* ---- cases ---- */

static void changes_are_made_and_followed_however_often_tokens_expire(void **state) {
    struct fixture *fixture = *state;
    assert_works(fixture);
    sp_clock_sleep_ms(EXPIRED_MS);
    assert_works(fixture);
}

static void a_change_of_etcd_s_users_stops_nobody(void **state) {
    struct fixture *fixture = *state;
    assert_works(fixture);
    etcd_control(&fixture->origin.etcd, "user add somebody:else");
    assert_works(fixture);
    etcd_control(&fixture->origin.etcd, "role add other");
    etcd_control(&fixture->origin.etcd, "role grant-permission other read other");
    assert_works(fixture);
}

static void assert_tells_nothing(const struct caller *caller) {
    static const char *const words[] = {"pod", "password", "etcdserver", "rejected"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strstr(caller->error.message, words[i]) != NULL)
            fail_msg("\"%s\" was told", caller->error.message);
    if (caller->error.status == SP_ERR_UNAUTHENTICATED)
        assert_non_null(strstr(caller->error.message, "[KEY_UNKNOWN]"));
}

/* Neither etcd's code nor the name of its user is for whoever comes with a wrong key. */
static void a_wrong_password_of_the_service_is_told_in_its_log_only(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t random[SP_KEY_RANDOM_BYTES] = {1, 2, 3};
    char unknown[SP_KEY_TEXT_BYTES];
    struct caller stranger;
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, unknown);
    etcd_control(&fixture->origin.etcd, "user delete pod");
    give_user(fixture, "rotated");
    assert_true(caller_open(&stranger, fixture->a.sync_target, unknown));
    for (int i = 0; i < 40; i++) {
        assert_int_equal(change(fixture), SP_ERR_UNAVAILABLE);
        assert_tells_nothing(&fixture->a.admin);
        assert_null(strstr(fixture->a.admin.error.message, "cannot reach etcd"));
        assert_int_not_equal(caller_call(&stranger, "Admin/CreateGroup", "{'id': 'g', 'name': 'G'}"), SP_OK);
        assert_tells_nothing(&stranger);
        sp_clock_sleep_ms(100);
    }
    assert_non_null(strstr(fixture->a.admin.error.message, "cannot sign in to etcd"));
    process_assert_said(&fixture->a.sync, "etcd rejected user pod or the password in ");
    file_write(fixture->password_file, "rotated\n");
    await_change(fixture, SP_OK);
    assert_works(fixture);
    assert_int_equal(caller_call(&stranger, "Admin/CreateGroup", "{'id': 'g', 'name': 'G'}"), SP_ERR_UNAUTHENTICATED);
    caller_close(&stranger);
}

static void with_authentication_off_nothing_is_changed_unless_that_is_allowed(void **state) {
    struct fixture *fixture = *state;
    assert_works(fixture);
    etcd_control(&fixture->origin.etcd, "auth disable");
    fixture->origin.etcd.user = NULL;
    await_change(fixture, SP_ERR_PRECONDITION);
    assert_non_null(strstr(fixture->a.admin.error.message, "authentication is disabled"));
    process_wait_for(&fixture->a.sync, "etcd authentication is disabled, although --etcd-user is given");
    /* b believes signed heads only, so it goes on. */
    process_wait_for(&fixture->b.sync, "etcd authentication is disabled, although --etcd-user is given");
    pod_end(&fixture->a, SIGTERM);
    fixture->a.sync_words[3] = "--etcd-allow-unauthenticated";
    pod_start(&fixture->a, &fixture->origin);
    await_change(fixture, SP_OK);
    assert_works(fixture);
    process_assert_said(&fixture->a.sync, "etcd authentication is disabled, although --etcd-user is given");
    etcd_control(&fixture->origin.etcd, "auth enable");
    assert_works(fixture);
    process_wait_for(&fixture->a.sync, "etcd authentication is enabled again");
}

/* It has nothing but etcd to believe. */
static void with_authentication_off_a_follower_without_public_keys_waits(void **state) {
    struct fixture *fixture = *state;
    struct pod plain;
    pod_make(&plain, &fixture->origin, "plain", NULL);
    plain.sync_words[0] = fixture->user_word;
    plain.sync_words[1] = fixture->password_word;
    plain.sync_words[2] = "--follow-only";
    pod_start(&plain, &fixture->origin);
    etcd_control(&fixture->origin.etcd, "auth disable");
    fixture->origin.etcd.user = NULL;
    process_wait_for(&plain.sync, "not following etcd: etcd (");
    process_assert_said(&plain.sync,
                        "authentication is disabled, although --etcd-user is given: enable authentication there, or "
                        "pass --etcd-allow-unauthenticated");
    etcd_control(&fixture->origin.etcd, "auth enable");
    await_change(fixture, SP_OK);
    pod_await(&plain, &fixture->a);
    pod_end(&plain, SIGTERM);
}

#define CASE(name, begin_) cmocka_unit_test_setup_teardown(name, begin_, end)

int main(void) {
    const struct CMUnitTest simple[] = {
        CASE(changes_are_made_and_followed_however_often_tokens_expire, begin_with_simple_tokens),
        CASE(a_wrong_password_of_the_service_is_told_in_its_log_only, begin_with_simple_tokens),
        CASE(with_authentication_off_nothing_is_changed_unless_that_is_allowed, begin_with_simple_tokens),
        CASE(with_authentication_off_a_follower_without_public_keys_waits, begin_with_simple_tokens),
    };
    const struct CMUnitTest jwt[] = {
        CASE(changes_are_made_and_followed_however_often_tokens_expire, begin_with_jwt),
        CASE(a_change_of_etcd_s_users_stops_nobody, begin_with_jwt),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests_name("simple tokens", simple, NULL, NULL) +
           cmocka_run_group_tests_name("JSON web tokens", jwt, NULL, NULL);
}
