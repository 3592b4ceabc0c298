/* What a connection may hold while a call is read that was admitted is given back with that call,
 * however it ends: the connection serves on, and may hold no more than before. Which calls let it
 * hold more for good. What it does not take of answers is bounded too. */
#include <time.h>

#include "rpc/frames.h"

enum {
    SMALL_BYTES = 1024,
    HUGE_BYTES = 1024 * 1024,
    CALLS = 30,
    FILL_BYTES = 512 * 1024,
    TIMEOUT_S = 2, /* for a request to be complete */
};

/* ---- the server ---- */

static void echo_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void refuse_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_PERMISSION, "nobody may do this");
}

static void fill_answer(struct sp_rpc_call *call, void *user) {
    static const uint8_t zeros[FILL_BYTES];
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){zeros, sizeof(zeros)});
}

static void send_much(struct sp_rpc_call *call, void *user) {
    static const uint8_t zeros[FILL_BYTES];
    (void)user;
    sp_rpc_send(call, (struct sp_bytes){zeros, sizeof(zeros)});
}

static void read_first(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void send_back(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    sp_rpc_send(call, message);
}

static void finish_stream(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops talking_ops = {
    .opened = read_first, .received = send_back, .sent = read_first, .half_closed = finish_stream};

static void acknowledge(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    (void)message;
    sp_rpc_send(call, (struct sp_bytes){NULL, 0});
}

static void swallow_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){NULL, 0});
}

static const struct sp_rpc_stream_ops gathering_ops = {
    .opened = read_first, .received = acknowledge, .sent = read_first, .half_closed = finish_stream};

static const struct sp_rpc_stream_ops giving_ops = {.opened = send_much};

static const struct sp_rpc_method methods[] = {
    {.path = "/t.T/Echo", .unary = echo_request, .max_request_bytes = SMALL_BYTES},
    {.path = "/t.T/Hot", .unary = echo_request, .hot = true, .max_request_bytes = SMALL_BYTES},
    {.path = "/t.T/Refuse", .unary = refuse_request, .max_request_bytes = SMALL_BYTES},
    {.path = "/t.T/Huge", .unary = echo_request, .max_request_bytes = HUGE_BYTES},
    {.path = "/t.T/Swallow", .unary = swallow_request, .max_request_bytes = HUGE_BYTES},
    {.path = "/t.T/Gather", .kind = SP_RPC_STREAM, .stream = &gathering_ops, .max_request_bytes = HUGE_BYTES},
    {.path = "/t.T/Fill", .unary = fill_answer, .max_request_bytes = SMALL_BYTES},
    {.path = "/t.T/Give", .kind = SP_RPC_STREAM, .stream = &giving_ops, .max_request_bytes = SMALL_BYTES},
    {.path = "/t.T/Talk", .kind = SP_RPC_STREAM, .stream = &talking_ops, .max_request_bytes = SMALL_BYTES},
};

static void start_server_with(struct rig *rig, const struct sp_rpc_connection_limits *limits) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = loopback, .listen_count = 1, .workers = 1, .limits = *limits};
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 64 << 20), SP_OK);
    assert_int_equal(
        sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &rig->server, &rig->error),
        SP_OK);
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
}

static void start_server(struct rig *rig) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = TIMEOUT_S};
    start_server_with(rig, &limits);
}

static uint64_t count_met(const struct rig *rig, enum sp_rpc_bound bound) {
    uint64_t counts[SP_RPC_BOUND_COUNT];
    (void)sp_rpc_server_bounds(rig->server, counts);
    return counts[bound];
}

static uint64_t count_closed(const struct rig *rig) {
    return count_met(rig, SP_RPC_BOUND_UNANSWERED) + count_met(rig, SP_RPC_BOUND_BUDGET) +
           count_met(rig, SP_RPC_BOUND_SLOW);
}

/* ---- the connection afterwards ---- */

static void await_end_of(int fd, uint32_t stream_id, const char *what) {
    static struct frame frame;
    while (next_frame(fd, &frame))
        if (frame.stream_id == stream_id && (frame.type == RST_STREAM || (frame.flags & END_STREAM) != 0))
            return;
    fail_msg("the connection ends with: %s", what);
}

static void assert_is_answered(int fd, uint32_t stream_id, const char *after) {
    begin_call(fd, stream_id, "/t.T/Echo");
    end_call_with_message(fd, stream_id);
    await_end_of(fd, stream_id, after);
}

