/* Pods over an etcd that takes little: small transactions, and a small database. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "support/pods.h"

enum { QUOTA_BYTES = 16 << 20, USERS = 700 };

struct fixture {
    struct origin origin;
    struct pod a, b;
};

static int begin(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char quota[24];
    assert_non_null(fixture);
    snprintf(quota, sizeof(quota), "%d", QUOTA_BYTES);
    origin_make_with(&fixture->origin,
                     (const char *const[]){"--max-txn-ops", "16", "--quota-backend-bytes", quota, NULL});
    pod_make(&fixture->a, &fixture->origin, "a", NULL);
    pod_start(&fixture->a, &fixture->origin);
    pod_make(&fixture->b, &fixture->origin, "b", NULL);
    pod_start(&fixture->b, &fixture->origin);
    *state = fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    pod_end(&fixture->a, SIGTERM);
    pod_end(&fixture->b, SIGTERM);
    origin_end(&fixture->origin);
    free(fixture);
    return 0;
}

static enum sp_status make_workspace(struct fixture *fixture, const char *id) {
    return caller_callf(&fixture->a.admin, "Admin/CreateWorkspace",
                        "{'id': '%s', 'name': 'W', 'seats': 1000, 'adminId': '%s-admin'}", id, id);
}

/* ---- small transactions ---- */

static void write_import(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "{\"workspace\": {\"id\": \"large\", \"name\": \"Large\", \"seats\": 100000}}\n");
    for (int i = 0; i < USERS; i++)
        fprintf(file,
                "{\"principal\": {\"workspace\": \"large\", \"id\": \"user-%d\", \"kind\": \"USER\", \"name\": \"User "
                "%d\"}}\n",
                i, i);
    assert_int_equal(fclose(file), 0);
}

static void an_import_into_small_transactions_is_made_and_so_is_what_follows(void **state) {
    struct fixture *fixture = *state;
    char file[160], key_file[160], profiles[160];
    struct process import;
    snprintf(file, sizeof(file), "%s/import.ndjson", fixture->origin.folder);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", fixture->origin.folder);
    snprintf(profiles, sizeof(profiles), "%s/profiles.yaml", fixture->origin.folder);
    FILE *profile = fopen(profiles, "w");
    assert_non_null(profile);
    fprintf(profile, "default: {admin: \"%s\", key_file: \"%s\"}\n", fixture->a.sync_target, key_file);
    assert_int_equal(fclose(profile), 0);
    setenv("SALLYPORT_PROFILES", profiles, 1);
    write_import(file);
    const char *arguments[] = {"sallyport", "import", file, NULL};
    if (process_run(&import, fixture->origin.folder, "import", arguments) != 0) {
        char *said = process_read(import.err);
        fail_msg("import: %s", said);
    }
    if (make_workspace(fixture, "after-import") != SP_OK)
        fail_msg("%s", fixture->a.admin.error.message);
    process_assert_said(&fixture->a.sync, "etcd limits a transaction to 16 operations");
    pod_await(&fixture->b, &fixture->a);
    caller_ok(&fixture->b.admin, "Admin/GetPrincipal", "{'workspace': 'large', 'id': 'user-%d'}", USERS - 1);
    pod_verify(&fixture->a);
    pod_verify(&fixture->b);
}

/* ---- a small database ---- */

/* As somebody else's data, until it is so large or etcd refuses more. etcd tells the size of what
 * it has written to disk, which it does every 100 ms: towards the end it is given the time. */
static void fill_etcd(struct fixture *fixture, uint64_t bytes) {
    enum { VALUE_BYTES = 64 << 10, SLOW_BYTES = 3 << 20 };
    struct sp_etcd *client = etcd_client(&fixture->origin.etcd);
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_etcd_outcome outcome;
    uint64_t size = 0, quota = 0;
    uint8_t *value = calloc(1, VALUE_BYTES);
    assert_non_null(value);
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    enum sp_status status = SP_OK;
    for (int i = 0; status == SP_OK && i < 1000; i++) {
        char key[24];
        sp_arena_reset(&arena);
        assert_int_equal(sp_etcd_get_room(client, &size, &quota, &error), SP_OK);
        if (size >= bytes)
            break;
        int key_size = snprintf(key, sizeof(key), "fill/%d", i);
        const struct sp_etcd_operation put = {
            .what = SP_ETCD_PUT, .key = {(const uint8_t *)key, (size_t)key_size}, .value = {value, VALUE_BYTES}};
        const struct sp_etcd_txn txn = {.operations = &put, .operation_count = 1};
        status = sp_etcd_commit(client, &txn, &arena, &outcome, &error);
        if (bytes < UINT64_MAX && (uint64_t)(i + 1) * VALUE_BYTES + SLOW_BYTES > bytes)
            sp_clock_sleep_ms(110);
    }
    free(value);
    sp_arena_fini(&arena);
    sp_etcd_close(client);
}

