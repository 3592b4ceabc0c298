/* The reporter against a peer that takes its reports, refuses them for a while, or is not there. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/text.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "sallyport/v1/usage.pb-c.h"
#include "server/server_id.h"
#include "server/usage.h"
#include "wire/wire.h"

enum { REPORTS_MAX = 64, POLLS = 3000, POLL_NS = 10000000 };

/* What came, in the order of coming. */
struct arrival {
    uint64_t instance, sequence;
    int64_t until_s, lost_until_s;
    bool goodbye, refused;
    size_t uses;
    uint64_t sum; /* over the uses: the same uses give the same */
};

struct peer {
    struct sp_rpc_server *server;
    char target[64];
    pthread_mutex_t lock; /* over what follows */
    unsigned refuse;      /* so many of the next ones */
    struct arrival arrivals[REPORTS_MAX];
    size_t count;
    size_t keys; /* uses in all that were taken */
    int64_t last_used_s;
    char last_ip[16];
};

static uint64_t sum_of(const Sallyport__V1__ReportUsageRequest *request) {
    uint64_t sum = 0;
    for (size_t i = 0; i < request->n_uses; i++) {
        const Sallyport__V1__KeyUseEntry *use = request->uses[i];
        for (const char *at = use->key_id; *at != '\0'; at++)
            sum = sum * 31 + (unsigned char)*at;
        sum = sum * 31 + (uint64_t)use->used_at + (uint64_t)use->rejected_at;
    }
    return sum;
}

static void take(struct peer *peer, const Sallyport__V1__ReportUsageRequest *request, bool *ret_refused) {
    pthread_mutex_lock(&peer->lock);
    bool refused = peer->refuse > 0;
    peer->refuse -= refused;
    if (peer->count < REPORTS_MAX)
        peer->arrivals[peer->count++] = (struct arrival){
            .instance = request->instance,
            .sequence = request->sequence,
            .until_s = request->until,
            .lost_until_s = request->lost_until,
            .goodbye = request->goodbye,
            .refused = refused,
            .uses = request->n_uses,
            .sum = sum_of(request),
        };
    peer->keys += refused ? 0 : request->n_uses;
    if (request->n_uses > 0) {
        peer->last_used_s = request->uses[0]->used_at;
        memcpy(peer->last_ip, request->uses[0]->used_ip.data, request->uses[0]->used_ip.len);
    }
    pthread_mutex_unlock(&peer->lock);
    *ret_refused = refused;
}

static void on_report(struct sp_rpc_call *call, void *user) {
    ProtobufCMessage *request = NULL;
    struct sp_error error = {0};
    bool refused = true;
    if (sp_wire_unpack(&sallyport__v1__report_usage_request__descriptor, sp_rpc_call_request(call),
                       sp_rpc_call_arena(call), &request, &error) != SP_OK) {
        sp_rpc_fail(call, SP_ERR_INVALID, error.message);
        return;
    }
    take(user, (const Sallyport__V1__ReportUsageRequest *)request, &refused);
    if (refused)
        sp_rpc_fail(call, SP_ERR_UNAVAILABLE, "not now");
    else
        sp_rpc_reply(call, (struct sp_bytes){NULL, 0});
}

static int set_up(void **state) {
    static struct peer peer;
    static const char *const loopback[] = {"127.0.0.1:0"};
    struct sp_error error = {0};
    peer = (struct peer){0};
    pthread_mutex_init(&peer.lock, NULL);
    const struct sp_rpc_method method = {.path = "/sallyport.v1.Usage/Report",
                                         .kind = SP_RPC_UNARY,
                                         .unary = on_report,
                                         .user = &peer,
                                         .max_request_bytes = 4 << 20};
    const struct sp_rpc_server_options options = {.listen = loopback, .listen_count = 1, .workers = 1};
    assert_int_equal(sp_rpc_server_open(&options, &method, 1, (struct sp_bytes){NULL, 0}, &peer.server, &error), SP_OK);
    assert_int_equal(sp_rpc_server_start(peer.server, &error), SP_OK);
    snprintf(peer.target, sizeof(peer.target), "127.0.0.1:%d", sp_rpc_server_port(peer.server, 0));
    *state = &peer;
    return 0;
}

static int tear_down(void **state) {
    struct peer *peer = *state;
    if (peer->server != NULL)
        sp_rpc_server_stop(peer->server, 1000);
    sp_rpc_server_close(peer->server);
    pthread_mutex_destroy(&peer->lock);
    return 0;
}

static struct sp_usage_reporter *start(const char *target, unsigned interval_ms, uint32_t max_keys) {
    struct sp_usage_reporter *reporter = NULL;
    struct sp_error error = {0};
    const struct sp_usage_reporter_options options = {
        .target = target, .server = "alpha", .lanes = 3, .interval_ms = interval_ms, .max_keys = max_keys};
    assert_int_equal(sp_usage_reporter_start(&options, &reporter, &error), SP_OK);
    return reporter;
}

