/* Threads that share one log of lines, read and unread. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "observe/line_log.h"
#include "observe/ring_log.h"
#include "support/process.h"

enum { THREADS = 4, LINES = 5000 };

struct scene {
    char folder[64];
    char path[96];
    struct sp_line_log *log;
};

static void begin(struct scene *scene) {
    folder_make(scene->folder);
    snprintf(scene->path, sizeof(scene->path), "%s/log", scene->folder);
}

static void open_log(struct scene *scene) {
    struct sp_error error = {0};
    if (sp_line_log_open(scene->path, 2, &scene->log, &error) != SP_OK)
        fail_msg("%s", error.message);
}

struct writer {
    struct sp_line_log *log;
    unsigned number;
};

static void *write_lines(void *user) {
    const struct writer *writer = user;
    char line[64];
    for (unsigned i = 0; i < LINES; i++) {
        int size = snprintf(line, sizeof(line), "%u %u\n", writer->number, i);
        sp_line_log_put(writer->log, 0, line, (size_t)size);
    }
    return NULL;
}

static void run_writers(struct sp_line_log *log) {
    struct writer writers[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){log, i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &writers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void every_thread_s_lines_come_whole_and_in_order(void **state) {
    struct scene scene;
    unsigned next[THREADS] = {0};
    (void)state;
    begin(&scene);
    open_log(&scene);
    run_writers(scene.log);
    uint64_t dropped = sp_line_log_dropped(scene.log);
    sp_line_log_close(scene.log);
    char *text = process_read(scene.path);
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; lines++) {
        char *end;
        unsigned long thread = strtoul(at, &end, 10);
        unsigned long number = strtoul(end, &end, 10);
        assert_true(thread < THREADS && number >= next[thread] && number < LINES);
        next[thread] = (unsigned)number + 1;
        assert_int_equal(*end, '\n');
        at = end + 1;
    }
    assert_int_equal(lines + dropped, THREADS * LINES);
    assert_true(lines > 0);
    free(text);
    folder_remove(scene.folder);
}

static void nobody_waits_for_a_pipe_that_is_not_read(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    open_log(&scene);
    for (int i = 0; i < 10; i++)
        run_writers(scene.log);
    assert_true(sp_line_log_dropped(scene.log) > 0);
    assert_true(sp_line_log_dropped(scene.log) + sp_line_log_written(scene.log) <= 10 * THREADS * LINES);
    sp_line_log_close(scene.log);
    folder_remove(scene.folder);
}

static void a_part_that_is_full_leaves_the_others_room(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    open_log(&scene);
    for (int i = 0; i < 1000000 && sp_line_log_dropped(scene.log) == 0; i++)
        sp_line_log_put(scene.log, 0, "flood\n", 6);
    uint64_t dropped = sp_line_log_dropped(scene.log);
    assert_true(dropped > 0);
    for (int i = 0; i < 1000; i++)
        sp_line_log_put(scene.log, 1, "other\n", 6);
    assert_int_equal(sp_line_log_dropped(scene.log), dropped);
    sp_line_log_close(scene.log);
    folder_remove(scene.folder);
}

static void a_line_is_written_at_once(void **state) {
    struct scene scene;
    (void)state;
    begin(&scene);
    open_log(&scene);
    sp_line_log_put(scene.log, 0, "one\n", 4);
    for (int i = 0; i < 6000 && sp_line_log_written(scene.log) == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    char *text = process_read(scene.path);
    assert_string_equal(text, "one\n");
    free(text);
    sp_line_log_close(scene.log);
    folder_remove(scene.folder);
}

static void the_longest_line_fits_and_a_longer_one_is_counted(void **state) {
    struct scene scene;
    char line[SP_RING_LOG_LINE_BYTES + 1];
    (void)state;
    begin(&scene);
    open_log(&scene);
    memset(line, 'x', sizeof(line));
    line[SP_RING_LOG_LINE_BYTES - 1] = '\n';
    sp_line_log_put(scene.log, 0, line, SP_RING_LOG_LINE_BYTES);
    sp_line_log_put(scene.log, 0, line, SP_RING_LOG_LINE_BYTES + 1);
    assert_int_equal(sp_line_log_dropped(scene.log), 1);
    sp_line_log_close(scene.log);
    char *text = process_read(scene.path);
    assert_int_equal(strlen(text), SP_RING_LOG_LINE_BYTES);
    assert_memory_equal(text, line, SP_RING_LOG_LINE_BYTES);
    free(text);
    folder_remove(scene.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_s_lines_come_whole_and_in_order),
        cmocka_unit_test(nobody_waits_for_a_pipe_that_is_not_read),
        cmocka_unit_test(a_part_that_is_full_leaves_the_others_room),
        cmocka_unit_test(a_line_is_written_at_once),
        cmocka_unit_test(the_longest_line_fits_and_a_longer_one_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
