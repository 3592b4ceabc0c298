#include "answer.h"

#include <string.h>

#include "connect/call.h"
#include "connect/reply.h"
#include "wire/wire.h"

enum { FIRST_ROOM = 8 };

#define TYPE_URL "type.googleapis.com/"

typedef Connectrpc__Conformance__V1__Header Header;

/* ---- what is observed ---- */

static bool copy_values(struct sp_arena *arena, const struct sp_http_exchange *exchange, Header *header) {
    header->n_value = sp_http_header_all(exchange, header->name, NULL, 0);
    header->value = sp_arena_calloc(arena, header->n_value, sizeof(*header->value));
    struct sp_str *values = sp_arena_calloc(arena, header->n_value, sizeof(*values));
    if (header->value == NULL || values == NULL)
        return false;
    sp_http_header_all(exchange, header->name, values, header->n_value);
    for (size_t i = 0; i < header->n_value; i++)
        if ((header->value[i] = sp_arena_strdup(arena, values[i])) == NULL)
            return false;
    return true;
}

static bool is_named_before(const struct sp_http_field *fields, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (sp_str_equal_ignoring_case(fields[i].name, fields[at].name))
            return true;
    return false;
}

static bool copy_headers(struct observed *observed, const struct sp_http_exchange *exchange) {
    struct sp_arena *arena = observed->arena;
    size_t count = sp_http_headers(exchange, NULL, 0);
    struct sp_http_field *fields = sp_arena_calloc(arena, count + 1, sizeof(*fields));
    Header *headers = sp_arena_calloc(arena, count + 1, sizeof(*headers));
    observed->info.request_headers = sp_arena_calloc(arena, count + 1, sizeof(Header *));
    if (fields == NULL || headers == NULL || observed->info.request_headers == NULL)
        return false;
    sp_http_headers(exchange, fields, count);
    for (size_t i = 0; i < count; i++) {
        if (is_named_before(fields, i))
            continue;
        connectrpc__conformance__v1__header__init(&headers[i]);
        headers[i].name = sp_arena_strdup(arena, fields[i].name);
        if (headers[i].name == NULL || !copy_values(arena, exchange, &headers[i]))
            return false;
        observed->info.request_headers[observed->info.n_request_headers++] = &headers[i];
    }
    return true;
}

bool observe_call(struct sp_rpc_call *base, struct sp_arena *arena, struct observed *ret_observed) {
    struct connect_call *call = sp_connect_call_of(base);
    *ret_observed = (struct observed){.arena = arena};
    connectrpc__conformance__v1__conformance_payload__request_info__init(&ret_observed->info);
    if (call->head.timeout_ms != INT64_MAX) {
        ret_observed->info.timeout_case =
            CONNECTRPC__CONFORMANCE__V1__CONFORMANCE_PAYLOAD__REQUEST_INFO__TIMEOUT_TIMEOUT_MS;
        ret_observed->info.timeout_ms = call->head.timeout_ms;
    }
    return copy_headers(ret_observed, call->exchange);
}

bool observe_request(struct observed *observed, const ProtobufCMessageDescriptor *type, struct sp_bytes message) {
    struct sp_arena *arena = observed->arena;
    Connectrpc__Conformance__V1__ConformancePayload__RequestInfo *info = &observed->info;
    if (info->n_requests == observed->room) {
        size_t room = observed->room == 0 ? FIRST_ROOM : observed->room * 2;
        Google__Protobuf__Any **requests = sp_arena_calloc(arena, room, sizeof(*requests));
        if (requests == NULL)
            return false;
        if (info->n_requests > 0)
            memcpy(requests, info->requests, info->n_requests * sizeof(*requests));
        info->requests = requests;
        observed->room = room;
    }
    Google__Protobuf__Any *any = sp_arena_alloc(arena, sizeof(*any));
    uint8_t *copy = sp_arena_alloc(arena, message.size + 1);
    if (any == NULL || copy == NULL)
        return false;
    if (message.size > 0)
        memcpy(copy, message.data, message.size);
    google__protobuf__any__init(any);
    any->type_url = sp_arena_printf(arena, TYPE_URL "%s", type->name);
    any->value = (ProtobufCBinaryData){message.size, copy};
    info->requests[info->n_requests++] = any;
    return any->type_url != NULL;
}

/* ---- what is wanted ---- */

