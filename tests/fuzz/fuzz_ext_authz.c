/* A gateway's message, whatever it holds, over a real store: the reply is always one, and lets the
 * request pass only where a second reading of the message, which looks for reasons to refuse, finds
 * one credential, one target and one address that the decision allows. The first byte chooses the
 * settings, the rest is the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#include "core/digest.h"
#include "core/key_text.h"
#include "core/route_match.h"
#include "core/schema.h"
#include "server/ext_authz/reply.h"
#include "server/ext_authz/request.h"
#include "store/records/snapshot.h"
#include "support/envoy.h"
#include "support/store_world.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef Envoy__Service__Auth__V3__CheckRequest Request;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest Http;

enum { SETTINGS = 4, NOW_S = 1000, MAX_LINES = 256 };

static const char key_header[] = "x-api-key";

static struct {
    struct world world;
    struct sp_snapshot *snapshot;
    struct sp_schema schema;
    struct sp_arena schema_arena, arena, reply_arena;
    struct sp_gateway_settings settings[SETTINGS];
    char key[SP_KEY_TEXT_BYTES];
} scene;

static void require(bool condition) {
    if (!condition)
        abort();
}

/* ---- the scene ---- */

static void end(void) {
    sp_snapshot_close(scene.snapshot);
    world_fini(&scene.world);
    sp_arena_fini(&scene.schema_arena);
    sp_arena_fini(&scene.arena);
    sp_arena_fini(&scene.reply_arena);
}

static void fill_store(void) {
    static const uint8_t random[SP_KEY_RANDOM_BYTES] = {7};
    static const char *const allowed[] = {"203.0.113.0/24"};
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, scene.key);
    sp_key_digest_from_text(sp_str_from(scene.key), digest);
    const struct world_key key = {
        .number = 1, .principal = 1, .all = true, .allowed_ips = allowed, .allowed_ip_count = 1, .digest = digest};
    const struct world_grant grant = {.voice = true, .resource = "va", .subject_kind = 'p', .subject = 1, .role = 1};
    world_init(&scene.world);
    world_begin(&scene.world);
    world_put_workspace(&scene.world, 1, false);
    world_put_user(&scene.world, 1, 1, false, false);
    world_put_resource(&scene.world, 1, true, "va");
    world_put_resource(&scene.world, 1, true, "vb");
    world_put_grant(&scene.world, 1, &grant);
    world_put_key(&scene.world, 1, &key);
    world_commit(&scene.world);
}

static void begin(void) {
    static const char routes[] = "version: 1\n"
                                 "types:\n"
                                 "  voice: {actions: {use: {}, edit: {}, preview: {}}}\n"
                                 "routes:\n"
                                 "  POST /v1/use/{id}: use voice/{id}\n"
                                 "  POST /v1/edit/{id}: edit voice/{id}\n"
                                 "  GET /v1/preview: preview voice\n";
    static const struct sp_forwarded_settings forwarded[SETTINGS] = {
        {.hops = 0},
        {.hops = 1, .peers = "uds,10.0.0.0/8"},
        {.proxies = "10.0.0.0/8"},
        {.hops = 2, .peers = "uds,10.0.0.0/8"},
    };
    fill_store();
    require(sp_arena_init(&scene.schema_arena, 4096, 1 << 20) == SP_OK);
    require(sp_arena_init(&scene.arena, 65536, 1 << 24) == SP_OK);
    require(sp_arena_init(&scene.reply_arena, 65536, 1 << 24) == SP_OK);
    require(sp_schema_parse(sp_str_from(routes), &scene.schema_arena, &scene.schema, NULL) == SP_OK);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct sp_gateway_options options = {
            .key_headers = {.values = {key_header, "authorization"}, .count = 2},
            .route_default = i == SETTINGS - 1 ? "voice/preview" : NULL,
        };
        require(sp_gateway_settings_read(&options, &forwarded[i], &scene.settings[i], NULL) == SP_OK);
    }
    require(sp_snapshot_open(scene.world.store, &scene.snapshot) == SP_OK);
    require(atexit(end) == 0);
}

/* ---- what the server does ---- */

