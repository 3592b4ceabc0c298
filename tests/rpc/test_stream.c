#include <stdint.h>
#include <time.h>

#include "rig.h"

/* Every stream counts here when it is over. */
static struct gate opened = GATE_INIT;
static struct gate closed = GATE_INIT;

static void count_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&opened, 1);
    sp_rpc_read(call);
}

static void count_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    free(sp_rpc_state(call));
    gate_add(&closed, 1);
}

/* ---- bidirectional: each message comes back ---- */

static void echo_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    sp_rpc_send(call, message);
}

static void echo_sent(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void echo_half_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops echo_ops = {
    .opened = count_opened,
    .received = echo_received,
    .half_closed = echo_half_closed,
    .sent = echo_sent,
    .closed = count_closed,
};

/* ---- the same, in one step for each message ---- */

static void answer_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    sp_rpc_send_and_read(call, message);
}

static const struct sp_rpc_stream_ops answer_ops = {
    .opened = count_opened,
    .received = answer_received,
    .half_closed = echo_half_closed,
    .closed = count_closed,
};

/* ---- server streaming: as many messages as asked for, each of 32 KiB ---- */

enum { CHUNK_BYTES = 32 * 1024 };

static atomic_uint chunks_sent;

static void feed_next(struct sp_rpc_call *call, void *user) {
    static uint8_t chunk[CHUNK_BYTES];
    unsigned *left = sp_rpc_state(call);
    (void)user;
    if (*left == 0) {
        sp_rpc_finish(call);
        return;
    }
    --*left;
    sp_rpc_send(call, (struct sp_bytes){chunk, sizeof(chunk)});
}

static void feed_sent(struct sp_rpc_call *call, void *user) {
    atomic_fetch_add(&chunks_sent, 1);
    feed_next(call, user);
}

static void feed_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    char text[16] = "";
    unsigned *left = malloc(sizeof(*left));
    memcpy(text, message.data, message.size < sizeof(text) ? message.size : sizeof(text) - 1);
    *left = (unsigned)strtoul(text, NULL, 10);
    sp_rpc_set_state(call, left);
    feed_next(call, user);
}

static const struct sp_rpc_stream_ops feed_ops = {
    .opened = count_opened,
    .received = feed_received,
    .sent = feed_sent,
    .closed = count_closed,
};

/* ---- client streaming: the sum of the sizes ---- */

static void sum_opened(struct sp_rpc_call *call, void *user) {
    size_t *sum = calloc(1, sizeof(*sum));
    sp_rpc_set_state(call, sum);
    count_opened(call, user);
}

static void sum_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    size_t *sum = sp_rpc_state(call);
    (void)user;
    *sum += message.size;
    sp_rpc_read(call);
}

static void sum_half_closed(struct sp_rpc_call *call, void *user) {
    const size_t *sum = sp_rpc_state(call);
    char text[32];
    (void)user;
    snprintf(text, sizeof(text), "%zu", *sum);
    sp_rpc_send(call, bytes_of(text));
    /* The status follows the message, without waiting for `sent`. */
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops sum_ops = {
    .opened = sum_opened,
    .received = sum_received,
    .half_closed = sum_half_closed,
    .closed = count_closed,
};

/* ---- fails at the first message ---- */

static void fail_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    (void)message;
    sp_rpc_fail(call, SP_ERR_OUT_OF_RANGE, "below the oldest change");
    sp_rpc_fail(call, SP_ERR_INTERNAL, "the first ending counts");
    sp_rpc_send(call, bytes_of("too late"));
}

static const struct sp_rpc_stream_ops fail_ops = {
    .opened = count_opened,
    .received = fail_received,
    .closed = count_closed,
};

/* ---- ends before the client has sent anything, without or behind messages ---- */

static void refuse_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&opened, 1);
    sp_rpc_fail(call, SP_ERR_UNAUTHENTICATED, "nobody knows you");
}

static void tell_and_refuse_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&opened, 1);
    sp_rpc_send(call, bytes_of("listen"));
}

