/* What the calls of a stopping server get, and how long it takes to stop. */
#include <time.h>

#include "base/clock.h"
#include "rig.h"

enum { CALLERS = 8, LATE_MS = 20 * 1000 /* far more than anything here takes on a busy machine */ };

static struct gate kept_count = GATE_INIT;
static struct sp_rpc_call *kept[CALLERS];

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void keep(struct sp_rpc_call *call, void *user) {
    (void)user;
    kept[gate_count(&kept_count)] = call;
    gate_add(&kept_count, 1);
}

static void retry_for_ever(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&kept_count, sp_rpc_call_retries(call) == 0);
    sp_rpc_retry_after(call, 1);
}

static void read_first(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void send_back(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    sp_rpc_send_and_read(call, message);
}

/* To a client that never reads, so that what it is sent stays under way. */
static void send_much(struct sp_rpc_call *call, void *user) {
    static uint8_t chunk[256 * 1024];
    (void)user;
    gate_add(&kept_count, 1);
    sp_rpc_send(call, (struct sp_bytes){chunk, sizeof(chunk)});
}

static const struct sp_rpc_stream_ops echo_ops = {.opened = read_first, .received = send_back};
static const struct sp_rpc_stream_ops flood_ops = {.opened = send_much, .sent = send_much};

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Echo", .unary = echo, .hot = true},
    {.path = "/test.Test/Cold", .unary = echo},
    {.path = "/test.Test/Keep", .unary = keep},
    {.path = "/test.Test/Retry", .unary = retry_for_ever},
    {.path = "/test.Test/Aging", .kind = SP_RPC_STREAM, .stream = &echo_ops, .ages = true},
    {.path = "/test.Test/Lasting", .kind = SP_RPC_STREAM, .stream = &echo_ops},
    {.path = "/test.Test/Flood", .kind = SP_RPC_STREAM, .stream = &flood_ops},
};

static void start(struct rig *rig, unsigned connection_age_s, unsigned stream_age_s) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {.engine = rig_engine(),
                                                  .listen = loopback,
                                                  .listen_count = 1,
                                                  .workers = 2,
                                                  .max_connection_age_s = connection_age_s,
                                                  .max_stream_age_s = stream_age_s};
    kept_count.count = 0;
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 64 << 20), SP_OK);
    assert_int_equal(
        sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &rig->server, &rig->error),
        SP_OK);
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
}

/* Returns how long it took. */
static int64_t stop_within(struct rig *rig, unsigned grace_ms) {
    int64_t begin_ms = sp_clock_monotonic_ms();
    sp_rpc_server_stop(rig->server, grace_ms);
    return sp_clock_monotonic_ms() - begin_ms;
}

/* ---- callers ---- */

/* A client on a thread of its own, which repeats a call until it fails. */
struct caller {
    struct rig *rig;
    const char *path;
    pthread_t thread;
    atomic_uint answered;
    enum sp_status status;
    struct sp_error error;
};

static void *call_until_failure(void *user) {
    struct caller *caller = user;
    struct sp_arena arena;
    struct sp_bytes reply;
    struct sp_rpc_client *client;
    const struct sp_rpc_client_options options = {.target = caller->rig->target, .timeout_ms = 3 * LATE_MS};
    if (sp_arena_init(&arena, 1024, 1 << 20) != SP_OK || sp_rpc_client_open(&options, &client, &caller->error) != SP_OK)
        return NULL;
    do {
        sp_arena_reset(&arena);
        caller->status = sp_rpc_client_call(client, caller->path, bytes_of("x"), &arena, &reply, &caller->error);
        atomic_fetch_add(&caller->answered, caller->status == SP_OK);
    } while (caller->status == SP_OK);
    sp_rpc_client_close(client);
    sp_arena_fini(&arena);
    return NULL;
}

static void start_callers(struct caller *callers, size_t count, struct rig *rig, const char *path) {
    for (size_t i = 0; i < count; i++) {
        callers[i] = (struct caller){.rig = rig, .path = path};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_until_failure, &callers[i]), 0);
    }
}

static void join_callers(struct caller *callers, size_t count) {
    for (size_t i = 0; i < count; i++)
        pthread_join(callers[i].thread, NULL);
}

static void fini(struct rig *rig) {
    sp_rpc_server_close(rig->server);
    sp_arena_fini(&rig->arena);
}

/* ---- unary calls ---- */

static void a_call_that_comes_while_the_server_ends_is_unavailable_and_never_cancelled(void **state) {
    enum { ROUNDS = 30 };
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct caller callers[CALLERS];
        struct rig rig;
        start(&rig, 0, 0);
        start_callers(callers, CALLERS, &rig, round % 2 == 0 ? "/test.Test/Echo" : "/test.Test/Cold");
        for (size_t i = 0; i < CALLERS; i++)
            while (atomic_load(&callers[i].answered) < 20)
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        stop_within(&rig, 5000);
        join_callers(callers, CALLERS);
        for (size_t i = 0; i < CALLERS; i++)
            if (callers[i].status != SP_ERR_UNAVAILABLE)
                fail_msg("round %d: %d: %s", round, (int)callers[i].status, callers[i].error.message);
        fini(&rig);
    }
}

