/* The record of last uses: merging, reports that come twice or not at all, watermarks, a crash,
 * damage. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/usage/reports.h"
#include "store/usage/usage.h"
#include "support/process.h"
#include "support/store_world.h"

enum { NOW = 1700000000 };

struct scene {
    char folder[64];
    struct sp_usage_store *store;
};

static void reopen(struct scene *scene, int64_t now_s) {
    struct sp_error error = {0};
    sp_usage_store_close(scene->store);
    scene->store = NULL;
    if (sp_usage_store_open(scene->folder, now_s, &scene->store, &error) != SP_OK)
        fail_msg("%s", error.message);
}

static int set_up(void **state) {
    static struct scene scene;
    scene = (struct scene){0};
    folder_make(scene.folder);
    reopen(&scene, NOW);
    *state = &scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    sp_usage_store_close(scene->store);
    folder_remove(scene->folder);
    return 0;
}

static struct sp_usage_batch *begin(struct scene *scene) {
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    assert_int_equal(sp_usage_batch_begin(scene->store, &batch, &error), SP_OK);
    return batch;
}

static void commit(struct sp_usage_batch *batch) {
    struct sp_error error = {0};
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
}

static struct sp_key_use used(int64_t at_s, uint8_t ip) {
    return (struct sp_key_use){.accepted = {at_s, true, {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, ip}}}};
}

static void merge(struct scene *scene, const char *workspace, const char *key_id, const struct sp_key_use *use) {
    struct sp_usage_batch *batch = begin(scene);
    assert_int_equal(sp_usage_batch_merge(batch, sp_str_from(workspace), sp_str_from(key_id), use), SP_OK);
    commit(batch);
}

static struct sp_key_use look(struct scene *scene, const char *workspace, const char *key_id) {
    struct sp_usage_view *view = NULL;
    struct sp_key_use use;
    assert_int_equal(sp_usage_view_begin(scene->store, &view), SP_OK);
    assert_int_equal(sp_usage_view_key(view, sp_str_from(workspace), sp_str_from(key_id), &use), SP_OK);
    sp_usage_view_end(view);
    return use;
}

/* ---- keys ---- */

static void keeps_the_latest_use_of_each_key_across_restarts(void **state) {
    struct scene *scene = *state;
    struct sp_key_use late = used(NOW + 50, 2);
    struct sp_key_use early = used(NOW + 40, 1);
    struct sp_key_use refused = {.rejected = {NOW + 60, false, {{0}}}, .reason = SP_REASON_KEY_EXPIRED};
    merge(scene, "acme", "k1", &late);
    merge(scene, "acme", "k1", &early);
    merge(scene, "acme", "k1", &refused);
    merge(scene, "acme", "k2", &early);
    reopen(scene, NOW + 100);
    assert_int_equal(sp_usage_store_since(scene->store), NOW);
    struct sp_key_use use = look(scene, "acme", "k1");
    assert_int_equal(use.accepted.at_s, NOW + 50);
    assert_true(use.accepted.has_ip);
    assert_memory_equal(&use.accepted.ip, &late.accepted.ip, sizeof(use.accepted.ip));
    assert_int_equal(use.rejected.at_s, NOW + 60);
    assert_false(use.rejected.has_ip);
    assert_int_equal(use.reason, SP_REASON_KEY_EXPIRED);
    assert_int_equal(look(scene, "acme", "k2").accepted.at_s, NOW + 40);
    /* Neither another key nor another workspace's of the same name. */
    assert_int_equal(look(scene, "acme", "k3").accepted.at_s, 0);
    assert_int_equal(look(scene, "other", "k1").accepted.at_s, 0);
}

static void refuses_ids_that_no_key_has(void **state) {
    struct scene *scene = *state;
    char longer[66];
    struct sp_key_use use = used(NOW, 1);
    memset(longer, 'x', sizeof(longer));
    const struct sp_str fine = {longer, 64};
    const struct sp_str wrong[] = {{longer, 65}, {longer, 0}, {"a\0b", 3}};
    struct sp_usage_batch *batch = begin(scene);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sp_usage_batch_merge(batch, wrong[i], fine, &use), SP_ERR_INVALID);
        assert_int_equal(sp_usage_batch_merge(batch, fine, wrong[i], &use), SP_ERR_INVALID);
    }
    assert_int_equal(sp_usage_batch_merge(batch, fine, fine, &use), SP_OK);
    commit(batch);
}

static enum sp_status gone_if_odd(void *context, struct sp_str workspace, struct sp_str key_id, bool *ret_gone) {
    size_t *looked_at = context;
    (*looked_at)++;
    assert_true(sp_str_equal(workspace, SP_STR_LITERAL("acme")));
    *ret_gone = (key_id.data[key_id.size - 1] - '0') % 2 == 1;
    return SP_OK;
}