static void tell_and_refuse_sent(struct sp_rpc_call *call, void *user) {
    unsigned *count = sp_rpc_state(call);
    (void)user;
    if (count == NULL) {
        count = calloc(1, sizeof(*count));
        sp_rpc_set_state(call, count);
    }
    if (++*count == 3)
        sp_rpc_fail(call, SP_ERR_UNAUTHENTICATED, "nobody knows you");
    else
        sp_rpc_send(call, bytes_of("listen"));
}

static const struct sp_rpc_stream_ops refuse_ops = {.opened = refuse_opened, .closed = count_closed};
static const struct sp_rpc_stream_ops tell_and_refuse_ops = {
    .opened = tell_and_refuse_opened, .sent = tell_and_refuse_sent, .closed = count_closed};

/* ---- pushes what another thread announces ---- */

struct subscriber {
    struct sp_rpc_call *call;
    int told;
    bool sending;
};

static struct {
    pthread_mutex_t lock;
    struct subscriber *one;
    int number;
} news = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct gate subscribed = GATE_INIT;

static void news_tell(struct sp_rpc_call *call, void *user) {
    struct subscriber *subscriber = sp_rpc_state(call);
    char text[16];
    (void)user;
    pthread_mutex_lock(&news.lock);
    int number = news.number;
    pthread_mutex_unlock(&news.lock);
    if (!subscriber->sending && subscriber->told != number) {
        subscriber->told = number;
        subscriber->sending = true;
        snprintf(text, sizeof(text), "%d", number);
        sp_rpc_send(call, bytes_of(text));
    }
}

static void news_opened(struct sp_rpc_call *call, void *user) {
    struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
    (void)user;
    subscriber->call = call;
    sp_rpc_set_state(call, subscriber);
    pthread_mutex_lock(&news.lock);
    news.one = subscriber;
    pthread_mutex_unlock(&news.lock);
    gate_add(&subscribed, 1);
}

static void news_sent(struct sp_rpc_call *call, void *user) {
    struct subscriber *subscriber = sp_rpc_state(call);
    subscriber->sending = false;
    news_tell(call, user);
}

static void news_closed(struct sp_rpc_call *call, void *user) {
    pthread_mutex_lock(&news.lock);
    news.one = NULL;
    pthread_mutex_unlock(&news.lock);
    count_closed(call, user);
}

static void announce(int number) {
    pthread_mutex_lock(&news.lock);
    news.number = number;
    if (news.one != NULL) {
        sp_rpc_wake(news.one->call);
    }
    pthread_mutex_unlock(&news.lock);
}

static const struct sp_rpc_stream_ops news_ops = {
    .opened = news_opened,
    .sent = news_sent,
    .woken = news_tell,
    .closed = news_closed,
};

/* ---- a handler that wakes its own stream, on its worker's thread ---- */

static void nudge_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    (void)user;
    (void)message;
    sp_rpc_wake(call);
}

static void nudge_woken(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_send(call, bytes_of("awake"));
}

static const struct sp_rpc_stream_ops nudge_ops = {
    .opened = count_opened,
    .received = nudge_received,
    .woken = nudge_woken,
    .sent = echo_sent,
    .half_closed = echo_half_closed,
    .closed = count_closed,
};

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Nudge", .kind = SP_RPC_STREAM, .stream = &nudge_ops},
    {.path = "/test.Test/Echo", .kind = SP_RPC_STREAM, .stream = &echo_ops, .max_request_bytes = 256 * 1024},
    {.path = "/test.Test/Answer", .kind = SP_RPC_STREAM, .stream = &answer_ops, .max_request_bytes = 256 * 1024},
    {.path = "/test.Test/Feed", .kind = SP_RPC_STREAM, .stream = &feed_ops},
    {.path = "/test.Test/Sum", .kind = SP_RPC_STREAM, .stream = &sum_ops},
    {.path = "/test.Test/Fail", .kind = SP_RPC_STREAM, .stream = &fail_ops},
    {.path = "/test.Test/Refuse", .kind = SP_RPC_STREAM, .stream = &refuse_ops},
    {.path = "/test.Test/TellAndRefuse", .kind = SP_RPC_STREAM, .stream = &tell_and_refuse_ops},
    {.path = "/test.Test/News", .kind = SP_RPC_STREAM, .stream = &news_ops},
};

