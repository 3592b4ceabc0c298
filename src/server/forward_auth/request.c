#include "server/forward_auth/request.h"

#include "server/gateway/headers.h"

/* What the gateway's own headers hold. */
struct described {
    struct sp_str method, uri, host, forwarded; /* the last of each */
    size_t methods, uris, hosts;
    bool spoofed;
};

static void take_description(const struct sp_forward_auth_headers *names, const struct sp_http_field *field,
                             struct described *described) {
    if (sp_str_equal_ignoring_case(field->name, names->method)) {
        described->method = field->value;
        described->methods++;
    } else if (sp_str_equal_ignoring_case(field->name, names->uri)) {
        described->uri = field->value;
        described->uris++;
    } else if (sp_str_equal_ignoring_case(field->name, names->host)) {
        described->host = field->value;
        described->hosts++;
    } else if (sp_str_equal_ignoring_case(field->name, SP_STR_LITERAL("x-forwarded-for"))) {
        described->forwarded = field->value;
    }
    described->spoofed |= sp_gateway_resembles_own_header(field->name);
}

/* NULL: nothing is wrong. */
static const char *find_header_fault(size_t count, struct sp_str value) {
    if (count == 0)
        return "is missing: see docs/forward-auth.md";
    if (count > 1)
        return "is given several times";
    return value.size == 0 ? "is empty" : NULL;
}

static void judge_header(size_t count, struct sp_str value, struct sp_str name, struct sp_gateway_request *request) {
    const char *fault = find_header_fault(count, value);
    if (fault == NULL || request->fault != NULL)
        return;
    request->reason = SP_REASON_ROUTE_UNKNOWN;
    request->fault = fault;
    request->culprit = name;
}

void sp_forward_auth_read(const struct sp_gateway_settings *settings, const struct sp_http_field *fields, size_t count,
                          struct sp_arena *arena, struct sp_gateway_request *ret_request) {
    const struct sp_forward_auth_headers *names = settings->forward_auth;
    struct described described = {.methods = 0};
    struct sp_gateway_headers headers;
    struct sp_ip peer;
    sp_gateway_headers_begin(&headers, settings, count, arena, ret_request);
    for (size_t i = 0; i < count; i++) {
        take_description(names, &fields[i], &described);
        sp_gateway_headers_take(&headers, fields[i].name, fields[i].value);
    }
    ret_request->method = described.method;
    ret_request->path = described.uri;
    if (described.hosts == 1)
        ret_request->host = described.host;
    if (described.spoofed) {
        ret_request->reason = SP_REASON_REQUEST_MALFORMED;
        ret_request->refusal = "the request has a header that only Sallyport may set (x-sallyport-…)";
    }
    sp_gateway_headers_end(&headers);
    if (sp_forwarded_last_entry(described.forwarded, &peer))
        sp_gateway_find_address(&headers, &peer);
    judge_header(described.methods, described.method, names->method, ret_request);
    judge_header(described.uris, described.uri, names->uri, ret_request);
}