/* More than an answered connection may send without an answer, and far less than one with an
 * admitted call. */
static void assert_may_hold_as_little_as_before(const struct rig *rig, int fd, const char *after) {
    static const uint8_t zeros[16 * 1024];
    static struct frame frame;
    uint64_t before = count_closed(rig);
    if (rig_engine() == SP_RPC_ENGINE_H2) /* nghttp2 keeps nothing of frames that it does not know */
        return;
    for (int i = 0; i < 80; i++)
        put_frame(fd, 0xfa, 0, 0, zeros, sizeof(zeros));
    while (next_frame(fd, &frame))
        continue;
    if (count_closed(rig) != before + 1)
        fail_msg("the connection is not closed for what it holds after: %s", after);
}

/* ---- how calls end ---- */

static void answer(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Echo");
    end_call_with_message(fd, id);
    await_end_of(fd, id, "answered");
}

static void fail_in_its_handler(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Refuse");
    end_call_with_message(fd, id);
    await_end_of(fd, id, "failed");
}

static void send_a_byte_too_many(int fd, uint32_t id, const char *path) {
    static const uint8_t message[5 + SMALL_BYTES + 1] = {0, 0, 0, SMALL_BYTES >> 8, 1};
    begin_call(fd, id, path);
    put_frame(fd, DATA, END_STREAM, id, message, sizeof(message));
    await_end_of(fd, id, "too large");
}

static void exceed_the_limit(int fd, uint32_t id) {
    send_a_byte_too_many(fd, id, "/t.T/Echo");
}

static void exceed_the_limit_of_a_hot_method(int fd, uint32_t id) {
    send_a_byte_too_many(fd, id, "/t.T/Hot");
}

static void exceed_the_limit_of_a_stream(int fd, uint32_t id) {
    send_a_byte_too_many(fd, id, "/t.T/Talk");
}

static void send_compressed(int fd, uint32_t id) {
    begin_call_with(fd, id, "/t.T/Echo", "grpc-encoding", "gzip");
    put_frame(fd, DATA, END_STREAM, id, "\1\0\0\0\3abc", 8);
    await_end_of(fd, id, "compressed");
}

static void send_no_message(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Echo");
    put_frame(fd, DATA, END_STREAM, id, NULL, 0);
    await_end_of(fd, id, "without a message");
}

static void cancel_at_once(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Echo");
    put_frame(fd, RST_STREAM, 0, id, "\0\0\0\10", 4);
}

static void cancel_while_it_is_read(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Echo");
    put_frame(fd, DATA, 0, id, "\0\0\0\3\0abc", 8);
    assert_true(is_served(fd));
    put_frame(fd, RST_STREAM, 0, id, "\0\0\0\10", 4);
}

static void pass_the_deadline_while_it_is_read(int fd, uint32_t id) {
    begin_call_with(fd, id, "/t.T/Echo", "grpc-timeout", "10m");
    put_frame(fd, DATA, 0, id, "\0\0\0\3\0abc", 8);
    await_end_of(fd, id, "too late");
}

static void end_a_stream(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Talk");
    end_call_with_message(fd, id);
    await_end_of(fd, id, "a stream");
}

static void cancel_a_stream(int fd, uint32_t id) {
    begin_call(fd, id, "/t.T/Talk");
    put_frame(fd, DATA, 0, id, "\0\0\0\0\3abc", 8);
    assert_true(is_served(fd));
    put_frame(fd, RST_STREAM, 0, id, "\0\0\0\10", 4);
}

static const struct {
    const char *how;
    void (*end)(int fd, uint32_t stream_id);
} ends[] = {
    {"answered", answer},
    {"failed by its handler", fail_in_its_handler},
    {"too large", exceed_the_limit},
    {"too large for a hot method", exceed_the_limit_of_a_hot_method},
    {"too large in a stream", exceed_the_limit_of_a_stream},
    {"compressed", send_compressed},
    {"without a message", send_no_message},
    {"cancelled at once", cancel_at_once},
    {"cancelled while it is read", cancel_while_it_is_read},
    {"too late while it is read", pass_the_deadline_while_it_is_read},
    {"a stream to its end", end_a_stream},
    {"a cancelled stream", cancel_a_stream},
};

