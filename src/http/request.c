#include "http/request.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text_out.h"
#include "http/client_certificate.h"
#include "http/connections.h"
#include "http/deferral.h"
#include "http/exchange.h"
#include "http/framing.h"
#include "http/handshake.h"
#include "http/host.h"
#include "http/pipe.h"

enum {
    ARENA_FIRST_BYTES = 8 * 1024,
    POOL_MAX = 16,
    BODY_FIRST_BYTES = 4 * 1024,
};

/* ---- life ---- */

static struct sp_http_exchange *take_exchange(struct exchanges *exchanges) {
    struct sp_http_exchange *exchange = exchanges->pool;
    if (exchange != NULL) {
        exchanges->pool = exchange->next;
        exchanges->pooled--;
        return exchange;
    }
    exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    if (sp_arena_init(&exchange->arena, ARENA_FIRST_BYTES, exchanges->arena_budget_bytes) != SP_OK) {
        free(exchange);
        return NULL;
    }
    return exchange;
}

static void name_peer(struct sp_http_exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *from = info == NULL ? NULL : info->client_addr;
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    if (from == NULL || (from->sa_family != AF_INET && from->sa_family != AF_INET6)) {
        memcpy(exchange->peer, "unix", sizeof("unix"));
    } else if (from->sa_family == AF_INET) {
        memcpy(&address.v4, from, sizeof(address.v4));
        inet_ntop(AF_INET, &address.v4.sin_addr, exchange->peer, sizeof(exchange->peer));
    } else {
        memcpy(&address.v6, from, sizeof(address.v6));
        const struct in6_addr *v6 = &address.v6.sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(v6))
            inet_ntop(AF_INET, v6->s6_addr + 12, exchange->peer, sizeof(exchange->peer));
        else
            inet_ntop(AF_INET6, v6, exchange->peer, sizeof(exchange->peer));
    }
}

/* "http://host:port/path" (RFC 9112 section 3.2.2): takes the authority off; what is left begins
 * with '/', '?' or is empty. */
static bool take_authority(struct sp_str *target, struct sp_str *ret_authority) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (target->size < size || strncasecmp(target->data, schemes[i], size) != 0)
            continue;
        size_t end = size;
        while (end < target->size && strchr("/?", target->data[end]) == NULL)
            end++;
        *ret_authority = (struct sp_str){target->data + size, end - size};
        *target = (struct sp_str){target->data + end, target->size - end};
        return true;
    }
    return false;
}

static void split_target(struct sp_http_exchange *exchange) {
    struct sp_str target = exchange->target;
    exchange->is_absolute = take_authority(&target, &exchange->authority);
    const char *mark = target.size == 0 ? NULL : memchr(target.data, '?', target.size);
    exchange->path = target;
    exchange->query = (struct sp_str){NULL, 0};
    if (mark != NULL) {
        exchange->path.size = (size_t)(mark - target.data);
        exchange->query = (struct sp_str){mark + 1, target.size - exchange->path.size - 1};
    }
    if (exchange->is_absolute && exchange->path.size == 0)
        exchange->path = SP_STR_LITERAL("/");
}

struct sp_http_exchange *sp_http_request_begin(struct exchanges *exchanges, struct MHD_Connection *connection,
                                               const char *target) {
    struct sp_http_exchange *exchange = take_exchange(exchanges);
    if (exchange == NULL)
        return NULL;
    struct sp_arena arena = exchange->arena;
    *exchange = (struct sp_http_exchange){.exchanges = exchanges, .connection = connection, .arena = arena};
    exchanges->active++;
    exchange->target = (struct sp_str){sp_arena_strdup(&exchange->arena, sp_str_from(target)), strlen(target)};
    if (exchange->target.data == NULL)
        exchange->target.size = 0;
    split_target(exchange);
    name_peer(exchange);
    return exchange;
}

void sp_http_request_end(struct sp_http_exchange *exchange) {
    struct exchanges *exchanges = exchange->exchanges;
    exchanges->active--;
    sp_http_pipes_leave(exchange);
    if (sp_http_deferral_end(exchange))
        return;
    sp_http_exchange_wipe(exchange);
    if (exchanges->pooled >= POOL_MAX) {
        sp_http_exchange_free(exchange);
        return;
    }
    exchange->next = exchanges->pool;
    exchanges->pool = exchange;
    exchanges->pooled++;
}

void sp_http_request_free_pool(struct exchanges *exchanges) {
    while (exchanges->pool != NULL) {
        struct sp_http_exchange *exchange = exchanges->pool;
        exchanges->pool = exchange->next;
        sp_http_exchange_free(exchange);
    }
}

/* ---- receiving ---- */

static bool matches_method(const char *of_route, const char *asked) {
    return strcmp(of_route, asked) == 0 || (strcmp(asked, "HEAD") == 0 && strcmp(of_route, "GET") == 0);
}

/* Sets the route, or replies with 404 or 405. */
static bool find_route(struct sp_http_exchange *exchange) {
    const struct exchanges *exchanges = exchange->exchanges;
    char allow[128];
    struct sp_text_out out;
    sp_text_out_init(&out, allow, sizeof(allow));
    for (size_t i = 0; i < exchanges->route_count; i++) {
        const struct sp_http_route *route = &exchanges->routes[i];
        if (!sp_str_equal(sp_str_from(route->path), exchange->path))
            continue;
        if (matches_method(route->method, exchange->method)) {
            exchange->route = route;
            return true;
        }
        sp_text_put(&out, sp_str_from(out.used == 0 ? "" : ", "));
        sp_text_put(&out, sp_str_from(strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method));
    }
    if (out.used == 0) {
        /* A call of a method that is not there must not read as one about something missing. */
        sp_http_fail_as(exchange, 404, strcmp(exchange->method, "POST") == 0 ? "unimplemented" : "not_found",
                        "there is nothing at this path");
        return false;
    }
    sp_http_add_header(exchange, "Allow", (struct sp_str){allow, out.used});
    sp_http_fail(exchange, 405, "this path does not support the method");
    return false;
}

