#include "support/envoy.h"

#include <stdio.h>
#include <string.h>

#include "wire/wire.h"

typedef Envoy__Service__Auth__V3__CheckResponse Response;
typedef Envoy__Service__Auth__V3__AttributeContext__Entry Entry;
typedef Envoy__Config__Core__V3__HeaderValue Header;
typedef Envoy__Config__Core__V3__HeaderValueOption Option;

enum { MAX_LINES = 128 };

/* ---- requests ---- */

static ProtobufCBinaryData bytes_of(struct sp_arena *arena, const char *text, size_t size) {
    uint8_t *copy = text == NULL ? NULL : sp_arena_alloc(arena, size + 1);
    if (copy == NULL)
        return (ProtobufCBinaryData){0, NULL};
    memcpy(copy, text, size);
    return (ProtobufCBinaryData){size, copy};
}

/* The lines of a text as entries; false if one has no `between`. */
static bool read_lines(const char *text, const char *between, struct sp_arena *arena, Entry ***ret_entries,
                       size_t *ret_count) {
    size_t count = 0;
    Entry **entries = sp_arena_calloc(arena, MAX_LINES, sizeof(Entry *));
    while (entries != NULL && text != NULL && *text != '\0') {
        const char *end = strchr(text, '\n');
        size_t size = end == NULL ? strlen(text) : (size_t)(end - text);
        const char *middle = strstr(text, between);
        Entry *entry = sp_arena_alloc(arena, sizeof(*entry));
        if (entry == NULL || count == MAX_LINES || middle == NULL || middle >= text + size)
            return false;
        *entry = (Entry)ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__ENTRY__INIT;
        entry->key = bytes_of(arena, text, (size_t)(middle - text));
        middle += strlen(between);
        entry->value = bytes_of(arena, middle, (size_t)(text + size - middle));
        entries[count++] = entry;
        text = end == NULL ? NULL : end + 1;
    }
    *ret_entries = entries;
    *ret_count = count;
    return entries != NULL;
}

static bool read_raw_headers(const char *text, struct sp_arena *arena, Envoy__Config__Core__V3__HeaderMap *map) {
    Entry **entries;
    if (!read_lines(text, ": ", arena, &entries, &map->n_headers))
        return false;
    map->headers = sp_arena_calloc(arena, map->n_headers, sizeof(Header *));
    for (size_t i = 0; map->headers != NULL && i < map->n_headers; i++) {
        map->headers[i] = sp_arena_alloc(arena, sizeof(Header));
        if (map->headers[i] == NULL)
            return false;
        *map->headers[i] = (Header)ENVOY__CONFIG__CORE__V3__HEADER_VALUE__INIT;
        map->headers[i]->key = entries[i]->key;
        map->headers[i]->raw_value = entries[i]->value;
    }
    return map->headers != NULL;
}

bool envoy_pack(const struct envoy_parts *parts, struct sp_arena *arena, struct sp_bytes *ret_bytes) {
    Envoy__Config__Core__V3__SocketAddress socket = ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__INIT;
    Envoy__Config__Core__V3__Address address = ENVOY__CONFIG__CORE__V3__ADDRESS__INIT;
    Envoy__Config__Core__V3__HeaderMap map = ENVOY__CONFIG__CORE__V3__HEADER_MAP__INIT;
    Envoy__Service__Auth__V3__AttributeContext__Peer peer = ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__PEER__INIT;
    Envoy__Service__Auth__V3__AttributeContext__HttpRequest http =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__HTTP_REQUEST__INIT;
    Envoy__Service__Auth__V3__AttributeContext__Request inner =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__REQUEST__INIT;
    Envoy__Service__Auth__V3__AttributeContext context = ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__INIT;
    Envoy__Service__Auth__V3__CheckRequest request = ENVOY__SERVICE__AUTH__V3__CHECK_REQUEST__INIT;
    if (!read_lines(parts->headers, ": ", arena, &http.headers, &http.n_headers) ||
        !read_lines(parts->extensions, "=", arena, &context.context_extensions, &context.n_context_extensions) ||
        (parts->raw_headers != NULL && !read_raw_headers(parts->raw_headers, arena, &map)))
        return false;
    if (parts->peer != NULL) {
        socket.address = bytes_of(arena, parts->peer, strlen(parts->peer));
        address.socket_address = &socket;
        peer.address = &address;
        context.source = &peer;
    }
    if (parts->method != NULL)
        http.method = bytes_of(arena, parts->method, strlen(parts->method));
    if (parts->path != NULL)
        http.path = bytes_of(arena, parts->path, strlen(parts->path));
    if (parts->host != NULL)
        http.host = bytes_of(arena, parts->host, strlen(parts->host));
    http.header_map = parts->raw_headers != NULL ? &map : NULL;
    inner.http = &http;
    context.request = &inner;
    request.attributes = &context;
    return sp_wire_pack(&request.base, arena, ret_bytes) == SP_OK;
}