/* As the method does, with the routes of the scene. */
static enum sp_status answer(const struct sp_gateway_settings *settings, struct sp_view *view, struct sp_bytes message,
                             struct sp_bytes *ret_reply) {
    static char scratch[SP_ROUTE_SCRATCH_BYTES];
    ProtobufCMessage *unpacked;
    struct sp_gateway_request request = {.reason = SP_REASON_REQUEST_MALFORMED};
    struct sp_gateway_verdict verdict = {.decision_id = SP_STR_LITERAL("d")};
    struct sp_answer answer = {0};
    if (sp_wire_unpack(&envoy__service__auth__v3__check_request__descriptor, message, &scene.arena, &unpacked, NULL) ==
        SP_OK)
        sp_ext_authz_read(settings, (const Request *)unpacked, true, &scene.arena, &request);
    if ((request.reason == SP_REASON_NONE || sp_gateway_lacks_credential(&request)) && !request.has_target)
        sp_gateway_find_target(settings, scene.schema.matcher, scratch, &request);
    answer.reason = request.reason;
    request.query.now_s = NOW_S;
    if (request.reason == SP_REASON_NONE)
        require(sp_check(view, &request.query, &answer) == SP_OK);
    verdict.reason = answer.reason;
    verdict.key = sp_answer_disclose(&answer);
    return sp_ext_authz_pack(settings, &request, &verdict, &scene.arena, ret_reply);
}

/* ---- the second reading ---- */

struct reading {
    struct sp_str key;
    struct sp_str lines[MAX_LINES];
    size_t line_count;
    bool refused;
};

static struct sp_str str_of(ProtobufCBinaryData bytes) {
    return (struct sp_str){(const char *)bytes.data, bytes.len};
}

static bool is_named(struct sp_str name, const char *wanted) {
    return name.size == strlen(wanted) && strncasecmp(name.data, wanted, name.size) == 0;
}

static struct sp_str trim(struct sp_str text) {
    size_t from = 0, end = text.size;
    while (from < end && strchr(" \t", text.data[from]) != NULL && text.data[from] != '\0')
        from++;
    while (end > from && strchr(" \t", text.data[end - 1]) != NULL && text.data[end - 1] != '\0')
        end--;
    return (struct sp_str){text.data + from, end - from};
}

static void read_value(struct reading *reading, bool bearer, struct sp_str value) {
    static const size_t scheme_bytes = 7;
    if (value.size == 0)
        return;
    if (bearer) {
        reading->refused |= value.size <= scheme_bytes || strncasecmp(value.data, "bearer ", scheme_bytes) != 0;
        if (reading->refused)
            return;
        value = trim((struct sp_str){value.data + scheme_bytes, value.size - scheme_bytes});
    }
    reading->refused |= reading->key.size > 0 && !sp_str_equal(reading->key, value);
    reading->key = value;
}

static void read_header(struct reading *reading, struct sp_str name, struct sp_str value) {
    bool bearer = is_named(name, "authorization");
    if (is_named(name, "x-forwarded-for")) {
        reading->refused |= reading->line_count == MAX_LINES;
        if (!reading->refused)
            reading->lines[reading->line_count++] = value;
    }
    if (!bearer && !is_named(name, key_header))
        return;
    for (size_t at = 0; at <= value.size;) {
        const char *comma = at == value.size ? NULL : memchr(value.data + at, ',', value.size - at);
        size_t end = comma == NULL ? value.size : (size_t)(comma - value.data);
        read_value(reading, bearer, trim((struct sp_str){value.data + at, end - at}));
        at = end + 1;
    }
}

