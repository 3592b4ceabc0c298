/* One question has one answer: asked over gRPC (Check), of libsallyport, through a gateway
 * (ext_authz) and over AuthZEN. */
#include <sallyport.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sallyport/v1/authorization.pb-c.h"
#include "support/authzen.h"
#include "support/envoy.h"
#include "support/programs.h"
#include "support/question_texts.h"
#include "wire/wire.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define REFUSED "refused"

static struct programs programs;
static struct sallyport_store *library;
static struct sallyport_reader *reader;
static int port;

enum { KEYS = 6 };
static char keys[KEYS][PROGRAMS_KEY_BYTES]; /* see make_keys */

static const char routes[] = "routes:\n"
                             "  POST /use/{id}: use voice/{id}\n"
                             "  POST /edit/{id}: edit voice/{id}\n"
                             "  POST /share/{id}: share voice/{id}\n";

/* ---- the world ---- */

static void make_key(struct caller *admin, size_t at, const char *rest) {
    caller_ok(admin, "Admin/CreateApiKey", "{'id': 'k%zu', 'principal': 'u1', 'name': 'K'%s}", at, rest);
    snprintf(keys[at], sizeof(keys[at]), "%s", caller_text(admin, "secret"));
}

/* With all permissions, with one, from some addresses, disabled; unknown, and none at all. */
static void make_keys(struct caller *admin) {
    make_key(admin, 0, ", 'permissions': {'all': true}");
    make_key(admin, 1, ", 'permissions': {'names': ['voices_write']}");
    make_key(admin, 2, ", 'permissions': {'all': true}, 'allowedIps': {'entries': ['203.0.113.0/24']}");
    make_key(admin, 3, ", 'permissions': {'all': true}");
    caller_ok(admin, "Admin/DisableApiKey", "{'id': 'k3'}");
    make_key(admin, 4, ", 'permissions': {'all': true}");
    caller_ok(admin, "Admin/DeleteApiKey", "{'id': 'k4'}");
    snprintf(keys[5], sizeof(keys[5]), "no-key-at-all");
}

static int make_world(void **state) {
    char schema[4096], admin_key[PROGRAMS_KEY_BYTES], other_key[PROGRAMS_KEY_BYTES], user_key[PROGRAMS_KEY_BYTES];
    struct caller admin;
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_TRUSTED_PROXIES", "10.0.0.0/8", 1);
    snprintf(schema, sizeof(schema), "%s%s", programs_schema, routes);
    programs_start_with(&programs, schema);
    programs_workspace(&programs, "w1", admin_key);
    programs_workspace(&programs, "w2", other_key);
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace': {'id': 'w1', 'plan': 'PLAN_ENTERPRISE', 'features': ['FEATURE_IP_ALLOWLIST']}, "
                "'updateMask': ['plan', 'features']}");
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}");
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v2'}}");
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace': 'w2', 'resource': {'type': 'voice', 'id': 'v3'}}");
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "u1", user_key);
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': 'u1'}, 'role': 'ROLE_EDITOR'}");
    make_keys(&admin);
    caller_close(&admin);
    char message[SALLYPORT_MESSAGE_BYTES];
    if (sallyport_open(programs.store, &library, message) != SALLYPORT_OK ||
        sallyport_reader_open(library, &reader, message) != SALLYPORT_OK)
        fail_msg("%s", message);
    port = authzen_port(&programs.server);
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    sallyport_reader_close(reader);
    sallyport_close(library);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* ---- a question ---- */

struct asked {
    struct sp_str key, ip, type, id, action, workspace;
};

static struct sallyport_text text_of(struct sp_str text) {
    return (struct sallyport_text){text.data, text.size};
}

/* Each answers the reason's name, or REFUSED. */
static const char *ask_library(const struct asked *asked) {
    struct sallyport_question question = {.api_key = text_of(asked->key),
                                          .ip = text_of(asked->ip),
                                          .type = text_of(asked->type),
                                          .id = text_of(asked->id),
                                          .action = text_of(asked->action),
                                          .workspace = text_of(asked->workspace)};
    struct sallyport_answer answer;
    enum sallyport_status status = sallyport_check(reader, &question, &answer);
    assert_true(status == SALLYPORT_OK || status == SALLYPORT_INVALID);
    return status == SALLYPORT_OK ? sallyport_reason_name(answer.reason) : REFUSED;
}

static void put_field(unsigned field, struct sp_str text, uint8_t *to, size_t *size) {
    to[(*size)++] = (uint8_t)(field << 3 | 2);
    if (text.size > 127)
        to[(*size)++] = (uint8_t)(text.size & 127) | 128;
    to[(*size)++] = (uint8_t)(text.size > 127 ? text.size >> 7 : text.size);
    if (text.size > 0)
        memcpy(to + *size, text.data, text.size);
    *size += text.size;
}

