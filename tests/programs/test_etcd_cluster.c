/* Pods over an etcd of three members, of which one after another is killed, replaced, and brought
 * to other releases; and through etcd's own proxy. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/pods.h"
#include "support/port.h"

enum { MEMBERS = 3, TRIES_MAX = 600, URL_BYTES = 160 };

struct cluster {
    struct origin origin; /* whose etcd is the first member */
    struct etcd others[MEMBERS - 1];
    struct pod writer, follower;
    char key[PROGRAMS_KEY_BYTES]; /* that both pods allow */
    unsigned changes;
};

static struct etcd *member_at(struct cluster *cluster, size_t at) {
    return at == 0 ? &cluster->origin.etcd : &cluster->others[at - 1];
}

/* ---- members ---- */

/* Otherwise etcd adds no member before the others have been connected for five seconds. */
static const char at_once[] = "--strict-reconfig-check=false";

/* etcdctl asks for the list of members behind that, which nobody answers while a new one is needed
 * for a majority, or one that does not know the new one yet: then it has taken effect although it
 * failed. */
static bool try_to_add(const struct etcd *asked, const struct etcd *member) {
    if (etcd_try_control(asked, "member add %s --peer-urls=http://127.0.0.1:%d", member->name, member->peer_port))
        return true;
    char *complaint = etcd_control_complained(asked);
    bool added_before = strstr(complaint, "already exists") != NULL;
    free(complaint);
    return added_before;
}

static void add_to_members(const struct etcd *asked, const struct etcd *member) {
    for (int tries = 0; !try_to_add(asked, member); tries++) {
        assert_true(tries < TRIES_MAX);
        sp_clock_sleep_ms(100);
    }
}

/* Adds it to those that `asked` knows, and starts it. */
static void add_member(struct cluster *cluster, const struct etcd *asked, size_t at) {
    static char peers[MEMBERS][256];
    struct etcd *member = member_at(cluster, at);
    int size = 0;
    add_to_members(asked, member);
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct etcd *other = member_at(cluster, i);
        if (i <= at || other->process.pid != 0)
            size += snprintf(peers[at] + size, sizeof(peers[at]) - (size_t)size, "%s%s=http://127.0.0.1:%d",
                             size == 0 ? "" : ",", other->name, other->peer_port);
    }
    const char *words[] = {"--initial-cluster", peers[at], "--initial-cluster-state", "existing", at_once, NULL};
    memcpy(member->words, words, sizeof(words));
    etcd_start(member);
}

/* As hexadecimal digits, from the lines "ID, status, name, …" of etcdctl. False: it is no
 * member. */
static bool find_member_id(const struct etcd *asked, const char *name, char ret_id[static 32]) {
    char wanted[40];
    etcd_control(asked, "member list -w simple");
    char *list = etcd_control_said(asked);
    snprintf(wanted, sizeof(wanted), ", %s, ", name);
    char *found = strstr(list, wanted);
    while (found != NULL && found > list && found[-1] != '\n')
        found--;
    bool is_member = found != NULL && sscanf(found, "%31[0-9a-f]", ret_id) == 1;
    free(list);
    return is_member;
}

/* Without a leader it may take effect although it failed. */
static void remove_member(const struct etcd *asked, const char *name) {
    char id[32];
    for (int tries = 0; find_member_id(asked, name, id); tries++) {
        assert_true(tries < TRIES_MAX);
        if (!etcd_try_control(asked, "member remove %s", id))
            sp_clock_sleep_ms(100);
    }
}

/* ---- changes ---- */

