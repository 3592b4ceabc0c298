/* Names of files that must survive a crash of the system: whoever makes one syncs its folder, and a
 * file is synced before it takes another's name. What the programs really do is written down by
 * tests/preload/record_names.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/programs.h"

enum { RECORD_BYTES = 256 * 1024, LINES_MAX = 4096, PATH_BYTES = 256 };

struct scene {
    char folder[64];
    char record[96];
    char preload[PATH_BYTES + 16]; /* of the environment of what is recorded */
    char text[RECORD_BYTES];
    struct {
        char *what, *path;
    } lines[LINES_MAX];
    size_t count;
};

static struct scene scene;

static int set_up(void **state) {
    char library[PATH_BYTES];
    (void)state;
    memset(&scene, 0, sizeof(scene));
    folder_make(scene.folder);
    snprintf(scene.record, sizeof(scene.record), "%s/record", scene.folder);
    snprintf(library, sizeof(library), "%s/tests/libsp_record_names.so", getenv("SP_BIN_DIR"));
    assert_int_equal(access(library, R_OK), 0);
    /* A sanitizer's own library need not be the first one. */
    assert_int_equal(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
    assert_int_equal(setenv("SP_RECORD_NAMES", scene.record, 1), 0);
    snprintf(scene.preload, sizeof(scene.preload), "LD_PRELOAD=%s", library);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    command_forget();
    (void)unsetenv("SALLYPORT_KEY_FILE");
    folder_remove(scene.folder);
    return 0;
}

/* ---- the record ---- */

static void read_record(void) {
    FILE *file = fopen(scene.record, "r");
    assert_non_null(file);
    size_t size = fread(scene.text, 1, sizeof(scene.text) - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(size, 1, sizeof(scene.text) - 2);
    scene.text[size] = '\0';
    scene.count = 0;
    for (char *at = scene.text; *at != '\0';) {
        char *end = strchr(at, '\n'), *blank = strchr(at, ' ');
        assert_true(end != NULL && blank != NULL && blank < end && scene.count < LINES_MAX);
        *end = *blank = '\0';
        scene.lines[scene.count].what = at;
        scene.lines[scene.count++].path = blank + 1;
        at = end + 1;
    }
}

static bool is_line(size_t i, const char *what, const char *path) {
    return strcmp(scene.lines[i].what, what) == 0 && strcmp(scene.lines[i].path, path) == 0;
}

/* Between two lines, the second left out. */
static bool was_synced(const char *path, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (is_line(i, "synced", path))
            return true;
    return false;
}

static bool was_removed(const char *path, size_t from) {
    for (size_t i = from; i < scene.count; i++)
        if (is_line(i, "removed", path) || is_line(i, "moved", path))
            return true;
    return false;
}

/* Locks mean nothing after a crash, and what is not there is made again: files of locks, what is
 * known of the last use of keys, and logs. */
static bool may_be_lost(const char *path) {
    static const char *const names[] = {"/lock.mdb", "/sync.lock", "/usage", "/usage/data.mdb", "/record"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t size = strlen(path), end = strlen(names[i]);
        if (size >= end && strcmp(path + size - end, names[i]) == 0)
            return true;
    }
    return strncmp(path, scene.folder, strlen(scene.folder)) != 0; /* not of the test: /dev, /proc, logs */
}

/* Every name that was made and is still there; returns how many. */
static size_t assert_names_last(void) {
    size_t names = 0;
    read_record();
    for (size_t i = 0; i < scene.count; i++) {
        char parent[PATH_BYTES];
        const char *path = scene.lines[i].path;
        if (strcmp(scene.lines[i].what, "named") != 0 || may_be_lost(path) || was_removed(path, i + 1))
            continue;
        snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
        if (!was_synced(parent, i + 1, scene.count))
            fail_msg("%s: its folder was not synced afterwards", path);
        bool replaced =
            i > 0 && (strcmp(scene.lines[i - 1].what, "moved") == 0 || strcmp(scene.lines[i - 1].what, "linked") == 0);
        if (replaced && !was_synced(scene.lines[i - 1].path, 0, i - 1))
            fail_msg("%s: it was not synced before it got that name", path);
        names++;
    }
    return names;
}

static void assert_named(const char *name) {
    char path[PATH_BYTES];
    bool named = false;
    snprintf(path, sizeof(path), "%s/%s", scene.folder, name);
    for (size_t i = 0; i < scene.count; i++)
        named |= is_line(i, "named", path);
    if (!named)
        fail_msg("%s was not made", path);
}

/* ---- running ---- */

/* Whose key the commands act with. */
static void act_with(const char *key) {
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/acting.key", scene.folder);
    file_write(path, key);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(setenv("SALLYPORT_KEY_FILE", path, 1), 0);
}

static const struct command *run_recorded(const char *format, ...) SP_PRINTF(1, 2);
static const struct command *run_recorded(const char *format, ...) {
    char words[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(words, sizeof(words), format, values);
    va_end(values);
    (void)unlink(scene.record);
    const struct command *done = command_run(&(struct command_setting){.variable = scene.preload}, "%s", words);
    if (done->status != 0)
        fail_msg("%s: %s", words, done->err);
    return done;
}

static void a_new_store_and_its_operator_s_key_last(void **state) {
    (void)state;
    run_recorded("sallyport-sync init --store %s/store --key-file %s/key", scene.folder, scene.folder);
    assert_int_equal(assert_names_last(), 3);
    assert_named("store");
    assert_named("store/data.mdb");
    assert_named("key");
    run_recorded("sallyport-sync operator add second --store %s/store --key-file %s/key2", scene.folder, scene.folder);
    assert_int_equal(assert_names_last(), 1);
    assert_named("key2");
}

static void what_a_running_service_gives_out_lasts(void **state) {
    static struct programs programs;
    char key[PROGRAMS_KEY_BYTES];
    (void)state;
    programs_start(&programs, NULL);
    programs_workspace(&programs, "acme", key);
    act_with(key);
    run_recorded(
        "sallyport key create --principal acme-admin --name N --all-permissions --secret-file %s/new.key --admin %s",
        scene.folder, programs.sync_target);
    assert_int_equal(assert_names_last(), 1);
    assert_named("new.key");
    run_recorded("sallyport export --dir %s/policy --admin %s", scene.folder, programs.sync_target);
    assert_true(assert_names_last() > 2);
    assert_named("policy");
    act_with(programs.operator_key);
    run_recorded("sallyport backup %s/backup --admin %s", scene.folder, programs.sync_target);
    assert_int_equal(assert_names_last(), 1);
    assert_named("backup");
    run_recorded("sallyport-sync restore --store %s/restored --backup %s/backup --accept-revival", scene.folder,
                 scene.folder);
    assert_int_equal(assert_names_last(), 2);
    assert_named("restored");
    assert_named("restored/data.mdb");
    run_recorded("sallyport-sync restore --store %s/restored --backup %s/backup --accept-revival --replace",
                 scene.folder, scene.folder);
    assert_int_equal(assert_names_last(), 1);
    run_recorded("sallyport-sync grow --store %s/restored --map-size 128G", scene.folder);
    assert_int_equal(assert_names_last(), 0);
    programs_stop(&programs);
}

/* A backup that was killed as it got its name leaves the same file under both of them. */
static void what_an_interrupted_backup_left_is_not_written_to(void **state) {
    static struct programs programs;
    char path[PATH_BYTES], partial[PATH_BYTES];
    struct stat about;
    (void)state;
    programs_start(&programs, NULL);
    snprintf(path, sizeof(path), "%s/old", scene.folder);
    snprintf(partial, sizeof(partial), "%s/backup.partial", scene.folder);
    act_with(programs.operator_key);
    file_write(path, "the backup of yesterday");
    assert_int_equal(link(path, partial), 0);
    run_recorded("sallyport backup %s/backup --admin %s", scene.folder, programs.sync_target);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, strlen("the backup of yesterday"));
    assert_int_not_equal(access(partial, F_OK), 0);
    programs_stop(&programs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_and_its_operator_s_key_last),
        TEST(what_a_running_service_gives_out_lasts),
        TEST(what_an_interrupted_backup_left_is_not_written_to),
    };
    return cmocka_run_group_tests_name("durable_names", tests, NULL, NULL);
}
