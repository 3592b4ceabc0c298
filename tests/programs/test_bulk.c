/* What asks at length does not keep single questions waiting: one worker, one thread for batches
 * and lists, and callers that ask as much as they may. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/authzen.h"
#include "support/programs.h"

enum {
    BATCHERS = 8,
    ITEMS = 1000,
    COUNT_MS = 1500,
};

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES], bob_key[PROGRAMS_KEY_BYTES];
static struct caller admin;

static void start_narrow_server(void) {
    const char *arguments[] = {"sallyportd", "--store", programs.store,   "--listen", "127.0.0.1:0",
                               "--workers",  "1",       "--bulk-workers", "1",        NULL};
    process_start(&programs.server, programs.folder, "server", arguments);
    snprintf(programs.server_target, sizeof(programs.server_target), "127.0.0.1:%d", process_port(&programs.server));
    programs_wait_for_health(programs.server_target, true);
    assert_true(caller_open(&programs.checker, programs.server_target, ""));
}

static int make_world(void **state) {
    (void)state;
    programs_make_store(&programs, NULL);
    programs_start_sync(&programs);
    start_narrow_server();
    programs_workspace(&programs, "acme", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "bob", bob_key);
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace':'acme','resource':{'type':'voice','id':'v1'}}");
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource':{'type':'voice','id':'v1'},'subject':{'principal':'bob'},'role':'ROLE_VIEWER'}");
    return 0;
}

static int end_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    return 0;
}

/* ---- batches ---- */

struct batcher {
    pthread_t thread;
    struct caller caller;
    char *request;
    int fd; /* of AuthZEN's requests */
    size_t batches;
    char trouble[1024];
};

static atomic_bool over;

/* The texts of single quotes stand for double ones. */
static char *make_batch_request(size_t items) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fprintf(out, "{'apiKey':'%s','items':[", bob_key);
    for (size_t i = 0; i < items; i++)
        fprintf(out, "%s{'resource':{'type':'voice','id':'%s'},'action':'use'}", i > 0 ? "," : "",
                i % 2 == 0 ? "v1" : "none");
    fprintf(out, "]}");
    assert_int_equal(fclose(out), 0);
    return text;
}

static void *ask_batches(void *user) {
    struct batcher *batcher = user;
    while (!atomic_load(&over) && batcher->trouble[0] == '\0') {
        if (caller_call(&batcher->caller, "Authorization/CheckBatch", batcher->request) != SP_OK)
            snprintf(batcher->trouble, sizeof(batcher->trouble), "%s", batcher->caller.error.message);
        else
            batcher->batches++;
    }
    return NULL;
}

static size_t count_single_questions(void) {
    size_t count = 0;
    for (int64_t until_ms = sp_clock_monotonic_ms() + COUNT_MS; sp_clock_monotonic_ms() < until_ms; count++)
        assert_string_equal(check_reason(&programs.checker, bob_key, "voice", "v1", "use"), "ALLOWED");
    return count;
}

static void single_questions_go_on_beside_large_batches(void **state) {
    (void)state;
    static struct batcher batchers[BATCHERS];
    size_t batches = 0;
    size_t alone = count_single_questions();
    for (size_t i = 0; i < BATCHERS; i++) {
        assert_true(caller_open(&batchers[i].caller, programs.server_target, ""));
        batchers[i].request = make_batch_request(ITEMS);
        assert_int_equal(pthread_create(&batchers[i].thread, NULL, ask_batches, &batchers[i]), 0);
    }
    size_t beside = count_single_questions();
    atomic_store(&over, true);
    for (size_t i = 0; i < BATCHERS; i++) {
        pthread_join(batchers[i].thread, NULL);
        caller_close(&batchers[i].caller);
        free(batchers[i].request);
        assert_string_equal(batchers[i].trouble, "");
        batches += batchers[i].batches;
    }
    print_message("%zu alone, %zu beside %zu batches\n", alone, beside, batches);
    assert_true(batches > 0);
    /* If they waited for batches, fewer would be answered than batches, of which eight are always
     * there. */
    assert_true(beside > batches);
}

