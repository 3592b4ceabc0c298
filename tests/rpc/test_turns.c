/* What streams that always have more to send leave to others. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

enum {
    STREAMS = 8, /* of a connection each: a client that does not read takes 64 KiB, thousands of messages here */
    MESSAGES_MAX = 64,
};

static struct gate blocked = GATE_INIT, released = GATE_INIT, closed = GATE_INIT;
static atomic_uint messages, messages_before_ask;

/* ---- streams: a message after the other, from when all are there ---- */

static struct sp_rpc_call *streams[STREAMS];
static size_t stream_count;

static void read_endless(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void begin_endless(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    (void)message;
    streams[stream_count++] = call;
    for (size_t i = 0; stream_count == STREAMS && i < STREAMS; i++)
        sp_rpc_send(streams[i], bytes_of("x"));
}

/* The first one waits until there is a request to be read. */
static void continue_endless(struct sp_rpc_call *call, void *user) {
    (void)user;
    if (atomic_fetch_add(&messages, 1) == 0) {
        gate_add(&blocked, 1);
        (void)gate_wait(&released, 1);
    }
    sp_rpc_send(call, bytes_of("x"));
}

static void count_closed_endless(struct sp_rpc_call *call, void *user) {
    (void)call;
    (void)user;
    gate_add(&closed, 1);
}

static const struct sp_rpc_stream_ops endless_ops = {
    .opened = read_endless,
    .received = begin_endless,
    .sent = continue_endless,
    .closed = count_closed_endless,
};

/* ---- a call ---- */

static void answer_ask(struct sp_rpc_call *call, void *user) {
    (void)user;
    atomic_store(&messages_before_ask, atomic_load(&messages));
    sp_rpc_reply(call, bytes_of("answer"));
}

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Endless", .kind = SP_RPC_STREAM, .stream = &endless_ops},
    {.path = "/test.Test/Ask", .kind = SP_RPC_UNARY, .unary = answer_ask},
};

/* ---- the clients: a process of their own, because threads that wait in gRPC also read the
 * server's sockets ---- */

struct talk {
    int in, out;
};

static void hear(const struct talk *talk, void *bytes, size_t size) {
    if (read(talk->in, bytes, size) != (ssize_t)size)
        _exit(3);
}

static void say(const struct talk *talk, const void *bytes, size_t size) {
    if (write(talk->out, bytes, size) != (ssize_t)size)
        _exit(4);
}

/* Clients and streams end with the process. */
static struct sp_rpc_client *connect_client(const char *target) {
    struct sp_rpc_client *client;
    struct sp_error error;
    const struct sp_rpc_client_options options = {.target = target, .timeout_ms = 60000};
    if (sp_rpc_client_open(&options, &client, &error) != SP_OK || !sp_rpc_client_connect(client, 60000))
        _exit(5);
    return client;
}

static struct sp_rpc_stream *send_request(struct sp_rpc_client *client, const char *path) {
    struct sp_rpc_stream *stream;
    struct sp_error error;
    if (sp_rpc_stream_open(client, path, &stream, &error) != SP_OK ||
        sp_rpc_stream_send(stream, bytes_of("request"), &error) != SP_OK)
        _exit(6);
    return stream;
}

static void receive_answer(struct sp_rpc_stream *ask) {
    struct sp_arena arena;
    struct sp_bytes reply;
    struct sp_error error;
    if (sp_arena_init(&arena, 1024, 1 << 20) != SP_OK || sp_rpc_stream_receive(ask, &arena, &reply, &error) != SP_OK)
        _exit(7);
}

_Noreturn static void run_clients(const struct talk *talk) {
    char target[64], go;
    struct sp_error error;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    hear(talk, target, sizeof(target));
    sp_rpc_global_init();
    struct sp_rpc_client *asking = connect_client(target);
    for (int i = 0; i < STREAMS; i++)
        (void)send_request(connect_client(target), "/test.Test/Endless");
    hear(talk, &go, 1);
    struct sp_rpc_stream *ask = send_request(asking, "/test.Test/Ask");
    if (sp_rpc_stream_done_sending(ask, &error) != SP_OK)
        _exit(8);
    say(talk, &go, 1);
    receive_answer(ask);
    _exit(0);
}

static void reads_a_request_while_streams_have_more_to_send(void **state) {
    struct rig rig;
    int to_clients[2], from_clients[2], status;
    char said;
    (void)state;
    assert_int_equal(pipe(to_clients) | pipe(from_clients), 0);
    pid_t clients = fork(); /* before gRPC begins */
    assert_true(clients >= 0);
    if (clients == 0)
        run_clients(&(struct talk){to_clients[0], from_clients[1]});
    rig_start(&rig, methods, COUNT(methods), 1);
    assert_int_equal(write(to_clients[1], rig.target, sizeof(rig.target)), sizeof(rig.target));
    assert_true(gate_wait(&blocked, 1));
    assert_int_equal(write(to_clients[1], "g", 1), 1);
    assert_int_equal(read(from_clients[0], &said, 1), 1); /* the request is in the server's socket */
    gate_add(&released, 1);
    assert_int_equal(waitpid(clients, &status, 0), clients);
    assert_int_equal(status, 0);
    print_message("%u messages were sent before the request was read\n", atomic_load(&messages_before_ask));
    assert_true(atomic_load(&messages_before_ask) > 0);
    assert_true(atomic_load(&messages_before_ask) <= MESSAGES_MAX);
    assert_true(gate_wait(&closed, STREAMS));
    rig_stop(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request_while_streams_have_more_to_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
