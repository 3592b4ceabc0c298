/* Endpoints that are not members like others: a learner, and etcd's own proxy. */
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
#include "etcd/client.h"
#include "etcd/kv.h"
#include "etcd/watch.h"
#include "support/etcd.h"
#include "support/port.h"

struct fixture {
    char folder[64];
    struct etcd etcd;
    struct process other; /* the learner or the proxy */
    int other_port;
    struct sp_arena arena;
    struct sp_error error;
};

static struct sp_bytes bytes(const char *text) {
    return (struct sp_bytes){(const uint8_t *)text, strlen(text)};
}

static int begin(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    folder_make(fixture->folder);
    etcd_make(&fixture->etcd, fixture->folder, "one");
    etcd_start(&fixture->etcd);
    fixture->other_port = free_port();
    assert_int_equal(sp_arena_init(&fixture->arena, 4096, 1 << 20), SP_OK);
    *state = fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    (void)process_end(&fixture->other, SIGKILL);
    etcd_end(&fixture->etcd, SIGKILL);
    folder_remove(fixture->folder);
    sp_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

static void start_learner(struct fixture *fixture) {
    char client[64], peer[64], data[128], cluster[160];
    int peer_port = free_port();
    snprintf(client, sizeof(client), "http://127.0.0.1:%d", fixture->other_port);
    snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", peer_port);
    snprintf(data, sizeof(data), "%s/two.etcd", fixture->folder);
    snprintf(cluster, sizeof(cluster), "one=http://127.0.0.1:%d,two=%s", fixture->etcd.peer_port, peer);
    etcd_control(&fixture->etcd, "member add two --learner --peer-urls=%s", peer);
    etcd_run(&fixture->other, fixture->folder, "two",
             (const char *const[]){"--name", "two", "--data-dir", data, "--log-level", "error", "--listen-client-urls",
                                   client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                                   "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                                   "--initial-cluster-state", "existing", NULL});
}

static void start_proxy(struct fixture *fixture) {
    char listen[64];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", fixture->other_port);
    etcd_run(&fixture->other, fixture->folder, "proxy",
             (const char *const[]){"grpc-proxy", "start", "--endpoints", fixture->etcd.target, "--listen-addr", listen,
                                   NULL});
}

/* `alone`: no other endpoint than the learner or the proxy. */
static struct sp_etcd *open_client(struct fixture *fixture, bool alone) {
    char endpoints[96];
    struct sp_etcd *client = NULL;
    snprintf(endpoints, sizeof(endpoints), "127.0.0.1:%d%s%s", fixture->other_port, alone ? "" : ",",
             alone ? "" : fixture->etcd.target);
    const struct sp_etcd_options options = {.endpoints = sp_str_from(endpoints)};
    assert_int_equal(sp_etcd_open(&options, &client, &fixture->error), SP_OK);
    return client;
}

static enum sp_status get_at(struct fixture *fixture, struct sp_etcd *client, uint64_t revision) {
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = bytes("key"), .revision = revision};
    fixture->error = (struct sp_error){0};
    return sp_etcd_get(client, &range, &fixture->arena, &page, &fixture->error);
}

static void await_answer(struct fixture *fixture, struct sp_etcd *client, const char *text) {
    for (int i = 0; get_at(fixture, client, 0) == SP_ERR_UNAVAILABLE && strstr(fixture->error.message, text) == NULL;
         i++) {
        if (i == 600)
            fail_msg("%s", fixture->error.message);
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000L}, NULL);
    }
}

/* It would be asked for ever: it answers, and never with more than that. */
static void a_learner_is_passed_over(void **state) {
    struct fixture *fixture = *state;
    struct sp_etcd_watch *watch = NULL;
    start_learner(fixture);
    struct sp_etcd *client = open_client(fixture, true);
    await_answer(fixture, client, "rpc not supported for learner");
    assert_int_equal(get_at(fixture, client, 0), SP_ERR_UNAVAILABLE);
    sp_etcd_close(client);
    client = open_client(fixture, false);
    if (get_at(fixture, client, 0) != SP_OK)
        fail_msg("%s", fixture->error.message);
    assert_string_equal(sp_etcd_endpoint(client), fixture->etcd.target);
    sp_etcd_close(client);
    /* A watch that is refused goes on there too. */
    client = open_client(fixture, false);
    enum sp_status status =
        sp_etcd_watch_open(client, bytes("key"), (struct sp_bytes){NULL, 0}, 1, &watch, &fixture->error);
    if (status == SP_ERR_UNAVAILABLE)
        status = sp_etcd_watch_open(client, bytes("key"), (struct sp_bytes){NULL, 0}, 1, &watch, &fixture->error);
    if (status != SP_OK)
        fail_msg("%s", fixture->error.message);
    assert_string_equal(sp_etcd_endpoint(client), fixture->etcd.target);
    sp_etcd_watch_close(watch);
    sp_etcd_close(client);
}

static void through_the_proxy_a_compaction_is_a_compaction(void **state) {
    struct fixture *fixture = *state;
    start_proxy(fixture);
    struct sp_etcd *client = open_client(fixture, true);
    await_answer(fixture, client, "never");
    for (int i = 0; i < 3; i++)
        etcd_control(&fixture->etcd, "put key %d", i);
    uint64_t revision = etcd_compact(&fixture->etcd);
    assert_int_equal(get_at(fixture, client, revision), SP_OK);
    assert_int_equal(get_at(fixture, client, revision - 1), SP_ERR_OUT_OF_RANGE);
    assert_int_equal(get_at(fixture, client, revision + 1000), SP_ERR_FUTURE);
    sp_etcd_close(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_learner_is_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(through_the_proxy_a_compaction_is_a_compaction, begin, end),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
