#include "server/ext_authz/request.h"

#include "base/text.h"

typedef Envoy__Service__Auth__V3__AttributeContext Context;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest Http;

/* ---- headers ---- */

static struct sp_str text_of_bytes(ProtobufCBinaryData bytes) {
    return (struct sp_str){(const char *)bytes.data, bytes.len};
}

static size_t count_headers(const Http *http) {
    return http->n_headers + (http->header_map == NULL ? 0 : http->header_map->n_headers);
}

/* Proxies fill one of the two lists; what is in either counts. */
static void take_headers(struct sp_gateway_headers *headers, const Http *http) {
    for (size_t i = 0; i < http->n_headers; i++)
        sp_gateway_headers_take(headers, text_of_bytes(http->headers[i]->key), text_of_bytes(http->headers[i]->value));
    for (size_t i = 0; http->header_map != NULL && i < http->header_map->n_headers; i++) {
        const Envoy__Config__Core__V3__HeaderValue *header = http->header_map->headers[i];
        sp_gateway_headers_take(headers, text_of_bytes(header->key),
                                text_of_bytes(header->raw_value.len > 0 ? header->raw_value : header->value));
    }
}

/* ---- the host ---- */

static bool is_other_host(struct sp_str name, struct sp_str value, struct sp_str host) {
    bool names_host = sp_str_equal_ignoring_case(name, SP_STR_LITERAL(":authority")) ||
                      sp_str_equal_ignoring_case(name, SP_STR_LITERAL("host"));
    return names_host && !sp_str_equal_ignoring_case(value, host);
}

/* What the proxy chose the virtual host by. Nothing, if a header that was passed on names another:
 * a service could obey that one. */
static struct sp_str find_host(const Http *http) {
    struct sp_str host = text_of_bytes(http->host), none = {NULL, 0};
    for (size_t i = 0; i < http->n_headers; i++)
        if (is_other_host(text_of_bytes(http->headers[i]->key), text_of_bytes(http->headers[i]->value), host))
            return none;
    for (size_t i = 0; http->header_map != NULL && i < http->header_map->n_headers; i++) {
        const Envoy__Config__Core__V3__HeaderValue *header = http->header_map->headers[i];
        if (is_other_host(text_of_bytes(header->key),
                          text_of_bytes(header->raw_value.len > 0 ? header->raw_value : header->value), host))
            return none;
    }
    return host;
}

/* ---- the address ---- */

static void take_address(const struct sp_gateway_headers *headers, const Context *context) {
    struct sp_ip peer;
    bool has_peer = context->source != NULL && context->source->address != NULL &&
                    context->source->address->socket_address != NULL &&
                    sp_ip_parse(text_of_bytes(context->source->address->socket_address->address), &peer, NULL) == SP_OK;
    sp_gateway_find_address(headers, has_peer ? &peer : NULL);
}

/* ---- the target ---- */

static void blame_configuration(struct sp_gateway_request *request, const char *fault, struct sp_str culprit) {
    request->reason = SP_REASON_ROUTE_UNKNOWN;
    request->fault = fault;
    request->culprit = culprit;
}

static bool is_schema_word(struct sp_str text) {
    return sp_text_check_word(text, "", NULL) == SP_OK;
}

static const char *find_id_fault(struct sp_str id) {
    if (id.data[0] == '{' && id.data[id.size - 1] == '}')
        return "must be an id, not a pattern: only the schema's routes read ids from paths";
    return sp_text_check_resource_id(id, "", NULL) == SP_OK ? NULL : "is not a valid resource id";
}

static void take_extension(struct sp_gateway_request *request, struct sp_str key, struct sp_str value) {
    static const char *const names[] = {"resource_type", "resource_id", "action", "workspace"};
    struct sp_query *query = &request->query;
    struct sp_str *const places[] = {&query->resource_type, &query->resource_id, &query->action, &query->workspace};
    enum { NAMES = sizeof(names) / sizeof(*names), ID = 1, WORKSPACE = 3 };
    size_t i = 0;
    while (i < NAMES && !sp_str_equal(key, sp_str_from(names[i])))
        i++;
    if (i == NAMES) {
        blame_configuration(request, "is not resource_type, resource_id, action or workspace", key);
        return;
    }
    const char *fault = NULL;
    if (value.size == 0)
        fault = "is empty";
    else if (places[i]->size > 0)
        fault = "is given twice";
    else if (i == ID)
        fault = find_id_fault(value);
    else if (i == WORKSPACE ? sp_text_check_id(value, "", NULL) != SP_OK : !is_schema_word(value))
        fault = "has an invalid value";
    if (fault != NULL)
        blame_configuration(request, fault, key);
    else
        *places[i] = value;
}

static void take_extensions(const Context *context, struct sp_gateway_request *request) {
    for (size_t i = 0; i < context->n_context_extensions && request->fault == NULL; i++)
        take_extension(request, text_of_bytes(context->context_extensions[i]->key),
                       text_of_bytes(context->context_extensions[i]->value));
    if (request->fault != NULL)
        return;
    if (request->query.resource_type.size == 0)
        blame_configuration(request, "is required when any extension is set", SP_STR_LITERAL("resource_type"));
    else if (request->query.action.size == 0)
        blame_configuration(request, "is required when any extension is set", SP_STR_LITERAL("action"));
}

/* ---- all ---- */

void sp_ext_authz_read(const struct sp_gateway_settings *settings,
                       const Envoy__Service__Auth__V3__CheckRequest *message, bool trusted, struct sp_arena *arena,
                       struct sp_gateway_request *ret_request) {
    struct sp_gateway_headers headers;
    const Context *context = message->attributes;
    const Http *http = context == NULL || context->request == NULL ? NULL : context->request->http;
    sp_gateway_headers_begin(&headers, settings, http == NULL ? 0 : count_headers(http), arena, ret_request);
    if (http == NULL) {
        ret_request->reason = SP_REASON_REQUEST_MALFORMED;
        return;
    }
    ret_request->method = text_of_bytes(http->method);
    ret_request->path = text_of_bytes(http->path);
    ret_request->host = find_host(http);
    take_headers(&headers, http);
    sp_gateway_headers_end(&headers);
    if (trusted)
        take_address(&headers, context);
    ret_request->has_target = context->n_context_extensions > 0;
    if (ret_request->reason == SP_REASON_NONE && ret_request->has_target)
        take_extensions(context, ret_request);
}
