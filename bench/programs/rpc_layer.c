/* Answers each unary call with its request: what gRPC itself costs, and what src/rpc adds to it.
 *
 *   rpc_layer bare|layered [WORKERS [PORT]]
 *
 * "bare" uses the gRPC C core with nothing between: one completion queue and thread for each worker, a registered method, one batch
 * for each reply. "layered" is the same through sp_rpc_server. Both answer /bench.Echo/Call on loopback until a signal comes;
 * the port is printed on the first line. bench/rpc_layer loads both in turn. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "rpc/client.h"
#include "rpc/server.h"

#define PATH "/bench.Echo/Call"

enum { MAX_WORKERS = 64, REQUESTS = 64 };

/* ---- bare ---- */

struct bare_call {
    bool answering;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *request;
    grpc_byte_buffer *reply;
    int cancelled;
};

struct bare_worker {
    grpc_server *server;
    void *method;
    grpc_completion_queue *cq;
    pthread_t thread;
};

static void bare_request(struct bare_worker *worker, struct bare_call *call) {
    call->answering = false;
    if (grpc_server_request_registered_call(worker->server, worker->method, &call->call, &call->deadline,
                                            &call->metadata, &call->request, worker->cq, worker->cq,
                                            call) != GRPC_CALL_OK) {
        abort();
    }
}

static void bare_answer(struct bare_call *call) {
    grpc_op ops[4];
    memset(ops, 0, sizeof ops);
    grpc_slice received = call->request->data.raw.slice_buffer.slices[0];
    grpc_slice slice = grpc_slice_malloc(GRPC_SLICE_LENGTH(received));
    memcpy(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_START_PTR(received), GRPC_SLICE_LENGTH(received));
    call->reply = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = call->reply;
    ops[2].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[3].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[3].data.recv_close_on_server.cancelled = &call->cancelled;
    call->answering = true;
    if (grpc_call_start_batch(call->call, ops, 4, call, NULL) != GRPC_CALL_OK) {
        abort();
    }
}

static void bare_release(struct bare_call *call) {
    grpc_byte_buffer_destroy(call->request);
    grpc_byte_buffer_destroy(call->reply);
    grpc_call_unref(call->call);
    grpc_metadata_array_destroy(&call->metadata);
    memset(call, 0, sizeof *call);
}

static void *bare_main(void *user) {
    struct bare_worker *worker = user;
    struct bare_call *calls = calloc(REQUESTS, sizeof *calls);
    for (size_t i = 0; calls != NULL && i < REQUESTS; i++) {
        bare_request(worker, &calls[i]);
    }
    for (;;) {
        grpc_event event = grpc_completion_queue_next(worker->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct bare_call *call = event.tag;
        if (event.type == GRPC_QUEUE_SHUTDOWN) {
            break;
        }
        if (call->answering) {
            bare_release(call);
            bare_request(worker, call);
        } else if (event.success && call->request != NULL) {
            bare_answer(call);
        }
    }
    free(calls);
    return NULL;
}

static int serve_bare(unsigned worker_count, int port) {
    static struct bare_worker workers[MAX_WORKERS];
    static char no_reuse[] = GRPC_ARG_ALLOW_REUSEPORT;
    char address[64];
    int signal_number;
    sigset_t signals;
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = no_reuse};
    const grpc_channel_args args = {.num_args = 1, .args = &arg};
    grpc_init();
    grpc_server *server = grpc_server_create(&args, NULL);
    void *method = grpc_server_register_method(server, PATH, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    port = grpc_server_add_http2_port(server, address, grpc_insecure_server_credentials_create());
    for (unsigned i = 0; i < worker_count; i++) {
        workers[i] = (struct bare_worker){server, method, grpc_completion_queue_create_for_next(NULL), 0};
        grpc_server_register_completion_queue(server, workers[i].cq, NULL);
    }
    grpc_server_start(server);
    for (unsigned i = 0; i < worker_count; i++) {
        if (pthread_create(&workers[i].thread, NULL, bare_main, &workers[i]) != 0) {
            return 1;
        }
    }
    printf("%d\n", port);
    fflush(stdout);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &signal_number);
    return 0;
}

/* ---- layered ---- */

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static int serve_layered(unsigned worker_count, int port) {
    static const struct sp_rpc_method method = {.path = PATH, .kind = SP_RPC_UNARY, .unary = echo, .hot = true};
    char address[64];
    const char *listen[] = {address};
    const struct sp_rpc_server_options options = {.listen = listen, .listen_count = 1, .workers = worker_count};
    struct sp_rpc_server *server;
    struct sp_error error;
    int signal_number;
    sigset_t signals;
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    if (sp_rpc_server_open(&options, &method, 1, (struct sp_bytes){NULL, 0}, &server, &error) != SP_OK ||
        sp_rpc_server_start(server, &error) != SP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("%d\n", sp_rpc_server_port(server, 0));
    fflush(stdout);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &signal_number);
    sp_rpc_server_stop(server, 1000);
    sp_rpc_server_close(server);
    return 0;
}

static bool read_number(const char *text, long most, long *ret_number) {
    char *end;
    errno = 0;
    *ret_number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *ret_number >= 0 && *ret_number <= most;
}

int main(int argc, char **argv) {
    long workers = 1, port = 0;
    bool bare = argc > 1 && strcmp(argv[1], "bare") == 0;
    bool layered = argc > 1 && strcmp(argv[1], "layered") == 0;
    sigset_t signals;
    if (!(bare || layered) || (argc > 2 && !read_number(argv[2], MAX_WORKERS, &workers)) || workers == 0 ||
        (argc > 3 && !read_number(argv[3], 65535, &port))) {
        fprintf(stderr, "usage: rpc_layer bare|layered [WORKERS [PORT]]\n");
        return 2;
    }
    /* Every thread inherits this; main waits for them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return bare ? serve_bare((unsigned)workers, (int)port) : serve_layered((unsigned)workers, (int)port);
}
