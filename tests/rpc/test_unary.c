#include <arpa/inet.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

enum { CONCURRENT = 100 };

/* Calls that a handler kept. */
static struct {
    pthread_mutex_t lock;
    struct sp_rpc_call *calls[CONCURRENT];
    size_t count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct gate kept_count = GATE_INIT;
static struct gate handled = GATE_INIT;
static struct gate blocked = GATE_INIT;
static struct gate release = GATE_INIT;

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&handled, 1);
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static void refuse(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_NOT_FOUND, "no \"naïve\" thing — 100% gone");
}

static void refuse_at_length(struct sp_rpc_call *call, void *user) {
    static char message[4096];
    (void)user;
    memset(message, 'x', sizeof(message) - 1);
    memcpy(message + 1023, "é", 2); /* a character across the cut */
    sp_rpc_fail(call, SP_ERR_PRECONDITION, message);
}

/* Set when a test is over, however it ended: the server waits for the calls that a handler kept. */
static atomic_bool ending;

static void keep(struct sp_rpc_call *call, void *user) {
    (void)user;
    if (atomic_load(&ending)) {
        sp_rpc_reply(call, sp_rpc_call_request(call));
        return;
    }
    pthread_mutex_lock(&kept.lock);
    kept.calls[kept.count++] = call;
    pthread_mutex_unlock(&kept.lock);
    gate_add(&kept_count, 1);
}

/* Answers every kept call, from the thread that calls this. */
static void answer_kept(void) {
    pthread_mutex_lock(&kept.lock);
    for (size_t i = 0; i < kept.count; i++) {
        sp_rpc_reply(kept.calls[i], sp_rpc_call_request(kept.calls[i]));
    }
    kept.count = 0;
    pthread_mutex_unlock(&kept.lock);
    pthread_mutex_lock(&kept_count.lock);
    kept_count.count = 0;
    pthread_mutex_unlock(&kept_count.lock);
}

static void block(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&blocked, 1);
    gate_wait(&release, 1);
    sp_rpc_reply(call, bytes_of("unblocked"));
}

/* The request says how many retries it takes. */
static void retry(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&handled, 1);
    struct sp_bytes request = sp_rpc_call_request(call);
    if (sp_rpc_call_retries(call) < (unsigned)(request.data[0] - '0')) {
        sp_rpc_retry_after(call, 5);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t waited_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - sp_rpc_call_started_ms(call);
    const char *text = sp_arena_printf(sp_rpc_call_arena(call), "%u %s", sp_rpc_call_retries(call),
                                       waited_ms >= 5 * (request.data[0] - '0') ? "late enough" : "too early");
    sp_rpc_reply(call, bytes_of(text));
}

static void retry_for_ever(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&handled, 1);
    sp_rpc_retry_after(call, 1);
}

static void tell(struct sp_rpc_call *call, void *user) {
    size_t count;
    (void)user;
    struct sp_str value = sp_rpc_call_metadata(call, "authorization", &count);
    struct sp_str peer = sp_rpc_call_peer(call);
    int64_t left_ms = sp_rpc_call_remaining_ms(call);
    const char *text = sp_arena_printf(
        sp_rpc_call_arena(call), "%zu \"%.*s\" from %.*s, %s, worker %u", count, SP_STR_ARG(value), SP_STR_ARG(peer),
        left_ms > 0 && left_ms <= 11000 ? "in time" : "odd deadline", sp_rpc_call_worker(call));
    sp_rpc_reply(call, bytes_of(text));
}

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Echo", .unary = echo, .hot = true, .max_request_bytes = 256 * 1024},
    {.path = "/test.Test/Refuse", .unary = refuse},
    {.path = "/test.Test/RefuseAtLength", .unary = refuse_at_length},
    {.path = "/test.Test/Keep", .unary = keep},
    {.path = "/test.Test/Block", .unary = block},
    {.path = "/test.Test/Retry", .unary = retry},
    {.path = "/test.Test/RetryForEver", .unary = retry_for_ever},
    {.path = "/test.Test/Tell", .unary = tell},
};

