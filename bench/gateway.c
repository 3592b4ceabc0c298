#include "gateway.h"

#include <stdio.h>
#include <string.h>

#include "envoy/service/auth/v3/external_auth.pb-c.h"
#include "wire/wire.h"

typedef Envoy__Service__Auth__V3__AttributeContext__Entry Entry;

enum { GATEWAY_OWN_HEADERS = 3, GATEWAY_FILLER_BYTES = 32 };

/* Packing only reads. */
static ProtobufCBinaryData borrow_bytes(const char *text) {
    union {
        const char *from;
        uint8_t *to;
    } data = {.from = text};
    return (ProtobufCBinaryData){strlen(text), data.to};
}

struct header {
    Entry entry;
    char name[GATEWAY_FILLER_BYTES];
};

static void fill_headers(const struct world_question *question, unsigned count, struct header *headers,
                         Entry **ret_entries) {
    static const char filler[] = "gzip, deflate, br, zstd;q=0.5, *";
    const char *const own[GATEWAY_OWN_HEADERS][2] = {
        {"x-api-key", question->key},
        {"x-forwarded-for", question->ip},
        {"x-request-id", "8d4c6a52-0a4b-4d3c-9f0e-6a1c2b3d4e5f"},
    };
    for (unsigned i = 0; i < GATEWAY_OWN_HEADERS + count; i++) {
        bool is_own = i < GATEWAY_OWN_HEADERS;
        headers[i].entry = (Entry)ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__ENTRY__INIT;
        if (!is_own)
            snprintf(headers[i].name, sizeof(headers[i].name), "accept-another-%u", i);
        headers[i].entry.key = borrow_bytes(is_own ? own[i][0] : headers[i].name);
        headers[i].entry.value = borrow_bytes(is_own ? own[i][1] : filler);
        ret_entries[i] = &headers[i].entry;
    }
}

struct sp_bytes gateway_make(const struct world_question *question, unsigned headers, struct sp_arena *arena) {
    Envoy__Config__Core__V3__SocketAddress socket = ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__INIT;
    Envoy__Config__Core__V3__Address address = ENVOY__CONFIG__CORE__V3__ADDRESS__INIT;
    Envoy__Service__Auth__V3__AttributeContext__Peer peer = ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__PEER__INIT;
    Envoy__Service__Auth__V3__AttributeContext__HttpRequest http =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__HTTP_REQUEST__INIT;
    Envoy__Service__Auth__V3__AttributeContext__Request inner =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__REQUEST__INIT;
    Envoy__Service__Auth__V3__AttributeContext context = ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__INIT;
    Envoy__Service__Auth__V3__CheckRequest request = ENVOY__SERVICE__AUTH__V3__CHECK_REQUEST__INIT;
    size_t count = GATEWAY_OWN_HEADERS + headers;
    struct header *texts = sp_arena_calloc(arena, count, sizeof(*texts));
    http.headers = sp_arena_calloc(arena, count, sizeof(Entry *));
    char path[96];
    struct sp_bytes bytes;
    if (texts == NULL || http.headers == NULL)
        return (struct sp_bytes){0};
    fill_headers(question, headers, texts, http.headers);
    bool editing = strcmp(question->action, "edit") == 0;
    snprintf(path, sizeof(path), editing ? "/v1/voices/%s/edit" : "/v1/text-to-speech/%s", question->voice);
    socket.address = borrow_bytes(question->ip);
    address.socket_address = &socket;
    peer.address = &address;
    http.n_headers = count;
    http.method = borrow_bytes("POST");
    http.path = borrow_bytes(path);
    inner.http = &http;
    context.source = &peer;
    context.request = &inner;
    request.attributes = &context;
    return sp_wire_pack(&request.base, arena, &bytes) == SP_OK ? bytes : (struct sp_bytes){0};
}

bool gateway_says(struct sp_bytes reply, enum sp_reason expected, struct sp_arena *arena) {
    ProtobufCMessage *message;
    if (sp_wire_unpack_trusted(&envoy__service__auth__v3__check_response__descriptor, reply, arena, &message) != SP_OK)
        return false;
    const Envoy__Service__Auth__V3__CheckResponse *response = (const Envoy__Service__Auth__V3__CheckResponse *)message;
    bool passes = response->status == NULL || response->status->code == 0;
    if (passes != (expected == SP_REASON_ALLOWED) || response->dynamic_metadata == NULL)
        return false;
    struct sp_str reason = sp_str_from(sp_reason_name(expected));
    for (size_t i = 0; i < response->dynamic_metadata->n_fields; i++) {
        const Envoy__Service__Auth__V3__Metadata__Field *field = response->dynamic_metadata->fields[i];
        const ProtobufCBinaryData *value = &field->value->string_value;
        if (strcmp(field->key, "reason") == 0)
            return sp_str_equal(reason, (struct sp_str){(const char *)value->data, value->len});
    }
    return false;
}
