/* Three pods over one real etcd, two of them admin endpoints. Clients make random changes at both
 * and, after each, ask a random pod at the change's revision or later: it may have nothing to say,
 * but never anything older. Meanwhile pods are killed, paused, cut off and restarted, and etcd is
 * restarted and compacted. At the end all stores are whole and are what etcd holds. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/pods.h"
#include "support/port.h"
#include "support/proxy.h"

enum {
    PODS = 3,
    ENDPOINTS = 2,
    CLIENTS = 4,
    USERS = 6, /* that a client knows about */
    DEFAULT_CHANGES = 10000,
    GIVE_UP_MS = 60000, /* of one change */
    FAULT_MAX_MS = 1500,
};

static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* ---- what a client knows ---- */

/* Only this client changes it, so what was answered is how it is. */
struct user {
    char id[24];
    char key_id[32];
    char key[PROGRAMS_KEY_BYTES];
    bool there, disabled, shared, member;
};

struct drill {
    struct origin origin;
    struct pod pods[PODS];
    struct proxy *proxies[PODS];
    uint64_t seed;
    int wanted;
    atomic_int made, asked, told, behind, retried, ended;
};

struct client {
    struct drill *drill;
    pthread_t thread;
    uint64_t random;
    unsigned number, requests, users_made;
    char workspace[24];
    char admin_key[PROGRAMS_KEY_BYTES];
    struct user users[USERS];
    struct caller caller;
    unsigned endpoint;
    char revision[96];
    char trouble[2048]; /* what ended the client */
};

/* ---- changes ---- */

static bool reopen(struct client *client, unsigned endpoint) {
    if (client->caller.client != NULL)
        caller_close(&client->caller);
    client->endpoint = endpoint;
    return caller_open_limited(&client->caller, client->drill->pods[endpoint].sync_target, client->admin_key, 4000);
}

/* What came of it is not known: the same request again, anywhere, tells or does it. */
static bool is_unknown(enum sp_status status) {
    return status == SP_ERR_UNAVAILABLE || status == SP_ERR_DEADLINE || status == SP_ERR_ABORTED ||
           status == SP_ERR_CANCELLED;
}

/* `request` lacks its closing brace. True: made, and its revision is the client's. */
static bool change(struct client *client, const char *method, const char *format, ...) SP_PRINTF(3, 4);
static bool change(struct client *client, const char *method, const char *format, ...) {
    char request[512], whole[640];
    va_list arguments;
    int64_t until_ms = sp_clock_monotonic_ms() + GIVE_UP_MS;
    va_start(arguments, format);
    vsnprintf(request, sizeof(request), format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof(whole), "%s, 'requestId': '%u-%u'}", request, client->number, client->requests++);
    if (next_random(&client->random) % 4 == 0 && !reopen(client, next_random(&client->random) % ENDPOINTS))
        return false;
    enum sp_status status = caller_call(&client->caller, method, whole);
    while (is_unknown(status) && sp_clock_monotonic_ms() < until_ms) {
        atomic_fetch_add(&client->drill->retried, 1);
        sp_clock_sleep_ms(20);
        if (!reopen(client, (client->endpoint + 1) % ENDPOINTS))
            return false;
        status = caller_call(&client->caller, method, whole);
    }
    if (status != SP_OK) {
        snprintf(client->trouble, sizeof(client->trouble), "%s %s: %s: %s", method, whole, sp_status_name(status),
                 client->caller.error.message);
        return false;
    }
    pod_revision(&client->caller, client->revision);
    atomic_fetch_add(&client->drill->made, 1);
    return true;
}

/* A secret is told once: where the reply got lost, the key is made anew. */
static bool make_user(struct client *client, struct user *user) {
    unsigned serial = client->users_made++;
    *user = (struct user){.there = true};
    snprintf(user->id, sizeof(user->id), "u%u-%u", client->number, serial);
    if (!change(client, "Admin/CreateUser", "{'id': '%s', 'name': 'User'", user->id))
        return false;
    for (unsigned i = 0; user->key[0] == '\0'; i++) {
        snprintf(user->key_id, sizeof(user->key_id), "u%u-%u-k%u", client->number, serial, i);
        if (!change(client, "Admin/CreateApiKey",
                    "{'id': '%s', 'principal': '%s', 'name': 'key', 'permissions': {'all': true}", user->key_id,
                    user->id))
            return false;
        snprintf(user->key, sizeof(user->key), "%s", caller_text(&client->caller, "secret"));
    }
    return true;
}

static bool toggle_key(struct client *client, struct user *user) {
    bool made = user->disabled ? change(client, "Admin/EnableApiKey", "{'id': '%s'", user->key_id)
                               : change(client, "Admin/DisableApiKey", "{'id': '%s', 'reason': 'drill'", user->key_id);
    user->disabled = made ? !user->disabled : user->disabled;
    return made;
}

