/* The types that reflection shows (proto/reflected) and those that Sallyport reads and writes
 * (proto/envoy) are the same bytes: protoc writes a request by the former, and reads the reply by
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/ext_authz/reply.h"
#include "server/ext_authz/request.h"
#include "wire/wire.h"

enum { BYTES_MAX = 16 * 1024 };

static struct sp_arena arena;
static char folder[] = "/tmp/sallyport-reflected-XXXXXX";

static int start(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL && sp_arena_init(&arena, 64 * 1024, 1024 * 1024) == SP_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    static const char *const names[] = {"request.txt", "request", "reply", "reply.txt"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    sp_arena_fini(&arena);
    return 0;
}

/* Runs protoc with a file for its input and one for its output. */
static void run_protoc(const char *what, const char *type, const char *from, const char *to) {
    const char *source = getenv("SP_SOURCE_DIR");
    char line[1024];
    int size = snprintf(line, sizeof(line),
                        "protoc -I'%s/proto/reflected' --%s=envoy.service.auth.v3.%s "
                        "envoy/service/auth/v3/external_auth.proto <%s/%s >%s/%s",
                        source != NULL ? source : ".", what, type, folder, from, folder, to);
    assert_true(size > 0 && size < (int)sizeof(line));
    assert_int_equal(system(line), 0);
}

static void write_scratch(const char *name, struct sp_bytes bytes) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, out), bytes.size);
    assert_int_equal(fclose(out), 0);
}

static struct sp_bytes read_scratch(const char *name) {
    static uint8_t bytes[BYTES_MAX + 1];
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    size_t size = fread(bytes, 1, BYTES_MAX, in);
    assert_int_equal(fclose(in), 0);
    bytes[size] = '\0';
    return (struct sp_bytes){bytes, size};
}

static struct sp_gateway_settings usual_settings(void) {
    const struct sp_gateway_options options = {.key_headers = {.values = {"x-api-key", "authorization"}, .count = 2}};
    struct sp_gateway_settings settings;
    assert_int_equal(sp_gateway_settings_read(&options, &(struct sp_forwarded_settings){.hops = 0}, &settings, NULL),
                     SP_OK);
    return settings;
}

/* Every field that the types have, so that none that is read lies elsewhere, and none that is not
 * read is in its way. */
static const char request_text[] =
    "attributes {\n"
    "  source {\n"
    "    address { socket_address { protocol: TCP address: '203.0.113.7' port_value: 4711 resolver_name: 'r' "
    "ipv4_compat: true } }\n"
    "    service: 'client' labels { key: 'a' value: 'b' } principal: 'spiffe://x' certificate: 'pem'\n"
    "  }\n"
    "  destination { address { pipe { path: '/run/x' mode: 7 } } }\n"
    "  request {\n"
    "    time { seconds: 1700000000 nanos: 5 }\n"
    "    http {\n"
    "      id: '1' method: 'POST' path: '/v1/a?b=c' host: 'api' scheme: 'https' query: 'b=c' fragment: 'f' size: 12\n"
    "      protocol: 'HTTP/1.1' body: 'body' raw_body: 'raw'\n"
    "      headers { key: 'x-api-key' value: 'k' }\n"
    "      headers { key: 'x-request-id' value: 'r-1' }\n"
    "      header_map { headers { key: 'x-api-key' raw_value: 'k' } headers { key: 'traceparent' value: 't' } }\n"
    "    }\n"
    "  }\n"
    "  context_extensions { key: 'resource_type' value: 'voice' }\n"
    "  context_extensions { key: 'action' value: 'use' }\n"
    "  metadata_context { filter_metadata { key: 'f' value { fields { key: 'a' value { number_value: 1 } } } } }\n"
    "  tls_session { sni: 'api.example.org' }\n"
    "  route_metadata_context { typed_filter_metadata { key: 't' value { type_url: 'u' value: 'v' } } }\n"
    "}\n";