static void a_connection_serves_on_and_holds_no_more_however_calls_end(void **state) {
    struct rig rig;
    (void)state;
    start_server(&rig);
    for (size_t i = 0; i < COUNT(ends); i++) {
        /* From another address each time: one that offends again and again is refused. */
        int fd = connect_h2_from(&rig, INADDR_LOOPBACK + 1 + (uint32_t)i);
        uint32_t id = 1;
        for (int n = 0; n < CALLS; n++, id += 2)
            ends[i].end(fd, id);
        for (int n = 0; n < CALLS; n++, id += 2)
            assert_is_answered(fd, id, ends[i].how);
        assert_may_hold_as_little_as_before(&rig, fd, ends[i].how);
        close(fd);
    }
    rig_stop(&rig);
}

/* All of them at once, so that the time passes once. */
static void the_same_holds_for_requests_that_are_not_complete_in_time(void **state) {
    struct rig rig;
    uint32_t id = 1;
    (void)state;
    start_server(&rig);
    int fd = connect_h2(&rig);
    for (int n = 0; n < CALLS; n++, id += 2) {
        begin_call(fd, id, "/t.T/Echo");
        put_frame(fd, DATA, 0, id, "\0\0\0\3\0abc", 8);
    }
    await_end_of(fd, id - 2, "not complete in time");
    for (int n = 0; n < CALLS; n++, id += 2)
        assert_is_answered(fd, id, "not complete in time");
    assert_may_hold_as_little_as_before(&rig, fd, "not complete in time");
    close(fd);
    rig_stop(&rig);
}

/* ---- who is proven ---- */

static void call_with_no_fields(int fd, uint32_t id, const char *path) {
    begin_call(fd, id, path);
    put_frame(fd, DATA, END_STREAM, id, "\0\0\0\0\0", 5);
    await_end_of(fd, id, path);
}

/* What belongs to no call is kept, as far as one knows. */
static void leave_much_unanswered(int fd) {
    static const uint8_t zeros[16 * 1024];
    for (int i = 0; i < 20; i++)
        put_frame(fd, 0xfa, 0, 0, zeros, sizeof(zeros));
}

static bool is_closed_in_time(int fd) {
    static uint8_t bytes[16 * 1024];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, 10000) > 0)
        if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
            return true;
    return false;
}

static void only_answers_that_not_everybody_gets_prove_a_connection(void **state) {
    static const struct {
        const char *path;
        bool proves;
    } rows[] = {
        {"/t.T/Echo", true},
        {"/t.T/Hot", true},
        {"/t.T/Talk", true},
        {"/t.T/Refuse", false},
        {"/t.T/Nothing", false},
        {"/grpc.health.v1.Health/Check", false},
        {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", false},
    };
    struct rig rig;
    (void)state;
    if (rig_engine() == SP_RPC_ENGINE_H2) /* it keeps nothing of frames that it does not know */
        skip();
    start_server(&rig);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = connect_h2_from(&rig, INADDR_LOOPBACK + 1 + (uint32_t)i);
        for (uint32_t n = 0; n < CALLS; n++)
            call_with_no_fields(fd, 2 * n + 1, rows[i].path);
        leave_much_unanswered(fd);
        if (rows[i].proves)
            nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL); /* in which it is looked at */
        if (rows[i].proves ? !is_served(fd) : !is_closed_in_time(fd))
            fail_msg("%s", rows[i].path);
        close(fd);
    }
    rig_stop(&rig);
}

/* ---- large requests ---- */

static enum sp_status call_with_zeros(struct rig *rig, struct sp_rpc_client *client, const char *path, size_t size) {
    uint8_t *data = calloc(1, size);
    struct sp_bytes reply;
    sp_arena_reset(&rig->arena);
    enum sp_status status =
        sp_rpc_client_call(client, path, (struct sp_bytes){data, size}, &rig->arena, &reply, &rig->error);
    free(data);
    return status;
}

/* The stream shows that the connection is still the same. */
static void messages_that_are_too_large_by_far_end_no_connection(void **state) {
    static const char *const paths[] = {"/t.T/Echo", "/t.T/Refuse", "/t.T/Huge"};
    struct rig rig;
    struct sp_rpc_stream *stream;
    struct sp_bytes reply;
    (void)state;
    start_server(&rig);
    struct sp_rpc_client *client = rig_client(&rig, 20000);
    assert_int_equal(sp_rpc_stream_open(client, "/t.T/Talk", &stream, &rig.error), SP_OK);
    for (size_t i = 0; i < 4 * COUNT(paths); i++) {
        assert_int_equal(call_with_zeros(&rig, client, paths[i % COUNT(paths)], 3 * HUGE_BYTES), SP_ERR_EXHAUSTED);
        assert_int_equal(count_met(&rig, SP_RPC_BOUND_MESSAGE), i + 1);
        assert_int_equal(call_with_zeros(&rig, client, "/t.T/Huge", HUGE_BYTES), SP_OK);
        assert_int_equal(call_with_zeros(&rig, client, "/t.T/Hot", 10), SP_OK);
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of("still there?"), &rig.error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_OK);
    }
    assert_int_equal(count_closed(&rig), 0);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