static bool toggle_share(struct client *client, struct user *user) {
    bool made = change(client, user->shared ? "Admin/UnshareResource" : "Admin/ShareResource",
                       "{'resource': {'type': 'voice', 'id': '%s-own'}, 'subject': {'principal': '%s'}%s",
                       client->workspace, user->id, user->shared ? "" : ", 'role': 'ROLE_VIEWER'");
    user->shared = made ? !user->shared : user->shared;
    return made;
}

static bool toggle_membership(struct client *client, struct user *user) {
    bool made = change(client, user->member ? "Admin/RemoveGroupMembers" : "Admin/AddGroupMembers",
                       "{'group': 'team', 'principals': ['%s']", user->id);
    user->member = made ? !user->member : user->member;
    return made;
}

static bool remove_user(struct client *client, struct user *user) {
    bool made = change(client, "Admin/DeletePrincipal", "{'id': '%s'", user->id);
    user->there = made ? false : user->there;
    return made;
}

static bool change_something(struct client *client, struct user *user) {
    if (!user->there)
        return make_user(client, user);
    switch (next_random(&client->random) % 10) {
    case 0:
        return remove_user(client, user);
    case 1:
    case 2:
    case 3:
        return toggle_key(client, user);
    case 4:
    case 5:
    case 6:
        return toggle_share(client, user);
    default:
        return toggle_membership(client, user);
    }
}

/* ---- asking ---- */

static const char *expected(const struct user *user, bool by_group) {
    if (!user->there)
        return "KEY_UNKNOWN";
    if (user->disabled)
        return "KEY_DISABLED";
    return (by_group ? user->member : user->shared) ? "ALLOWED" : "NOT_SHARED";
}

/* False: an older state was seen. */
static bool ask(struct client *client, const struct user *user) {
    struct drill *drill = client->drill;
    struct caller caller;
    bool by_group = next_random(&client->random) % 2 == 0;
    const struct pod *pod = &drill->pods[next_random(&client->random) % PODS];
    if (user->key[0] == '\0' || !caller_open_limited(&caller, pod->server_target, "", 2000))
        return true;
    atomic_fetch_add(&drill->asked, 1);
    enum sp_status status = caller_callf(
        &caller, "Authorization/Check",
        "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': '%s-%s'}, 'action': 'use', 'minRevision': %s}", user->key,
        client->workspace, by_group ? "team" : "own", client->revision);
    bool right = true;
    if (status == SP_OK) {
        atomic_fetch_add(&drill->told, 1);
        right = strcmp(caller_text(&caller, "reason"), expected(user, by_group)) == 0;
        if (!right)
            snprintf(client->trouble, sizeof(client->trouble), "%s at %s said %s of %s by %s and not %s", pod->name,
                     client->revision, caller_text(&caller, "reason"), user->id, by_group ? "group" : "share",
                     expected(user, by_group));
    } else if (status == SP_ERR_UNAVAILABLE || status == SP_ERR_DEADLINE) {
        atomic_fetch_add(&drill->behind, 1);
    } else {
        right = false;
        snprintf(client->trouble, sizeof(client->trouble), "%s: %s", pod->name, caller.error.message);
    }
    caller_close(&caller);
    return right;
}

static void *run_client(void *user) {
    struct client *client = user;
    struct drill *drill = client->drill;
    bool open = reopen(client, client->number % ENDPOINTS);
    while (open && atomic_load(&drill->made) < drill->wanted && client->trouble[0] == '\0') {
        struct user *about = &client->users[next_random(&client->random) % USERS];
        if (change_something(client, about))
            (void)ask(client, about);
    }
    caller_close(&client->caller);
    atomic_fetch_add(&drill->ended, 1);
    return NULL;
}

/* ---- faults ---- */

struct faults {
    unsigned killed_syncs, killed_servers, paused, cut, etcd_restarts, compactions;
};

static void disturb_pod(struct drill *drill, uint64_t *random, struct faults *faults) {
    size_t which = next_random(random) % PODS;
    struct pod *pod = &drill->pods[which];
    unsigned ms = (unsigned)(next_random(random) % FAULT_MAX_MS);
    switch (next_random(random) % 4) {
    case 0:
        (void)process_end(&pod->sync, SIGKILL);
        sp_clock_sleep_ms(ms / 2);
        pod_start_sync(pod, &drill->origin);
        faults->killed_syncs++;
        break;
    case 1:
        (void)process_end(&pod->server, SIGKILL);
        sp_clock_sleep_ms(ms / 2);
        pod_start_server(pod);
        faults->killed_servers++;
        break;
    case 2:
        assert_int_equal(kill(pod->sync.pid, SIGSTOP), 0);
        sp_clock_sleep_ms(ms);
        assert_int_equal(kill(pod->sync.pid, SIGCONT), 0);
        faults->paused++;
        break;
    default:
        proxy_cut(drill->proxies[which], true);
        sp_clock_sleep_ms(ms * 2);
        proxy_cut(drill->proxies[which], false);
        faults->cut++;
        break;
    }
}

