/* A change that is refused leaves nothing behind, whether the truth is in the store or in etcd: the
 * same random changes, some of them with one entry that must be refused, against a model of what
 * was accepted. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "etcd/client.h"
#include "etcd/kv.h"
#include "store/records/layout.h"
#include "support/pods.h"
#include "support/store_world.h"

enum { TENANTS = 4, USERS = 3, VOICES = 3, ROUNDS = 40, IMPORTS = 12, IMPORT_USERS = 4, REQUEST_BYTES = 4096 };

static const char *const role_names[] = {"ROLE_UNSPECIFIED", "ROLE_VIEWER", "ROLE_COMMENTER", "ROLE_EDITOR",
                                         "ROLE_ADMIN"};

/* Either kind of deployment. */
struct scene {
    bool with_etcd;
    struct programs programs; /* of the embedded one */
    struct origin origin;     /* of the other, with its pod */
    struct pod pod;
    const char *folder, *sync_target, *server_target, *store, *operator_key;
    struct caller *operator_caller;
};

/* A tenant of its own, whose thread changes its shares while the others do the same. */
struct tenant {
    struct scene *scene;
    char id[16], key[PROGRAMS_KEY_BYTES], user_keys[USERS][PROGRAMS_KEY_BYTES];
    struct caller admin, checker;
    pthread_t thread;
    uint64_t random;
    int roles[USERS][VOICES];
    size_t refused, accepted;
    char trouble[1024];
};

static int begin_embedded(void **state) {
    static struct scene scene;
    scene = (struct scene){.with_etcd = false};
    programs_start_with(&scene.programs, programs_schema);
    scene.folder = scene.programs.folder;
    scene.sync_target = scene.programs.sync_target;
    scene.server_target = scene.programs.server_target;
    scene.store = scene.programs.store;
    scene.operator_key = scene.programs.operator_key;
    scene.operator_caller = &scene.programs.operator_caller;
    *state = &scene;
    return 0;
}

static int end_embedded(void **state) {
    struct scene *scene = *state;
    programs_stop(&scene->programs);
    return 0;
}

static int begin_with_etcd(void **state) {
    static struct scene scene;
    scene = (struct scene){.with_etcd = true};
    origin_make(&scene.origin);
    pod_make(&scene.pod, &scene.origin, "a", NULL);
    pod_start(&scene.pod, &scene.origin);
    scene.folder = scene.origin.folder;
    scene.sync_target = scene.pod.sync_target;
    scene.server_target = scene.pod.server_target;
    scene.store = scene.pod.store;
    scene.operator_key = scene.origin.operator_key;
    scene.operator_caller = &scene.pod.admin;
    *state = &scene;
    return 0;
}

static int end_with_etcd(void **state) {
    struct scene *scene = *state;
    pod_end(&scene->pod, SIGTERM);
    origin_end(&scene->origin);
    return 0;
}

static void run_sync(struct scene *scene, const char *const *arguments, int expected, const char *expected_text) {
    struct process process;
    int status = process_run(&process, scene->folder, "command", arguments);
    char *out = process_read(process.out), *err = process_read(process.err);
    if (status != expected || strstr(out, expected_text) == NULL)
        fail_msg("%s %s: status %d: %s%s", arguments[0], arguments[1], status, out, err);
    free(out);
    free(err);
}

/* Index, trail and, with etcd, every record there: nothing is in either that no change accounts
 * for. */
static void verify_scene(struct scene *scene) {
    const char *verify[] = {"sallyport-sync", "verify", "--store", scene->store, NULL};
    const char *unaccounted[] = {"sallyport-sync", "unaccounted", "--store", scene->store, NULL};
    run_sync(scene, verify, 0, "");
    run_sync(scene, unaccounted, 0, "accounts for every entity");
    if (!scene->with_etcd)
        return;
    const char *url = scene->pod.url;
    const char *compare[] = {"sallyport-sync", "compare", "--store", scene->store, "--source", url, NULL};
    const char *in_etcd[] = {"sallyport-sync", "unaccounted", "--source", url, NULL};
    run_sync(scene, compare, 0, " 0 differences, 0 entities");
    run_sync(scene, in_etcd, 0, "accounts for every entity");
}

