/* What a server does with what is just over each of its bounds: it refuses and counts that, and
 * serves others. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "rig.h"
#include "rpc/connections.h"
#include "rpc/memory_watch.h"

enum { SMALL_BYTES = 1024, LARGE_BYTES = 128 * 1024 };

static struct gate handled = GATE_INIT;

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&handled, 1);
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void echo_slowly(struct sp_rpc_call *call, void *user) {
    nanosleep(&(struct timespec){.tv_nsec = 500 * 1000000L}, NULL);
    echo(call, user);
}

static void stream_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void stream_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    gate_add(&handled, 1);
    sp_rpc_send(call, message);
}

static void stream_sent(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static const struct sp_rpc_stream_ops stream_ops = {
    .opened = stream_opened, .received = stream_received, .sent = stream_sent};

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Hot", .unary = echo, .hot = true, .max_request_bytes = SMALL_BYTES},
    {.path = "/test.Test/Slow", .unary = echo_slowly, .hot = true, .max_request_bytes = SMALL_BYTES},
    {.path = "/test.Test/Small", .unary = echo, .max_request_bytes = SMALL_BYTES},
    {.path = "/test.Test/Large", .unary = echo, .max_request_bytes = LARGE_BYTES},
    {.path = "/test.Test/Stream", .kind = SP_RPC_STREAM, .stream = &stream_ops, .max_request_bytes = SMALL_BYTES},
};

static void open_rig(struct rig *rig, const struct sp_rpc_server_options *options) {
    memset(rig, 0, sizeof(*rig));
    handled.count = 0;
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 64 << 20), SP_OK);
    assert_int_equal(
        sp_rpc_server_open(options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &rig->server, &rig->error),
        SP_OK);
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    sp_rpc_server_set_serving(rig->server, true);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
}

static void start(struct rig *rig, const struct sp_rpc_connection_limits *limits, bool with_health) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {.engine = rig_engine(),
                                                  .listen = loopback,
                                                  .listen_count = 1,
                                                  .health_listen = loopback,
                                                  .health_listen_count = with_health ? 1 : 0,
                                                  .workers = 2,
                                                  .limits = *limits};
    open_rig(rig, &options);
}

static bool is_h2(void) {
    return rig_engine() == SP_RPC_ENGINE_H2;
}

static uint64_t count_of(const struct rig *rig, enum sp_rpc_bound bound) {
    uint64_t counts[SP_RPC_BOUND_COUNT];
    (void)sp_rpc_server_bounds(rig->server, counts);
    return counts[bound];
}

static enum sp_status call_with(struct rig *rig, struct sp_rpc_client *client, const char *path, size_t size) {
    uint8_t *data = calloc(1, size + 1);
    struct sp_bytes reply;
    enum sp_status status =
        sp_rpc_client_call(client, path, (struct sp_bytes){data, size}, &rig->arena, &reply, &rig->error);
    free(data);
    return status;
}

static void assert_others_are_served(struct rig *rig) {
    struct sp_rpc_client *client = rig_client(rig, 10000);
    assert_int_equal(call_with(rig, client, "/test.Test/Hot", 10), SP_OK);
    assert_int_equal(call_with(rig, client, "/test.Test/Small", 10), SP_OK);
    sp_rpc_client_close(client);
}

/* ---- messages ---- */

