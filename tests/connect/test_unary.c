/* Unary calls of the Connect protocol, each behaviour with handlers of the test's own. */
#include "rig.h"

#include "base/clock.h"
#include "connect/gzip.h"
#include "connect/head.h"

enum { LARGE_BYTES = 100000, RETRIES = 3 };

#define JSON "Content-Type: application/json\r\n"
#define PROTO "Content-Type: application/proto\r\n"

/* ---- a handler that does what the action says ---- */

static atomic_int begun; /* calls that it was given */

static const Sallyport__V1__CheckRequest *read_check(struct sp_rpc_call *call, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    if (sp_wire_unpack(&sallyport__v1__check_request__descriptor, sp_rpc_call_request(call), sp_rpc_call_arena(call),
                       &message, error) != SP_OK)
        return NULL;
    return (const Sallyport__V1__CheckRequest *)message;
}

static void reply_with_id(struct sp_rpc_call *call, const char *id) {
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    struct sp_bytes packed;
    response.decision = SALLYPORT__V1__DECISION__ALLOW;
    response.reason = SALLYPORT__V1__REASON__ALLOWED;
    response.decision_id = sp_arena_strdup(sp_rpc_call_arena(call), sp_str_from(id));
    assert_non_null(response.decision_id);
    assert_int_equal(sp_wire_pack(&response.base, sp_rpc_call_arena(call), &packed), SP_OK);
    sp_rpc_reply(call, packed);
}

static void *reply_from_elsewhere(void *user) {
    reply_with_id(user, "elsewhere");
    return NULL;
}

static void reply_large(struct sp_rpc_call *call) {
    char *text = sp_arena_alloc(sp_rpc_call_arena(call), LARGE_BYTES + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE_BYTES);
    text[LARGE_BYTES] = '\0';
    reply_with_id(call, text);
}

static void reply_metadata(struct sp_rpc_call *call) {
    struct sp_str values[4];
    size_t count = sp_rpc_call_metadata_all(call, "x-tag", values, 4);
    struct sp_str peer = sp_rpc_call_peer(call);
    assert_int_equal(sp_rpc_call_worker(call), RIG_SLOT);
    reply_with_id(call, sp_arena_printf(sp_rpc_call_arena(call), "%zu %.*s %.*s %.*s", count, SP_STR_ARG(values[0]),
                                        SP_STR_ARG(values[count > 1]), SP_STR_ARG(peer)));
}

static void handle_check(struct sp_rpc_call *call, void *user) {
    struct rig *rig = user;
    struct sp_error error = {0};
    if (sp_rpc_call_retries(call) > 0)
        sp_arena_wipe(sp_rpc_call_arena(call));
    const Sallyport__V1__CheckRequest *request = read_check(call, &error);
    atomic_fetch_add(&rig->handled, 1);
    atomic_fetch_add(&begun, sp_rpc_call_retries(call) == 0);
    if (request == NULL) {
        sp_rpc_fail(call, error.status, error.message);
    } else if (strncmp(request->action, "fail-", 5) == 0) {
        sp_rpc_fail(call, sp_status_from_grpc((int)strtol(request->action + 5, NULL, 10)), "it was said: \"no\"");
    } else if (strcmp(request->action, "retry") == 0 && sp_rpc_call_retries(call) < RETRIES) {
        sp_rpc_retry_after(call, 1);
    } else if (strcmp(request->action, "wait") == 0) {
        sp_rpc_retry_after(call, 20);
    } else if (strcmp(request->action, "elsewhere") == 0) {
        rig->has_thread = true;
        assert_int_equal(pthread_create(&rig->thread, NULL, reply_from_elsewhere, call), 0);
    } else if (strcmp(request->action, "large") == 0) {
        reply_large(call);
    } else if (strcmp(request->action, "metadata") == 0) {
        reply_metadata(call);
    } else {
        reply_with_id(call, request->action);
    }
}

static void reply_with_nothing(struct sp_rpc_call *call, void *user) {
    struct rig *rig = user;
    atomic_fetch_add(&rig->handled, 1);
    sp_rpc_reply(call, (struct sp_bytes){NULL, 0});
}