/* ---- tenants ---- */

static void make_tenant(struct scene *scene, struct tenant *tenant, int number, uint64_t seed) {
    *tenant = (struct tenant){.scene = scene, .random = seed * 1000 + (uint64_t)number};
    snprintf(tenant->id, sizeof(tenant->id), "t%d", number);
    caller_ok(scene->operator_caller, "Admin/CreateWorkspace",
              "{'id': '%s', 'name': '%s', 'seats': 1000, 'adminId': '%s-admin'}", tenant->id, tenant->id, tenant->id);
    snprintf(tenant->key, sizeof(tenant->key), "%s", caller_text(scene->operator_caller, "secret"));
    assert_true(caller_open(&tenant->admin, scene->sync_target, tenant->key));
    assert_true(caller_open(&tenant->checker, scene->server_target, ""));
    for (int i = 0; i < USERS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "u%d", i);
        programs_user(&tenant->admin, id, tenant->user_keys[i]);
    }
    for (int i = 0; i < VOICES; i++)
        caller_ok(scene->operator_caller, "Admin/RegisterResource",
                  "{'workspace': '%s', 'resource': {'type': 'voice', 'id': '%s-v%d'}}", tenant->id, tenant->id, i);
}

static void close_tenant(struct tenant *tenant) {
    caller_close(&tenant->admin);
    caller_close(&tenant->checker);
}

/* What the server says that a user may do to a voice must be what the model says. False, with the
 * trouble, where not. */
static bool check_user(struct tenant *tenant, int user, int voice) {
    static const char *const expected[] = {"NOT_SHARED", "ROLE_TOO_LOW", "ROLE_TOO_LOW", "ALLOWED", "ALLOWED"};
    char resource[32];
    snprintf(resource, sizeof(resource), "%s-v%d", tenant->id, voice);
    const char *reason = check_reason(&tenant->checker, tenant->user_keys[user], "voice", resource, "edit");
    if (strcmp(reason, expected[tenant->roles[user][voice]]) == 0)
        return true;
    snprintf(tenant->trouble, sizeof(tenant->trouble), "u%d on %s: %s, expected %s", user, resource, reason,
             expected[tenant->roles[user][voice]]);
    return false;
}

static bool check_all_users(struct tenant *tenant) {
    for (int user = 0; user < USERS; user++)
        for (int voice = 0; voice < VOICES; voice++)
            if (!check_user(tenant, user, voice))
                return false;
    return true;
}

/* One UpdateShares of one to five entries; every other one names a voice that is not registered
 * somewhere among them. */
static bool update_shares(struct tenant *tenant) {
    int roles[USERS][VOICES];
    char request[REQUEST_BYTES];
    size_t count = 1 + world_random(&tenant->random) % 5;
    bool refused = world_random(&tenant->random) % 2 == 0;
    size_t refused_at = refused ? world_random(&tenant->random) % count : count;
    memcpy(roles, tenant->roles, sizeof(roles));
    int size = snprintf(request, sizeof(request), "{'updates': [");
    for (size_t i = 0; i < count; i++) {
        uint64_t user = world_random(&tenant->random) % USERS, voice = world_random(&tenant->random) % VOICES;
        uint64_t role = world_random(&tenant->random) % 5;
        roles[user][voice] = (int)role;
        char id[32];
        snprintf(id, sizeof(id), "%s-v%llu", tenant->id, (unsigned long long)voice);
        size +=
            snprintf(request + size, sizeof(request) - (size_t)size,
                     "%s{'resource': {'type': 'voice', 'id': '%s'}, 'subject': {'principal': 'u%llu'}, 'role': '%s'}",
                     i == 0 ? "" : ", ", i == refused_at ? "nope" : id, (unsigned long long)user,
                     role_names[i == refused_at ? 4 : role]);
    }
    snprintf(request + size, sizeof(request) - (size_t)size, "]}");
    enum sp_status status = caller_call(&tenant->admin, "Admin/UpdateShares", request);
    if (status != (refused ? SP_ERR_NOT_FOUND : SP_OK)) {
        snprintf(tenant->trouble, sizeof(tenant->trouble), "%s", tenant->admin.error.message);
        return false;
    }
    tenant->refused += refused;
    tenant->accepted += !refused;
    if (!refused)
        memcpy(tenant->roles, roles, sizeof(roles));
    return check_all_users(tenant);
}

