/* A request on its way to a handler, and the reply on its way back. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/text_out.h"
#include "http/internal.h"

enum {
    ARENA_FIRST_BYTES = 8 * 1024,
    POOL_MAX = 16,
    BODY_FIRST_BYTES = 4 * 1024,
    FAIL_MAX_BYTES = 1024, /* of an error's reply */
};

/* ---- life ---- */

static struct sp_http_exchange *take(struct sp_http_server *server) {
    struct sp_http_exchange *exchange = server->pool;
    if (exchange != NULL) {
        server->pool = exchange->next;
        server->pooled--;
        return exchange;
    }
    exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    if (sp_arena_init(&exchange->arena, ARENA_FIRST_BYTES, server->options.arena_budget_bytes) != SP_OK) {
        free(exchange);
        return NULL;
    }
    return exchange;
}

void exchange_free(struct sp_http_exchange *exchange) {
    sp_arena_fini(&exchange->arena);
    free(exchange);
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

static void split_target(struct sp_http_exchange *exchange) {
    struct sp_str target = exchange->target;
    const char *mark = target.size == 0 ? NULL : memchr(target.data, '?', target.size);
    exchange->path = target;
    exchange->query = (struct sp_str){NULL, 0};
    if (mark != NULL) {
        exchange->path.size = (size_t)(mark - target.data);
        exchange->query = (struct sp_str){mark + 1, target.size - exchange->path.size - 1};
    }
}

struct sp_http_exchange *exchange_begin(struct sp_http_server *server, struct MHD_Connection *connection,
                                        const char *target) {
    struct sp_http_exchange *exchange = take(server);
    if (exchange == NULL)
        return NULL;
    struct sp_arena arena = exchange->arena;
    *exchange = (struct sp_http_exchange){.server = server, .connection = connection, .arena = arena};
    server->exchange_count++;
    exchange->target = (struct sp_str){sp_arena_strdup(&exchange->arena, sp_str_from(target)), strlen(target)};
    if (exchange->target.data == NULL)
        exchange->target.size = 0;
    split_target(exchange);
    name_peer(exchange);
    return exchange;
}

void exchange_end(struct sp_http_exchange *exchange) {
    struct sp_http_server *server = exchange->server;
    server->exchange_count--;
    if (exchange->body != NULL) {
        explicit_bzero(exchange->body, exchange->body_size);
        free(exchange->body);
    }
    sp_arena_wipe(&exchange->arena);
    if (server->pooled >= POOL_MAX) {
        exchange_free(exchange);
        return;
    }
    exchange->next = server->pool;
    server->pool = exchange;
    server->pooled++;
}

/* ---- replying ---- */

struct sp_str sp_http_method(const struct sp_http_exchange *exchange) {
    return sp_str_from(exchange->method);
}

struct sp_str sp_http_path(const struct sp_http_exchange *exchange) {
    return exchange->path;
}

struct sp_str sp_http_query(const struct sp_http_exchange *exchange) {
    return exchange->query;
}

struct sp_bytes sp_http_body(const struct sp_http_exchange *exchange) {
    return (struct sp_bytes){exchange->body, exchange->body_size};
}

struct sp_str sp_http_peer(const struct sp_http_exchange *exchange) {
    return sp_str_from(exchange->peer);
}

struct sp_arena *sp_http_arena(struct sp_http_exchange *exchange) {
    return &exchange->arena;
}

struct wanted {
    const char *name;
    size_t size;
    struct sp_str first;
    size_t count;
};

static enum MHD_Result look_for(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                const char *value, size_t value_size) {
    struct wanted *wanted = user;
    (void)kind;
    if (name_size == wanted->size && strncasecmp(name, wanted->name, name_size) == 0 && wanted->count++ == 0)
        wanted->first = (struct sp_str){value, value == NULL ? 0 : value_size};
    return MHD_YES;
}

struct sp_str sp_http_header(const struct sp_http_exchange *exchange, const char *name, size_t *ret_count) {
    struct wanted wanted = {.name = name, .size = strlen(name)};
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, look_for, &wanted);
    *ret_count = wanted.count;
    return wanted.first;
}