static bool announces_too_large_body(const struct sp_http_exchange *exchange) {
    size_t count = 0;
    struct sp_str length = sp_http_header(exchange, "content-length", &count);
    uint64_t bytes = 0;
    for (size_t i = 0; i < length.size; i++)
        bytes = bytes * 10 + (uint64_t)(length.data[i] - '0');
    return bytes > exchange->exchanges->max_body_bytes;
}

/* Requests without a host (HTTP/1.0) come from no browser. In a target in absolute-form a host has
 * the last word (RFC 9112 section 3.2.2), but nobody has a reason to name two. */
static bool names_this_server(const struct sp_http_exchange *exchange) {
    const struct exchanges *exchanges = exchange->exchanges;
    const struct connection *connection = sp_http_connection_of(exchange->connection);
    size_t count = 0;
    if (connection != NULL && !connection->checks_host)
        return true;
    struct sp_str host = sp_http_header(exchange, "host", &count);
    if (exchange->is_absolute &&
        !sp_http_host_is_ours(exchange->authority, exchanges->host_names, exchanges->host_name_count))
        return false;
    return count == 0 || sp_http_host_is_ours(host, exchanges->host_names, exchanges->host_name_count);
}

/* Every reply carries the request's id. */
static void echo_request_id(struct sp_http_exchange *exchange) {
    size_t count = 0;
    struct sp_str id = sp_http_header(exchange, "x-request-id", &count);
    if (id.size > 0)
        sp_http_add_header(exchange, "X-Request-ID", id);
}

/* A reply before the body has come closes the connection after it: what follows cannot be taken for
 * a request. */
enum MHD_Result sp_http_request_take_headers(struct sp_http_exchange *exchange, const char *method,
                                             const char *version) {
    exchange->has_headers = true;
    exchange->method = sp_arena_strdup(&exchange->arena, sp_str_from(method));
    if (exchange->method == NULL || exchange->target.data == NULL)
        return MHD_NO;
    echo_request_id(exchange);
    const char *mistake = sp_http_framing_mistake(exchange->connection, method, version);
    if (mistake != NULL) {
        sp_http_fail(exchange, 400, mistake);
        return MHD_YES;
    }
    if (!names_this_server(exchange)) {
        sp_http_fail(exchange, 400,
                     "the host header names another server: use a loopback name, or allow the name with --http-host");
        return MHD_YES;
    }
    if (announces_too_large_body(exchange))
        sp_http_fail(exchange, 413, "the body is larger than this server accepts");
    return MHD_YES;
}

static bool grow_body(struct sp_http_exchange *exchange, size_t size) {
    size_t wanted = exchange->body_size + size;
    if (wanted <= exchange->body_capacity)
        return true;
    size_t capacity = exchange->body_capacity == 0 ? BODY_FIRST_BYTES : exchange->body_capacity;
    while (capacity < wanted)
        capacity *= 2;
    uint8_t *body = malloc(capacity);
    if (body == NULL)
        return false;
    if (exchange->body != NULL) {
        memcpy(body, exchange->body, exchange->body_size);
        explicit_bzero(exchange->body, exchange->body_size);
        free(exchange->body);
    }
    exchange->body = body;
    exchange->body_capacity = capacity;
    return true;
}

/* A body in chunks is only known to be too large when it is: it is read to its end, within the
 * deadline, to be answered. */
enum MHD_Result sp_http_request_take_body(struct sp_http_exchange *exchange, const char *bytes, size_t size) {
    size_t left = exchange->exchanges->max_body_bytes - exchange->body_size;
    exchange->too_large |= size > left;
    if (exchange->too_large)
        return MHD_YES;
    if (!grow_body(exchange, size))
        return MHD_NO;
    memcpy(exchange->body + exchange->body_size, bytes, size);
    exchange->body_size += size;
    return MHD_YES;
}

/* Or replies. */
static bool admit_client(struct sp_http_exchange *exchange) {
    if (exchange->route->anyone || !exchange->exchanges->clients_need_certificates ||
        sp_http_client_is_verified(exchange))
        return true;
    sp_http_report_certificate(exchange);
    sp_http_fail(exchange, 401, "this server requires a client certificate that is signed by its CA and not revoked");
    return false;
}

static void dispatch_exchange(struct sp_http_exchange *exchange) {
    if (exchange->too_large)
        sp_http_fail(exchange, 413, "the body is larger than this server accepts");
    else if (find_route(exchange) && admit_client(exchange))
        exchange->route->handle(exchange, exchange->route->user);
}

enum MHD_Result sp_http_request_answer(struct sp_http_exchange *exchange) {
    if (exchange->finish == NULL) {
        dispatch_exchange(exchange);
        if (exchange->finish != NULL)
            return MHD_YES; /* its connection is suspended */
    } else if (!sp_http_deferral_finish(exchange)) {
        return MHD_NO;
    }
    if (!exchange->replied)
        sp_http_fail(exchange, 500, "the handler gave no answer");
    return exchange->replied ? MHD_YES : MHD_NO;
}
