/* What the engine on nghttp2 does with frames that are just over each of its bounds, which clients
 * of gRPC libraries cannot be made to send: it ends the call or the connection, counts why, and
 * serves others. */
#include <time.h>

#include "rpc/frames.h"

enum {
    LARGE_BYTES = 128 * 1024,
    FILL_BYTES = 1024 * 1024,
};

/* ---- the server ---- */

static void echo_unary(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void fill_reply(struct sp_rpc_call *call, void *user) {
    static const uint8_t zeros[FILL_BYTES];
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){zeros, sizeof(zeros)});
}

static void read_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static const struct sp_rpc_stream_ops silent_ops = {.opened = read_opened};

static const struct sp_rpc_method methods[] = {
    {.path = "/t.T/Echo", .unary = echo_unary, .max_request_bytes = 1024},
    {.path = "/t.T/Large", .unary = echo_unary, .max_request_bytes = LARGE_BYTES},
    {.path = "/t.T/Fill", .unary = fill_reply, .max_request_bytes = 1024},
    {.path = "/t.T/Silent", .kind = SP_RPC_STREAM, .stream = &silent_ops, .max_request_bytes = 1024},
};

static void start_h2(struct rig *rig, const struct sp_rpc_connection_limits *limits) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {.engine = SP_RPC_ENGINE_H2,
                                                  .listen = loopback,
                                                  .listen_count = 1,
                                                  .workers = 1,
                                                  .max_concurrent_streams = 20,
                                                  .limits = *limits};
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 64 << 20), SP_OK);
    assert_int_equal(
        sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &rig->server, &rig->error),
        SP_OK);
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
}

static uint64_t count_bound(const struct rig *rig, enum sp_rpc_bound bound) {
    uint64_t counts[SP_RPC_BOUND_COUNT];
    (void)sp_rpc_server_bounds(rig->server, counts);
    return counts[bound];
}

/* ---- a polite client ---- */

static void assert_another_is_served(const struct rig *rig) {
    static struct frame frame;
    int fd = connect_h2(rig);
    begin_call(fd, 1, "/t.T/Echo");
    end_call_with_message(fd, 1);
    assert_true(await_frame(fd, DATA, &frame));
    assert_int_equal(frame.size, 8);
    close(fd);
}

/* ---- floods ---- */

enum { MOST = 20 };

static void send_resets(int fd, int count) {
    for (int i = 0; i < count; i++) {
        begin_call(fd, (uint32_t)(2 * i + 1), "/t.T/Large");
        put_frame(fd, RST_STREAM, 0, (uint32_t)(2 * i + 1), "\0\0\0\10", 4);
    }
}

static void ends_a_connection_that_cancels_one_call_too_many(void **state) {
    const struct sp_rpc_connection_limits limits = {.max_resets_per_second = MOST};
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int polite = connect_h2(&rig), rude = connect_h2(&rig);
    send_resets(polite, MOST);
    assert_true(is_served(polite));
    send_resets(rude, MOST + 1);
    assert_int_equal(goaway_code(rude), CALM_DOWN);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_RESETS), 1);
    assert_true(is_served(polite));
    close(polite);
    close(rude);
    rig_stop(&rig);
}

/* Frames of unknown types are not among them: nghttp2 throws them away and reports nothing. */
static void ends_a_connection_that_sends_one_control_frame_too_many(void **state) {
    static const struct {
        const char *name;
        uint8_t type;
        uint32_t stream_id;
        const char *payload;
        size_t size;
    } rows[] = {
        {"PING", PING, 0, "12345678", 8},
        {"SETTINGS", SETTINGS, 0, "\0\2\0\0\0\0", 6},
        {"WINDOW_UPDATE", WINDOW_UPDATE, 0, "\0\0\0\1", 4},
        {"PRIORITY", PRIORITY, 1, "\0\0\0\0\1", 5},
    };
    const struct sp_rpc_connection_limits limits = {.max_control_frames_per_s = MOST};
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    for (size_t i = 0; i < COUNT(rows); i++) {
        /* From another address each time: one that offends again and again is refused. */
        int polite = connect_h2(&rig), rude = connect_h2_from(&rig, INADDR_LOOPBACK + 1 + (uint32_t)i);
        for (int k = 2; k < MOST; k++) /* with SETTINGS before, and PING behind */
            put_frame(polite, rows[i].type, 0, rows[i].stream_id, rows[i].payload, rows[i].size);
        assert_true(is_served(polite));
        for (int k = 0; k < MOST; k++)
            put_frame(rude, rows[i].type, 0, rows[i].stream_id, rows[i].payload, rows[i].size);
        if (goaway_code(rude) != CALM_DOWN || count_bound(&rig, SP_RPC_BOUND_FRAMES) != i + 1)
            fail_msg("frames %s are not counted", rows[i].name);
        close(polite);
        close(rude);
    }
    assert_another_is_served(&rig);
    rig_stop(&rig);
}

