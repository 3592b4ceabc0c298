#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static void tell_peer(struct sp_rpc_call *call, void *user) {
    struct sp_str peer = sp_rpc_call_peer(call);
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){(const uint8_t *)peer.data, peer.size});
}

static const struct sp_rpc_method methods[] = {{.path = "/test.Test/Peer", .unary = tell_peer}};
static const struct sp_bytes no_descriptors = {NULL, 0};

struct folder {
    char path[64];
    char address[96];
};

static struct folder make_folder(void) {
    struct folder folder = {.path = "/tmp/sallyport-listen-XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    snprintf(folder.address, sizeof(folder.address), "unix:%s/socket", folder.path);
    return folder;
}

static enum sp_status open_server(const struct sp_rpc_server_options *options, struct sp_rpc_server **ret_server,
                                  struct sp_error *error) {
    return sp_rpc_server_open(options, methods, COUNT(methods), no_descriptors, ret_server, error);
}

static enum sp_status ask_peer(const char *target, unsigned timeout_ms, char ret_peer[static 64]) {
    struct sp_arena arena;
    struct sp_bytes reply;
    struct sp_error error;
    struct sp_rpc_client *client;
    const struct sp_rpc_client_options options = {.target = target, .timeout_ms = timeout_ms};
    if (sp_arena_init(&arena, 1024, 1 << 20) != SP_OK) {
        return SP_ERR_MEMORY;
    }
    enum sp_status status = sp_rpc_client_open(&options, &client, &error);
    if (status == SP_OK) {
        status = sp_rpc_client_call(client, "/test.Test/Peer", bytes_of("x"), &arena, &reply, &error);
        if (status == SP_OK) {
            snprintf(ret_peer, 64, "%.*s", (int)reply.size, (const char *)reply.data);
        }
        sp_rpc_client_close(client);
    }
    sp_arena_fini(&arena);
    return status;
}

static void knows_the_peer_on_each_kind_of_listener(void **state) {
    struct folder folder = make_folder();
    const char *const listen[] = {"127.0.0.1:0", "[::1]:0", folder.address, "[::]:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = listen, .listen_count = 4, .workers = 2, .insecure = true};
    struct sp_rpc_server *server;
    struct sp_error error;
    char target[96], peer[64];
    (void)state;
    assert_int_equal(open_server(&options, &server, &error), SP_OK);
    assert_int_equal(sp_rpc_server_start(server, &error), SP_OK);
    assert_int_equal(sp_rpc_server_port(server, 2), 0);
    assert_int_equal(sp_rpc_server_port(server, 4), -1);
    const struct {
        const char *host;
        size_t listener;
        const char *peer;
    } cases[] = {
        {"127.0.0.1:", 0, "127.0.0.1"}, {"[::1]:", 1, "::1"}, {folder.address, 2, "unix"},
        {"127.0.0.1:", 3, "127.0.0.1"}, {"[::1]:", 3, "::1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int port = sp_rpc_server_port(server, cases[i].listener);
        snprintf(target, sizeof(target), port == 0 ? "%s" : "%s%d", cases[i].host, port);
        assert_int_equal(ask_peer(target, 10000, peer), SP_OK);
        assert_string_equal(peer, cases[i].peer);
    }
    sp_rpc_server_stop(server, 5000);
    sp_rpc_server_close(server);
    /* The socket's file went with the server. */
    assert_int_equal(rmdir(folder.path), 0);
}

static void takes_over_a_socket_file_that_nobody_listens_on(void **state) {
    struct folder folder = make_folder();
    const char *const listen[] = {folder.address};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = listen, .listen_count = 1, .workers = 1};
    struct sp_rpc_server *server, *second;
    struct sp_error error;
    struct sockaddr_un left_over = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(left_over.sun_path, sizeof(left_over.sun_path), "%s", folder.address + strlen("unix:"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&left_over, sizeof(left_over)), 0);
    close(fd);
    assert_int_equal(open_server(&options, &server, &error), SP_OK);
    /* But not one that is in use. */
    assert_int_equal(open_server(&options, &second, &error), SP_ERR_IO);
    sp_rpc_server_close(server);
    assert_int_equal(rmdir(folder.path), 0);
}

static void refuses_to_replace_a_file_that_is_no_socket(void **state) {
    struct folder folder = make_folder();
    const char *const listen[] = {folder.address};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = listen, .listen_count = 1, .workers = 1};
    struct sp_rpc_server *server;
    struct sp_error error;
    (void)state;
    const char *path = folder.address + strlen("unix:");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(open_server(&options, &server, &error), SP_ERR_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder.path), 0);
}