static void refuses_a_message_that_is_a_byte_larger_than_its_method_accepts(void **state) {
    static const struct {
        const char *path;
        size_t most;
    } rows[] = {{"/test.Test/Hot", SMALL_BYTES},
                {"/test.Test/Small", SMALL_BYTES},
                {"/test.Test/Large", LARGE_BYTES},
                {"/grpc.health.v1.Health/Check", 1024}};
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(call_with(&rig, client, rows[i].path, rows[i].most + 1), SP_ERR_EXHAUSTED);
        assert_int_equal(count_of(&rig, SP_RPC_BOUND_MESSAGE), i + 1);
        if (rows[i].most != 1024 || i < 2)
            assert_int_equal(call_with(&rig, client, rows[i].path, rows[i].most), SP_OK);
    }
    assert_int_equal(gate_count(&handled), 3);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static void refuses_a_message_of_a_stream_that_is_a_byte_too_large(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    struct sp_rpc_stream *stream;
    struct sp_bytes reply;
    static uint8_t data[SMALL_BYTES + 1];
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Stream", &stream, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(stream, (struct sp_bytes){data, SMALL_BYTES}, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(stream, (struct sp_bytes){data, SMALL_BYTES + 1}, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_ERR_EXHAUSTED);
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_MESSAGE), 1);
    sp_rpc_stream_close(stream);
    assert_int_equal(call_with(&rig, client, "/test.Test/Small", 10), SP_OK);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static void a_budget_of_a_few_kib_refuses_large_requests_only(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_memory_bytes = 8 * 1024};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    /* The C core's memory is bounded by what a method may be sent, that of nghttp2 by what is
     * sent. */
    assert_int_equal(call_with(&rig, client, "/test.Test/Large", is_h2() ? LARGE_BYTES : 10), SP_ERR_EXHAUSTED);
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_MEMORY), 1);
    sp_rpc_client_close(client);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

/* ---- who calls ---- */

static atomic_uint asked;

static enum sp_status ask_for_a_key(struct sp_rpc_call *call, void *user, struct sp_error *error) {
    size_t count;
    (void)user;
    (void)sp_rpc_call_metadata(call, "x-key", &count);
    atomic_fetch_add(&asked, 1);
    return count == 1 ? SP_OK : sp_error_set(error, SP_ERR_UNAUTHENTICATED, "%s", sp_rpc_call_method(call)->path);
}

static void start_with_keys(struct rig *rig) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = loopback, .listen_count = 1, .workers = 2, .authenticate = ask_for_a_key};
    open_rig(rig, &options);
}