static void calls_that_a_handler_keeps_are_answered_when_the_grace_is_over(void **state) {
    struct caller callers[CALLERS];
    struct rig rig;
    (void)state;
    start(&rig, 0, 0);
    start_callers(callers, CALLERS, &rig, "/test.Test/Keep");
    assert_true(gate_wait(&kept_count, CALLERS));
    assert_in_range(stop_within(&rig, 300), 300, LATE_MS);
    join_callers(callers, CALLERS);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].status, SP_ERR_UNAVAILABLE);
        assert_string_equal(callers[i].error.message,
                            "the server stopped before the call was complete, and the call may have "
                            "taken effect: try again, on another connection");
    }
    /* Half of them while there is a server, half after that; what the handler may read is there. */
    for (size_t i = 0; i < CALLERS; i++) {
        size_t count;
        if (i == CALLERS / 2)
            sp_rpc_server_close(rig.server);
        assert_bytes(sp_rpc_call_request(kept[i]), "x");
        assert_non_null(sp_arena_printf(sp_rpc_call_arena(kept[i]), "%d", 1));
        assert_true(sp_rpc_call_remaining_ms(kept[i]) > 0);
        (void)sp_rpc_call_metadata(kept[i], "user-agent", &count);
        assert_int_equal(count, 1);
        if (i % 2 == 0)
            sp_rpc_reply(kept[i], bytes_of("late"));
        else
            sp_rpc_fail(kept[i], SP_ERR_INTERNAL, "late");
    }
    sp_arena_fini(&rig.arena);
}

static void a_kept_call_that_is_answered_in_time_is_answered(void **state) {
    struct caller callers[1];
    struct rig rig;
    (void)state;
    start(&rig, 0, 0);
    start_callers(callers, 1, &rig, "/test.Test/Keep");
    assert_true(gate_wait(&kept_count, 1));
    sp_rpc_fail(kept[0], SP_ERR_NOT_FOUND, "in time");
    assert_in_range(stop_within(&rig, 3 * LATE_MS), 0, LATE_MS);
    join_callers(callers, 1);
    assert_int_equal(callers[0].status, SP_ERR_NOT_FOUND);
    fini(&rig);
}

static void a_call_that_waits_is_unavailable_when_the_grace_is_over(void **state) {
    struct caller callers[CALLERS];
    struct rig rig;
    (void)state;
    start(&rig, 0, 0);
    start_callers(callers, CALLERS, &rig, "/test.Test/Retry");
    assert_true(gate_wait(&kept_count, CALLERS));
    assert_in_range(stop_within(&rig, 200), 200, LATE_MS);
    join_callers(callers, CALLERS);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(callers[i].status, SP_ERR_UNAVAILABLE);
    fini(&rig);
}

static void a_server_without_calls_stops_at_once(void **state) {
    struct rig rig;
    struct sp_bytes reply;
    (void)state;
    start(&rig, 0, 0);
    struct sp_rpc_client *client = rig_client(&rig, 0);
    assert_int_equal(sp_rpc_client_call(client, "/test.Test/Echo", bytes_of("x"), &rig.arena, &reply, &rig.error),
                     SP_OK);
    assert_in_range(stop_within(&rig, 3 * LATE_MS), 0, LATE_MS);
    sp_rpc_client_close(client);
    fini(&rig);
}

/* ---- streams ---- */

