/* Policy in files with etcd as the source of truth: sallyport apply at one pod, and what the others
 * answer by; runs that meet, runs that end early, and an etcd that goes away. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/pods.h"

enum { PODS = 2, GROUPS = 900 };

struct fixture {
    struct origin origin;
    struct pod pods[PODS];
};

static const struct command_setting plain;
static char admin_key[PROGRAMS_KEY_BYTES];

static const char *path_in_origin(const struct fixture *fixture, const char *name) {
    static char paths[4][160];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", fixture->origin.folder, name);
    return path;
}

static int begin_pods(void **state) {
    static struct fixture fixture;
    static const char *const names[PODS] = {"a", "b"};
    /* The writer's time counts, of which sanitizers take many times as much. */
    setenv("SALLYPORT_SYNC_CHANGE_RATE", "0", 1);
    origin_make(&fixture.origin);
    for (size_t i = 0; i < PODS; i++) {
        pod_make(&fixture.pods[i], &fixture.origin, names[i], NULL);
        pod_start(&fixture.pods[i], &fixture.origin);
    }
    *state = &fixture;
    return 0;
}

static int end_pods(void **state) {
    struct fixture *fixture = *state;
    command_forget();
    for (size_t i = 0; i < PODS; i++)
        pod_end(&fixture->pods[i], SIGTERM);
    origin_end(&fixture->origin);
    return 0;
}

/* A new workspace, whose ADMIN's key acts from now on, known to both pods. */
static void act_in_workspace(struct fixture *fixture, const char *id) {
    caller_ok(&fixture->pods[0].admin, "Admin/CreateWorkspace",
              "{'id': '%s', 'name': '%s', 'seats': 1000, 'adminId': 'boss', 'quotas': {'groups': 5000}}", id, id);
    snprintf(admin_key, sizeof(admin_key), "%s", caller_text(&fixture->pods[0].admin, "secret"));
    const char *path = path_in_origin(fixture, "boss.key");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(admin_key, file) >= 0);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fclose(file), 0);
    setenv("SALLYPORT_KEY_FILE", path, 1);
    pod_await(&fixture->pods[1], &fixture->pods[0]);
}