/* How much more may be sent, by what the server has said. */
static int64_t read_window(int fd, uint32_t stream_id, int64_t *ret_of_connection) {
    static struct frame frame;
    assert_true(await_frame(fd, WINDOW_UPDATE, &frame));
    int64_t more = sp_load_be32(frame.payload);
    if (frame.stream_id == stream_id)
        return more;
    *ret_of_connection += more;
    return 0;
}

static void send_half_of_a_huge_message(int fd, uint32_t stream_id) {
    static const uint8_t zeros[16 * 1024];
    static const uint8_t head[] = {0, 0, HUGE_BYTES >> 16, 0, 0};
    int64_t of_stream = 65535 - (int64_t)sizeof(head), of_connection = of_stream;
    put_frame(fd, DATA, 0, stream_id, head, sizeof(head));
    for (size_t sent = 0; sent < HUGE_BYTES / 2; sent += sizeof(zeros)) {
        while (of_stream < (int64_t)sizeof(zeros) || of_connection < (int64_t)sizeof(zeros))
            of_stream += read_window(fd, stream_id, &of_connection);
        put_frame(fd, DATA, 0, stream_id, zeros, sizeof(zeros));
        of_stream -= (int64_t)sizeof(zeros);
        of_connection -= (int64_t)sizeof(zeros);
    }
}

static bool has_time(const struct timespec *began, int seconds) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - began->tv_sec < seconds;
}