/* None of it is sent. */
static void a_large_request_is_read_only_for_somebody_who_is_known(void **state) {
    struct rig rig;
    struct sp_rpc_stream *stream;
    struct sp_bytes reply;
    (void)state;
    start_with_keys(&rig);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Large", &stream, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_ERR_UNAUTHENTICATED);
    assert_string_equal(rig.error.message, "/test.Test/Large");
    sp_rpc_stream_close(stream);
    assert_int_equal(call_with(&rig, client, "/test.Test/Large", LARGE_BYTES), SP_ERR_UNAUTHENTICATED);
    assert_int_equal(atomic_load(&asked), 2);
    assert_int_equal(call_with(&rig, client, "/test.Test/Small", SMALL_BYTES), SP_OK);
    assert_int_equal(atomic_load(&asked), 2);
    assert_int_equal(sp_rpc_client_set_metadata(client, "x-key", sp_str_from("k"), &rig.error), SP_OK);
    assert_int_equal(call_with(&rig, client, "/test.Test/Large", LARGE_BYTES), SP_OK);
    assert_int_equal(gate_count(&handled), 2);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

/* ---- headers ---- */

/* Calls with one header of so many bytes, which our own client cannot send. */
static grpc_status_code call_with_header(const char *target, size_t size) {
    char *value = malloc(size + 1);
    memset(value, 'x', size);
    grpc_metadata header = {.key = grpc_slice_from_static_string("x-long"),
                            .value = grpc_slice_from_copied_buffer(value, size)};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(target, credentials, NULL);
    grpc_completion_queue *cq = grpc_completion_queue_create_for_pluck(NULL);
    grpc_call *call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, cq,
                                               grpc_slice_from_static_string("/test.Test/Hot"), NULL,
                                               gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_slice empty = grpc_empty_slice();
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&empty, 1), *reply = NULL;
    grpc_metadata_array initial, trailing;
    grpc_metadata_array_init(&initial);
    grpc_metadata_array_init(&trailing);
    grpc_status_code code = GRPC_STATUS_OK;
    grpc_slice details = grpc_empty_slice();
    grpc_op ops[6];
    memset(ops, 0, sizeof(ops));
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = 1;
    ops[0].data.send_initial_metadata.metadata = &header;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = message;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &reply;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
    ops[5].data.recv_status_on_client.status = &code;
    ops[5].data.recv_status_on_client.status_details = &details;
    assert_int_equal(grpc_call_start_batch(call, ops, 6, call, NULL), GRPC_CALL_OK);
    grpc_completion_queue_pluck(cq, call, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_byte_buffer_destroy(message);
    if (reply != NULL)
        grpc_byte_buffer_destroy(reply);
    grpc_slice_unref(details);
    grpc_slice_unref(header.value);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_call_unref(call);
    grpc_channel_destroy(channel);
    grpc_channel_credentials_release(credentials);
    grpc_completion_queue_shutdown(cq);
    grpc_completion_queue_destroy(cq);
    free(value);
    return code;
}

/* As many as Envoy lets pass, and one byte more than the limit. */
static void takes_headers_of_60_kib_and_refuses_more_than_64(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    assert_int_equal(call_with_header(rig.target, 60 * 1024), GRPC_STATUS_OK);
    assert_int_not_equal(call_with_header(rig.target, 64 * 1024 + 1), GRPC_STATUS_OK);
    assert_int_equal(gate_count(&handled), 1);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

/* ---- one connection of many ---- */

static void one_bad_call_fails_alone(void **state) {
    static char long_value[60 * 1024 + 1];
    static const struct {
        const char *path;
        size_t size;
        bool with_long_header;
        enum sp_status expected;
    } rows[] = {
        {"/test.Test/Nothing", 1, false, SP_ERR_UNIMPLEMENTED},
        {"/test.Test/Hot", SMALL_BYTES + 1, false, SP_ERR_EXHAUSTED},
        {"/test.Test/Small", SMALL_BYTES + 1, false, SP_ERR_EXHAUSTED},
        {"/test.Test/Large", 4 * LARGE_BYTES, false, SP_ERR_EXHAUSTED},
        {"/grpc.health.v1.Health/Check", 100, false, SP_ERR_INVALID}, /* zeros are no message */
        {"/test.Test/Nothing", 1, true, SP_ERR_UNIMPLEMENTED},
    };
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    struct sp_rpc_stream *stream;
    struct sp_bytes reply;
    (void)state;
    start(&rig, &limits, false);
    memset(long_value, 'x', sizeof(long_value) - 1);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Stream", &stream, &rig.error), SP_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *value = rows[i].with_long_header ? long_value : "";
        assert_int_equal(sp_rpc_client_set_metadata(client, "x-long", sp_str_from(value), &rig.error), SP_OK);
        enum sp_status status = call_with(&rig, client, rows[i].path, rows[i].size);
        if (status != rows[i].expected)
            fail_msg("row %zu: %s", i, rig.error.message);
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of("still there?"), &rig.error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_OK);
    }
    assert_int_equal(sp_rpc_server_connections(rig.server), 1);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

/* ---- streams ---- */

struct one_more {
    struct rig *rig;
    struct sp_rpc_client *client;
    enum sp_status status;
};

/* Opening a stream waits for a place among those that the server allows. */
static void *run_one_more(void *user) {
    struct one_more *more = user;
    struct sp_rpc_stream *stream;
    struct sp_arena arena;
    struct sp_bytes reply;
    struct sp_error error;
    if (sp_arena_init(&arena, 1024, 1 << 20) != SP_OK)
        return NULL;
    more->status = sp_rpc_stream_open(more->client, "/test.Test/Stream", &stream, &error);
    if (more->status == SP_OK) {
        more->status = sp_rpc_stream_send(stream, bytes_of("x"), &error);
        if (more->status == SP_OK)
            more->status = sp_rpc_stream_receive(stream, &arena, &reply, &error);
        sp_rpc_stream_close(stream);
    }
    sp_arena_fini(&arena);
    return NULL;
}

static void the_101st_stream_of_a_connection_waits_for_another_to_end(void **state) {
    enum { STREAMS = 100 };
    const struct sp_rpc_connection_limits limits = {0};
    const struct timespec moment = {.tv_nsec = 300 * 1000000};
    struct rig rig;
    struct sp_rpc_stream *streams[STREAMS];
    struct sp_bytes reply;
    pthread_t thread;
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 60000);
    struct one_more more = {.rig = &rig, .client = client, .status = SP_ERR_INTERNAL};
    for (int i = 0; i < STREAMS; i++) {
        assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Stream", &streams[i], &rig.error), SP_OK);
        assert_int_equal(sp_rpc_stream_send(streams[i], bytes_of("x"), &rig.error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(streams[i], &rig.arena, &reply, &rig.error), SP_OK);
    }
    assert_int_equal(pthread_create(&thread, NULL, run_one_more, &more), 0);
    nanosleep(&moment, NULL); /* in which it must not arrive */
    assert_int_equal(gate_count(&handled), STREAMS);
    sp_rpc_stream_close(streams[0]);
    pthread_join(thread, NULL);
    assert_int_equal(more.status, SP_OK);
    assert_int_equal(gate_count(&handled), STREAMS + 1);
    for (int i = 1; i < STREAMS; i++)
        sp_rpc_stream_close(streams[i]);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

/* ---- time ---- */

static void refuses_a_request_that_is_not_complete_in_time(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = 1};
    struct rig rig;
    struct sp_rpc_stream *stream;
    struct sp_bytes reply;
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 60000);
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Small", &stream, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig.arena, &reply, &rig.error), SP_ERR_DEADLINE);
    assert_non_null(strstr(rig.error.message, "not complete in time"));
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_INCOMPLETE), 1);
    sp_rpc_stream_close(stream);
    assert_int_equal(call_with(&rig, client, "/test.Test/Small", 10), SP_OK); /* over the same connection */
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static int connect_from(uint32_t host, int port) {
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Reads until the other end closes; false if it does not within ten seconds. */
static bool is_closed_by_server(int fd) {
    char bytes[4096];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, 10000) > 0)
        if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
            return true;
    return false;
}

