/* Streams of the Connect protocol, each behaviour with handlers of the test's own. */
#include "rig.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "connect/frame.h"
#include "connect/gzip.h"

enum { MANY = 2000, LARGE_BYTES = 100000 };

#define STREAM "/sallyport.v1.Authorization/CheckStream"
#define JSON "Content-Type: application/connect+json\r\n"
#define PROTO "Content-Type: application/connect+proto\r\n"

/* ---- a handler that does what the first message's correlation id says ---- */

enum {
    ECHO = 1,     /* answers each message */
    COUNT_UP = 2, /* sends MANY messages, one when the other was taken */
    FAIL = 3,     /* after one message */
    WAIT = 4,     /* for a wake */
    LARGE = 5,    /* one large message */
    FAIL_NOW = 6, /* before any message */
    KEEP = 7,     /* as WAIT, and goes on when that was sent */
    HOLD = 8,     /* as LARGE, and goes on when that was sent */
};

struct state {
    struct rig *rig;
    uint64_t what, number;
};

static struct sp_rpc_call *waiting; /* guarded by the next */
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int held; /* streams whose large message was sent */

static void send_number(struct sp_rpc_call *call, uint64_t number, bool read_next) {
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    struct sp_bytes packed;
    sp_arena_reset(sp_rpc_call_arena(call));
    response.correlation_id = number;
    assert_int_equal(sp_wire_pack(&response.base, sp_rpc_call_arena(call), &packed), SP_OK);
    (read_next ? sp_rpc_send_and_read : sp_rpc_send)(call, packed);
}

static void send_large(struct sp_rpc_call *call) {
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    struct sp_bytes packed;
    char *text = sp_arena_alloc(sp_rpc_call_arena(call), LARGE_BYTES + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE_BYTES);
    text[LARGE_BYTES] = '\0';
    response.error = text;
    assert_int_equal(sp_wire_pack(&response.base, sp_rpc_call_arena(call), &packed), SP_OK);
    sp_rpc_send(call, packed);
}

static void open_call(struct sp_rpc_call *call, void *user) {
    struct state *state = calloc(1, sizeof(*state));
    size_t count = 0;
    assert_non_null(state);
    state->rig = user;
    atomic_fetch_add(&state->rig->handled, 1);
    sp_rpc_set_state(call, state);
    if (sp_rpc_call_metadata(call, "x-refuse", &count).size > 0)
        sp_rpc_fail(call, SP_ERR_PERMISSION, "not like this");
    else
        sp_rpc_read(call);
}

static void receive(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct state *state = sp_rpc_state(call);
    struct sp_error error = {0};
    ProtobufCMessage *unpacked = NULL;
    (void)user;
    sp_arena_reset(sp_rpc_call_arena(call));
    if (sp_wire_unpack(&sallyport__v1__check_stream_request__descriptor, message, sp_rpc_call_arena(call), &unpacked,
                       &error) != SP_OK) {
        sp_rpc_fail(call, error.status, error.message);
        return;
    }
    uint64_t id = ((const Sallyport__V1__CheckStreamRequest *)unpacked)->correlation_id;
    if (state->what == 0)
        state->what = id;
    if (state->what == ECHO) {
        send_number(call, id, true);
    } else if (state->what == COUNT_UP || state->what == FAIL) {
        send_number(call, ++state->number, false);
    } else if (state->what == LARGE || state->what == HOLD) {
        send_large(call);
        sp_arena_reset(sp_rpc_call_arena(call));
    } else if (state->what == FAIL_NOW) {
        sp_rpc_fail(call, SP_ERR_NOT_FOUND, "there is \"nothing\"");
    } else {
        pthread_mutex_lock(&waiting_lock);
        waiting = call;
        pthread_mutex_unlock(&waiting_lock);
    }
}

static void half_close(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

static void go_on(struct sp_rpc_call *call, void *user) {
    struct state *state = sp_rpc_state(call);
    (void)user;
    if (state->what == FAIL)
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, "that was enough");
    else if (state->what == COUNT_UP && state->number < MANY)
        send_number(call, ++state->number, false);
    else if (state->what == HOLD)
        atomic_fetch_add(&held, 1);
    else if (state->what != KEEP)
        sp_rpc_finish(call);
}

