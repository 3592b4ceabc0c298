/* What both engines answer to requests that no gRPC library sends: a client of nghttp2's own, which
 * sends any fields and any bytes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "rpc/rig.h"

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void stream_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void stream_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    sp_rpc_send(call, message);
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops stream_ops = {.opened = stream_opened, .received = stream_received};

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Hot", .unary = echo, .hot = true, .max_request_bytes = 1024},
    {.path = "/test.Test/Cold", .unary = echo, .max_request_bytes = 1024},
    {.path = "/test.Test/Stream", .kind = SP_RPC_STREAM, .stream = &stream_ops, .max_request_bytes = 1024},
};

static int set_up(void **state) {
    static struct rig rig;
    rig_start(&rig, methods, COUNT(methods), 1);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    return 0;
}

/* ---- the client ---- */

struct request {
    const char *path, *method, *type;
    const char *extra_name, *extra_value; /* NULL: no more fields */
    const char *body;
    size_t body_size, body_sent;
    bool stays_open; /* no END_STREAM */
};

struct outcome {
    char http_status[8], grpc_status[8], encodings[32];
    bool closed;
    uint32_t reset; /* the code, if the server reset the stream */
    bool is_reset;
    size_t data_size;
    bool goaway;
};

struct client {
    int fd;
    nghttp2_session *session;
    struct request *request;
    struct outcome *outcome;
};

static ssize_t send_to_server(nghttp2_session *session, const uint8_t *bytes, size_t size, int flags, void *user) {
    const struct client *client = user;
    (void)session;
    (void)flags;
    ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);
    return sent < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : sent;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *room, size_t size, uint32_t *ret_flags,
                         nghttp2_data_source *source, void *user) {
    struct request *request = source->ptr;
    size_t left = request->body_size - request->body_sent, taken = left < size ? left : size;
    (void)session;
    (void)stream_id;
    (void)user;
    if (taken > 0)
        memcpy(room, request->body + request->body_sent, taken);
    request->body_sent += taken;
    if (request->body_sent == request->body_size && !request->stays_open)
        *ret_flags = NGHTTP2_DATA_FLAG_EOF;
    return taken == 0 && request->stays_open ? NGHTTP2_ERR_DEFERRED : (ssize_t)taken;
}

static int take_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                      const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    const struct client *client = user;
    (void)session;
    (void)frame;
    (void)flags;
    const struct sp_str field = {(const char *)name, name_size};
    if (sp_str_equal(field, sp_str_from(":status")))
        snprintf(client->outcome->http_status, sizeof(client->outcome->http_status), "%.*s", (int)value_size, value);
    if (sp_str_equal(field, sp_str_from("grpc-status")))
        snprintf(client->outcome->grpc_status, sizeof(client->outcome->grpc_status), "%.*s", (int)value_size, value);
    if (sp_str_equal(field, sp_str_from("grpc-accept-encoding")))
        snprintf(client->outcome->encodings, sizeof(client->outcome->encodings), "%.*s", (int)value_size, value);
    return 0;
}

static int take_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t size,
                      void *user) {
    const struct client *client = user;
    (void)session;
    (void)flags;
    (void)stream_id;
    (void)data;
    client->outcome->data_size += size;
    return 0;
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    const struct client *client = user;
    (void)session;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        client->outcome->is_reset = true;
        client->outcome->reset = frame->rst_stream.error_code;
    }
    client->outcome->goaway = client->outcome->goaway || frame->hd.type == NGHTTP2_GOAWAY;
    return 0;
}

static int close_stream(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user) {
    const struct client *client = user;
    (void)session;
    (void)stream_id;
    (void)error_code;
    client->outcome->closed = true;
    return 0;
}

static void client_open(struct client *client, int port) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_send_callback(callbacks, send_to_server);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, take_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close_stream);
    assert_int_equal(nghttp2_option_new(&option), 0);
    nghttp2_option_set_no_http_messaging(option, 1);
    assert_int_equal(nghttp2_session_client_new2(&client->session, callbacks, client, option), 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
}

static void client_close(struct client *client) {
    nghttp2_session_del(client->session);
    close(client->fd);
}

static nghttp2_nv field(const char *name, const char *value) {
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = strlen(value)};
}

