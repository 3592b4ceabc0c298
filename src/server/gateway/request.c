#include "server/gateway/request.h"

#include "core/route_match.h"
#include "server/gateway/headers.h"

enum { REQUEST_ID_MAX_BYTES = 128 };

static const struct sp_str authorization = {"authorization", 13};
static const struct sp_str request_id = {"x-request-id", 12};
static const struct sp_str traceparent = {"traceparent", 11};

/* ---- headers ---- */

/* Appends to a list that is made for all headers when the first one belongs to it. */
static void append_header_value(struct sp_gateway_headers *headers, struct sp_str **list, size_t *count,
                                struct sp_str value) {
    if (*list == NULL)
        *list = sp_arena_calloc(headers->arena, headers->most, sizeof(**list));
    if (*list == NULL)
        headers->out_of_memory = true;
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

/* Those that are set are overwritten; to remove them as well would take ours away, since proxies
 * remove last. */
static bool is_set_by_us(struct sp_str name) {
    for (size_t i = 0; i < SP_GATEWAY_SET_HEADERS; i++)
        if (sp_str_equal_ignoring_case(name, sp_gateway_set_headers[i]))
            return true;
    return false;
}

static void take_spoofed(struct sp_gateway_headers *headers, struct sp_str name) {
    if (!sp_gateway_is_header_name(name))
        headers->request->reason = SP_REASON_REQUEST_MALFORMED;
    else if (!is_set_by_us(name))
        append_header_value(headers, &headers->spoofed, &headers->request->spoofed_count, name);
}

static void take_credential(struct sp_gateway_headers *headers, struct sp_str name, struct sp_str value) {
    const struct sp_gateway_settings *settings = headers->settings;
    for (size_t i = 0; i < settings->key_header_count; i++) {
        struct sp_str wanted = settings->key_headers[i];
        if (!sp_str_equal_ignoring_case(name, wanted))
            continue;
        struct sp_credential *credential =
            sp_str_equal(wanted, settings->deciding_header) ? &headers->deciding : &headers->others;
        if (sp_str_equal(wanted, authorization))
            sp_credential_offer_authorization(credential, value);
        else
            sp_credential_offer_key(credential, value);
        return;
    }
}

void sp_gateway_headers_begin(struct sp_gateway_headers *headers, const struct sp_gateway_settings *settings,
                              size_t most, struct sp_arena *arena, struct sp_gateway_request *ret_request) {
    *ret_request = (struct sp_gateway_request){.query = {.credential_kind = SP_CREDENTIAL_TEXT}};
    *headers = (struct sp_gateway_headers){
        .settings = settings,
        .arena = arena,
        .request = ret_request,
        .deciding = {.schemes = settings->schemes, .arena = arena},
        .others = {.schemes = settings->schemes, .arena = arena},
        .most = most,
        .address_header = sp_forwarded_header(&settings->trust),
    };
}

void sp_gateway_headers_take(struct sp_gateway_headers *headers, struct sp_str name, struct sp_str value) {
    struct sp_gateway_request *request = headers->request;
    take_credential(headers, name, value);
    if (sp_str_equal_ignoring_case(name, headers->address_header))
        append_header_value(headers, &headers->forwarded, &headers->forwarded_count, value);
    else if (sp_str_equal_ignoring_case(name, request_id) && headers->request_ids++ == 0 && is_quotable(value))
        request->id = value;
    else if (sp_str_equal_ignoring_case(name, traceparent))
        request->trace = headers->traces++ == 0 ? value : (struct sp_str){NULL, 0};
    else if (sp_gateway_resembles_own_header(name))
        take_spoofed(headers, name);
}

/* A key in the header that decides is the only one that counts. What else it holds stands beside
 * the keys of the others. */
static struct sp_credential choose_credential(const struct sp_gateway_headers *headers) {
    struct sp_credential chosen = headers->others;
    if (headers->deciding.text.size > 0)
        return headers->deciding;
    chosen.other_scheme |= headers->deciding.other_scheme;
    chosen.unclear |= headers->deciding.unclear;
    return chosen;
}

void sp_gateway_headers_end(struct sp_gateway_headers *headers) {
    struct sp_gateway_request *request = headers->request;
    struct sp_credential credential = choose_credential(headers);
    request->spoofed = headers->spoofed;
    request->query.credential = sp_bytes_of_str(credential.text);
    if (headers->out_of_memory)
        request->reason = SP_REASON_REQUEST_MALFORMED;
    if (request->reason != SP_REASON_NONE)
        return;
    if (sp_credential_is_ambiguous(&credential))
        request->reason = SP_REASON_CREDENTIAL_AMBIGUOUS;
    else if (credential.text.size == 0)
        request->reason = SP_REASON_CREDENTIAL_MISSING;
}

bool sp_gateway_lacks_credential(const struct sp_gateway_request *request) {
    return request->reason == SP_REASON_CREDENTIAL_AMBIGUOUS || request->reason == SP_REASON_CREDENTIAL_MISSING;
}

/* ---- the address ---- */

void sp_gateway_find_address(const struct sp_gateway_headers *headers, const struct sp_ip *peer) {
    struct sp_gateway_request *request = headers->request;
    if (sp_forwarded_client(&headers->settings->trust, peer, headers->forwarded, headers->forwarded_count,
                            &request->ip))
        request->query.ip = &request->ip;
}

/* ---- the target ---- */

static struct sp_route_match match_route(const struct sp_routes *routes, const struct sp_gateway_request *request,
                                         struct sp_str target, char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    const struct sp_route_request asked = {.method = request->method, .host = request->host, .target = target};
    return sp_routes_match(routes, &asked, scratch);
}

/* Upstreams often ignore a missing or extra slash at a path's end. A path that matches a route
 * but for that slash is not left to the default, which may be laxer. */
static bool is_known_but_for_a_slash(const struct sp_routes *routes, const struct sp_gateway_request *request,
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
    struct sp_route_match match = match_route(routes, request, (struct sp_str){other, path.size}, scratch);
    return match.outcome != SP_ROUTE_UNKNOWN;
}

void sp_gateway_find_target(const struct sp_gateway_settings *settings, const struct sp_routes *routes,
                            char scratch[static SP_ROUTE_SCRATCH_BYTES], struct sp_gateway_request *request) {
    struct sp_query *query = &request->query;
    struct sp_route_match match = match_route(routes, request, request->path, scratch);
    if (match.outcome == SP_ROUTE_REFUSED) {
        request->reason = SP_REASON_REQUEST_MALFORMED;
        request->refusal = match.why;
    } else if (sp_gateway_lacks_credential(request)) {
        return;
    } else if (match.outcome == SP_ROUTE_FOUND) {
        query->resource_type = match.route->type;
        query->resource_id = match.id;
        query->action = match.route->action;
        request->route = match.route;
    } else if (match.outcome == SP_ROUTE_UNKNOWN && settings->default_type.size > 0 &&
               !is_known_but_for_a_slash(routes, request, scratch)) {
        query->resource_type = settings->default_type;
        query->action = settings->default_action;
    } else {
        request->reason = SP_REASON_ROUTE_UNKNOWN;
    }
}