static int set_up(void **state) {
    static struct rig rig;
    for (struct gate *const *gate = (struct gate *const[]){&handled, &blocked, &release, &kept_count, NULL};
         *gate != NULL; gate++) {
        (*gate)->count = 0;
    }
    rig_start(&rig, methods, COUNT(methods), 2);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    atomic_store(&ending, true);
    gate_add(&release, 1);
    answer_kept();
    rig_stop(*state);
    atomic_store(&ending, false);
    return 0;
}

static enum sp_status call(struct rig *rig, struct sp_rpc_client *client, const char *path, const char *request,
                           struct sp_bytes *ret_reply) {
    return sp_rpc_client_call(client, path, bytes_of(request), &rig->arena, ret_reply, &rig->error);
}

static void answers_an_echo(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(call(rig, client, "/test.Test/Echo", "hello", &reply), SP_OK);
        assert_bytes(reply, "hello");
    }
    assert_int_equal(call(rig, client, "/test.Test/Echo", "", &reply), SP_OK);
    assert_int_equal(reply.size, 0);
    sp_rpc_client_close(client);
}

static void answers_a_large_message_in_one_piece(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    size_t size = 200 * 1024;
    uint8_t *data = malloc(size);
    struct sp_bytes reply;
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    struct sp_bytes request = {data, size};
    assert_int_equal(sp_rpc_client_call(client, "/test.Test/Echo", request, &rig->arena, &reply, &rig->error), SP_OK);
    assert_int_equal(reply.size, size);
    assert_memory_equal(reply.data, data, size);
    free(data);
    sp_rpc_client_close(client);
}

static void refuses_a_message_over_the_limit_and_answers_the_next_call(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    size_t size = 300 * 1024;
    uint8_t *data = calloc(1, size);
    struct sp_bytes reply;
    assert_int_equal(
        sp_rpc_client_call(client, "/test.Test/Echo", (struct sp_bytes){data, size}, &rig->arena, &reply, &rig->error),
        SP_ERR_EXHAUSTED);
    assert_int_equal(call(rig, client, "/test.Test/Echo", "next", &reply), SP_OK);
    assert_bytes(reply, "next");
    assert_int_equal(gate_count(&handled), 1);
    free(data);
    sp_rpc_client_close(client);
}

static void carries_an_error_with_its_message(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    assert_int_equal(call(rig, client, "/test.Test/Refuse", "x", &reply), SP_ERR_NOT_FOUND);
    assert_int_equal(rig->error.status, SP_ERR_NOT_FOUND);
    assert_string_equal(rig->error.message, "no \"naïve\" thing — 100% gone");
    sp_rpc_client_close(client);
}

static void cuts_a_long_message_between_characters(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    assert_int_equal(call(rig, client, "/test.Test/RefuseAtLength", "x", &reply), SP_ERR_PRECONDITION);
    assert_int_equal(strlen(rig->error.message), 1023);
    assert_int_equal(strspn(rig->error.message, "x"), 1023);
    sp_rpc_client_close(client);
}

static void answers_unimplemented_for_unknown_methods(void **state) {
    static const char *const paths[] = {"/test.Test/Nothing", "/no.Service/Echo", "/", "/test.Test"};
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < COUNT(paths); i++) {
            assert_int_equal(call(rig, client, paths[i], "x", &reply), SP_ERR_UNIMPLEMENTED);
        }
    }
    sp_rpc_client_close(client);
}

static void refuses_a_call_without_a_message(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream;
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Echo", &stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_done_sending(stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_ERR_INVALID);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void survives_garbage_on_the_wire(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    static const char *const garbage[] = {"GET / HTTP/1.1\r\n\r\n",
                                          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff",
                                          "\x16\x03\x01\x02", ""};
    for (size_t i = 0; i < COUNT(garbage); i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)sp_rpc_server_port(rig->server, 0)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
        assert_int_equal(send(fd, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL), strlen(garbage[i]));
        close(fd);
    }
    struct sp_rpc_client *client = rig_client(rig, 0);
    assert_int_equal(call(rig, client, "/test.Test/Echo", "alive", &reply), SP_OK);
    sp_rpc_client_close(client);
}

