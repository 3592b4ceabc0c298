#include <stdint.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rig.h"
#include "wire/wire.h"

static void echo(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static struct gate entered = GATE_INIT, leave = GATE_INIT;

/* Holds up its worker. */
static void block(struct sp_rpc_call *call, void *user) {
    (void)user;
    gate_add(&entered, 1);
    (void)gate_wait(&leave, 1);
    sp_rpc_reply(call, sp_rpc_call_request(call));
}

static const struct sp_rpc_method methods[] = {
    {.path = "/test.Test/Block", .unary = block},
    {.path = "/test.Test/Echo", .unary = echo},
    {.path = "/test.Test/Other", .unary = echo},
};

static int set_up(void **state) {
    static struct rig rig;
    rig_start(&rig, methods, COUNT(methods), 2);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    rig_stop(*state);
    return 0;
}

static struct sp_bytes request_for(struct rig *rig, const char *service) {
    Grpc__Health__V1__HealthCheckRequest request;
    struct sp_bytes bytes;
    grpc__health__v1__health_check_request__init(&request);
    request.service = sp_arena_strdup(&rig->arena, sp_str_from(service));
    assert_int_equal(sp_wire_pack(&request.base, &rig->arena, &bytes), SP_OK);
    return bytes;
}

static const char *status_in(struct rig *rig, struct sp_bytes reply) {
    ProtobufCMessage *message;
    assert_int_equal(
        sp_wire_unpack(&grpc__health__v1__health_check_response__descriptor, reply, &rig->arena, &message, &rig->error),
        SP_OK);
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&grpc__health__v1__health_check_response__serving_status__descriptor,
                                             (int)((const Grpc__Health__V1__HealthCheckResponse *)message)->status);
    assert_non_null(value);
    return value->name;
}

/* The status, or the error's name. */
static const char *check(struct rig *rig, struct sp_rpc_client *client, const char *service) {
    struct sp_bytes reply;
    enum sp_status status = sp_rpc_client_call(client, "/grpc.health.v1.Health/Check", request_for(rig, service),
                                               &rig->arena, &reply, &rig->error);
    return status == SP_OK ? status_in(rig, reply) : sp_status_name(status);
}

static Grpc__Health__V1__HealthListResponse *list(struct rig *rig, struct sp_rpc_client *client) {
    struct sp_bytes reply;
    ProtobufCMessage *message;
    if (sp_rpc_client_call(client, "/grpc.health.v1.Health/List", bytes_of(""), &rig->arena, &reply, &rig->error) !=
        SP_OK)
        fail_msg("%s", rig->error.message);
    assert_int_equal(
        sp_wire_unpack(&grpc__health__v1__health_list_response__descriptor, reply, &rig->arena, &message, &rig->error),
        SP_OK);
    return (Grpc__Health__V1__HealthListResponse *)message;
}

/* "": it is not in the list. */
static const char *listed(const Grpc__Health__V1__HealthListResponse *response, const char *service) {
    const char *name = "";
    for (size_t i = 0; i < response->n_statuses; i++)
        if (strcmp(response->statuses[i]->key, service) == 0) {
            assert_string_equal(name, ""); /* once */
            name = protobuf_c_enum_descriptor_get_value(
                       &grpc__health__v1__health_check_response__serving_status__descriptor,
                       (int)response->statuses[i]->value->status)
                       ->name;
        }
    return name;
}