static enum sp_status admit_bearer(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error) {
    size_t count = 0;
    (void)user;
    if (permit != 1)
        return sp_error_set(error, SP_ERR_PERMISSION, "not that");
    if (!sp_str_equal(sp_rpc_call_metadata(call, "authorization", &count), SP_STR_LITERAL("Bearer let-me-in")))
        return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "who is it?");
    return SP_OK;
}

static enum sp_status refuse_strangers(struct sp_rpc_call *call, void *user, struct sp_error *error) {
    size_t count = 0;
    (void)user;
    if (sp_rpc_call_metadata(call, "x-stranger", &count).size == 0)
        return SP_OK;
    return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "we have not met");
}

static void note_stopping(unsigned slot, void *user) {
    struct rig *rig = user;
    assert_int_equal(slot, RIG_SLOT);
    atomic_fetch_add(&rig->stopped, 1);
}

static int set_up(void **state) {
    static struct rig rig;
    const struct sp_rpc_method methods[] = {
        {.path = CHECK, .unary = handle_check, .user = &rig},
        {.path = "/sallyport.v1.Authorization/Explain", .unary = reply_with_nothing, .user = &rig, .permit = 1},
        {.path = "/sallyport.v1.Authorization/CheckBatch", .unary = reply_with_nothing, .user = &rig, .permit = 2},
        {.path = "/another.Service/Check", .unary = handle_check, .user = &rig},
    };
    rig = (struct rig){.connect = NULL};
    rig_start(&rig, methods, COUNT(methods), admit_bearer, refuse_strangers, note_stopping);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    rig_stop(rig);
    return 0;
}

/* ---- requests and their replies ---- */

#define ALLOW(id) "{\"decision\":\"ALLOW\",\"reason\":\"ALLOWED\",\"decisionId\":\"" id "\"}"
#define REFUSED(code, message) "{\"code\":\"" code "\",\"message\":\"" message "\"}"

static const struct {
    const char *what, *headers, *body;
    int status;
    const char *reply; /* all of it */
} vectors[] = {
    {"a call", JSON, "{\"action\":\"use\"}", 200, ALLOW("use")},
    {"a version", JSON "Connect-Protocol-Version: 1\r\n", "{\"action\":\"use\"}", 200, ALLOW("use")},
    {"no fields", JSON, "{}", 200, "{\"decision\":\"ALLOW\",\"reason\":\"ALLOWED\"}"},
    {"a charset", "Content-Type: application/json; charset=utf-8\r\n", "{\"action\":\"u\"}", 200, ALLOW("u")},
    {"an empty message of protobuf", PROTO, "", 200, "\x08\x01\x10\x01"},
    {"identity", JSON "Content-Encoding: identity\r\n", "{\"action\":\"u\"}", 200, ALLOW("u")},
    {"time enough", JSON "Connect-Timeout-Ms: 60000\r\n", "{\"action\":\"u\"}", 200, ALLOW("u")},
    {"a reply from another thread", JSON, "{\"action\":\"elsewhere\"}", 200, ALLOW("elsewhere")},
    {"a call that is handled again", JSON, "{\"action\":\"retry\"}", 200, ALLOW("retry")},
    {"metadata", JSON "X-Tag: one\r\nx-tag: two\r\n", "{\"action\":\"metadata\"}", 200, ALLOW("2 one two 127.0.0.1")},
    {"an unknown field", JSON, "{\"resource\":{\"nope\":1}}", 400,
     REFUSED("invalid_argument", "resource.nope: no such field")},
    {"a wrong type", JSON, "{\"action\":7}", 400, REFUSED("invalid_argument", "action: must be a string")},
    {"a name twice", JSON, "{\"action\":\"a\",\"action\":\"b\"}", 400,
     REFUSED("invalid_argument", "the body is not a JSON object: line 1, column 22: duplicate name in an object")},
    {"an array", JSON, "[]", 400,
     REFUSED("invalid_argument", "the body is not a JSON object: expected an object, found an array")},
    {"null", JSON, "null", 400,
     REFUSED("invalid_argument", "the body is not a JSON object: expected an object, found null")},
    {"no text", JSON, "", 400,
     REFUSED("invalid_argument", "the body is not a JSON object: expected an object, found nothing")},
    {"broken protobuf", PROTO, "\x0a\x05zz", 400, NULL},
    {"another version", JSON "Connect-Protocol-Version: 2\r\n", "{}", 400,
     REFUSED("invalid_argument", "Connect-Protocol-Version: must be 1 if it is sent")},
    {"a timeout in words", JSON "Connect-Timeout-Ms: soon\r\n", "{}", 400, NULL},
    {"an empty timeout", JSON "Connect-Timeout-Ms:\r\n", "{}", 400, NULL},
    {"a negative timeout", JSON "Connect-Timeout-Ms: -1\r\n", "{}", 400, NULL},
    {"a timeout of eleven digits", JSON "Connect-Timeout-Ms: 10000000000\r\n", "{}", 400, NULL},
    {"two timeouts", JSON "Connect-Timeout-Ms: 100\r\nConnect-Timeout-Ms: 200\r\n", "{}", 400, NULL},
    {"no time", JSON "Connect-Timeout-Ms: 0\r\n", "{}", 504,
     REFUSED("deadline_exceeded", "the deadline had passed before the call was handled")},
    {"a deadline that passes while the call waits", JSON "Connect-Timeout-Ms: 30\r\n", "{\"action\":\"wait\"}", 504,
     REFUSED("deadline_exceeded", "the deadline passed while the call waited")},
    {"an unknown encoding", JSON "Content-Encoding: br\r\n", "{}", 501,
     REFUSED("unimplemented", "Content-Encoding: this server supports gzip and identity")},
    {"invalid gzip", JSON "Content-Encoding: gzip\r\n", "{}", 400,
     REFUSED("invalid_argument", "the message is not valid gzip")},
    {"a form", "Content-Type: application/x-www-form-urlencoded\r\n", "action=use", 415, NULL},
    {"another charset", "Content-Type: application/json; charset=utf-16\r\n", "{}", 415, NULL},
    {"no type", "", "{}", 415, NULL},
    {"two types", JSON PROTO, "{}", 415, NULL},
    {"the type of a stream", "Content-Type: application/connect+json\r\n", "{}", 415, NULL},
};