static void tells_the_handler_who_calls(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client;
    const struct sp_rpc_client_options options = {.target = rig->target, .key = sp_str_from("sp_abc")};
    assert_int_equal(sp_rpc_client_open(&options, &client, &rig->error), SP_OK);
    assert_int_equal(call(rig, client, "/test.Test/Tell", "x", &reply), SP_OK);
    static const char expected[] = "1 \"Bearer sp_abc\" from 127.0.0.1, in time, worker ";
    reply.size = reply.size < strlen(expected) ? reply.size : strlen(expected);
    assert_bytes(reply, expected);
    sp_rpc_client_close(client);
}

static void refuses_a_key_that_no_header_can_carry(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client;
    const struct sp_rpc_client_options options = {.target = rig->target, .key = sp_str_from("sp_\nabc")};
    assert_int_equal(sp_rpc_client_open(&options, &client, &rig->error), SP_ERR_INVALID);
    assert_null(strstr(rig->error.message, "abc"));
}

/* ---- kept calls ---- */

struct one_call {
    struct rig *rig;
    const char *path;
    unsigned timeout_ms;
    enum sp_status status;
    bool echoed;
};

static void *run_call(void *user) {
    struct one_call *one = user;
    struct sp_arena arena;
    struct sp_bytes reply;
    struct sp_error error;
    struct sp_rpc_client *client;
    const struct sp_rpc_client_options options = {.target = one->rig->target, .timeout_ms = one->timeout_ms};
    if (sp_arena_init(&arena, 1024, 1 << 20) != SP_OK) {
        return NULL;
    }
    one->status = sp_rpc_client_open(&options, &client, &error);
    if (one->status == SP_OK) {
        one->status = sp_rpc_client_call(client, one->path, bytes_of("kept"), &arena, &reply, &error);
        one->echoed = one->status == SP_OK && reply.size == 4 && memcmp(reply.data, "kept", 4) == 0;
        sp_rpc_client_close(client);
    }
    sp_arena_fini(&arena);
    return NULL;
}

static void answers_a_hundred_calls_at_once_from_another_thread(void **state) {
    struct rig *rig = *state;
    static struct one_call calls[CONCURRENT];
    static pthread_t threads[CONCURRENT];
    for (size_t i = 0; i < CONCURRENT; i++) {
        calls[i] = (struct one_call){.rig = rig, .path = "/test.Test/Keep", .timeout_ms = 60000};
        assert_int_equal(pthread_create(&threads[i], NULL, run_call, &calls[i]), 0);
    }
    assert_true(gate_wait(&kept_count, CONCURRENT));
    answer_kept();
    for (size_t i = 0; i < CONCURRENT; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(calls[i].status, SP_OK);
        assert_true(calls[i].echoed);
    }
}

static void ends_a_call_at_its_deadline(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    /* Long enough that the call reaches its handler on a busy machine. */
    struct sp_rpc_client *client = rig_client(rig, 500);
    assert_int_equal(call(rig, client, "/test.Test/Keep", "x", &reply), SP_ERR_DEADLINE);
    sp_rpc_client_close(client);
    assert_true(gate_wait(&kept_count, 1));
    answer_kept(); /* too late for the client, and harmless */
}

static void does_not_handle_a_call_that_expired_in_the_queue(void **state) {
    struct rig alone;
    struct sp_bytes reply;
    pthread_t thread;
    (void)state;
    rig_start(&alone, methods, COUNT(methods), 1);
    struct one_call blocking = {.rig = &alone, .path = "/test.Test/Block", .timeout_ms = 60000};
    struct sp_rpc_client *hasty = rig_client(&alone, 50);
    struct sp_rpc_client *patient = rig_client(&alone, 60000);
    /* Connected before the only worker is blocked: both clients share a connection. */
    assert_int_equal(call(&alone, patient, "/test.Test/Refuse", "x", &reply), SP_ERR_NOT_FOUND);
    assert_int_equal(pthread_create(&thread, NULL, run_call, &blocking), 0);
    assert_true(gate_wait(&blocked, 1));
    assert_int_equal(call(&alone, hasty, "/test.Test/Echo", "late", &reply), SP_ERR_DEADLINE);
    gate_add(&release, 1);
    pthread_join(thread, NULL);
    assert_int_equal(blocking.status, SP_OK);
    assert_int_equal(call(&alone, patient, "/test.Test/Echo", "next", &reply), SP_OK);
    assert_int_equal(gate_count(&handled), 1);
    sp_rpc_client_close(hasty);
    sp_rpc_client_close(patient);
    rig_stop(&alone);
}

