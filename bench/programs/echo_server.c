/* The floor: a bare server straight on the gRPC C core, one completion queue and thread for each
 * worker, that answers every Check, and every message of a CheckStream, with the same ready-made
 * bytes. Whatever sallyportd costs beyond it is due to Sallyport.
 *
 * Usage: echo_server ADDRESS WORKERS REPLY_BYTES. Prints its port. Ends with SIGTERM or SIGINT. */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTED = 64 };

struct echo;

/* What the queue hands back begins with this: a unary call, or what a stream waits for. */
enum stream_state { CALL, STREAM_REQUESTED, STREAM_READING, STREAM_ENDING };

/* One call, from being requested to its end; then it is requested again. */
struct call {
    enum stream_state state; /* CALL */
    struct echo *echo;
    grpc_completion_queue *cq;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *request;
    int cancelled;
    bool answering;
};

/* One stream: a message is read, answered, and then the next is read, each in one batch. */
struct stream {
    enum stream_state state;
    struct echo *echo;
    grpc_completion_queue *cq;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *message;
    int cancelled;
};

struct echo {
    grpc_server *server;
    void *method, *stream_method;
    grpc_byte_buffer *reply;
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "echo_server: %s\n", what);
    exit(2);
}

static void request_next(struct call *call) {
    call->answering = false;
    call->request = NULL;
    grpc_metadata_array_init(&call->metadata);
    if (grpc_server_request_registered_call(call->echo->server, call->echo->method, &call->call, &call->deadline,
                                            &call->metadata, &call->request, call->cq, call->cq, call) != GRPC_CALL_OK)
        fail("a call could not be requested");
}

static void echo_message(struct call *call) {
    grpc_op ops[4] = {0};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = call->echo->reply;
    ops[2].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[2].data.send_status_from_server.status = GRPC_STATUS_OK;
    ops[3].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[3].data.recv_close_on_server.cancelled = &call->cancelled;
    call->answering = true;
    if (grpc_call_start_batch(call->call, ops, 4, call, NULL) != GRPC_CALL_OK)
        fail("a call could not be answered");
}

static void end_echo_call(struct call *call) {
    grpc_metadata_array_destroy(&call->metadata);
    if (call->request != NULL)
        grpc_byte_buffer_destroy(call->request);
    grpc_call_unref(call->call);
}

/* ---- streams ---- */

static void start_echo(struct stream *stream, const grpc_op *ops, size_t count) {
    if (grpc_call_start_batch(stream->call, ops, count, stream, NULL) != GRPC_CALL_OK)
        fail("a stream's batch could not be started");
}

static void request_stream(struct stream *stream) {
    stream->state = STREAM_REQUESTED;
    grpc_metadata_array_init(&stream->metadata);
    if (grpc_server_request_registered_call(stream->echo->server, stream->echo->stream_method, &stream->call,
                                            &stream->deadline, &stream->metadata, NULL, stream->cq, stream->cq,
                                            stream) != GRPC_CALL_OK)
        fail("a stream could not be requested");
}

/* Sends the last message's answer and asks for the next message; the first time, sends the initial
 * metadata instead. */
static void go_on(struct stream *stream, grpc_op first) {
    grpc_op ops[2] = {first, {.op = GRPC_OP_RECV_MESSAGE}};
    ops[1].data.recv_message.recv_message = &stream->message;
    stream->message = NULL;
    stream->state = STREAM_READING;
    start_echo(stream, ops, 2);
}

static void answer_message(struct stream *stream) {
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = stream->echo->reply;
    grpc_byte_buffer_destroy(stream->message);
    go_on(stream, op);
}