static void a_request_of_every_field_is_read(void **state) {
    (void)state;
    struct sp_gateway_settings settings = usual_settings();
    struct sp_gateway_request request;
    ProtobufCMessage *message;
    char ip[SP_CIDR_TEXT_BYTES] = "";
    write_scratch("request.txt", (struct sp_bytes){(const uint8_t *)request_text, sizeof(request_text) - 1});
    run_protoc("encode", "CheckRequest", "request.txt", "request");
    assert_int_equal(sp_wire_unpack(&envoy__service__auth__v3__check_request__descriptor, read_scratch("request"),
                                    &arena, &message, NULL),
                     SP_OK);
    sp_ext_authz_read(&settings, (const Envoy__Service__Auth__V3__CheckRequest *)message, true, &arena, &request);
    assert_int_equal(request.reason, SP_REASON_NONE);
    assert_true(sp_str_equal(request.method, SP_STR_LITERAL("POST")));
    assert_true(sp_str_equal(request.path, SP_STR_LITERAL("/v1/a?b=c")));
    assert_true(sp_str_equal(request.id, SP_STR_LITERAL("r-1")));
    assert_true(sp_str_equal(request.trace, SP_STR_LITERAL("t")));
    assert_true(sp_bytes_equal(request.query.credential, sp_bytes_of_str(SP_STR_LITERAL("k"))));
    assert_true(sp_str_equal(request.query.resource_type, SP_STR_LITERAL("voice")));
    assert_true(sp_str_equal(request.query.action, SP_STR_LITERAL("use")));
    assert_non_null(request.query.ip);
    sp_ip_format(request.query.ip, ip);
    assert_string_equal(ip, "203.0.113.7");
    sp_arena_reset(&arena);
}

static const char *decode_reply(enum sp_reason reason) {
    static const struct sp_str spoofed[] = {{"x-sallyport-role", 16}};
    struct sp_gateway_settings settings = usual_settings();
    const struct sp_gateway_request request = {.id = SP_STR_LITERAL("r-1"), .spoofed = spoofed, .spoofed_count = 1};
    const struct sp_gateway_verdict verdict = {
        .reason = reason,
        .key = {.workspace = SP_STR_LITERAL("acme"), .principal = SP_STR_LITERAL("p"), .key_id = SP_STR_LITERAL("k")},
        .decision_id = SP_STR_LITERAL("d"),
    };
    struct sp_bytes bytes;
    assert_int_equal(sp_ext_authz_pack(&settings, &request, &verdict, &arena, &bytes), SP_OK);
    write_scratch("reply", bytes);
    run_protoc("decode", "CheckResponse", "reply", "reply.txt");
    sp_arena_reset(&arena);
    return (const char *)read_scratch("reply.txt").data;
}

static void expect_lines(const char *text, const char *const *lines, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("no \"%s\" in\n%s", lines[i], text);
    /* What protoc does not know has a number instead of a name. */
    for (const char *line = text; line != NULL; line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1)
        if (line[strspn(line, " ")] >= '0' && line[strspn(line, " ")] <= '9')
            fail_msg("an unknown field:\n%s", text);
}

static void replies_are_read_by_the_types_that_are_shown(void **state) {
    (void)state;
    static const char *const allowed[] = {
        "ok_response {",
        "key: \"x-sallyport-workspace\"\n      value: \"acme\"",
        "append_action: OVERWRITE_IF_EXISTS_OR_ADD",
        "headers_to_remove: \"x-api-key\"",
        "headers_to_remove: \"x-sallyport-role\"",
        "key: \"reason\"\n    value {\n      string_value: \"ALLOWED\"",
    };
    static const char *const denied[] = {
        "status {\n  code: 16\n}",       "denied_response {\n  status {\n    code: Unauthorized\n  }",
        "key: \"www-authenticate\"",     "body: \"{\\\"detail\\\":",
        "string_value: \"KEY_EXPIRED\"",
    };
    expect_lines(decode_reply(SP_REASON_ALLOWED), allowed, sizeof(allowed) / sizeof(*allowed));
    expect_lines(decode_reply(SP_REASON_KEY_EXPIRED), denied, sizeof(denied) / sizeof(*denied));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_of_every_field_is_read),
        cmocka_unit_test(replies_are_read_by_the_types_that_are_shown),
    };
    if (system("protoc --version >/dev/null 2>&1") != 0)
        return 77;
    return cmocka_run_group_tests_name("reflected_protos", tests, start, stop);
}