/* ---- replies ---- */

struct text {
    char *at;
    size_t used;
};

static void append(struct text *text, const char *format, ...) SP_PRINTF(2, 3);

static void append(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text->at + text->used, ENVOY_REPLY_TEXT_BYTES - text->used, format, arguments);
    va_end(arguments);
    if (size > 0)
        text->used +=
            (size_t)size < ENVOY_REPLY_TEXT_BYTES - text->used ? (size_t)size : ENVOY_REPLY_TEXT_BYTES - text->used - 1;
}

static bool append_headers(struct text *text, Option *const *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const Header *header = headers[i]->header;
        if (header == NULL ||
            headers[i]->append_action !=
                ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD)
            return false;
        append(text, "%.*s: %.*s\n", (int)header->key.len, (const char *)header->key.data, (int)header->value.len,
               (const char *)header->value.data);
    }
    return true;
}

static bool append_ok(struct text *text, const Envoy__Service__Auth__V3__OkHttpResponse *ok) {
    append(text, "OK\n");
    if (!append_headers(text, ok->headers, ok->n_headers))
        return false;
    for (size_t i = 0; i < ok->n_headers_to_remove; i++)
        append(text, "-%s\n", ok->headers_to_remove[i]);
    return true;
}

static bool append_denied(struct text *text, const Envoy__Service__Auth__V3__DeniedHttpResponse *denied) {
    if (denied->status == NULL)
        return false;
    append(text, "%d\n", (int)denied->status->code);
    if (!append_headers(text, denied->headers, denied->n_headers))
        return false;
    append(text, "%s\n", denied->body);
    return true;
}

static void append_metadata(struct text *text, const Response *reply) {
    size_t count = reply->dynamic_metadata == NULL ? 0 : reply->dynamic_metadata->n_fields;
    for (size_t i = 0; i < count; i++) {
        const Envoy__Service__Auth__V3__Metadata__Field *field = reply->dynamic_metadata->fields[i];
        append(text, "%s=%.*s\n", field->key, (int)field->value->string_value.len,
               (const char *)field->value->string_value.data);
    }
}

bool envoy_describe(struct sp_bytes reply, struct sp_arena *arena, char ret_text[static ENVOY_REPLY_TEXT_BYTES]) {
    struct text text = {.at = ret_text};
    ProtobufCMessage *message;
    ret_text[0] = '\0';
    if (sp_wire_unpack(&envoy__service__auth__v3__check_response__descriptor, reply, arena, &message, NULL) != SP_OK)
        return false;
    const Response *response = (const Response *)message;
    bool allowed = response->status == NULL || response->status->code == 0;
    bool well_formed = false;
    if (response->http_response_case == ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE)
        well_formed = allowed && append_ok(&text, response->ok_response);
    else if (response->http_response_case == ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE)
        well_formed = !allowed && append_denied(&text, response->denied_response);
    append_metadata(&text, response);
    return well_formed;
}