static void a_large_batch_is_answered_like_a_small_one(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 4, 5, 128, 129, 1000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *request = make_batch_request(sizes[i]);
        char path[64];
        caller_ok(&programs.checker, "Authorization/CheckBatch", "%s", request);
        free(request);
        assert_int_equal(json_array_size(caller_at(&programs.checker, "results")), sizes[i]);
        for (size_t j = 0; j < sizes[i]; j += 1 + sizes[i] / 7) {
            snprintf(path, sizeof(path), "results.%zu.reason", j);
            assert_string_equal(caller_text(&programs.checker, path), j % 2 == 0 ? "ALLOWED" : "RESOURCE_UNKNOWN");
        }
    }
}

static void explanations_are_answered_beside_batches(void **state) {
    (void)state;
    struct batcher batcher = {.request = make_batch_request(ITEMS)};
    atomic_store(&over, false);
    assert_true(caller_open(&batcher.caller, programs.server_target, ""));
    assert_int_equal(pthread_create(&batcher.thread, NULL, ask_batches, &batcher), 0);
    for (int i = 0; i < 20; i++) {
        caller_ok(&programs.checker, "Authorization/Explain",
                  "{'check':{'apiKey':'%s','resource':{'type':'voice','id':'v1'},'action':'use'}}", bob_key);
        assert_string_equal(caller_text(&programs.checker, "answer.reason"), "ALLOWED");
    }
    atomic_store(&over, true);
    pthread_join(batcher.thread, NULL);
    caller_close(&batcher.caller);
    free(batcher.request);
    assert_string_equal(batcher.trouble, "");
}

/* ---- AuthZEN ---- */

static int authzen;