static void wake_up(struct sp_rpc_call *call, void *user) {
    struct state *state = sp_rpc_state(call);
    (void)user;
    send_number(call, ++state->number, false);
}

static void close_call(struct sp_rpc_call *call, void *user) {
    struct rig *rig = user;
    pthread_mutex_lock(&waiting_lock);
    waiting = NULL;
    pthread_mutex_unlock(&waiting_lock);
    free(sp_rpc_state(call));
    atomic_fetch_add(&rig->stopped, 1);
}

static const struct sp_rpc_stream_ops ops = {.opened = open_call,
                                             .received = receive,
                                             .half_closed = half_close,
                                             .sent = go_on,
                                             .woken = wake_up,
                                             .closed = close_call};

static int set_up(void **state) {
    static struct rig rig;
    const struct sp_rpc_method methods[] = {
        {.path = STREAM, .kind = SP_RPC_STREAM, .stream = &ops, .user = &rig, .ages = true},
    };
    rig = (struct rig){.connect = NULL};
    rig_start(&rig, methods, COUNT(methods), NULL, NULL, NULL);
    *state = &rig;
    return 0;
}

/* Every stream that was opened was closed. */
static int tear_down(void **state) {
    struct rig *rig = *state;
    int opened = atomic_load(&rig->handled);
    sp_connect_leave(rig->connect);
    sp_http_stop(rig->http, 1000);
    sp_http_close(rig->http);
    rig->http = NULL;
    sp_connect_stop(rig->connect);
    assert_int_equal(atomic_load(&rig->stopped), opened);
    rig_stop(rig);
    return 0;
}

/* ---- frames ---- */

static size_t put_frame(uint8_t *into, unsigned flags, const void *message, size_t size) {
    sp_connect_frame_head(flags, size, into);
    memcpy(into + SP_CONNECT_FRAME_HEAD_BYTES, message, size);
    return SP_CONNECT_FRAME_HEAD_BYTES + size;
}

static size_t put_text(uint8_t *into, const char *text) {
    return put_frame(into, 0, text, strlen(text));
}

static int begin_post(const struct rig *rig, const char *headers, const void *body, size_t size) {
    char head[1024];
    int fd = http_connect(rig->port);
    int wrote = snprintf(head, sizeof(head),
                         "POST " STREAM " HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n"
                         "Connection: close\r\n\r\n",
                         headers, size);
    assert_in_range(wrote, 1, sizeof(head) - 1);
    http_send(fd, head, (size_t)wrote);
    http_send(fd, body, size);
    return fd;
}

/* The reply is complete. */
static void finish_post(int fd, struct http_reply *ret_reply) {
    http_read(fd, false, ret_reply);
    close(fd);
    assert_int_equal(ret_reply->status, 200);
    assert_string_equal(http_reply_header(ret_reply, "Transfer-Encoding"), "chunked");
}

static void post(const struct rig *rig, const char *headers, const void *body, size_t size,
                 struct http_reply *ret_reply) {
    finish_post(begin_post(rig, headers, body, size), ret_reply);
}

/* Takes a frame of the reply, as text. */
static unsigned take_frame(struct http_reply *reply, size_t *at, char *ret_text, size_t room) {
    assert_true(reply->body_size - *at >= SP_CONNECT_FRAME_HEAD_BYTES);
    unsigned flags = (uint8_t)reply->body[*at];
    size_t size = sp_load_be32((const uint8_t *)reply->body + *at + 1);
    *at += SP_CONNECT_FRAME_HEAD_BYTES;
    assert_true(size <= reply->body_size - *at && size < room);
    memcpy(ret_text, reply->body + *at, size);
    ret_text[size] = '\0';
    *at += size;
    return flags;
}

static void expect_frame(struct http_reply *reply, size_t *at, unsigned flags, const char *text) {
    char found[2048];
    assert_int_equal(take_frame(reply, at, found, sizeof(found)), flags);
    assert_string_equal(found, text);
}

