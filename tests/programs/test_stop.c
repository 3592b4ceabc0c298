/* How both programs stop: what is answered in the quiet time, what streams are told, and that
 * nothing holds it up for ever. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/lifecycle.h"
#include "store/lmdb/store.h"
#include "store/records/write.h"
#include "support/http_client.h"
#include "support/programs.h"

enum { LATE_MS = 20 * 1000 /* what nothing here takes, even on a busy machine */ };

static struct programs programs;
static int http_port;

static void set_times(const char *quiet_ms, const char *drain_ms) {
    setenv("SALLYPORTD_QUIET_MS", quiet_ms, 1);
    setenv("SALLYPORT_SYNC_QUIET_MS", quiet_ms, 1);
    setenv("SALLYPORTD_DRAIN_MS", drain_ms, 1);
    setenv("SALLYPORT_SYNC_DRAIN_MS", drain_ms, 1);
}

static int make_store(void **state) {
    (void)state;
    memset(&programs, 0, sizeof(programs));
    sp_rpc_global_init();
    set_times("0", "5000");
    setenv("SALLYPORTD_HTTP_LISTEN", "127.0.0.1:0", 1);
    setenv("SALLYPORT_SYNC_HTTP_LISTEN", "none", 1);
    programs_make_store(&programs, NULL);
    return 0;
}

static int remove_store(void **state) {
    (void)state;
    if (programs.operator_caller.client != NULL)
        caller_close(&programs.operator_caller);
    if (programs.checker.client != NULL)
        caller_close(&programs.checker);
    folder_remove(programs.folder);
    sp_rpc_global_fini();
    return 0;
}

static void start_both(void) {
    programs_start_sync(&programs);
    programs_start_server(&programs);
    http_port = process_port_of(&programs.server, "listening for HTTP on ");
}

static bool is_not_serving(struct caller *caller) {
    return caller_call(caller, "grpc.health.v1.Health/Check", "{}") == SP_OK &&
           strcmp(caller_text(caller, "status"), "NOT_SERVING") == 0;
}

static void await_not_serving(const char *target, int64_t by_ms) {
    struct caller caller;
    assert_true(caller_open(&caller, target, ""));
    while (!is_not_serving(&caller))
        assert_true(sp_clock_monotonic_ms() < by_ms);
    caller_close(&caller);
}

/* ---- the quiet time ---- */

/* A call on the connection that was there, and one on a new one. */
static void assert_all_is_answered(const char *target, struct caller *old, const char *key, const char *method,
                                   const char *request) {
    struct caller new;
    assert_int_equal(caller_call(old, method, request), SP_OK);
    assert_true(caller_open(&new, target, key));
    assert_int_equal(caller_call(&new, method, request), SP_OK);
    caller_close(&new);
}

static void assert_http_says_leave(void) {
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    char reply[1024] = "";
    int fd = http_connect(http_port);
    http_send(fd, request, sizeof(request) - 1);
    size_t size = 0;
    for (ssize_t got = 1; got > 0 && size<sizeof(reply) - 1; size += got> 0 ? (size_t)got : 0)
        got = read(fd, reply + size, sizeof(reply) - 1 - size);
    close(fd);
    assert_int_equal(strncmp(reply, "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
}

static void everything_is_answered_in_the_quiet_time_but_health_says_not_serving(void **state) {
    enum { QUIET_MS = 8000, SOME_MS = 2000 };
    static const char question[] = "{'apiKey':'sp_nothing','resource':{'type':'voice','id':'x'},'action':'use'}";
    (void)state;
    set_times("8000", "5000");
    start_both();
    int64_t begin_ms = sp_clock_monotonic_ms();
    assert_int_equal(kill(programs.server.pid, SIGTERM), 0);
    assert_int_equal(kill(programs.sync.pid, SIGTERM), 0);
    await_not_serving(programs.server_target, begin_ms + QUIET_MS / 2);
    await_not_serving(programs.sync_target, begin_ms + QUIET_MS / 2);
    assert_http_says_leave();
    while (sp_clock_monotonic_ms() < begin_ms + SOME_MS) {
        assert_all_is_answered(programs.server_target, &programs.checker, "", "Authorization/Check", question);
        assert_all_is_answered(programs.sync_target, &programs.operator_caller, programs.operator_key, "Admin/WhoAmI",
                               "{}");
    }
    assert_int_equal(caller_call(&programs.operator_caller, "Admin/CreateWorkspace",
                                 "{'id':'late','name':'L','seats':3,'adminId':'late-admin'}"),
                     SP_OK);
    assert_int_equal(process_wait(&programs.server), 0);
    assert_int_equal(process_wait(&programs.sync), 0);
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, QUIET_MS, LATE_MS);
}

static void a_second_signal_ends_the_quiet_time(void **state) {
    (void)state;
    set_times("60000", "5000");
    start_both();
    int64_t begin_ms = sp_clock_monotonic_ms();
    assert_int_equal(kill(programs.server.pid, SIGTERM), 0);
    process_wait_for(&programs.server, "stopping:");
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
    assert_int_equal(process_end(&programs.server, SIGTERM), 128 + SIGTERM);
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, 0, LATE_MS);
    set_times("0", "5000");
    assert_int_equal(kill(programs.sync.pid, SIGTERM), 0);
    process_wait_for(&programs.sync, "stopping:");
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
    assert_int_equal(process_end(&programs.sync, SIGINT), 128 + SIGINT);
}

