/* Several pods over one real etcd: what one admin endpoint changes, every pod answers by; and what
 * happens without etcd. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "support/metrics_page.h"
#include "support/pods.h"
#include "support/signing_keys.h"

enum { PODS = 3 };

struct fixture {
    struct origin origin;
    struct pod pods[PODS];
};

static int begin(void **state) {
    static struct fixture fixture;
    static const char *const names[PODS] = {"a", "b", "c"};
    origin_make(&fixture.origin);
    for (size_t i = 0; i < PODS; i++) {
        pod_make(&fixture.pods[i], &fixture.origin, names[i], NULL);
        pod_start(&fixture.pods[i], &fixture.origin);
    }
    *state = &fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < PODS; i++)
        pod_end(&fixture->pods[i], SIGTERM);
    origin_end(&fixture->origin);
    return 0;
}

static void workspace(struct pod *pod, const char *id, char *ret_key) {
    caller_ok(&pod->admin, "Admin/CreateWorkspace", "{'id': '%s', 'name': '%s', 'seats': 1000, 'adminId': '%s-admin'}",
              id, id, id);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", caller_text(&pod->admin, "secret"));
}

/* A pod may learn later than others that etcd is back. */
static void await_change(struct pod *pod, const char *id) {
    for (int i = 0; caller_callf(&pod->admin, "Admin/CreateWorkspace", "{'id': '%s', 'name': 'Back', 'seats': 2}",
                                 id) == SP_ERR_UNAVAILABLE;
         i++) {
        assert_true(i < 1000);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000L}, NULL);
    }
}

static void await_reason(struct pod *pod, const char *key, const char *reason) {
    for (int i = 0; strcmp(pod_check(pod, key, ""), reason) != 0; i++) {
        if (i == 6000)
            fail_msg("%s says %s, never %s", pod->name, pod_check(pod, key, ""), reason);
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000L}, NULL);
    }
}

static void verify_all(struct fixture *fixture) {
    for (size_t i = 0; i < PODS; i++) {
        pod_await(&fixture->pods[i], &fixture->pods[0]);
        pod_verify(&fixture->pods[i]);
    }
}

/* ---- all is well ---- */

static void every_pod_answers_by_a_change_that_one_endpoint_made(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES], revision[96];
    struct caller admin;
    workspace(&fixture->pods[0], "seen", key);
    pod_revision(&fixture->pods[0].admin, revision);
    for (size_t i = 0; i < PODS; i++)
        assert_string_equal(pod_check(&fixture->pods[i], key, revision), "ALLOWED");
    /* The other way, by another endpoint. */
    assert_true(caller_open(&admin, fixture->pods[1].sync_target, key));
    caller_ok(&admin, "Admin/DisableSelf", "{}");
    pod_revision(&admin, revision);
    caller_close(&admin);
    for (size_t i = 0; i < PODS; i++)
        assert_string_equal(pod_check(&fixture->pods[i], key, revision), "KEY_DISABLED");
    verify_all(fixture);
}

static void a_replay_at_another_endpoint_gets_the_same_reply(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES], user[128];
    struct caller here, there;
    workspace(&fixture->pods[0], "replay", key);
    pod_await(&fixture->pods[1], &fixture->pods[0]);
    assert_true(caller_open(&here, fixture->pods[0].sync_target, key));
    assert_true(caller_open(&there, fixture->pods[1].sync_target, key));
    caller_ok(&here, "Admin/CreateUser", "{'name': 'Ann', 'requestId': 'once'}");
    snprintf(user, sizeof(user), "%s", caller_text(&here, "principal.id"));
    assert_true(user[0] != '\0');
    pod_await(&fixture->pods[1], &fixture->pods[0]);
    caller_ok(&there, "Admin/CreateUser", "{'name': 'Ann', 'requestId': 'once'}");
    assert_string_equal(caller_text(&there, "principal.id"), user);
    caller_close(&here);
    caller_close(&there);
}

/* ---- two endpoints at once ---- */

struct demotion {
    pthread_t thread;
    struct caller caller;
    const char *whom;
    enum sp_status status;
};

static void *demote(void *user) {
    struct demotion *demotion = user;
    demotion->status = caller_callf(&demotion->caller, "Admin/UpdatePrincipal",
                                    "{'principal': {'id': '%s', 'role': 'WORKSPACE_ROLE_MEMBER'}, 'updateMask': "
                                    "['role']}",
                                    demotion->whom);
    return NULL;
}