/* As gRPC's clients send them: two window updates and a PING for each answer. */
static void control_frames_that_answer_answers_are_no_flood(void **state) {
    const struct sp_rpc_connection_limits limits = {.max_control_frames_per_s = MOST};
    struct rig rig;
    struct frame frame;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    for (uint32_t i = 0; i < MOST; i++) {
        begin_call(fd, 2 * i + 1, "/t.T/Echo");
        end_call_with_message(fd, 2 * i + 1);
        assert_true(await_frame(fd, DATA, &frame));
        put_frame(fd, WINDOW_UPDATE, 0, 0, "\0\0\0\5", 4);
        put_frame(fd, WINDOW_UPDATE, 0, 0, "\0\0\0\5", 4);
        put_frame(fd, PING, 0, 0, "12345678", 8);
    }
    assert_true(is_served(fd));
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_FRAMES), 0);
    close(fd);
    rig_stop(&rig);
}

static void ends_a_connection_that_sends_one_empty_frame_too_many(void **state) {
    static const struct {
        uint8_t flags;
        const char *payload;
        size_t size;
    } rows[] = {{0, "", 0}, {PADDED, "\3\0\0\0", 4}};
    const struct sp_rpc_connection_limits limits = {.max_empty_frames_per_s = MOST};
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = connect_h2(&rig);
        begin_call(fd, 1, "/t.T/Echo");
        for (int k = 0; k < MOST; k++)
            put_frame(fd, DATA, rows[i].flags, 1, rows[i].payload, rows[i].size);
        assert_true(is_served(fd));
        put_frame(fd, DATA, rows[i].flags, 1, rows[i].payload, rows[i].size);
        assert_int_equal(goaway_code(fd), CALM_DOWN);
        assert_int_equal(count_bound(&rig, SP_RPC_BOUND_FRAMES), i + 1);
        close(fd);
    }
    assert_another_is_served(&rig);
    rig_stop(&rig);
}

static void send_in_parts(int fd, const char *path, int parts) {
    uint8_t block[512];
    size_t size = put_request_head(block, path);
    put_frame(fd, HEADERS, END_STREAM, 1, block, size);
    for (int i = 0; i < parts; i++) {
        size = put_field(block, "x-part", "one");
        put_frame(fd, CONTINUATION, i + 1 == parts ? END_HEADERS : 0, 1, block, size);
    }
}

static void ends_a_connection_whose_head_comes_in_too_many_parts(void **state) {
    enum { PARTS = 8 + 2 }; /* 8, and one for each 8 KiB of metadata */
    const struct sp_rpc_connection_limits limits = {.max_metadata_bytes = 16 * 1024};
    static struct frame frame;
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int polite = connect_h2(&rig), rude = connect_h2(&rig);
    send_in_parts(polite, "/t.T/Echo", PARTS);
    assert_true(is_served(polite));
    send_in_parts(rude, "/t.T/Echo", PARTS + 1);
    while (next_frame(rude, &frame))
        assert_int_not_equal(frame.type, PING);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_FRAMES), 1);
    assert_true(is_served(polite));
    close(polite);
    close(rude);
    rig_stop(&rig);
}

/* ---- calls that fail alone ---- */

