#include "server/ext_authz/request.h"

#include <ctype.h>
#include <strings.h>

#include "base/text.h"
#include "core/credential.h"
#include "server/ext_authz/headers.h"

typedef Envoy__Service__Auth__V3__AttributeContext Context;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest Http;

enum { REQUEST_ID_MAX_BYTES = 128 };

static const struct sp_str own_prefix = {"x-sallyport-", 12};
static const struct sp_str authorization = {"authorization", 13};
static const struct sp_str request_id = {"x-request-id", 12};
static const struct sp_str traceparent = {"traceparent", 11};

/* ---- headers ---- */

/* What the headers hold, gathered one by one. */
struct gathering {
    const struct sp_ext_authz_settings *settings;
    struct sp_arena *arena;
    struct sp_ext_authz_request *request;
    struct sp_credential credential;
    size_t most; /* headers that there are */
    struct sp_str address_header;
    struct sp_str *forwarded; /* its lines */
    size_t forwarded_count;
    struct sp_str *spoofed;
    size_t request_ids, traces;
    bool out_of_memory;
};

static bool is_header(struct sp_str name, struct sp_str wanted) {
    return name.size == wanted.size && strncasecmp(name.data, wanted.data, wanted.size) == 0;
}

/* Appends to a list that is made for all headers when the first one belongs to it. */
static void append_text(struct gathering *gathering, struct sp_str **list, size_t *count, struct sp_str value) {
    if (*list == NULL)
        *list = sp_arena_calloc(gathering->arena, gathering->most, sizeof(**list));
    if (*list == NULL)
        gathering->out_of_memory = true;
    else
        (*list)[(*count)++] = value;
}

/* May stand in JSON and in a log as it is. */
static bool is_quotable(struct sp_str text) {
    static const char marks[] = "-_.:=+/@";
    if (text.size == 0 || text.size > REQUEST_ID_MAX_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && memchr(marks, c, sizeof(marks) - 1) == NULL)
            return false;
    }
    return true;
}

static char fold_name_character(char c) {
    if (c == '_')
        return '-';
    return (char)tolower((unsigned char)c);
}

/* Names that a server behind the proxy may take for one of ours: many read '_' as '-'. */
static bool resembles_our_header(struct sp_str name) {
    for (size_t i = 0; i < own_prefix.size; i++)
        if (i == name.size || fold_name_character(name.data[i]) != own_prefix.data[i])
            return false;
    return true;
}

/* Those that are set are overwritten; to remove them as well would take ours away, since proxies
 * remove last. */
static bool is_set_by_us(struct sp_str name) {
    for (size_t i = 0; i < SP_EXT_AUTHZ_SET_HEADERS; i++)
        if (is_header(name, sp_ext_authz_set_headers[i]))
            return true;
    return false;
}

static void take_spoofed(struct gathering *gathering, struct sp_str name) {
    if (!sp_ext_authz_is_header_name(name))
        gathering->request->reason = SP_REASON_REQUEST_MALFORMED;
    else if (!is_set_by_us(name))
        append_text(gathering, &gathering->spoofed, &gathering->request->spoofed_count, name);
}

static void take_credential(struct gathering *gathering, struct sp_str name, struct sp_str value) {
    const struct sp_ext_authz_settings *settings = gathering->settings;
    for (size_t i = 0; i < settings->key_header_count; i++) {
        if (!is_header(name, settings->key_headers[i]))
            continue;
        if (sp_str_equal(settings->key_headers[i], authorization))
            sp_credential_offer_authorization(&gathering->credential, value);
        else
            sp_credential_offer_key(&gathering->credential, value);
        return;
    }
}

static void take_header(struct gathering *gathering, struct sp_str name, struct sp_str value) {
    take_credential(gathering, name, value);
    if (is_header(name, gathering->address_header))
        append_text(gathering, &gathering->forwarded, &gathering->forwarded_count, value);
    else if (is_header(name, request_id) && gathering->request_ids++ == 0 && is_quotable(value))
        gathering->request->id = value;
    else if (is_header(name, traceparent))
        gathering->request->trace = gathering->traces++ == 0 ? value : (struct sp_str){NULL, 0};
    else if (resembles_our_header(name))
        take_spoofed(gathering, name);
}

static struct sp_str text_of_bytes(ProtobufCBinaryData bytes) {
    return (struct sp_str){(const char *)bytes.data, bytes.len};
}

/* Proxies fill one of the two lists; what is in either counts. */
static void take_headers(struct gathering *gathering, const Http *http) {
    size_t raw_count = http->header_map == NULL ? 0 : http->header_map->n_headers;
    gathering->most = http->n_headers + raw_count;
    for (size_t i = 0; i < http->n_headers; i++)
        take_header(gathering, text_of_bytes(http->headers[i]->key), text_of_bytes(http->headers[i]->value));
    for (size_t i = 0; i < raw_count; i++) {
        const Envoy__Config__Core__V3__HeaderValue *header = http->header_map->headers[i];
        take_header(gathering, text_of_bytes(header->key),
                    text_of_bytes(header->raw_value.len > 0 ? header->raw_value : header->value));
    }
    gathering->request->spoofed = gathering->spoofed;
}