/* Each admin takes the other's role at its own endpoint. One of them must fail, or nobody could
 * administer any more. */
static void two_endpoints_together_never_take_the_last_admin(void **state) {
    struct fixture *fixture = *state;
    enum { ROUNDS = 15 };
    for (int round = 0; round < ROUNDS; round++) {
        char first_key[PROGRAMS_KEY_BYTES], second_key[PROGRAMS_KEY_BYTES], id[32], first[48];
        struct demotion demotions[2] = {0};
        snprintf(id, sizeof(id), "skew%d", round);
        snprintf(first, sizeof(first), "%s-admin", id);
        workspace(&fixture->pods[0], id, first_key);
        assert_true(caller_open(&demotions[0].caller, fixture->pods[0].sync_target, first_key));
        programs_user(&demotions[0].caller, "second", second_key);
        caller_ok(&demotions[0].caller, "Admin/UpdatePrincipal",
                  "{'principal': {'id': 'second', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}");
        pod_await(&fixture->pods[1], &fixture->pods[0]);
        assert_true(caller_open(&demotions[1].caller, fixture->pods[1].sync_target, second_key));
        demotions[0].whom = "second";
        demotions[1].whom = first;
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&demotions[i].thread, NULL, demote, &demotions[i]), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_join(demotions[i].thread, NULL), 0);
        assert_int_equal((demotions[0].status == SP_OK) + (demotions[1].status == SP_OK), 1);
        for (int i = 0; i < 2; i++)
            caller_close(&demotions[i].caller);
    }
    verify_all(fixture);
}

struct busy {
    pthread_t thread;
    struct caller caller;
    char name;
    int made;
    char trouble[1024];
};

static void *make_users(void *user) {
    struct busy *busy = user;
    for (int i = 0; i < 100; i++) {
        enum sp_status status =
            caller_callf(&busy->caller, "Admin/CreateUser", "{'id': '%c%d', 'name': 'User'}", busy->name, i);
        if (status == SP_OK)
            busy->made++;
        else
            snprintf(busy->trouble, sizeof(busy->trouble), "%s", busy->caller.error.message);
    }
    return NULL;
}

static void many_changes_at_both_endpoints_are_all_made(void **state) {
    struct fixture *fixture = *state;
    enum { THREADS = 8 };
    char key[PROGRAMS_KEY_BYTES];
    struct busy busy[THREADS] = {0};
    workspace(&fixture->pods[0], "busy", key);
    pod_await(&fixture->pods[1], &fixture->pods[0]);
    for (int i = 0; i < THREADS; i++) {
        busy[i].name = (char)('a' + i);
        assert_true(caller_open(&busy[i].caller, fixture->pods[i % 2].sync_target, key));
        assert_int_equal(pthread_create(&busy[i].thread, NULL, make_users, &busy[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(busy[i].thread, NULL), 0);
        if (busy[i].made != 100)
            fail_msg("only %d were made: %s", busy[i].made, busy[i].trouble);
        caller_close(&busy[i].caller);
    }
    verify_all(fixture);
}

/* ---- large changes ---- */

static void write_import(const char *path, int users) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "{\"workspace\": {\"id\": \"large\", \"name\": \"Large\", \"seats\": 100000}}\n");
    for (int i = 0; i < users; i++)
        fprintf(file,
                "{\"principal\": {\"workspace\": \"large\", \"id\": \"user-%d\", \"kind\": \"USER\", \"name\": \"User "
                "%d\"}}\n",
                i, i);
    assert_int_equal(fclose(file), 0);
}