static void forgets_deleted_keys_piece_by_piece(void **state) {
    enum { KEYS = 1000, PIECE = 33 };
    struct scene *scene = *state;
    struct sp_key_use use = used(NOW, 1);
    uint8_t place[SP_USAGE_PLACE_BYTES] = {0};
    char id[16];
    struct sp_usage_batch *batch = begin(scene);
    for (int i = 0; i < KEYS; i++) {
        snprintf(id, sizeof(id), "k%d", i);
        assert_int_equal(sp_usage_batch_merge(batch, SP_STR_LITERAL("acme"), sp_str_from(id), &use), SP_OK);
    }
    commit(batch);
    size_t looked_at = 0;
    bool end = false;
    while (!end) {
        size_t before = looked_at;
        batch = begin(scene);
        assert_int_equal(sp_usage_batch_tidy(batch, place, PIECE, gone_if_odd, &looked_at, &end), SP_OK);
        assert_true(looked_at - before <= PIECE);
        commit(batch);
    }
    assert_int_equal(looked_at, KEYS);
    for (int i = 0; i < KEYS; i++) {
        snprintf(id, sizeof(id), "k%d", i);
        assert_int_equal(look(scene, "acme", id).accepted.at_s, i % 2 == 1 ? 0 : NOW);
    }
    /* And begins at the front again. */
    batch = begin(scene);
    assert_int_equal(sp_usage_batch_tidy(batch, place, PIECE, gone_if_odd, &looked_at, &end), SP_OK);
    assert_int_equal(looked_at, KEYS + PIECE);
    commit(batch);
}

/* ---- sources ---- */

enum event_kind { REPORT, GOODBYE, RETIRE, FORGET };

struct event {
    enum event_kind kind;
    const char *id;
    uint64_t instance, sequence;
    int64_t now, until, lost; /* behind NOW; 0: none */
    bool again;               /* expected */
};

/* What is known after some events; times behind NOW. */
static const struct scenario {
    const char *says;
    struct event events[6];
    size_t servers;
    int64_t until, lost; /* -1: none */
} scenarios[] = {
    {"a server that reports is known until its watermark", {{REPORT, "a", 1, 1, 10, 9, 0, false}}, 1, 9, -1},
    {"the watermark moves on with each report",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {REPORT, "a", 1, 2, 20, 19, 0, false}},
     1,
     19,
     -1},
    {"part of a collection leaves it where it is",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {REPORT, "a", 1, 2, 20, 0, 0, false}},
     1,
     9,
     -1},
    {"a report that comes twice counts once",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {REPORT, "a", 1, 1, 20, 19, 0, true}},
     1,
     9,
     -1},
    {"an old one that comes late is not looked at",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {REPORT, "a", 1, 2, 20, 19, 0, false}, {REPORT, "a", 1, 1, 30, 9, 0, true}},
     1,
     19,
     -1},
    {"the slowest of several decides",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "b", 1, 1, 20, 18, 0, false},
      {REPORT, "c", 1, 1, 30, 25, 0, false}},
     3,
     9,
     -1},
    {"a number that is left out shows a loss",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {REPORT, "a", 1, 3, 30, 29, 0, false}},
     1,
     29,
     30},
    {"a first report that is not the first shows a loss", {{REPORT, "a", 1, 7, 10, 9, 0, false}}, 1, 9, 10},
    {"what the server itself lost is believed and stays",
     {{REPORT, "a", 1, 1, 10, 9, 8, false}, {REPORT, "a", 1, 2, 20, 19, 0, false}},
     1,
     19,
     8},
    {"a process that takes the name over ends the other, whose last uses are lost",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {REPORT, "a", 2, 1, 50, 49, 0, false}},
     1,
     49,
     50},
    {"after a goodbye nothing is lost",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {GOODBYE, "a", 1, 2, 20, 19, 0, false},
      {REPORT, "a", 2, 1, 50, 49, 0, false}},
     1,
     49,
     -1},
    {"a goodbye that comes twice counts once",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {GOODBYE, "a", 1, 2, 20, 19, 0, false},
      {GOODBYE, "a", 1, 2, 30, 19, 0, true}},
     0,
     -1,
     -1},
    {"what a server lost before its goodbye is not forgotten",
     {{REPORT, "a", 1, 1, 10, 9, 0, false}, {GOODBYE, "a", 1, 2, 20, 19, 15, false}},
     0,
     -1,
     15},
    {"two that live under one name lose all the time",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "a", 2, 1, 20, 19, 0, false},
      {REPORT, "a", 1, 2, 30, 29, 0, false},
      {REPORT, "a", 2, 2, 40, 39, 0, false}},
     1,
     39,
     40},
    {"a third that takes over leaves one trace of the losses",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "a", 2, 1, 20, 19, 0, false},
      {REPORT, "a", 3, 1, 30, 29, 0, false}},
     1,
     29,
     30},
    {"a name does not end one that begins like it",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "ab", 2, 1, 20, 19, 0, false},
      {REPORT, "a-", 3, 1, 30, 29, 0, false}},
     3,
     9,
     -1},
    {"one that is retired is not waited for",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "b", 1, 1, 200, 199, 0, false},
      {RETIRE, "a", 0, 0, 200, 0, 0, false}},
     1,
     199,
     -1},
    {"so is what it lost",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "a", 2, 1, 50, 49, 0, false},
      {RETIRE, "a", 0, 0, 55, 0, 0, false}},
     1,
     49,
     -1},
    {"one that was retired and lives is known again, with a loss",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {RETIRE, "a", 0, 0, 200, 0, 0, false},
      {REPORT, "a", 1, 2, 210, 209, 0, false}},
     1,
     209,
     210},
    {"old losses are forgotten in time",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "a", 2, 1, 50, 49, 0, false},
      {FORGET, "", 0, 0, 0, 51, 51, false}},
     1,
     49,
     -1},
    {"not before",
     {{REPORT, "a", 1, 1, 10, 9, 0, false},
      {REPORT, "a", 2, 1, 50, 49, 0, false},
      {FORGET, "", 0, 0, 0, 51, 50, false}},
     1,
     49,
     50},
};

