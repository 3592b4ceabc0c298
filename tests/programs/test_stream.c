/* CheckStream as a client sees it: order, correlation, mistakes in their place, and a client that
 * does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sallyport/v1/authorization.pb-c.h"
#include "support/programs.h"
#include "wire/wire.h"

static struct programs programs;
static struct caller admin;
static char admin_key[PROGRAMS_KEY_BYTES], key[PROGRAMS_KEY_BYTES];

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    programs_start(&programs, NULL);
    programs_workspace(&programs, "w1", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "bob", key);
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}");
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

static struct sp_rpc_stream *open_stream(void) {
    struct sp_rpc_stream *stream;
    struct sp_error error = {0};
    if (sp_rpc_stream_open(programs.checker.client, "/sallyport.v1.Authorization/CheckStream", &stream, &error) !=
        SP_OK)
        fail_msg("%s", error.message);
    return stream;
}

static enum sp_status send_json(struct sp_rpc_stream *stream, const char *format, ...) SP_PRINTF(2, 3);
static enum sp_status send_json(struct sp_rpc_stream *stream, const char *format, ...) {
    char text[2048];
    struct sp_bytes bytes;
    struct sp_error error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    sp_arena_reset(&programs.checker.arena);
    assert_true(caller_pack(&programs.checker, "Authorization/CheckStream", text, &bytes));
    return sp_rpc_stream_send(stream, bytes, &error);
}

/* The next answer, in the checker's arena; NULL where the stream ended with *ret_status. */
static const Sallyport__V1__CheckStreamResponse *next(struct sp_rpc_stream *stream, enum sp_status *ret_status) {
    struct sp_bytes bytes;
    struct sp_error error = {0};
    ProtobufCMessage *message;
    *ret_status = sp_rpc_stream_receive(stream, &programs.checker.arena, &bytes, &error);
    if (*ret_status != SP_OK)
        return NULL;
    assert_int_equal(sp_wire_unpack(&sallyport__v1__check_stream_response__descriptor, bytes, &programs.checker.arena,
                                    &message, &error),
                     SP_OK);
    return (const Sallyport__V1__CheckStreamResponse *)message;
}

static void answers_each_message_in_order_with_its_correlation_id(void **state) {
    (void)state;
    struct sp_rpc_stream *stream = open_stream();
    enum sp_status status;
    for (unsigned i = 0; i < 2000; i++) {
        const char *action = i % 2 == 0 ? "preview" : "nonesuch";
        assert_int_equal(
            send_json(stream,
                      "{'correlationId': '%u', 'batch': {'apiKey': '%s', 'items': [{'resource': {'type': "
                      "'voice'}, 'action': '%s'}, {'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}]}}",
                      i + 7, key, action),
            SP_OK);
        const Sallyport__V1__CheckStreamResponse *answer = next(stream, &status);
        assert_non_null(answer);
        assert_int_equal(answer->correlation_id, i + 7);
        assert_int_equal(answer->error_code, 0);
        assert_int_equal(answer->batch->n_results, 2);
        assert_int_equal(answer->batch->results[0]->reason,
                         i % 2 == 0 ? SALLYPORT__V1__REASON__ALLOWED : SALLYPORT__V1__REASON__ACTION_UNKNOWN);
        assert_int_equal(answer->batch->results[1]->reason, SALLYPORT__V1__REASON__NOT_SHARED);
        assert_non_null(answer->batch->revision);
    }
    struct sp_error error;
    assert_int_equal(sp_rpc_stream_done_sending(stream, &error), SP_OK);
    assert_null(next(stream, &status));
    assert_int_equal(status, SP_STREAM_END);
    sp_rpc_stream_close(stream);
}

static void a_mistake_is_answered_in_its_place_and_the_stream_goes_on(void **state) {
    (void)state;
    static const struct {
        const char *batch;
        enum sp_status status;
        const char *message;
    } rows[] = {
        {"{'items': [{'resource': {'type': 'voice'}, 'action': 'preview'}]}", SP_ERR_INVALID, "api_key"},
        {"{'apiKey': 'x', 'items': []}", SP_ERR_INVALID, "items"},
        {"{'apiKey': 'x', 'ip': '1.2.3', 'items': [{'resource': {'type': 'voice'}, 'action': 'preview'}]}",
         SP_ERR_INVALID, "ip"},
        {"{'apiKey': 'x', 'minRevision': {'epoch': '1', 'number': '999999'}, 'items': [{'resource': {'type': 'voice'}, "
         "'action': 'preview'}]}",
         SP_ERR_UNAVAILABLE, "min_revision"},
        {"{'apiKey': 'x', 'minRevision': {'epoch': '77', 'number': '1'}, 'items': [{'resource': {'type': 'voice'}, "
         "'action': 'preview'}]}",
         SP_ERR_PRECONDITION, "epoch"},
    };
    struct sp_rpc_stream *stream = open_stream();
    enum sp_status status;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(send_json(stream, "{'correlationId': '%zu', 'batch': %s}", i + 1, rows[i].batch), SP_OK);
        const Sallyport__V1__CheckStreamResponse *answer = next(stream, &status);
        assert_non_null(answer);
        assert_int_equal(answer->correlation_id, i + 1);
        assert_null(answer->batch);
        assert_int_equal(answer->error_code, sp_status_to_grpc(rows[i].status));
        if (strstr(answer->error, rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, answer->error);
    }
    assert_int_equal(send_json(stream, "{'correlationId': '99'}"), SP_OK);
    const Sallyport__V1__CheckStreamResponse *answer = next(stream, &status);
    assert_non_null(answer);
    assert_int_equal(answer->error_code, sp_status_to_grpc(SP_ERR_INVALID));
    sp_rpc_stream_close(stream);
}