/* The server's SETTINGS come as soon as a connection is accepted. */
static bool hears_server(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&wait, 1, 10000) > 0 && recv(fd, &byte, 1, MSG_PEEK) == 1;
}

static void send_bytes(int fd, const void *bytes, size_t size) {
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

/* A frame of a type that HTTP/2 does not know, which a server ignores (RFC 9113 section 5.5). False
 * if the server has closed the connection. */
static bool send_ignored_frame(int fd, size_t size) {
    uint8_t *frame = calloc(1, size + 9);
    frame[0] = (uint8_t)(size >> 16);
    frame[1] = (uint8_t)(size >> 8);
    frame[2] = (uint8_t)size;
    frame[3] = 0xfa;
    bool sent = send(fd, frame, size + 9, MSG_NOSIGNAL) == (ssize_t)(size + 9);
    free(frame);
    return sent;
}

static void closes_a_connection_whose_request_never_becomes_complete(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = 1};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    int fd = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 0));
    send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
    /* More than what the server's own settings have answered. */
    for (int i = 0; i < 3; i++)
        assert_true(send_ignored_frame(fd, 16 * 1024));
    if (!is_h2()) { /* nghttp2 keeps nothing of such frames */
        assert_true(is_closed_by_server(fd));
        assert_int_equal(count_of(&rig, SP_RPC_BOUND_SLOW), 1);
    }
    close(fd);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

/* ---- bytes ---- */

/* Its time runs from its first byte, not from the end of the request before. */
static void a_request_after_a_pause_has_its_time(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = 1};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    assert_int_equal(call_with(&rig, client, "/test.Test/Hot", 10), SP_OK);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500 * 1000000L}, NULL);
    assert_int_equal(call_with(&rig, client, "/test.Test/Slow", SMALL_BYTES), SP_OK);
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_SLOW), 0);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

static void closes_a_connection_that_sends_more_than_is_answered(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    start(&rig, &limits, true);
    int fd = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 0));
    send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
    for (int i = 0; i < 80 && send_ignored_frame(fd, 16 * 1024); i++)
        continue;
    if (!is_h2()) {
        assert_true(is_closed_by_server(fd));
        assert_int_equal(count_of(&rig, SP_RPC_BOUND_UNANSWERED), 1);
    }
    close(fd);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

