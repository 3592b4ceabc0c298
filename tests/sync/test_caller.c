/* Which key a call is made with, as its metadata say: over a real connection, because that is where
 * they come from. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "rpc/client.h"
#include "sync/caller.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { TEXT_BYTES = 1024, HEADERS_MAX = 3 };

static struct sp_rpc_server *server;
static grpc_completion_queue *queue;
static grpc_channel *channel;
static pthread_mutex_t trust_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sp_forwarded_trust trust;

/* Replies "credential size|credential|ambiguous|address|address known". */
static void describe(struct sp_rpc_call *call, void *user) {
    struct sp_sync_caller caller;
    char text[TEXT_BYTES];
    (void)user;
    pthread_mutex_lock(&trust_lock);
    sp_sync_caller_read(&trust, call, &caller);
    pthread_mutex_unlock(&trust_lock);
    int size = snprintf(text, sizeof(text), "%zu|%.*s|%d|%.*s|%d", caller.caller.credential.size,
                        SP_STR_ARG(caller.caller.credential), caller.caller.ambiguous,
                        SP_STR_ARG(caller.caller.address), caller.caller.ip != NULL);
    sp_rpc_reply(call, (struct sp_bytes){(const uint8_t *)text, (size_t)size});
    sp_sync_caller_wipe(&caller);
}