static void a_change_too_large_for_one_transaction_can_be_tried_and_takes_effect_at_once(void **state) {
    struct fixture *fixture = *state;
    enum { USERS = 3000 };
    char file[160], key_file[160], profiles[160], text[512];
    struct process import;
    snprintf(file, sizeof(file), "%s/import.ndjson", fixture->origin.folder);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", fixture->origin.folder);
    snprintf(profiles, sizeof(profiles), "%s/profiles.yaml", fixture->origin.folder);
    snprintf(text, sizeof(text), "default: {admin: \"%s\", key_file: \"%s\"}\n", fixture->pods[0].sync_target,
             key_file);
    FILE *profile = fopen(profiles, "w");
    assert_non_null(profile);
    assert_true(fputs(text, profile) >= 0);
    assert_int_equal(fclose(profile), 0);
    setenv("SALLYPORT_PROFILES", profiles, 1);
    write_import(file, USERS);
    const char *arguments[] = {"sallyport", "import", file, NULL};
    const char *dry[] = {"sallyport", "import", file, "--dry-run", NULL};
    if (process_run(&import, fixture->origin.folder, "dry", dry) != 0) {
        char *said = process_read(import.err);
        fail_msg("import --dry-run: %s", said);
    }
    assert_int_equal(caller_call(&fixture->pods[0].admin, "Admin/GetWorkspace", "{'workspace': 'large'}"),
                     SP_ERR_NOT_FOUND);
    if (process_run(&import, fixture->origin.folder, "import", arguments) != 0) {
        char *said = process_read(import.err);
        fail_msg("import: %s", said);
    }
    for (size_t i = 0; i < PODS; i++) {
        pod_await(&fixture->pods[i], &fixture->pods[0]);
        caller_ok(&fixture->pods[i].admin, "Admin/GetPrincipal", "{'workspace': 'large', 'id': 'user-%d'}", USERS - 1);
    }
    verify_all(fixture);
    /* And what comes after it is an ordinary change again, at another endpoint. */
    caller_ok(&fixture->pods[1].admin, "Admin/UpdateWorkspace",
              "{'workspace': {'id': 'large', 'name': 'Larger'}, 'updateMask': ['name']}");
    verify_all(fixture);
}

/* ---- etcd away ---- */

static void without_etcd_decisions_go_on_and_changes_are_unavailable_at_once(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES], other[PROGRAMS_KEY_BYTES];
    workspace(&fixture->pods[0], "cut", key);
    pod_await(&fixture->pods[2], &fixture->pods[0]);
    etcd_end(&fixture->origin.etcd, SIGKILL);
    for (int i = 0; i < 50; i++) {
        assert_string_equal(pod_check(&fixture->pods[i % PODS], key, ""), "ALLOWED");
        int64_t began_ms = sp_clock_monotonic_ms();
        assert_int_equal(
            caller_call(&fixture->pods[i % 2].admin, "Admin/CreateWorkspace", "{'name': 'No', 'seats': 2}"),
            SP_ERR_UNAVAILABLE);
        assert_true(sp_clock_monotonic_ms() - began_ms < 5000);
    }
    etcd_start(&fixture->origin.etcd);
    await_change(&fixture->pods[0], "back");
    snprintf(other, sizeof(other), "%s", caller_text(&fixture->pods[0].admin, "secret"));
    await_reason(&fixture->pods[1], other, "ALLOWED");
    verify_all(fixture);
}

/* The command line tries again by itself, and is then refused before anything is changed. */
static void a_change_whose_answer_was_lost_is_not_called_none(void **state) {
    struct fixture *fixture = *state;
    struct process create;
    char key_file[160];
    snprintf(key_file, sizeof(key_file), "%s/operator.key", fixture->origin.folder);
    const char *arguments[] = {"sallyport", "--timeout", "30s",  "--admin", fixture->pods[0].sync_target,
                               "workspace", "create",    "--id", "lost",    "--name",
                               "Lost",      NULL};
    setenv("SALLYPORT_KEY_FILE", key_file, 1);
    await_change(&fixture->pods[0], "before-the-loss");
    assert_int_equal(kill(fixture->origin.etcd.process.pid, SIGSTOP), 0);
    int status = process_run(&create, fixture->origin.folder, "create", arguments);
    assert_int_equal(kill(fixture->origin.etcd.process.pid, SIGCONT), 0);
    assert_int_equal(status, 2);
    process_assert_said(&create, "may or may not have been made");
    process_assert_said(&create, "(--request-id req_");
    for (size_t i = 0; i < PODS; i++)
        pod_await(&fixture->pods[i], &fixture->pods[0]);
    await_change(&fixture->pods[0], "after-the-loss");
    await_change(&fixture->pods[1], "after-the-loss-at-the-other");
    verify_all(fixture);
}

/* A server of its own over pod c's store, which allows an age of two seconds. */
static void a_cut_off_pod_turns_not_serving_when_its_age_is_too_great_and_back(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES];
    struct pod *pod = &fixture->pods[2];
    workspace(&fixture->pods[0], "stale", key);
    pod_await(pod, &fixture->pods[0]);
    assert_int_equal(process_end(&pod->server, SIGTERM), 0);
    pod->server_words[0] = "--max-staleness=2";
    pod_start_server(pod);
    assert_string_equal(pod_check(pod, key, ""), "ALLOWED");
    etcd_end(&fixture->origin.etcd, SIGKILL);
    programs_wait_for_health(pod->server_target, false);
    assert_string_equal(pod_check(pod, key, ""), "STALE");
    assert_string_equal(pod_check(&fixture->pods[0], key, ""), "ALLOWED");
    etcd_start(&fixture->origin.etcd);
    programs_wait_for_health(pod->server_target, true);
    assert_string_equal(pod_check(pod, key, ""), "ALLOWED");
    await_change(&fixture->pods[0], "back-again");
    await_change(&fixture->pods[1], "back-at-the-other");
    for (size_t i = 0; i < PODS; i++)
        pod_await(&fixture->pods[i], &fixture->pods[1]); /* by its watch, which the next tests put records past */
}