/* The server acknowledges each, so that it sends as much as it gets. */
static void send_settings(int fd, int count) {
    static const uint8_t settings[9] = {0, 0, 0, 4};
    uint8_t bytes[64 * sizeof(settings)];
    assert_true(count <= 64);
    for (int i = 0; i < count; i++)
        memcpy(bytes + (size_t)i * sizeof(settings), settings, sizeof(settings));
    (void)send(fd, bytes, (size_t)count * sizeof(settings), MSG_NOSIGNAL);
}

static void acknowledgements_pay_for_nothing_but_what_they_acknowledge(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    if (is_h2()) /* it keeps nothing of what is sent here */
        skip();
    start(&rig, &limits, false);
    int fd = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 0));
    send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
    for (int i = 0; i < 40 && send_ignored_frame(fd, 8 * 1024); i++)
        send_settings(fd, 20);
    assert_true(is_closed_by_server(fd));
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_UNANSWERED), 1);
    close(fd);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

static void a_connection_that_is_only_acknowledged_is_not_slow(void **state) {
    const struct sp_rpc_connection_limits limits = {.request_timeout_s = 1};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    int fd = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 0));
    send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
    for (int i = 0; i < 10; i++)
        send_settings(fd, 64);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500 * 1000000L}, NULL);
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_SLOW), 0);
    assert_int_equal(sp_rpc_server_connections(rig.server), 1);
    close(fd);
    rig_stop(&rig);
}

/* The server is in this process, so that what the test takes counts as its memory. */
static bool is_memory_watched(void) {
    struct memory_watch watch;
    sp_rpc_memory_watch_init(&watch, 0);
    bool watched = watch.statm_fd >= 0;
    sp_rpc_memory_watch_fini(&watch);
    return watched;
}

static void while_memory_is_short_a_stranger_may_leave_little_unanswered(void **state) {
    enum { MUCH = 160 * 1024 * 1024 };
    const struct sp_rpc_connection_limits limits = {.request_memory_bytes = 1024 * 1024};
    struct rig rig;
    (void)state;
    if (is_h2() || !is_memory_watched())
        skip();
    start(&rig, &limits, false);
    int fd = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 0));
    send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
    assert_true(send_ignored_frame(fd, 8 * 1024));
    assert_true(hears_server(fd));
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_BUDGET), 0);
    char *much = malloc(MUCH);
    memset(much, 1, MUCH);
    assert_true(is_closed_by_server(fd));
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_BUDGET), 1);
    free(much);
    close(fd);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

static void a_connection_that_is_answered_may_send_without_end(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    struct sp_rpc_client *client = rig_client(&rig, 10000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(call_with(&rig, client, "/test.Test/Hot", 1000), SP_OK);
    for (int i = 0; i < 50; i++) {
        sp_arena_reset(&rig.arena);
        assert_int_equal(call_with(&rig, client, "/test.Test/Large", LARGE_BYTES), SP_OK);
    }
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_UNANSWERED), 0);
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_BUDGET), 0);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

/* ---- connections ---- */

static void one_address_cannot_take_all_connections_of_a_listener(void **state) {
    const struct sp_rpc_connection_limits limits = {.max_connections = 4, .max_connections_per_peer = 2};
    struct rig rig;
    int fds[2];
    (void)state;
    start(&rig, &limits, false);
    int port = sp_rpc_server_port(rig.server, 0);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_from(INADDR_LOOPBACK + 1, port);
        assert_true(hears_server(fds[i]));
    }
    int refused = connect_from(INADDR_LOOPBACK + 1, port);
    assert_true(is_closed_by_server(refused));
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_PEER), 1);
    assert_others_are_served(&rig);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(refused);
    rig_stop(&rig);
}

static void an_idle_connection_makes_room_when_a_listener_is_full(void **state) {
    const struct sp_rpc_connection_limits limits = {.max_connections = 2, .max_connections_per_peer = 2};
    struct rig rig;
    int fds[2];
    (void)state;
    start(&rig, &limits, false);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_from(INADDR_LOOPBACK + 1, sp_rpc_server_port(rig.server, 0));
        assert_true(hears_server(fds[i]));
    }
    assert_others_are_served(&rig); /* after a second, in which these ask nothing */
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_IDLE), 1);
    assert_true(is_closed_by_server(fds[0]));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    rig_stop(&rig);
}