static void note(struct sp_usage_reporter *reporter, unsigned lane, unsigned key, enum sp_reason reason) {
    char id[16];
    snprintf(id, sizeof(id), "k%u", key);
    const struct sp_ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7}};
    const struct sp_query query = {.ip = &ip};
    const struct sp_answer answer = {
        .reason = reason, .key_found = true, .workspace = SP_STR_LITERAL("acme"), .key_id = sp_str_from(id)};
    sp_usage_reporter_note(reporter, lane, &query, &answer);
}

static struct arrival arrival_at(struct peer *peer, size_t i) {
    pthread_mutex_lock(&peer->lock);
    assert_true(i < peer->count);
    struct arrival arrival = peer->arrivals[i];
    pthread_mutex_unlock(&peer->lock);
    return arrival;
}

static size_t count_of(struct peer *peer) {
    pthread_mutex_lock(&peer->lock);
    size_t count = peer->count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

static size_t keys_of(struct peer *peer) {
    pthread_mutex_lock(&peer->lock);
    size_t keys = peer->keys;
    pthread_mutex_unlock(&peer->lock);
    return keys;
}

static void refuse(struct peer *peer, unsigned next) {
    pthread_mutex_lock(&peer->lock);
    peer->refuse = next;
    pthread_mutex_unlock(&peer->lock);
}

static void wait_for_arrivals(struct peer *peer, size_t count) {
    for (int i = 0; i < POLLS; i++) {
        if (count_of(peer) >= count)
            return;
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    fail_msg("%zu reports never came", count);
}

/* ---- tests ---- */

static void reports_at_once_and_says_goodbye_with_what_is_left(void **state) {
    struct peer *peer = *state;
    int64_t begun_s = time(NULL);
    struct sp_usage_reporter *reporter = start(peer->target, 60000, 1024);
    wait_for_arrivals(peer, 1);
    struct sp_usage_reporter_stats stats;
    sp_usage_reporter_read_stats(reporter, &stats);
    assert_true(stats.report_age_s >= 0 && stats.report_age_s < 60);
    assert_int_equal(stats.losses, 0);
    note(reporter, 0, 1, SP_REASON_ALLOWED);
    note(reporter, 1, 2, SP_REASON_KEY_DISABLED);
    note(reporter, 99, 3, SP_REASON_NOT_SHARED);
    note(reporter, 0, 1, SP_REASON_ROLE_TOO_LOW);
    sp_usage_reporter_stop(reporter, 5000);
    assert_int_equal(count_of(peer), 2);
    struct arrival first = arrival_at(peer, 0);
    struct arrival last = arrival_at(peer, 1);
    assert_int_equal(first.sequence, 1);
    assert_int_equal(first.uses, 0);
    assert_true(first.until_s >= begun_s - 1);
    assert_false(first.goodbye);
    assert_int_equal(last.sequence, 2);
    assert_true(last.instance == first.instance);
    assert_int_equal(last.uses, 3);
    assert_true(last.goodbye);
    assert_int_equal(last.lost_until_s, 0);
    assert_true(last.until_s >= first.until_s);
    assert_memory_equal(peer->last_ip, "\xcb\x00\x71\x07", 4);
}

static void what_is_no_presentation_of_a_key_is_not_noted(void **state) {
    struct peer *peer = *state;
    struct sp_usage_reporter *reporter = start(peer->target, 60000, 1024);
    const struct sp_query query = {0};
    const struct sp_answer unknown = {.reason = SP_REASON_KEY_UNKNOWN};
    note(reporter, 0, 1, SP_REASON_STALE);
    note(reporter, 0, 1, SP_REASON_ROUTE_UNKNOWN);
    sp_usage_reporter_note(reporter, 0, &query, &unknown);
    sp_usage_reporter_note(NULL, 0, &query, &unknown);
    sp_usage_reporter_stop(reporter, 5000);
    assert_int_equal(keys_of(peer), 0);
}

static void a_report_that_is_refused_comes_again_as_it_was(void **state) {
    struct peer *peer = *state;
    refuse(peer, 2);
    struct sp_usage_reporter *reporter = start(peer->target, 1000, 1024);
    /* Into the second report at the earliest: the first is on its way. */
    wait_for_arrivals(peer, 1);
    note(reporter, 0, 1, SP_REASON_ALLOWED);
    wait_for_arrivals(peer, 4);
    sp_usage_reporter_stop(reporter, 5000);
    uint64_t next = 1;
    for (size_t i = 0; i < count_of(peer); i++) {
        struct arrival arrival = arrival_at(peer, i);
        assert_int_equal(arrival.sequence, next);
        if (i > 0 && arrival_at(peer, i - 1).refused) {
            assert_true(arrival.sum == arrival_at(peer, i - 1).sum);
            assert_int_equal(arrival.until_s, arrival_at(peer, i - 1).until_s);
        }
        next += !arrival.refused;
    }
    assert_int_equal(keys_of(peer), 1);
    assert_true(arrival_at(peer, count_of(peer) - 1).goodbye);
}

static void many_keys_go_in_parts_and_only_the_last_moves_the_watermark(void **state) {
    struct peer *peer = *state;
    enum { KEYS = 12000 };
    struct sp_usage_reporter *reporter = start(peer->target, 60000, 65536);
    wait_for_arrivals(peer, 1);
    for (unsigned i = 0; i < KEYS; i++)
        note(reporter, i % 2, i, SP_REASON_ALLOWED);
    sp_usage_reporter_stop(reporter, 10000);
    assert_int_equal(keys_of(peer), KEYS);
    for (size_t i = 1; i < count_of(peer); i++) {
        struct arrival arrival = arrival_at(peer, i);
        assert_int_equal(arrival.sequence, i + 1);
        assert_int_equal(arrival.lost_until_s, 0);
        assert_int_equal(arrival.until_s == 0, i + 1 < count_of(peer));
        assert_int_equal(arrival.goodbye, i + 1 == count_of(peer));
    }
}

static void more_keys_than_there_is_room_for_are_told_as_lost(void **state) {
    struct peer *peer = *state;
    refuse(peer, 1000);
    int64_t begun_s = time(NULL);
    struct sp_usage_reporter *reporter = start(peer->target, 60000, 1024);
    wait_for_arrivals(peer, 1);
    struct sp_usage_reporter_stats stats = {0};
    for (unsigned i = 0; i < 20000; i++)
        note(reporter, 0, i, SP_REASON_ALLOWED);
    for (int i = 0; i < POLLS && stats.losses == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        sp_usage_reporter_read_stats(reporter, &stats);
    }
    assert_true(stats.losses > 0);
    refuse(peer, 0);
    sp_usage_reporter_stop(reporter, 10000);
    struct arrival last = arrival_at(peer, count_of(peer) - 1);
    assert_true(last.goodbye);
    assert_true(last.lost_until_s > begun_s && last.lost_until_s >= last.until_s);
    assert_true(keys_of(peer) >= 1024 && keys_of(peer) < 20000);
}

static void a_lane_that_fills_up_is_emptied_before_the_time(void **state) {
    struct peer *peer = *state;
    struct sp_usage_reporter *reporter = start(peer->target, 60000, 1024);
    wait_for_arrivals(peer, 1);
    /* Half of a lane's room, and more than half of what may be held: it is sent though nothing is
     * due. */
    for (unsigned i = 0; i < 8193; i++)
        note(reporter, 0, i, SP_REASON_ALLOWED);
    wait_for_arrivals(peer, 2);
    sp_usage_reporter_stop(reporter, 10000);
}

static void stops_in_time_where_nobody_answers(void **state) {
    (void)state;
    struct timespec begun, ended;
    struct sp_usage_reporter *reporter = start("127.0.0.1:1", 1000, 1024);
    note(reporter, 0, 1, SP_REASON_ALLOWED);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    sp_usage_reporter_stop(reporter, 300);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    /* The drain, one call that was under way, and room for a slow machine. */
    assert_true(ended.tv_sec - begun.tv_sec < 20);
}

static void names_a_server_by_host_and_listener(void **state) {
    (void)state;
    static const struct {
        const char *listen;
        int port;
        const char *ending;
    } cases[] = {
        {"127.0.0.1:7400", 7400, ":7400"},
        {"0.0.0.0:0", 41234, ":41234"},
        {"unix:/run/a.sock", 0, ":unix:-run-a.sock"},
        {"unix:/a/very/long/path/to/a/socket.sock", 0, ":to-a-socket.sock"},
        {"unix:/tmp/two words", 0, ":unix:-tmp-two-words"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char id[SP_SERVER_ID_BYTES];
        sp_server_make_id(cases[i].listen, cases[i].port, id);
        size_t size = strlen(id);
        size_t ending = strlen(cases[i].ending);
        struct sp_error error = {0};
        assert_int_equal(sp_text_check_id(sp_str_from(id), "id", &error), SP_OK);
        const char *tail = size >= ending ? id + size - ending : "";
        if (cases[i].ending[1] == 't')
            assert_non_null(strstr(id, "-to-a-socket.sock"));
        else
            assert_string_equal(tail, cases[i].ending);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_at_once_and_says_goodbye_with_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_presentation_of_a_key_is_not_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_report_that_is_refused_comes_again_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_keys_go_in_parts_and_only_the_last_moves_the_watermark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_keys_than_there_is_room_for_are_told_as_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lane_that_fills_up_is_emptied_before_the_time, set_up, tear_down),
        cmocka_unit_test(stops_in_time_where_nobody_answers),
        cmocka_unit_test(names_a_server_by_host_and_listener),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_rpc_global_fini();
    return failed != 0;
}
