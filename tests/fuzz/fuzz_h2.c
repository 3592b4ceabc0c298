/* What a client sends on a connection of the real server on nghttp2: its loop, its bounds, health,
 * reflection, and handlers that echo, keep and stream. The bytes go through a Unix socket and are
 * followed by the end of the stream; each connection is read to its end. Every hundredth input a
 * client of its own must be answered: no input keeps others from being served, and nothing that a
 * call took is kept once its connection has gone. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 256 * 1024, HEALTHY_EVERY = 100, PATIENCE_MS = 20 * 1000 };

static struct sp_rpc_server *server;
static char folder[] = "/tmp/fuzz-h2-XXXXXX";
/* "unix:FOLDER/s", and another for good clients: an address that floods again and again is refused
 * where it did. */
static char address[sizeof(folder) + 16], good_address[sizeof(folder) + 16];

static void require_that(int condition, const char *what) {
    if (condition)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- the server ---- */

static void echo_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void answer_later(struct sp_rpc_call *call, void *user) {
    (void)user;
    if (sp_rpc_call_retries(call) == 0)
        sp_rpc_retry_after(call, 1);
    else
        sp_rpc_fail(call, SP_ERR_UNAVAILABLE, "later");
}

static void stream_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_set_state(call, malloc(1)); /* so that a close too few or too many is seen */
    sp_rpc_read(call);
}

static void stream_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    if (message.size > 0 && message.data[0] == 'f')
        sp_rpc_fail(call, SP_ERR_INVALID, "asked for");
    else if (message.size > 0 && message.data[0] == 'w')
        sp_rpc_wake(call);
    else
        sp_rpc_send_and_read(call, message);
}

static void stream_woken(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void stream_half_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

static void stream_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    free(sp_rpc_state(call));
}

static const struct sp_rpc_stream_ops stream_ops = {.opened = stream_opened,
                                                    .received = stream_received,
                                                    .woken = stream_woken,
                                                    .half_closed = stream_half_closed,
                                                    .closed = stream_closed};

static const struct sp_rpc_method methods[] = {
    {.path = "/t.T/Echo", .unary = echo_request, .max_request_bytes = 64 * 1024},
    {.path = "/t.T/Later", .unary = answer_later, .max_request_bytes = 1024},
    {.path = "/t.T/Stream", .kind = SP_RPC_STREAM, .stream = &stream_ops, .max_request_bytes = 1024},
};

static void stop_server(void) {
    sp_rpc_server_stop(server, 0);
    sp_rpc_server_close(server);
    (void)unlink(address + strlen("unix:"));
    (void)unlink(good_address + strlen("unix:"));
    (void)rmdir(folder);
}

static void start_server_once(void) {
    static const char *const listen[] = {address, good_address};
    const struct sp_rpc_server_options options = {
        .engine = SP_RPC_ENGINE_H2, .listen = listen, .listen_count = 2, .workers = 1};
    struct sp_error error = {0};
    if (server != NULL)
        return;
    require_that(mkdtemp(folder) != NULL, "no folder for the socket");
    (void)snprintf(address, sizeof(address), "unix:%s/s", folder);
    (void)snprintf(good_address, sizeof(good_address), "unix:%s/g", folder);
    require_that(sp_rpc_server_open(&options, methods, sizeof(methods) / sizeof(*methods), (struct sp_bytes){NULL, 0},
                                    &server, &error) == SP_OK &&
                     sp_rpc_server_start(server, &error) == SP_OK,
                 error.message);
    sp_rpc_server_set_serving(server, true);
    (void)atexit(stop_server);
}

/* ---- clients ---- */

static int connect_to(const char *where) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path, where + strlen("unix:"), strlen(where) - strlen("unix:") + 1);
    require_that(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0, "the server takes no connection");
    return fd;
}

/* Reads what there is; false at the end. */
static bool read_something(int fd, char *bytes, size_t room, size_t *ret_size) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    require_that(poll(&wait, 1, PATIENCE_MS) > 0, "the server neither answers nor closes");
    ssize_t size = recv(fd, bytes, room, 0);
    *ret_size = size > 0 ? (size_t)size : 0;
    return size > 0;
}

static void send_and_read_to_end(const uint8_t *data, size_t size) {
    static char answer[64 * 1024];
    int fd = connect_to(address);
    size_t got = 0;
    for (size_t sent = 0; sent < size;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN | POLLOUT};
        require_that(poll(&wait, 1, PATIENCE_MS) > 0, "the server neither reads nor closes");
        if ((wait.revents & POLLIN) != 0 && !read_something(fd, answer, sizeof(answer), &got))
            break;
        if ((wait.revents & POLLOUT) == 0)
            continue;
        ssize_t now = send(fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (now < 0)
            break;
        sent += (size_t)now;
    }
    (void)shutdown(fd, SHUT_WR);
    while (read_something(fd, answer, sizeof(answer), &got))
        continue;
    close(fd);
}

/* Preface, SETTINGS, and a call of Echo with "hello", which must come back. */
static void require_an_answer(void) {
    static const char request[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                  "\0\0\0\4\0\0\0\0\0"
                                  "\0\0\x30\1\4\0\0\0\1"
                                  "\x83\x86\4\x09/t.T/Echo\1\1t\x0f\x10\x10"
                                  "application/grpc"
                                  "\x10\2te\x08trailers"
                                  "\0\0\x0a\0\1\0\0\0\1"
                                  "\0\0\0\0\5hello";
    char answer[4096];
    size_t size = 0, got = 0;
    int fd = connect_to(good_address);
    require_that(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1, "cannot send");
    do {
        require_that(read_something(fd, answer + size, sizeof(answer) - size, &got), "a good call is not answered");
        size += got;
    } while (memmem(answer, size, "hello", 5) == NULL);
    close(fd);
}

static void require_nothing_held(void) {
    uint64_t counts[SP_RPC_BOUND_COUNT];
    for (int i = 0; i < PATIENCE_MS && sp_rpc_server_bounds(server, counts) > 0; i++)
        (void)poll(NULL, 0, 1);
    require_that(sp_rpc_server_bounds(server, counts) == 0, "the server holds bytes of calls that are gone");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned inputs;
    if (size > MOST_BYTES)
        return 0;
    start_server_once();
    send_and_read_to_end(data, size);
    if (inputs++ % HEALTHY_EVERY == 0) {
        require_an_answer();
        require_nothing_held();
    }
    return 0;
}