/* ---- what a pod missed ---- */

static void a_pod_that_missed_what_etcd_has_forgotten_lists_it_all_again(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES];
    struct pod *pod = &fixture->pods[2];
    pod_end(pod, SIGKILL);
    workspace(&fixture->pods[0], "missed", key);
    caller_ok(&fixture->pods[0].admin, "Admin/UpdateWorkspace",
              "{'workspace': {'id': 'missed', 'name': 'Missed'}, 'updateMask': ['name']}");
    (void)etcd_compact(&fixture->origin.etcd);
    pod_start(pod, &fixture->origin);
    pod_await(pod, &fixture->pods[0]);
    await_reason(pod, key, "ALLOWED");
    char *said = process_read(pod->sync.err);
    assert_non_null(strstr(said, "listed "));
    free(said);
    verify_all(fixture);
}

/* ---- what no change made ---- */

static struct sp_bytes entity_key_of(const char *kind_and_id, size_t size, char *ret_key) {
    static const char prefix[] = "/sallyport/v1/d/e/";
    memcpy(ret_key, prefix, sizeof(prefix) - 1);
    memcpy(ret_key + sizeof(prefix) - 1, kind_and_id, size);
    return (struct sp_bytes){(const uint8_t *)ret_key, sizeof(prefix) - 1 + size};
}

/* As anybody who may write to etcd. A NULL value deletes. */
static void put_raw(struct fixture *fixture, struct sp_bytes key, struct sp_bytes value) {
    struct sp_etcd *client = etcd_client(&fixture->origin.etcd);
    struct sp_arena arena;
    struct sp_etcd_outcome outcome;
    struct sp_error error = {0};
    const struct sp_etcd_operation operation = {
        .what = value.data == NULL ? SP_ETCD_DELETE : SP_ETCD_PUT, .key = key, .value = value};
    const struct sp_etcd_txn txn = {.operations = &operation, .operation_count = 1};
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    if (sp_etcd_commit(client, &txn, &arena, &outcome, &error) != SP_OK)
        fail_msg("%s", error.message);
    sp_arena_fini(&arena);
    sp_etcd_close(client);
}

static void get_raw(struct fixture *fixture, struct sp_bytes key, uint8_t *ret_value, size_t *ret_size) {
    struct sp_etcd *client = etcd_client(&fixture->origin.etcd);
    struct sp_arena arena;
    struct sp_etcd_page page;
    struct sp_error error = {0};
    const struct sp_etcd_range range = {.key = key};
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    if (sp_etcd_get(client, &range, &arena, &page, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(page.count, 1);
    assert_true(page.kvs[0].value.size <= *ret_size);
    memcpy(ret_value, page.kvs[0].value.data, page.kvs[0].value.size);
    *ret_size = page.kvs[0].value.size;
    sp_arena_fini(&arena);
    sp_etcd_close(client);
}

/* The key of an operator that nobody added, and its entity. */
static size_t make_operator(char ret_key[static SP_KEY_TEXT_BYTES], uint8_t *ret_entity) {
    static const uint8_t random[SP_KEY_RANDOM_BYTES] = {1, 2, 3};
    static uint8_t digest[SP_DIGEST_BYTES];
    static char name[] = "eve";
    static Sallyport__V1__Operator public_part;
    Sallyport__Store__V1__StoredOperator stored = SALLYPORT__STORE__V1__STORED_OPERATOR__INIT;
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, ret_key);
    sp_key_digest_from_text(sp_str_from(ret_key), digest);
    sallyport__v1__operator__init(&public_part);
    public_part.name = name;
    stored.operator_ = &public_part;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    return sallyport__store__v1__stored_operator__pack(&stored, ret_entity);
}

static int compare_pod(struct pod *pod, char *ret_said, size_t size) {
    struct process process;
    const char *compare[] = {"sallyport-sync", "compare", "--store", pod->store, "--source", pod->url, NULL};
    int code = process_run(&process, pod->folder, "compare", compare);
    char *said = process_read(process.out);
    snprintf(ret_said, size, "%s", said);
    free(said);
    return code;
}

/* Log lines reach their file a little after what they tell of. */
static void assert_file_has(const char *path, const char *text) {
    bool found = false;
    for (int tries = 0; !found; tries++) {
        char *said = process_read(path);
        found = strstr(said, text) != NULL;
        if (!found && tries == 200)
            fail_msg("\"%s\" is not in %s, which ends with: %s", text, path,
                     strlen(said) > 700 ? said + strlen(said) - 700 : said);
        free(said);
        if (!found)
            nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000L}, NULL);
    }
}

