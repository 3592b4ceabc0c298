/* Both programs with a stderr that nobody reads: a pipe that is full before they start. gRPC is
 * told to log each of its steps, so that every call is worth many lines, on the threads that
 * answer. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/http_client.h"
#include "support/port.h"
#include "support/programs.h"

enum { CHECKS = 10000, CHANGES = 200 };

/* One program and the pipe that is its stderr. */
struct unread {
    struct process process;
    char pipe[128];
    int fd; /* both ends */
    int port, http_port, metrics_port;
};

static struct programs programs;
static struct unread sync_unread, server_unread;

union address {
    struct sockaddr any;
    struct sockaddr_in in;
};

/* Before a gRPC client tries, which would wait long before it tried again. */
static void wait_until_listening(int port) {
    union address address = {
        .in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    for (int i = 0; i < 6000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool connected = connect(fd, &address.any, sizeof(address.in)) == 0;
        close(fd);
        if (connected)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("nobody listens on port %d", port);
}

static void make_full_pipe(struct unread *unread, const char *name) {
    char bytes[4096];
    memset(bytes, '\n', sizeof(bytes));
    snprintf(unread->pipe, sizeof(unread->pipe), "%s/%s.err", programs.folder, name);
    assert_int_equal(mkfifo(unread->pipe, 0600), 0);
    unread->fd = open(unread->pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(unread->fd >= 0);
    while (write(unread->fd, bytes, sizeof(bytes)) > 0)
        ;
    while (write(unread->fd, bytes, 1) > 0)
        ;
}

/* `words`: the program and its command, NULL-terminated. */
static void start_unread(struct unread *unread, const char *name, const char *const *words, char *ret_target) {
    const char *arguments[20];
    char listen[64], http_listen[64], metrics_listen[64];
    size_t count = 0;
    make_full_pipe(unread, name);
    unread->port = free_port();
    unread->http_port = free_port();
    unread->metrics_port = free_port();
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", unread->port);
    snprintf(http_listen, sizeof(http_listen), "127.0.0.1:%d", unread->http_port);
    snprintf(metrics_listen, sizeof(metrics_listen), "127.0.0.1:%d", unread->metrics_port);
    while (words[count] != NULL && count < 8) {
        arguments[count] = words[count];
        count++;
    }
    const char *const rest[] = {"--store",   programs.store,     "--listen",     listen, "--http-listen",
                                http_listen, "--metrics-listen", metrics_listen, NULL};
    for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
        arguments[count++] = rest[i];
    process_start(&unread->process, programs.folder, name, arguments);
    snprintf(ret_target, PROGRAMS_TARGET_BYTES, "%s", listen);
    wait_until_listening(unread->port);
    programs_wait_for_health(listen, true);
}

static void start_both(void) {
    const char *const sync_words[] = {"sallyport-sync", "serve", NULL};
    const char *const server_words[] = {"sallyportd", NULL};
    assert_int_equal(setenv("GRPC_VERBOSITY", "debug", 1), 0);
    assert_int_equal(setenv("GRPC_TRACE", "api", 1), 0);
    start_unread(&sync_unread, "sync", sync_words, programs.sync_target);
    start_unread(&server_unread, "server", server_words, programs.server_target);
    unsetenv("GRPC_VERBOSITY");
    unsetenv("GRPC_TRACE");
    assert_true(caller_open(&programs.operator_caller, programs.sync_target, programs.operator_key));
    assert_true(caller_open(&programs.checker, programs.server_target, ""));
}

static double read_sample(int port, const char *name) {
    struct http_reply reply;
    char line[128];
    http_get(port, "/metrics", &reply);
    assert_int_equal(reply.status, 200);
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(reply.body, line);
    assert_non_null(at);
    double value = strtod(at + strlen(line), NULL);
    http_reply_fini(&reply);
    return value;
}

static int read_status(int port, const char *path) {
    struct http_reply reply;
    http_get(port, path, &reply);
    int status = reply.status;
    http_reply_fini(&reply);
    return status;
}

static void assert_well_and_dropping(const struct unread *unread) {
    assert_true(read_sample(unread->metrics_port, "sallyport_log_dropped_total") >= 1000);
    assert_int_equal((int)read_sample(unread->metrics_port, "sallyport_ready"), 1);
    assert_int_equal(read_status(unread->http_port, "/readyz"), 200);
    assert_int_equal(read_status(unread->http_port, "/healthz"), 200);
}

/* What the pipe holds, and goes on to get, is read until a line has the text. */
static void read_until(const struct unread *unread, const char *text) {
    char bytes[65536];
    for (int i = 0; i < 6000; i++) {
        ssize_t got = read(unread->fd, bytes, sizeof(bytes) - 1);
        bytes[got > 0 ? got : 0] = '\0';
        if (strstr(bytes, text) != NULL)
            return;
        if (got <= 0)
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("the log never said \"%s\"", text);
}

static void end_unread(struct unread *unread) {
    assert_int_equal(process_end(&unread->process, SIGTERM), 0);
    close(unread->fd);
    assert_int_equal(unlink(unread->pipe), 0);
}

static void checks_and_changes_go_on_while_nobody_reads_stderr(void **state) {
    char key[PROGRAMS_KEY_BYTES];
    (void)state;
    programs_make_store(&programs, NULL);
    start_both();
    programs_workspace(&programs, "acme", key);
    for (int i = 0; i < CHANGES; i++)
        operator_ok(&programs, "Admin/UpdateWorkspace",
                    "{'workspace': {'id': 'acme', 'name': 'Acme %d'}, 'updateMask': ['name']}", i);
    for (int i = 0; i < CHECKS; i++)
        assert_string_equal(check_reason(&programs.checker, key, "voice", "x", "use"), "RESOURCE_UNKNOWN");
    assert_well_and_dropping(&sync_unread);
    assert_well_and_dropping(&server_unread);
    /* A log that is read again goes on. */
    read_until(&server_unread, "gRPC: ");
    read_until(&sync_unread, "gRPC: ");
    /* It ends in order although nobody reads to the end. */
    caller_close(&programs.checker);
    caller_close(&programs.operator_caller);
    end_unread(&server_unread);
    end_unread(&sync_unread);
    programs_verify(&programs);
    folder_remove(programs.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_and_changes_go_on_while_nobody_reads_stderr),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