static int set_up(void **state) {
    static struct rig rig;
    opened.count = closed.count = subscribed.count = 0;
    news.number = 0;
    atomic_store(&chunks_sent, 0);
    rig_start(&rig, methods, COUNT(methods), 2);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    return 0;
}

static struct sp_rpc_stream *open_stream(struct rig *rig, struct sp_rpc_client *client, const char *path) {
    struct sp_rpc_stream *stream;
    assert_int_equal(sp_rpc_stream_open(client, path, &stream, &rig->error), SP_OK);
    return stream;
}

static void carry_both_ways(struct rig *rig, const char *path) {
    struct sp_bytes reply;
    char text[32];
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, path);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "message %d", i);
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of(text), &rig->error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
        assert_bytes(reply, text);
    }
    assert_int_equal(sp_rpc_stream_done_sending(stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_STREAM_END);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_STREAM_END);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void carries_messages_both_ways_in_order(void **state) {
    carry_both_ways(*state, "/test.Test/Echo");
    assert_true(gate_wait(&closed, 1));
    carry_both_ways(*state, "/test.Test/Answer");
    assert_true(gate_wait(&closed, 2));
}

/* Large enough that the client's window does not take them all: the server answers no more than are
 * read. */
static void answers_all_that_was_sent_before_the_client_began_to_read(void **state) {
    enum { MESSAGES = 64, BYTES = 200 * 1024 };
    struct rig *rig = *state;
    struct sp_bytes reply;
    uint8_t *data = calloc(1, BYTES);
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/Answer");
    int got = 0;
    for (int i = 0; i < MESSAGES; i++) {
        data[0] = (uint8_t)i;
        assert_int_equal(sp_rpc_stream_send(stream, (struct sp_bytes){data, BYTES}, &rig->error), SP_OK);
        /* A blocking client may run a few ahead. */
        for (; i == MESSAGES - 1 ? got < MESSAGES : got + 8 < i; got++) {
            sp_arena_reset(&rig->arena);
            assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
            assert_int_equal(reply.size, BYTES);
            assert_int_equal(reply.data[0], got);
        }
    }
    assert_int_equal(sp_rpc_stream_done_sending(stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_STREAM_END);
    sp_rpc_stream_close(stream);
    free(data);
    sp_rpc_client_close(client);
}

static void sums_a_client_stream(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/Sum");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of("0123456789"), &rig->error), SP_OK);
    }
    assert_int_equal(sp_rpc_stream_done_sending(stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
    assert_bytes(reply, "1000");
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_STREAM_END);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void feeds_all_messages_and_then_ends(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/Feed");
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("200"), &rig->error), SP_OK);
    for (int i = 0; i < 200; i++) {
        sp_arena_reset(&rig->arena);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
        assert_int_equal(reply.size, CHUNK_BYTES);
    }
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_STREAM_END);
    sp_rpc_stream_close(stream);
    assert_true(gate_wait(&closed, 1));
    sp_rpc_client_close(client);
}

static void waits_for_a_client_that_does_not_read(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *slow = rig_client(rig, 0), *other = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, slow, "/test.Test/Feed");
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("10000"), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
    /* Meanwhile another client gets far more than the first would take without reading. */
    struct sp_rpc_stream *busy = open_stream(rig, other, "/test.Test/Feed");
    assert_int_equal(sp_rpc_stream_send(busy, bytes_of("1000"), &rig->error), SP_OK);
    for (int i = 0; i < 1000; i++) {
        sp_arena_reset(&rig->arena);
        assert_int_equal(sp_rpc_stream_receive(busy, &rig->arena, &reply, &rig->error), SP_OK);
    }
    /* 1,000 of these are the other's. Windows of some megabytes may be full; 312 MiB are not on the
     * way. */
    assert_in_range(atomic_load(&chunks_sent), 1000, 1000 + 1000);
    sp_rpc_stream_close(busy);
    sp_rpc_stream_close(stream);
    assert_true(gate_wait(&closed, 2));
    sp_rpc_client_close(slow);
    sp_rpc_client_close(other);
}