/* A change, for as long as nobody can make one, and its effect on the other pod. */
static void change_and_see(struct cluster *cluster) {
    char id[32], revision[96];
    snprintf(id, sizeof(id), "ws-%u", ++cluster->changes);
    for (int tries = 0;; tries++) {
        enum sp_status status = caller_callf(&cluster->writer.admin, "Admin/CreateWorkspace",
                                             "{'id': '%s', 'name': '%s', 'seats': 2, 'requestId': '%s'}", id, id, id);
        if (status == SP_OK)
            break;
        if (status != SP_ERR_UNAVAILABLE && status != SP_ERR_DEADLINE)
            fail_msg("%s: %s", id, cluster->writer.admin.error.message);
        if (tries == TRIES_MAX)
            fail_msg("%s was never made: %s", id, cluster->writer.admin.error.message);
        sp_clock_sleep_ms(100);
    }
    pod_revision(&cluster->writer.admin, revision);
    const char *answer = "";
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        answer = pod_check(&cluster->follower, cluster->key, revision);
        if (strcmp(answer, "UNAVAILABLE") != 0)
            break;
        sp_clock_sleep_ms(100);
    }
    assert_string_equal(answer, "ALLOWED");
}

static void start_pods(struct cluster *cluster, const char *url) {
    pod_make(&cluster->writer, &cluster->origin, "writer", url);
    pod_make(&cluster->follower, &cluster->origin, "follower", url);
    cluster->follower.sync_words[0] = "--follow-only";
    pod_start(&cluster->writer, &cluster->origin);
    pod_start(&cluster->follower, &cluster->origin);
    caller_ok(&cluster->writer.admin, "Admin/CreateWorkspace",
              "{'id': 'home', 'name': 'Home', 'seats': 10, 'adminId': 'home-admin'}");
    snprintf(cluster->key, sizeof(cluster->key), "%s", caller_text(&cluster->writer.admin, "secret"));
}

static void end_pods(struct cluster *cluster) {
    pod_verify(&cluster->writer);
    pod_verify(&cluster->follower);
    pod_end(&cluster->writer, SIGTERM);
    pod_end(&cluster->follower, SIGTERM);
}

static int begin(void **state) {
    static const char *const names[MEMBERS] = {"one", "two", "three"};
    struct cluster *cluster = calloc(1, sizeof(*cluster));
    char url[URL_BYTES];
    assert_non_null(cluster);
    origin_make_with(&cluster->origin, (const char *const[]){at_once, NULL});
    for (size_t i = 1; i < MEMBERS; i++) {
        etcd_make(member_at(cluster, i), cluster->origin.folder, names[i]);
        add_member(cluster, &cluster->origin.etcd, i);
    }
    snprintf(url, sizeof(url), "etcd://%s,%s,%s/sallyport/v1/", member_at(cluster, 0)->target,
             member_at(cluster, 1)->target, member_at(cluster, 2)->target);
    start_pods(cluster, url);
    *state = cluster;
    return 0;
}

static int end(void **state) {
    struct cluster *cluster = *state;
    end_pods(cluster);
    for (size_t i = 1; i < MEMBERS; i++)
        etcd_end(member_at(cluster, i), SIGKILL);
    origin_end(&cluster->origin);
    free(cluster);
    return 0;
}

/* ---- members that go and come ---- */

/* One of them is the leader. */
static void each_member_can_be_killed_and_changes_go_on(void **state) {
    struct cluster *cluster = *state;
    for (size_t i = 0; i < MEMBERS; i++) {
        etcd_end(member_at(cluster, i), SIGKILL);
        change_and_see(cluster);
        etcd_start(member_at(cluster, i));
        change_and_see(cluster);
    }
}

static void a_member_can_be_replaced_by_an_empty_one(void **state) {
    struct cluster *cluster = *state;
    struct etcd *last = member_at(cluster, MEMBERS - 1);
    char data[160];
    etcd_end(last, SIGKILL);
    remove_member(&cluster->origin.etcd, last->name);
    snprintf(data, sizeof(data), "%s/%s.etcd", last->folder, last->name);
    folder_remove(data);
    change_and_see(cluster);
    add_member(cluster, &cluster->origin.etcd, MEMBERS - 1);
    change_and_see(cluster);
    /* The new one has to be counted on. */
    etcd_end(&cluster->origin.etcd, SIGKILL);
    change_and_see(cluster);
    etcd_start(&cluster->origin.etcd);
}

/* ---- releases ---- */

