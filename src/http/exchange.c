#include "http/exchange.h"

#include <string.h>

#include "base/text.h"
#include "base/text_out.h"
#include "http/exchange_state.h"
#include "http/respond.h"

enum { FAIL_MAX_BYTES = 1024 }; /* of an error's reply */

/* ---- the request ---- */

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

/* libmicrohttpd 0.9.75 leaves blanks behind a value, later releases do not. */
static struct sp_str trim_field_value(const char *value, size_t size) {
    return sp_str_trim_blanks((struct sp_str){value, value == NULL ? 0 : size});
}

struct wanted {
    const char *name;
    size_t size;
    struct sp_str *values;
    size_t room, count;
};

static void take_wanted(struct wanted *wanted, struct sp_str name, struct sp_str value) {
    if (!sp_str_equal_ignoring_case(name, (struct sp_str){wanted->name, wanted->size}))
        return;
    if (wanted->count < wanted->room)
        wanted->values[wanted->count] = value;
    wanted->count++;
}

static enum MHD_Result find_header(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                   const char *value, size_t value_size) {
    (void)kind;
    take_wanted(user, (struct sp_str){name, name_size}, trim_field_value(value, value_size));
    return MHD_YES;
}

size_t sp_http_header_all(const struct sp_http_exchange *exchange, const char *name, struct sp_str *ret_values,
                          size_t room) {
    struct wanted wanted = {.name = name, .size = strlen(name), .values = ret_values, .room = room};
    if (exchange->fields == NULL) {
        MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, find_header, &wanted);
        return wanted.count;
    }
    for (size_t i = 0; i < exchange->field_count; i++) /* of a deferred exchange */
        take_wanted(&wanted, exchange->fields[i].name, exchange->fields[i].value);
    return wanted.count;
}

struct sp_str sp_http_header(const struct sp_http_exchange *exchange, const char *name, size_t *ret_count) {
    struct sp_str first = {NULL, 0};
    *ret_count = sp_http_header_all(exchange, name, &first, 1);
    return first;
}

struct field_list {
    struct sp_http_field *fields;
    size_t most, count;
};

static enum MHD_Result append_field(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                    const char *value, size_t value_size) {
    struct field_list *list = user;
    (void)kind;
    if (list->count < list->most)
        list->fields[list->count] =
            (struct sp_http_field){.name = {name, name_size}, .value = trim_field_value(value, value_size)};
    list->count++;
    return MHD_YES;
}

size_t sp_http_headers(const struct sp_http_exchange *exchange, struct sp_http_field *ret_fields, size_t most) {
    struct field_list list = {.fields = ret_fields, .most = most};
    if (exchange->fields != NULL) {
        size_t copied = exchange->field_count < most ? exchange->field_count : most;
        if (copied > 0)
            memcpy(ret_fields, exchange->fields, copied * sizeof(*ret_fields));
        return exchange->field_count;
    }
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, append_field, &list);
    return list.count;
}

/* ---- replying ---- */

bool sp_http_add_header(struct sp_http_exchange *exchange, const char *name, struct sp_str value) {
    struct reply_header *header = sp_arena_alloc(&exchange->arena, sizeof(*header));
    struct reply_header **end = &exchange->headers;
    if (header == NULL || !sp_text_is_printable(value))
        return false;
    *header = (struct reply_header){
        .name = sp_arena_strdup(&exchange->arena, sp_str_from(name)),
        .value = sp_arena_strdup(&exchange->arena, value),
    };
    if (header->name == NULL || header->value == NULL)
        return false;
    while (*end != NULL) /* values of one name stay in their order */
        end = &(*end)->next;
    *end = header;
    return true;
}

void sp_http_reply(struct sp_http_exchange *exchange, unsigned status, const char *content_type, struct sp_bytes body) {
    union {
        const void *in;
        void *out;
    } bytes = {body.data}; /* only read */
    if (exchange->replied)
        return;
    struct MHD_Response *response = MHD_create_response_from_buffer(body.size, bytes.out, MHD_RESPMEM_PERSISTENT);
    if (response != NULL)
        sp_http_respond(exchange, status, content_type, response);
}

/* One of gRPC's, which are Connect's too: its clients refuse others. */
static const char *code_of_status(unsigned status) {
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
    case 415:
        return "unknown";
    case 413:
        return "resource_exhausted";
    case 503:
        return "unavailable";
    default:
        return status < 500 ? "failed_precondition" : "internal";
    }
}

void sp_http_fail_as(struct sp_http_exchange *exchange, unsigned status, const char *code, const char *message) {
    char *text = sp_arena_alloc(&exchange->arena, FAIL_MAX_BYTES);
    struct sp_text_out out;
    if (text == NULL) {
        sp_http_reply(exchange, status, NULL, (struct sp_bytes){NULL, 0});
        return;
    }
    sp_text_out_init(&out, text, FAIL_MAX_BYTES);
    sp_json_open(&out);
    sp_json_text(&out, "code", sp_str_from(code));
    sp_json_text(&out, "message", sp_str_from(message));
    sp_json_close(&out);
    sp_http_reply(exchange, status, "application/json", (struct sp_bytes){(const uint8_t *)text, out.used});
}

void sp_http_fail(struct sp_http_exchange *exchange, unsigned status, const char *message) {
    sp_http_fail_as(exchange, status, code_of_status(status), message);
}
