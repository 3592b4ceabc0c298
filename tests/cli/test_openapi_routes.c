/* Routes from OpenAPI documents, and that documents of the shapes of well-known APIs become schemas
 * in which each path reaches its own route. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/openapi_routes.h"
#include "core/route_match.h"
#include "core/schema.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct sp_arena arena;

static int start(void **state) {
    (void)state;
    return sp_arena_init(&arena, 1 << 20, 256 << 20) == SP_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

struct result {
    enum sp_status status;
    char *out, *errors; /* the caller frees */
    struct sp_error error;
};

static struct result import_text(const char *document, const char *map, const char *prefix, const char *host) {
    struct result result = {.status = SP_OK};
    size_t out_size, errors_size;
    FILE *out = open_memstream(&result.out, &out_size), *errors = open_memstream(&result.errors, &errors_size);
    const struct sp_openapi_import import = {.document_name = "api.yaml",
                                             .map_name = map == NULL ? NULL : "map.yaml",
                                             .document = sp_str_from(document),
                                             .map = sp_str_from(map == NULL ? "" : map),
                                             .prefix = prefix,
                                             .host = host,
                                             .arena = &arena};
    result.status = sp_cli_import_openapi(&import, out, errors, &result.error);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(errors), 0);
    return result;
}

static void free_result(struct result *result) {
    free(result->out);
    free(result->errors);
}

/* ---- what is written ---- */

#define HEAD "openapi: 3.1.0\n"
#define VOICES                                                                                                         \
    "paths:\n"                                                                                                         \
    "  /voices:\n"                                                                                                     \
    "    parameters: [{name: page, in: query}]\n"                                                                      \
    "    get: {operationId: listVoices, x-sallyport-route: list voice}\n"                                              \
    "    post: {operationId: addVoice, tags: [a, {b: c}]}\n"                                                           \
    "  /voices/{voice.id}:\n"                                                                                          \
    "    get: {operationId: getVoice}\n"                                                                               \
    "  /voices/{a}...{b}: {get: {operationId: compare}}\n"                                                             \
    "  /health: {get: {x-sallyport-route: none}}\n"

struct written {
    const char *name, *document, *map, *prefix, *host, *out;
};

