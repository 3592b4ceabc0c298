/* Files, pipes and sockets that nobody reads: what fits is written, and nothing waits. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/outlet.h"
#include "support/process.h"

enum { LINE_BYTES = 100, LINES = 10000 };

/* Lines of LINE_BYTES, more than any pipe here holds. */
static char lines[LINE_BYTES * LINES];

static int make_lines(void **state) {
    (void)state;
    memset(lines, 'x', sizeof(lines));
    for (size_t i = 1; i <= LINES; i++)
        lines[i * LINE_BYTES - 1] = '\n';
    return 0;
}

/* Puts `fd` into the place of stdout while it opens the outlet. */
static struct sp_outlet open_as_stdout(int fd) {
    struct sp_outlet outlet = {.fd = -1};
    int kept = dup(STDOUT_FILENO);
    assert_int_not_equal(dup2(fd, STDOUT_FILENO), -1);
    enum sp_status status = sp_outlet_open_standard(STDOUT_FILENO, &outlet);
    assert_int_not_equal(dup2(kept, STDOUT_FILENO), -1);
    close(kept);
    assert_int_equal(status, SP_OK);
    return outlet;
}

/* Writes until nothing fits; returns how much did. */
static size_t fill(const struct sp_outlet *outlet) {
    size_t done = 0;
    assert_int_equal(sp_outlet_write(outlet, lines, sizeof(lines), &done), SP_OK);
    assert_true(done > 0 && done < sizeof(lines));
    assert_false(sp_outlet_wait(outlet, 0));
    return done;
}

static void a_full_pipe_takes_whole_lines_and_lets_the_writer_go(void **state) {
    int ends[2];
    char bytes[65536];
    size_t wrote = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    int flags = fcntl(ends[1], F_GETFL);
    struct sp_outlet outlet = open_as_stdout(ends[1]);
    assert_int_equal(outlet.kind, SP_OUTLET_STREAM);
    assert_false(outlet.may_wait);
    assert_int_equal(fcntl(ends[1], F_GETFL), flags); /* others that share it still wait if they like */
    assert_int_equal(fill(&outlet) % LINE_BYTES, 0);
    ssize_t got = read(ends[0], bytes, sizeof(bytes));
    assert_true(got >= 4096);
    assert_true(sp_outlet_wait(&outlet, 1000));
    assert_int_equal(sp_outlet_write(&outlet, lines, LINE_BYTES, &wrote), SP_OK);
    assert_int_equal(wrote, LINE_BYTES);
    sp_outlet_close(&outlet);
    sp_outlet_close(&outlet);
    close(ends[0]);
    close(ends[1]);
}

/* As for a pipe of another user, which cannot be opened again. */
static void a_full_pipe_that_others_share_lets_the_writer_go_too(void **state) {
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    const struct sp_outlet outlet = {.fd = ends[1], .kind = SP_OUTLET_STREAM, .may_wait = true};
    assert_int_equal(fill(&outlet) % LINE_BYTES, 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_socket_lets_the_writer_go(void **state) {
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct sp_outlet outlet = open_as_stdout(ends[1]);
    assert_int_equal(outlet.kind, SP_OUTLET_SOCKET);
    fill(&outlet);
    sp_outlet_close(&outlet);
    close(ends[0]);
    close(ends[1]);
}

static void a_file_takes_everything_and_is_appended_to(void **state) {
    char folder[64], path[96];
    size_t wrote = 0;
    struct sp_outlet outlet;
    struct stat about;
    (void)state;
    folder_make(folder);
    snprintf(path, sizeof(path), "%s/log", folder);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sp_outlet_open_file(path, &outlet), SP_OK);
        assert_int_equal(outlet.kind, SP_OUTLET_FILE);
        assert_int_equal(sp_outlet_write(&outlet, lines, sizeof(lines), &wrote), SP_OK);
        assert_int_equal(wrote, sizeof(lines));
        sp_outlet_close(&outlet);
    }
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, 2 * sizeof(lines));
    assert_int_equal(about.st_mode & 07777, 0640);
    folder_remove(folder);
}

static void a_named_pipe_without_a_reader_is_opened_at_once(void **state) {
    char folder[64], path[96];
    struct sp_outlet outlet;
    (void)state;
    folder_make(folder);
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sp_outlet_open_file(path, &outlet), SP_OK);
    fill(&outlet);
    sp_outlet_close(&outlet);
    folder_remove(folder);
}

static void what_cannot_be_written_says_why(void **state) {
    int ends[2];
    size_t wrote = 77;
    struct sp_outlet outlet = {.fd = -1};
    (void)state;
    assert_int_equal(sp_outlet_open_file("/nonexistent/log", &outlet), SP_ERR_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(outlet.fd, -1);
    assert_int_equal(pipe(ends), 0);
    outlet = open_as_stdout(ends[1]);
    close(ends[0]);
    assert_int_equal(sp_outlet_write(&outlet, lines, LINE_BYTES, &wrote), SP_ERR_IO);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(wrote, 77);
    sp_outlet_close(&outlet);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_takes_whole_lines_and_lets_the_writer_go),
        cmocka_unit_test(a_full_pipe_that_others_share_lets_the_writer_go_too),
        cmocka_unit_test(a_full_socket_lets_the_writer_go),
        cmocka_unit_test(a_file_takes_everything_and_is_appended_to),
        cmocka_unit_test(a_named_pipe_without_a_reader_is_opened_at_once),
        cmocka_unit_test(what_cannot_be_written_says_why),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    umask(022);
    return cmocka_run_group_tests(tests, make_lines, NULL);
}