static enum sp_status take_unary_definition(const Connectrpc__Conformance__V1__UnaryResponseDefinition *definition,
                                            struct sp_arena *arena, struct answer *answer) {
    answer->data = sp_arena_calloc(arena, 1, sizeof(*answer->data));
    if (answer->data == NULL)
        return SP_ERR_EXHAUSTED;
    answer->data_count = 1;
    if (definition == NULL)
        return SP_OK;
    answer->headers = definition->response_headers;
    answer->header_count = definition->n_response_headers;
    answer->trailers = definition->response_trailers;
    answer->trailer_count = definition->n_response_trailers;
    answer->delay_ms = definition->response_delay_ms;
    if (definition->response_case == CONNECTRPC__CONFORMANCE__V1__UNARY_RESPONSE_DEFINITION__RESPONSE_ERROR) {
        answer->error = definition->error;
        answer->data_count = 0;
    } else if (definition->response_case ==
               CONNECTRPC__CONFORMANCE__V1__UNARY_RESPONSE_DEFINITION__RESPONSE_RESPONSE_DATA) {
        answer->data[0] = definition->response_data;
    }
    return SP_OK;
}

static void take_stream_definition(const Connectrpc__Conformance__V1__StreamResponseDefinition *definition,
                                   struct answer *answer) {
    if (definition == NULL)
        return;
    *answer = (struct answer){
        .headers = definition->response_headers,
        .header_count = definition->n_response_headers,
        .trailers = definition->response_trailers,
        .trailer_count = definition->n_response_trailers,
        .delay_ms = definition->response_delay_ms,
        .data = definition->response_data,
        .data_count = definition->n_response_data,
        .error = definition->error,
    };
}

/* Every request has its definition in the first field. */
enum sp_status read_answer(const struct conformance_method *method, struct sp_bytes request, struct sp_arena *arena,
                           struct answer *ret_answer, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    struct answer answer = {0};
    enum sp_status status = sp_wire_unpack(method->request, request, arena, &message, error);
    if (status != SP_OK)
        return status;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(method->request, 1);
    const void *definition = *(const void *const *)(const void *)((const char *)message + field->offset);
    if (method->answers_stream)
        take_stream_definition(definition, &answer);
    else
        status = take_unary_definition(definition, arena, &answer);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    *ret_answer = answer;
    return SP_OK;
}

/* ---- answering ---- */

void add_answer_metadata(struct sp_rpc_call *call, const struct answer *answer) {
    for (size_t i = 0; i < answer->header_count; i++)
        for (size_t k = 0; k < answer->headers[i]->n_value; k++)
            (void)sp_connect_add_header(call, answer->headers[i]->name, sp_str_from(answer->headers[i]->value[k]));
    for (size_t i = 0; i < answer->trailer_count; i++)
        for (size_t k = 0; k < answer->trailers[i]->n_value; k++)
            (void)sp_connect_add_trailer(call, answer->trailers[i]->name, sp_str_from(answer->trailers[i]->value[k]));
}

enum sp_status write_answer(const ProtobufCBinaryData *data, struct observed *observed, struct sp_arena *arena,
                            struct sp_bytes *ret_reply) {
    Connectrpc__Conformance__V1__ConformancePayload payload = CONNECTRPC__CONFORMANCE__V1__CONFORMANCE_PAYLOAD__INIT;
    /* The replies of all methods are alike. */
    Connectrpc__Conformance__V1__UnaryResponse reply = CONNECTRPC__CONFORMANCE__V1__UNARY_RESPONSE__INIT;
    reply.payload = &payload;
    payload.data = *data;
    payload.request_info = observed == NULL ? NULL : &observed->info;
    return sp_wire_pack(&reply.base, arena, ret_reply);
}

void fail_with_answer(struct sp_rpc_call *call, const struct answer *answer, const struct observed *observed) {
    const Connectrpc__Conformance__V1__Error *error = answer->error;
    struct sp_bytes info;
    for (size_t i = 0; i < error->n_details; i++) {
        const char *slash = strrchr(error->details[i]->type_url, '/');
        (void)sp_connect_add_detail(call, slash == NULL ? error->details[i]->type_url : slash + 1,
                                    sp_wire_bytes(error->details[i]->value));
    }
    if (observed != NULL && sp_wire_pack(&observed->info.base, observed->arena, &info) == SP_OK)
        (void)sp_connect_add_detail(call, observed->info.base.descriptor->name, info);
    sp_rpc_fail(call, sp_status_from_grpc((int)error->code), error->message);
}
