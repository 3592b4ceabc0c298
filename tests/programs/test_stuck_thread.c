/* A thread of a real program is held by a debugger's means, and probes say so while it is. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/http_client.h"
#include "support/programs.h"

enum { SKIPPED = 77 };

static struct programs programs;

static void pause_a_little(void) {
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
}

static int status_of(struct process *process, const char *path) {
    struct http_reply reply;
    http_get(process_port_of(process, "listening for HTTP on "), path, &reply);
    int status = reply.status;
    http_reply_fini(&reply);
    return status;
}

static void wait_for_status(struct process *process, const char *path, int wanted) {
    for (int i = 0; i < 3000 && status_of(process, path) != wanted; i++)
        pause_a_little();
    assert_int_equal(status_of(process, path), wanted);
}

static void wait_for_health(const char *target, const char *service, const char *wanted) {
    struct caller caller;
    const char *status = "";
    char request[64];
    snprintf(request, sizeof(request), "{'service': '%s'}", service);
    assert_true(caller_open(&caller, target, ""));
    for (int i = 0; i < 3000 && strcmp(status, wanted) != 0; i++) {
        status = "no answer";
        if (caller_call(&caller, "grpc.health.v1.Health/Check", request) == SP_OK)
            status = caller_text(&caller, "status");
        pause_a_little();
    }
    assert_string_equal(status, wanted);
    caller_close(&caller);
}

/* The thread of that name. */
static pid_t find_thread(const struct process *process, const char *name) {
    char path[64];
    pid_t found = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char comm[400], text[32] = "";
        snprintf(comm, sizeof(comm), "%s/%s/comm", path, entry->d_name);
        FILE *file = fopen(comm, "re");
        if (file != NULL && fgets(text, sizeof(text), file) != NULL && strncmp(text, name, strlen(name)) == 0)
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        if (file != NULL)
            fclose(file);
    }
    closedir(folder);
    assert_int_not_equal(found, 0);
    return found;
}

static void hold_thread(pid_t thread) {
    int status = 0;
    assert_int_equal(ptrace(PTRACE_SEIZE, thread, NULL, NULL), 0);
    assert_int_equal(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
    assert_int_equal(waitpid(thread, &status, __WALL), thread);
    assert_true(WIFSTOPPED(status));
}

static void let_thread_go(pid_t thread) {
    assert_int_equal(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
}

static int start(void **state) {
    (void)state;
    setenv("SALLYPORTD_STUCK_AFTER", "1", 1);
    setenv("SALLYPORT_SYNC_STUCK_AFTER", "1", 1);
    setenv("SALLYPORTD_ALLOW_CORE", "true", 1);
    setenv("SALLYPORT_SYNC_ALLOW_CORE", "true", 1);
    programs_start(&programs, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    programs_stop(&programs);
    return 0;
}

static void assert_well(struct process *process, const char *target) {
    wait_for_status(process, "/healthz", 200);
    wait_for_status(process, "/readyz", 200);
    wait_for_health(target, "", "SERVING");
    wait_for_health(target, "liveness", "SERVING");
}

static void assert_noticed(struct process *process, const char *name) {
    char line[96];
    wait_for_status(process, "/healthz", 503);
    assert_int_equal(status_of(process, "/readyz"), 503);
    snprintf(line, sizeof(line), "thread \\\"%s\\\" has been stuck", name);
    process_wait_for(process, line);
}

static void a_writer_that_stands_still_fails_liveness_and_readiness(void **state) {
    (void)state;
    pid_t thread = find_thread(&programs.sync, "writer");
    assert_well(&programs.sync, programs.sync_target);
    hold_thread(thread);
    assert_noticed(&programs.sync, "writer");
    wait_for_health(programs.sync_target, "liveness", "NOT_SERVING");
    wait_for_health(programs.sync_target, "", "NOT_SERVING");
    assert_int_equal(status_of(&programs.server, "/healthz"), 200);
    let_thread_go(thread);
    assert_well(&programs.sync, programs.sync_target);
}

/* It is held wherever it is in gRPC, so only HTTP is sure to answer. */
static void a_worker_that_stands_still_fails_liveness_and_readiness(void **state) {
    struct {
        struct process *process;
        const char *target;
    } cases[] = {{&programs.server, programs.server_target}, {&programs.sync, programs.sync_target}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pid_t thread = find_thread(cases[i].process, "grpc worker 0");
        hold_thread(thread);
        assert_noticed(cases[i].process, "grpc worker 0");
        let_thread_go(thread);
        assert_well(cases[i].process, cases[i].target);
    }
}

static void an_http_thread_that_stands_still_fails_health_over_grpc(void **state) {
    (void)state;
    pid_t thread = find_thread(&programs.server, "http");
    hold_thread(thread);
    wait_for_health(programs.server_target, "liveness", "NOT_SERVING");
    process_wait_for(&programs.server, "thread \\\"http\\\" has been stuck");
    let_thread_go(thread);
    assert_well(&programs.server, programs.server_target);
}

/* Whether this user may hold another process's threads: containers and Yama can forbid it. */
static bool may_hold_threads(void) {
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    bool may = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
    kill(child, SIGKILL);
    waitpid(child, NULL, __WALL);
    return may;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_writer_that_stands_still_fails_liveness_and_readiness),
        cmocka_unit_test(a_worker_that_stands_still_fails_liveness_and_readiness),
        cmocka_unit_test(an_http_thread_that_stands_still_fails_health_over_grpc),
    };
    if (!may_hold_threads())
        return SKIPPED;
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, start, stop);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