enum { SILENT_AFTER = 100 };

static void play(struct scene *scene, const struct event *event) {
    struct sp_usage_batch *batch = begin(scene);
    size_t count = 0;
    bool again = false;
    const struct sp_usage_report report = {
        .id = sp_str_from(event->id),
        .instance = event->instance,
        .sequence = event->sequence,
        .until_s = event->until == 0 ? 0 : NOW + event->until,
        .lost_until_s = event->lost == 0 ? 0 : NOW + event->lost,
        .goodbye = event->kind == GOODBYE,
    };
    switch (event->kind) {
    case REPORT:
    case GOODBYE:
        assert_int_equal(sp_usage_batch_report(batch, &report, NOW + event->now, &again), SP_OK);
        assert_int_equal(again, event->again);
        break;
    case RETIRE:
        assert_int_equal(sp_usage_batch_retire(batch, report.id, NOW + event->now - SILENT_AFTER, &count), SP_OK);
        assert_true(count > 0);
        break;
    case FORGET:
        assert_int_equal(sp_usage_batch_forget_ended(batch, report.lost_until_s, report.until_s), SP_OK);
        break;
    }
    commit(batch);
}

static enum sp_status add_source(void *context, const struct sp_usage_source *source) {
    sp_usage_coverage_add(context, source);
    return SP_OK;
}

static struct sp_usage_coverage coverage_of(struct scene *scene) {
    struct sp_usage_coverage coverage;
    struct sp_usage_view *view = NULL;
    sp_usage_coverage_begin(&coverage);
    assert_int_equal(sp_usage_view_begin(scene->store, &view), SP_OK);
    assert_int_equal(sp_usage_view_sources(view, NULL, add_source, &coverage), SP_OK);
    sp_usage_view_end(view);
    return coverage;
}

static void reports_move_watermarks_as_the_table_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
        const struct scenario *scenario = &scenarios[i];
        void *scene = NULL;
        print_message("%s\n", scenario->says);
        set_up(&scene);
        for (size_t e = 0; e < 6 && scenario->events[e].id != NULL; e++)
            play(scene, &scenario->events[e]);
        struct sp_usage_coverage coverage = coverage_of(scene);
        assert_int_equal(coverage.servers, scenario->servers);
        if (scenario->until >= 0)
            assert_int_equal(coverage.until_s, NOW + scenario->until);
        assert_int_equal(coverage.lost_until_s, scenario->lost < 0 ? 0 : NOW + scenario->lost);
        tear_down(&scene);
    }
}

static void says_how_many_it_retires_and_what_it_knows_of_each(void **state) {
    struct scene *scene = *state;
    size_t count = 9;
    play(scene, &(struct event){REPORT, "a", 1, 1, 10, 9, 0, false});
    struct sp_usage_batch *batch = begin(scene);
    assert_int_equal(sp_usage_batch_retire(batch, SP_STR_LITERAL("b"), NOW, &count), SP_OK);
    assert_int_equal(count, 0);
    sp_usage_batch_abort(batch);
    struct sp_usage_coverage coverage = coverage_of(scene);
    assert_string_equal(coverage.behind, "a");
}

/* ---- a crash ---- */