/* Many groups, each with the name and one member. */
static const char *write_groups(const struct fixture *fixture, const char *name) {
    const char *path = path_in_origin(fixture, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "users: {boss: {name: Boss, role: admin}, ann: {}}\ngroups:\n");
    for (int i = 0; i < GROUPS; i++)
        fprintf(file, "  group-%d: {name: %s, members: [ann]}\n", i, name);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const struct command *run_at(const struct pod *pod, int status, const char *words, const char *path) {
    const struct command *ran = command_run(&plain, "sallyport --admin %s %s %s", pod->sync_target, words, path);
    if (ran->status != status)
        fail_msg("%s %s: ended with %d: %s%s", words, path, ran->status, ran->out, ran->err);
    return ran;
}

static char *export_at(const struct pod *pod) {
    char *text = strdup(run_at(pod, 0, "export", "")->out);
    assert_non_null(text);
    return text;
}

static void verify_both(struct fixture *fixture) {
    pod_await(&fixture->pods[1], &fixture->pods[0]);
    pod_await(&fixture->pods[0], &fixture->pods[1]);
    for (size_t i = 0; i < PODS; i++)
        pod_verify(&fixture->pods[i]);
}

static void assert_said(const char *text, const char *words) {
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
}

/* ---- all is well ---- */

static void what_is_applied_at_one_pod_is_exported_at_the_other(void **state) {
    struct fixture *fixture = *state;
    act_in_workspace(fixture, "seen");
    const char *one = write_groups(fixture, "One");
    assert_said(run_at(&fixture->pods[0], 0, "apply --prune -f", one)->err, "Applied at revision ");
    pod_await(&fixture->pods[1], &fixture->pods[0]);
    assert_said(run_at(&fixture->pods[1], 0, "apply --prune -f", one)->err, "Nothing to change at revision ");
    char *here = export_at(&fixture->pods[0]), *there = export_at(&fixture->pods[1]);
    assert_said(here, "  group-899:\n    name: One\n    members:\n      - ann\n");
    assert_string_equal(here, there);
    free(here);
    free(there);
    verify_both(fixture);
}

/* ---- runs that meet, and runs that end early ---- */

static void of_runs_at_two_pods_each_is_made_wholly_or_not_at_all(void **state) {
    struct fixture *fixture = *state;
    act_in_workspace(fixture, "raced");
    char *texts[PODS];
    static const char *const names[PODS] = {"One", "Two"};
    for (size_t i = 0; i < PODS; i++) {
        run_at(&fixture->pods[0], 0, "apply -f", write_groups(fixture, names[i]));
        texts[i] = export_at(&fixture->pods[0]);
    }
    const char *three = write_groups(fixture, "Three");
    for (int round = 0; round < 4; round++) {
        struct process runs[PODS];
        int statuses[PODS];
        run_at(&fixture->pods[0], 0, "apply -f", three);
        pod_await(&fixture->pods[1], &fixture->pods[0]);
        for (size_t i = 0; i < PODS; i++)
            process_start(&runs[i], fixture->origin.folder, names[i],
                          (const char *[]){"sallyport", "--admin", fixture->pods[i].sync_target, "apply", "-f",
                                           path_in_origin(fixture, names[i]), NULL});
        for (size_t i = 0; i < PODS; i++)
            statuses[i] = process_wait(&runs[i]);
        assert_true(statuses[0] == 0 || statuses[1] == 0);
        for (size_t i = 0; i < PODS; i++)
            if (statuses[i] != 0)
                process_assert_said(&runs[i], "ABORTED");
        verify_both(fixture);
        char *now = export_at(&fixture->pods[0]);
        if (strcmp(now, texts[0]) != 0)
            assert_string_equal(now, texts[1]);
        free(now);
    }
    for (size_t i = 0; i < PODS; i++)
        free(texts[i]);
}

static void a_killed_writer_leaves_the_old_or_the_new_state_everywhere(void **state) {
    struct fixture *fixture = *state;
    act_in_workspace(fixture, "killed");
    run_at(&fixture->pods[0], 0, "apply -f", write_groups(fixture, "One"));
    char *old = export_at(&fixture->pods[0]);
    const char *two = write_groups(fixture, "Two");
    run_at(&fixture->pods[0], 0, "apply -f", two);
    char *new = export_at(&fixture->pods[0]);
    for (int round = 0; round < 6; round++) {
        struct process run;
        run_at(&fixture->pods[0], 0, "apply -f", path_in_origin(fixture, "One"));
        pod_await(&fixture->pods[1], &fixture->pods[0]);
        process_start(&run, fixture->origin.folder, "apply",
                      (const char *[]){"sallyport", "--admin", fixture->pods[1].sync_target, "--timeout", "5s", "apply",
                                       "-f", path_in_origin(fixture, "Two"), NULL});
        nanosleep(&(struct timespec){.tv_nsec = 40 * 1000000L * round}, NULL);
        (void)process_end(&fixture->pods[1].sync, SIGKILL);
        pod_start_sync(&fixture->pods[1], &fixture->origin);
        (void)process_wait(&run);
        /* A change of its own: whatever etcd got before it is what all see after it. */
        caller_ok(&fixture->pods[0].admin, "Admin/CreateWorkspace", "{'id': 'barrier-%d', 'name': 'B', 'seats': 2}",
                  round);
        verify_both(fixture);
        char *here = export_at(&fixture->pods[0]), *there = export_at(&fixture->pods[1]);
        assert_string_equal(here, there);
        if (strcmp(here, old) != 0)
            assert_string_equal(here, new);
        free(here);
        free(there);
    }
    free(old);
    free(new);
}

/* ---- etcd ---- */

static void without_etcd_nothing_is_applied_and_afterwards_it_is(void **state) {
    struct fixture *fixture = *state;
    act_in_workspace(fixture, "cut");
    const char *one = write_groups(fixture, "One");
    char *before = export_at(&fixture->pods[0]);
    etcd_end(&fixture->origin.etcd, SIGKILL);
    assert_said(run_at(&fixture->pods[0], 2, "--timeout 5s apply -f", one)->err, "(UNAVAILABLE)");
    char *without = export_at(&fixture->pods[0]);
    assert_string_equal(without, before);
    etcd_start(&fixture->origin.etcd);
    int status = 2;
    for (int i = 0; i < 200 && status != 0; i++) {
        status = command_run(&plain, "sallyport --admin %s apply -f %s", fixture->pods[0].sync_target, one)->status;
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000L}, NULL);
    }
    assert_int_equal(status, 0);
    verify_both(fixture);
    free(before);
    free(without);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_applied_at_one_pod_is_exported_at_the_other),
        cmocka_unit_test(of_runs_at_two_pods_each_is_made_wholly_or_not_at_all),
        cmocka_unit_test(a_killed_writer_leaves_the_old_or_the_new_state_everywhere),
        cmocka_unit_test(without_etcd_nothing_is_applied_and_afterwards_it_is),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, begin_pods, end_pods);
}