/* Sends the request, and waits until the stream is closed, or for a moment if it does not end. */
static struct outcome ask(struct client *client, struct request request) {
    struct outcome outcome = {0};
    nghttp2_nv fields[7] = {field(":method", request.method), field(":scheme", "http"), field(":path", request.path),
                            field(":authority", "test"), field("te", "trailers")};
    size_t count = 5;
    if (request.type != NULL)
        fields[count++] = field("content-type", request.type);
    if (request.extra_name != NULL)
        fields[count++] = field(request.extra_name, request.extra_value);
    const nghttp2_data_provider provider = {.source = {.ptr = &request}, .read_callback = read_body};
    client->request = &request;
    client->outcome = &outcome;
    assert_true(nghttp2_submit_request(client->session, NULL, fields, count, &provider, NULL) > 0);
    struct pollfd wait = {.fd = client->fd, .events = POLLIN};
    while (!outcome.closed && !outcome.goaway) {
        uint8_t bytes[4096];
        assert_int_equal(nghttp2_session_send(client->session), 0);
        if (poll(&wait, 1, 5000) <= 0)
            break;
        ssize_t size = recv(client->fd, bytes, sizeof(bytes), 0);
        if (size <= 0)
            break;
        assert_int_equal(nghttp2_session_mem_recv(client->session, bytes, (size_t)size), size);
    }
    assert_int_equal(nghttp2_session_send(client->session), 0);
    return outcome;
}

#define GRPC "application/grpc"
#define ONE "\0\0\0\0\3abc"
#define BODY(text) .body = (text), .body_size = sizeof(text) - 1

/* ---- tests ---- */

/* One table for both engines: the status of the gRPC C core 1.51.1, as seen here, is the one that
 * nghttp2's has to give, unless a row says otherwise. */
static void odd_requests_are_answered_alike(void **state) {
    static const struct {
        const char *what;
        struct request request;
        const char *http_status, *grpc_status, *h2_grpc_status;
    } rows[] = {
        {"a plain call", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY(ONE)}, "200", "0", "0"},
        {"of protobuf", {"/test.Test/Cold", "POST", GRPC "+proto", NULL, NULL, BODY(ONE)}, "200", "0", "0"},
        {"an unknown method", {"/test.Test/None", "POST", GRPC, NULL, NULL, BODY(ONE)}, "200", "12", "12"},
        {"an unknown service", {"/none", "POST", GRPC, NULL, NULL, BODY(ONE)}, "200", "12", "12"},
        {"no message", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("")}, "200", "3", "3"},
        {"no message", {"/test.Test/Cold", "POST", GRPC, NULL, NULL, BODY("")}, "200", "3", "3"},
        {"an empty message", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("\0\0\0\0\0")}, "200", "0", "0"},
        {"two messages", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY(ONE ONE)}, "200", "0", "0"},
        {"half a prefix", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("\0\0")}, "200", "3", "3"},
        {"half a message", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("\0\0\0\0\3a")}, "200", "3", "3"},
        {"a bad timeout", {"/test.Test/Hot", "POST", GRPC, "grpc-timeout", "1x", BODY(ONE)}, "200", "0", "0"},
        {"a timeout of nine digits",
         {"/test.Test/Hot", "POST", GRPC, "grpc-timeout", "100000000S", BODY(ONE)},
         "200",
         "0",
         "0"},
        {"a timeout of none", {"/test.Test/Hot", "POST", GRPC, "grpc-timeout", "0m", BODY(ONE)}, NULL, "4", "4"},
        {"binary metadata", {"/test.Test/Hot", "POST", GRPC, "a-bin", "AAEC", BODY(ONE)}, "200", "0", "0"},
        /* The C core neither refuses nor tells of encodings that it does not know. */
        {"an unknown encoding",
         {"/test.Test/Hot", "POST", GRPC, "grpc-encoding", "made-up", BODY(ONE)},
         "200",
         "0",
         "0"},
        {"a message in it",
         {"/test.Test/Hot", "POST", GRPC, "grpc-encoding", "made-up", BODY("\1\0\0\0\3abc")},
         "200",
         "0",
         "12"},
    };
    const struct rig *rig = *state;
    int failures = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client client;
        client_open(&client, sp_rpc_server_port(rig->server, 0));
        struct outcome outcome = ask(&client, rows[i].request);
        const char *wanted = rig_engine() == SP_RPC_ENGINE_H2 ? rows[i].h2_grpc_status : rows[i].grpc_status;
        if (strcmp(outcome.grpc_status, wanted) != 0 ||
            (rows[i].http_status != NULL && strcmp(outcome.http_status, rows[i].http_status) != 0)) {
            print_error("%s: HTTP %s, gRPC %s instead of %s; closed %d, reset %d (%u)\n", rows[i].what,
                        outcome.http_status, outcome.grpc_status, wanted, outcome.closed, outcome.is_reset,
                        outcome.reset);
            failures++;
        }
        client_close(&client);
    }
    assert_int_equal(failures, 0);
}