static void ends_with_the_error_that_the_handler_gives_first(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/Fail");
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("x"), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_ERR_OUT_OF_RANGE);
    assert_string_equal(rig->error.message, "below the oldest change");
    sp_rpc_stream_close(stream);
    assert_true(gate_wait(&closed, 1));
    sp_rpc_client_close(client);
}

/* Sends until the client's side knows that the call is over. */
static void assert_refused_while_sending(struct rig *rig, const char *path) {
    const struct timespec moment = {.tv_nsec = 10 * 1000000};
    struct sp_rpc_client *client = rig_client(rig, 5000);
    struct sp_rpc_stream *stream = open_stream(rig, client, path);
    assert_true(gate_wait(&closed, 1));
    enum sp_status status = SP_OK;
    for (int i = 0; i < 500 && status == SP_OK; i++) {
        nanosleep(&moment, NULL);
        status = sp_rpc_stream_send(stream, bytes_of("anybody there?"), &rig->error);
    }
    assert_int_equal(status, SP_ERR_UNAUTHENTICATED);
    assert_string_equal(rig->error.message, "nobody knows you");
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void a_client_that_sends_to_a_call_that_is_over_gets_its_status(void **state) {
    assert_refused_while_sending(*state, "/test.Test/Refuse");
}

static void a_client_that_has_not_read_gets_the_status_behind_the_messages(void **state) {
    assert_refused_while_sending(*state, "/test.Test/TellAndRefuse");
}

static void closes_a_stream_that_its_client_cancels(void **state) {
    struct rig *rig = *state;
    static const char *const paths[] = {"/test.Test/Echo", "/test.Test/Feed", "/test.Test/Sum", "/test.Test/Answer",
                                        "/test.Test/News"};
    struct sp_rpc_client *client = rig_client(rig, 0);
    for (int round = 0; round < 25; round++) {
        for (size_t i = 0; i < COUNT(paths); i++) {
            struct sp_rpc_stream *stream = open_stream(rig, client, paths[i]);
            assert_int_equal(sp_rpc_stream_send(stream, bytes_of("100"), &rig->error), SP_OK);
            assert_true(gate_wait(i == 4 ? &subscribed : &opened, i == 4 ? round + 1 : round * 4 + (int)i + 1));
            sp_rpc_stream_close(stream);
        }
    }
    assert_true(gate_wait(&closed, 125));
    sp_rpc_client_close(client);
}

static void closes_streams_of_a_connection_that_breaks(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *streams[10];
    for (size_t i = 0; i < COUNT(streams); i++) {
        streams[i] = open_stream(rig, client, "/test.Test/Echo");
    }
    assert_true(gate_wait(&opened, COUNT(streams)));
    for (size_t i = 0; i < COUNT(streams); i++) {
        sp_rpc_stream_close(streams[i]);
    }
    sp_rpc_client_close(client);
    assert_true(gate_wait(&closed, COUNT(streams)));
}

static void refuses_a_message_over_the_limit(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    size_t size = 300 * 1024;
    uint8_t *data = calloc(1, size);
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/Sum");
    /* The message may be on its way when the call ends. */
    enum sp_status status = sp_rpc_stream_send(stream, (struct sp_bytes){data, size}, &rig->error);
    if (status == SP_OK) {
        status = sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error);
    }
    assert_int_equal(status, SP_ERR_EXHAUSTED);
    sp_rpc_stream_close(stream);
    free(data);
    stream = open_stream(rig, client, "/test.Test/Echo");
    assert_int_equal(sp_rpc_stream_send(stream, bytes_of("next"), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
    assert_bytes(reply, "next");
    sp_rpc_stream_close(stream);
    assert_true(gate_wait(&closed, 2));
    sp_rpc_client_close(client);
}

static void *announce_much(void *user) {
    (void)user;
    for (int number = 1; number <= 2000; number++) {
        announce(number);
    }
    return NULL;
}

static void wakes_a_stream_from_another_thread(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    pthread_t thread;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/News");
    assert_true(gate_wait(&subscribed, 1));
    announce(7);
    assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
    assert_bytes(reply, "7");
    assert_int_equal(pthread_create(&thread, NULL, announce_much, NULL), 0);
    for (int number = 0, last = 0; number < 2000; last = number) {
        sp_arena_reset(&rig->arena);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
        char text[16] = "";
        memcpy(text, reply.data, reply.size);
        number = (int)strtoul(text, NULL, 10);
        assert_true(number > last);
    }
    pthread_join(thread, NULL);
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void wakes_a_stream_from_its_own_handler(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 20000);
    struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/Nudge");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of("x"), &rig->error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error), SP_OK);
        assert_bytes(reply, "awake");
    }
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void survives_wakes_while_streams_close(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, announce_much, NULL), 0);
    for (int i = 0; i < 50; i++) {
        struct sp_rpc_stream *stream = open_stream(rig, client, "/test.Test/News");
        assert_true(gate_wait(&subscribed, i + 1));
        announce(3000 + i);
        sp_rpc_stream_close(stream);
        assert_true(gate_wait(&closed, i + 1));
    }
    pthread_join(thread, NULL);
    sp_rpc_client_close(client);
}

