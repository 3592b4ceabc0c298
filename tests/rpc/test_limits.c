/* What a client may not do to a server, and what the owner of a server is told. */
#include <stdint.h>

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
    memset(ops, 0, sizeof(ops));
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
    snprintf(rig.target, sizeof(rig.target), "127.0.0.1:%d", sp_rpc_server_port(rig.server, 0));
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
        cmocka_unit_test(tells_of_each_worker_on_its_own_thread),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grpc_shutdown();
    return failed == 0 ? 0 : 1;
}