static void an_operator_that_is_put_past_all_changes_is_nobody_anywhere(void **state) {
    struct fixture *fixture = *state;
    char key[SP_KEY_TEXT_BYTES], place[160], ours[PROGRAMS_KEY_BYTES], said[4096];
    uint8_t entity[256];
    struct pod late;
    struct sp_bytes at = entity_key_of("\2\0eve", 5, place);
    size_t size = make_operator(key, entity);
    put_raw(fixture, at, (struct sp_bytes){entity, size});
    /* Later changes are applied as ever. */
    workspace(&fixture->pods[0], "after-eve", ours);
    for (size_t i = 0; i < PODS; i++) {
        struct caller eve;
        await_reason(&fixture->pods[i], ours, "ALLOWED");
        assert_true(caller_open(&eve, fixture->pods[i].sync_target, key));
        assert_int_equal(caller_call(&eve, "Admin/WhoAmI", "{}"), SP_ERR_UNAUTHENTICATED);
        caller_close(&eve);
        assert_file_has(fixture->pods[i].sync.err, "it came without a head");
        assert_int_equal(compare_pod(&fixture->pods[i], said, sizeof(said)), 1);
        assert_non_null(strstr(said, "..eve exists only in etcd"));
    }
    /* A pod without a store has nothing better, and takes nothing. */
    pod_make(&late, &fixture->origin, "late", NULL);
    const char *unaccounted[] = {"sallyport-sync", "unaccounted", "--source", late.url, NULL};
    const char *list[] = {"sallyport-sync", "migrate", "--store", late.store, "--from", late.url, NULL};
    struct process process;
    assert_int_equal(process_run(&process, late.folder, "unaccounted", unaccounted), 1);
    assert_file_has(process.out, "operator /eve: no change lists it");
    assert_int_equal(process_run(&process, late.folder, "list", list), 1);
    assert_file_has(process.err, "do not add up to the set that etcd's head commits to");
    /* Once it is gone, everything adds up. */
    put_raw(fixture, at, (struct sp_bytes){NULL, 0});
    pod_start(&late, &fixture->origin);
    pod_await(&late, &fixture->pods[0]);
    pod_verify(&late);
    pod_end(&late, SIGTERM);
    verify_all(fixture);
}

static void an_entity_whose_bytes_are_replaced_stays_what_the_change_made_it(void **state) {
    struct fixture *fixture = *state;
    char key[PROGRAMS_KEY_BYTES], name[64], place[160], said[4096];
    uint8_t kept[4096];
    size_t kept_size = sizeof(kept);
    workspace(&fixture->pods[0], "torn", key);
    pod_await(&fixture->pods[1], &fixture->pods[0]);
    /* kind 4 (a principal), its workspace, its id */
    int size = snprintf(name, sizeof(name), "\4torn%c%s", '\0', "torn-admin");
    struct sp_bytes at = entity_key_of(name, (size_t)size, place);
    get_raw(fixture, at, kept, &kept_size);
    put_raw(fixture, at, (struct sp_bytes){(const uint8_t *)"\12\377garbage", 9});
    caller_ok(&fixture->pods[1].admin, "Admin/CreateWorkspace", "{'name': 'Yes', 'seats': 2}");
    for (size_t i = 0; i < PODS; i++) {
        pod_await(&fixture->pods[i], &fixture->pods[1]);
        assert_string_equal(pod_check(&fixture->pods[i], key, ""), "ALLOWED");
        assert_int_equal(compare_pod(&fixture->pods[i], said, sizeof(said)), 1);
        assert_non_null(strstr(said, "torn-admin differs"));
    }
    put_raw(fixture, at, (struct sp_bytes){kept, kept_size});
    caller_ok(&fixture->pods[1].admin, "Admin/CreateWorkspace", "{'name': 'Again', 'seats': 2}");
    verify_all(fixture);
}