/* A request to /access/v1/evaluations; about the same thing over and over, or with all defaults. */
static char *make_evaluations_request(size_t items) {
    char *body = NULL, *text = NULL;
    size_t size = 0, text_size = 0;
    FILE *out = open_memstream(&body, &size);
    assert_non_null(out);
    fprintf(out,
            "{\"subject\":{\"type\":\"api_key\",\"id\":\"%s\"},\"action\":{\"name\":\"use\"},\"resource\":{\"type\":"
            "\"voice\",\"id\":\"v1\"},\"evaluations\":[",
            bob_key);
    for (size_t i = 0; i < items; i++)
        fprintf(out, "%s{\"resource\":{\"type\":\"voice\",\"id\":\"%s\"}}", i > 0 ? "," : "",
                i % 2 == 0 ? "v1" : "none");
    fprintf(out, "]}");
    assert_int_equal(fclose(out), 0);
    out = open_memstream(&text, &text_size);
    assert_non_null(out);
    fprintf(out,
            "POST /access/v1/evaluations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            size, body);
    assert_int_equal(fclose(out), 0);
    free(body);
    return text;
}

/* Reads one reply. False unless it is a good one. No assertions: other threads call it. */
static bool read_good_reply(int fd) {
    static const char length[] = "Content-Length: ";
    char head[1024] = "", rest[16384];
    size_t size = 0;
    while (strstr(head, "\r\n\r\n") == NULL) {
        ssize_t got = size + 1 < sizeof(head) ? recv(fd, head + size, 1, 0) : 0;
        if (got != 1)
            return false;
        head[++size] = '\0';
    }
    const char *at = strstr(head, length);
    unsigned long left = at == NULL ? 0 : strtoul(at + sizeof(length) - 1, NULL, 10);
    while (left > 0) {
        ssize_t got = recv(fd, rest, left < sizeof(rest) ? left : sizeof(rest), 0);
        if (got <= 0)
            return false;
        left -= (unsigned long)got;
    }
    return strncmp(head, "HTTP/1.1 200 ", 13) == 0;
}

static void *ask_evaluations(void *user) {
    struct batcher *batcher = user;
    size_t size = strlen(batcher->request);
    while (!atomic_load(&over) && batcher->trouble[0] == '\0') {
        if (send(batcher->fd, batcher->request, size, MSG_NOSIGNAL) != (ssize_t)size || !read_good_reply(batcher->fd))
            snprintf(batcher->trouble, sizeof(batcher->trouble), "no good reply");
        else
            batcher->batches++;
    }
    close(batcher->fd);
    return NULL;
}

static size_t count_single_evaluations(void) {
    char *request = make_evaluations_request(0);
    size_t count = 0;
    int fd = http_connect(authzen);
    for (int64_t until_ms = sp_clock_monotonic_ms() + COUNT_MS; sp_clock_monotonic_ms() < until_ms; count++) {
        http_ask(fd, request);
        assert_true(read_good_reply(fd));
    }
    close(fd);
    free(request);
    return count;
}

static void single_evaluations_go_on_beside_large_ones(void **state) {
    (void)state;
    static struct batcher batchers[BATCHERS];
    size_t batches = 0;
    authzen = authzen_port(&programs.server);
    size_t alone = count_single_evaluations();
    atomic_store(&over, false);
    for (size_t i = 0; i < BATCHERS; i++) {
        batchers[i].request = make_evaluations_request(ITEMS);
        batchers[i].fd = http_connect(authzen);
        assert_int_equal(pthread_create(&batchers[i].thread, NULL, ask_evaluations, &batchers[i]), 0);
    }
    size_t beside = count_single_evaluations();
    atomic_store(&over, true);
    for (size_t i = 0; i < BATCHERS; i++) {
        pthread_join(batchers[i].thread, NULL);
        free(batchers[i].request);
        assert_string_equal(batchers[i].trouble, "");
        batches += batchers[i].batches;
    }
    print_message("%zu alone, %zu beside %zu batches\n", alone, beside, batches);
    assert_true(batches > 0);
    assert_true(beside > batches);
}

static void evaluations_are_answered_in_order_however_many(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 4, 5, 128, 129, 1000};
    authzen = authzen_port(&programs.server);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct authzen_reply reply;
        char *request = make_evaluations_request(sizes[i]);
        authzen_post(authzen,
                     &(struct authzen_request){.path = "/access/v1/evaluations",
                                               .body = strstr(request, "\r\n\r\n") + 4,
                                               .headers = "X-Request-ID: r1\r\n"},
                     &reply);
        free(request);
        assert_int_equal(reply.http.status, 200);
        assert_string_equal(http_reply_header(&reply.http, "X-Request-ID"), "r1");
        const json_t *evaluations = json_object_get(reply.json, "evaluations");
        assert_int_equal(json_array_size(evaluations), sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(json_is_true(json_object_get(json_array_get(evaluations, j), "decision")), j % 2 == 0);
        authzen_reply_fini(&reply);
    }
}

/* Whatever it is, a large body is not parsed where single questions wait. */
static void mistakes_in_large_bodies_are_answered_too(void **state) {
    (void)state;
    char *body = NULL;
    size_t size = 0;
    struct authzen_reply reply;
    FILE *out = open_memstream(&body, &size);
    assert_non_null(out);
    fprintf(out, "{\"evaluations\": [%100000s", "");
    assert_int_equal(fclose(out), 0);
    authzen = authzen_port(&programs.server);
    authzen_post(authzen, &(struct authzen_request){.path = "/access/v1/evaluations", .body = body}, &reply);
    assert_int_equal(reply.http.status, 400);
    assert_non_null(strstr(reply.http.body, "not a JSON object"));
    authzen_reply_fini(&reply);
    free(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_batch_is_answered_like_a_small_one),
        cmocka_unit_test(single_questions_go_on_beside_large_batches),
        cmocka_unit_test(explanations_are_answered_beside_batches),
        cmocka_unit_test(single_evaluations_go_on_beside_large_ones),
        cmocka_unit_test(evaluations_are_answered_in_order_however_many),
        cmocka_unit_test(mistakes_in_large_bodies_are_answered_too),
    };
    return cmocka_run_group_tests(tests, make_world, end_world) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