/* For nghttp2's engine only: the C core answers some of these with a reset, or ends the
 * connection. */
static void what_is_no_grpc_is_refused_by_its_stream_alone(void **state) {
    static const struct {
        const char *what;
        struct request request;
        const char *http_status, *grpc_status;
    } rows[] = {
        {"JSON", {"/test.Test/Hot", "POST", "application/json", NULL, NULL, BODY("{}")}, "415", ""},
        {"no type", {"/test.Test/Hot", "POST", NULL, NULL, NULL, BODY(ONE)}, "415", ""},
        {"gRPC-Web", {"/test.Test/Hot", "POST", "application/grpc-web", NULL, NULL, BODY(ONE)}, "415", ""},
        {"GET", {"/test.Test/Hot", "GET", GRPC, NULL, NULL, BODY("")}, "405", ""},
        {"flags that are reserved", {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("\2\0\0\0\3abc")}, "200", "13"},
        {"compressed without saying how",
         {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("\1\0\0\0\3abc")},
         "200",
         "13"},
        {"compressed", {"/test.Test/Hot", "POST", GRPC, "grpc-encoding", "gzip", BODY("\1\0\0\0\3abc")}, "200", "12"},
        {"identity", {"/test.Test/Hot", "POST", GRPC, "grpc-encoding", "identity", BODY(ONE)}, "200", "0"},
        {"invalid binary metadata", {"/test.Test/Hot", "POST", GRPC, "a-bin", "!", BODY(ONE)}, "200", "13"},
        {"a message that is too large, before it has come",
         {"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY("\0\0\0\4\1"), .stays_open = true},
         "200",
         "8"},
        {"an unknown method, before its message has come",
         {"/test.Test/None", "POST", GRPC, NULL, NULL, BODY(""), .stays_open = true},
         "200",
         "12"},
    };
    const struct rig *rig = *state;
    struct client client;
    if (rig_engine() != SP_RPC_ENGINE_H2)
        skip();
    client_open(&client, sp_rpc_server_port(rig->server, 0)); /* one connection for all of them */
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct outcome outcome = ask(&client, rows[i].request);
        if (strcmp(outcome.grpc_status, rows[i].grpc_status) != 0 ||
            strcmp(outcome.http_status, rows[i].http_status) != 0 || !outcome.closed || outcome.goaway)
            fail_msg("%s: HTTP %s, gRPC %s; closed %d, GOAWAY %d", rows[i].what, outcome.http_status,
                     outcome.grpc_status, outcome.closed, outcome.goaway);
        /* Answered before the client has half-closed: it is asked to stop sending, without an
         * error. */
        if (rows[i].request.stays_open && (!outcome.is_reset || outcome.reset != NGHTTP2_NO_ERROR))
            fail_msg("%s: reset %d with %u", rows[i].what, outcome.is_reset, outcome.reset);
        outcome = ask(&client, (struct request){"/test.Test/Hot", "POST", GRPC, NULL, NULL, BODY(ONE)});
        assert_string_equal(outcome.grpc_status, "0");
        assert_int_equal(outcome.data_size, sizeof(ONE) - 1);
    }
    client_close(&client);
}

/* Both where it answers and where it refuses: a client need not try. */
static void says_that_it_takes_no_compression(void **state) {
    static const char *const encodings[] = {NULL, "gzip", "deflate"};
    const struct rig *rig = *state;
    struct client client;
    client_open(&client, sp_rpc_server_port(rig->server, 0));
    for (size_t i = 0; i < COUNT(encodings); i++)
        for (size_t method = 0; method < COUNT(methods); method++) {
            struct request request = {methods[method].path, "POST", GRPC, "grpc-encoding", encodings[i], BODY(ONE)};
            if (encodings[i] == NULL)
                request.extra_name = NULL;
            else
                request.body = "\1\0\0\0\3abc";
            struct outcome outcome = ask(&client, request);
            assert_string_equal(outcome.encodings, "identity");
            assert_string_equal(outcome.grpc_status, encodings[i] == NULL ? "0" : "12");
        }
    client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(odd_requests_are_answered_alike),
        TEST(what_is_no_grpc_is_refused_by_its_stream_alone),
        TEST(says_that_it_takes_no_compression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
