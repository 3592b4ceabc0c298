#include "server/ext_authz/reply.h"

#include <string.h>

#include "envoy/service/auth/v3/external_auth.pb-c.h"
#include "server/gateway/headers.h"
#include "server/gateway/words.h"
#include "wire/wire.h"

typedef Envoy__Service__Auth__V3__CheckResponse Response;
typedef Envoy__Config__Core__V3__HeaderValue Header;
typedef Envoy__Config__Core__V3__HeaderValueOption HeaderOption;

/* ---- statuses ---- */

static const struct outcome {
    unsigned http_status;
    int rpc_code;
    Envoy__Type__V3__StatusCode status;
} outcomes[] = {
    {400, 3, ENVOY__TYPE__V3__STATUS_CODE__BAD_REQUEST},
    {401, 16, ENVOY__TYPE__V3__STATUS_CODE__UNAUTHORIZED},
    {403, 7, ENVOY__TYPE__V3__STATUS_CODE__FORBIDDEN},
    {503, 14, ENVOY__TYPE__V3__STATUS_CODE__SERVICE_UNAVAILABLE},
};

enum { OUTCOMES = sizeof(outcomes) / sizeof(*outcomes) };

/* The last one is for everything that is not an answer. */
static const struct outcome *find_outcome(enum sp_reason reason) {
    size_t i = 0;
    while (i < OUTCOMES - 1 && outcomes[i].http_status != sp_gateway_denied_status(reason))
        i++;
    return &outcomes[i];
}

/* ---- parts ---- */

static ProtobufCBinaryData borrow_reply_text(struct sp_str text) {
    return sp_wire_field(sp_bytes_of_str(text));
}

/* A header and the option that points to it. */
struct set_header {
    Header header;
    HeaderOption option;
};

static HeaderOption *fill_set_header(struct set_header *place, struct sp_str name, struct sp_str value) {
    place->header = (Header)ENVOY__CONFIG__CORE__V3__HEADER_VALUE__INIT;
    place->header.key = borrow_reply_text(name);
    place->header.value = borrow_reply_text(value);
    place->option = (HeaderOption)ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__INIT;
    place->option.header = &place->header;
    place->option.append_action =
        ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
    return &place->option;
}

enum { METADATA_FIELDS = 6 };

/* What access logs and later filters see. */
struct metadata {
    Envoy__Service__Auth__V3__Metadata message;
    Envoy__Service__Auth__V3__Metadata__Field *list[METADATA_FIELDS];
    Envoy__Service__Auth__V3__Metadata__Field fields[METADATA_FIELDS];
    Envoy__Service__Auth__V3__Metadata__Value values[METADATA_FIELDS];
};

static void fill_metadata(struct metadata *metadata, const struct sp_gateway_verdict *verdict) {
    static const char *const names[METADATA_FIELDS] = {"decision_id", "reason", "workspace",
                                                       "principal",   "key_id", "plan"};
    struct sp_str reason =
        sp_str_from(verdict->reason == SP_REASON_NONE ? "UNAVAILABLE" : sp_reason_name(verdict->reason));
    const struct sp_str texts[METADATA_FIELDS] = {verdict->decision_id,   reason,
                                                  verdict->key.workspace, verdict->key.principal,
                                                  verdict->key.key_id,    verdict->plan};
    metadata->message = (Envoy__Service__Auth__V3__Metadata)ENVOY__SERVICE__AUTH__V3__METADATA__INIT;
    metadata->message.fields = metadata->list;
    for (size_t i = 0; i < METADATA_FIELDS; i++) {
        if (texts[i].size == 0)
            continue;
        metadata->values[i] =
            (Envoy__Service__Auth__V3__Metadata__Value)ENVOY__SERVICE__AUTH__V3__METADATA__VALUE__INIT;
        metadata->values[i].string_value = borrow_reply_text(texts[i]);
        metadata->fields[i] =
            (Envoy__Service__Auth__V3__Metadata__Field)ENVOY__SERVICE__AUTH__V3__METADATA__FIELD__INIT;
        union {
            const char *from;
            char *to;
        } name = {.from = names[i]};
        metadata->fields[i].key = name.to;
        metadata->fields[i].value = &metadata->values[i];
        metadata->list[metadata->message.n_fields++] = &metadata->fields[i];
    }
}

/* What both kinds of replies have. */
struct envelope {
    Response response;
    Google__Rpc__Status status;
    struct metadata metadata;
};

static void fill_envelope(struct envelope *envelope, const struct sp_gateway_verdict *verdict, int rpc_code) {
    envelope->response = (Response)ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__INIT;
    envelope->status = (Google__Rpc__Status)GOOGLE__RPC__STATUS__INIT;
    envelope->status.code = rpc_code;
    fill_metadata(&envelope->metadata, verdict);
    envelope->response.status = &envelope->status;
    envelope->response.dynamic_metadata = &envelope->metadata.message;
}

/* ---- allowed ---- */