static void end_echo_stream(struct stream *stream) {
    grpc_op ops[2] = {{.op = GRPC_OP_SEND_STATUS_FROM_SERVER}, {.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};
    ops[0].data.send_status_from_server.status = GRPC_STATUS_OK;
    ops[1].data.recv_close_on_server.cancelled = &stream->cancelled;
    stream->state = STREAM_ENDING;
    start_echo(stream, ops, 2);
}

static void handle_stream(struct stream *stream, bool success) {
    switch (stream->state) {
    case STREAM_REQUESTED:
        if (success)
            go_on(stream, (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA});
        break;
    case STREAM_READING:
        if (success && stream->message != NULL)
            answer_message(stream);
        else
            end_echo_stream(stream);
        break;
    case STREAM_ENDING:
        grpc_metadata_array_destroy(&stream->metadata);
        grpc_call_unref(stream->call);
        request_stream(stream);
        break;
    case CALL:
        break;
    }
}

/* ---- workers ---- */

static void handle_call(struct call *call, bool success) {
    if (call->answering) {
        end_echo_call(call);
        request_next(call);
    } else if (success) {
        echo_message(call);
    }
}

static void *run_echo_worker(void *cq) {
    for (;;) {
        grpc_event event = grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.tag == NULL)
            continue; /* the server's shutdown */
        if (*(const enum stream_state *)event.tag == CALL)
            handle_call(event.tag, event.success != 0);
        else
            handle_stream(event.tag, event.success != 0);
    }
}

static grpc_byte_buffer *make_echo_reply(size_t size) {
    grpc_slice slice = grpc_slice_malloc(size);
    memset(GRPC_SLICE_START_PTR(slice), 0, size);
    /* Well-formed for whoever decodes it: one field of bytes with number 15. */
    if (size >= 3 && size < 130) {
        GRPC_SLICE_START_PTR(slice)[0] = 15 << 3 | 2;
        GRPC_SLICE_START_PTR(slice)[1] = (uint8_t)(size - 2);
    }
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static void start_worker(struct echo *echo, grpc_completion_queue *cq, pthread_t *ret_thread) {
    struct call *calls = calloc(REQUESTED, sizeof(*calls));
    struct stream *streams = calloc(REQUESTED, sizeof(*streams));
    if (calls == NULL || streams == NULL)
        fail("out of memory");
    for (int i = 0; i < REQUESTED; i++) {
        calls[i] = (struct call){.echo = echo, .cq = cq};
        request_next(&calls[i]);
        streams[i] = (struct stream){.echo = echo, .cq = cq};
        request_stream(&streams[i]);
    }
    if (pthread_create(ret_thread, NULL, run_echo_worker, cq) != 0)
        fail("no thread");
}

int main(int argc, char **argv) {
    if (argc != 4)
        fail("usage: echo_server ADDRESS WORKERS REPLY_BYTES");
    unsigned workers = (unsigned)strtoul(argv[2], NULL, 10);
    if (workers < 1 || workers > 64)
        fail("1 to 64 workers");
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    grpc_init();
    struct echo echo = {.server = grpc_server_create(NULL, NULL)};
    echo.reply = make_echo_reply(strtoul(argv[3], NULL, 10));
    echo.method = grpc_server_register_method(echo.server, "/sallyport.v1.Authorization/Check", NULL,
                                              GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    echo.stream_method = grpc_server_register_method(echo.server, "/sallyport.v1.Authorization/CheckStream", NULL,
                                                     GRPC_SRM_PAYLOAD_NONE, 0);
    grpc_completion_queue *queues[64];
    pthread_t threads[64];
    for (unsigned i = 0; i < workers; i++) {
        queues[i] = grpc_completion_queue_create_for_next(NULL);
        grpc_server_register_completion_queue(echo.server, queues[i], NULL);
    }
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(echo.server, argv[1], credentials);
    if (port == 0)
        fail("the address cannot be listened on");
    grpc_server_credentials_release(credentials);
    grpc_server_start(echo.server);
    for (unsigned i = 0; i < workers; i++)
        start_worker(&echo, queues[i], &threads[i]);
    printf("%d\n", port);
    fflush(stdout);

    int received;
    sigwait(&signals, &received);
    grpc_server_shutdown_and_notify(echo.server, queues[0], NULL);
    grpc_server_cancel_all_calls(echo.server);
    _exit(0); /* a floor for measuring needs no tidy end */
}