static struct sp_rpc_stream *watch(struct rig *rig, struct sp_rpc_client *client, const char *service) {
    struct sp_rpc_stream *stream;
    assert_int_equal(sp_rpc_stream_open(client, "/grpc.health.v1.Health/Watch", &stream, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_send(stream, request_for(rig, service), &rig->error), SP_OK);
    assert_int_equal(sp_rpc_stream_done_sending(stream, &rig->error), SP_OK);
    return stream;
}

static const char *next_status(struct rig *rig, struct sp_rpc_stream *stream) {
    struct sp_bytes reply;
    enum sp_status status = sp_rpc_stream_receive(stream, &rig->arena, &reply, &rig->error);
    return status == SP_OK ? status_in(rig, reply) : sp_status_name(status);
}

static void begins_as_not_serving(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    assert_string_equal(check(rig, client, ""), "NOT_SERVING");
    assert_string_equal(check(rig, client, "test.Test"), "NOT_SERVING");
    sp_rpc_client_close(client);
}

static void answers_for_every_service_of_the_server(void **state) {
    static const struct {
        const char *service;
        const char *answer;
    } cases[] = {
        {"", "SERVING"},
        {"test.Test", "SERVING"},
        {"grpc.health.v1.Health", "SERVING"},
        {"grpc.reflection.v1.ServerReflection", "SERVING"},
        {"grpc.reflection.v1alpha.ServerReflection", "SERVING"},
        {"liveness", "SERVING"},
        {"test.Tes", "NOT_FOUND"},
        {"test.Test2", "NOT_FOUND"},
        {"/test.Test", "NOT_FOUND"},
    };
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    sp_rpc_server_set_serving(rig->server, true);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(check(rig, client, cases[i].service), cases[i].answer);
    }
    sp_rpc_server_set_serving(rig->server, false);
    assert_string_equal(check(rig, client, "test.Test"), "NOT_SERVING");
    sp_rpc_client_close(client);
}

static void lists_every_service_with_its_status(void **state) {
    static const char *const names[] = {"", "test.Test", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                        "grpc.reflection.v1alpha.ServerReflection"};
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    for (int serving = 0; serving < 2; serving++) {
        sp_rpc_server_set_serving(rig->server, serving == 1);
        const Grpc__Health__V1__HealthListResponse *response = list(rig, client);
        assert_int_equal(response->n_statuses, COUNT(names) + 1);
        for (size_t i = 0; i < COUNT(names); i++)
            assert_string_equal(listed(response, names[i]), serving == 1 ? "SERVING" : "NOT_SERVING");
        assert_string_equal(listed(response, "liveness"), "SERVING");
    }
    sp_rpc_client_close(client);
}