static struct sp_rpc_stream *open_echo(struct rig *rig, struct sp_rpc_client *client, const char *path) {
    struct sp_rpc_stream *stream;
    struct sp_bytes reply;
    assert_int_equal(sp_rpc_stream_open(client, path, &stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("x"), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
    return stream;
}

/* Until the client's window and the sockets' buffers are full. */
static void wait_until_stuck(void) {
    int before = -1;
    while (before != gate_count(&kept_count)) {
        before = gate_count(&kept_count);
        nanosleep(&(struct timespec){.tv_nsec = 500 * 1000000L}, NULL);
    }
    assert_true(before > 0);
}

static void a_stream_that_nobody_reads_holds_up_no_stop(void **state) {
    struct rig rig;
    struct sp_rpc_stream *stream;
    (void)state;
    start(&rig, 0, 0);
    struct sp_rpc_client *client = rig_client(&rig, 0);
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Flood", &stream, &rig.error), SP_OK);
    wait_until_stuck();
    assert_in_range(stop_within(&rig, 300), 300, LATE_MS);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
    fini(&rig);
}

static void a_stream_ends_at_its_age_and_says_reconnect(void **state) {
    struct rig rig;
    struct sp_bytes reply;
    (void)state;
    start(&rig, 0, 2);
    struct sp_rpc_client *client = rig_client(&rig, 0);
    int64_t begin_ms = sp_clock_monotonic_ms();
    struct sp_rpc_stream *idle = open_echo(&rig, client, "/test.Test/Aging");
    struct sp_rpc_stream *busy = open_echo(&rig, client, "/test.Test/Aging");
    struct sp_rpc_stream *lasting = open_echo(&rig, client, "/test.Test/Lasting");
    enum sp_status status = SP_OK;
    while (status == SP_OK && sp_rpc_stream_send(busy, bytes_of("y"), &rig.error) == SP_OK) {
        sp_arena_reset(&rig.arena);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        status = sp_rpc_stream_receive(busy, &rig.arena, &reply, &rig.error);
    }
    if (status == SP_OK)
        status = sp_rpc_stream_receive(busy, &rig.arena, &reply, &rig.error);
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, 1750, LATE_MS);
    assert_int_equal(status, SP_ERR_UNAVAILABLE);
    assert_string_equal(rig.error.message, "the stream has reached its maximum age: reconnect");
    assert_int_equal(sp_rpc_stream_receive(idle, &rig.arena, &reply, &rig.error), SP_ERR_UNAVAILABLE);
    assert_string_equal(rig.error.message, "the stream has reached its maximum age: reconnect");
    assert_int_equal(sp_rpc_stream_send(lasting, bytes_of("z"), &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(lasting, &rig.arena, &reply, &rig.error), SP_OK);
    assert_bytes(reply, "z");
    sp_rpc_stream_close(idle);
    sp_rpc_stream_close(busy);
    sp_rpc_stream_close(lasting);
    sp_rpc_client_close(client);
    assert_in_range(stop_within(&rig, 3 * LATE_MS), 0, LATE_MS);
    fini(&rig);
}

static void a_stream_outlasts_its_connections_age(void **state) {
    enum { CONNECTION_AGE_S = 1, STREAM_AGE_S = 13 /* more than gRPC's grace of 10 s */ };
    struct rig rig;
    struct sp_bytes reply;
    (void)state;
    start(&rig, CONNECTION_AGE_S, STREAM_AGE_S);
    struct sp_rpc_client *client = rig_client(&rig, 0);
    int64_t begin_ms = sp_clock_monotonic_ms();
    struct sp_rpc_stream *stream = open_echo(&rig, client, "/test.Test/Aging");
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_ERR_UNAVAILABLE);
    assert_string_equal(rig.error.message, "the stream has reached its maximum age: reconnect");
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, STREAM_AGE_S * 900 - 100, LATE_MS);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
    sp_rpc_server_stop(rig.server, 5000);
    fini(&rig);
}

static void *stop_slowly(void *user) {
    sp_rpc_server_stop(user, 3 * LATE_MS);
    return NULL;
}

/* The C core can ask a connection to leave at its age only, and serves it until then; the second
 * engine asks at once. */
static void streams_of_a_stopping_server_end_when_their_connection_is_asked_to_leave(void **state) {
    enum { AGE_S = 2 };
    const int64_t asked_ms = rig_engine() == SP_RPC_ENGINE_H2 ? 0 : AGE_S * 1000;
    struct rig rig;
    struct sp_bytes reply;
    pthread_t stopper;
    (void)state;
    start(&rig, AGE_S, 3 * LATE_MS / 1000);
    struct sp_rpc_client *client = rig_client(&rig, 0);
    int64_t begin_ms = sp_clock_monotonic_ms();
    struct sp_rpc_stream *stream = open_echo(&rig, client, "/test.Test/Aging");
    assert_int_equal(pthread_create(&stopper, NULL, stop_slowly, rig.server), 0);
    while (sp_clock_monotonic_ms() - begin_ms < asked_ms * 9 / 10 - 100) {
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of("y"), &rig.error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_OK);
        assert_int_equal(sp_rpc_client_call(client, "/test.Test/Echo", bytes_of("x"), &rig.arena, &reply, &rig.error),
                         SP_OK);
    }
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_ERR_UNAVAILABLE);
    assert_string_equal(rig.error.message, "the server is stopping: reconnect");
    sp_rpc_stream_close(stream);
    pthread_join(stopper, NULL);
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, asked_ms, LATE_MS);
    sp_rpc_client_close(client);
    fini(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_comes_while_the_server_ends_is_unavailable_and_never_cancelled),
        cmocka_unit_test(calls_that_a_handler_keeps_are_answered_when_the_grace_is_over),
        cmocka_unit_test(a_kept_call_that_is_answered_in_time_is_answered),
        cmocka_unit_test(a_call_that_waits_is_unavailable_when_the_grace_is_over),
        cmocka_unit_test(a_server_without_calls_stops_at_once),
        cmocka_unit_test(a_stream_that_nobody_reads_holds_up_no_stop),
        cmocka_unit_test(a_stream_ends_at_its_age_and_says_reconnect),
        cmocka_unit_test(a_stream_outlasts_its_connections_age),
        cmocka_unit_test(streams_of_a_stopping_server_end_when_their_connection_is_asked_to_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
