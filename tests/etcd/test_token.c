/* Authentication at a real etcd, with both kinds of its tokens. The tokens live for two seconds,
 * and are left to expire: a restart proves nothing, because etcd replays its tokens. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "etcd/token.h"
#include "etcd/watch.h"
#include "support/etcd.h"

enum { EXPIRED_MS = 3500 };

struct fixture {
    char folder[64];
    char password_file[96];
    struct etcd_tokens tokens;
    struct etcd etcd;
    struct sp_etcd *client; /* of the user pod, who may read what is below "kept" */
    struct sp_arena arena;
    struct sp_error error;
};

static struct sp_bytes bytes(const char *text) {
    return (struct sp_bytes){(const uint8_t *)text, strlen(text)};
}

static struct sp_etcd *open_client(const struct fixture *fixture, bool with_user, bool allow_unauthenticated) {
    struct sp_etcd *client = NULL;
    struct sp_error error = {0};
    const struct sp_etcd_options options = {.endpoints = sp_str_from(fixture->etcd.target),
                                            .user = with_user ? "pod" : NULL,
                                            .password_file = with_user ? fixture->password_file : NULL,
                                            .allow_unauthenticated = allow_unauthenticated};
    if (sp_etcd_open(&options, &client, &error) != SP_OK)
        fail_msg("%s", error.message);
    return client;
}

static int begin(void **state, bool jwt) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    folder_make(fixture->folder);
    etcd_make(&fixture->etcd, fixture->folder, "one");
    etcd_tokens_make(&fixture->tokens, fixture->folder, jwt);
    fixture->etcd.words[0] = fixture->tokens.words[0];
    fixture->etcd.words[1] = fixture->tokens.words[1];
    etcd_start(&fixture->etcd);
    etcd_control(&fixture->etcd, "put kept yes");
    etcd_lock(&fixture->etcd, "read", "kept");
    snprintf(fixture->password_file, sizeof(fixture->password_file), "%s/password", fixture->folder);
    file_write(fixture->password_file, "word\n");
    fixture->client = open_client(fixture, true, false);
    assert_int_equal(sp_arena_init(&fixture->arena, 4096, 1 << 20), SP_OK);
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
    sp_etcd_close(fixture->client);
    etcd_end(&fixture->etcd, SIGKILL);
    folder_remove(fixture->folder);
    sp_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

/* ---- calls ---- */

static enum sp_status get_with(struct fixture *fixture, struct sp_etcd *client) {
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = bytes("kept")};
    fixture->error = (struct sp_error){0};
    return sp_etcd_get(client, &range, &fixture->arena, &page, &fixture->error);
}

static void must_get(struct fixture *fixture) {
    if (get_with(fixture, fixture->client) != SP_OK)
        fail_msg("%s", fixture->error.message);
}

static enum sp_status put(struct fixture *fixture) {
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_operation operation = {.what = SP_ETCD_PUT, .key = bytes("kept"), .value = bytes("no")};
    const struct sp_etcd_txn txn = {.operations = &operation, .operation_count = 1};
    return sp_etcd_commit(fixture->client, &txn, &fixture->arena, &outcome, &fixture->error);
}

static enum sp_status watch_briefly(struct fixture *fixture, const char *key) {
    struct sp_etcd_watch *watch = NULL;
    struct sp_etcd_events events;
    enum sp_status status =
        sp_etcd_watch_open(fixture->client, bytes(key), (struct sp_bytes){NULL, 0}, 1, &watch, &fixture->error);
    if (status == SP_OK)
        status = sp_etcd_watch_next(watch, 5000, &fixture->arena, &events, &fixture->error);
    sp_etcd_watch_close(watch);
    return status;
}

/* As the follower does: a watch that ends is opened again. */
static void must_watch(struct fixture *fixture) {
    enum sp_status status = watch_briefly(fixture, "kept");
    if (status != SP_OK)
        status = watch_briefly(fixture, "kept");
    if (status != SP_OK)
        fail_msg("%s", fixture->error.message);
}