/* As bytes: no client library would send all of these texts. */
static const char *ask_check(const struct asked *asked) {
    uint8_t request[2048], resource[1024];
    size_t size = 0, resource_size = 0;
    struct sp_bytes reply;
    struct caller *caller = &programs.checker;
    ProtobufCMessage *message = NULL;
    put_field(1, asked->type, resource, &resource_size);
    put_field(2, asked->id, resource, &resource_size);
    put_field(1, asked->key, request, &size);
    put_field(3, asked->ip, request, &size);
    put_field(4, (struct sp_str){(const char *)resource, resource_size}, request, &size);
    put_field(5, asked->action, request, &size);
    put_field(6, asked->workspace, request, &size);
    sp_arena_reset(&caller->arena);
    enum sp_status status =
        caller_raw(caller, "/sallyport.v1.Authorization/Check", (struct sp_bytes){request, size}, &reply);
    if (status == SP_ERR_INVALID)
        return REFUSED;
    if (status != SP_OK)
        fail_msg("%s", caller->error.message);
    assert_int_equal(sp_wire_unpack(&sallyport__v1__check_response__descriptor, reply, &caller->arena, &message, NULL),
                     SP_OK);
    const Sallyport__V1__CheckResponse *response = (const Sallyport__V1__CheckResponse *)message;
    assert_int_equal(response->decision == SALLYPORT__V1__DECISION__ALLOW,
                     response->reason == SALLYPORT__V1__REASON__ALLOWED);
    return sallyport_reason_name((uint8_t)response->reason);
}

/* A JSON string; bytes that are no UTF-8 stay as they are. */
static void write_json_string(FILE *out, struct sp_str text) {
    (void)fputc('"', out);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\')
            (void)fprintf(out, "\\u%04x", byte);
        else
            (void)fputc(byte, out);
    }
    (void)fputc('"', out);
}

static const char *ask_authzen(const struct asked *asked) {
    static char reason[64];
    char *body = NULL;
    size_t size = 0;
    struct authzen_reply reply;
    FILE *out = open_memstream(&body, &size);
    assert_non_null(out);
    (void)fputs("{\"subject\": {\"type\": \"api_key\", \"id\": ", out);
    write_json_string(out, asked->key);
    (void)fputs("}, \"action\": {\"name\": ", out);
    write_json_string(out, asked->action);
    (void)fputs("}, \"resource\": {\"type\": ", out);
    write_json_string(out, asked->type);
    (void)fputs(", \"id\": ", out);
    write_json_string(out, asked->id);
    (void)fputs(", \"properties\": {\"workspace\": ", out);
    write_json_string(out, asked->workspace);
    (void)fputs("}}", out);
    if (asked->ip.size > 0) {
        (void)fputs(", \"context\": {\"ip\": ", out);
        write_json_string(out, asked->ip);
        (void)fputs("}", out);
    }
    (void)fputs("}", out);
    assert_int_equal(fclose(out), 0);
    authzen_post(port, &(struct authzen_request){.path = "/access/v1/evaluation", .body = body}, &reply);
    free(body);
    assert_true(reply.http.status == 200 || reply.http.status == 400);
    const char *name = json_string_value(json_object_get(json_object_get(reply.json, "context"), "reason"));
    snprintf(reason, sizeof(reason), "%s", reply.http.status == 200 && name != NULL ? name : REFUSED);
    if (reply.http.status == 200)
        assert_int_equal(json_is_true(json_object_get(reply.json, "decision")), strcmp(reason, "ALLOWED") == 0);
    authzen_reply_fini(&reply);
    return reason;
}

/* By a route, with each byte of the id encoded; of the workspace nothing can be said. */
static const char *ask_gateway(const struct asked *asked) {
    static char reason[64];
    char path[1024], headers[768], said[ENVOY_REPLY_TEXT_BYTES];
    struct sp_bytes request, reply;
    struct caller *caller = &programs.checker;
    size_t size = (size_t)snprintf(path, sizeof(path), "/%.*s/", SP_STR_ARG(asked->action));
    for (size_t i = 0; i < asked->id.size; i++)
        size += (size_t)snprintf(path + size, sizeof(path) - size, "%%%02X", (uint8_t)asked->id.data[i]);
    snprintf(headers, sizeof(headers), "x-api-key: %.*s", SP_STR_ARG(asked->key));
    struct envoy_parts parts = {
        .peer = asked->ip.size > 0 ? asked->ip.data : NULL, .method = "POST", .path = path, .headers = headers};
    sp_arena_reset(&caller->arena);
    assert_true(envoy_pack(&parts, &caller->arena, &request));
    if (caller_raw(caller, "/envoy.service.auth.v3.Authorization/Check", request, &reply) != SP_OK)
        fail_msg("an error instead of a reply: %s", caller->error.message);
    assert_true(envoy_describe(reply, &caller->arena, said));
    const char *at = strstr(said, "\nreason=");
    assert_non_null(at);
    at += strlen("\nreason=");
    snprintf(reason, sizeof(reason), "%.*s", (int)strcspn(at, "\n"), at);
    assert_int_equal(strncmp(said, "OK\n", 3) == 0, strcmp(reason, "ALLOWED") == 0);
    return strcmp(reason, "REQUEST_MALFORMED") == 0 ? REFUSED : reason;
}

