/* Threads that log into a real file or pipe, and what comes out of it. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "observe/ring_log.h"
#include "support/process.h"

enum { RINGS = 3, RING_BYTES = 16 * 1024 };

/* "ring number xxxx…" with as many x as the record is longer than its head. */
struct record {
    unsigned ring;
    unsigned number;
};

static void format(const void *bytes, size_t size, struct sp_text_out *out) {
    const struct record *record = bytes;
    const char *rest = (const char *)bytes + sizeof(*record);
    sp_text_printf(out, "%u %u ", record->ring, record->number);
    sp_text_put(out, (struct sp_str){rest, size - sizeof(*record)});
    sp_text_put(out, SP_STR_LITERAL("\n"));
}

struct scene {
    char folder[64];
    char path[96];
    struct sp_ring_log *log;
};

static void open_log(struct scene *scene) {
    struct sp_error error = {0};
    const struct sp_ring_log_options options = {
        .path = scene->path, .rings = RINGS, .ring_bytes = RING_BYTES, .format = format};
    if (sp_ring_log_open(&options, &scene->log, &error) != SP_OK)
        fail_msg("%s", error.message);
}

static void begin(struct scene *scene) {
    *scene = (struct scene){0};
    folder_make(scene->folder);
    snprintf(scene->path, sizeof(scene->path), "%s/log", scene->folder);
}

/* False when it was dropped. */
static bool put(struct sp_ring_log *log, unsigned ring, unsigned number, size_t more) {
    struct record *record = sp_ring_log_reserve(log, ring, sizeof(*record) + more + 100);
    if (record == NULL)
        return false;
    *record = (struct record){ring, number};
    memset(record + 1, 'x', more);
    sp_ring_log_commit(log, ring, sizeof(*record) + more);
    return true;
}

/* Each line is whole, and the numbers of each ring rise. Returns how many lines there are. */
static size_t check_lines(const char *text) {
    unsigned next[RINGS] = {0};
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; lines++) {
        char *end;
        unsigned long ring = strtoul(at, &end, 10);
        unsigned long number = strtoul(end, &end, 10);
        assert_true(ring < RINGS && number >= next[ring]);
        next[ring] = (unsigned)number + 1;
        end += 1 + strspn(end + 1, "x");
        assert_int_equal(*end, '\n');
        at = end + 1;
    }
    return lines;
}

static void wait_until_written(struct sp_ring_log *log, uint64_t lines) {
    for (int i = 0; i < 6000 && sp_ring_log_written(log) < lines; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_true(sp_ring_log_written(log) >= lines);
}

/* ---- */

enum { RECORDS = 50000 };

struct writer {
    struct sp_ring_log *log;
    unsigned ring, seed;
    size_t put;
};

static void *write_records(void *user) {
    struct writer *writer = user;
    for (unsigned i = 0; i < RECORDS; i++) {
        size_t more = (size_t)rand_r(&writer->seed) % 1500;
        writer->put += put(writer->log, writer->ring, i, more);
    }
    return NULL;
}

static void what_is_not_dropped_is_written_in_order_while_threads_write(void **state) {
    struct scene scene;
    struct writer writers[RINGS];
    pthread_t threads[RINGS];
    unsigned seed = (unsigned)time(NULL);
    size_t put_all = 0;
    (void)state;
    print_message("seed %u\n", seed);
    begin(&scene);
    open_log(&scene);
    for (unsigned i = 0; i < RINGS; i++) {
        writers[i] = (struct writer){.log = scene.log, .ring = i, .seed = seed + i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_records, &writers[i]), 0);
    }
    for (unsigned i = 0; i < RINGS; i++) {
        pthread_join(threads[i], NULL);
        put_all += writers[i].put;
    }
    assert_int_equal(sp_ring_log_dropped(scene.log), RINGS * RECORDS - put_all);
    wait_until_written(scene.log, put_all);
    sp_ring_log_close(scene.log);
    char *text = process_read(scene.path);
    assert_int_equal(check_lines(text), put_all);
    assert_true(put_all > 0);
    free(text);
    folder_remove(scene.folder);
}

