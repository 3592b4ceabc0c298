/* One rule for the texts of questions, one code for each API: every text of
 * tests/support/question_texts.h, in every field, asked of a running sallyportd in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/text.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "support/authzen.h"
#include "support/envoy.h"
#include "support/question_texts.h"
#include "wire/wire.h"

enum { BYTES_MAX = 4096, ANSWER_BYTES = 64, FRAME_HEAD_BYTES = 5, FRAME_END = 2 };

static struct programs programs;
static int port;
static char key[PROGRAMS_KEY_BYTES];

static int make_world(void **state) {
    (void)state;
    struct caller admin;
    char admin_key[PROGRAMS_KEY_BYTES];
    sp_rpc_global_init();
    programs_start(&programs, NULL);
    port = authzen_port(&programs.server);
    programs_workspace(&programs, "w1", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "u1", key);
    caller_close(&admin);
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* A question's texts, of which one is from the table. */
struct texts {
    struct sp_str of[QUESTION_TEXT_FIELDS];
};

static struct texts good_texts(void) {
    return (struct texts){{
        [QUESTION_TEXT_KEY] = sp_str_from(key),
        [QUESTION_TEXT_TYPE] = SP_STR_LITERAL("voice"),
        [QUESTION_TEXT_ACTION] = SP_STR_LITERAL("use"),
        [QUESTION_TEXT_ID] = SP_STR_LITERAL("v1"),
        [QUESTION_TEXT_WORKSPACE] = SP_STR_LITERAL("w1"),
    }};
}

/* ---- protobuf by hand, since a C string cannot hold a NUL ---- */

struct bytes {
    uint8_t data[BYTES_MAX];
    size_t size;
};

static void put_varint(struct bytes *to, size_t value) {
    for (; value >= 0x80; value >>= 7)
        to->data[to->size++] = (uint8_t)(value | 0x80);
    to->data[to->size++] = (uint8_t)value;
}