static void answers_as_the_protocol_has_it(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct http_reply reply;
        rig_post(rig, CHECK, vectors[i].headers, vectors[i].body, strlen(vectors[i].body), &reply);
        if (reply.status != vectors[i].status ||
            (vectors[i].reply != NULL && strcmp(reply.body, vectors[i].reply) != 0))
            fail_msg("%s: %d %s", vectors[i].what, reply.status, reply.body);
        http_reply_fini(&reply);
        if (rig->has_thread)
            pthread_join(rig->thread, NULL);
        rig->has_thread = false;
    }
}

static const struct {
    int grpc_code, status;
    const char *code;
} failures[] = {
    {1, 499, "canceled"},           {3, 400, "invalid_argument"},    {4, 504, "deadline_exceeded"},
    {5, 404, "not_found"},          {6, 409, "already_exists"},      {7, 403, "permission_denied"},
    {8, 429, "resource_exhausted"}, {9, 400, "failed_precondition"}, {10, 409, "aborted"},
    {11, 400, "out_of_range"},      {12, 501, "unimplemented"},      {13, 500, "internal"},
    {14, 503, "unavailable"},       {15, 500, "data_loss"},          {16, 401, "unauthenticated"},
};

static void gives_each_error_its_code_and_http_status(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(failures); i++) {
        struct http_reply reply;
        char body[64];
        snprintf(body, sizeof(body), "{\"action\":\"fail-%d\"}", failures[i].grpc_code);
        rig_post(rig, CHECK, JSON, body, strlen(body), &reply);
        json_t *json = json_loads(reply.body, 0, NULL);
        assert_int_equal(reply.status, failures[i].status);
        assert_string_equal(json_string_value(json_object_get(json, "code")), failures[i].code);
        assert_string_equal(json_string_value(json_object_get(json, "message")), "it was said: \"no\"");
        assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
        const char *challenge = http_reply_header(&reply, "WWW-Authenticate");
        assert_true((challenge != NULL) == (reply.status == 401));
        json_decref(json);
        http_reply_fini(&reply);
    }
}