static enum sp_status pack_allowed(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                                   const struct sp_gateway_verdict *verdict, struct sp_arena *arena,
                                   struct sp_bytes *ret_bytes) {
    const struct sp_str values[SP_GATEWAY_SET_HEADERS] = {verdict->key.workspace, verdict->key.principal,
                                                          verdict->key.key_id, verdict->decision_id};
    struct set_header places[SP_GATEWAY_SET_HEADERS];
    HeaderOption *headers[SP_GATEWAY_SET_HEADERS];
    Envoy__Service__Auth__V3__OkHttpResponse ok = ENVOY__SERVICE__AUTH__V3__OK_HTTP_RESPONSE__INIT;
    for (size_t i = 0; i < SP_GATEWAY_SET_HEADERS; i++)
        headers[i] = fill_set_header(&places[i], sp_gateway_set_headers[i], values[i]);
    ok.headers = headers;
    ok.n_headers = SP_GATEWAY_SET_HEADERS;
    ok.headers_to_remove = sp_arena_calloc(arena, settings->key_header_count + request->spoofed_count, sizeof(char *));
    if (ok.headers_to_remove == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < settings->key_header_count; i++)
        ok.headers_to_remove[ok.n_headers_to_remove++] = sp_arena_strdup(arena, settings->key_headers[i]);
    for (size_t i = 0; i < request->spoofed_count; i++)
        ok.headers_to_remove[ok.n_headers_to_remove++] = sp_arena_strdup(arena, request->spoofed[i]);
    for (size_t i = 0; i < ok.n_headers_to_remove; i++)
        if (ok.headers_to_remove[i] == NULL)
            return SP_ERR_MEMORY;
    struct envelope envelope;
    fill_envelope(&envelope, verdict, 0);
    envelope.response.http_response_case = ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE;
    envelope.response.ok_response = &ok;
    return sp_wire_pack(&envelope.response.base, arena, ret_bytes);
}

/* ---- denied ---- */

static enum sp_status pack_denied(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                                  const struct sp_gateway_verdict *verdict, struct sp_arena *arena,
                                  struct sp_bytes *ret_bytes) {
    const struct outcome *outcome = find_outcome(verdict->reason);
    struct set_header places[2];
    HeaderOption *headers[2];
    Envoy__Type__V3__HttpStatus status = ENVOY__TYPE__V3__HTTP_STATUS__INIT;
    Envoy__Service__Auth__V3__DeniedHttpResponse denied = ENVOY__SERVICE__AUTH__V3__DENIED_HTTP_RESPONSE__INIT;
    headers[0] = fill_set_header(&places[0], SP_STR_LITERAL("content-type"), SP_STR_LITERAL("application/json"));
    if (outcome->http_status == 401) {
        const char *challenge = sp_gateway_challenge(settings, verdict->reason, arena);
        if (challenge == NULL)
            return SP_ERR_MEMORY;
        headers[1] = fill_set_header(&places[1], SP_STR_LITERAL("www-authenticate"), sp_str_from(challenge));
    }
    status.code = outcome->status;
    denied.status = &status;
    denied.headers = headers;
    denied.n_headers = outcome->http_status == 401 ? 2 : 1;
    denied.body = sp_gateway_denied_body(settings, request, verdict->reason, verdict->decision_id, arena);
    if (denied.body == NULL)
        return SP_ERR_MEMORY;
    struct envelope envelope;
    fill_envelope(&envelope, verdict, outcome->rpc_code);
    envelope.response.http_response_case = ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE;
    envelope.response.denied_response = &denied;
    return sp_wire_pack(&envelope.response.base, arena, ret_bytes);
}

enum sp_status sp_ext_authz_pack(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                                 const struct sp_gateway_verdict *verdict, struct sp_arena *arena,
                                 struct sp_bytes *ret_bytes) {
    if (verdict->reason == SP_REASON_ALLOWED)
        return pack_allowed(settings, request, verdict, arena, ret_bytes);
    return pack_denied(settings, request, verdict, arena, ret_bytes);
}

enum sp_status sp_ext_authz_write_last_word(struct sp_ext_authz_last_word *ret_last_word) {
    enum { FIRST_BYTES = 4096, BUDGET_BYTES = 16 * 1024 };
    const struct sp_gateway_settings settings = {.key_header_count = 0};
    const struct sp_gateway_request request = {.reason = SP_REASON_NONE};
    const struct sp_gateway_verdict verdict = {.reason = SP_REASON_NONE};
    struct sp_arena arena;
    struct sp_bytes bytes;
    enum sp_status status = sp_arena_init(&arena, FIRST_BYTES, BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = pack_denied(&settings, &request, &verdict, &arena, &bytes);
    if (status != SP_OK)
        goto out;
    if (bytes.size > sizeof(ret_last_word->bytes)) {
        status = SP_ERR_INTERNAL;
        goto out;
    }
    memcpy(ret_last_word->bytes, bytes.data, bytes.size);
    ret_last_word->size = bytes.size;
out:
    sp_arena_fini(&arena);
    return status;
}