static void *change_shares(void *user) {
    struct tenant *tenant = user;
    for (int round = 0; round < ROUNDS; round++)
        if (!update_shares(tenant))
            return NULL;
    return NULL;
}

static void refused_updates_of_shares_leave_nothing(void **state) {
    struct scene *scene = *state;
    static struct tenant tenants[TENANTS];
    uint64_t seed = world_seed("refused_updates_of_shares_leave_nothing");
    size_t refused = 0, accepted = 0;
    for (int i = 0; i < TENANTS; i++)
        make_tenant(scene, &tenants[i], i, seed);
    for (int i = 0; i < TENANTS; i++)
        assert_int_equal(pthread_create(&tenants[i].thread, NULL, change_shares, &tenants[i]), 0);
    for (int i = 0; i < TENANTS; i++) {
        assert_int_equal(pthread_join(tenants[i].thread, NULL), 0);
        if (tenants[i].trouble[0] != '\0')
            fail_msg("%s: %s", tenants[i].id, tenants[i].trouble);
        refused += tenants[i].refused;
        accepted += tenants[i].accepted;
        close_tenant(&tenants[i]);
    }
    assert_true(refused > 0 && accepted > 0);
    verify_scene(scene);
}

/* ---- imports ---- */

/* Users with keys; `bad_at`: the record that names a principal that is not there; none where it is
 * not below the count. */
static void write_records(const char *path, int import, size_t bad_at) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (size_t i = 0; i < IMPORT_USERS; i++) {
        char id[32];
        snprintf(id, sizeof(id), "i%d-%zu", import, i);
        fprintf(file,
                "{\"principal\": {\"workspace\": \"imports\", \"id\": \"%s\", \"kind\": \"USER\", \"name\": \"U\", "
                "\"role\": \"WORKSPACE_ROLE_ADMIN\"}}\n",
                id);
        fprintf(
            file,
            "{\"apiKey\": {\"key\": {\"workspace\": \"imports\", \"id\": \"k-%s\", \"principal\": \"%s\", \"name\": "
            "\"k\", \"permissions\": {\"all\": true}}}}\n",
            id, i == bad_at ? "nobody" : id);
    }
    assert_int_equal(fclose(file), 0);
}

static void refused_imports_leave_nothing(void **state) {
    struct scene *scene = *state;
    uint64_t random = world_seed("refused_imports_leave_nothing");
    char file[160], key_file[160], profiles[160], text[512];
    size_t refused = 0, accepted = 0;
    snprintf(file, sizeof(file), "%s/import.ndjson", scene->folder);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", scene->folder);
    snprintf(profiles, sizeof(profiles), "%s/profiles.yaml", scene->folder);
    snprintf(text, sizeof(text), "default: {admin: \"%s\", key_file: \"%s\"}\n", scene->sync_target, key_file);
    FILE *profile = fopen(profiles, "we");
    assert_non_null(profile);
    assert_true(fputs(text, profile) >= 0);
    assert_int_equal(fclose(profile), 0);
    setenv("SALLYPORT_PROFILES", profiles, 1);
    caller_ok(scene->operator_caller, "Admin/CreateWorkspace", "{'id': 'imports', 'name': 'Imports', 'seats': 1000}");
    for (int import = 0; import < IMPORTS; import++) {
        const char *arguments[] = {"sallyport", "import", file, NULL};
        struct process process;
        size_t bad_at = world_random(&random) % 2 == 0 ? world_random(&random) % IMPORT_USERS : IMPORT_USERS;
        bool is_refused = bad_at < IMPORT_USERS;
        write_records(file, import, bad_at);
        int status = process_run(&process, scene->folder, "import", arguments);
        if ((status != 0) != is_refused) {
            char *said = process_read(process.err);
            fail_msg("import %d ended with %d: %s", import, status, said);
        }
        for (size_t i = 0; i < IMPORT_USERS; i++) {
            enum sp_status found = caller_callf(scene->operator_caller, "Admin/GetPrincipal",
                                                "{'workspace': 'imports', 'id': 'i%d-%zu'}", import, i);
            assert_int_equal(found, is_refused ? SP_ERR_NOT_FOUND : SP_OK);
        }
        refused += is_refused;
        accepted += !is_refused;
    }
    print_message("%zu imports were refused, %zu accepted\n", refused, accepted);
    verify_scene(scene);
}

