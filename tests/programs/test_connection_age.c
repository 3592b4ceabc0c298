/* Connections of both programs end at their age: clients are asked to reconnect, which makes them
 * show their certificates again, and lose no call. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/http_client.h"
#include "support/programs.h"

enum { FRAME_HEAD_BYTES = 9, PING = 6, GOAWAY = 7, ACK = 1, PING_BYTES = 8, CALLS = 60, PAUSE_NS = 50 * 1000000 };

static struct programs programs;

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_MAX_CONNECTION_AGE", "1", 1);
    setenv("SALLYPORT_SYNC_MAX_CONNECTION_AGE", "1", 1);
    programs_start(&programs, NULL);
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

static void read_exactly(int fd, unsigned char *bytes, size_t size, bool *ret_ended) {
    *ret_ended = false;
    for (size_t at = 0; at < size;) {
        ssize_t got = recv(fd, bytes + at, size - at, 0);
        assert_true(got >= 0); /* within the time-out */
        if (got == 0) {
            *ret_ended = true;
            return;
        }
        at += (size_t)got;
    }
}

static void answer_ping(int fd, const unsigned char payload[static PING_BYTES]) {
    unsigned char frame[FRAME_HEAD_BYTES + PING_BYTES] = {0, 0, PING_BYTES, PING, ACK};
    memcpy(frame + FRAME_HEAD_BYTES, payload, PING_BYTES);
    assert_int_equal(send(fd, frame, sizeof(frame), MSG_NOSIGNAL), sizeof(frame));
}

/* Opens HTTP/2 and makes no call. */
static void assert_told_to_leave(struct process *process) {
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    const struct timeval most = {.tv_sec = 9};
    bool told = false, ended = false;
    int fd = http_connect(process_port(process));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)), 0);
    http_send(fd, hello, sizeof(hello));
    while (!ended) {
        unsigned char head[FRAME_HEAD_BYTES], rest[4096];
        read_exactly(fd, head, sizeof(head), &ended);
        size_t size = ended ? 0 : (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        assert_in_range(size, 0, sizeof(rest));
        told |= !ended && head[3] == GOAWAY;
        if (!ended)
            read_exactly(fd, rest, size, &ended);
        if (!ended && head[3] == PING && (head[4] & ACK) == 0)
            answer_ping(fd, rest);
    }
    assert_true(told);
    close(fd);
}

static void a_connection_ends_at_its_age(void **state) {
    (void)state;
    assert_told_to_leave(&programs.sync);
    assert_told_to_leave(&programs.server);
}

static void clients_reconnect_and_lose_no_call(void **state) {
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        operator_ok(&programs, "Admin/WhoAmI", "{}");
        assert_string_equal(check_reason(&programs.checker, "sp_nothing", "voice", "x", "use"), "KEY_MALFORMED");
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_ends_at_its_age),
        cmocka_unit_test(clients_reconnect_and_lose_no_call),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? 0 : 1;
}