/* Such as an import: its answers are too small to pay for what frames add to messages. */
static void a_stream_of_large_messages_may_last(void **state) {
    static const uint8_t zeros[HUGE_BYTES];
    struct rig rig;
    struct sp_rpc_stream *stream = NULL;
    struct sp_bytes reply;
    struct timespec began;
    (void)state;
    start_server(&rig);
    struct sp_rpc_client *client = rig_client(&rig, 60000);
    clock_gettime(CLOCK_MONOTONIC, &began);
    assert_int_equal(sp_rpc_stream_open(client, "/t.T/Gather", &stream, &rig.error), SP_OK);
    while (has_time(&began, 3 * TIMEOUT_S)) {
        sp_arena_reset(&rig.arena);
        assert_int_equal(sp_rpc_stream_send(stream, (struct sp_bytes){zeros, sizeof(zeros)}, &rig.error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_OK);
    }
    assert_int_equal(sp_rpc_stream_done_sending(stream, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_STREAM_END);
    assert_int_equal(count_closed(&rig), 0);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static void so_may_large_requests_one_after_the_other(void **state) {
    static const uint8_t zeros[HUGE_BYTES];
    struct rig rig;
    struct sp_bytes reply;
    struct timespec began;
    (void)state;
    start_server(&rig);
    struct sp_rpc_client *client = rig_client(&rig, 60000);
    clock_gettime(CLOCK_MONOTONIC, &began);
    while (has_time(&began, 3 * TIMEOUT_S)) {
        sp_arena_reset(&rig.arena);
        assert_int_equal(sp_rpc_client_call(client, "/t.T/Swallow", (struct sp_bytes){zeros, sizeof(zeros)}, &rig.arena,
                                            &reply, &rig.error),
                         SP_OK);
    }
    assert_int_equal(count_closed(&rig), 0);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static void a_large_request_that_is_cancelled_ends_no_connection(void **state) {
    struct rig rig;
    (void)state;
    start_server(&rig);
    int fd = connect_h2(&rig);
    begin_call(fd, 1, "/t.T/Huge");
    send_half_of_a_huge_message(fd, 1);
    put_frame(fd, RST_STREAM, 0, 1, "\0\0\0\10", 4);
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL); /* in which the connection is looked at */
    for (uint32_t id = 3; id < 3 + 2 * CALLS; id += 2)
        assert_is_answered(fd, id, "a large request that is cancelled");
    assert_int_equal(count_closed(&rig), 0);
    assert_may_hold_as_little_as_before(&rig, fd, "a large request that is cancelled");
    close(fd);
    rig_stop(&rig);
}

/* ---- answers ---- */

/* One that opens no window for what it asks for. */
static int connect_without_window(const struct rig *rig, uint32_t host) {
    int fd = connect_h2_from(rig, host);
    put_frame(fd, SETTINGS, 0, 0, "\0\4\0\0\0\0", 6);
    return fd;
}

static void a_connection_that_takes_no_answer_is_closed_in_time(void **state) {
    static const char *const paths[] = {"/t.T/Fill", "/t.T/Give"};
    const struct sp_rpc_connection_limits limits = {.answer_timeout_s = 1};
    struct rig rig;
    (void)state;
    if (rig_engine() == SP_RPC_ENGINE_H2) /* it ends the call alone: test_h2_bounds */
        skip();
    start_server_with(&rig, &limits);
    for (size_t i = 0; i < COUNT(paths); i++) {
        int fd = connect_without_window(&rig, INADDR_LOOPBACK);
        begin_call(fd, 1, paths[i]);
        end_call_with_message(fd, 1);
        assert_true(is_closed_in_time(fd));
        assert_int_equal(count_met(&rig, SP_RPC_BOUND_STALLED), i + 1);
        close(fd);
    }
    rig_stop(&rig);
}

static void one_that_takes_its_answers_is_not(void **state) {
    const struct sp_rpc_connection_limits limits = {.answer_timeout_s = 1};
    struct rig rig;
    (void)state;
    start_server_with(&rig, &limits);
    struct sp_rpc_client *client = rig_client(&rig, 20000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(call_with_zeros(&rig, client, "/t.T/Fill", 10), SP_OK);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500 * 1000000}, NULL);
    assert_int_equal(call_with_zeros(&rig, client, "/t.T/Fill", 10), SP_OK);
    assert_int_equal(count_met(&rig, SP_RPC_BOUND_STALLED), 0);
    assert_int_equal(count_closed(&rig), 0);
    assert_int_equal(sp_rpc_server_connections(rig.server), 1);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static int owe_answers(const struct rig *rig, uint32_t host, uint32_t count) {
    int fd = connect_without_window(rig, host);
    for (uint32_t i = 0; i < count; i++) {
        begin_call(fd, 2 * i + 1, "/t.T/Fill");
        end_call_with_message(fd, 2 * i + 1);
    }
    return fd;
}

/* Each of four owes two answers, and the fifth three. That is no offence, for which its address
 * would be refused. */
static void the_connection_that_owes_most_is_closed_when_all_owe_too_much(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_memory_bytes = 10 * FILL_BYTES + FILL_BYTES / 2};
    struct rig rig;
    int fds[4];
    (void)state;
    if (rig_engine() == SP_RPC_ENGINE_H2) /* test_h2_bounds */
        skip();
    start_server_with(&rig, &limits);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = owe_answers(&rig, INADDR_LOOPBACK + 1 + (uint32_t)i, 2);
        assert_true(is_served(fds[i]));
    }
    for (uint64_t times = 1; times <= 5; times++) {
        int most = owe_answers(&rig, INADDR_LOOPBACK, 3);
        assert_true(is_closed_in_time(most));
        assert_int_equal(count_met(&rig, SP_RPC_BOUND_BUDGET), times);
        close(most);
    }
    assert_int_equal(count_met(&rig, SP_RPC_BOUND_PEER), 0);
    for (size_t i = 0; i < COUNT(fds); i++) {
        assert_true(is_served(fds[i]));
        close(fds[i]);
    }
    rig_stop(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_on_and_holds_no_more_however_calls_end),
        cmocka_unit_test(the_same_holds_for_requests_that_are_not_complete_in_time),
        cmocka_unit_test(only_answers_that_not_everybody_gets_prove_a_connection),
        cmocka_unit_test(messages_that_are_too_large_by_far_end_no_connection),
        cmocka_unit_test(a_stream_of_large_messages_may_last),
        cmocka_unit_test(so_may_large_requests_one_after_the_other),
        cmocka_unit_test(a_large_request_that_is_cancelled_ends_no_connection),
        cmocka_unit_test(a_connection_that_takes_no_answer_is_closed_in_time),
        cmocka_unit_test(one_that_takes_its_answers_is_not),
        cmocka_unit_test(the_connection_that_owes_most_is_closed_when_all_owe_too_much),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