static void assert_said(const struct fixture *fixture, const char *text) {
    if (strstr(fixture->error.message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, fixture->error.message);
}

/* Changes the user's password; etcdctl would ask a terminal for it. */
static void give_password(struct fixture *fixture, const char *password) {
    etcd_control(&fixture->etcd, "user delete pod");
    etcd_control(&fixture->etcd, "user add pod:%s", password);
    etcd_control(&fixture->etcd, "user grant-role pod pod");
}

/* ---- cases ---- */

static void a_token_that_expired_is_replaced(void **state) {
    struct fixture *fixture = *state;
    must_get(fixture);
    assert_int_equal(put(fixture), SP_ERR_PERMISSION);
    sp_clock_sleep_ms(EXPIRED_MS);
    assert_int_equal(put(fixture), SP_ERR_PERMISSION);
    sp_clock_sleep_ms(EXPIRED_MS);
    must_watch(fixture);
    must_get(fixture);
}

static void a_watch_that_may_not_be_says_so(void **state) {
    struct fixture *fixture = *state;
    must_get(fixture);
    assert_int_equal(watch_briefly(fixture, "other"), SP_ERR_PERMISSION);
    assert_said(fixture, "permission denied");
}

static void a_change_of_users_asks_for_another_token(void **state) {
    struct fixture *fixture = *state;
    must_get(fixture);
    etcd_control(&fixture->etcd, "user add somebody:else");
    must_get(fixture);
    etcd_control(&fixture->etcd, "user delete somebody");
    must_watch(fixture);
}

static void a_password_that_etcd_does_not_know_yet_costs_nothing(void **state) {
    struct fixture *fixture = *state;
    must_get(fixture);
    file_write(fixture->password_file, "next word\n");
    must_get(fixture);
    assert_int_equal(put(fixture), SP_ERR_PERMISSION);
    file_write(fixture->password_file, "word\n");
    must_get(fixture);
}

static void a_wrong_password_names_the_file_and_a_right_one_works_at_once(void **state) {
    struct fixture *fixture = *state;
    must_get(fixture);
    give_password(fixture, "another");
    assert_int_equal(get_with(fixture, fixture->client), SP_ERR_UNAUTHENTICATED);
    assert_said(fixture, "user pod");
    assert_said(fixture, fixture->password_file);
    assert_null(strstr(fixture->error.message, "another"));
    file_write(fixture->password_file, "another\n");
    must_get(fixture);
}

static void without_a_user_it_says_that_etcd_wants_one(void **state) {
    struct fixture *fixture = *state;
    struct sp_etcd *client = open_client(fixture, false, false);
    assert_int_equal(get_with(fixture, client), SP_ERR_UNAUTHENTICATED);
    assert_said(fixture, "user name is empty");
    sp_etcd_close(client);
}

static void authentication_that_is_switched_off_is_noticed_and_refused(void **state) {
    struct fixture *fixture = *state;
    must_get(fixture);
    assert_int_equal(sp_etcd_check_authentication(fixture->client, &fixture->error), SP_OK);
    assert_false(sp_etcd_is_unauthenticated(fixture->client));
    etcd_control(&fixture->etcd, "auth disable");
    fixture->etcd.user = NULL;
    /* 3.4 refuses the token then; later releases take any. */
    enum sp_status status = sp_etcd_check_authentication(fixture->client, &fixture->error);
    if (status == SP_OK)
        status = get_with(fixture, fixture->client);
    assert_int_equal(status, SP_ERR_PRECONDITION);
    assert_said(fixture, "authentication is disabled");
    assert_true(sp_etcd_is_unauthenticated(fixture->client));
    assert_int_equal(get_with(fixture, fixture->client), SP_ERR_PRECONDITION);
    etcd_control(&fixture->etcd, "auth enable");
    must_get(fixture);
    assert_false(sp_etcd_is_unauthenticated(fixture->client));
}

static void authentication_that_is_off_can_be_allowed_and_is_told(void **state) {
    struct fixture *fixture = *state;
    etcd_control(&fixture->etcd, "auth disable");
    fixture->etcd.user = NULL;
    struct sp_etcd *client = open_client(fixture, true, true);
    assert_int_equal(get_with(fixture, client), SP_OK);
    assert_true(sp_etcd_is_unauthenticated(client));
    etcd_control(&fixture->etcd, "auth enable");
    assert_int_equal(get_with(fixture, client), SP_OK);
    assert_false(sp_etcd_is_unauthenticated(client));
    sp_etcd_close(client);
}

#define CASES(begin_)                                                                                                  \
    cmocka_unit_test_setup_teardown(a_token_that_expired_is_replaced, begin_, end),                                    \
        cmocka_unit_test_setup_teardown(a_watch_that_may_not_be_says_so, begin_, end),                                 \
        cmocka_unit_test_setup_teardown(a_change_of_users_asks_for_another_token, begin_, end),                        \
        cmocka_unit_test_setup_teardown(a_password_that_etcd_does_not_know_yet_costs_nothing, begin_, end),            \
        cmocka_unit_test_setup_teardown(a_wrong_password_names_the_file_and_a_right_one_works_at_once, begin_, end),   \
        cmocka_unit_test_setup_teardown(without_a_user_it_says_that_etcd_wants_one, begin_, end),                      \
        cmocka_unit_test_setup_teardown(authentication_that_is_switched_off_is_noticed_and_refused, begin_, end),      \
        cmocka_unit_test_setup_teardown(authentication_that_is_off_can_be_allowed_and_is_told, begin_, end)

int main(void) {
    const struct CMUnitTest simple[] = {CASES(begin_with_simple_tokens)};
    const struct CMUnitTest jwt[] = {CASES(begin_with_jwt)};
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests_name("simple tokens", simple, NULL, NULL) +
           cmocka_run_group_tests_name("JSON web tokens", jwt, NULL, NULL);
}
