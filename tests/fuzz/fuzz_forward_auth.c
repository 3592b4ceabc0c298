/* The headers of a question about a request, whatever they hold: it is asked only if the gateway's
 * headers say once each what is asked, nobody speaks in our name, and an address is known only from
 * the gateway's own entry on. The first byte chooses the settings, the rest are lines "name:
 * value". */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/forward_auth/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SETTINGS = 4, FIELDS_MAX = 256 };

static void require(bool condition) {
    if (!condition)
        abort();
}

static struct sp_gateway_settings settings[SETTINGS];
static struct sp_arena arena;

static void begin(void) {
    static const struct {
        const char *gateway;
        struct sp_forwarded_settings forwarded;
    } rows[SETTINGS] = {
        {"nginx", {.peers = "127.0.0.1"}},
        {"traefik", {.peers = "127.0.0.1", .proxies = "10.0.0.0/8"}},
        {"caddy", {.peers = "uds, 10.0.0.0/8", .hops = 2}},
        {"nginx", {.peers = "uds, 10.0.0.0/8", .header = "cf-connecting-ip"}},
    };
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct sp_gateway_options options = {
            .key_headers = {{"x-api-key", "authorization"}, 2},
            .key_schemes = {{"bearer", "basic"}, 2},
            .deciding_header = i % 2 == 0 ? NULL : "x-api-key",
            .forward_auth = rows[i].gateway,
        };
        require(sp_gateway_settings_read(&options, &rows[i].forwarded, &settings[i], NULL) == SP_OK);
    }
    require(sp_arena_init(&arena, 65536, 1 << 22) == SP_OK);
}

static size_t split_fields(struct sp_str text, struct sp_http_field *ret_fields) {
    size_t count = 0;
    while (text.size > 0 && count < FIELDS_MAX) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t line = end == NULL ? text.size : (size_t)(end - text.data);
        const char *colon = memchr(text.data, ':', line);
        size_t name = colon == NULL ? line : (size_t)(colon - text.data);
        struct sp_str value = {text.data + name, line - name};
        while (value.size > 0 && (value.data[0] == ':' || value.data[0] == ' '))
            value = (struct sp_str){value.data + 1, value.size - 1};
        ret_fields[count++] = (struct sp_http_field){{text.data, name}, value};
        size_t taken = end == NULL ? line : line + 1;
        text = (struct sp_str){text.data + taken, text.size - taken};
    }
    return count;
}

static bool is_named(struct sp_str name, const char *wanted) {
    return name.size == strlen(wanted) && strncasecmp(name.data, wanted, name.size) == 0;
}

static size_t count_named(const struct sp_http_field *fields, size_t count, const char *name, struct sp_str *ret_last) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_named(fields[i].name, name))
            continue;
        *ret_last = fields[i].value;
        found++;
    }
    return found;
}

static void check(const struct sp_gateway_settings *chosen, const struct sp_http_field *fields, size_t count,
                  const struct sp_gateway_request *request) {
    bool nginx = strcmp(chosen->forward_auth->gateway, "nginx") == 0;
    struct sp_str method = {0}, uri = {0}, forwarded = {0};
    size_t methods = count_named(fields, count, nginx ? "x-original-method" : "x-forwarded-method", &method);
    size_t uris = count_named(fields, count, nginx ? "x-original-uri" : "x-forwarded-uri", &uri);
    (void)count_named(fields, count, "x-forwarded-for", &forwarded);
    if (request->query.ip != NULL)
        require(forwarded.size > 0 && forwarded.data[forwarded.size - 1] != ',');
    if (request->reason != SP_REASON_NONE)
        return;
    require(methods == 1 && uris == 1 && method.size > 0 && uri.size > 0);
    require(sp_str_equal(request->method, method) && sp_str_equal(request->path, uri));
    require(!request->has_target && request->query.credential.size > 0 && request->spoofed_count == 0);
    for (size_t i = 0; i < count; i++)
        require(fields[i].name.size < 12 || (strncasecmp(fields[i].name.data, "x-sallyport-", 12) != 0 &&
                                             strncasecmp(fields[i].name.data, "x_sallyport_", 12) != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sp_http_field fields[FIELDS_MAX];
    struct sp_gateway_request request;
    if (settings[0].forward_auth == NULL)
        begin();
    if (size == 0 || size > 1 << 16)
        return 0;
    const struct sp_gateway_settings *chosen = &settings[data[0] % SETTINGS];
    size_t count = split_fields((struct sp_str){(const char *)data + 1, size - 1}, fields);
    sp_forward_auth_read(chosen, fields, count, &arena, &request);
    check(chosen, fields, count, &request);
    sp_arena_wipe(&arena);
    return 0;
}
