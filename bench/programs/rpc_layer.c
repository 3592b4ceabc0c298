/* What src/rpc adds to bare gRPC: answers each Check with the same ready-made bytes, as echo_server
 * does, but through sp_rpc_server.
 *
 * rpc_layer [WORKERS [PORT]]
 *
 * On loopback until a signal comes; the port is printed on the first line. bench/rpc_layer loads
 * both in turn. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/client.h"
#include "rpc/server.h"

enum { MAX_WORKERS = 64, REPLY_BYTES = 95 };

static void echo_call(struct sp_rpc_call *call, void *user) {
    static const uint8_t reply[REPLY_BYTES] = {15 << 3 | 2, REPLY_BYTES - 2};
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){reply, sizeof(reply)});
}

static int serve_echo(unsigned worker_count, int port) {
    static const struct sp_rpc_method method = {
        .path = "/sallyport.v1.Authorization/Check", .kind = SP_RPC_UNARY, .unary = echo_call, .hot = true};
    char address[64];
    const char *listen[] = {address};
    const struct sp_rpc_server_options options = {.listen = listen, .listen_count = 1, .workers = worker_count};
    struct sp_rpc_server *server;
    struct sp_error error;
    int signal_number;
    sigset_t signals;
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
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

static bool read_argument(const char *text, long most, long *ret_number) {
    char *end;
    errno = 0;
    *ret_number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *ret_number >= 0 && *ret_number <= most;
}

int main(int argc, char **argv) {
    long workers = 1, port = 0;
    sigset_t signals;
    if (argc > 3 || (argc > 1 && !read_argument(argv[1], MAX_WORKERS, &workers)) || workers == 0 ||
        (argc > 2 && !read_argument(argv[2], 65535, &port))) {
        fprintf(stderr, "usage: rpc_layer [WORKERS [PORT]]\n");
        return 2;
    }
    /* Every thread inherits this; main waits for them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return serve_echo((unsigned)workers, (int)port);
}
