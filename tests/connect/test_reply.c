/* What handlers add to replies: headers, trailers, and details of errors. */
#include "rig.h"

#include "connect/frame.h"
#include "connect/reply.h"

#define STREAM "/sallyport.v1.Authorization/CheckStream"
#define REPLY "{\"principal\":\"x\"}"

/* ---- handlers: with `X-Fail` they end with an error ---- */

static bool is_to_fail(struct sp_rpc_call *call) {
    size_t count = 0;
    sp_rpc_call_metadata(call, "x-fail", &count);
    return count > 0;
}

static void add_all(struct sp_rpc_call *call) {
    assert_true(sp_connect_add_header(call, "x-seen", SP_STR_LITERAL("one")));
    assert_true(sp_connect_add_header(call, "x-seen", SP_STR_LITERAL("two")));
    assert_true(sp_connect_add_trailer(call, "x-cost", SP_STR_LITERAL("7")));
    assert_true(sp_connect_add_trailer(call, "x-cost", SP_STR_LITERAL("8")));
    assert_false(sp_connect_add_header(call, "x-split", SP_STR_LITERAL("a\r\nb: c")));
    assert_true(sp_connect_add_detail(call, "a.B", (struct sp_bytes){(const uint8_t *)"\x08\x01\xff\xfe", 4}));
    assert_true(sp_connect_add_detail(call, "c.D", (struct sp_bytes){NULL, 0}));
}

static struct sp_bytes pack_reply(struct sp_rpc_call *call) {
    static char principal[] = "x";
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    struct sp_bytes packed;
    response.principal = principal;
    assert_int_equal(sp_wire_pack(&response.base, sp_rpc_call_arena(call), &packed), SP_OK);
    return packed;
}

static void answer(struct sp_rpc_call *call, void *user) {
    (void)user;
    add_all(call);
    if (is_to_fail(call))
        sp_rpc_fail(call, SP_ERR_NOT_FOUND, "nothing");
    else
        sp_rpc_reply(call, pack_reply(call));
}

/* Headers come from what was read: that of the last message. */
static void open_reading(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void read_on(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct rig *rig = user;
    (void)message;
    if (atomic_fetch_add(&rig->handled, 1) == 1)
        add_all(call);
    sp_rpc_read(call);
}

static void answer_stream(struct sp_rpc_call *call, void *user) {
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    struct sp_bytes packed;
    (void)user;
    if (is_to_fail(call)) {
        sp_rpc_fail(call, SP_ERR_NOT_FOUND, "nothing");
        return;
    }
    response.correlation_id = 5;
    assert_int_equal(sp_wire_pack(&response.base, sp_rpc_call_arena(call), &packed), SP_OK);
    sp_rpc_send(call, packed);
}

static void finish_stream(struct sp_rpc_call *call, void *user) {
    (void)user;
    assert_false(sp_connect_add_header(call, "x-late", SP_STR_LITERAL("1"))); /* the reply has begun */
    assert_true(sp_connect_add_trailer(call, "x-end", SP_STR_LITERAL("done")));
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops stream_ops = {
    .opened = open_reading, .received = read_on, .half_closed = answer_stream, .sent = finish_stream};

static int set_up(void **state) {
    static struct rig rig;
    const struct sp_rpc_method methods[] = {
        {.path = CHECK, .unary = answer},
        {.path = STREAM, .kind = SP_RPC_STREAM, .stream = &stream_ops, .user = &rig},
    };
    rig = (struct rig){.connect = NULL};
    rig_start(&rig, methods, COUNT(methods), NULL, NULL, NULL);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    return 0;
}

/* ---- tests ---- */

static void has_headers(const struct http_reply *reply) {
    const char *one = strstr(reply->headers, "x-seen: one\r\n"), *two = strstr(reply->headers, "x-seen: two\r\n");
    assert_non_null(one);
    assert_non_null(two);
    assert_true(one < two);
    assert_null(strstr(reply->headers, "x-split"));
}

#define DETAILS "\"details\":[{\"type\":\"a.B\",\"value\":\"CAH//g\"},{\"type\":\"c.D\",\"value\":\"\"}]"
#define ERROR "{\"code\":\"not_found\",\"message\":\"nothing\"," DETAILS "}"

static void unary_replies_have_headers_and_trailers(void **state) {
    struct http_reply reply;
    rig_post(*state, CHECK, "Content-Type: application/json\r\n", "{}", 2, &reply);
    assert_int_equal(reply.status, 200);
    has_headers(&reply);
    assert_non_null(strstr(reply.headers, "Trailer-x-cost: 7\r\nTrailer-x-cost: 8\r\n"));
    assert_string_equal(reply.body, REPLY);
    http_reply_fini(&reply);
}

static void unary_errors_have_details_too(void **state) {
    struct http_reply reply;
    rig_post(*state, CHECK, "Content-Type: application/json\r\nX-Fail: 1\r\n", "{}", 2, &reply);
    assert_int_equal(reply.status, 404);
    has_headers(&reply);
    assert_non_null(strstr(reply.headers, "Trailer-x-cost: 7\r\nTrailer-x-cost: 8\r\n"));
    assert_string_equal(reply.body, ERROR);
    http_reply_fini(&reply);
}

/* Asks with two messages, and expects an end behind `skipped` bytes. */
static void expect_stream_end(const struct rig *rig, const char *headers, size_t skipped, const char *end) {
    static const char body[] = "\0\0\0\0\2{}\0\0\0\0\2{}";
    struct http_reply reply;
    rig_post(rig, STREAM, headers, body, sizeof(body) - 1, &reply);
    assert_int_equal(reply.status, 200);
    has_headers(&reply);
    assert_true(reply.body_size > skipped + SP_CONNECT_FRAME_HEAD_BYTES);
    assert_int_equal(reply.body[skipped], SP_CONNECT_FRAME_END);
    assert_string_equal(reply.body + skipped + SP_CONNECT_FRAME_HEAD_BYTES, end);
    http_reply_fini(&reply);
}

static void streams_end_with_their_trailers(void **state) {
    expect_stream_end(*state, "Content-Type: application/connect+json\r\n",
                      SP_CONNECT_FRAME_HEAD_BYTES + strlen("{\"correlationId\":\"5\"}"),
                      "{\"metadata\":{\"x-cost\":[\"7\",\"8\"],\"x-end\":[\"done\"]}}");
}

static void streams_that_fail_end_with_details_and_trailers(void **state) {
    expect_stream_end(*state, "Content-Type: application/connect+json\r\nX-Fail: 1\r\n", 0,
                      "{\"error\":" ERROR ",\"metadata\":{\"x-cost\":[\"7\",\"8\"]}}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unary_replies_have_headers_and_trailers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unary_errors_have_details_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(streams_end_with_their_trailers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(streams_that_fail_end_with_details_and_trailers, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("connect/reply", tests, NULL, NULL);
}