/* What protobuf's own readers refuse: the other messages are answered all the same. */
static void a_message_that_cannot_be_read_is_answered_by_its_id(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct sp_bytes bytes;
        uint64_t id;
    } rows[] = {
#define ROW(name, literal, id) {name, {(const uint8_t *)(literal), sizeof(literal) - 1}, id}
        ROW("a NUL in a key",
            "\x08\x07\x12\x05\x0a\x03"
            "a\0b",
            7),
        ROW("bad UTF-8 in a key", "\x08\x07\x12\x05\x0a\x03\xff\xfe\xfd", 7),
        ROW("the id behind it", "\x12\x05\x0a\x03\xff\xfe\xfd\x08\x96\x01", 150),
        ROW("no id", "\x12\x05\x0a\x03\xff\xfe\xfd", 0),
        ROW("a NUL in an item's action",
            "\x08\x07\x12\x06\x2a\x04\x2a\x02"
            "a\0",
            7),
        ROW("a batch that is cut inside", "\x08\x07\x12\x02\x0a\x7f", 7),
        ROW("a batch given twice", "\x08\x07\x12\x02\x0a\0\x12\x02\x0a\0", 7),
#undef ROW
    };
    struct sp_rpc_stream *stream = open_stream();
    struct sp_error error;
    enum sp_status status;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(sp_rpc_stream_send(stream, rows[i].bytes, &error), SP_OK);
        const Sallyport__V1__CheckStreamResponse *answer = next(stream, &status);
        if (answer == NULL)
            fail_msg("%s: the stream ended with %s", rows[i].name, sp_status_name(status));
        assert_int_equal(answer->correlation_id, rows[i].id);
        assert_int_equal(answer->error_code, sp_status_to_grpc(SP_ERR_INVALID));
        assert_null(answer->batch);
        assert_int_not_equal(answer->error[0], '\0');
        sp_arena_reset(&programs.checker.arena);
    }
    assert_int_equal(send_json(stream,
                               "{'correlationId': '8', 'batch': {'apiKey': '%s', 'items': [{'resource': {'type': "
                               "'voice'}, 'action': 'preview'}]}}",
                               key),
                     SP_OK);
    const Sallyport__V1__CheckStreamResponse *answer = next(stream, &status);
    assert_non_null(answer);
    assert_int_equal(answer->correlation_id, 8);
    assert_int_equal(answer->batch->results[0]->reason, SALLYPORT__V1__REASON__ALLOWED);
    sp_rpc_stream_close(stream);
}

static void bytes_without_an_id_end_the_stream(void **state) {
    (void)state;
    static const struct sp_bytes rows[] = {
        {(const uint8_t *)"\x08\x07\x12\x7f\x0a", 5},         /* the batch is longer than the message */
        {(const uint8_t *)"\x08\x07\x08\x07", 4},             /* two ids */
        {(const uint8_t *)"\x0a\x01\x07\x12\x02\x0a\x00", 7}, /* an id that is a text */
        {(const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}, /* larger than any number */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_rpc_stream *stream = open_stream();
        struct sp_error error;
        enum sp_status status;
        assert_int_equal(sp_rpc_stream_send(stream, rows[i], &error), SP_OK);
        if (next(stream, &status) != NULL)
            fail_msg("row %zu is answered", i);
        assert_int_equal(status, SP_ERR_INVALID);
        sp_rpc_stream_close(stream);
    }
}

static void garbage_ends_the_stream_and_the_next_call_is_answered(void **state) {
    (void)state;
    struct sp_rpc_stream *stream = open_stream();
    struct sp_error error;
    enum sp_status status;
    assert_int_equal(sp_rpc_stream_send(stream, (struct sp_bytes){(const uint8_t *)"\xff\xff", 2}, &error), SP_OK);
    assert_null(next(stream, &status));
    assert_int_equal(status, SP_ERR_INVALID);
    sp_rpc_stream_close(stream);
    assert_string_equal(check_reason(&programs.checker, key, "voice", "", "preview"), "ALLOWED");
}

static void a_client_that_leaves_in_the_middle_harms_nobody(void **state) {
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct sp_rpc_stream *stream = open_stream();
        for (unsigned j = 0; j < i % 5; j++)
            (void)!send_json(
                stream, "{'batch': {'apiKey': '%s', 'items': [{'resource': {'type': 'voice'}, 'action': 'preview'}]}}",
                key);
        sp_rpc_stream_close(stream);
    }
    assert_string_equal(check_reason(&programs.checker, key, "voice", "", "preview"), "ALLOWED");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_each_message_in_order_with_its_correlation_id),
        cmocka_unit_test(a_mistake_is_answered_in_its_place_and_the_stream_goes_on),
        cmocka_unit_test(a_message_that_cannot_be_read_is_answered_by_its_id),
        cmocka_unit_test(bytes_without_an_id_end_the_stream),
        cmocka_unit_test(garbage_ends_the_stream_and_the_next_call_is_answered),
        cmocka_unit_test(a_client_that_leaves_in_the_middle_harms_nobody),
    };
    return cmocka_run_group_tests_name("stream", tests, make_world, remove_world) > 0 ? 1 : 0;
}