/* ---- streams ---- */

static void assert_told_to_reconnect(struct caller *caller, struct sp_rpc_stream *stream) {
    struct sp_bytes reply;
    enum sp_status status;
    do
        status = sp_rpc_stream_receive(stream, &caller->arena, &reply, &caller->error);
    while (status == SP_OK);
    assert_int_equal(status, SP_ERR_UNAVAILABLE);
    assert_non_null(strstr(caller->error.message, "reconnect"));
    sp_rpc_stream_close(stream);
}

static struct sp_rpc_stream *open_stream(struct caller *caller, const char *path, const char *method,
                                         const char *request) {
    struct sp_rpc_stream *stream;
    struct sp_bytes packed;
    assert_int_equal(sp_rpc_stream_open(caller->client, path, &stream, &caller->error), SP_OK);
    assert_true(caller_pack(caller, method, request, &packed));
    assert_int_equal(sp_rpc_stream_send(stream, packed, &caller->error), SP_OK);
    return stream;
}

static struct sp_rpc_stream *open_questions(void) {
    struct sp_bytes reply;
    struct sp_rpc_stream *stream =
        open_stream(&programs.checker, "/sallyport.v1.Authorization/CheckStream", "Authorization/CheckStream",
                    "{'correlationId':'1','batch':{'apiKey':'sp_nothing','items':[{'resource':{'type':'voice','id':'x'}"
                    ",'action':'use'}]}}");
    assert_int_equal(sp_rpc_stream_receive(stream, &programs.checker.arena, &reply, &programs.checker.error), SP_OK);
    return stream;
}

static struct sp_rpc_stream *open_watch(void) {
    struct sp_bytes reply;
    struct caller *caller = &programs.operator_caller;
    struct sp_rpc_stream *stream =
        open_stream(caller, "/sallyport.v1.Admin/WatchChanges", "Admin/WatchChanges", "{'fromOldest':true}");
    assert_int_equal(sp_rpc_stream_receive(stream, &caller->arena, &reply, &caller->error), SP_OK);
    return stream;
}

static void streams_of_both_programs_are_told_to_reconnect(void **state) {
    (void)state;
    start_both();
    struct sp_rpc_stream *questions = open_questions(), *watch = open_watch();
    assert_int_equal(process_end(&programs.server, SIGTERM), 0);
    assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
    assert_told_to_reconnect(&programs.checker, questions);
    assert_told_to_reconnect(&programs.operator_caller, watch);
    setenv("SALLYPORTD_MAX_STREAM_AGE", "1", 1);
    setenv("SALLYPORT_SYNC_MAX_STREAM_AGE", "1", 1);
    start_both();
    questions = open_questions(), watch = open_watch();
    assert_told_to_reconnect(&programs.checker, questions);
    assert_told_to_reconnect(&programs.operator_caller, watch);
    unsetenv("SALLYPORTD_MAX_STREAM_AGE");
    unsetenv("SALLYPORT_SYNC_MAX_STREAM_AGE");
    assert_int_equal(process_end(&programs.server, SIGTERM), 0);
    assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
}

static void await_change(struct process *follower, const char *text) {
    int64_t by_ms = sp_clock_monotonic_ms() + 2 * LATE_MS;
    for (bool found = false; !found;) {
        char *said = process_read(follower->out);
        found = strstr(said, text) != NULL;
        if (!found && sp_clock_monotonic_ms() > by_ms)
            fail_msg("\"%s\" is not in %s; %s", text, said, process_read(follower->err));
        free(said);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
    }
}