static enum sp_status ask_health(struct rig *rig) {
    struct sp_rpc_client *client;
    struct sp_bytes reply;
    char target[64];
    snprintf(target, sizeof(target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 1));
    const struct sp_rpc_client_options options = {.target = target, .timeout_ms = 10000};
    assert_int_equal(sp_rpc_client_open(&options, &client, &rig->error), SP_OK);
    enum sp_status status = sp_rpc_client_call(client, "/grpc.health.v1.Health/Check", (struct sp_bytes){NULL, 0},
                                               &rig->arena, &reply, &rig->error);
    sp_rpc_client_close(client);
    return status;
}

static void connections_at_other_doors_keep_no_probe_out(void **state) {
    const struct sp_rpc_connection_limits limits = {
        .max_connections = 2, .max_connections_per_peer = 2, .max_health_connections = 3};
    struct rig rig;
    int fds[2], idle[8];
    (void)state;
    start(&rig, &limits, true);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_from(INADDR_LOOPBACK + 1, sp_rpc_server_port(rig.server, 0));
        assert_true(hears_server(fds[i]));
    }
    for (size_t i = 0; i < COUNT(idle); i++)
        idle[i] = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 1));
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask_health(&rig), SP_OK);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    for (size_t i = 0; i < COUNT(idle); i++)
        close(idle[i]);
    rig_stop(&rig);
}

static void an_address_that_offends_again_and_again_is_refused_and_others_are_not(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    if (is_h2()) /* it keeps nothing of what is sent here, and closes no connection for it */
        skip();
    start(&rig, &limits, true);
    int port = sp_rpc_server_port(rig.server, 0);
    for (int i = 0; i < 4; i++) {
        int fd = connect_from(INADDR_LOOPBACK + 1, port);
        send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
        for (int k = 0; k < 12 && send_ignored_frame(fd, 16 * 1024); k++)
            continue;
        assert_true(is_closed_by_server(fd));
        close(fd);
    }
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_PEER), 0);
    int refused = connect_from(INADDR_LOOPBACK + 1, port);
    assert_true(is_closed_by_server(refused));
    assert_int_equal(count_of(&rig, SP_RPC_BOUND_PEER), 1);
    close(refused);
    assert_int_equal(ask_health(&rig), SP_OK);
    rig_stop(&rig);
}

/* A request that is cancelled at once: HEADERS of ":method: POST", ":scheme: http", ":path: /", and
 * RST_STREAM. */