static void errors_are_json_for_callers_of_protobuf_too(void **state) {
    struct http_reply reply;
    rig_post(*state, CHECK, PROTO, "\x0a", 1, &reply);
    assert_int_equal(reply.status, 400);
    assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
    http_reply_fini(&reply);
}

static void asks_who_calls_before_it_reads_the_message(void **state) {
    struct rig *rig = *state;
    static const char path[] = "/sallyport.v1.Authorization/Explain";
    struct http_reply reply;
    rig_post(rig, path, JSON, "not JSON", 8, &reply);
    assert_int_equal(reply.status, 401);
    http_reply_fini(&reply);
    rig_post(rig, "/sallyport.v1.Authorization/CheckBatch", JSON, "{}", 2, &reply);
    assert_int_equal(reply.status, 403);
    http_reply_fini(&reply);
    assert_int_equal(atomic_load(&rig->handled), 0);
    rig_post(rig, path, JSON "Authorization: Bearer let-me-in\r\n", "{}", 2, &reply);
    assert_int_equal(reply.status, 200);
    http_reply_fini(&reply);
}

/* A small request is read by the handler, which refuses it in its own words. */
static void reads_nothing_large_or_compressed_of_strangers(void **state) {
    enum { BYTES = SP_CONNECT_UNPROVEN_BYTES + 1 };
    struct rig *rig = *state;
    struct http_reply reply;
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, '[', BYTES);
    const struct {
        const char *headers;
        size_t size;
        int status;
    } tries[] = {
        {JSON "X-Stranger: yes\r\n", BYTES, 401},
        {JSON "X-Stranger: yes\r\nContent-Encoding: gzip\r\n", 10, 401},
        {PROTO "X-Stranger: yes\r\n", BYTES, 401},
        {JSON "X-Stranger: yes\r\n", BYTES - 1, 400},
        {JSON, BYTES, 400},
        {JSON "Content-Encoding: gzip\r\n", 10, 400},
    };
    for (size_t i = 0; i < COUNT(tries); i++) {
        rig_post(rig, CHECK, tries[i].headers, text, tries[i].size, &reply);
        assert_int_equal(reply.status, tries[i].status);
        http_reply_fini(&reply);
    }
    assert_int_equal(atomic_load(&rig->handled), 0);
    free(text);
}

static void serves_only_the_methods_of_the_services_that_it_was_given(void **state) {
    struct http_reply reply;
    rig_post(*state, "/another.Service/Check", JSON, "{}", 2, &reply);
    assert_int_equal(reply.status, 404);
    http_reply_fini(&reply);
    rig_post(*state, "/sallyport.v1.Authorization/Nothing", JSON, "{}", 2, &reply);
    assert_int_equal(reply.status, 404);
    http_reply_fini(&reply);
    http_get(((struct rig *)*state)->port, CHECK, &reply);
    assert_int_equal(reply.status, 405);
    assert_string_equal(http_reply_header(&reply, "Allow"), "POST");
    http_reply_fini(&reply);
}

static void gives_no_page_of_another_origin_leave_to_read(void **state) {
    struct rig *rig = *state;
    struct http_reply reply;
    rig_post(rig, CHECK, JSON "Origin: https://elsewhere.example\r\n", "{}", 2, &reply);
    assert_int_equal(reply.status, 200);
    assert_null(http_reply_header(&reply, "Access-Control-Allow-Origin"));
    http_reply_fini(&reply);
    int fd = http_connect(rig->port);
    http_ask(fd, "OPTIONS " CHECK " HTTP/1.1\r\nHost: localhost\r\nOrigin: https://elsewhere.example\r\n"
                 "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n");
    http_read(fd, false, &reply);
    close(fd);
    assert_int_equal(reply.status, 405);
    assert_null(http_reply_header(&reply, "Access-Control-Allow-Origin"));
    http_reply_fini(&reply);
}

/* ---- compression and size ---- */