static void ends_streams_when_the_server_stops(void **state) {
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *idle = open_stream(rig, client, "/test.Test/Echo");
    struct sp_rpc_stream *unread = open_stream(rig, client, "/test.Test/Answer");
    struct sp_rpc_stream *subscriber = open_stream(rig, client, "/test.Test/News");
    assert_int_equal(sp_rpc_stream_send(unread, bytes_of("one"), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(unread, &rig->arena, &reply, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(unread, bytes_of("two"), &rig->error), SP_OK);
    assert_true(gate_wait(&opened, 2));
    assert_true(gate_wait(&subscribed, 1));
    sp_rpc_server_stop(rig->server, 60000);
    assert_int_equal(gate_count(&closed), 3);
    enum sp_status status = sp_rpc_stream_receive(unread, &rig->arena, &reply, &rig->error);
    if (status == SP_OK) {
        assert_bytes(reply, "two");
        status = sp_rpc_stream_receive(unread, &rig->arena, &reply, &rig->error);
    }
    assert_int_equal(status, SP_ERR_UNAVAILABLE);
    sp_rpc_stream_close(unread);
    assert_int_equal(sp_rpc_stream_receive(idle, &rig->arena, &reply, &rig->error), SP_ERR_UNAVAILABLE);
    assert_string_equal(rig->error.message, "the server is stopping: reconnect");
    assert_int_equal(sp_rpc_stream_receive(subscriber, &rig->arena, &reply, &rig->error), SP_ERR_UNAVAILABLE);
    sp_rpc_stream_close(idle);
    sp_rpc_stream_close(subscriber);
    sp_rpc_client_close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(carries_messages_both_ways_in_order),
        TEST(answers_all_that_was_sent_before_the_client_began_to_read),
        TEST(sums_a_client_stream),
        TEST(feeds_all_messages_and_then_ends),
        TEST(waits_for_a_client_that_does_not_read),
        TEST(ends_with_the_error_that_the_handler_gives_first),
        TEST(a_client_that_sends_to_a_call_that_is_over_gets_its_status),
        TEST(a_client_that_has_not_read_gets_the_status_behind_the_messages),
        TEST(closes_a_stream_that_its_client_cancels),
        TEST(closes_streams_of_a_connection_that_breaks),
        TEST(refuses_a_message_over_the_limit),
        TEST(wakes_a_stream_from_another_thread),
        TEST(wakes_a_stream_from_its_own_handler),
        TEST(survives_wakes_while_streams_close),
        TEST(ends_streams_when_the_server_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