/* ---- the address ---- */

static void find_client_address(const struct gathering *gathering, const Context *context,
                                struct sp_ext_authz_request *request) {
    struct sp_ip peer;
    bool has_peer = context->source != NULL && context->source->address != NULL &&
                    context->source->address->socket_address != NULL &&
                    sp_ip_parse(text_of_bytes(context->source->address->socket_address->address), &peer, NULL) == SP_OK;
    if (sp_forwarded_client(&gathering->settings->trust, has_peer ? &peer : NULL, gathering->forwarded,
                            gathering->forwarded_count, &request->ip))
        request->query.ip = &request->ip;
}

/* ---- the target ---- */

static void blame_configuration(struct sp_ext_authz_request *request, const char *fault, struct sp_str culprit) {
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

static void take_extension(struct sp_ext_authz_request *request, struct sp_str key, struct sp_str value) {
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

static void take_extensions(const Context *context, struct sp_ext_authz_request *request) {
    for (size_t i = 0; i < context->n_context_extensions && request->fault == NULL; i++)
        take_extension(request, text_of_bytes(context->context_extensions[i]->key),
                       text_of_bytes(context->context_extensions[i]->value));
    if (request->fault != NULL || context->n_context_extensions == 0)
        return;
    request->has_target = true;
    if (request->query.resource_type.size == 0)
        blame_configuration(request, "is missing, although others are given", SP_STR_LITERAL("resource_type"));
    else if (request->query.action.size == 0)
        blame_configuration(request, "is missing, although others are given", SP_STR_LITERAL("action"));
}

/* Upstreams often ignore a missing or extra slash at a path's end. A path that matches a route
 * but for that slash is not left to the default, which may be laxer. */
static bool is_known_but_for_a_slash(const struct sp_routes *routes, const struct sp_ext_authz_request *request,
                                     char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    char other[SP_ROUTE_PATH_MAX_BYTES + 1];
    struct sp_str path = request->path;
    const char *query = memchr(path.data, '?', path.size);
    if (query != NULL)
        path.size = (size_t)(query - path.data);
    if (path.size >= sizeof(other))
        return true;
    memcpy(other, path.data, path.size);
    if (path.data[path.size - 1] == '/')
        path.size--;
    else
        other[path.size++] = '/';
    if (path.size == 0)
        return false;
    struct sp_route_match match = sp_routes_match(routes, request->method, (struct sp_str){other, path.size}, scratch);
    return match.outcome != SP_ROUTE_UNKNOWN;
}

void sp_ext_authz_find_target(const struct sp_ext_authz_settings *settings, const struct sp_routes *routes,
                              char scratch[static SP_ROUTE_SCRATCH_BYTES], struct sp_ext_authz_request *request) {
    struct sp_query *query = &request->query;
    struct sp_route_match match = sp_routes_match(routes, request->method, request->path, scratch);
    if (match.outcome == SP_ROUTE_FOUND) {
        query->resource_type = match.route->type;
        query->resource_id = match.id;
        query->action = match.route->action;
    } else if (match.outcome == SP_ROUTE_REFUSED) {
        request->reason = SP_REASON_REQUEST_MALFORMED;
        request->refusal = match.why;
    } else if (match.outcome == SP_ROUTE_UNKNOWN && settings->default_type.size > 0 &&
               !is_known_but_for_a_slash(routes, request, scratch)) {
        query->resource_type = settings->default_type;
        query->action = settings->default_action;
    } else {
        request->reason = SP_REASON_ROUTE_UNKNOWN;
    }
}

/* ---- all ---- */

void sp_ext_authz_read(const struct sp_ext_authz_settings *settings,
                       const Envoy__Service__Auth__V3__CheckRequest *message, bool trusted, struct sp_arena *arena,
                       struct sp_ext_authz_request *ret_request) {
    struct gathering gathering = {.settings = settings,
                                  .arena = arena,
                                  .request = ret_request,
                                  .address_header = sp_forwarded_header(&settings->trust)};
    const Context *context = message->attributes;
    const Http *http = context == NULL || context->request == NULL ? NULL : context->request->http;
    *ret_request = (struct sp_ext_authz_request){.query = {.credential_kind = SP_CREDENTIAL_TEXT}};
    if (http == NULL) {
        ret_request->reason = SP_REASON_REQUEST_MALFORMED;
        return;
    }
    ret_request->method = text_of_bytes(http->method);
    ret_request->path = text_of_bytes(http->path);
    take_headers(&gathering, http);
    ret_request->query.credential =
        (struct sp_bytes){(const uint8_t *)gathering.credential.text.data, gathering.credential.text.size};
    if (trusted)
        find_client_address(&gathering, context, ret_request);
    if (gathering.out_of_memory)
        ret_request->reason = SP_REASON_REQUEST_MALFORMED;
    if (ret_request->reason != SP_REASON_NONE)
        return;
    if (sp_credential_is_ambiguous(&gathering.credential))
        ret_request->reason = SP_REASON_CREDENTIAL_AMBIGUOUS;
    else if (gathering.credential.text.size == 0)
        ret_request->reason = SP_REASON_CREDENTIAL_MISSING;
    else
        take_extensions(context, ret_request);
}