static size_t write_cancelled_request(uint8_t *to, uint32_t stream) {
    static const uint8_t headers[] = {0, 0, 3, 1, 4}, fields[] = {0x83, 0x86, 0x84}, reset[] = {0, 0, 4, 3, 0},
                         cancel[] = {0, 0, 0, 8};
    uint8_t id[4] = {(uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    const struct sp_bytes parts[] = {{headers, sizeof(headers)}, {id, sizeof(id)}, {fields, sizeof(fields)},
                                     {reset, sizeof(reset)},     {id, sizeof(id)}, {cancel, sizeof(cancel)}};
    size_t size = 0;
    for (size_t i = 0; i < COUNT(parts); i++) {
        memcpy(to + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    return size;
}

/* One more than a connection may have in a second, and than nghttp2 allows at once. */
static void cancel_too_often(int fd) {
    enum { RESETS = 1001, BYTES = 25 };
    static uint8_t bytes[RESETS * BYTES];
    size_t size = 0;
    for (uint32_t i = 0; i < RESETS; i++)
        size += write_cancelled_request(bytes + size, 2 * i + 1);
    send_bytes(fd, PREFACE, sizeof(PREFACE) - 1);
    (void)send(fd, bytes, size, MSG_NOSIGNAL); /* the server may have closed it before the last */
    assert_true(is_closed_by_server(fd));
}

/* Listeners for health have nghttp2's engine always. */
static void an_address_that_cancels_too_often_is_refused_and_others_are_not(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    start(&rig, &limits, true);
    for (size_t listener = is_h2() ? 0 : 1; listener < 2; listener++) {
        int port = sp_rpc_server_port(rig.server, listener);
        uint64_t refused_before = count_of(&rig, SP_RPC_BOUND_PEER),
                 resets_before = count_of(&rig, SP_RPC_BOUND_RESETS);
        for (int i = 0; i < 4; i++) {
            int fd = connect_from(INADDR_LOOPBACK + 1, port);
            cancel_too_often(fd);
            close(fd);
        }
        assert_int_equal(count_of(&rig, SP_RPC_BOUND_RESETS), resets_before + 4);
        int refused = connect_from(INADDR_LOOPBACK + 1, port);
        assert_true(is_closed_by_server(refused));
        assert_int_equal(count_of(&rig, SP_RPC_BOUND_PEER), refused_before + 1);
        close(refused);
    }
    assert_int_equal(ask_health(&rig), SP_OK);
    assert_others_are_served(&rig);
    rig_stop(&rig);
}

/* The socket of this process whose other end is `client`. */
static int find_accepted(int client) {
    struct sockaddr_in ours, other;
    socklen_t size = sizeof(ours);
    assert_int_equal(getsockname(client, (struct sockaddr *)&ours, &size), 0);
    for (int fd = 3; fd < 1024; fd++) {
        size = sizeof(other);
        if (getpeername(fd, (struct sockaddr *)&other, &size) == 0 && other.sin_family == AF_INET &&
            other.sin_port == ours.sin_port)
            return fd;
    }
    return -1;
}

/* Linux doubles what is asked for. */
static int receive_buffer_of(int client) {
    int bytes = 0;
    socklen_t size = sizeof(bytes);
    assert_int_equal(getsockopt(find_accepted(client), SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
    return bytes / 2;
}

static void the_kernel_keeps_little_of_what_is_not_read(void **state) {
    const struct sp_rpc_connection_limits limits = {0};
    struct rig rig;
    (void)state;
    start(&rig, &limits, false);
    int fd = connect_from(INADDR_LOOPBACK, sp_rpc_server_port(rig.server, 0));
    assert_true(hears_server(fd));
    assert_int_equal(receive_buffer_of(fd), is_h2() ? SP_RPC_RECEIVE_BYTES : SP_RPC_FIRST_RECEIVE_BYTES);
    close(fd);
    rig_stop(&rig);
}

int main(void) {
    grpc_init(); /* for the clients here */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_message_that_is_a_byte_larger_than_its_method_accepts),
        cmocka_unit_test(refuses_a_message_of_a_stream_that_is_a_byte_too_large),
        cmocka_unit_test(a_budget_of_a_few_kib_refuses_large_requests_only),
        cmocka_unit_test(a_large_request_is_read_only_for_somebody_who_is_known),
        cmocka_unit_test(takes_headers_of_60_kib_and_refuses_more_than_64),
        cmocka_unit_test(one_bad_call_fails_alone),
        cmocka_unit_test(the_101st_stream_of_a_connection_waits_for_another_to_end),
        cmocka_unit_test(refuses_a_request_that_is_not_complete_in_time),
        cmocka_unit_test(closes_a_connection_whose_request_never_becomes_complete),
        cmocka_unit_test(a_request_after_a_pause_has_its_time),
        cmocka_unit_test(closes_a_connection_that_sends_more_than_is_answered),
        cmocka_unit_test(acknowledgements_pay_for_nothing_but_what_they_acknowledge),
        cmocka_unit_test(a_connection_that_is_only_acknowledged_is_not_slow),
        cmocka_unit_test(while_memory_is_short_a_stranger_may_leave_little_unanswered),
        cmocka_unit_test(a_connection_that_is_answered_may_send_without_end),
        cmocka_unit_test(one_address_cannot_take_all_connections_of_a_listener),
        cmocka_unit_test(an_idle_connection_makes_room_when_a_listener_is_full),
        cmocka_unit_test(connections_at_other_doors_keep_no_probe_out),
        cmocka_unit_test(an_address_that_offends_again_and_again_is_refused_and_others_are_not),
        cmocka_unit_test(an_address_that_cancels_too_often_is_refused_and_others_are_not),
        cmocka_unit_test(the_kernel_keeps_little_of_what_is_not_read),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grpc_shutdown();
    return failed == 0 ? 0 : 1;
}