static void put_field(struct bytes *to, unsigned number, const void *data, size_t size) {
    assert_true(to->size + size + 10 < BYTES_MAX);
    put_varint(to, number << 3 | 2);
    put_varint(to, size);
    if (size > 0)
        memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void put_text(struct bytes *to, unsigned number, struct sp_str text) {
    put_field(to, number, text.data, text.size);
}

static void put_message(struct bytes *to, unsigned number, const struct bytes *message) {
    put_field(to, number, message->data, message->size);
}

/* The fields of CheckRequest and CheckItem up to the action have the same numbers; so has the
 * workspace. */
static struct bytes make_check(const struct texts *texts) {
    struct bytes check = {.size = 0}, resource = {.size = 0};
    put_text(&resource, 1, texts->of[QUESTION_TEXT_TYPE]);
    put_text(&resource, 2, texts->of[QUESTION_TEXT_ID]);
    put_text(&check, 1, texts->of[QUESTION_TEXT_KEY]);
    put_message(&check, 4, &resource);
    put_text(&check, 5, texts->of[QUESTION_TEXT_ACTION]);
    put_text(&check, 6, texts->of[QUESTION_TEXT_WORKSPACE]);
    return check;
}

static struct bytes make_batch(const struct texts *texts) {
    struct bytes batch = {.size = 0};
    const struct texts good = good_texts();
    const struct bytes check = make_check(texts), other = make_check(&good);
    put_message(&batch, 5, &other);
    put_message(&batch, 5, &check);
    return batch;
}

static void ask_call(const char *method, const struct bytes *request, char ret_answer[static ANSWER_BYTES]) {
    struct sp_bytes reply;
    sp_arena_reset(&programs.checker.arena);
    enum sp_status status =
        caller_raw(&programs.checker, method, (struct sp_bytes){request->data, request->size}, &reply);
    snprintf(ret_answer, ANSWER_BYTES, "%s", status == SP_OK ? "an answer" : sp_status_name(status));
}

/* ---- each way ---- */

static void ask_check(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    const struct bytes check = make_check(texts);
    ask_call("/sallyport.v1.Authorization/Check", &check, ret_answer);
}

static void ask_batch(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    const struct bytes batch = make_batch(texts);
    ask_call("/sallyport.v1.Authorization/CheckBatch", &batch, ret_answer);
}

static void ask_explain(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    struct bytes explain = {.size = 0};
    const struct bytes check = make_check(texts);
    put_message(&explain, 1, &check);
    ask_call("/sallyport.v1.Authorization/Explain", &explain, ret_answer);
}

static enum sp_status receive(struct sp_rpc_stream *stream, const ProtobufCMessageDescriptor *descriptor,
                              ProtobufCMessage **ret_message) {
    struct sp_bytes bytes;
    struct sp_error error = {0};
    enum sp_status status = sp_rpc_stream_receive(stream, &programs.checker.arena, &bytes, &error);
    if (status == SP_OK)
        assert_int_equal(sp_wire_unpack(descriptor, bytes, &programs.checker.arena, ret_message, &error), SP_OK);
    return status;
}

static struct sp_rpc_stream *open_stream(const char *method) {
    struct sp_rpc_stream *stream;
    struct sp_error error = {0};
    sp_arena_reset(&programs.checker.arena);
    assert_int_equal(sp_rpc_stream_open(programs.checker.client, method, &stream, &error), SP_OK);
    return stream;
}

static void send_bytes(struct sp_rpc_stream *stream, const struct bytes *message) {
    struct sp_error error = {0};
    assert_int_equal(sp_rpc_stream_send(stream, (struct sp_bytes){message->data, message->size}, &error), SP_OK);
}

/* The message, and then a good one, which must be answered whatever became of the first. */
static void ask_stream(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    struct sp_rpc_stream *stream = open_stream("/sallyport.v1.Authorization/CheckStream");
    const struct texts all[] = {*texts, good_texts()};
    for (unsigned i = 0; i < 2; i++) {
        struct bytes message = {.data = {1 << 3, (uint8_t)(7 + i)}, .size = 2};
        const struct bytes batch = make_batch(&all[i]);
        ProtobufCMessage *unpacked;
        put_message(&message, 2, &batch);
        send_bytes(stream, &message);
        enum sp_status status = receive(stream, &sallyport__v1__check_stream_response__descriptor, &unpacked);
        if (status != SP_OK) {
            snprintf(ret_answer, ANSWER_BYTES, "the stream's end: %s", sp_status_name(status));
            break;
        }
        const Sallyport__V1__CheckStreamResponse *response = (const Sallyport__V1__CheckStreamResponse *)unpacked;
        assert_int_equal(response->correlation_id, 7 + i);
        if (i == 1)
            assert_int_equal(response->error_code, 0);
        else if (response->error_code == 0)
            snprintf(ret_answer, ANSWER_BYTES, "an answer");
        else
            snprintf(ret_answer, ANSWER_BYTES, "%u in its place", response->error_code);
    }
    sp_rpc_stream_close(stream);
}

/* As JSON: control characters escaped, all else as it is. */
static void put_json_text(FILE *out, struct sp_str text) {
    fputc('"', out);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == '"' || c == '\\')
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_json_item(FILE *out, const struct texts *texts) {
    static const struct {
        const char *before;
        enum question_text_field field;
    } parts[] = {{"{\"apiKey\": ", QUESTION_TEXT_KEY},
                 {", \"resource\": {\"type\": ", QUESTION_TEXT_TYPE},
                 {", \"id\": ", QUESTION_TEXT_ID},
                 {"}, \"action\": ", QUESTION_TEXT_ACTION},
                 {", \"workspace\": ", QUESTION_TEXT_WORKSPACE}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        fputs(parts[i].before, out);
        put_json_text(out, texts->of[parts[i].field]);
    }
    fputs("}", out);
}

/* A frame of a stream: a good item and that one. */
static void put_json_frame(FILE *out, unsigned id, const struct texts *texts) {
    const struct texts good = good_texts();
    uint8_t head[FRAME_HEAD_BYTES] = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *message = open_memstream(&text, &size);
    assert_non_null(message);
    fprintf(message, "{\"batch\": {\"items\": [");
    put_json_item(message, &good);
    fputs(", ", message);
    put_json_item(message, texts);
    fprintf(message, "]}, \"correlationId\": \"%u\"}", id);
    assert_int_equal(fclose(message), 0);
    sp_store_be32(head + 1, (uint32_t)size);
    assert_int_equal(fwrite(head, 1, sizeof(head), out), sizeof(head));
    assert_int_equal(fwrite(text, 1, size, out), size);
    free(text);
}

/* The same two messages as over gRPC, as Connect's stream of JSON. */
static void post_json_stream(const struct texts *texts, struct http_reply *ret_reply) {
    const struct texts good = good_texts();
    char head[256], *body = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&body, &size);
    assert_non_null(out);
    put_json_frame(out, 7, texts);
    put_json_frame(out, 8, &good);
    assert_int_equal(fclose(out), 0);
    snprintf(head, sizeof(head),
             "POST /sallyport.v1.Authorization/CheckStream HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/connect+json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
             size);
    int fd = http_connect(port);
    http_ask(fd, head);
    http_send(fd, body, size);
    http_read(fd, false, ret_reply);
    close(fd);
    free(body);
    assert_int_equal(ret_reply->status, 200);
}