static void survives_the_cancellation_of_a_kept_call(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream;
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Keep", &stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("x"), &rig->error), SP_OK);
    assert_true(gate_wait(&kept_count, 1));
    sp_rpc_stream_close(stream);
    answer_kept();
    assert_int_equal(call(rig, client, "/test.Test/Echo", "next", &reply), SP_OK);
    sp_rpc_client_close(client);
}

/* ---- waiting calls ---- */

static void whoever_keeps_a_call_sees_that_its_client_has_gone(void **state) {
    enum { PATIENCE_MS = 20000 };
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream;
    assert_int_equal(sp_rpc_stream_open(client, "/test.Test/Keep", &stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("x"), &rig->error), SP_OK);
    assert_true(gate_wait(&kept_count, 1));
    assert_false(sp_rpc_call_is_over(kept.calls[0]));
    sp_rpc_stream_close(stream);
    for (int i = 0; i < PATIENCE_MS && !sp_rpc_call_is_over(kept.calls[0]); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(sp_rpc_call_is_over(kept.calls[0]));
    answer_kept();
    sp_rpc_client_close(client);
}

static void calls_a_waiting_handler_again(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    assert_int_equal(call(rig, client, "/test.Test/Retry", "0", &reply), SP_OK);
    assert_bytes(reply, "0 late enough");
    assert_int_equal(call(rig, client, "/test.Test/Retry", "3", &reply), SP_OK);
    assert_bytes(reply, "3 late enough");
    assert_int_equal(gate_count(&handled), 5);
    sp_rpc_client_close(client);
}

static void stops_calling_a_waiting_handler_at_the_deadline(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 50);
    assert_int_equal(call(rig, client, "/test.Test/RetryForEver", "x", &reply), SP_ERR_DEADLINE);
    sp_rpc_client_close(client);
}

static void stops_calling_a_waiting_handler_when_cancelled(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *streams[20];
    for (size_t i = 0; i < COUNT(streams); i++) {
        assert_int_equal(sp_rpc_stream_open(client, "/test.Test/RetryForEver", &streams[i], &rig->error), SP_OK);
        assert_int_equal(sp_rpc_stream_send(streams[i], bytes_of("x"), &rig->error), SP_OK);
    }
    assert_true(gate_wait(&handled, 100));
    for (size_t i = 0; i < COUNT(streams); i++) {
        sp_rpc_stream_close(streams[i]);
    }
    sp_rpc_client_close(client);
    /* The stop that follows waits for calls under way: it would last its whole grace if one went
     * on. */
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    sp_rpc_server_stop(rig->server, 30000);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_in_range(after.tv_sec - before.tv_sec, 0, 25);
}

/* ---- stopping ---- */

struct stop {
    struct sp_rpc_server *server;
    unsigned grace_ms;
};

static void *run_stop(void *user) {
    struct stop *stop = user;
    sp_rpc_server_stop(stop->server, stop->grace_ms);
    return NULL;
}

static void finishes_the_calls_under_way_when_stopping(void **state) {
    struct rig *rig = *state;
    struct one_call one = {.rig = rig, .path = "/test.Test/Keep", .timeout_ms = 60000};
    struct stop stop = {rig->server, 60000};
    pthread_t caller, stopper;
    struct sp_bytes reply;
    assert_int_equal(pthread_create(&caller, NULL, run_call, &one), 0);
    assert_true(gate_wait(&kept_count, 1));
    assert_int_equal(pthread_create(&stopper, NULL, run_stop, &stop), 0);
    /* Until the listener is gone. */
    for (enum sp_status status = SP_OK; status != SP_ERR_UNAVAILABLE;) {
        struct sp_rpc_client *client = rig_client(rig, 1000);
        status = call(rig, client, "/test.Test/Echo", "x", &reply);
        sp_rpc_client_close(client);
    }
    answer_kept();
    pthread_join(caller, NULL);
    pthread_join(stopper, NULL);
    assert_int_equal(one.status, SP_OK);
    assert_true(one.echoed);
}