static void refuses_a_call_with_a_byte_of_metadata_too_many_alone(void **state) {
    static struct frame frame;
    struct rig rig;
    char value[100 + 1];
    /* As RFC 9113 section 6.5.2 counts the fields of these requests. */
    const size_t fixed = strlen(":methodPOST:schemehttp:path/t.T/Echo:authoritytestcontent-typeapplication/grpc"
                                "tetrailersx-long") +
                         7 * (size_t)32;
    const struct sp_rpc_connection_limits limits = {.max_metadata_bytes = fixed + 99};
    (void)state;
    memset(value, 'x', 100);
    value[100] = '\0';
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    begin_call_with(fd, 1, "/t.T/Echo", "x-long", value);
    end_call_with_message(fd, 1);
    assert_true(is_served(fd));
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_HEAD), 1);
    begin_call_with(fd, 3, "/t.T/Echo", "x-long", value + 1);
    end_call_with_message(fd, 3);
    assert_true(await_frame(fd, DATA, &frame));
    assert_int_equal(frame.stream_id, 3);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_HEAD), 1);
    close(fd);
    rig_stop(&rig);
}

static void refuses_a_stream_too_many_alone(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    static struct frame frame;
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    for (uint32_t i = 0; i <= 20; i++)
        begin_call(fd, 2 * i + 1, "/t.T/Echo");
    assert_true(await_frame(fd, RST_STREAM, &frame));
    assert_int_equal(frame.stream_id, 41);
    assert_int_equal(sp_load_be32(frame.payload), REFUSED_STREAM);
    end_call_with_message(fd, 39);
    assert_true(await_frame(fd, DATA, &frame));
    assert_int_equal(frame.stream_id, 39);
    close(fd);
    rig_stop(&rig);
}

/* ---- bytes ---- */

static void ends_the_connection_that_holds_most_when_all_hold_too_much(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_memory_bytes = 256 * 1024};
    static uint8_t part[15 * 1024] = {0, 0, 1, 0xff}; /* the prefix of a message of nearly 128 KiB */
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int greedy = connect_h2(&rig), modest = connect_h2(&rig);
    for (uint32_t i = 0; i < 14; i++) {
        begin_call(greedy, 2 * i + 1, "/t.T/Large");
        put_frame(greedy, DATA, 0, 2 * i + 1, part, i == 0 ? sizeof(part) : 12 * 1024);
    }
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_BUDGET), 0);
    assert_true(is_served(greedy));
    for (uint32_t i = 0; i < 4; i++) {
        begin_call(modest, 2 * i + 1, "/t.T/Large");
        put_frame(modest, DATA, 0, 2 * i + 1, part, sizeof(part));
    }
    assert_true(is_served(modest));
    assert_int_equal(goaway_code(greedy), CALM_DOWN);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_BUDGET), 1);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_MEMORY), 0);
    close(greedy);
    close(modest);
    assert_another_is_served(&rig);
    rig_stop(&rig);
}

static void gives_back_what_every_call_took(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_memory_bytes = 256 * 1024};
    uint64_t counts[SP_RPC_BOUND_COUNT];
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    send_resets(fd, 100);              /* cancelled */
    begin_call(fd, 1001, "/t.T/Echo"); /* answered */
    end_call_with_message(fd, 1001);
    begin_call(fd, 1003, "/t.T/None"); /* refused */
    end_call_with_message(fd, 1003);
    begin_call(fd, 1005, "/t.T/Silent"); /* of a stream */
    end_call_with_message(fd, 1005);
    begin_call(fd, 1007, "/t.T/Large"); /* lost with its connection */
    put_frame(fd, DATA, 0, 1007, "\0\0\0\4\0xxxx", 9);
    assert_true(is_served(fd));
    close(fd);
    while (sp_rpc_server_connections(rig.server) > 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (int i = 0; i < 5000 && sp_rpc_server_bounds(rig.server, counts) > 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(sp_rpc_server_bounds(rig.server, counts), 0);
    rig_stop(&rig);
}

/* ---- time ---- */

static void ends_a_connection_that_does_not_begin_in_time(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = 1};
    const struct sockaddr_in host = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static struct frame frame;
    struct rig rig;
    struct sockaddr_in to = host;
    (void)state;
    start_h2(&rig, &limits);
    to.sin_port = htons((uint16_t)sp_rpc_server_port(rig.server, 0));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, "PRI * HTTP/2.0\r\n", 16, MSG_NOSIGNAL), 16);
    while (next_frame(fd, &frame))
        assert_int_equal(frame.type == SETTINGS || frame.type == WINDOW_UPDATE, 1);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_SLOW), 1);
    close(fd);
    rig_stop(&rig);
}