/* ---- etcd from a backup ---- */

static long long epoch_of(struct pod *pod) {
    caller_ok(&pod->admin, "Admin/WhoAmI", "{}");
    return caller_number(&pod->admin, "revision.epoch");
}

static void a_restored_etcd_begins_a_new_epoch_and_all_pods_have_its_state(void **state) {
    struct fixture *fixture = *state;
    char kept[PROGRAMS_KEY_BYTES], lost[PROGRAMS_KEY_BYTES], old[96], snapshot[160];
    struct etcd *etcd = &fixture->origin.etcd;
    workspace(&fixture->pods[0], "backed-up", kept);
    snprintf(snapshot, sizeof(snapshot), "%s/etcd.backup", fixture->origin.folder);
    etcd_control(etcd, "snapshot save %s", snapshot);
    workspace(&fixture->pods[0], "after-backup", lost);
    pod_revision(&fixture->pods[0].admin, old);
    for (size_t i = 0; i < PODS; i++)
        assert_string_equal(pod_check(&fixture->pods[i], lost, old), "ALLOWED");
    long long epoch = epoch_of(&fixture->pods[0]);
    etcd_end(etcd, SIGKILL);
    etcd_restore(etcd, snapshot);
    etcd_start(etcd);
    for (size_t i = 0; i < PODS; i++) {
        await_reason(&fixture->pods[i], lost, "KEY_UNKNOWN");
        await_reason(&fixture->pods[i], kept, "ALLOWED");
        for (int looks = 0; epoch_of(&fixture->pods[i]) <= epoch; looks++) {
            assert_true(looks < 3000);
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000L}, NULL);
        }
        assert_string_equal(pod_check(&fixture->pods[i], kept, old), "FAILED_PRECONDITION");
    }
    verify_all(fixture);
}

static void assert_set_back(struct pod *pod, double wanted) {
    char *page = scrape(&pod->sync);
    assert_sample(page, "sallyport_source_set_back", wanted);
    free(page);
}

/* All writers are new, so that nobody who makes changes was ahead. */
static void after_a_restore_with_fresh_writers_a_command_begins_the_epoch(void **state) {
    struct origin origin;
    struct pod writer, follower, fresh;
    char kept[PROGRAMS_KEY_BYTES], old[96], again[96], snapshot[160];
    struct process process;
    (void)state;
    origin_make(&origin);
    pod_make(&writer, &origin, "writer", NULL);
    pod_make(&follower, &origin, "follower", NULL);
    follower.sync_words[0] = "--follow-only";
    follower.sync_words[1] = "--metrics-listen";
    follower.sync_words[2] = "127.0.0.1:0";
    pod_start(&writer, &origin);
    pod_start(&follower, &origin);
    assert_set_back(&follower, 0);
    workspace(&writer, "kept", kept);
    snprintf(snapshot, sizeof(snapshot), "%s/etcd.backup", origin.folder);
    etcd_control(&origin.etcd, "snapshot save %s", snapshot);
    caller_ok(&writer.admin, "Admin/CreateWorkspace", "{'name': 'Lost', 'seats': 2}");
    pod_revision(&writer.admin, old);
    assert_string_equal(pod_check(&follower, kept, old), "ALLOWED");
    pod_end(&writer, SIGTERM);
    etcd_end(&origin.etcd, SIGKILL);
    etcd_restore(&origin.etcd, snapshot);
    etcd_start(&origin.etcd);
    process_wait_for(&follower.sync, "`sallyport-sync epoch begin`");
    pod_make(&fresh, &origin, "fresh", NULL);
    pod_start(&fresh, &origin);
    /* The lost number is assigned again, and a restart does not forget that it was. */
    caller_ok(&fresh.admin, "Admin/CreateWorkspace", "{'name': 'Other', 'seats': 2}");
    pod_revision(&fresh.admin, again);
    assert_string_equal(again, old);
    pod_await(&follower, &fresh);
    assert_set_back(&follower, 1);
    assert_string_equal(pod_check(&follower, kept, old), "FAILED_PRECONDITION");
    assert_string_equal(pod_check(&follower, kept, ""), "ALLOWED");
    pod_end(&follower, SIGTERM);
    pod_start(&follower, &origin);
    pod_await(&follower, &fresh);
    assert_set_back(&follower, 1);
    assert_string_equal(pod_check(&follower, kept, old), "FAILED_PRECONDITION");
    const char *begin_epoch[] = {"sallyport-sync", "epoch",    "begin",   "--store",
                                 fresh.store,      "--source", fresh.url, NULL};
    assert_int_equal(process_run(&process, fresh.folder, "epoch", begin_epoch), 0);
    assert_file_has(process.out, "began with revision");
    process_wait_for(&follower.sync, "a new epoch has begun after etcd was set back");
    pod_await(&follower, &fresh);
    assert_string_equal(pod_check(&follower, kept, old), "FAILED_PRECONDITION");
    assert_string_equal(pod_check(&fresh, kept, old), "FAILED_PRECONDITION");
    assert_set_back(&follower, 0);
    caller_ok(&fresh.admin, "Admin/CreateWorkspace", "{'name': 'New', 'seats': 2}");
    pod_revision(&fresh.admin, again);
    pod_await(&follower, &fresh);
    assert_string_equal(pod_check(&follower, kept, again), "ALLOWED");
    pod_verify(&follower);
    pod_end(&follower, SIGTERM);
    pod_end(&fresh, SIGTERM);
    origin_end(&origin);
}