static void cancels_what_outlasts_the_grace(void **state) {
    struct rig *rig = *state;
    struct one_call one = {.rig = rig, .path = "/test.Test/Keep", .timeout_ms = 60000};
    struct stop stop = {rig->server, 20};
    pthread_t caller, stopper;
    assert_int_equal(pthread_create(&caller, NULL, run_call, &one), 0);
    assert_true(gate_wait(&kept_count, 1));
    assert_int_equal(pthread_create(&stopper, NULL, run_stop, &stop), 0);
    pthread_join(caller, NULL);
    assert_int_not_equal(one.status, SP_OK);
    assert_int_not_equal(one.status, SP_ERR_DEADLINE);
    answer_kept();
    pthread_join(stopper, NULL);
}

static void starts_and_stops_twice(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct rig again;
        struct sp_bytes reply;
        rig_start(&again, methods, COUNT(methods), 3);
        struct sp_rpc_client *client = rig_client(&again, 0);
        assert_int_equal(call(&again, client, "/test.Test/Echo", "x", &reply), SP_OK);
        sp_rpc_client_close(client);
        rig_stop(&again);
    }
}

static void closes_without_having_started(void **state) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {.engine = rig_engine(), .listen = loopback, .listen_count = 1};
    struct rig *rig = *state;
    struct sp_rpc_server *server;
    assert_int_equal(
        sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &server, &rig->error), SP_OK);
    assert_true(sp_rpc_server_port(server, 0) > 0);
    sp_rpc_server_close(server);
}

static void refuses_a_method_registered_twice(void **state) {
    static const struct sp_rpc_method twice[] = {{.path = "/a.B/C", .unary = echo}, {.path = "/a.B/C", .unary = echo}};
    static const struct sp_rpc_method nameless[] = {{.path = "C", .unary = echo}};
    const struct sp_rpc_server_options options = {.engine = rig_engine()};
    struct rig *rig = *state;
    struct sp_rpc_server *server;
    struct sp_bytes none = {NULL, 0};
    assert_int_equal(sp_rpc_server_open(&options, twice, 2, none, &server, &rig->error), SP_ERR_INVALID);
    assert_int_equal(sp_rpc_server_open(&options, nameless, 1, none, &server, &rig->error), SP_ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(answers_an_echo),
        TEST(answers_a_large_message_in_one_piece),
        TEST(refuses_a_message_over_the_limit_and_answers_the_next_call),
        TEST(carries_an_error_with_its_message),
        TEST(cuts_a_long_message_between_characters),
        TEST(answers_unimplemented_for_unknown_methods),
        TEST(refuses_a_call_without_a_message),
        TEST(survives_garbage_on_the_wire),
        TEST(tells_the_handler_who_calls),
        TEST(refuses_a_key_that_no_header_can_carry),
        TEST(answers_a_hundred_calls_at_once_from_another_thread),
        TEST(ends_a_call_at_its_deadline),
        TEST(does_not_handle_a_call_that_expired_in_the_queue),
        TEST(survives_the_cancellation_of_a_kept_call),
        TEST(whoever_keeps_a_call_sees_that_its_client_has_gone),
        TEST(calls_a_waiting_handler_again),
        TEST(stops_calling_a_waiting_handler_at_the_deadline),
        TEST(stops_calling_a_waiting_handler_when_cancelled),
        TEST(finishes_the_calls_under_way_when_stopping),
        TEST(cancels_what_outlasts_the_grace),
        TEST(starts_and_stops_twice),
        TEST(closes_without_having_started),
        TEST(refuses_a_method_registered_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
