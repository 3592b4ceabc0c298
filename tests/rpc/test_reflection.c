#include <stdint.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rig.h"
#include "sallyport/descriptor/v1/descriptor.pb-c.h"
#include "wire/wire.h"

extern const unsigned char sp_embedded_server_descriptors_bytes[];
extern const unsigned long sp_embedded_server_descriptors_size;

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

#define ASKS(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define ANSWERS(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

static const char *const versions[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
};

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static const struct sp_rpc_method methods[] = {
    {.path = "/sallyport.v1.Authorization/Check", .unary = echo},
    {.path = "/sallyport.v1.Authorization/Explain", .unary = echo},
};

struct fixture {
    struct rig rig;
    struct sp_rpc_client *client;
    struct sp_rpc_stream *stream;
};

static int set_up(void **state) {
    static struct fixture fixture;
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = loopback, .listen_count = 1, .workers = 1};
    const struct sp_bytes set = {sp_embedded_server_descriptors_bytes, sp_embedded_server_descriptors_size};
    struct rig *rig = &fixture.rig;
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 64 << 20), SP_OK);
    assert_int_equal(sp_rpc_server_open(&options, methods, COUNT(methods), set, &rig->server, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
    fixture.client = rig_client(rig, 0);
    fixture.stream = NULL;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    sp_rpc_stream_close(fixture->stream);
    sp_rpc_client_close(fixture->client);
    rig_stop(&fixture->rig);
    return 0;
}

static void open_version(struct fixture *fixture, size_t version) {
    struct rig *rig = &fixture->rig;
    sp_rpc_stream_close(fixture->stream);
    assert_int_equal(sp_rpc_stream_open(fixture->client, versions[version], &fixture->stream, &rig->error), SP_OK);
}

static const response_message *ask(struct fixture *fixture, const request_message *request) {
    struct rig *rig = &fixture->rig;
    struct sp_bytes bytes;
    ProtobufCMessage *message;
    assert_int_equal(sp_wire_pack(&request->base, &rig->arena, &bytes), SP_OK);
    assert_int_equal(sp_rpc_stream_send(fixture->stream, bytes, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(fixture->stream, &rig->arena, &bytes, &rig->error), SP_OK);
    assert_int_equal(sp_wire_unpack(&grpc__reflection__v1__server_reflection_response__descriptor, bytes, &rig->arena,
                                    &message, &rig->error),
                     SP_OK);
    return (const response_message *)message;
}

static request_message request_of(struct fixture *fixture, int what, const char *text) {
    request_message request;
    grpc__reflection__v1__server_reflection_request__init(&request);
    request.message_request_case = (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)what;
    request.file_by_filename = sp_arena_strdup(&fixture->rig.arena, sp_str_from(text));
    return request;
}

/* "name" of the i-th file of an answer. */
static const char *file_name(struct fixture *fixture, const response_message *response, size_t i) {
    const ProtobufCBinaryData *bytes = &response->file_descriptor_response->file_descriptor_proto[i];
    ProtobufCMessage *message;
    assert_int_equal(sp_wire_unpack_trusted(&sallyport__descriptor__v1__file__descriptor,
                                            (struct sp_bytes){bytes->data, bytes->len}, &fixture->rig.arena, &message),
                     SP_OK);
    return ((const Sallyport__Descriptor__V1__File *)message)->name;
}

static bool answer_holds_file(struct fixture *fixture, const response_message *response, const char *name) {
    for (size_t i = 0; i < response->file_descriptor_response->n_file_descriptor_proto; i++) {
        if (strcmp(file_name(fixture, response, i), name) == 0) {
            return true;
        }
    }
    return false;
}

static void lists_the_services_of_the_server(void **state) {
    static const char *const expected[] = {
        "sallyport.v1.Authorization",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    };
    struct fixture *fixture = *state;
    for (size_t version = 0; version < COUNT(versions); version++) {
        open_version(fixture, version);
        request_message request = request_of(fixture, ASKS(LIST_SERVICES), "*");
        const response_message *response = ask(fixture, &request);
        assert_int_equal(response->message_response_case, ANSWERS(LIST_SERVICES_RESPONSE));
        assert_int_equal(response->list_services_response->n_service, COUNT(expected));
        for (size_t i = 0; i < COUNT(expected); i++) {
            assert_string_equal(response->list_services_response->service[i]->name, expected[i]);
        }
        assert_string_equal(response->original_request->list_services, "*");
    }
}

static void finds_the_file_of_each_kind_of_symbol(void **state) {
    static const struct {
        const char *symbol;
        const char *file;
    } cases[] = {
        {"sallyport.v1.Authorization", "sallyport/v1/authorization.proto"},
        {"sallyport.v1.Authorization.Check", "sallyport/v1/authorization.proto"},
        {"grpc.health.v1.HealthCheckRequest", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckRequest.service", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.Health.Watch", "grpc/health/v1/health.proto"},
        {"grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"},
        {"grpc.reflection.v1.ErrorResponse.error_code", "grpc/reflection/v1/reflection.proto"},
    };
    struct fixture *fixture = *state;
    open_version(fixture, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        request_message request = request_of(fixture, ASKS(FILE_CONTAINING_SYMBOL), cases[i].symbol);
        const response_message *response = ask(fixture, &request);
        assert_int_equal(response->message_response_case, ANSWERS(FILE_DESCRIPTOR_RESPONSE));
        assert_string_equal(file_name(fixture, response, 0), cases[i].file);
        assert_string_equal(response->original_request->file_containing_symbol, cases[i].symbol);
    }
}

/* What a client needs to build the types: every import of every file is in the answer, and nothing
 * is there twice. */
static void answers_a_file_with_all_that_it_imports(void **state) {
    struct fixture *fixture = *state;
    open_version(fixture, 1);
    request_message request = request_of(fixture, ASKS(FILE_BY_FILENAME), "sallyport/v1/authorization.proto");
    const response_message *response = ask(fixture, &request);
    assert_int_equal(response->message_response_case, ANSWERS(FILE_DESCRIPTOR_RESPONSE));
    const Grpc__Reflection__V1__FileDescriptorResponse *files = response->file_descriptor_response;
    assert_string_equal(file_name(fixture, response, 0), "sallyport/v1/authorization.proto");
    for (size_t i = 0; i < files->n_file_descriptor_proto; i++) {
        ProtobufCMessage *message;
        const ProtobufCBinaryData *bytes = &files->file_descriptor_proto[i];
        assert_int_equal(sp_wire_unpack_trusted(&sallyport__descriptor__v1__file__descriptor,
                                                (struct sp_bytes){bytes->data, bytes->len}, &fixture->rig.arena,
                                                &message),
                         SP_OK);
        const Sallyport__Descriptor__V1__File *file = (const Sallyport__Descriptor__V1__File *)message;
        for (size_t n = 0; n < file->n_dependency; n++) {
            assert_true(answer_holds_file(fixture, response, file->dependency[n]));
        }
        for (size_t n = i + 1; n < files->n_file_descriptor_proto; n++) {
            assert_string_not_equal(file_name(fixture, response, n), file->name);
        }
    }
}

static void answers_what_it_lacks_with_not_found_and_goes_on(void **state) {
    static const struct {
        int what;
        const char *text;
    } cases[] = {
        {ASKS(FILE_BY_FILENAME), "sallyport/v1/nothing.proto"},
        {ASKS(FILE_BY_FILENAME), ""},
        {ASKS(FILE_CONTAINING_SYMBOL), "sallyport.v1.Authorization.Nothing"},
        {ASKS(FILE_CONTAINING_SYMBOL), "sallyport.v1"},
        {ASKS(FILE_CONTAINING_SYMBOL), ""},
        {ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE), "sallyport.v1.CheckRequest"},
    };
    struct fixture *fixture = *state;
    open_version(fixture, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        request_message request = request_of(fixture, cases[i].what, cases[i].text);
        const response_message *response = ask(fixture, &request);
        assert_int_equal(response->message_response_case, ANSWERS(ERROR_RESPONSE));
        assert_int_equal(response->error_response->error_code, 5);
    }
    Grpc__Reflection__V1__ExtensionRequest extension;
    grpc__reflection__v1__extension_request__init(&extension);
    request_message request;
    grpc__reflection__v1__server_reflection_request__init(&request);
    request.message_request_case = ASKS(FILE_CONTAINING_EXTENSION);
    request.file_containing_extension = &extension;
    assert_int_equal(ask(fixture, &request)->error_response->error_code, 5);
    request_message empty;
    grpc__reflection__v1__server_reflection_request__init(&empty);
    assert_int_equal(ask(fixture, &empty)->error_response->error_code, 3);
}

static void ends_with_ok_when_the_client_is_done(void **state) {
    struct fixture *fixture = *state;
    struct sp_bytes reply;
    struct rig *rig = &fixture->rig;
    open_version(fixture, 0);
    request_message request = request_of(fixture, ASKS(LIST_SERVICES), "");
    assert_non_null(ask(fixture, &request));
    assert_int_equal(sp_rpc_stream_done_sending(fixture->stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(fixture->stream, &rig->arena, &reply, &rig->error), SP_STREAM_END);
}

static void refuses_bytes_that_are_no_request(void **state) {
    struct fixture *fixture = *state;
    struct sp_bytes reply;
    struct rig *rig = &fixture->rig;
    open_version(fixture, 0);
    assert_int_equal(sp_rpc_stream_send(fixture->stream, bytes_of("\xff\xff\xff"), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(fixture->stream, &rig->arena, &reply, &rig->error), SP_ERR_INVALID);
}

static void refuses_to_open_with_descriptors_that_cannot_be_read(void **state) {
    struct fixture *fixture = *state;
    const struct sp_rpc_server_options options = {.engine = rig_engine(), .workers = 1};
    struct sp_rpc_server *server;
    /* Cut in the middle. */
    const struct sp_bytes cut = {sp_embedded_server_descriptors_bytes, sp_embedded_server_descriptors_size / 2};
    assert_int_equal(sp_rpc_server_open(&options, methods, COUNT(methods), cut, &server, &fixture->rig.error),
                     SP_ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lists_the_services_of_the_server),
        TEST(finds_the_file_of_each_kind_of_symbol),
        TEST(answers_a_file_with_all_that_it_imports),
        TEST(answers_what_it_lacks_with_not_found_and_goes_on),
        TEST(ends_with_ok_when_the_client_is_done),
        TEST(refuses_bytes_that_are_no_request),
        TEST(refuses_to_open_with_descriptors_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
