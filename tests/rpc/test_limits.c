/* What a client may not do to a server, and what the owner of a server is told. */
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <grpc/byte_buffer.h>
#include <grpc/compression.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "rig.h"

static struct gate handled = GATE_INIT;

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&handled, 1);
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void stream_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void stream_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    gate_add(&handled, 1);
    sp_rpc_send(call, message);
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops stream_ops = {.opened = stream_opened, .received = stream_received};

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Echo", .unary = echo},
    {.path = "/test.Test/Stream", .kind = SP_RPC_STREAM, .stream = &stream_ops},
};

static int set_up(void **state) {
    static struct rig rig;
    handled.count = 0;
    rig_start(&rig, methods, COUNT(methods), 2);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    return 0;
}

/* Calls with a message of zeros under a compression, which our own client cannot do. */
static grpc_status_code call_compressed(const char *target, const char *path, grpc_compression_algorithm algorithm,
                                        size_t size) {
    static char key[] = GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM;
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = key, .value.integer = (int)algorithm};
    const grpc_channel_args args = {.num_args = 1, .args = &arg};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(target, credentials, &args);
    grpc_completion_queue *cq = grpc_completion_queue_create_for_pluck(NULL);
    grpc_call *call =
        grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, cq, grpc_slice_from_copied_string(path), NULL,
                                 gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_slice slice = grpc_slice_malloc(size);
    memset(GRPC_SLICE_START_PTR(slice), 0, size);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1), *reply = NULL;
    grpc_metadata_array initial, trailing;
    grpc_metadata_array_init(&initial);
    grpc_metadata_array_init(&trailing);
    grpc_status_code code = GRPC_STATUS_OK;
    grpc_slice details = grpc_empty_slice();
    grpc_op ops[6];
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
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
    if (reply != NULL) {
        grpc_byte_buffer_destroy(reply);
    }
    grpc_slice_unref(slice);
    grpc_slice_unref(details);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_call_unref(call);
    grpc_channel_destroy(channel);
    grpc_channel_credentials_release(credentials);
    grpc_completion_queue_shutdown(cq);
    grpc_completion_queue_destroy(cq);
    return code;
}

/* 16 MiB of zeros are 16 KiB of gzip: under the limit on the wire, far over it unpacked. */
static void takes_no_compressed_messages(void **state) {
    static const struct {
        grpc_compression_algorithm algorithm;
        size_t size;
        grpc_status_code code;
    } cases[] = {
        {GRPC_COMPRESS_NONE, 1000, GRPC_STATUS_OK},
        {GRPC_COMPRESS_GZIP, 1000, GRPC_STATUS_UNIMPLEMENTED},
        {GRPC_COMPRESS_DEFLATE, 1000, GRPC_STATUS_UNIMPLEMENTED},
        {GRPC_COMPRESS_GZIP, 16 << 20, GRPC_STATUS_UNIMPLEMENTED},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t method = 0; method < COUNT(methods); method++) {
            assert_int_equal(call_compressed(rig->target, methods[method].path, cases[i].algorithm, cases[i].size),
                             cases[i].code);
        }
    }
    assert_int_equal(gate_count(&handled), 2);
}

/* ---- frames as they are: gRPC's own client keeps to itself which encodings a server takes ---- */

enum { H2_DATA = 0, H2_HEADERS = 1, H2_SETTINGS = 4, H2_END_STREAM = 1, H2_END_HEADERS = 4 };

static size_t put_frame(char *to, int type, int flags, int stream, const char *payload, size_t size) {
    const char head[] = {0, (char)(size >> 8), (char)size, (char)type, (char)flags, 0, 0, 0, (char)stream};
    memcpy(to, head, sizeof(head));
    if (size > 0)
        memcpy(to + sizeof(head), payload, size);
    return sizeof(head) + size;
}

/* A literal that is not indexed, with a new name (RFC 7541 section 6.2.2). */
static size_t put_header(char *to, const char *name, const char *value) {
    size_t name_size = strlen(name), value_size = strlen(value);
    assert_true(name_size < 127 && value_size < 127);
    to[0] = 0;
    to[1] = (char)name_size;
    memcpy(to + 2, name, name_size);
    to[2 + name_size] = (char)value_size;
    memcpy(to + 3 + name_size, value, value_size);
    return 3 + name_size + value_size;
}