/* Takes a frame of the reply. */
static json_t *take_json_frame(const struct http_reply *reply, size_t *at, unsigned *ret_flags) {
    assert_in_range(*at + FRAME_HEAD_BYTES, 0, reply->body_size);
    const uint8_t *head = (const uint8_t *)reply->body + *at;
    size_t size = sp_load_be32(head + 1);
    *at += FRAME_HEAD_BYTES;
    assert_in_range(*at + size, 0, reply->body_size);
    json_t *json = json_loadb(reply->body + *at, size, 0, NULL);
    assert_non_null(json);
    *at += size;
    *ret_flags = head[0];
    return json;
}

static void ask_json_stream(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    struct http_reply reply;
    size_t at = 0;
    unsigned flags = 0;
    post_json_stream(texts, &reply);
    for (unsigned i = 0; i < 3; i++) {
        json_t *json = take_json_frame(&reply, &at, &flags);
        const char *id = json_string_value(json_object_get(json, "correlationId"));
        int code = (int)json_integer_value(json_object_get(json, "errorCode"));
        if (flags != 0 && i < 2)
            snprintf(ret_answer, ANSWER_BYTES, "the stream's end after %u messages", i);
        else if (i == 0 && code == 0)
            snprintf(ret_answer, ANSWER_BYTES, "an answer");
        else if (i == 0)
            snprintf(ret_answer, ANSWER_BYTES, "%d in its place", code);
        if (flags == 0) {
            assert_string_equal(id, i == 0 ? "7" : "8");
            assert_true(i == 0 || code == 0);
        }
        json_decref(json);
        if (flags != 0)
            break;
    }
    assert_int_equal(flags, FRAME_END);
    http_reply_fini(&reply);
}

static void ask_list(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    struct sp_rpc_stream *stream = open_stream("/sallyport.v1.Authorization/ListResources");
    struct bytes request = {.size = 0};
    ProtobufCMessage *unpacked;
    struct sp_error error = {0};
    put_text(&request, 1, texts->of[QUESTION_TEXT_KEY]);
    put_text(&request, 5, texts->of[QUESTION_TEXT_TYPE]);
    put_text(&request, 6, texts->of[QUESTION_TEXT_ACTION]);
    put_text(&request, 7, texts->of[QUESTION_TEXT_WORKSPACE]);
    send_bytes(stream, &request);
    (void)!sp_rpc_stream_done_sending(stream, &error);
    enum sp_status status = receive(stream, &sallyport__v1__list_allowed_resources_response__descriptor, &unpacked);
    snprintf(ret_answer, ANSWER_BYTES, "%s", status == SP_OK ? "an answer" : sp_status_name(status));
    sp_rpc_stream_close(stream);
}