static void ends_a_connection_whose_head_is_not_complete_in_time(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = 1};
    static struct frame frame;
    uint8_t block[512];
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    put_frame(fd, HEADERS, 0, 1, block, put_request_head(block, "/t.T/Echo"));
    while (next_frame(fd, &frame))
        continue;
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_INCOMPLETE), 1);
    close(fd);
    rig_stop(&rig);
}

/* The status is in the trailers, whose text is plain: "grpc-status" 4 is the only one here. */
static void deadlines_end_calls_that_wait_for_their_clients(void **state) {
    static const char *const paths[] = {"/t.T/Echo", "/t.T/Silent"};
    const struct sp_rpc_connection_limits limits = {0};
    static struct frame frame;
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    for (size_t i = 0; i < COUNT(paths); i++) {
        begin_call_with(fd, (uint32_t)(2 * i + 1), paths[i], "grpc-timeout", "100m");
        assert_true(await_frame(fd, HEADERS, &frame));
        assert_int_equal(frame.stream_id, 2 * i + 1);
        assert_int_equal(frame.flags & END_STREAM, END_STREAM);
        assert_true(await_frame(fd, RST_STREAM, &frame)); /* the client has not half-closed */
        assert_int_equal(sp_load_be32(frame.payload), NO_ERROR);
    }
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_INCOMPLETE), 0);
    close(fd);
    rig_stop(&rig);
}

static void resets_a_call_whose_client_opens_no_window_for_its_answer(void **state) {
    const struct sp_rpc_connection_limits limits = {.answer_timeout_s = 1};
    static struct frame frame;
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    put_frame(fd, SETTINGS, 0, 0, "\0\4\0\0\0\0", 6); /* SETTINGS_INITIAL_WINDOW_SIZE 0 */
    begin_call(fd, 1, "/t.T/Echo");
    end_call_with_message(fd, 1);
    assert_true(await_frame(fd, RST_STREAM, &frame));
    assert_int_equal(frame.stream_id, 1);
    assert_int_equal(sp_load_be32(frame.payload), CANCEL);
    assert_int_equal(count_bound(&rig, SP_RPC_BOUND_STALLED), 1);
    assert_true(is_served(fd));
    close(fd);
    rig_stop(&rig);
}

static void ends_a_connection_that_does_not_read_its_answers(void **state) {
    enum { CALLS = 16 }; /* more than the kernel buffers */
    const struct sp_rpc_connection_limits limits = {.answer_timeout_s = 1, .request_memory_bytes = 64 << 20};
    struct rig rig;
    (void)state;
    start_h2(&rig, &limits);
    int fd = connect_h2(&rig);
    put_frame(fd, SETTINGS, 0, 0, "\0\4\x7f\xff\xff\xff", 6);
    put_frame(fd, WINDOW_UPDATE, 0, 0, "\x7f\0\0\0", 4);
    for (uint32_t i = 0; i < CALLS; i++) {
        begin_call(fd, 2 * i + 1, "/t.T/Fill");
        end_call_with_message(fd, 2 * i + 1);
    }
    for (int i = 0; i < 10000 && count_bound(&rig, SP_RPC_BOUND_STALLED) == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(count_bound(&rig, SP_RPC_BOUND_STALLED) > 0);
    assert_another_is_served(&rig);
    close(fd);
    rig_stop(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_a_connection_that_cancels_one_call_too_many),
        cmocka_unit_test(ends_a_connection_that_sends_one_control_frame_too_many),
        cmocka_unit_test(control_frames_that_answer_answers_are_no_flood),
        cmocka_unit_test(ends_a_connection_that_sends_one_empty_frame_too_many),
        cmocka_unit_test(ends_a_connection_whose_head_comes_in_too_many_parts),
        cmocka_unit_test(refuses_a_call_with_a_byte_of_metadata_too_many_alone),
        cmocka_unit_test(refuses_a_stream_too_many_alone),
        cmocka_unit_test(ends_the_connection_that_holds_most_when_all_hold_too_much),
        cmocka_unit_test(gives_back_what_every_call_took),
        cmocka_unit_test(ends_a_connection_that_does_not_begin_in_time),
        cmocka_unit_test(ends_a_connection_whose_head_is_not_complete_in_time),
        cmocka_unit_test(deadlines_end_calls_that_wait_for_their_clients),
        cmocka_unit_test(resets_a_call_whose_client_opens_no_window_for_its_answer),
        cmocka_unit_test(ends_a_connection_that_does_not_read_its_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