static uint64_t told_quota(struct fixture *fixture) {
    struct sp_etcd *client = etcd_client(&fixture->origin.etcd);
    struct sp_error error = {0};
    uint64_t size = 0, quota = 0;
    assert_int_equal(sp_etcd_get_room(client, &size, &quota, &error), SP_OK);
    sp_etcd_close(client);
    return quota;
}

static void make_room(struct fixture *fixture) {
    struct etcd *etcd = &fixture->origin.etcd;
    etcd_control(etcd, "del --prefix fill/");
    (void)etcd_compact(etcd);
    etcd_control(etcd, "defrag");
    etcd_control(etcd, "alarm disarm");
}

static void await_change(struct fixture *fixture, const char *id, enum sp_status expected) {
    enum sp_status status = make_workspace(fixture, id);
    for (int i = 0; status != expected && i < 200; i++) {
        sp_clock_sleep_ms(50);
        status = make_workspace(fixture, id);
    }
    if (status != expected)
        fail_msg("%s: %s", sp_status_name(status), fixture->a.admin.error.message);
}

static void a_full_etcd_says_what_to_do_and_decisions_go_on(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES];
    struct caller holder;
    assert_int_equal(make_workspace(fixture, "before"), SP_OK);
    snprintf(key, sizeof(key), "%s", caller_text(&fixture->a.admin, "secret"));
    pod_await(&fixture->b, &fixture->a);
    fill_etcd(fixture, UINT64_MAX);
    sp_clock_sleep_ms(1200); /* until it is asked again how full it is */
    enum sp_status status = make_workspace(fixture, "no-room");
    /* Where etcd tells its quota, what widens is refused before. */
    assert_int_equal(status, told_quota(fixture) > 0 ? SP_ERR_EXHAUSTED : SP_ERR_PRECONDITION);
    assert_true(caller_open(&holder, fixture->a.sync_target, key));
    assert_int_equal(caller_call(&holder, "Admin/DisableSelf", "{}"), SP_ERR_PRECONDITION);
    assert_non_null(strstr(holder.error.message, "etcd is out of space"));
    caller_close(&holder);
    process_assert_said(&fixture->a.sync, "etcdctl alarm disarm");
    assert_string_equal(pod_check(&fixture->b, key, ""), "ALLOWED");
    make_room(fixture);
    await_change(fixture, "room", SP_OK);
    pod_await(&fixture->b, &fixture->a);
    pod_verify(&fixture->b);
}

static void near_its_quota_only_what_takes_access_away_is_done(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES], revision[96];
    struct caller holder;
    if (told_quota(fixture) == 0)
        skip(); /* before 3.6 */
    assert_int_equal(make_workspace(fixture, "near"), SP_OK);
    snprintf(key, sizeof(key), "%s", caller_text(&fixture->a.admin, "secret"));
    fill_etcd(fixture, QUOTA_BYTES - QUOTA_BYTES / 40);
    await_change(fixture, "wide", SP_ERR_EXHAUSTED);
    assert_non_null(strstr(fixture->a.admin.error.message, "etcd is full except for a reserve"));
    assert_true(caller_open(&holder, fixture->a.sync_target, key));
    caller_ok(&holder, "Admin/DisableSelf", "{}");
    pod_revision(&holder, revision);
    caller_close(&holder);
    assert_string_equal(pod_check(&fixture->b, key, revision), "KEY_DISABLED");
    make_room(fixture);
    await_change(fixture, "wide", SP_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_import_into_small_transactions_is_made_and_so_is_what_follows, begin, end),
        cmocka_unit_test_setup_teardown(a_full_etcd_says_what_to_do_and_decisions_go_on, begin, end),
        cmocka_unit_test_setup_teardown(near_its_quota_only_what_takes_access_away_is_done, begin, end),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