static void put_evaluation(FILE *out, const struct texts *texts) {
    static const struct {
        const char *before;
        enum question_text_field field;
    } parts[] = {
        {"{\"subject\": {\"type\": \"api_key\", \"id\": ", QUESTION_TEXT_KEY},
        {"}, \"resource\": {\"type\": ", QUESTION_TEXT_TYPE},
        {", \"id\": ", QUESTION_TEXT_ID},
        {", \"properties\": {\"workspace\": ", QUESTION_TEXT_WORKSPACE},
        {"}}, \"action\": {\"name\": ", QUESTION_TEXT_ACTION},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        fputs(parts[i].before, out);
        put_json_text(out, texts->of[parts[i].field]);
    }
    fputs("}}", out);
}

static void post(const char *path, const char *body, struct authzen_reply *ret_reply) {
    authzen_post(port, &(struct authzen_request){.path = path, .body = body}, ret_reply);
}

static void ask_evaluation(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    struct authzen_reply reply;
    char *body = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&body, &size);
    assert_non_null(out);
    put_evaluation(out, texts);
    assert_int_equal(fclose(out), 0);
    post("/access/v1/evaluation", body, &reply);
    if (json_is_boolean(json_object_get(reply.json, "decision")))
        snprintf(ret_answer, ANSWER_BYTES, "an answer");
    else
        snprintf(ret_answer, ANSWER_BYTES, "%d", reply.http.status);
    free(body);
    authzen_reply_fini(&reply);
}

/* The evaluation between two good ones. */
static void ask_evaluations(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    const struct texts good = good_texts();
    const struct texts *const all[] = {&good, texts, &good};
    struct authzen_reply reply;
    char *body = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&body, &size);
    assert_non_null(out);
    for (size_t i = 0; i < 3; i++) {
        fputs(i == 0 ? "{\"evaluations\": [" : ", ", out);
        put_evaluation(out, all[i]);
    }
    fputs("]}", out);
    assert_int_equal(fclose(out), 0);
    post("/access/v1/evaluations", body, &reply);
    const json_t *answers = json_object_get(reply.json, "evaluations");
    if (reply.http.status != 200) {
        snprintf(ret_answer, ANSWER_BYTES, "%d", reply.http.status);
    } else {
        assert_int_equal(json_array_size(answers), 3);
        for (size_t i = 0; i < 3; i += 2)
            assert_null(json_object_get(json_object_get(json_array_get(answers, i), "context"), "error"));
        const json_t *error = json_object_get(json_object_get(json_array_get(answers, 1), "context"), "error");
        if (error == NULL)
            snprintf(ret_answer, ANSWER_BYTES, "an answer");
        else
            snprintf(ret_answer, ANSWER_BYTES, "%d in its place",
                     (int)json_integer_value(json_object_get(error, "status")));
    }
    free(body);
    authzen_reply_fini(&reply);
}

static void put_entry(struct bytes *to, unsigned number, const char *name, struct sp_str value) {
    struct bytes entry = {.size = 0};
    put_text(&entry, 1, sp_str_from(name));
    put_text(&entry, 2, value);
    put_message(to, number, &entry);
}

static void ask_gateway(const struct texts *texts, char ret_answer[static ANSWER_BYTES]) {
    struct bytes http = {.size = 0}, inner = {.size = 0}, attributes = {.size = 0}, request = {.size = 0};
    struct sp_bytes reply;
    char text[ENVOY_REPLY_TEXT_BYTES];
    put_text(&http, 2, SP_STR_LITERAL("GET"));
    put_entry(&http, 3, "x-api-key", texts->of[QUESTION_TEXT_KEY]);
    put_text(&http, 4, SP_STR_LITERAL("/"));
    put_message(&inner, 2, &http);
    put_message(&attributes, 4, &inner);
    put_entry(&attributes, 10, "resource_type", texts->of[QUESTION_TEXT_TYPE]);
    put_entry(&attributes, 10, "resource_id", texts->of[QUESTION_TEXT_ID]);
    put_entry(&attributes, 10, "action", texts->of[QUESTION_TEXT_ACTION]);
    put_entry(&attributes, 10, "workspace", texts->of[QUESTION_TEXT_WORKSPACE]);
    put_message(&request, 1, &attributes);
    sp_arena_reset(&programs.checker.arena);
    assert_int_equal(caller_raw(&programs.checker, "/envoy.service.auth.v3.Authorization/Check",
                                (struct sp_bytes){request.data, request.size}, &reply),
                     SP_OK);
    assert_true(envoy_describe(reply, &programs.checker.arena, text));
    const char *reason = strstr(text, "reason=");
    assert_non_null(reason);
    snprintf(ret_answer, ANSWER_BYTES, "%.*s", (int)strcspn(reason + 7, "\n"), reason + 7);
}