/* What the server answers to a message of one byte, up to its status, with NULs made visible. */
static void answer_of_raw_call(struct rig *rig, const char *path, const char *encoding, char *ret_text, size_t room) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    char headers[512], bytes[1024];
    const char message[] = {encoding[0] != '\0', 0, 0, 0, 1, 'x'};
    size_t size = 0, used = 0;
    size += put_header(headers + size, ":method", "POST");
    size += put_header(headers + size, ":scheme", "http");
    size += put_header(headers + size, ":path", path);
    size += put_header(headers + size, ":authority", "localhost");
    size += put_header(headers + size, "te", "trailers");
    size += put_header(headers + size, "content-type", "application/grpc");
    if (encoding[0] != '\0')
        size += put_header(headers + size, "grpc-encoding", encoding);
    memcpy(bytes, preface, sizeof(preface) - 1);
    used = sizeof(preface) - 1;
    used += put_frame(bytes + used, H2_SETTINGS, 0, 0, NULL, 0);
    used += put_frame(bytes + used, H2_HEADERS, H2_END_HEADERS, 1, headers, size);
    used += put_frame(bytes + used, H2_DATA, H2_END_STREAM, 1, message, sizeof(message));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval patience = {.tv_sec = 30};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)sp_rpc_server_port(rig->server, 0)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, bytes, used, MSG_NOSIGNAL), used);
    used = 0;
    ret_text[0] = '\0';
    while (strstr(ret_text, "grpc-status") == NULL) {
        ssize_t got = recv(fd, ret_text + used, room - 1 - used, 0);
        if (got <= 0)
            fail_msg("no status: %s", ret_text);
        for (ssize_t i = 0; i < got; i++, used++)
            if (ret_text[used] == '\0')
                ret_text[used] = '.';
        ret_text[used] = '\0';
    }
    close(fd);
}

static void says_that_it_takes_no_compression(void **state) {
    static const char *const encodings[] = {"", "gzip", "deflate"};
    struct rig *rig = *state;
    char text[4096];
    for (size_t i = 0; i < COUNT(encodings); i++)
        for (size_t method = 0; method < COUNT(methods); method++) {
            answer_of_raw_call(rig, methods[method].path, encodings[i], text, sizeof(text));
            if (strstr(text, "grpc-accept-encoding\x08identity") == NULL)
                fail_msg("%s, %s: %s", methods[method].path, encodings[i], text);
        }
    assert_int_equal(gate_count(&handled), 2);
}

/* ---- what the owner is told ---- */

enum { WORKERS = 3 };

static struct {
    pthread_mutex_t lock;
    pthread_t threads[WORKERS];
    unsigned started, stopping, wrong;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void worker_started(unsigned worker, void *user) {
    pthread_mutex_lock(&seen.lock);
    seen.started++;
    seen.wrong += user != &seen || worker >= WORKERS;
    seen.threads[worker % WORKERS] = pthread_self();
    pthread_mutex_unlock(&seen.lock);
}

static void worker_stopping(unsigned worker, void *user) {
    pthread_mutex_lock(&seen.lock);
    seen.stopping++;
    seen.wrong += user != &seen || !pthread_equal(seen.threads[worker % WORKERS], pthread_self());
    pthread_mutex_unlock(&seen.lock);
}

static void check_thread(struct sp_rpc_call *call, void *user) {
    (void)user;
    pthread_mutex_lock(&seen.lock);
    seen.wrong += !pthread_equal(seen.threads[sp_rpc_call_worker(call)], pthread_self());
    pthread_mutex_unlock(&seen.lock);
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void tells_of_each_worker_on_its_own_thread(void **state) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    static const struct sp_rpc_method method = {.path = "/test.Test/Thread", .unary = check_thread};
    const struct sp_rpc_server_options options = {.engine = rig_engine(),
                                                  .listen = loopback,
                                                  .listen_count = 1,
                                                  .workers = WORKERS,
                                                  .worker_started = worker_started,
                                                  .worker_stopping = worker_stopping,
                                                  .user = &seen};
    struct rig rig;
    struct sp_bytes reply;
    (void)state;
    assert_int_equal(sp_arena_init(&rig.arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(sp_rpc_server_open(&options, &method, 1, (struct sp_bytes){NULL, 0}, &rig.server, &rig.error),
                     SP_OK);
    assert_int_equal(sp_rpc_server_start(rig.server, &rig.error), SP_OK);
    snprintf(rig.target, sizeof rig.target, "127.0.0.1:%d", sp_rpc_server_port(rig.server, 0));
    for (int i = 0; i < 10; i++) {
        struct sp_rpc_client *client = rig_client(&rig, 0);
        assert_int_equal(sp_rpc_client_call(client, method.path, bytes_of("x"), &rig.arena, &reply, &rig.error), SP_OK);
        sp_rpc_client_close(client);
    }
    rig_stop(&rig);
    assert_int_equal(seen.started, WORKERS);
    assert_int_equal(seen.stopping, WORKERS);
    assert_int_equal(seen.wrong, 0);
}

int main(void) {
    grpc_init(); /* for the clients here */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_no_compressed_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_that_it_takes_no_compression, set_up, tear_down),
        cmocka_unit_test(tells_of_each_worker_on_its_own_thread),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grpc_shutdown();
    return failed == 0 ? 0 : 1;
}