static void writes_what_is_said_and_leaves_the_rest_as_comments(void **state) {
    (void)state;
    static const struct written rows[] = {
        {"hints", HEAD VOICES, NULL, NULL, NULL,
         "# Routes of api.yaml: 1 mapped, 2 to do, 1 that cannot be routes. What is not mapped is denied.\n"
         "version: 2\n"
         "routes:\n"
         "  # listVoices\n"
         "  GET /voices: list voice\n"
         "  # addVoice: to do\n"
         "  # POST /voices: create voice\n"
         "  # getVoice: to do\n"
         "  # GET /voices/{voice_id}: read voice/{voice_id}\n"
         "  # compare: cannot be a route: behind a capture only a suffix can follow, such as {id}:verb or {id}.json: "
         "':' "
         "or '.', and at most 63 letters, digits, _ and -\n"},
        {"a mapping file, the first server and a host",
         HEAD "servers: [{description: x, url: 'https://x.example/api/v2/'}, {url: /other}]\n" VOICES,
         "addVoice: create voice\ngetVoice: edit voice/{voice.id}\nGET /voices/{voice.id}: read voice/{voice.id}\n"
         "GET /voices: none\n",
         NULL, "api.example.com",
         "# Routes of api.yaml: 2 mapped, 0 to do, 1 that cannot be routes. What is not mapped is denied.\n"
         "version: 2\n"
         "routes:\n"
         "  # addVoice\n"
         "  POST api.example.com/api/v2/voices: create voice\n"
         "  # getVoice\n"
         "  GET api.example.com/api/v2/voices/{voice_id}: read voice/{voice_id}\n"
         "  # compare: cannot be a route: behind a capture only a suffix can follow, such as {id}:verb or {id}.json: "
         "':' "
         "or '.', and at most 63 letters, digits, _ and -\n"},
        {"JSON, a prefix, and nothing mapped",
         "{\"openapi\": \"3.0.3\", \"paths\": {\"/m/{model}:count-tokens\": {\"post\": {\"operationId\": "
         "\"x\\ny\\u2028z: "
         "q\"}}}}",
         NULL, "/v1", NULL,
         "# Routes of api.yaml: 0 mapped, 1 to do, 0 that cannot be routes. What is not mapped is denied.\n"
         "version: 2\n"
         "routes: {}\n"
         "  # x y   z: q: to do\n"
         "  # POST /v1/m/{model}:count-tokens: create m/{model}\n"},
        {"operations without an id", HEAD "paths:\n  /a: {get: {}}\n  '/b c': {put: {}, get: {operationId: ''}}\n",
         NULL, NULL, NULL,
         "# Routes of api.yaml: 0 mapped, 1 to do, 2 that cannot be routes. What is not mapped is denied.\n"
         "version: 2\n"
         "routes: {}\n"
         "  # GET /a: to do\n"
         "  # GET /a: list a\n"
         "  # PUT /b c: cannot be a route: the path has a character that cannot occur in a request's path; use "
         "letters, digits and -._~!$&'()*+,=:@\n"
         "  # GET /b c: cannot be a route: the path has a character that cannot occur in a request's path; use "
         "letters, digits and -._~!$&'()*+,=:@\n"},
        {"operations elsewhere", HEAD "paths:\n  /a: {$ref: './a.yaml'}\n  /b: {get: {operationId: b}}\n", NULL, NULL,
         NULL,
         "# Routes of api.yaml: 0 mapped, 1 to do, 1 that cannot be routes. What is not mapped is denied.\n"
         "version: 2\n"
         "routes: {}\n"
         "  # * /a: cannot be a route: its operations are elsewhere ($ref); write them at the path\n"
         "  # b: to do\n"
         "  # GET /b: list b\n"},
        {"texts that YAML could take for something else", HEAD "paths: {/a'b:: {get: {operationId: x}}}\n",
         "x: 'read v/a # b: c'\n", NULL, NULL,
         "# Routes of api.yaml: 1 mapped, 0 to do, 0 that cannot be routes. What is not mapped is denied.\n"
         "version: 2\n"
         "routes:\n"
         "  # x\n"
         "  \"GET /a'b:\": \"read v/a # b: c\"\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct result result = import_text(rows[i].document, rows[i].map, rows[i].prefix, rows[i].host);
        if (result.status != SP_OK || strcmp(result.out, rows[i].out) != 0)
            fail_msg("%s: %s%s%s", rows[i].name, result.error.message, result.errors, result.out);
        assert_string_equal(result.errors, "");
        free_result(&result);
    }
}

/* Nothing is written, and all hints that are wrong are named. */
static void refuses_what_it_cannot_read(void **state) {
    (void)state;
    static const struct {
        const char *name, *document, *map, *prefix, *error, *errors;
    } rows[] = {
        {"OpenAPI 2", "swagger: '2.0'\npaths: {}\n", NULL, NULL,
         "api.yaml: not an OpenAPI 3 document; convert it first", ""},
        {"no mapping", "[]\n", NULL, NULL, "api.yaml: line 1, column 1: the file is no mapping", ""},
        {"no YAML", HEAD "paths: {\n", NULL, NULL, "api.yaml: line 3, column 1: ", ""},
        {"an anchor", HEAD "paths: &a {}\n", NULL, NULL, "api.yaml: line 2, column 8: anchors are not allowed", ""},
        {"paths that are a list", HEAD "paths: [/a]\n", NULL, NULL, "api.yaml: line 2, column 8: paths are a mapping",
         ""},
        {"servers that are texts", HEAD "servers: [/v1]\n", NULL, NULL,
         "api.yaml: line 2, column 11: expected a mapping in this list", ""},
        {"a server with variables", HEAD "servers: [{url: 'https://x/{stage}'}]\n", NULL, NULL,
         "\"/{stage}\" cannot stand before the paths; give --prefix", ""},
        {"a prefix without a slash", HEAD, NULL, "v1", "\"v1\" cannot stand before the paths", ""},
        {"a mapping file that is none", HEAD, "[]\n", NULL, "map.yaml: line 1, column 1: ", ""},
        {"hints",
         HEAD "paths:\n  /a/{x}:\n    get: {operationId: a, x-sallyport-route: read}\n    put: {operationId: b}\n"
              "  /a b: {get: {operationId: c}}\n",
         "b: edit v/{y}\nc: read v\nd: read v\n", NULL, "api.yaml: 4 errors; no routes were written",
         "api.yaml:4:46: a route's target must be an action and a resource, such as \"use voice/{voice_id}\"\n"
         "map.yaml:1:4: the path does not capture {y}\n"
         "api.yaml:6:3: the path has a character that cannot occur in a request's path; use letters, digits and "
         "-._~!$&'()*+,=:@\n"
         "map.yaml:3:1: no operation of the document has this name\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct result result = import_text(rows[i].document, rows[i].map, rows[i].prefix, NULL);
        assert_int_equal(result.status, SP_ERR_INVALID);
        if (strncmp(result.error.message, rows[i].error, strlen(rows[i].error)) != 0 ||
            strcmp(result.errors, rows[i].errors) != 0)
            fail_msg("%s: %s\n%s", rows[i].name, result.error.message, result.errors);
        assert_string_equal(result.out, "");
        free_result(&result);
    }
}

/* ---- the shapes of well-known APIs ---- */

/* Bases, with what is below each of them for each noun: "N" stands for the noun. Names and numbers
 * are made up; how paths are built, and how many there are, is not. */
struct shape {
    const char *api, *server;
    const char *bases[8], *nouns[40], *forms[8];
};

static const struct shape shapes[] = {
    {"GitHub",
     "https://api.example.com",
     {"", "/repos/{owner}/{repo}", "/orgs/{org}", "/users/{username}", "/repos/{owner}/{repo}/actions",
      "/orgs/{org}/teams/{team_slug}", "/enterprises/{enterprise}"},
     {"branches",     "commits",     "issues", "pulls",      "labels",       "milestones",    "hooks",
      "keys",         "releases",    "tags",   "check-runs", "check-suites", "code-scanning", "dependabot",
      "environments", "invitations", "pages",  "projects",   "rulesets",     "secrets",       "variables",
      "runners",      "workflows",   "caches", "artifacts",  "events",       "forks",         "stargazers"},
     {"GET /N", "POST /N", "GET /N/{N_id}", "PATCH /N/{N_id}", "DELETE /N/{N_id}", "PUT /N/{N_id}/lock",
      "GET /N/{N_id}/comments/{comment_id}"}},
    {"Stripe",
     "https://api.example.com/",
     {"/v1", "/v1/test_helpers", "/v1/accounts/{account}", "/v1/customers/{customer}"},
     {"balance_transactions",
      "charges",
      "coupons",
      "disputes",
      "invoices",
      "invoiceitems",
      "mandates",
      "payouts",
      "payment_intents",
      "payment_methods",
      "plans",
      "prices",
      "products",
      "refunds",
      "reviews",
      "sources",
      "subscriptions",
      "tax_ids",
      "tokens",
      "topups",
      "transfers",
      "webhook_endpoints",
      "external_accounts"},
     {"GET /N", "POST /N", "GET /N/search", "GET /N/{id}", "POST /N/{id}", "DELETE /N/{id}", "POST /N/{id}/capture"}},
    {"OpenAI",
     "https://api.example.com/v1",
     {"", "/organization", "/organization/projects/{project_id}"},
     {"assistants", "audio", "batches", "chat-completions", "embeddings", "files", "fine_tuning", "images", "models",
      "responses", "threads", "uploads", "vector_stores", "evals", "containers"},
     {"GET /N", "POST /N", "GET /N/{N_id}", "POST /N/{N_id}", "DELETE /N/{N_id}", "POST /N/{N_id}/cancel",
      "GET /N/{N_id}/items/{item_id}"}},
    {"Twilio",
     "https://api.example.com",
     {"/2010-04-01", "/2010-04-01/Accounts/{AccountSid}", "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}",
      "/2010-04-01/Accounts/{AccountSid}/SIP"},
     {"Addresses", "Applications", "AvailablePhoneNumbers", "Balance", "Conferences", "Keys", "Messages",
      "Notifications", "Queues", "Recordings", "ShortCodes", "SigningKeys", "Tokens", "Transcriptions", "Usage",
      "Payments", "Siprec", "Streams"},
     {"GET /N.json", "POST /N.json", "GET /N/{Sid}.json", "POST /N/{Sid}.json", "DELETE /N/{Sid}.json",
      "GET /N/{Sid}/Events.json", "GET /N/{Sid}/Media/{MediaSid}.json"}},
    {"a speech API",
     "https://api.example.com",
     {"/v1", "/v1/convai", "/v1/workspace"},
     {"text-to-speech", "speech-to-speech", "voices", "history", "models", "studio", "dubbing", "pronunciation",
      "agents", "conversations", "phone-numbers", "knowledge-base", "tools", "secrets", "resources", "groups"},
     {"GET /N", "POST /N/add", "POST /N/{N_id}", "GET /N/{N_id}", "PATCH /N/{N_id}", "DELETE /N/{N_id}",
      "POST /N/{N_id}/stream", "GET /N/{N_id}/audio"}},
    {"an API with custom verbs",
     "https://api.example.com/v1beta",
     {"", "/projects/{project-id}/locations/{location}"},
     {"models", "tunedModels", "cachedContents", "corpora", "files", "operations", "endpoints", "datasets"},
     {"GET /N", "POST /N:batchDelete", "GET /N/{N-id}", "POST /N/{N-id}:generateContent",
      "POST /N/{N-id}:streamGenerateContent", "POST /N/{N-id}:cancel", "DELETE /N/{N-id}"}},
};

/* A method and a path. */
struct line {
    char method[8], path[200];
};

/* The form with the noun in it, below the base. */
static struct line make_line(const struct shape *shape, size_t base, size_t noun, const char *form) {
    struct line line = {.path = ""};
    size_t size = strcspn(form, " ");
    snprintf(line.method, sizeof(line.method), "%.*s", (int)size, form);
    strcat(line.path, shape->bases[base]);
    for (const char *at = form + size + 1; *at != '\0'; at++) {
        bool is_noun = *at == 'N' && (at[-1] == '/' || at[-1] == '{');
        size_t used = strlen(line.path);
        if (is_noun)
            snprintf(line.path + used, sizeof(line.path) - used, "%s", shape->nouns[noun]);
        else
            snprintf(line.path + used, sizeof(line.path) - used, "%c", *at);
    }
    return line;
}

/* "act thing/{a}/{b}" of all captures, up to eight. */
static void write_target(const struct line *line, FILE *out) {
    const char *at = strchr(line->path, '{');
    (void)fputs(at == NULL ? "list thing" : "act thing", out);
    for (; at != NULL; at = strchr(at + 1, '{'))
        (void)fprintf(out, "/%.*s", (int)strcspn(at, "}") + 1, at);
}

/* Calls `take` for each path of the shape, the operations of one path side by side. */
static size_t for_each_line(const struct shape *shape, void (*take)(const struct line *line, void *context),
                            void *context) {
    size_t count = 0;
    for (size_t base = 0; base == 0 || (base < COUNT(shape->bases) && shape->bases[base] != NULL); base++)
        for (size_t noun = 0; noun < COUNT(shape->nouns) && shape->nouns[noun] != NULL; noun++)
            for (size_t form = 0; form < COUNT(shape->forms) && shape->forms[form] != NULL; form++, count++) {
                struct line line = make_line(shape, base, noun, shape->forms[form]);
                take(&line, context);
            }
    return count;
}

struct documents {
    FILE *document, *map;
    char path[200]; /* the last one */
};

static void write_operation(const struct line *line, void *context) {
    struct documents *to = context;
    if (strcmp(to->path, line->path) != 0)
        (void)fprintf(to->document, "  %s:\n", line->path);
    snprintf(to->path, sizeof(to->path), "%s", line->path);
    (void)fprintf(to->document, "    %s: {responses: {200: {description: ok}}}\n",
                  strcmp(line->method, "GET") == 0     ? "get"
                  : strcmp(line->method, "POST") == 0  ? "post"
                  : strcmp(line->method, "PUT") == 0   ? "put"
                  : strcmp(line->method, "PATCH") == 0 ? "patch"
                                                       : "delete");
    (void)fprintf(to->map, "%s %s: ", line->method, line->path);
    write_target(line, to->map);
    (void)fputc('\n', to->map);
}

struct asking {
    const struct shape *shape;
    const struct sp_schema *schema;
    size_t prefix_size;
};

/* Each capture becomes an id of its own. */
static void ask_line(const struct line *line, void *context) {
    const struct asking *asking = context;
    const char *server = strstr(asking->shape->server, "://") + 3, *slash = strchr(server, '/');
    char target[400], expected[200], scratch[SP_ROUTE_SCRATCH_BYTES];
    const char *prefix = slash == NULL || slash[1] == '\0' ? "" : slash;
    size_t used = (size_t)snprintf(target, sizeof(target), "%s", prefix), ids = 0;
    for (const char *at = line->path; *at != '\0';) {
        bool capture = *at == '{';
        used += (size_t)(capture ? snprintf(target + used, sizeof(target) - used, "id%zu", ids++)
                                 : snprintf(target + used, sizeof(target) - used, "%c", *at));
        at += capture ? strcspn(at, "}") + 1 : 1;
    }
    snprintf(expected, sizeof(expected), "%s%s", prefix, line->path);
    const struct sp_route_request request = {.method = sp_str_from(line->method), .target = sp_str_from(target)};
    struct sp_route_match match = sp_routes_match(asking->schema->matcher, &request, scratch);
    if (match.outcome != SP_ROUTE_FOUND || !sp_str_equal(match.route->path, sp_str_from(expected)))
        fail_msg("%s: %s %s: %s", asking->shape->api, line->method, target, match.why);
}

static char *write_schema(const struct shape *shape, size_t *ret_count) {
    char *document = NULL, *map = NULL, *schema = NULL;
    size_t size;
    struct documents to = {.document = open_memstream(&document, &size), .path = ""};
    to.map = open_memstream(&map, &size);
    (void)fprintf(to.document, HEAD "servers: [{url: '%s'}]\npaths:\n", shape->server);
    *ret_count = for_each_line(shape, write_operation, &to);
    assert_int_equal(fclose(to.document), 0);
    assert_int_equal(fclose(to.map), 0);
    struct result result = import_text(document, map, NULL, NULL);
    if (result.status != SP_OK)
        fail_msg("%s: %s\n%s", shape->api, result.error.message, result.errors);
    FILE *out = open_memstream(&schema, &size);
    (void)fprintf(out, "%stypes: {thing: {actions: {act: {role: viewer}, list: {}}}}\n", result.out);
    assert_int_equal(fclose(out), 0);
    free_result(&result);
    free(document);
    free(map);
    return schema;
}

static void shapes_of_well_known_apis_load(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct sp_schema schema = {0};
        struct sp_schema_findings findings;
        size_t count;
        char *text = write_schema(&shapes[i], &count);
        enum sp_status status = sp_schema_check(sp_str_from(text), &arena, &findings, &schema);
        if (status != SP_OK || findings.count > 0)
            fail_msg("%s:%zu: %s", shapes[i].api, findings.items[0].line, findings.items[0].what);
        assert_int_equal(schema.route_count, count);
        struct asking asking = {.shape = &shapes[i], .schema = &schema};
        (void)for_each_line(&shapes[i], ask_line, &asking);
        print_message("%s: %zu routes\n", shapes[i].api, count);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_what_is_said_and_leaves_the_rest_as_comments, start, stop),
        cmocka_unit_test_setup_teardown(refuses_what_it_cannot_read, start, stop),
        cmocka_unit_test_setup_teardown(shapes_of_well_known_apis_load, start, stop),
    };
    return cmocka_run_group_tests_name("openapi_routes", tests, NULL, NULL) > 0 ? 1 : 0;
}