static void following_changes_goes_on_over_ages_and_restarts_and_shows_each_once(void **state) {
    enum { CHANGES = 12 };
    const char *arguments[] = {"sallyport", "changes", "--follow", NULL};
    char key_file[128];
    struct process follower;
    (void)state;
    setenv("SALLYPORT_SYNC_MAX_STREAM_AGE", "1", 1);
    programs_start_sync(&programs);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", programs.folder);
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", key_file, 1);
    process_start(&follower, programs.folder, "follow", arguments);
    for (int i = 0; i < CHANGES; i++) {
        operator_ok(&programs, "Admin/CreateWorkspace", "{'id':'w%d','name':'W','seats':3,'adminId':'admin%d'}", i, i);
        nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000}, NULL);
        if (i != CHANGES / 2)
            continue;
        /* On the same port. */
        int port = process_port(&programs.sync);
        assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
        char listen[32];
        snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
        const char *again[] = {"sallyport-sync", "serve", "--store", programs.store, "--listen", listen, NULL};
        process_start(&programs.sync, programs.folder, "sync", again);
        programs_wait_for_health(programs.sync_target, true);
        /* A connection that was lost fails calls until its next attempt. */
        caller_close(&programs.operator_caller);
        assert_true(caller_open(&programs.operator_caller, programs.sync_target, programs.operator_key));
    }
    await_change(&follower, "CreateWorkspace  workspace w11");
    assert_int_equal(process_end(&follower, SIGINT), 128 + SIGINT);
    char *said = process_read(follower.out);
    for (int i = 0; i < CHANGES; i++) {
        char text[48];
        snprintf(text, sizeof(text), "CreateWorkspace  workspace w%d,", i);
        char *first = strstr(said, text);
        if (first == NULL || strstr(first + 1, text) != NULL)
            fail_msg("\"%s\" is not there once: %s", text, said);
    }
    free(said);
    unsetenv("SALLYPORT_SYNC_MAX_STREAM_AGE");
    assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
}

/* ---- what holds it up ---- */

static void *end_soon(void *user) {
    nanosleep(&(struct timespec){.tv_nsec = 500 * 1000000}, NULL);
    kill(programs.sync.pid, SIGTERM);
    return user;
}

/* The write lock is held here for as long as the program lives, as a disk that hangs would. */
static void a_writer_that_hangs_holds_up_neither_the_answer_nor_the_end(void **state) {
    enum { DRAIN_MS = 1000 };
    const struct sp_store_options options = {.mode = SP_STORE_WRITE};
    struct sp_error error = {0};
    struct sp_store *store;
    struct sp_write *write;
    struct caller caller;
    pthread_t killer;
    (void)state;
    set_times("0", "1000");
    programs_start_sync(&programs);
    assert_true(caller_open_limited(&caller, programs.sync_target, programs.operator_key, 3 * LATE_MS));
    assert_int_equal(sp_store_open(programs.store, &options, &store, &error), SP_OK);
    assert_int_equal(sp_write_begin(store, &write, &error), SP_OK);
    int64_t begin_ms = sp_clock_monotonic_ms();
    assert_int_equal(pthread_create(&killer, NULL, end_soon, NULL), 0);
    assert_int_equal(caller_call(&caller, "Admin/CreateWorkspace", "{'id':'w','name':'W','seats':3,'adminId':'a'}"),
                     SP_ERR_UNAVAILABLE);
    assert_non_null(strstr(caller.error.message, "may have taken effect"));
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, DRAIN_MS, LATE_MS);
    pthread_join(killer, NULL);
    assert_int_equal(process_wait(&programs.sync), EXIT_FAILURE);
    assert_in_range(sp_clock_monotonic_ms() - begin_ms, DRAIN_MS + SP_DAEMON_OVERTIME_MS,
                    DRAIN_MS + SP_DAEMON_OVERTIME_MS + LATE_MS);
    char *said = process_read(programs.sync.err);
    assert_non_null(strstr(said, "shutdown took longer than"));
    free(said);
    sp_write_abort(write);
    sp_store_close(store);
    caller_close(&caller);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_store, remove_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(everything_is_answered_in_the_quiet_time_but_health_says_not_serving),
        TEST(a_second_signal_ends_the_quiet_time),
        TEST(streams_of_both_programs_are_told_to_reconnect),
        TEST(following_changes_goes_on_over_ages_and_restarts_and_shows_each_once),
        TEST(a_writer_that_hangs_holds_up_neither_the_answer_nor_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