static void expect_end(struct http_reply *reply, size_t *at, const char *text) {
    expect_frame(reply, at, SP_CONNECT_FRAME_END, text);
    assert_int_equal(*at, reply->body_size);
}

/* ---- tests ---- */

static void answers_each_message_of_a_request(void **state) {
    uint8_t body[256];
    size_t size = 0, at = 0;
    struct http_reply reply;
    size += put_text(body + size, "{\"correlationId\":\"1\"}");
    size += put_text(body + size, "{\"correlation_id\":20}");
    size += put_text(body + size, "{\"correlationId\":3e2}");
    post(*state, JSON, body, size, &reply);
    assert_non_null(strstr(reply.headers, "Content-Type: application/connect+json"));
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"1\"}");
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"20\"}");
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"300\"}");
    expect_end(&reply, &at, "{}");
    http_reply_fini(&reply);
}

static void answers_in_protobuf_with_an_end_in_json(void **state) {
    uint8_t body[64];
    size_t at = 0;
    struct http_reply reply;
    size_t size = put_text(body, "\x08\x01");
    size += put_text(body + size, "\x08\x07");
    post(*state, PROTO, body, size, &reply);
    assert_non_null(strstr(reply.headers, "Content-Type: application/connect+proto"));
    expect_frame(&reply, &at, 0, "\x08\x01");
    expect_frame(&reply, &at, 0, "\x08\x07");
    expect_end(&reply, &at, "{}");
    http_reply_fini(&reply);
}

static void sends_many_messages_one_after_the_other(void **state) {
    uint8_t body[64];
    size_t at = 0;
    char text[64];
    struct http_reply reply;
    post(*state, JSON, body, put_text(body, "{\"correlationId\":2}"), &reply);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(text, sizeof(text), "{\"correlationId\":\"%u\"}", i);
        expect_frame(&reply, &at, 0, text);
    }
    expect_end(&reply, &at, "{}");
    http_reply_fini(&reply);
}

static void an_error_is_the_end_of_the_stream(void **state) {
    uint8_t body[64];
    size_t at = 0;
    struct http_reply reply;
    post(*state, JSON, body, put_text(body, "{\"correlationId\":3}"), &reply);
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"1\"}");
    expect_end(&reply, &at, "{\"error\":{\"code\":\"resource_exhausted\",\"message\":\"that was enough\"}}");
    http_reply_fini(&reply);
    at = 0;
    post(*state, JSON, body, put_text(body, "{\"correlationId\":6}"), &reply);
    expect_end(&reply, &at, "{\"error\":{\"code\":\"not_found\",\"message\":\"there is \\\"nothing\\\"\"}}");
    http_reply_fini(&reply);
    at = 0;
    post(*state, JSON "X-Refuse: yes\r\n", body, put_text(body, "{}"), &reply);
    expect_end(&reply, &at, "{\"error\":{\"code\":\"permission_denied\",\"message\":\"not like this\"}}");
    http_reply_fini(&reply);
}

#define END(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"

static const struct {
    const char *what, *headers, *body;
    size_t size;
    const char *end;
} mistakes[] = {
    {"half a head", JSON, "\0\0", 2, END("invalid_argument", "the body ends within the head of a message")},
    {"half a message", JSON, "\0\0\0\0\5{}", 7, END("invalid_argument", "the body ends within a message")},
    {"a length of 4 GiB", JSON, "\0\xff\xff\xff\xff{}", 7, END("invalid_argument", "the body ends within a message")},
    {"the end of a reply", JSON, "\2\0\0\0\2{}", 7,
     END("invalid_argument", "a message of the request has unknown flags: 2")},
    {"compressed without a word", JSON, "\1\0\0\0\2{}", 7,
     END("internal", "a message is compressed, but Connect-Content-Encoding does not say how")},
    {"invalid gzip", JSON "Connect-Content-Encoding: gzip\r\n", "\1\0\0\0\2{}", 7,
     END("invalid_argument", "the message is not valid gzip")},
    {"an unknown encoding", JSON "Connect-Content-Encoding: br\r\n", "\0\0\0\0\2{}", 7,
     END("unimplemented", "Connect-Content-Encoding: this server supports gzip and identity")},
    {"an unknown field", JSON, "\0\0\0\0\7{\"a\":1}", 12, END("invalid_argument", "a: no such field")},
    {"an empty text", JSON, "\0\0\0\0\0", 5,
     END("invalid_argument", "the body is not a JSON object: expected an object, found nothing")},
    {"no time", JSON "Connect-Timeout-Ms: 0\r\n", "\0\0\0\0\2{}", 7,
     END("deadline_exceeded", "the deadline had passed before the call was handled")},
};