/* ---- other ways to change a store ---- */

static void a_command_changes_operators_through_etcd_and_never_past_it(void **state) {
    struct fixture *fixture = *state;
    struct pod *pod = &fixture->pods[1];
    struct process process;
    struct caller caller;
    const char *past[] = {"sallyport-sync", "operator", "add", "eve", "--store", pod->store, NULL};
    const char *through[] = {"sallyport-sync", "operator", "add",    "eve", "--store",
                             pod->store,       "--source", pod->url, NULL};
    assert_int_equal(process_run(&process, pod->folder, "past", past), 1);
    char *said = process_read(process.err);
    assert_non_null(strstr(said, "--source"));
    free(said);
    assert_int_equal(process_run(&process, pod->folder, "through", through), 0);
    char *key = process_read(process.out);
    key[strcspn(key, "\n")] = '\0';
    pod_await(&fixture->pods[2], pod);
    assert_true(caller_open(&caller, fixture->pods[2].sync_target, key));
    caller_ok(&caller, "Admin/WhoAmI", "{}");
    caller_close(&caller);
    free(key);
    verify_all(fixture);
}

static void a_pod_that_only_follows_makes_no_changes(void **state) {
    struct fixture *fixture = *state;
    struct pod pod;
    pod_make(&pod, &fixture->origin, "only", NULL);
    pod.sync_words[0] = "--follow-only";
    pod_start(&pod, &fixture->origin);
    assert_int_equal(caller_call(&pod.admin, "Admin/CreateWorkspace", "{'name': 'No', 'seats': 2}"),
                     SP_ERR_PRECONDITION);
    pod_verify(&pod);
    pod_end(&pod, SIGTERM);
}