void sp_http_add_header(struct sp_http_exchange *exchange, const char *name, struct sp_str value) {
    struct reply_header *header = sp_arena_alloc(&exchange->arena, sizeof(*header));
    if (header == NULL || !sp_text_is_printable(value))
        return;
    *header = (struct reply_header){
        .next = exchange->headers,
        .name = sp_arena_strdup(&exchange->arena, sp_str_from(name)),
        .value = sp_arena_strdup(&exchange->arena, value),
    };
    if (header->name != NULL && header->value != NULL)
        exchange->headers = header;
}

/* A header that libmicrohttpd does not take is left out. */
static void add_headers(struct sp_http_exchange *exchange, struct MHD_Response *response, const char *content_type) {
    bool says_cache = false;
    for (const struct reply_header *header = exchange->headers; header != NULL; header = header->next) {
        says_cache |= strcasecmp(header->name, "cache-control") == 0;
        (void)MHD_add_response_header(response, header->name, header->value);
    }
    if (content_type != NULL)
        (void)MHD_add_response_header(response, "Content-Type", content_type);
    if (!says_cache)
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (exchange->server->stopping)
        (void)MHD_add_response_header(response, "Connection", "close");
}

void sp_http_reply(struct sp_http_exchange *exchange, unsigned status, const char *content_type, struct sp_bytes body) {
    union {
        const void *in;
        void *out;
    } bytes = {body.data}; /* only read */
    if (exchange->replied)
        return;
    struct MHD_Response *response = MHD_create_response_from_buffer(body.size, bytes.out, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return;
    add_headers(exchange, response, content_type);
    exchange->replied = MHD_queue_response(exchange->connection, status, response) == MHD_YES;
    MHD_destroy_response(response);
}

static const char *code_of(unsigned status) {
    switch (status) {
    case 400:
        return "invalid_argument";
    case 401:
        return "unauthenticated";
    case 403:
        return "permission_denied";
    case 404:
        return "not_found";
    case 405:
        return "method_not_allowed";
    case 413:
        return "resource_exhausted";
    case 503:
        return "unavailable";
    default:
        return status < 500 ? "failed_precondition" : "internal";
    }
}

void sp_http_fail(struct sp_http_exchange *exchange, unsigned status, const char *message) {
    char *text = sp_arena_alloc(&exchange->arena, FAIL_MAX_BYTES);
    struct sp_text_out out;
    if (text == NULL) {
        sp_http_reply(exchange, status, NULL, (struct sp_bytes){NULL, 0});
        return;
    }
    sp_text_out_init(&out, text, FAIL_MAX_BYTES);
    sp_json_open(&out);
    sp_json_text(&out, "code", sp_str_from(code_of(status)));
    sp_json_text(&out, "message", sp_str_from(message));
    sp_json_close(&out);
    sp_http_reply(exchange, status, "application/json", (struct sp_bytes){(const uint8_t *)text, out.used});
}

/* ---- receiving ---- */

static bool method_matches(const char *of_route, const char *asked) {
    return strcmp(of_route, asked) == 0 || (strcmp(asked, "HEAD") == 0 && strcmp(of_route, "GET") == 0);
}

/* Sets the route, or replies with 404 or 405. */
static bool find_route(struct sp_http_exchange *exchange) {
    const struct sp_http_server *server = exchange->server;
    char allow[128];
    struct sp_text_out out;
    sp_text_out_init(&out, allow, sizeof(allow));
    for (size_t i = 0; i < server->route_count; i++) {
        const struct sp_http_route *route = &server->routes[i];
        if (!sp_str_equal(sp_str_from(route->path), exchange->path))
            continue;
        if (method_matches(route->method, exchange->method)) {
            exchange->route = route;
            return true;
        }
        sp_text_put(&out, sp_str_from(out.used == 0 ? "" : ", "));
        sp_text_put(&out, sp_str_from(strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method));
    }
    if (out.used == 0) {
        sp_http_fail(exchange, 404, "nothing is served at this path");
        return false;
    }
    sp_http_add_header(exchange, "Allow", (struct sp_str){allow, out.used});
    sp_http_fail(exchange, 405, "this path does not take the method");
    return false;
}

static bool announces_too_much(const struct sp_http_exchange *exchange) {
    size_t count = 0;
    struct sp_str length = sp_http_header(exchange, "content-length", &count);
    uint64_t bytes = 0;
    for (size_t i = 0; i < length.size; i++)
        bytes = bytes * 10 + (uint64_t)(length.data[i] - '0');
    return bytes > exchange->server->options.max_body_bytes;
}

/* Whatever is replied names the request as its sender did. */
static void echo_request_id(struct sp_http_exchange *exchange) {
    size_t count = 0;
    struct sp_str id = sp_http_header(exchange, "x-request-id", &count);
    if (id.size > 0)
        sp_http_add_header(exchange, "X-Request-ID", id);
}

/* A reply before the body has come closes the connection after it: what follows cannot be taken for a request. */
enum MHD_Result exchange_headers(struct sp_http_exchange *exchange, const char *method) {
    exchange->seen = true;
    exchange->method = sp_arena_strdup(&exchange->arena, sp_str_from(method));
    if (exchange->method == NULL || exchange->target.data == NULL)
        return MHD_NO;
    echo_request_id(exchange);
    const char *mistake = framing_mistake(exchange->connection);
    if (mistake != NULL) {
        sp_http_fail(exchange, 400, mistake);
        return MHD_YES;
    }
    if (announces_too_much(exchange))
        sp_http_fail(exchange, 413, "the body is larger than this server takes");
    return MHD_YES;
}

static bool make_room(struct sp_http_exchange *exchange, size_t size) {
    size_t wanted = exchange->body_size + size;
    if (wanted <= exchange->body_room)
        return true;
    size_t room = exchange->body_room == 0 ? BODY_FIRST_BYTES : exchange->body_room;
    while (room < wanted)
        room *= 2;
    uint8_t *body = malloc(room);
    if (body == NULL)
        return false;
    if (exchange->body != NULL) {
        memcpy(body, exchange->body, exchange->body_size);
        explicit_bzero(exchange->body, exchange->body_size);
        free(exchange->body);
    }
    exchange->body = body;
    exchange->body_room = room;
    return true;
}

/* A body in chunks is only known to be too large when it is: it is read to its end, within the deadline, to be answered. */
enum MHD_Result exchange_body(struct sp_http_exchange *exchange, const char *bytes, size_t size) {
    size_t left = exchange->server->options.max_body_bytes - exchange->body_size;
    exchange->too_large |= size > left;
    if (exchange->too_large)
        return MHD_YES;
    if (!make_room(exchange, size))
        return MHD_NO;
    memcpy(exchange->body + exchange->body_size, bytes, size);
    exchange->body_size += size;
    return MHD_YES;
}

/* Or replies. */
static bool may_ask(struct sp_http_exchange *exchange) {
    if (exchange->route->anyone || exchange->server->options.tls.ca == NULL ||
        engine_knows_client(exchange->connection))
        return true;
    sp_http_fail(exchange, 401, "this server asks for a client certificate that its CA has signed");
    return false;
}

enum MHD_Result exchange_answer(struct sp_http_exchange *exchange) {
    if (exchange->too_large)
        sp_http_fail(exchange, 413, "the body is larger than this server takes");
    else if (find_route(exchange) && may_ask(exchange))
        exchange->route->handle(exchange, exchange->route->user);
    if (!exchange->replied)
        sp_http_fail(exchange, 500, "the server had no answer");
    return exchange->replied ? MHD_YES : MHD_NO;
}