/* Exactly one way to each part, or none. */
static bool second_target(const struct sp_gateway_settings *settings,
                          const Envoy__Service__Auth__V3__AttributeContext *context, struct sp_query *query) {
    static char scratch[SP_ROUTE_SCRATCH_BYTES];
    const Http *http = context->request->http;
    for (size_t i = 0; i < context->n_context_extensions; i++) {
        struct sp_str key = str_of(context->context_extensions[i]->key);
        struct sp_str *place = is_named(key, "resource_type") ? &query->resource_type
                               : is_named(key, "resource_id") ? &query->resource_id
                               : is_named(key, "action")      ? &query->action
                                                              : &query->workspace;
        *place = str_of(context->context_extensions[i]->value);
    }
    if (context->n_context_extensions > 0)
        return true;
    const struct sp_route_request asked = {
        .method = str_of(http->method), .host = str_of(http->host), .target = str_of(http->path)};
    struct sp_route_match match = sp_routes_match(scene.schema.matcher, &asked, scratch);
    bool found = match.outcome == SP_ROUTE_FOUND;
    query->resource_type = found ? match.route->type : settings->default_type;
    query->resource_id = match.id;
    query->action = found ? match.route->action : settings->default_action;
    return found || (match.outcome == SP_ROUTE_UNKNOWN && settings->default_type.size > 0);
}

static bool second_reading_allows(const struct sp_gateway_settings *settings, struct sp_view *view,
                                  const Request *message) {
    struct reading reading = {.refused = false};
    struct sp_ip peer, client;
    struct sp_answer answer = {0};
    const Envoy__Service__Auth__V3__AttributeContext *context = message->attributes;
    if (context == NULL || context->request == NULL || context->request->http == NULL)
        return false;
    const Http *http = context->request->http;
    for (size_t i = 0; i < http->n_headers; i++)
        read_header(&reading, str_of(http->headers[i]->key), str_of(http->headers[i]->value));
    for (size_t i = 0; http->header_map != NULL && i < http->header_map->n_headers; i++) {
        const Envoy__Config__Core__V3__HeaderValue *header = http->header_map->headers[i];
        read_header(&reading, str_of(header->key),
                    str_of(header->raw_value.len > 0 ? header->raw_value : header->value));
    }
    bool has_peer = context->source != NULL && context->source->address != NULL &&
                    context->source->address->socket_address != NULL &&
                    sp_ip_parse(str_of(context->source->address->socket_address->address), &peer, NULL) == SP_OK;
    bool known =
        sp_forwarded_client(&settings->trust, has_peer ? &peer : NULL, reading.lines, reading.line_count, &client);
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_TEXT,
                             .credential = {(const uint8_t *)reading.key.data, reading.key.size},
                             .ip = known ? &client : NULL,
                             .now_s = NOW_S};
    return !reading.refused && second_target(settings, context, &query) && sp_check(view, &query, &answer) == SP_OK &&
           answer.allowed;
}

/* ---- both ---- */

static bool removes(const char *reply, const char *line) {
    return strstr(reply, line) != NULL;
}

static void compare(const struct sp_gateway_settings *settings, struct sp_view *view, struct sp_bytes message,
                    struct sp_bytes reply) {
    static const char owner[] = "x-sallyport-workspace: w1\nx-sallyport-principal: p1\nx-sallyport-key-id: k1\n";
    char text[ENVOY_REPLY_TEXT_BYTES];
    ProtobufCMessage *unpacked;
    require(envoy_describe(reply, &scene.reply_arena, text));
    require(strstr(text, scene.key) == NULL);
    if (strncmp(text, "OK\n", 3) != 0)
        return;
    require(removes(text, "\n-x-api-key\n") && removes(text, "\n-authorization\n"));
    require(strncmp(text + 3, owner, sizeof(owner) - 1) == 0);
    require(sp_wire_unpack_trusted(&envoy__service__auth__v3__check_request__descriptor, message, &scene.reply_arena,
                                   &unpacked) == SP_OK);
    require(second_reading_allows(settings, view, (const Request *)unpacked));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (scene.snapshot == NULL)
        begin();
    if (size == 0 || size > 1 << 20)
        return 0;
    const struct sp_gateway_settings *settings = &scene.settings[data[0] % SETTINGS];
    struct sp_bytes message = {data + 1, size - 1};
    struct sp_bytes reply;
    require(sp_snapshot_acquire(scene.snapshot) == SP_OK);
    struct sp_view *view = sp_snapshot_view(scene.snapshot);
    if (answer(settings, view, message, &reply) == SP_OK)
        compare(settings, view, message, reply);
    sp_snapshot_release(scene.snapshot);
    sp_arena_reset(&scene.arena);
    sp_arena_reset(&scene.reply_arena);
    return 0;
}