static void compresses_a_large_reply_for_those_who_accept_it(void **state) {
    struct http_reply reply;
    struct sp_arena arena;
    struct sp_error error = {0};
    struct sp_bytes text;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 22), SP_OK);
    rig_post(*state, CHECK, JSON "Accept-Encoding: gzip\r\n", "{\"action\":\"large\"}", 18, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(http_reply_header(&reply, "Content-Encoding"), "gzip");
    assert_in_range(reply.body_size, 1, LARGE_BYTES / 10);
    assert_int_equal(sp_connect_gunzip((struct sp_bytes){(const uint8_t *)reply.body, reply.body_size}, 2 * LARGE_BYTES,
                                       &arena, &text, &error),
                     SP_OK);
    assert_int_equal(text.size, LARGE_BYTES + sizeof(ALLOW("")) - 1);
    http_reply_fini(&reply);
    rig_post(*state, CHECK, JSON, "{\"action\":\"large\"}", 18, &reply);
    assert_null(http_reply_header(&reply, "Content-Encoding"));
    assert_int_equal(reply.body_size, LARGE_BYTES + sizeof(ALLOW("")) - 1);
    http_reply_fini(&reply);
    sp_arena_fini(&arena);
}

static void reads_compressed_messages_of_both_kinds(void **state) {
    char text[2000];
    struct sp_bytes compressed;
    struct http_reply reply;
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 22), SP_OK);
    int size = snprintf(text, sizeof(text), "{\"action\":\"use\"%1500s}", "");
    assert_true(sp_connect_gzip((struct sp_bytes){(const uint8_t *)text, (size_t)size}, &arena, &compressed));
    rig_post(*state, CHECK, JSON "Content-Encoding: gzip\r\n", compressed.data, compressed.size, &reply);
    assert_string_equal(reply.body, ALLOW("use"));
    http_reply_fini(&reply);
    /* Field 5, the action, as protobuf. */
    size = snprintf(text, sizeof(text), "\x2a\xe8\x07%01000d", 7);
    assert_true(sp_connect_gzip((struct sp_bytes){(const uint8_t *)text, (size_t)size}, &arena, &compressed));
    rig_post(*state, CHECK, PROTO "Content-Encoding: gzip\r\n", compressed.data, compressed.size, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply.body_size > 1000);
    http_reply_fini(&reply);
    sp_arena_fini(&arena);
}

static void refuses_messages_that_are_too_large_however_they_come(void **state) {
    enum { BYTES = 900 * 1024 };
    struct rig *rig = *state;
    struct http_reply reply;
    struct sp_arena arena;
    struct sp_bytes bomb;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 24), SP_OK);
    char *text = sp_arena_alloc(&arena, BYTES);
    assert_non_null(text);
    memset(text, ' ', BYTES);
    text[0] = '{';
    text[BYTES - 1] = '}';
    assert_true(sp_connect_gzip((struct sp_bytes){(const uint8_t *)text, BYTES}, &arena, &bomb));
    assert_in_range(bomb.size, 1, SP_RPC_REQUEST_BYTES);
    const struct {
        const char *headers;
        const void *body;
        size_t size;
    } tries[] = {
        {JSON, text, BYTES},
        {PROTO, text, SP_RPC_REQUEST_BYTES + 1},
        {JSON "Content-Encoding: gzip\r\n", bomb.data, bomb.size},
        {PROTO "Content-Encoding: gzip\r\n", bomb.data, bomb.size},
    };
    for (size_t i = 0; i < COUNT(tries); i++) {
        rig_post(rig, CHECK, tries[i].headers, tries[i].body, tries[i].size, &reply);
        assert_int_equal(reply.status, 429);
        assert_non_null(strstr(reply.body, "\"resource_exhausted\""));
        http_reply_fini(&reply);
    }
    assert_int_equal(atomic_load(&rig->handled), 0);
    sp_arena_fini(&arena);
}

/* ---- clients and servers that go ---- */

/* Returns the connection of a call that is parked: it was handled twice. */
static int begin_call_that_waits(struct rig *rig) {
    int fd = http_connect(rig->port);
    http_ask(fd,
             "POST " CHECK " HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 17\r\n\r\n{\"action\":\"wait\"}");
    while (atomic_load(&rig->handled) < 2)
        sp_clock_sleep_ms(1);
    return fd;
}