/* ---- the table ---- */

static const struct {
    enum question_dialect dialect;
    void (*ask)(const struct texts *texts, char ret_answer[static ANSWER_BYTES]);
    unsigned fields; /* that it has */
} ways[] = {
    {QUESTION_CHECK, ask_check, QT_ALL},           {QUESTION_BATCH, ask_batch, QT_ALL},
    {QUESTION_STREAM, ask_stream, QT_ALL},         {QUESTION_STREAM_JSON, ask_json_stream, QT_ALL},
    {QUESTION_EXPLAIN, ask_explain, QT_ALL},       {QUESTION_LIST, ask_list, QT_ALL & ~QT_BIT(ID)},
    {QUESTION_EVALUATION, ask_evaluation, QT_ALL}, {QUESTION_EVALUATIONS, ask_evaluations, QT_ALL},
};

static void every_api_takes_and_refuses_the_same_texts_with_its_one_code(void **state) {
    (void)state;
    for (unsigned i = 0; i < QUESTION_TEXTS * QUESTION_TEXT_FIELDS; i++) {
        const struct question_text *row = &question_texts[i / QUESTION_TEXT_FIELDS];
        unsigned field = i % QUESTION_TEXT_FIELDS, bit = 1U << field;
        struct texts texts = good_texts();
        texts.of[field] = (struct sp_str){row->text, row->size};
        for (size_t way = 0; way < sizeof(ways) / sizeof(*ways) && (row->fields & bit) != 0; way++) {
            char answer[ANSWER_BYTES] = "";
            const char *refusal = question_dialects[ways[way].dialect].refusal;
            if ((ways[way].fields & bit) == 0)
                continue;
            if (ways[way].dialect == QUESTION_EVALUATIONS && !sp_text_is_utf8(texts.of[field]))
                refusal = "400"; /* no JSON */
            ways[way].ask(&texts, answer);
            const char *expected = (row->refused & bit) != 0 ? refusal : "an answer";
            if (strcmp(answer, expected) != 0)
                fail_msg("%s, field %u, %s: %s instead of %s", question_dialects[ways[way].dialect].name, field,
                         row->name, answer, expected);
        }
    }
}

/* A header is trimmed and may hold several keys, so that of blanks and of nothing there is no
 * key. */
static void a_gateway_is_denied_with_one_reason_for_what_may_not_be_asked(void **state) {
    (void)state;
    for (unsigned i = 0; i < QUESTION_TEXTS * QUESTION_TEXT_FIELDS; i++) {
        const struct question_text *row = &question_texts[i / QUESTION_TEXT_FIELDS];
        unsigned field = i % QUESTION_TEXT_FIELDS, bit = 1U << field;
        struct texts texts = good_texts();
        char answer[ANSWER_BYTES] = "";
        if ((row->fields & row->refused & bit) == 0)
            continue;
        texts.of[field] = (struct sp_str){row->text, row->size};
        ask_gateway(&texts, answer);
        const char *expected =
            question_dialects[field == QUESTION_TEXT_KEY ? QUESTION_GATEWAY_KEY : QUESTION_GATEWAY_ROUTE].refusal;
        if (field == QUESTION_TEXT_KEY && row->size == 0)
            expected = "CREDENTIAL_MISSING";
        if (strcmp(answer, expected) != 0)
            fail_msg("field %u, %s: %s instead of %s", field, row->name, answer, expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_api_takes_and_refuses_the_same_texts_with_its_one_code),
        cmocka_unit_test(a_gateway_is_denied_with_one_reason_for_what_may_not_be_asked),
    };
    return cmocka_run_group_tests_name("one_rule", tests, make_world, remove_world);
}