static void mistakes_end_the_stream_with_what_is_wrong(void **state) {
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct http_reply reply;
        size_t at = 0;
        char text[1024];
        post(*state, mistakes[i].headers, mistakes[i].body, mistakes[i].size, &reply);
        unsigned flags = take_frame(&reply, &at, text, sizeof(text));
        if (flags != SP_CONNECT_FRAME_END || strcmp(text, mistakes[i].end) != 0)
            fail_msg("%s: %s", mistakes[i].what, text);
        http_reply_fini(&reply);
    }
}

static void the_media_type_of_a_unary_call_is_refused(void **state) {
    struct http_reply reply;
    rig_post(*state, STREAM, "Content-Type: application/json\r\n", "{}", 2, &reply);
    assert_int_equal(reply.status, 415);
    assert_non_null(strstr(http_reply_header(&reply, "Accept-Post"), "application/connect+json"));
    http_reply_fini(&reply);
}

static void compresses_large_messages_for_those_who_accept_it(void **state) {
    uint8_t body[64];
    struct http_reply reply;
    struct sp_arena arena;
    struct sp_bytes text;
    struct sp_error error = {0};
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    post(*state, JSON "Connect-Accept-Encoding: gzip\r\n", body, put_text(body, "{\"correlationId\":5}"), &reply);
    assert_non_null(strstr(reply.headers, "Connect-Content-Encoding: gzip"));
    assert_int_equal(reply.body[0], SP_CONNECT_FRAME_GZIP);
    size_t size = sp_load_be32((const uint8_t *)reply.body + 1);
    assert_in_range(size, 1, LARGE_BYTES / 10);
    assert_int_equal(
        sp_connect_gunzip((struct sp_bytes){(const uint8_t *)reply.body + SP_CONNECT_FRAME_HEAD_BYTES, size},
                          2 * LARGE_BYTES, &arena, &text, &error),
        SP_OK);
    assert_true(text.size > LARGE_BYTES);
    http_reply_fini(&reply);
    post(*state, JSON, body, put_text(body, "{\"correlationId\":5}"), &reply);
    assert_int_equal(reply.body[0], 0);
    assert_true(reply.body_size > LARGE_BYTES);
    http_reply_fini(&reply);
    sp_arena_fini(&arena);
}

static void reads_compressed_messages(void **state) {
    uint8_t body[1024];
    char text[600];
    size_t at = 0;
    struct sp_arena arena;
    struct sp_bytes compressed;
    struct http_reply reply;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    int size = snprintf(text, sizeof(text), "{\"correlationId\":1%500s}", "");
    assert_true(sp_connect_gzip((struct sp_bytes){(const uint8_t *)text, (size_t)size}, &arena, &compressed));
    size_t used = put_frame(body, SP_CONNECT_FRAME_GZIP, compressed.data, compressed.size);
    used += put_text(body + used, "{\"correlationId\":2}");
    post(*state, JSON "Connect-Content-Encoding: gzip\r\n", body, used, &reply);
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"1\"}");
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"2\"}");
    expect_end(&reply, &at, "{}");
    http_reply_fini(&reply);
    sp_arena_fini(&arena);
}

static void await_waiting(bool wanted) {
    for (bool found = !wanted; found != wanted; sp_clock_sleep_ms(1)) {
        pthread_mutex_lock(&waiting_lock);
        found = waiting != NULL;
        pthread_mutex_unlock(&waiting_lock);
        if (found == wanted)
            return;
    }
}