static size_t count_in(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* Below this prefix there is no store. */
static void an_empty_pod_that_gets_nothing_says_why_first_and_only_once(void **state) {
    struct fixture *fixture = *state;
    struct process process;
    struct caller caller;
    char url[128], store[160];
    snprintf(url, sizeof(url), "etcd://%s/nothing/", fixture->origin.etcd.target);
    snprintf(store, sizeof(store), "%s/empty", fixture->origin.folder);
    const char *serve[] = {"sallyport-sync", "serve",       "--source",      url,    "--store", store,
                           "--listen",       "127.0.0.1:0", "--http-listen", "none", NULL};
    process_start(&process, fixture->origin.folder, "empty", serve);
    process_wait_for(&process, "not following etcd");
    /* A key that works elsewhere is not unknown: nothing is. */
    snprintf(url, sizeof(url), "127.0.0.1:%d", process_port(&process));
    assert_true(caller_open(&caller, url, fixture->origin.operator_key));
    assert_int_equal(caller_call(&caller, "Admin/WhoAmI", "{}"), SP_ERR_UNAVAILABLE);
    assert_non_null(strstr(caller.error.message, "this instance has read nothing from etcd yet"));
    assert_int_equal(caller_call(&caller, "Admin/CreateWorkspace", "{'id': 'w', 'name': 'w', 'seats': 1}"),
                     SP_ERR_UNAVAILABLE);
    caller_close(&caller);
    nanosleep(&(struct timespec){.tv_sec = 3}, NULL);
    assert_int_equal(process_end(&process, SIGTERM), 0);
    char *said = process_read(process.err);
    assert_int_equal(count_in(said, "not following etcd: etcd holds no store below /nothing/"), 1);
    assert_int_equal(count_in(said, "listing etcd"), 0);
    free(said);
}

/* ---- signatures ---- */

static void restart_sync(struct fixture *fixture, size_t pod, const char *const *words) {
    pod_end(&fixture->pods[pod], SIGTERM);
    for (size_t i = 0; i < POD_WORDS; i++)
        fixture->pods[pod].sync_words[i] = NULL;
    for (size_t i = 0; words[i] != NULL; i++)
        fixture->pods[pod].sync_words[i] = words[i];
    pod_start(&fixture->pods[pod], &fixture->origin);
}

static void only_instances_with_the_key_change_anything_once_heads_are_signed(void **state) {
    struct fixture *fixture = *state;
    char private_file[160], public_file[160], key[PROGRAMS_KEY_BYTES];
    char signing[200], verifying[200];
    struct process process;
    snprintf(private_file, sizeof(private_file), "%s/signing.pem", fixture->origin.folder);
    snprintf(public_file, sizeof(public_file), "%s/verify.pem", fixture->origin.folder);
    snprintf(signing, sizeof(signing), "--source-signing-key=%s", private_file);
    snprintf(verifying, sizeof(verifying), "--source-verify-keys=%s", public_file);
    signing_keys_make(private_file, public_file, NULL);
    restart_sync(fixture, 0, (const char *const[]){signing, NULL});
    process_wait_for(&fixture->pods[0].sync, "renewed etcd's head");
    restart_sync(fixture, 1, (const char *const[]){signing, verifying, NULL});
    restart_sync(fixture, 2, (const char *const[]){verifying, NULL});
    for (size_t i = 0; i < 2; i++) {
        char id[16];
        snprintf(id, sizeof(id), "signed%d", (int)i);
        workspace(&fixture->pods[i], id, key);
        for (size_t j = 0; j < PODS; j++)
            await_reason(&fixture->pods[j], key, "ALLOWED");
    }
    assert_int_equal(caller_call(&fixture->pods[2].admin, "Admin/CreateWorkspace", "{'name': 'No', 'seats': 2}"),
                     SP_ERR_PRECONDITION);
    assert_non_null(strstr(fixture->pods[2].admin.error.message, "--source-signing-key"));
    struct pod *pod = &fixture->pods[1];
    const char *unsigned_words[] = {"sallyport-sync", "operator", "add",    "mallory", "--store",
                                    pod->store,       "--source", pod->url, NULL};
    const char *signed_words[] = {"sallyport-sync", "operator", "add",    "alice", "--store",
                                  pod->store,       "--source", pod->url, signing, NULL};
    assert_int_equal(process_run(&process, pod->folder, "unsigned", unsigned_words), 1);
    assert_file_has(process.err, "--source-signing-key");
    assert_int_equal(process_run(&process, pod->folder, "signed", signed_words), 0);
    verify_all(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pod_answers_by_a_change_that_one_endpoint_made),
        cmocka_unit_test(a_replay_at_another_endpoint_gets_the_same_reply),
        cmocka_unit_test(two_endpoints_together_never_take_the_last_admin),
        cmocka_unit_test(many_changes_at_both_endpoints_are_all_made),
        cmocka_unit_test(a_change_too_large_for_one_transaction_can_be_tried_and_takes_effect_at_once),
        cmocka_unit_test(without_etcd_decisions_go_on_and_changes_are_unavailable_at_once),
        cmocka_unit_test(a_change_whose_answer_was_lost_is_not_called_none),
        cmocka_unit_test(a_cut_off_pod_turns_not_serving_when_its_age_is_too_great_and_back),
        cmocka_unit_test(a_pod_that_missed_what_etcd_has_forgotten_lists_it_all_again),
        cmocka_unit_test(an_operator_that_is_put_past_all_changes_is_nobody_anywhere),
        cmocka_unit_test(an_entity_whose_bytes_are_replaced_stays_what_the_change_made_it),
        cmocka_unit_test(a_restored_etcd_begins_a_new_epoch_and_all_pods_have_its_state),
        cmocka_unit_test(after_a_restore_with_fresh_writers_a_command_begins_the_epoch),
        cmocka_unit_test(a_command_changes_operators_through_etcd_and_never_past_it),
        cmocka_unit_test(a_pod_that_only_follows_makes_no_changes),
        cmocka_unit_test(an_empty_pod_that_gets_nothing_says_why_first_and_only_once),
        cmocka_unit_test(only_instances_with_the_key_change_anything_once_heads_are_signed),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, begin, end);
}