static void what_was_put_is_written_before_it_closes(void **state) {
    struct scene scene;
    struct stat about;
    (void)state;
    begin(&scene);
    open_log(&scene);
    for (unsigned i = 0; i < 20; i++)
        assert_true(put(scene.log, i % RINGS, i, 10));
    sp_ring_log_close(scene.log);
    char *text = process_read(scene.path);
    assert_int_equal(check_lines(text), 20);
    free(text);
    assert_int_equal(stat(scene.path, &about), 0);
    assert_int_equal(about.st_mode & 07, 0);
    folder_remove(scene.folder);
}

/* Nobody reads the pipe: whoever logs goes on, and what found no room is counted. */
static void a_blocked_pipe_holds_nobody_up_and_is_counted(void **state) {
    struct scene scene;
    char text[4096];
    size_t tried = 0, lines = 0;
    ssize_t got;
    (void)state;
    begin(&scene);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    int reader = open(scene.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    open_log(&scene);
    while (sp_ring_log_dropped(scene.log) < 1000)
        put(scene.log, 0, (unsigned)tried++, 100);
    assert_true(tried > 1000);
    sp_ring_log_close(scene.log); /* ends although nobody reads */
    while ((got = read(reader, text, sizeof(text))) > 0)
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    assert_true(lines > 0 && lines < tried);
    close(reader);
    folder_remove(scene.folder);
}

static void a_pipe_that_is_read_again_gets_the_next_lines(void **state) {
    struct scene scene;
    char text[4096];
    (void)state;
    begin(&scene);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    int reader = open(scene.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    open_log(&scene);
    size_t taken = 0;
    for (unsigned i = 0; sp_ring_log_dropped(scene.log) < 10; i++)
        taken += put(scene.log, 0, i, 100);
    /* All that was taken comes, and more can be put then. */
    while (sp_ring_log_written(scene.log) < taken)
        (void)!read(reader, text, sizeof(text));
    while (!put(scene.log, 0, 1000000, 5))
        ;
    wait_until_written(scene.log, taken + 1);
    ssize_t got = 0, all = 0;
    while ((got = read(reader, text, sizeof(text) - 1)) > 0)
        all = got;
    text[all] = '\0';
    assert_non_null(strstr(text, "0 1000000 xxxxx\n"));
    sp_ring_log_close(scene.log);
    close(reader);
    folder_remove(scene.folder);
}

static void a_reader_that_is_gone_is_counted(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    int reader = open(scene.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    open_log(&scene);
    close(reader);
    assert_true(put(scene.log, 0, 1, 5));
    for (int i = 0; i < 6000 && sp_ring_log_dropped(scene.log) == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_int_equal(sp_ring_log_dropped(scene.log), 1);
    assert_int_equal(sp_ring_log_written(scene.log), 0);
    sp_ring_log_close(scene.log);
    folder_remove(scene.folder);
}

static void a_file_that_was_renamed_is_left_for_a_new_one(void **state) {
    struct scene scene;
    char old[128];
    (void)state;
    begin(&scene);
    snprintf(old, sizeof(old), "%s.1", scene.path);
    open_log(&scene);
    put(scene.log, 0, 1, 0);
    wait_until_written(scene.log, 1);
    assert_int_equal(rename(scene.path, old), 0);
    put(scene.log, 0, 2, 0); /* still to the old one */
    wait_until_written(scene.log, 2);
    sp_ring_log_reopen(scene.log);
    for (int i = 0; i < 6000 && access(scene.path, F_OK) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    put(scene.log, 0, 3, 0);
    sp_ring_log_close(scene.log);
    char *before = process_read(old), *after = process_read(scene.path);
    assert_string_equal(before, "0 1 \n0 2 \n");
    assert_string_equal(after, "0 3 \n");
    free(before);
    free(after);
    folder_remove(scene.folder);
}

static void a_file_that_cannot_be_made_is_said_at_once(void **state) {
    struct sp_ring_log *log = NULL;
    struct sp_error error = {0};
    const struct sp_ring_log_options options = {
        .path = "/nonexistent/log", .rings = 1, .ring_bytes = RING_BYTES, .format = format};
    (void)state;
    assert_int_equal(sp_ring_log_open(&options, &log, &error), SP_ERR_IO);
    assert_non_null(strstr(error.message, "/nonexistent/log"));
}

static void a_record_that_is_too_large_is_dropped(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    open_log(&scene);
    assert_null(sp_ring_log_reserve(scene.log, 0, SP_RING_LOG_RECORD_BYTES + 1));
    assert_non_null(sp_ring_log_reserve(scene.log, 0, SP_RING_LOG_RECORD_BYTES));
    assert_int_equal(sp_ring_log_dropped(scene.log), 1);
    sp_ring_log_close(scene.log);
    folder_remove(scene.folder);
}

/* As a volume that fills up in the middle of a line. */
static void set_file_limit(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void wait_until_dropped(struct sp_ring_log *log, uint64_t lines) {
    for (int i = 0; i < 6000 && sp_ring_log_dropped(log) < lines; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_true(sp_ring_log_dropped(log) >= lines);
}

static void a_line_that_was_cut_is_completed_before_the_next(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    open_log(&scene);
    set_file_limit(250);
    put(scene.log, 0, 1, 100);
    wait_until_written(scene.log, 1);
    put(scene.log, 0, 2, 300); /* of which 146 bytes fit */
    wait_until_written(scene.log, 2);
    put(scene.log, 0, 3, 10);
    wait_until_dropped(scene.log, 1);
    set_file_limit(RLIM_INFINITY);
    put(scene.log, 0, 4, 10);
    wait_until_written(scene.log, 3);
    sp_ring_log_close(scene.log);
    char *text = process_read(scene.path);
    assert_int_equal(check_lines(text), 3);
    free(text);
    folder_remove(scene.folder);
}

static void a_line_that_was_cut_is_completed_in_the_old_file(void **state) {
    struct scene scene;
    char old[128];
    (void)state;
    begin(&scene);
    snprintf(old, sizeof(old), "%s.1", scene.path);
    open_log(&scene);
    set_file_limit(50);
    put(scene.log, 0, 1, 100);
    wait_until_written(scene.log, 1);
    assert_int_equal(rename(scene.path, old), 0);
    set_file_limit(RLIM_INFINITY);
    sp_ring_log_reopen(scene.log);
    for (int i = 0; i < 6000 && access(scene.path, F_OK) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    put(scene.log, 0, 2, 0);
    sp_ring_log_close(scene.log);
    char *before = process_read(old), *after = process_read(scene.path);
    assert_int_equal(check_lines(before), 1);
    assert_string_equal(after, "0 2 \n");
    free(before);
    free(after);
    folder_remove(scene.folder);
}

static void a_line_that_an_earlier_process_left_torn_is_ended(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    FILE *file = fopen(scene.path, "we");
    assert_non_null(file);
    assert_true(fputs("0 1 \n0 2 x", file) >= 0);
    assert_int_equal(fclose(file), 0);
    for (unsigned i = 3; i < 5; i++) {
        open_log(&scene);
        put(scene.log, 0, i, 0);
        sp_ring_log_close(scene.log);
    }
    char *text = process_read(scene.path);
    assert_string_equal(text, "0 1 \n0 2 x\n0 3 \n0 4 \n");
    free(text);
    folder_remove(scene.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_dropped_is_written_in_order_while_threads_write),
        cmocka_unit_test(what_was_put_is_written_before_it_closes),
        cmocka_unit_test(a_blocked_pipe_holds_nobody_up_and_is_counted),
        cmocka_unit_test(a_pipe_that_is_read_again_gets_the_next_lines),
        cmocka_unit_test(a_reader_that_is_gone_is_counted),
        cmocka_unit_test(a_file_that_was_renamed_is_left_for_a_new_one),
        cmocka_unit_test(a_file_that_cannot_be_made_is_said_at_once),
        cmocka_unit_test(a_record_that_is_too_large_is_dropped),
        cmocka_unit_test(a_line_that_was_cut_is_completed_before_the_next),
        cmocka_unit_test(a_line_that_was_cut_is_completed_in_the_old_file),
        cmocka_unit_test(a_line_that_an_earlier_process_left_torn_is_ended),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