static void a_wake_sends_what_is_new(void **state) {
    uint8_t body[64];
    size_t at = 0;
    struct http_reply reply;
    int fd = begin_post(*state, JSON, body, put_text(body, "{\"correlationId\":4}"));
    await_waiting(true);
    pthread_mutex_lock(&waiting_lock);
    for (int i = 0; i < 3; i++)
        sp_rpc_wake(waiting);
    pthread_mutex_unlock(&waiting_lock);
    finish_post(fd, &reply);
    expect_frame(&reply, &at, 0, "{\"correlationId\":\"1\"}");
    http_reply_fini(&reply);
}

static void a_stream_that_waits_holds_no_message(void **state) {
    enum { STREAMS = 30, READ_BYTES = 8192 };
    int fds[STREAMS];
    uint8_t body[64];
    char *bytes = malloc(READ_BYTES);
    size_t size = put_text(body, "{\"correlationId\":8}"), before = 0;
    assert_non_null(bytes);
    atomic_store(&held, 0);
    for (size_t i = 0; i < STREAMS; i++) {
        fds[i] = begin_post(*state, JSON, body, size);
        for (ssize_t got = 1, all = 0; got > 0 && all < LARGE_BYTES; all += got)
            got = recv(fds[i], bytes, READ_BYTES, 0);
        while (atomic_load(&held) <= (int)i)
            sp_clock_sleep_ms(1);
        if (i == 0)
            before = heap_in_use();
    }
    assert_true(heap_in_use() <= before + STREAMS * (size_t)LARGE_BYTES);
    for (size_t i = 0; i < STREAMS; i++)
        close(fds[i]);
    free(bytes);
}

static void a_stream_ends_at_its_deadline(void **state) {
    uint8_t body[64];
    size_t at = 0;
    struct http_reply reply;
    post(*state, JSON "Connect-Timeout-Ms: 50\r\n", body, put_text(body, "{\"correlationId\":4}"), &reply);
    expect_end(&reply, &at, END("deadline_exceeded", "the deadline has passed"));
    http_reply_fini(&reply);
}

static void a_client_that_goes_ends_its_stream(void **state) {
    uint8_t body[64];
    int fd = begin_post(*state, JSON, body, put_text(body, "{\"correlationId\":4}"));
    await_waiting(true);
    close(fd);
    await_waiting(false);
}

/* The reply has begun, and nothing more is sent for a while. */
static void a_client_that_goes_while_nothing_is_sent_is_noticed(void **state) {
    uint8_t body[64];
    char chunk[512];
    struct rig *rig = *state;
    int fd = begin_post(rig, JSON, body, put_text(body, "{\"correlationId\":7}"));
    await_waiting(true);
    pthread_mutex_lock(&waiting_lock);
    sp_rpc_wake(waiting);
    pthread_mutex_unlock(&waiting_lock);
    assert_true(recv(fd, chunk, sizeof(chunk), 0) > 0);
    close(fd);
    await_waiting(false);
}

static void streams_end_when_the_server_stops(void **state) {
    uint8_t body[64];
    size_t at = 0;
    struct rig *rig = *state;
    struct http_reply reply;
    int fd = begin_post(rig, JSON, body, put_text(body, "{\"correlationId\":4}"));
    await_waiting(true);
    sp_connect_leave(rig->connect);
    finish_post(fd, &reply);
    expect_end(&reply, &at, END("unavailable", "the server is stopping: reconnect"));
    http_reply_fini(&reply);
}

static void a_server_that_is_cut_off_lets_streams_go(void **state) {
    uint8_t body[64];
    struct rig *rig = *state;
    int fd = begin_post(rig, JSON, body, put_text(body, "{\"correlationId\":4}"));
    await_waiting(true);
    sp_http_stop(rig->http, 0);
    await_waiting(false);
    assert_true(http_is_closed(fd));
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_each_message_of_a_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_in_protobuf_with_an_end_in_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sends_many_messages_one_after_the_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_is_the_end_of_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_end_the_stream_with_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_media_type_of_a_unary_call_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compresses_large_messages_for_those_who_accept_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_compressed_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wake_sends_what_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_waits_holds_no_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_ends_at_its_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_goes_ends_its_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_goes_while_nothing_is_sent_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(streams_end_when_the_server_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_is_cut_off_lets_streams_go, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