static const struct {
    const char *name;
    const char *(*ask)(const struct asked *asked);
} apis[] = {{"libsallyport", ask_library}, {"AuthZEN", ask_authzen}, {"ext_authz", ask_gateway}};

/* Asks all, or the first `count`, what Check answers, and returns that. */
static const char *answer_of_all(const struct asked *asked, size_t count, const char *about) {
    const char *expected = ask_check(asked);
    for (size_t i = 0; i < count; i++) {
        const char *answer = apis[i].ask(asked);
        if (strcmp(answer, expected) != 0)
            fail_msg("%s: %s answers %s, Check %s", about, apis[i].name, answer, expected);
    }
    return expected;
}

/* ---- tests ---- */

static void every_question_has_the_same_reason_everywhere(void **state) {
    static const char *const ips[] = {"", "203.0.113.9", "198.51.100.9", "2001:db8::1"};
    static const char *const ids[] = {"v1", "v2", "v3", "none", "a b", "\xc3\xa4"};
    static const char *const actions[] = {"use", "edit", "share"};
    static const char *const workspaces[] = {"", "w1", "w2"};
    bool seen[64] = {false};
    size_t reasons = 0;
    (void)state;
    for (size_t k = 0; k < KEYS; k++)
        for (size_t i = 0; i < COUNT(ips); i++)
            for (size_t r = 0; r < COUNT(ids); r++)
                for (size_t a = 0; a < COUNT(actions); a++) {
                    size_t w = (k + i + r + a) % COUNT(workspaces);
                    struct asked asked = {.key = sp_str_from(keys[k]),
                                          .ip = sp_str_from(ips[i]),
                                          .type = SP_STR_LITERAL("voice"),
                                          .id = sp_str_from(ids[r]),
                                          .action = sp_str_from(actions[a]),
                                          .workspace = sp_str_from(workspaces[w])};
                    char about[128];
                    snprintf(about, sizeof(about), "key %zu, ip %zu, id %zu, action %zu, workspace %zu", k, i, r, a, w);
                    const char *reason = answer_of_all(&asked, w == 0 ? COUNT(apis) : COUNT(apis) - 1, about);
                    for (uint8_t n = 0; n < 64; n++)
                        if (!seen[n] && strcmp(sallyport_reason_name(n), reason) == 0) {
                            seen[n] = true;
                            reasons++;
                        }
                }
    /* ALLOWED, KEY_MALFORMED, KEY_UNKNOWN, KEY_DISABLED, WORKSPACE_MISMATCH, IP_NOT_ALLOWED,
     * PERMISSION_MISSING, RESOURCE_UNKNOWN, NOT_SHARED, ROLE_TOO_LOW: the world has them all. */
    assert_int_equal(reasons, 10);
}

static void every_text_is_taken_or_refused_alike_everywhere(void **state) {
    (void)state;
    for (size_t i = 0; i < QUESTION_TEXTS; i++) {
        const struct question_text *row = &question_texts[i];
        for (unsigned field = 0; field < QUESTION_TEXT_FIELDS; field++) {
            struct asked asked = {.key = sp_str_from(keys[0]),
                                  .ip = SP_STR_LITERAL("203.0.113.9"),
                                  .type = SP_STR_LITERAL("voice"),
                                  .id = SP_STR_LITERAL("v1"),
                                  .action = SP_STR_LITERAL("use")};
            struct sp_str *const places[QUESTION_TEXT_FIELDS] = {[QUESTION_TEXT_KEY] = &asked.key,
                                                                 [QUESTION_TEXT_TYPE] = &asked.type,
                                                                 [QUESTION_TEXT_ACTION] = &asked.action,
                                                                 [QUESTION_TEXT_ID] = &asked.id,
                                                                 [QUESTION_TEXT_WORKSPACE] = &asked.workspace};
            char about[128];
            if ((row->fields & 1U << field) == 0)
                continue;
            *places[field] = (struct sp_str){row->text, row->size};
            snprintf(about, sizeof(about), "field %u, %s", field, row->name);
            /* A gateway's client chooses the id. An empty one matches no route. */
            bool by_path = field == QUESTION_TEXT_ID && row->size > 0;
            const char *answer = answer_of_all(&asked, by_path ? COUNT(apis) : COUNT(apis) - 1, about);
            bool refused = (row->refused & 1U << field) != 0;
            if ((strcmp(answer, REFUSED) == 0) != refused)
                fail_msg("%s: %s", about, answer);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_has_the_same_reason_everywhere),
        cmocka_unit_test(every_text_is_taken_or_refused_alike_everywhere),
    };
    int failed = cmocka_run_group_tests(tests, make_world, remove_world);
    return failed > 255 ? 255 : failed;
}
