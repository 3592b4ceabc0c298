/* The load tool against a real sallyportd. How fast it is does not matter here, only what is
 * counted. */
#include <arpa/inet.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "load.h"
#include "rpc/client.h"
#include "see.h"
#include "spawn.h"
#include "support/port.h"
#include "world_records.h"

static struct {
    char folder[64], store[96], key_file[96], target[32];
    pid_t server;
} scene;

static const struct world world = {.seed = 5, .keys = 200};
enum { LAST_WORKSPACE = 160 }; /* its first key */

static int set_up(void **state) {
    (void)state;
    char program[512];
    struct sp_error error;
    double seconds;
    const char *bin = getenv("SP_BIN_DIR");
    assert_non_null(bin);
    snprintf(program, sizeof(program), "%s/sallyportd", bin);
    snprintf(scene.folder, sizeof(scene.folder), "/tmp/sp-load-test-XXXXXX");
    assert_non_null(mkdtemp(scene.folder));
    snprintf(scene.store, sizeof(scene.store), "%s/store", scene.folder);
    snprintf(scene.key_file, sizeof(scene.key_file), "%s/operator.key", scene.folder);
    assert_int_equal(world_write_store(&world, scene.store, scene.key_file, true, NULL, &seconds, &error), SP_OK);
    unsigned port = (unsigned)free_port();
    snprintf(scene.target, sizeof(scene.target), "127.0.0.1:%u", port);
    sp_rpc_global_init();
    scene.server = bench_spawn((const char *const[]){program, "--store", scene.store, "--listen", scene.target, NULL});
    bench_wait_serving(port, scene.server);
    return 0;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk) {
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    bench_stop(scene.server);
    sp_rpc_global_fini();
    return nftw(scene.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct load_options options(void) {
    return (struct load_options){
        .target = scene.target,
        .world = world,
        .weights = {3, 1, 1, 1, 1, 1, 1},
        .batch = 1,
        .threads = 1,
        .connections = 2,
        .in_flight = 16,
        .warmup_s = 0.05,
        .duration_s = 0.3,
        .server_pid = scene.server,
    };
}

/* What came of it; only what was asked for can fail. */
static struct load_result *run(const struct load_options *asked) {
    static struct load_result result;
    struct sp_error error;
    if (load_run(asked, &result, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.calls, result.latency.count);
    assert_int_equal(result.decisions, result.calls * asked->batch);
    return &result;
}

static void every_mode_gets_the_expected_answers(void **state) {
    (void)state;
    static const struct {
        unsigned batch, streams, threads;
        bool one_credential;
        double zipf, rate;
    } modes[] = {{1, 0, 1, false, 0, 0},   {1, 0, 2, false, 0.99, 0},  {1, 0, 1, false, 0, 500},
                 {1, 0, 2, false, 0, 500}, {7, 0, 1, false, 0, 0},     {7, 0, 1, true, 0.99, 0},
                 {1, 1, 1, false, 0, 0},   {1, 5, 1, false, 0, 0},     {1, 16, 1, false, 0, 0},
                 {4, 40, 1, false, 0, 0},  {10, 3, 2, true, 0.99, 500}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        struct load_options asked = options();
        asked.batch = modes[i].batch;
        asked.streams = modes[i].streams;
        asked.threads = modes[i].threads;
        asked.one_credential = modes[i].one_credential;
        asked.zipf = modes[i].zipf;
        asked.rate = modes[i].rate;
        const struct load_result *result = run(&asked);
        if (result->calls == 0 || result->errors > 0 || result->wrong > 0)
            fail_msg("mode %zu: %llu calls, %llu errors (%s), %llu wrong", i, (unsigned long long)result->calls,
                     (unsigned long long)result->errors, result->first_error.message,
                     (unsigned long long)result->wrong);
        assert_true(result->server_cpu_s > 0);
        assert_true(result->server_private_bytes > 1 << 20 && result->server_private_bytes < 1 << 30);
    }
}

static void answers_about_another_world_are_counted_as_wrong(void **state) {
    (void)state;
    static const struct { unsigned batch, streams; } modes[] = {{1, 0}, {5, 0}, {1, 4}, {5, 4}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        struct load_options asked = options();
        memset(asked.weights, 0, sizeof(asked.weights));
        asked.weights[WORLD_ALLOWED] = 1;
        asked.world.seed++;
        asked.batch = modes[i].batch;
        asked.streams = modes[i].streams;
        const struct load_result *result = run(&asked);
        assert_true(result->decisions > 0);
        assert_int_equal(result->wrong, result->decisions);
        assert_int_equal(result->errors, 0);
    }
}

static void calls_that_nobody_answers_are_counted_as_errors(void **state) {
    (void)state;
    char nowhere[32];
    snprintf(nowhere, sizeof(nowhere), "127.0.0.1:%d", free_port());
    for (unsigned streams = 0; streams <= 4; streams += 4) {
        struct load_options asked = options();
        asked.target = nowhere;
        asked.streams = streams;
        asked.duration_s = 0.1;
        asked.server_pid = 0;
        const struct load_result *result = run(&asked);
        assert_int_equal(result->errors, result->calls);
        assert_int_equal(result->first_error.status, SP_ERR_UNAVAILABLE);
        assert_true(result->server_cpu_s < 0);
        assert_int_equal(result->server_private_bytes, 0);
    }
}

/* The key of a workspace's admin, who may change what an operator may not. */
static void make_admin_key(const char *target, const char *operator_key, char ret_key[static 128]) {
    struct sp_arena arena;
    char workspace[] = "ws_4", principal[] = "p0", name[] = "Load";
    Sallyport__V1__Permissions permissions = SALLYPORT__V1__PERMISSIONS__INIT;
    Sallyport__V1__CreateApiKeyRequest request = SALLYPORT__V1__CREATE_API_KEY_REQUEST__INIT;
    permissions.all = true;
    request.workspace = workspace;
    request.principal = principal;
    request.name = name;
    request.permissions = &permissions;
    assert_int_equal(sp_arena_init(&arena, 1 << 16, 1 << 20), SP_OK);
    sp_rpc_global_init();
    struct sp_rpc_client *client = see_connect(target, operator_key);
    const Sallyport__V1__ApiKeySecretResponse *reply =
        (const void *)see_call(client, &arena, "/sallyport.v1.Admin/CreateApiKey", &request.base,
                               &sallyport__v1__api_key_secret_response__descriptor);
    snprintf(ret_key, 128, "%s", reply->secret);
    sp_rpc_client_close(client);
    sp_rpc_global_fini();
    sp_arena_fini(&arena);
}

static void make_each_admin_call(struct load_options *asked) {
    static const char *const names[] = {"names", "shares", "list-changes", "list-keys"};
    asked->first_key = LAST_WORKSPACE;
    asked->in_flight = 2;
    asked->warmup_s = 0;
    asked->duration_s = 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        asked->admin_call = admin_call_find(names[i]);
        assert_non_null(asked->admin_call);
        const struct load_result *result = run(asked);
        assert_true(result->calls > 0);
        assert_int_equal(result->errors, 0);
        assert_int_equal(result->wrong, 0);
    }
    assert_null(admin_call_find("name"));
}

static void changes_are_made_and_counted(void **state) {
    (void)state;
    char program[512], key[128] = "";
    unsigned port = (unsigned)free_port();
    snprintf(program, sizeof(program), "%s/sallyport-sync", getenv("SP_BIN_DIR"));
    struct load_options asked = options();
    char target[32];
    snprintf(target, sizeof(target), "127.0.0.1:%u", port);
    asked.target = target;
    FILE *file = fopen(scene.key_file, "r");
    assert_non_null(file);
    assert_non_null(fgets(key, sizeof(key), file));
    fclose(file);
    key[strcspn(key, "\n")] = '\0';
    char admin_key[128];
    asked.admin_key = sp_str_from(key);
    asked.admin_call = admin_call_find("workspaces");
    pid_t sync = bench_spawn((const char *const[]){program, "serve", "--store", scene.store, "--listen", target, NULL});
    bench_wait_serving(port, sync);
    const struct load_result *result = run(&asked);
    assert_true(result->calls > 0);
    assert_int_equal(result->errors, 0);
    assert_int_equal(result->wrong, 0);
    make_admin_key(target, key, admin_key);
    /* A key that is not an operator's changes nothing. */
    world_key_text(&world, 1, key);
    asked.admin_key = sp_str_from(key);
    asked.duration_s = 0.1;
    result = run(&asked);
    assert_int_equal(result->errors, result->calls);
    asked.admin_key = sp_str_from(admin_key);
    make_each_admin_call(&asked);
    bench_stop(sync);
    /* No answer was changed outside of the workspace whose shares were. */
    asked = options();
    asked.world.keys = LAST_WORKSPACE;
    asked.weights[WORLD_KEY_UNKNOWN] = 0; /* of this smaller world the store knows more keys */
    result = run(&asked);
    assert_int_equal(result->errors, 0);
    assert_int_equal(result->wrong, 0);
}

static void a_mix_that_the_world_cannot_have_is_refused(void **state) {
    (void)state;
    static struct load_result result;
    struct sp_error error;
    struct load_options asked = options();
    asked.world.keys = 2;
    assert_int_equal(load_run(&asked, &result, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "not_shared"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_gets_the_expected_answers),
        cmocka_unit_test(answers_about_another_world_are_counted_as_wrong),
        cmocka_unit_test(calls_that_nobody_answers_are_counted_as_errors),
        cmocka_unit_test(changes_are_made_and_counted),
        cmocka_unit_test(a_mix_that_the_world_cannot_have_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) != 0;
}
