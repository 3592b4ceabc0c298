#include <stdint.h>

#include "rig.h"
#include "rpc/async_client.h"
#include "rpc/async_stream.h"

/* ---- what the server does ---- */

static void reply_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void reply_authorization(struct sp_rpc_call *call, void *user) {
    size_t count;
    struct sp_str value = sp_rpc_call_metadata(call, "authorization", &count);
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){(const uint8_t *)value.data, value.size});
}

static void refuse(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_PRECONDITION, "never");
}

static void begin(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void send_back(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    if (message.size == 3 && memcmp(message.data, "bad", 3) == 0)
        sp_rpc_fail(call, SP_ERR_INVALID, "bad");
    else
        sp_rpc_send(call, message);
}

static void read_next(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void done(struct sp_rpc_call *call, void *user) {
    (void)call;
    (void)user;
}

static const struct sp_rpc_stream_ops echo_ops = {
    .opened = begin, .received = send_back, .half_closed = done, .sent = read_next, .closed = done};

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Async/Echo", .kind = SP_RPC_UNARY, .unary = reply_request},
    {.path = "/test.Async/Who", .kind = SP_RPC_UNARY, .unary = reply_authorization},
    {.path = "/test.Async/Refuse", .kind = SP_RPC_UNARY, .unary = refuse},
    {.path = "/test.Async/Stream", .kind = SP_RPC_STREAM, .stream = &echo_ops},
};

static int set_up(void **state) {
    static struct rig rig;
    sp_rpc_global_init();
    rig_start(&rig, methods, COUNT(methods), 2);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    sp_rpc_global_fini();
    return 0;
}

/* ---- unary ---- */

static struct sp_rpc_async_client *open_client(struct rig *rig, const char *path, const char *key, unsigned slots) {
    struct sp_rpc_async_client *client;
    struct sp_rpc_async_options options = {
        .target = rig->target, .path = path, .connections = 3, .slots = slots, .key = sp_str_from(key)};
    assert_int_equal(sp_rpc_async_open(&options, &client, &rig->error), SP_OK);
    return client;
}

static void start_text(struct sp_rpc_async_client *client, unsigned slot, const char *text) {
    sp_rpc_async_start(client, slot, bytes_of(text));
}

static void every_call_in_flight_gets_the_reply_to_its_own_request(void **state) {
    enum { SLOTS = 50, ROUNDS = 20 };
    struct rig *rig = *state;
    struct sp_rpc_async_client *client = open_client(rig, "/test.Async/Echo", "", SLOTS);
    unsigned started = 0, turn[SLOTS] = {0};
    char text[32];
    for (; started < SLOTS; started++) {
        snprintf(text, sizeof(text), "%u of 0", started);
        start_text(client, started, text);
    }
    for (unsigned ended = 0; ended < SLOTS * ROUNDS; ended++) {
        struct sp_rpc_completion completion;
        assert_true(sp_rpc_async_next(client, UINT64_MAX, &completion));
        assert_int_equal(completion.status, SP_OK);
        snprintf(text, sizeof(text), "%u of %u", completion.slot, turn[completion.slot]);
        assert_bytes(completion.reply, text);
        if (started++ < SLOTS * ROUNDS) {
            snprintf(text, sizeof(text), "%u of %u", completion.slot, ++turn[completion.slot]);
            start_text(client, completion.slot, text);
        }
    }
    sp_rpc_async_close(client);
}

static void a_key_goes_along_with_each_call(void **state) {
    struct sp_rpc_completion completion;
    struct sp_rpc_async_client *client = open_client(*state, "/test.Async/Who", "sp_secret", 1);
    start_text(client, 0, "");
    assert_true(sp_rpc_async_next(client, UINT64_MAX, &completion));
    assert_bytes(completion.reply, "Bearer sp_secret");
    sp_rpc_async_close(client);
}

static void an_error_of_the_server_is_the_calls_status(void **state) {
    struct sp_rpc_completion completion;
    struct sp_rpc_async_client *client = open_client(*state, "/test.Async/Refuse", "", 1);
    start_text(client, 0, "x");
    assert_true(sp_rpc_async_next(client, UINT64_MAX, &completion));
    assert_int_equal(completion.status, SP_ERR_PRECONDITION);
    sp_rpc_async_close(client);
}

static void closing_cancels_what_is_in_flight(void **state) {
    struct sp_rpc_async_client *client = open_client(*state, "/test.Async/Echo", "", 100);
    for (unsigned slot = 0; slot < 100; slot++)
        start_text(client, slot, "never looked at");
    sp_rpc_async_close(client);
}

/* ---- streams ---- */

enum { STREAMS = 7, QUEUE = 16, MESSAGES = 200 };

static struct sp_rpc_async_streams *open_streams(struct rig *rig, const char *path) {
    struct sp_rpc_async_streams *streams;
    struct sp_rpc_async_stream_options options = {
        .target = rig->target, .path = path, .connections = 2, .streams = STREAMS, .queue = QUEUE};
    assert_int_equal(sp_rpc_async_streams_open(&options, &streams, &rig->error), SP_OK);
    return streams;
}

static bool send_number(struct sp_rpc_async_streams *streams, unsigned stream, unsigned number) {
    char text[32];
    snprintf(text, sizeof(text), "%u on %u", number, stream);
    return sp_rpc_async_stream_send(streams, stream, bytes_of(text));
}

static void replies_come_in_each_streams_order_with_many_in_flight(void **state) {
    struct sp_rpc_async_streams *streams = open_streams(*state, "/test.Async/Stream");
    unsigned sent[STREAMS], received[STREAMS] = {0};
    for (unsigned i = 0; i < STREAMS; i++) {
        /* One place is left: a reply may come before it is known that its message was sent. */
        for (sent[i] = 0; sent[i] < QUEUE - 1; sent[i]++)
            assert_true(send_number(streams, i, sent[i]));
    }
    for (unsigned all = 0; all < STREAMS * MESSAGES; all++) {
        struct sp_rpc_stream_event event;
        char text[32];
        assert_true(sp_rpc_async_streams_next(streams, UINT64_MAX, &event));
        assert_false(event.ended);
        snprintf(text, sizeof(text), "%u on %u", received[event.stream]++, event.stream);
        assert_bytes(event.message, text);
        if (sent[event.stream] < MESSAGES)
            assert_true(send_number(streams, event.stream, sent[event.stream]++));
    }
    sp_rpc_async_streams_close(streams);
}

static void a_full_queue_takes_no_more(void **state) {
    struct sp_rpc_async_streams *streams = open_streams(*state, "/test.Async/Stream");
    for (unsigned i = 0; i < QUEUE; i++)
        assert_true(send_number(streams, 0, i));
    assert_false(send_number(streams, 0, QUEUE));
    assert_true(send_number(streams, 1, 0));
    sp_rpc_async_streams_close(streams);
}

static void a_stream_that_the_server_ends_says_why_and_others_go_on(void **state) {
    struct sp_rpc_async_streams *streams = open_streams(*state, "/test.Async/Stream");
    struct sp_rpc_stream_event event;
    assert_true(sp_rpc_async_stream_send(streams, 3, bytes_of("bad")));
    assert_true(sp_rpc_async_streams_next(streams, UINT64_MAX, &event));
    assert_int_equal(event.stream, 3);
    assert_true(event.ended);
    assert_int_equal(event.status, SP_ERR_INVALID);
    assert_false(send_number(streams, 3, 0));
    assert_true(send_number(streams, 4, 0));
    assert_true(sp_rpc_async_streams_next(streams, UINT64_MAX, &event));
    assert_int_equal(event.stream, 4);
    assert_bytes(event.message, "0 on 4");
    sp_rpc_async_streams_close(streams);
}

static void a_method_that_is_not_there_ends_every_stream(void **state) {
    struct sp_rpc_async_streams *streams = open_streams(*state, "/test.Async/None");
    struct sp_rpc_stream_event event;
    for (unsigned i = 0; i < STREAMS; i++) {
        assert_true(sp_rpc_async_streams_next(streams, UINT64_MAX, &event));
        assert_true(event.ended);
        assert_int_not_equal(event.status, SP_OK);
    }
    /* Nothing is under way, so nothing is waited for. */
    assert_false(sp_rpc_async_streams_next(streams, UINT64_MAX, &event));
    sp_rpc_async_streams_close(streams);
}

static void numbers_out_of_range_are_refused(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_async_streams *streams;
    struct sp_rpc_async_client *client;
    struct sp_rpc_async_stream_options none = {.target = rig->target, .path = "/x", .connections = 1, .queue = 1};
    struct sp_rpc_async_options many = {.target = rig->target, .path = "/x", .connections = 1001, .slots = 1};
    assert_int_equal(sp_rpc_async_streams_open(&none, &streams, &rig->error), SP_ERR_INVALID);
    assert_int_equal(sp_rpc_async_open(&many, &client, &rig->error), SP_ERR_INVALID);
    sp_rpc_async_streams_close(NULL);
    sp_rpc_async_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_call_in_flight_gets_the_reply_to_its_own_request),
        TEST(a_key_goes_along_with_each_call),
        TEST(an_error_of_the_server_is_the_calls_status),
        TEST(closing_cancels_what_is_in_flight),
        TEST(replies_come_in_each_streams_order_with_many_in_flight),
        TEST(a_full_queue_takes_no_more),
        TEST(a_stream_that_the_server_ends_says_why_and_others_go_on),
        TEST(a_method_that_is_not_there_ends_every_stream),
        TEST(numbers_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
