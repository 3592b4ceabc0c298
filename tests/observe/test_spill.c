/* A log whose rings lie in a file: what nobody read outlives the process. Real files and pipes, and
 * processes that are killed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "observe/ring_log.h"
#include "observe/spill.h"
#include "support/process.h"

enum { SPILL_BYTES = 512 * 1024, LINES_MAX = 40000 };

struct scene {
    char folder[64];
    char out[128], spill[128];
};

static void copy_line(const void *record, size_t size, struct sp_text_out *out) {
    sp_text_put(out, (struct sp_str){record, size});
}

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    folder_make(scene->folder);
    snprintf(scene->out, sizeof(scene->out), "%s/out", scene->folder);
    snprintf(scene->spill, sizeof(scene->spill), "%s/spill", scene->folder);
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    folder_remove(scene->folder);
    test_free(scene);
    return 0;
}

static struct sp_ring_log *open_log(const struct scene *scene, unsigned rings, uint64_t bytes) {
    const struct sp_ring_log_options options = {
        .path = scene->out, .rings = rings, .spill = scene->spill, .spill_bytes = bytes, .format = copy_line};
    struct sp_ring_log *log = NULL;
    struct sp_error error = {0};
    if (sp_ring_log_open(&options, &log, &error) != SP_OK)
        fail_msg("%s", error.message);
    return log;
}

/* "line 7\n" into a ring; false: dropped. */
static bool put_line(struct sp_ring_log *log, unsigned ring, unsigned number) {
    char line[64];
    size_t size = (size_t)snprintf(line, sizeof(line), "line %u\n", number);
    void *room = sp_ring_log_reserve(log, ring, size);
    if (room == NULL)
        return false;
    memcpy(room, line, size);
    sp_ring_log_commit(log, ring, size);
    return true;
}

/* How often each line is in the file; lines must be whole. */
static void count_lines(const char *path, unsigned counts[static LINES_MAX]) {
    char line[128];
    memset(counts, 0, LINES_MAX * sizeof(*counts));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned number;
        char end;
        if (strcmp(line, "\n") == 0)
            continue;
        if (sscanf(line, "line %u%c", &number, &end) != 2 || end != '\n' || number >= LINES_MAX)
            fail_msg("not a line: %s", line);
        counts[number]++;
    }
    assert_int_equal(fclose(file), 0);
}