#define FIFTY "0123456789012345678901234567890123456789/123456789"
#define TOO_LONG "unix:/" FIFTY FIFTY FIFTY

static void refuses_addresses_that_it_cannot_read(void **state) {
    static const char *const addresses[] = {
        "",           "127.0.0.1",   "127.0.0.1:",    "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x",
        "127.0.0:80", "localhost:0", "::1:80",        "[::1]",           "[::1]80",      "[::1:80",
        "[]:80",      "unix:",       "127.0.0.1: 80", "[127.0.0.1]:80",  TOO_LONG};
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        const char *const listen[] = {addresses[i]};
        const struct sp_rpc_server_options options = {
            .engine = rig_engine(), .listen = listen, .listen_count = 1, .workers = 1};
        struct sp_rpc_server *server;
        struct sp_error error;
        assert_int_equal(open_server(&options, &server, &error), SP_ERR_INVALID);
        assert_non_null(strstr(error.message, addresses[i]));
    }
}

static void refuses_plaintext_off_loopback_unless_told(void **state) {
    static const struct {
        const char *address;
        bool insecure;
        enum sp_status status;
    } cases[] = {
        {"0.0.0.0:0", false, SP_ERR_INVALID}, {"0.0.0.0:0", true, SP_OK},
        {"[::]:0", false, SP_ERR_INVALID},    {"[::]:0", true, SP_OK},
        {"127.0.0.2:0", false, SP_OK},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const listen[] = {cases[i].address};
        const struct sp_rpc_server_options options = {
            .engine = rig_engine(), .listen = listen, .listen_count = 1, .workers = 1, .insecure = cases[i].insecure};
        struct sp_rpc_server *server;
        struct sp_error error;
        assert_int_equal(open_server(&options, &server, &error), cases[i].status);
        if (cases[i].status == SP_OK) {
            sp_rpc_server_close(server);
        }
    }
}

static void says_that_an_address_is_in_use(void **state) {
    static const char *const any[] = {"127.0.0.1:0"};
    struct sp_rpc_server_options options = {.engine = rig_engine(), .listen = any, .listen_count = 1, .workers = 1};
    struct sp_rpc_server *first, *second;
    struct sp_error error;
    char address[32];
    (void)state;
    assert_int_equal(open_server(&options, &first, &error), SP_OK);
    snprintf(address, sizeof(address), "127.0.0.1:%d", sp_rpc_server_port(first, 0));
    options.listen = (const char *const[]){address};
    assert_int_equal(open_server(&options, &second, &error), SP_ERR_IO);
    assert_non_null(strstr(error.message, address));
    sp_rpc_server_close(first);
    /* And free again. */
    assert_int_equal(open_server(&options, &second, &error), SP_OK);
    sp_rpc_server_close(second);
}

/* ---- connections ---- */

static int connect_to(int port) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* An accepted connection hears from the server (its SETTINGS) before it says anything. */
static bool hears_the_server(int fd, int timeout_ms) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&wait, 1, timeout_ms) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static void keeps_connections_over_the_cap_waiting(void **state) {
    static const char *const any[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {.engine = rig_engine(),
                                                  .listen = any,
                                                  .listen_count = 1,
                                                  .workers = 1,
                                                  .limits = {.max_connections = 3, .max_connections_per_peer = 3}};
    struct sp_rpc_server *server;
    struct sp_error error;
    int fds[4];
    char target[32], peer[64];
    (void)state;
    assert_int_equal(open_server(&options, &server, &error), SP_OK);
    assert_int_equal(sp_rpc_server_start(server, &error), SP_OK);
    int port = sp_rpc_server_port(server, 0);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_to(port);
        assert_true(hears_the_server(fds[i], 10000));
    }
    fds[3] = connect_to(port);
    assert_false(hears_the_server(fds[3], 300));
    /* As one goes the next is taken. */
    close(fds[0]);
    assert_true(hears_the_server(fds[3], 10000));
    close(fds[1]);
    snprintf(target, sizeof(target), "127.0.0.1:%d", port);
    assert_int_equal(ask_peer(target, 10000, peer), SP_OK);
    assert_string_equal(peer, "127.0.0.1");
    close(fds[2]);
    close(fds[3]);
    sp_rpc_server_stop(server, 5000);
    sp_rpc_server_close(server);
}