static void disturb(struct drill *drill, uint64_t *random, struct faults *faults) {
    unsigned choice = (unsigned)(next_random(random) % 10);
    if (choice == 0) {
        etcd_end(&drill->origin.etcd, SIGKILL);
        sp_clock_sleep_ms((unsigned)(next_random(random) % 500));
        etcd_start(&drill->origin.etcd);
        faults->etcd_restarts++;
    } else if (choice < 4) {
        (void)etcd_compact(&drill->origin.etcd);
        faults->compactions++;
    } else {
        disturb_pod(drill, random, faults);
    }
    sp_clock_sleep_ms((unsigned)(next_random(random) % 300));
}

/* ---- the drill ---- */

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void prepare_pods(struct drill *drill) {
    static const char *const names[PODS] = {"a", "b", "c"};
    for (size_t i = 0; i < PODS; i++) {
        char url[96];
        drill->proxies[i] = proxy_start(drill->origin.etcd.port);
        snprintf(url, sizeof(url), "etcd://127.0.0.1:%d/sallyport/v1/", proxy_port(drill->proxies[i]));
        pod_make(&drill->pods[i], &drill->origin, names[i], url);
        drill->pods[i].sync_port = free_port();
        drill->pods[i].server_port = free_port();
        pod_start(&drill->pods[i], &drill->origin);
    }
}

/* A workspace of its own, with a voice to share and one that its group has. */
static void prepare_client(struct drill *drill, struct client *client, unsigned number) {
    struct caller *operator_caller = &drill->pods[0].admin;
    struct caller admin;
    *client = (struct client){.drill = drill, .number = number, .random = drill->seed * 31 + number};
    snprintf(client->workspace, sizeof(client->workspace), "w%u", number);
    caller_ok(operator_caller, "Admin/CreateWorkspace", "{'id': '%s', 'name': 'W', 'seats': 10000, 'adminId': 'admin'}",
              client->workspace);
    snprintf(client->admin_key, sizeof(client->admin_key), "%s", caller_text(operator_caller, "secret"));
    assert_true(caller_open(&admin, drill->pods[0].sync_target, client->admin_key));
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'team', 'name': 'Team'}");
    for (int i = 0; i < 2; i++)
        caller_ok(operator_caller, "Admin/RegisterResource",
                  "{'workspace': '%s', 'resource': {'type': 'voice', 'id': '%s-%s'}}", client->workspace,
                  client->workspace, i == 0 ? "own" : "team");
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': '%s-team'}, 'subject': {'group': 'team'}, 'role': 'ROLE_VIEWER'}",
              client->workspace);
    caller_close(&admin);
}

static void stores_are_equal_at_the_end_and_nobody_saw_an_older_state(void **state) {
    static struct drill drill;
    static struct client clients[CLIENTS];
    struct faults faults = {0};
    (void)state;
    drill.seed = number_from("SP_TEST_SEED", (uint64_t)time(NULL));
    drill.wanted = (int)number_from("SP_TEST_CHANGES", DEFAULT_CHANGES);
    print_message("seed %llu (SP_TEST_SEED), %d changes\n", (unsigned long long)drill.seed, drill.wanted);
    uint64_t random = drill.seed;
    int64_t began_ms = sp_clock_monotonic_ms();
    origin_make(&drill.origin);
    prepare_pods(&drill);
    for (unsigned i = 0; i < CLIENTS; i++)
        prepare_client(&drill, &clients[i], i);
    for (size_t i = 1; i < PODS; i++)
        pod_await(&drill.pods[i], &drill.pods[0]);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
    while (atomic_load(&drill.ended) < CLIENTS)
        disturb(&drill, &random, &faults);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        if (clients[i].trouble[0] != '\0')
            fail_msg("seed %llu, client %u: %s", (unsigned long long)drill.seed, i, clients[i].trouble);
    }
    print_message(
        "%d changes, %d retried; %d questions at a revision: %d answered, %d not in time; faults: %u syncs and %u "
        "servers killed, %u paused, %u cut off, etcd %u times restarted and %u times compacted; %lld s\n",
        atomic_load(&drill.made), atomic_load(&drill.retried), atomic_load(&drill.asked), atomic_load(&drill.told),
        atomic_load(&drill.behind), faults.killed_syncs, faults.killed_servers, faults.paused, faults.cut,
        faults.etcd_restarts, faults.compactions, (long long)(sp_clock_monotonic_ms() - began_ms) / 1000);
    for (size_t i = 0; i < PODS; i++)
        pod_await(&drill.pods[i], &drill.pods[(i + 1) % PODS]);
    for (size_t i = 0; i < PODS; i++) {
        pod_await(&drill.pods[i], &drill.pods[0]);
        pod_verify(&drill.pods[i]);
    }
    for (size_t i = 0; i < PODS; i++) {
        pod_end(&drill.pods[i], SIGTERM);
        proxy_stop(drill.proxies[i]);
    }
    origin_end(&drill.origin);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stores_are_equal_at_the_end_and_nobody_saw_an_older_state)};
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