static void liveness_does_not_hang_on_what_the_server_waits_for(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = watch(rig, client, "liveness");
    assert_string_equal(check(rig, client, ""), "NOT_SERVING");
    assert_string_equal(check(rig, client, "liveness"), "SERVING");
    assert_string_equal(next_status(rig, stream), "SERVING");
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void refuses_bytes_that_are_no_request(void **state) {
    static const char *const garbage[] = {"\x0a\x05yz", "\xff\xff\xff\xff", "\x0a\x02\xc3\x28", "\x08\x01"};
    struct rig *rig = *state;
    struct sp_bytes reply;
    struct sp_rpc_client *client = rig_client(rig, 0);
    for (size_t i = 0; i < COUNT(garbage); i++) {
        assert_int_equal(sp_rpc_client_call(client, "/grpc.health.v1.Health/Check", bytes_of(garbage[i]), &rig->arena,
                                            &reply, &rig->error),
                         SP_ERR_INVALID);
        struct sp_rpc_stream *stream;
        assert_int_equal(sp_rpc_stream_open(client, "/grpc.health.v1.Health/Watch", &stream, &rig->error), SP_OK);
        assert_int_equal(sp_rpc_stream_send(stream, bytes_of(garbage[i]), &rig->error), SP_OK);
        assert_string_equal(next_status(rig, stream), "INVALID_ARGUMENT");
        sp_rpc_stream_close(stream);
    }
    assert_int_equal(sp_rpc_client_call(client, "/grpc.health.v1.Health/List", bytes_of("\xff\xff\xff\xff"),
                                        &rig->arena, &reply, &rig->error),
                     SP_ERR_INVALID);
    assert_string_equal(check(rig, client, ""), "NOT_SERVING");
    sp_rpc_client_close(client);
}

static void tells_watchers_of_each_change(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *all = watch(rig, client, ""), *one = watch(rig, client, "test.Test");
    assert_string_equal(next_status(rig, all), "NOT_SERVING");
    assert_string_equal(next_status(rig, one), "NOT_SERVING");
    sp_rpc_server_set_serving(rig->server, true);
    assert_string_equal(next_status(rig, all), "SERVING");
    assert_string_equal(next_status(rig, one), "SERVING");
    sp_rpc_server_set_serving(rig->server, true); /* no change, nothing told */
    sp_rpc_server_set_serving(rig->server, false);
    assert_string_equal(next_status(rig, all), "NOT_SERVING");
    assert_string_equal(next_status(rig, one), "NOT_SERVING");
    sp_rpc_stream_close(all);
    sp_rpc_server_set_serving(rig->server, true);
    assert_string_equal(next_status(rig, one), "SERVING");
    sp_rpc_stream_close(one);
    sp_rpc_client_close(client);
}

static void keeps_the_watch_of_an_unknown_service_open(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *unknown = watch(rig, client, "no.Such"), *known = watch(rig, client, "");
    assert_string_equal(next_status(rig, unknown), "SERVICE_UNKNOWN");
    assert_string_equal(next_status(rig, known), "NOT_SERVING");
    sp_rpc_server_set_serving(rig->server, true);
    assert_string_equal(next_status(rig, known), "SERVING");
    /* Open until the server stops, and told nothing in between. */
    sp_rpc_server_stop(rig->server, 60000);
    assert_string_equal(next_status(rig, unknown), "UNAVAILABLE");
    sp_rpc_stream_close(unknown);
    sp_rpc_stream_close(known);
    sp_rpc_client_close(client);
}

static void tells_watchers_before_the_server_stops(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    sp_rpc_server_set_serving(rig->server, true);
    struct sp_rpc_stream *stream = watch(rig, client, "");
    assert_string_equal(next_status(rig, stream), "SERVING");
    sp_rpc_server_stop(rig->server, 60000);
    assert_string_equal(next_status(rig, stream), "NOT_SERVING");
    assert_string_equal(next_status(rig, stream), "UNAVAILABLE");
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void is_not_serving_while_the_server_is_not_alive(void **state) {
    struct rig *rig = *state;
    struct sp_rpc_client *client = rig_client(rig, 0);
    struct sp_rpc_stream *stream = watch(rig, client, "liveness");
    assert_string_equal(next_status(rig, stream), "SERVING");
    sp_rpc_server_set_serving(rig->server, true);
    sp_rpc_server_set_alive(rig->server, false);
    assert_string_equal(next_status(rig, stream), "NOT_SERVING");
    assert_string_equal(check(rig, client, "liveness"), "NOT_SERVING");
    assert_string_equal(check(rig, client, ""), "NOT_SERVING");
    sp_rpc_server_set_alive(rig->server, true);
    assert_string_equal(next_status(rig, stream), "SERVING");
    assert_string_equal(check(rig, client, ""), "SERVING");
    sp_rpc_stream_close(stream);
    sp_rpc_client_close(client);
}

static void *call_block(void *user) {
    struct rig *rig = user;
    struct sp_arena arena;
    struct sp_bytes reply;
    struct sp_error error = {0};
    const struct sp_rpc_client_options options = {.target = rig->target, .timeout_ms = 60000};
    struct sp_rpc_client *client = NULL;
    if (sp_arena_init(&arena, 4096, 1 << 20) != SP_OK || sp_rpc_client_open(&options, &client, &error) != SP_OK)
        return NULL;
    enum sp_status status = sp_rpc_client_call(client, "/test.Test/Block", bytes_of("x"), &arena, &reply, &error);
    sp_rpc_client_close(client);
    sp_arena_fini(&arena);
    return status == SP_OK ? rig : NULL;
}

/* One of two workers is held up in a handler. Each probe is a new connection, which gRPC may give
 * to either. */
static void is_answered_while_a_handler_holds_up_a_worker(void **state) {
    enum { PROBES = 20 };
    struct rig *rig = *state;
    pthread_t thread;
    void *result = NULL;
    uint64_t before[8], stuck = 0;
    if (rig_engine() ==
        SP_RPC_ENGINE_H2) /* where a connection has one worker: probes have a port of their own, below */
        skip();
    sp_rpc_server_set_serving(rig->server, true);
    assert_int_equal(pthread_create(&thread, NULL, call_block, rig), 0);
    assert_true(gate_wait(&entered, 1));
    for (unsigned i = 0; i < sp_rpc_server_threads(rig->server); i++)
        before[i] = sp_heartbeat_read(sp_rpc_server_heartbeat(rig->server, i));
    for (int i = 0; i < PROBES; i++) {
        struct sp_rpc_client *client = rig_client(rig, 20000);
        assert_string_equal(check(rig, client, "liveness"), "SERVING");
        struct sp_rpc_stream *stream = watch(rig, client, "");
        assert_string_equal(next_status(rig, stream), "SERVING");
        sp_rpc_stream_close(stream);
        sp_rpc_client_close(client);
    }
    /* All others beat, idle as they are. */
    nanosleep(&(struct timespec){.tv_sec = 3}, NULL);
    for (unsigned i = 0; i < sp_rpc_server_threads(rig->server); i++)
        stuck += sp_heartbeat_read(sp_rpc_server_heartbeat(rig->server, i)) == before[i];
    gate_add(&leave, 1);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_int_equal(sp_rpc_server_threads(rig->server), 3);
    assert_int_equal(stuck, 1);
}

static int set_up_health_port(void **state) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    static struct rig rig;
    const struct sp_rpc_server_options options = {.engine = rig_engine(),
                                                  .listen = loopback,
                                                  .listen_count = 1,
                                                  .health_listen = loopback,
                                                  .health_listen_count = 1,
                                                  .workers = 1};
    memset(&rig, 0, sizeof(rig));
    assert_int_equal(sp_arena_init(&rig.arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(
        sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &rig.server, &rig.error),
        SP_OK);
    assert_int_equal(sp_rpc_server_start(rig.server, &rig.error), SP_OK);
    snprintf(rig.target, sizeof(rig.target), "127.0.0.1:%d", sp_rpc_server_port(rig.server, 0));
    *state = &rig;
    return 0;
}

static void the_health_port_answers_while_every_worker_is_held_up(void **state) {
    struct rig *rig = *state;
    char target[sizeof(rig->target)];
    pthread_t thread;
    void *result = NULL;
    int entered_before = gate_count(&entered);
    leave = (struct gate)GATE_INIT;
    sp_rpc_server_set_serving(rig->server, true);
    assert_int_equal(pthread_create(&thread, NULL, call_block, rig), 0);
    assert_true(gate_wait(&entered, entered_before + 1));
    memcpy(target, rig->target, sizeof(target));
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 1));
    for (int i = 0; i < 20; i++) {
        struct sp_rpc_client *client = rig_client(rig, 20000);
        assert_string_equal(check(rig, client, ""), "SERVING");
        assert_string_equal(check(rig, client, "liveness"), "SERVING");
        assert_string_equal(listed(list(rig, client), "test.Test"), "SERVING");
        sp_rpc_client_close(client);
    }
    gate_add(&leave, 1);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    memcpy(rig->target, target, sizeof(target));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(begins_as_not_serving),
        TEST(answers_for_every_service_of_the_server),
        TEST(lists_every_service_with_its_status),
        TEST(liveness_does_not_hang_on_what_the_server_waits_for),
        TEST(refuses_bytes_that_are_no_request),
        TEST(tells_watchers_of_each_change),
        TEST(keeps_the_watch_of_an_unknown_service_open),
        TEST(tells_watchers_before_the_server_stops),
        TEST(is_not_serving_while_the_server_is_not_alive),
        TEST(is_answered_while_a_handler_holds_up_a_worker),
        cmocka_unit_test_setup_teardown(the_health_port_answers_while_every_worker_is_held_up, set_up_health_port,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