/* Writes and dies before it commits. */
static void write_and_die(const char *folder) {
    struct sp_usage_store *store = NULL;
    struct sp_usage_batch *batch = NULL;
    struct sp_error error = {0};
    struct sp_key_use use = used(NOW + 90, 9);
    bool again;
    const struct sp_usage_report report = {
        .id = SP_STR_LITERAL("a"), .instance = 1, .sequence = 2, .until_s = NOW + 90};
    if (sp_usage_store_open(folder, NOW, &store, &error) == SP_OK &&
        sp_usage_batch_begin(store, &batch, &error) == SP_OK &&
        sp_usage_batch_report(batch, &report, NOW + 90, &again) == SP_OK &&
        sp_usage_batch_merge(batch, SP_STR_LITERAL("acme"), SP_STR_LITERAL("k1"), &use) == SP_OK)
        kill(getpid(), SIGKILL);
    _exit(1);
}

static void a_crash_leaves_what_was_committed_and_the_report_can_come_again(void **state) {
    struct scene *scene = *state;
    struct sp_key_use use = used(NOW + 10, 1);
    play(scene, &(struct event){REPORT, "a", 1, 1, 10, 9, 0, false});
    merge(scene, "acme", "k1", &use);
    sp_usage_store_close(scene->store);
    scene->store = NULL;
    pid_t child = fork();
    if (child == 0)
        write_and_die(scene->folder);
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
    reopen(scene, NOW + 100);
    assert_int_equal(look(scene, "acme", "k1").accepted.at_s, NOW + 10);
    assert_int_equal(coverage_of(scene).until_s, NOW + 9);
    play(scene, &(struct event){REPORT, "a", 1, 2, 95, 90, 0, false});
    assert_int_equal(coverage_of(scene).lost_until_s, 0);
}

/* ---- damage, and another format ---- */

/* Every place where the bytes stand in the data file gets other ones. */
static void change_file(struct scene *scene, const void *bytes, size_t size, size_t at, uint8_t bits) {
    char path[96];
    snprintf(path, sizeof(path), "%s/usage/data.mdb", scene->folder);
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    static uint8_t content[1 << 20];
    size_t length = fread(content, 1, sizeof(content), file);
    size_t found = 0;
    for (size_t i = 0; i + size <= length; i++) {
        if (memcmp(content + i, bytes, size) != 0)
            continue;
        uint8_t changed = content[i + at] ^ bits;
        assert_int_equal(fseek(file, (long)(i + at), SEEK_SET), 0);
        assert_int_equal(fwrite(&changed, 1, 1, file), 1);
        found++;
    }
    assert_true(found > 0);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_record_is_an_error_and_never_a_time(void **state) {
    struct scene *scene = *state;
    struct sp_usage_view *view = NULL;
    struct sp_key_use use = used(NOW + 10, 77);
    struct sp_key_use found = {0};
    merge(scene, "acme", "k1", &use);
    sp_usage_store_close(scene->store);
    scene->store = NULL;
    change_file(scene, use.accepted.ip.bytes, sizeof(use.accepted.ip.bytes), 15, 1);
    reopen(scene, NOW);
    assert_int_equal(sp_usage_view_begin(scene->store, &view), SP_OK);
    assert_int_equal(sp_usage_view_key(view, SP_STR_LITERAL("acme"), SP_STR_LITERAL("k1"), &found), SP_ERR_CORRUPT);
    sp_usage_view_end(view);
    /* What is told next counts. */
    merge(scene, "acme", "k1", &use);
    assert_int_equal(look(scene, "acme", "k1").accepted.at_s, NOW + 10);
}

static void another_format_is_refused_with_what_to_do(void **state) {
    struct scene *scene = *state;
    struct sp_error error = {0};
    sp_usage_store_close(scene->store);
    scene->store = NULL;
    const uint8_t format[] = {'f', 'o', 'r', 'm', 'a', 't', 0, 0, 0, SP_USAGE_FORMAT};
    change_file(scene, format, sizeof(format), sizeof(format) - 1, 2);
    assert_int_equal(sp_usage_store_open(scene->folder, NOW, &scene->store, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "move the store's sub-folder"));
    assert_null(scene->store);
}

static void a_folder_that_is_not_there_is_an_error(void **state) {
    struct scene *scene = *state;
    struct sp_usage_store *store = NULL;
    struct sp_error error = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/nothing/here", scene->folder);
    assert_int_equal(sp_usage_store_open(path, NOW, &store, &error), SP_ERR_IO);
    assert_non_null(strstr(error.message, "cannot make the folder"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_latest_use_of_each_key_across_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_ids_that_no_key_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_deleted_keys_piece_by_piece, set_up, tear_down),
        cmocka_unit_test(reports_move_watermarks_as_the_table_says),
        cmocka_unit_test_setup_teardown(says_how_many_it_retires_and_what_it_knows_of_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_leaves_what_was_committed_and_the_report_can_come_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_record_is_an_error_and_never_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_format_is_refused_with_what_to_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