static void wait_until_written(const struct sp_ring_log *log) {
    for (unsigned i = 0; i < 500 && sp_ring_log_waiting(log) > 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_int_equal(sp_ring_log_waiting(log), 0);
}

static void lines_are_written_and_leave_the_file(void **state) {
    const struct scene *scene = *state;
    static unsigned counts[LINES_MAX];
    struct sp_ring_log *log = open_log(scene, 2, SPILL_BYTES);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(put_line(log, i % 2, i));
    wait_until_written(log);
    assert_int_equal(sp_ring_log_written(log), 1000);
    sp_ring_log_close(log);
    count_lines(scene->out, counts);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(counts[i], 1);
    struct stat about;
    assert_int_equal(stat(scene->spill, &about), 0);
    assert_true(about.st_size <= SPILL_BYTES + 64 * 1024);
    assert_int_equal(about.st_mode & 07777, 0600);
}

enum { PIPE_BYTES = 65536 };

/* All that is in it; closes it. */
static void read_pipe(int reader, char ret_text[static PIPE_BYTES + 1]) {
    size_t used = 0;
    ssize_t size;
    while ((size = read(reader, ret_text + used, PIPE_BYTES - used)) > 0)
        used += (size_t)size;
    ret_text[used] = '\0';
    close(reader);
}

static bool has_line(const char *text, unsigned number) {
    char line[32];
    snprintf(line, sizeof(line), "line %u\n", number);
    const char *at = strstr(text, line);
    return at != NULL && (at == text || at[-1] == '\n');
}

/* What is put in before the kill is written by the next process, whoever read before. */
static void what_a_killed_process_left_is_written_by_the_next(void **state) {
    const struct scene *scene = *state;
    static unsigned counts[LINES_MAX];
    enum { LINES = 12000 };
    int done[2];
    assert_int_equal(mkfifo(scene->out, 0600), 0);
    int reader = open(scene->out, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* it reads nothing */
    assert_true(reader >= 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sp_ring_log *log = open_log(scene, 2, SPILL_BYTES);
        bool all = true;
        for (unsigned i = 0; i < LINES; i++)
            all = put_line(log, i % 2, i) && all;
        if (write(done[1], all ? "y" : "n", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char said = '?';
    assert_int_equal(read(done[0], &said, 1), 1);
    assert_int_equal(said, 'y');
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000}, NULL); /* the pipe fills */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    char piped[PIPE_BYTES + 1];
    read_pipe(reader, piped);
    assert_int_equal(unlink(scene->out), 0);
    struct sp_ring_log *log = open_log(scene, 2, SPILL_BYTES);
    assert_true(put_line(log, 0, LINES));
    wait_until_written(log);
    sp_ring_log_close(log);
    count_lines(scene->out, counts);
    for (unsigned i = 0; i <= LINES; i++)
        assert_true(counts[i] == 1 || (counts[i] == 0 && has_line(piped, i)));
    assert_int_equal(counts[LINES - 1], 1);
    close(done[0]);
    close(done[1]);
}

/* The writer never waits: what finds no room is counted, and what had room is written once somebody
 * reads. */
static void a_reader_that_stands_still_blocks_nothing_and_what_fits_is_kept(void **state) {
    const struct scene *scene = *state;
    static unsigned counts[LINES_MAX];
    static bool kept[LINES_MAX];
    assert_int_equal(mkfifo(scene->out, 0600), 0);
    int reader = open(scene->out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct sp_ring_log *log = open_log(scene, 1, 128 * 1024);
    unsigned dropped = 0;
    for (unsigned i = 0; i < LINES_MAX; i++) {
        kept[i] = put_line(log, 0, i);
        dropped += !kept[i];
    }
    assert_true(dropped > 0);
    assert_int_equal(sp_ring_log_dropped(log), dropped);
    sp_ring_log_close(log); /* nobody reads: it ends all the same */
    char piped[PIPE_BYTES + 1];
    read_pipe(reader, piped);
    assert_int_equal(unlink(scene->out), 0);
    log = open_log(scene, 1, 128 * 1024);
    wait_until_written(log);
    sp_ring_log_close(log);
    count_lines(scene->out, counts);
    for (unsigned i = 0; i < LINES_MAX; i++) {
        if (kept[i] && counts[i] == 0 && !has_line(piped, i))
            fail_msg("line %u is lost", i);
        assert_true(kept[i] || counts[i] == 0);
    }
}

static void what_cannot_be_written_stays_until_it_can(void **state) {
    struct scene *scene = *state;
    static unsigned counts[LINES_MAX];
    struct scene full = *scene;
    snprintf(full.out, sizeof(full.out), "/dev/full");
    struct sp_ring_log *log = open_log(&full, 3, SPILL_BYTES);
    for (unsigned i = 0; i < 500; i++)
        assert_true(put_line(log, i % 3, i));
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000}, NULL);
    assert_int_equal(sp_ring_log_written(log), 0);
    assert_int_equal(sp_ring_log_dropped(log), 0);
    assert_true(sp_ring_log_waiting(log) > 0);
    sp_ring_log_close(log);
    log = open_log(scene, 3, SPILL_BYTES);
    wait_until_written(log);
    sp_ring_log_close(log);
    count_lines(scene->out, counts);
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(counts[i], 1);
}

/* Another number of threads, or another size. */
static void lines_are_carried_over_to_another_shape(void **state) {
    static const struct {
        unsigned rings;
        uint64_t bytes;
    } shapes[] = {{1, SPILL_BYTES}, {7, 1024 * 1024}, {2, 4 * 1024 * 1024}, {3, SPILL_BYTES}};
    struct scene *scene = *state;
    struct scene full = *scene;
    static unsigned counts[LINES_MAX];
    snprintf(full.out, sizeof(full.out), "/dev/full");
    struct sp_ring_log *log = open_log(&full, 3, SPILL_BYTES);
    for (unsigned i = 0; i < 900; i++)
        assert_true(put_line(log, i % 3, i));
    sp_ring_log_close(log);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        log = open_log(&full, shapes[i].rings, shapes[i].bytes);
        assert_int_equal(sp_ring_log_dropped(log), 0);
        sp_ring_log_close(log);
    }
    log = open_log(scene, 5, SPILL_BYTES);
    wait_until_written(log);
    sp_ring_log_close(log);
    count_lines(scene->out, counts);
    for (unsigned i = 0; i < 900; i++)
        assert_int_equal(counts[i], 1);
}

static void what_does_not_fit_another_shape_is_counted(void **state) {
    struct scene *scene = *state;
    struct scene full = *scene;
    snprintf(full.out, sizeof(full.out), "/dev/full");
    struct sp_ring_log *log = open_log(&full, 1, SPILL_BYTES);
    unsigned kept = 0;
    while (put_line(log, 0, kept))
        kept++;
    sp_ring_log_close(log);
    log = open_log(scene, 1, 128 * 1024);
    uint64_t lost = sp_ring_log_dropped(log);
    wait_until_written(log);
    assert_true(lost > 0 && lost < kept);
    assert_int_equal(sp_ring_log_written(log), kept - lost);
    sp_ring_log_close(log);
}

/* ---- files that are not taken ---- */

static void expect_refused(const struct scene *scene, unsigned rings, uint64_t bytes, enum sp_status status,
                           const char *says) {
    const struct sp_ring_log_options options = {
        .path = scene->out, .rings = rings, .spill = scene->spill, .spill_bytes = bytes, .format = copy_line};
    struct sp_ring_log *log = NULL;
    struct sp_error error = {0};
    enum sp_status got = sp_ring_log_open(&options, &log, &error);
    if (got != status || strstr(error.message, says) == NULL)
        fail_msg("%d: %s", (int)got, error.message);
}

static void write_file(const char *path, const char *bytes, size_t size, mode_t mode) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void files_that_are_no_spill_of_this_process_are_refused(void **state) {
    const struct scene *scene = *state;
    char other[160];
    expect_refused(scene, 9, SPILL_BYTES, SP_ERR_INVALID, "at least 589824 bytes are needed for 9 threads");
    write_file(scene->spill, "something else that somebody keeps\n", 35, 0600);
    expect_refused(scene, 1, SPILL_BYTES, SP_ERR_PRECONDITION, "is not a spill file, or is damaged");
    assert_int_equal(chmod(scene->spill, 0666), 0);
    expect_refused(scene, 1, SPILL_BYTES, SP_ERR_PRECONDITION, "that nobody else can write");
    assert_int_equal(unlink(scene->spill), 0);
    snprintf(other, sizeof(other), "%s/other", scene->folder);
    write_file(other, "", 0, 0600);
    assert_int_equal(symlink(other, scene->spill), 0);
    expect_refused(scene, 1, SPILL_BYTES, SP_ERR_IO, "cannot open");
    assert_int_equal(unlink(scene->spill), 0);
    struct sp_ring_log *log = open_log(scene, 1, SPILL_BYTES);
    expect_refused(scene, 1, SPILL_BYTES, SP_ERR_PRECONDITION, "another process uses");
    sp_ring_log_close(log);
    struct scene nowhere = *scene;
    snprintf(nowhere.spill, sizeof(nowhere.spill), "/dev/null/nowhere");
    expect_refused(&nowhere, 1, SPILL_BYTES, SP_ERR_IO, "Not a directory");
}

/* After a loss of power anything can be in the file: what is no line is cut off, and never
 * written. */
static void damage_is_cut_off_and_counted(void **state) {
    static const struct {
        size_t at; /* in the file */
        uint8_t bytes[16];
    } damage[] = {
        {4096, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}}, /* the head */
        {4096, {0x08}},                                           /* not aligned */
        {4096 + 64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},  /* the tail, behind the head */
        {8192, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, /* a record's size */
        {8192, {0x05}},                                           /* a record that does not end in a line feed */
    };
    struct scene *scene = *state;
    struct scene full = *scene;
    static unsigned counts[LINES_MAX];
    snprintf(full.out, sizeof(full.out), "/dev/full");
    for (size_t i = 0; i < sizeof(damage) / sizeof(*damage); i++) {
        (void)unlink(scene->spill);
        (void)unlink(scene->out);
        struct sp_ring_log *log = open_log(&full, 1, SPILL_BYTES);
        for (unsigned line = 0; line < 100; line++)
            assert_true(put_line(log, 0, line));
        sp_ring_log_close(log);
        int fd = open(scene->spill, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, damage[i].bytes, 8, (off_t)damage[i].at), 8);
        close(fd);
        log = open_log(scene, 1, SPILL_BYTES);
        assert_true(sp_ring_log_dropped(log) > 0);
        assert_true(put_line(log, 0, 200));
        wait_until_written(log);
        sp_ring_log_close(log);
        count_lines(scene->out, counts);
        assert_int_equal(counts[200], 1);
    }
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(lines_are_written_and_leave_the_file),
        CASE(what_a_killed_process_left_is_written_by_the_next),
        CASE(a_reader_that_stands_still_blocks_nothing_and_what_fits_is_kept),
        CASE(what_cannot_be_written_stays_until_it_can),
        CASE(lines_are_carried_over_to_another_shape),
        CASE(what_does_not_fit_another_shape_is_counted),
        CASE(files_that_are_no_spill_of_this_process_are_refused),
        CASE(damage_is_cut_off_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