static int start(void **state) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {.listen = loopback, .listen_count = 1, .workers = 1};
    const struct sp_rpc_method method = {.path = "/t.T/T", .unary = describe};
    struct sp_error error = {0};
    char target[64];
    (void)state;
    sp_rpc_global_init();
    if (sp_rpc_server_open(&options, &method, 1, (struct sp_bytes){NULL, 0}, &server, &error) != SP_OK ||
        sp_rpc_server_start(server, &error) != SP_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    snprintf(target, sizeof(target), "127.0.0.1:%d", sp_rpc_server_port(server, 0));
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    channel = grpc_channel_create(target, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    queue = grpc_completion_queue_create_for_pluck(NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    grpc_channel_destroy(channel);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
    sp_rpc_server_stop(server, 1000);
    sp_rpc_server_close(server);
    sp_rpc_global_fini();
    return 0;
}

struct header {
    const char *name, *value;
};

/* Calls with the headers, and gives the server's description. */
static void call_with(const struct header *headers, size_t count, char ret_text[static TEXT_BYTES]) {
    grpc_slice path = grpc_slice_from_static_string("/t.T/T");
    grpc_slice empty = grpc_empty_slice();
    grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&empty, 1);
    grpc_byte_buffer *reply = NULL;
    grpc_metadata sent[HEADERS_MAX];
    grpc_metadata_array initial, trailing;
    grpc_status_code status = GRPC_STATUS_UNKNOWN;
    grpc_slice details = grpc_empty_slice();
    grpc_metadata_array_init(&initial);
    grpc_metadata_array_init(&trailing);
    for (size_t i = 0; i < count; i++)
        sent[i] = (grpc_metadata){.key = grpc_slice_from_static_string(headers[i].name),
                                  .value = grpc_slice_from_static_string(headers[i].value)};
    grpc_call *call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, path, NULL,
                                               gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    grpc_op ops[6];
    memset(ops, 0, sizeof(ops));
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.metadata = sent;
    ops[0].data.send_initial_metadata.count = count;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &reply;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
    ops[5].data.recv_status_on_client.status = &status;
    ops[5].data.recv_status_on_client.status_details = &details;
    assert_int_equal(grpc_call_start_batch(call, ops, COUNT(ops), call, NULL), GRPC_CALL_OK);
    grpc_completion_queue_pluck(queue, call, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    assert_int_equal(status, GRPC_STATUS_OK);
    grpc_byte_buffer_reader reader;
    assert_true(grpc_byte_buffer_reader_init(&reader, reply));
    grpc_slice text = grpc_byte_buffer_reader_readall(&reader);
    snprintf(ret_text, TEXT_BYTES, "%.*s", (int)GRPC_SLICE_LENGTH(text), (const char *)GRPC_SLICE_START_PTR(text));
    grpc_slice_unref(text);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(request);
    grpc_byte_buffer_destroy(reply);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_slice_unref(details);
    grpc_call_unref(call);
}

static void finds_the_key_or_says_that_it_is_ambiguous(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct header headers[HEADERS_MAX];
        const char *expected;
    } rows[] = {
        {"none", {{0}}, "0||0|127.0.0.1|1"},
        {"a bearer token", {{"authorization", "Bearer abc"}}, "3|abc|0|127.0.0.1|1"},
        {"the scheme in other letters", {{"authorization", "bEARER abc"}}, "3|abc|0|127.0.0.1|1"},
        {"several spaces", {{"authorization", "Bearer   abc"}}, "3|abc|0|127.0.0.1|1"},
        {"another scheme", {{"authorization", "Basic abc"}}, "0||0|127.0.0.1|1"},
        {"a scheme alone", {{"authorization", "Bearer"}}, "0||0|127.0.0.1|1"},
        {"x-api-key", {{"x-api-key", "abc"}}, "3|abc|0|127.0.0.1|1"},
        {"both the same", {{"x-api-key", "abc"}, {"authorization", "Bearer abc"}}, "3|abc|0|127.0.0.1|1"},
        {"both different", {{"x-api-key", "abc"}, {"authorization", "Bearer abd"}}, "3|abc|1|127.0.0.1|1"},
        {"a key beside another scheme", {{"x-api-key", "abc"}, {"authorization", "Basic abc"}}, "3|abc|0|127.0.0.1|1"},
        {"a key beside text without a scheme", {{"x-api-key", "abc"}, {"authorization", "abd"}}, "3|abc|1|127.0.0.1|1"},
        {"two keys beside another scheme",
         {{"x-api-key", "abc"}, {"x-api-key", "abd"}, {"authorization", "Basic abc"}},
         "3|abc|1|127.0.0.1|1"},
        {"one header twice", {{"x-api-key", "abc"}, {"x-api-key", "abd"}}, "3|abc|1|127.0.0.1|1"},
        {"one header twice with the same key", {{"x-api-key", "abc"}, {"x-api-key", "abc"}}, "3|abc|0|127.0.0.1|1"},
        {"two tokens", {{"authorization", "Bearer a"}, {"authorization", "Bearer b"}}, "1|a|1|127.0.0.1|1"},
        {"a forwarded address, which is not believed",
         {{"x-api-key", "abc"}, {"x-forwarded-for", "203.0.113.9"}},
         "3|abc|0|127.0.0.1|1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[TEXT_BYTES];
        size_t count = 0;
        while (count < HEADERS_MAX && rows[i].headers[count].name != NULL)
            count++;
        call_with(rows[i].headers, count, text);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s: %s instead of %s", rows[i].name, text, rows[i].expected);
    }
}

static void cuts_a_credential_that_is_longer_than_any_key(void **state) {
    (void)state;
    char key[801], text[TEXT_BYTES];
    memset(key, 'x', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    const struct header header = {"x-api-key", key};
    call_with(&header, 1, text);
    /* One byte more than the longest that is looked at, so that it is refused. */
    assert_int_equal(strncmp(text, "513|", 4), 0);
}

static void finds_the_client_behind_trusted_proxies_only(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct sp_forwarded_settings settings;
        struct header headers[HEADERS_MAX];
        const char *expected;
    } rows[] = {
        {"no header", {.proxies = "127.0.0.0/8"}, {{0}}, "0||0||0"},
        {"one line",
         {.proxies = "127.0.0.0/8"},
         {{"x-forwarded-for", "198.51.100.66, 203.0.113.9"}},
         "0||0|203.0.113.9|1"},
        {"two lines",
         {.proxies = "127.0.0.0/8"},
         {{"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-for", "127.0.0.9"}},
         "0||0|203.0.113.9|1"},
        {"no proxy of ours", {.proxies = "10.0.0.0/8"}, {{"x-forwarded-for", "203.0.113.9"}}, "0||0|127.0.0.1|1"},
        {"unreadable", {.proxies = "127.0.0.0/8"}, {{"x-forwarded-for", "203.0.113.9, unknown"}}, "0||0||0"},
        {"a hop",
         {.hops = 1, .peers = "127.0.0.0/8"},
         {{"x-forwarded-for", "198.51.100.66,2001:DB8::9"}},
         "0||0|2001:db8::9|1"},
        {"a hop from a peer that is not trusted",
         {.hops = 1, .peers = "uds,10.0.0.0/8"},
         {{"x-forwarded-for", "203.0.113.9"}},
         "0||0|127.0.0.1|1"},
        {"two hops over two lines",
         {.hops = 2, .peers = "127.0.0.1"},
         {{"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-for", "127.0.0.9"}},
         "0||0|203.0.113.9|1"},
        {"past the proxies", {.hops = 2, .peers = "127.0.0.1"}, {{"x-forwarded-for", "203.0.113.9"}}, "0||0||0"},
        {"another header",
         {.header = "cf-connecting-ip", .peers = "127.0.0.0/8"},
         {{"x-forwarded-for", "198.51.100.66"}, {"cf-connecting-ip", "203.0.113.9"}},
         "0||0|203.0.113.9|1"},
        {"another header from a peer that is not trusted",
         {.header = "cf-connecting-ip", .peers = "10.0.0.0/8"},
         {{"cf-connecting-ip", "203.0.113.9"}},
         "0||0|127.0.0.1|1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[TEXT_BYTES];
        size_t count = 0;
        while (count < HEADERS_MAX && rows[i].headers[count].name != NULL)
            count++;
        struct sp_forwarded_trust next;
        assert_int_equal(sp_forwarded_trust_read(&rows[i].settings, &next, NULL), SP_OK);
        pthread_mutex_lock(&trust_lock);
        trust = next;
        pthread_mutex_unlock(&trust_lock);
        call_with(rows[i].headers, count, text);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s: %s instead of %s", rows[i].name, text, rows[i].expected);
    }
    pthread_mutex_lock(&trust_lock);
    trust = (struct sp_forwarded_trust){0};
    pthread_mutex_unlock(&trust_lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_key_or_says_that_it_is_ambiguous),
        cmocka_unit_test(cuts_a_credential_that_is_longer_than_any_key),
        cmocka_unit_test(finds_the_client_behind_trusted_proxies_only),
    };
    return cmocka_run_group_tests(tests, start, stop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