/* Each member in turn, with a change while it is down and one after. */
static void bring_members_to(struct cluster *cluster, const char *folder) {
    print_message("members of %s\n", folder);
    assert_int_equal(setenv("SP_TEST_ETCD", folder, 1), 0);
    for (size_t i = 0; i < MEMBERS; i++) {
        etcd_end(member_at(cluster, i), SIGTERM);
        change_and_see(cluster);
        etcd_start(member_at(cluster, i));
        change_and_see(cluster);
    }
}

/* The last part of a path: the folders of SP_TEST_ETCD_ROLL are named as the releases in them. */
static const char *version_of(const char *folder) {
    const char *slash = strrchr(folder, '/');
    return slash == NULL ? folder : slash + 1;
}

/* Not before the cluster knows that all members have the release before, which takes seconds. */
static void enable_downgrade(struct cluster *cluster, const char *version) {
    for (int tries = 0; !etcd_try_control(&cluster->origin.etcd, "downgrade enable %s", version); tries++) {
        if (tries == TRIES_MAX)
            fail_msg("etcd refuses the downgrade to %s", version);
        sp_clock_sleep_ms(100);
    }
}

static void a_rolling_change_of_etcd_s_release_stops_nothing(void **state) {
    struct cluster *cluster = *state;
    const char *path = getenv("SP_TEST_ETCD_ROLL"), *started = getenv("SP_TEST_ETCD");
    char folders[1024], control[512];
    if (path == NULL || started == NULL)
        skip();
    snprintf(folders, sizeof(folders), "%s", path);
    snprintf(control, sizeof(control), "%s", started);
    const char *before = control;
    for (char *rest = folders, *folder; (folder = strtok_r(rest, ":", &rest)) != NULL; before = folder) {
        /* Releases have one digit in each place that counts here. */
        if (strncmp(version_of(folder), version_of(before), 3) < 0)
            enable_downgrade(cluster, version_of(folder));
        bring_members_to(cluster, folder);
    }
    assert_int_equal(setenv("SP_TEST_ETCD", control, 1), 0);
}

/* ---- etcd's own proxy ---- */

static void start_proxy(const struct cluster *cluster, int port, struct process *proxy) {
    char listen[64];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    etcd_run(proxy, cluster->origin.folder, "proxy",
             (const char *const[]){"grpc-proxy", "start", "--endpoints", cluster->origin.etcd.target, "--listen-addr",
                                   listen, NULL});
}

static void pods_change_and_follow_through_etcd_s_proxy(void **state) {
    static struct cluster cluster;
    struct process proxy = {0};
    char url[URL_BYTES];
    int port = free_port();
    (void)state;
    origin_make(&cluster.origin);
    start_proxy(&cluster, port, &proxy);
    snprintf(url, sizeof(url), "etcd://127.0.0.1:%d/sallyport/v1/", port);
    start_pods(&cluster, url);
    for (int i = 0; i < 3; i++)
        change_and_see(&cluster);
    /* Without the follower, whose place is compacted away meanwhile. */
    pod_end(&cluster.follower, SIGTERM);
    caller_ok(&cluster.writer.admin, "Admin/CreateWorkspace", "{'name': 'Meanwhile', 'seats': 2}");
    (void)etcd_compact(&cluster.origin.etcd);
    pod_start(&cluster.follower, &cluster.origin);
    change_and_see(&cluster);
    (void)process_end(&proxy, SIGKILL);
    start_proxy(&cluster, port, &proxy);
    change_and_see(&cluster);
    end_pods(&cluster);
    (void)process_end(&proxy, SIGKILL);
    origin_end(&cluster.origin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_member_can_be_killed_and_changes_go_on, begin, end),
        cmocka_unit_test_setup_teardown(a_member_can_be_replaced_by_an_empty_one, begin, end),
        cmocka_unit_test_setup_teardown(a_rolling_change_of_etcd_s_release_stops_nothing, begin, end),
        cmocka_unit_test(pods_change_and_follow_through_etcd_s_proxy),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