/* ---- out of descriptors: in a child, forked before gRPC begins ---- */

/* Reads one byte from the parent, or writes one to it. */
static bool next_step(int fd) {
    char byte;
    return read(fd, &byte, 1) == 1;
}

/* Serves with few descriptors. Says its port, and then, when told, holds every descriptor left, and
 * lets them go. */
static int serve_with_few_descriptors(int from_parent, int to_parent) {
    static const char *const any[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = any, .listen_count = 1, .workers = 1};
    const struct rlimit few = {64, 64};
    struct sp_rpc_server *server;
    struct sp_error error;
    int held[64];
    size_t count = 0;
    if (setrlimit(RLIMIT_NOFILE, &few) != 0 || open_server(&options, &server, &error) != SP_OK ||
        sp_rpc_server_start(server, &error) != SP_OK) {
        return 2;
    }
    int port = sp_rpc_server_port(server, 0);
    if (write(to_parent, &port, sizeof(port)) != sizeof(port) || !next_step(from_parent)) {
        return 3;
    }
    while (count < COUNT(held) && (held[count] = dup(0)) >= 0) {
        count++;
    }
    if (write(to_parent, "h", 1) != 1 || !next_step(from_parent)) {
        return 4;
    }
    while (count > 0) {
        close(held[--count]);
    }
    if (write(to_parent, "f", 1) != 1 || !next_step(from_parent)) {
        return 5;
    }
    sp_rpc_server_stop(server, 5000);
    sp_rpc_server_close(server);
    return 0;
}

static void goes_on_accepting_after_running_out_of_descriptors(void **state) {
    int down[2], up[2], port = 0;
    (void)state;
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(down[1]);
        close(up[0]);
        _exit(serve_with_few_descriptors(down[0], up[1]));
    }
    close(down[0]);
    close(up[1]);
    assert_int_equal(read(up[0], &port, sizeof(port)), sizeof(port));
    int before = connect_to(port);
    assert_true(hears_the_server(before, 10000));
    assert_int_equal(write(down[1], "x", 1), 1);
    assert_true(next_step(up[0]));
    /* The kernel completes these; the server can take none of them. */
    int waiting[5];
    for (size_t i = 0; i < COUNT(waiting); i++) {
        waiting[i] = connect_to(port);
        assert_true(waiting[i] >= 0);
    }
    assert_false(hears_the_server(waiting[0], 300));
    assert_int_equal(write(down[1], "x", 1), 1);
    assert_true(next_step(up[0]));
    for (size_t i = 0; i < COUNT(waiting); i++) {
        assert_true(hears_the_server(waiting[i], 10000));
        close(waiting[i]);
    }
    int after = connect_to(port);
    assert_true(hears_the_server(after, 10000));
    close(before);
    close(after);
    assert_int_equal(write(down[1], "x", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(down[1]);
    close(up[0]);
}

static void raises_the_descriptor_limit(void **state) {
    static const char *const any[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = any, .listen_count = 1, .workers = 1};
    struct sp_rpc_server *server;
    struct sp_error error;
    struct rlimit limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(open_server(&options, &server, &error), SP_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
    sp_rpc_server_close(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_accepting_after_running_out_of_descriptors), /* forks: before any other */
        cmocka_unit_test(knows_the_peer_on_each_kind_of_listener),
        cmocka_unit_test(takes_over_a_socket_file_that_nobody_listens_on),
        cmocka_unit_test(refuses_to_replace_a_file_that_is_no_socket),
        cmocka_unit_test(refuses_addresses_that_it_cannot_read),
        cmocka_unit_test(refuses_plaintext_off_loopback_unless_told),
        cmocka_unit_test(says_that_an_address_is_in_use),
        cmocka_unit_test(keeps_connections_over_the_cap_waiting),
        cmocka_unit_test(raises_the_descriptor_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