/* ---- what is there without a change ---- */

/* A grant that was removed from etcd by hand: a listing lacks what the trail says is there. */
static void what_etcd_lacks_is_listed(void **state) {
    struct scene *scene = *state;
    static struct tenant tenant;
    make_tenant(scene, &tenant, 90, 1);
    caller_ok(&tenant.admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 't90-v0'}, 'subject': {'principal': 'u0'}, 'role': 'ROLE_VIEWER'}");
    close_tenant(&tenant);
    verify_scene(scene);
    struct sp_arena arena;
    struct sp_error error = {0};
    struct sp_etcd_page page;
    struct sp_etcd *etcd = etcd_client(&scene->origin.etcd);
    uint8_t prefix[64];
    int size = snprintf((char *)prefix, sizeof(prefix), "/sallyport/v1/d/e/%ct90", SP_KIND_GRANT);
    assert_int_equal(sp_arena_init(&arena, 1 << 16, 1 << 22), SP_OK);
    struct sp_etcd_range range = {.key = {prefix, (size_t)size + 1}};
    range.end = sp_etcd_prefix_end(range.key, &arena);
    assert_int_equal(sp_etcd_get(etcd, &range, &arena, &page, &error), SP_OK);
    struct sp_bytes key = {NULL, 0};
    for (size_t i = 0; i < page.count; i++)
        if (memmem(page.kvs[i].key.data, page.kvs[i].key.size, "t90-v0\0pu0", 10) != NULL)
            key = page.kvs[i].key;
    assert_non_null(key.data);
    const struct sp_etcd_operation remove = {.what = SP_ETCD_DELETE, .key = key};
    struct sp_etcd_outcome outcome;
    assert_int_equal(sp_etcd_commit(etcd, &(struct sp_etcd_txn){.operations = &remove, .operation_count = 1}, &arena,
                                    &outcome, &error),
                     SP_OK);
    sp_etcd_close(etcd);
    sp_arena_fini(&arena);
    const char *in_etcd[] = {"sallyport-sync", "unaccounted", "--source", scene->pod.url, NULL};
    run_sync(scene, in_etcd, 1, "put it, but it does not exist\n1 entities are not accounted for");
}

int main(void) {
    const struct CMUnitTest embedded[] = {
        cmocka_unit_test(refused_updates_of_shares_leave_nothing),
        cmocka_unit_test(refused_imports_leave_nothing),
    };
    const struct CMUnitTest with_etcd[] = {
        cmocka_unit_test(refused_updates_of_shares_leave_nothing),
        cmocka_unit_test(refused_imports_leave_nothing),
        cmocka_unit_test(what_etcd_lacks_is_listed),
    };
    int failed = cmocka_run_group_tests(embedded, begin_embedded, end_embedded);
    if (!etcd_is_here())
        return failed > 0 ? failed : TEST_SKIPPED;
    return failed + cmocka_run_group_tests(with_etcd, begin_with_etcd, end_with_etcd);
}