static void a_client_that_has_gone_harms_nobody(void **state) {
    struct rig *rig = *state;
    struct http_reply reply;
    int fd = begin_call_that_waits(rig);
    close(fd);
    rig_post(rig, CHECK, JSON, "{\"action\":\"use\"}", 16, &reply);
    assert_string_equal(reply.body, ALLOW("use"));
    http_reply_fini(&reply);
}

static void a_call_that_waits_keeps_its_message_and_not_its_text(void **state) {
    enum { CALLS = 30, BYTES = 4 * SP_RPC_REQUEST_BYTES };
    struct rig *rig = *state;
    struct sp_arena arena;
    struct sp_bytes body;
    int fds[CALLS];
    char head[256];
    size_t before = 0;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    char *text = sp_arena_alloc(&arena, BYTES);
    assert_non_null(text);
    memset(text, ' ', BYTES);
    memcpy(text, "{\"action\":\"wait\"", 16);
    text[BYTES - 1] = '}';
    assert_true(sp_connect_gzip((struct sp_bytes){(const uint8_t *)text, BYTES}, &arena, &body));
    int size = snprintf(head, sizeof(head),
                        "POST " CHECK " HTTP/1.1\r\nHost: localhost\r\n" JSON
                        "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                        body.size);
    for (size_t i = 0; i < CALLS; i++) {
        int before_it = atomic_load(&begun);
        fds[i] = http_connect(rig->port);
        http_send(fds[i], head, (size_t)size);
        http_send(fds[i], (const char *)body.data, body.size);
        while (atomic_load(&begun) == before_it)
            sp_clock_sleep_ms(1);
        if (i == 0)
            before = heap_in_use();
    }
    assert_true(heap_in_use() <= before + CALLS * (size_t)BYTES);
    for (size_t i = 0; i < CALLS; i++)
        close(fds[i]);
    sp_arena_fini(&arena);
}

static void calls_that_wait_end_when_the_server_stops(void **state) {
    struct rig *rig = *state;
    struct http_reply reply;
    int fd = begin_call_that_waits(rig);
    sp_connect_leave(rig->connect);
    http_read(fd, false, &reply);
    close(fd);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body, "\"unavailable\""));
    http_reply_fini(&reply);
    rig_post(rig, CHECK, JSON, "{}", 2, &reply);
    assert_int_equal(reply.status, 503);
    http_reply_fini(&reply);
}

/* A call that a handler keeps is replied to when everything but its memory is gone. */
static struct sp_rpc_call *kept;

static void keep_call(struct sp_rpc_call *call, void *user) {
    struct rig *rig = user;
    kept = call;
    atomic_fetch_add(&rig->handled, 1);
}

static void a_reply_after_the_end_goes_nowhere(void **state) {
    struct rig rig = {.connect = NULL};
    const struct sp_rpc_method method = {.path = CHECK, .unary = keep_call, .user = &rig};
    (void)state;
    rig_start(&rig, &method, 1, NULL, NULL, note_stopping);
    int fd = http_connect(rig.port);
    http_ask(fd, "POST " CHECK " HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 2\r\n\r\n{}");
    while (atomic_load(&rig.handled) < 1)
        sp_clock_sleep_ms(1);
    sp_http_stop(rig.http, 0);
    sp_http_close(rig.http);
    rig.http = NULL;
    sp_connect_stop(rig.connect);
    assert_int_equal(atomic_load(&rig.stopped), 1);
    reply_with_id(kept, "late");
    close(fd);
    rig_stop(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_as_the_protocol_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_each_error_its_code_and_http_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_are_json_for_callers_of_protobuf_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_who_calls_before_it_reads_the_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_nothing_large_or_compressed_of_strangers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serves_only_the_methods_of_the_services_that_it_was_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_no_page_of_another_origin_leave_to_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compresses_a_large_reply_for_those_who_accept_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_compressed_messages_of_both_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_messages_that_are_too_large_however_they_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_has_gone_harms_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_that_waits_keeps_its_message_and_not_its_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_that_wait_end_when_the_server_stops, set_up, tear_down),
        cmocka_unit_test(a_reply_after_the_end_goes_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
