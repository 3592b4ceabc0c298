/* Rows of docs/reference/errors.md, by what causes them in running programs: the message and the
 * status are those of the page. Where a row has no cause here, tests/check_docs.py still finds its
 * message in the code. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/digest.h"
#include "core/key_text.h"
#include "support/authzen.h"
#include "support/command.h"
#include "support/envoy.h"

enum { PATH_BYTES = 256, ROW_BYTES = 1024 };

static struct programs programs;
static struct process strict, empty; /* servers: whose callers file lets nobody ask; without a store */
static struct caller strict_checker, empty_checker, admin, nobody, reader;
static int port, strict_port, empty_port, sync_port;
static char *page;
static char admin_key[PROGRAMS_KEY_BYTES], user_key[PROGRAMS_KEY_BYTES];

static const char *in_folder(const char *name) {
    static char paths[4][PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_BYTES, "%s/%s", programs.folder, name);
    return path;
}

static char *read_page(void) {
    const char *source = getenv("SP_SOURCE_DIR");
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/docs/reference/errors.md", source != NULL ? source : ".");
    return process_read(path);
}

static void start_another_server(struct process *server, const char *name, const char *store, const char *callers) {
    const char *arguments[] = {"sallyportd",    "--store",     store,       "--listen", "127.0.0.1:0",
                               "--http-listen", "127.0.0.1:0", "--callers", callers,    NULL};
    if (callers == NULL)
        arguments[7] = NULL;
    process_start(server, programs.folder, name, arguments);
}

static bool open_caller_to(struct process *server, struct caller *caller) {
    char target[PROGRAMS_TARGET_BYTES];
    snprintf(target, sizeof(target), "127.0.0.1:%d", process_port(server));
    return caller_open(caller, target, "");
}

static void make_operator_without_workspaces(void) {
    struct process add;
    const char *key_file = in_folder("reader.key");
    const char *arguments[] = {"sallyport-sync", "operator", "add",        "reader", "--store", programs.store,
                               "--scopes",       "audit",    "--key-file", key_file, NULL};
    assert_int_equal(process_run(&add, programs.folder, "add", arguments), 0);
    char *key = process_read(key_file);
    key[strcspn(key, "\n")] = '\0';
    assert_true(caller_open(&reader, programs.sync_target, key));
    free(key);
}

/* Workspace w1 with its ADMIN and the user u1. */
static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_FORWARD_AUTH", "nginx", 1);
    setenv("SALLYPORTD_TRUSTED_PEERS", "127.0.0.1", 1);
    page = read_page();
    programs_start_with(&programs, programs_schema);
    FILE *callers = fopen(in_folder("callers.yaml"), "we");
    assert_non_null(callers);
    assert_true(fputs("uid:4294: all\n", callers) > 0);
    assert_int_equal(fclose(callers), 0);
    programs_workspace(&programs, "w1", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    assert_true(caller_open(&nobody, programs.sync_target, ""));
    programs_user(&admin, "u1", user_key);
    make_operator_without_workspaces();
    start_another_server(&strict, "strict", programs.store, in_folder("callers.yaml"));
    start_another_server(&empty, "empty", in_folder("nowhere"), NULL);
    assert_true(open_caller_to(&strict, &strict_checker));
    assert_true(open_caller_to(&empty, &empty_checker));
    port = authzen_port(&programs.server);
    sync_port = authzen_port(&programs.sync);
    strict_port = authzen_port(&strict);
    empty_port = authzen_port(&empty);
    return 0;
}

static int remove_world(void **state) {
    struct caller *const callers[] = {&strict_checker, &empty_checker, &admin, &nobody, &reader};
    (void)state;
    command_forget();
    for (size_t i = 0; i < sizeof(callers) / sizeof(*callers); i++)
        caller_close(callers[i]);
    assert_int_equal(process_end(&strict, SIGTERM), 0);
    assert_int_equal(process_end(&empty, SIGTERM), 0);
    programs_stop(&programs);
    free(page);
    sp_rpc_global_fini();
    return 0;
}

/* The line of the page that begins with this; fails if there is none. */
static void find_line(const char *beginning, char ret_line[static ROW_BYTES]) {
    for (const char *at = page; at != NULL && *at != '\0'; at = strchr(at, '\n') == NULL ? NULL : strchr(at, '\n') + 1)
        if (strncmp(at, beginning, strlen(beginning)) == 0) {
            snprintf(ret_line, ROW_BYTES, "%.*s", (int)strcspn(at, "\n"), at);
            return;
        }
    fail_msg("errors.md has no line that begins with %s", beginning);
}

/* Whether the text has the message, in which "…" stands for anything. */
static bool has_message(const char *text, const char *message) {
    static const char gap[] = "…";
    char part[ROW_BYTES];
    while (*message != '\0') {
        const char *end = strstr(message, gap);
        size_t size = end == NULL ? strlen(message) : (size_t)(end - message);
        snprintf(part, sizeof(part), "%.*s", (int)size, message);
        text = strstr(text, part);
        if (text == NULL)
            return false;
        text += size;
        message += size + (end == NULL ? 0 : sizeof(gap) - 1);
    }
    return true;
}

/* ---- gRPC ---- */

#define CHECK "'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'"

static void damage_key(void) {
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_digest_from_text(sp_str_from(user_key), digest);
    programs_damage_key(programs.store, digest);
}

/* "$K" in a request stands for the user's key, "$E" for the store's epoch. */
static const struct grpc_row {
    const char *message;
    struct caller *caller;
    const char *method, *request;
    bool is_damaged;
} grpc_rows[] = {
    {"min_revision: is of another epoch", &programs.checker, "Authorization/Check",
     "{'apiKey': '$K', " CHECK ", 'minRevision': {'epoch': 4294967296, 'number': 1}}", false},
    {"min_revision: revision … has not arrived here yet; the store is at", &programs.checker, "Authorization/Check",
     "{'apiKey': '$K', " CHECK ", 'minRevision': {'epoch': $E, 'number': 4294967296}}", false},
    {"the store is not open yet", &empty_checker, "Authorization/Check", "{'apiKey': '$K', " CHECK "}", false},
    {"this call needs the role", &strict_checker, "Authorization/Check", "{'apiKey': '$K', " CHECK "}", false},
    {"no answer: a record that this question needs is damaged", &programs.checker, "Authorization/Check",
     "{'apiKey': '$K', " CHECK "}", true},
    {"no key: send 'authorization: Bearer <key>' or 'x-api-key: <key>'", &nobody, "Admin/WhoAmI", "{}", false},
    {"requires an operator's key with the scope", &reader, "Admin/ListWorkspaces", "{}", false},
    {"is the last enabled ADMIN of workspace", &admin, "Admin/DeletePrincipal", "{'id': 'w1-admin'}", false},
};

static void fill_request(const char *request, char *ret_request, size_t size) {
    size_t used = 0;
    for (const char *at = request; *at != '\0' && used + 1 < size;) {
        const char *with = at[0] == '$' && at[1] == 'K' ? user_key : at[0] == '$' && at[1] == 'E' ? "1" : NULL;
        if (with == NULL) {
            ret_request[used++] = *at++;
            continue;
        }
        used += (size_t)snprintf(ret_request + used, size - used, "%s", with);
        at += 2;
    }
    ret_request[used] = '\0';
}

static void a_message_has_the_status_of_its_row(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(grpc_rows) / sizeof(*grpc_rows); i++) {
        const struct grpc_row *row = &grpc_rows[i];
        char beginning[ROW_BYTES], line[ROW_BYTES], request[ROW_BYTES], name[64];
        snprintf(beginning, sizeof(beginning), "| `%s` |", row->message);
        find_line(beginning, line);
        fill_request(row->request, request, sizeof(request));
        if (row->is_damaged)
            damage_key();
        enum sp_status status = caller_call(row->caller, row->method, request);
        if (row->is_damaged)
            damage_key();
        snprintf(name, sizeof(name), "`%s`", sp_status_name(status));
        if (strstr(line, name) == NULL || !has_message(row->caller->error.message, row->message))
            fail_msg("%s: %s: %s", row->message, name, row->caller->error.message);
    }
}

/* ---- HTTP ---- */

#define JSON "Content-Type: application/json\r\n"

/* Each answered with the page's HTTP status of a gRPC status, or of HTTP itself. */
static const struct http_row {
    const char *name;
    int *at_port;
    const char *head, *body;
    const char *status_name; /* whose row has the status in `column` */
    int column;              /* 3: JSON over HTTP, 4: AuthZEN */
    int status;              /* without a row */
} http_rows[] = {
    {"a mistake", &port, "POST /sallyport.v1.Authorization/Check HTTP/1.1\r\n" JSON, "{\"nope\":1}", "INVALID_ARGUMENT",
     3, 0},
    {"the same of AuthZEN", &port, "POST /access/v1/evaluation HTTP/1.1\r\n" JSON, "{}", "INVALID_ARGUMENT", 4, 0},
    {"no key", &sync_port, "POST /sallyport.v1.Admin/WhoAmI HTTP/1.1\r\n" JSON, "{}", "UNAUTHENTICATED", 3, 0},
    {"no role of a caller who proved nothing", &strict_port, "POST /access/v1/evaluation HTTP/1.1\r\n" JSON, "{}",
     "UNAUTHENTICATED", 4, 0},
    {"no store", &empty_port, "POST /access/v1/evaluation HTTP/1.1\r\n" JSON,
     "{\"subject\":{\"type\":\"api_key\",\"id\":\"k\"},\"action\":{\"name\":\"use\"},\"resource\":{\"type\":\"voice\","
     "\"id\":\"v\"}}",
     "UNAVAILABLE", 4, 0},
    {"a compressed body", &port, "POST /access/v1/evaluation HTTP/1.1\r\nContent-Encoding: gzip\r\n" JSON, "{}",
     "UNIMPLEMENTED", 4, 0},
    {"no such path", &port, "POST /access/v1/nothing HTTP/1.1\r\n" JSON, "{}", NULL, 0, 404},
    {"another method", &port, "GET /access/v1/evaluation HTTP/1.1\r\n", "", NULL, 0, 405},
    {"two keys", &sync_port, "POST /sallyport.v1.Admin/WhoAmI HTTP/1.1\r\nX-API-Key: a\r\nAuthorization: b\r\n" JSON,
     "{}", "UNAUTHENTICATED", 3, 0},
    {"another type", &port, "POST /sallyport.v1.Authorization/Check HTTP/1.1\r\nContent-Type: text/json\r\n", "{}",
     NULL, 0, 415},
    {"another type for the admin API", &sync_port,
     "POST /sallyport.v1.Admin/WhoAmI HTTP/1.1\r\nContent-Type: text/json\r\n", "{}", NULL, 0, 415},
    {"another type for AuthZEN", &port, "POST /access/v1/evaluation HTTP/1.1\r\nContent-Type: text/json\r\n", "{}",
     NULL, 0, 400},
};

/* "| `UNAVAILABLE` | 14 | 503 | 503 | …": the number in the column. */
static int status_in_row(const char *status_name, int column) {
    char beginning[ROW_BYTES], line[ROW_BYTES];
    const char *cell = line;
    snprintf(beginning, sizeof(beginning), "| `%s` |", status_name);
    find_line(beginning, line);
    for (int i = 0; i < column; i++) {
        cell = strchr(cell, '|');
        assert_non_null(cell);
        cell++;
    }
    return (int)strtol(cell, NULL, 10);
}

static int ask_http(int at_port, const char *head, const char *body, char ret_body[static ROW_BYTES]) {
    char request[4 * ROW_BYTES];
    struct http_reply reply;
    int fd = http_connect(at_port);
    snprintf(request, sizeof(request), "%sHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
    http_ask(fd, request);
    http_read(fd, false, &reply);
    close(fd);
    int status = reply.status;
    snprintf(ret_body, ROW_BYTES, "%s", reply.body);
    http_reply_fini(&reply);
    return status;
}

static void an_answer_over_http_has_the_status_of_its_row(void **state) {
    char body[ROW_BYTES], line[ROW_BYTES];
    (void)state;
    find_line("HTTP itself adds 404 (no such path), 405, 413 (the body has more than 1 MiB) and 415 (not "
              "`application/json`; AuthZEN:",
              line);
    for (size_t i = 0; i < sizeof(http_rows) / sizeof(*http_rows); i++) {
        const struct http_row *row = &http_rows[i];
        int wanted = row->status_name == NULL ? row->status : status_in_row(row->status_name, row->column);
        int status = ask_http(*row->at_port, row->head, row->body, body);
        if (status != wanted)
            fail_msg("%s: %d, and the page has %d: %s", row->name, status, wanted, body);
    }
}

/* ---- gateways ---- */

#define NGINX "GET /auth HTTP/1.1\r\nX-Original-Method: POST\r\nX-Original-URI: "
#define OF_VOICE "resource_type=voice\nresource_id=v1\naction=use"

/* What each asks, and the row of the page for the client of Envoy; over GET /auth, the status is
 * that of the row's last cell. */
static const struct gateway_row {
    const char *row;
    struct caller *checker;
    struct envoy_parts envoy;
    int *at_port;
    const char *head;
    bool may_not_ask; /* for which GET /auth has 403 */
} gateway_rows[] = {
    {"| 400 | `invalid_request` | 403 |",
     &programs.checker,
     {.method = "POST", .path = "/a//b", .headers = "x-api-key: k"},
     &port,
     NGINX "/a//b\r\nX-API-Key: k\r\n",
     false},
    {"| 401 | `authentication_error` | 401 |",
     &programs.checker,
     {.headers = "accept: a", .extensions = OF_VOICE},
     &port,
     NGINX "/v1/nothing\r\n",
     false},
    {"| 403 | `authorization_error` | 403 |",
     &programs.checker,
     {.method = "POST", .path = "/v1/nothing", .headers = "x-api-key: k"},
     &port,
     NGINX "/v1/nothing\r\nX-API-Key: k\r\n",
     false},
    {"| 503 | `unavailable` | 503 |",
     &empty_checker,
     {.headers = "x-api-key: k", .extensions = OF_VOICE},
     &empty_port,
     NGINX "/v1/nothing\r\nX-API-Key: k\r\n",
     false},
    {"| 503 | `unavailable` | 503 |",
     &strict_checker,
     {.headers = "x-api-key: k", .extensions = OF_VOICE},
     &strict_port,
     NGINX "/v1/nothing\r\nX-API-Key: k\r\n",
     true},
};

static void a_client_of_a_gateway_gets_the_status_and_type_of_the_row(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(gateway_rows) / sizeof(*gateway_rows); i++) {
        const struct gateway_row *row = &gateway_rows[i];
        char line[ROW_BYTES], text[ENVOY_REPLY_TEXT_BYTES], body[ROW_BYTES], type[64];
        struct sp_bytes request, reply;
        int envoy_status = 0, auth_status = 0;
        find_line(row->row, line);
        assert_int_equal(sscanf(line, "| %d | `%63[a-z_]` | %d |", &envoy_status, type, &auth_status), 3);
        assert_true(envoy_pack(&row->envoy, &row->checker->arena, &request));
        assert_int_equal(caller_raw(row->checker, "/envoy.service.auth.v3.Authorization/Check", request, &reply),
                         SP_OK);
        assert_true(envoy_describe(reply, &row->checker->arena, text));
        if (strtol(text, NULL, 10) != envoy_status || strstr(text, type) == NULL)
            fail_msg("%s: %s", row->row, text);
        int status = ask_http(*row->at_port, row->head, "", body);
        if (row->may_not_ask ? status != 403 || strstr(body, "\"code\":\"permission_denied\"") == NULL
                             : status != auth_status || strstr(body, type) == NULL)
            fail_msg("%s: GET /auth: %d %s", row->row, status, body);
    }
}

/* ---- the command line ---- */

static void a_message_of_the_command_line_is_that_of_its_row(void **state) {
    char http[64], line[ROW_BYTES], beginning[ROW_BYTES], variable[PATH_BYTES + 32];
    (void)state;
    snprintf(variable, sizeof(variable), "SALLYPORT_KEY_FILE=%s", in_folder("reader.key"));
    snprintf(http, sizeof(http), "--admin 127.0.0.1:%d", sync_port);
    const struct {
        const char *message, *arguments;
    } rows[] = {
        {"cannot find the host of", "--admin nowhere.invalid:7401"},
        {"cannot connect to", "--admin unix:/nowhere.sock"},
        {"it speaks HTTP/1.1, not gRPC", http},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(beginning, sizeof(beginning), "| `%s` |", rows[i].message);
        find_line(beginning, line);
        struct command_setting setting = {.variable = variable};
        const struct command *ran =
            command_run(&setting, "sallyport workspace list %s --timeout 20s", rows[i].arguments);
        if (ran->status != 2 || strstr(ran->err, rows[i].message) == NULL)
            fail_msg("%s: %d %s", rows[i].message, ran->status, ran->err);
    }
}

static void programs_exit_as_the_page_says(void **state) {
    char taken[64], line[ROW_BYTES];
    (void)state;
    find_line("`sallyportd` and `sallyport-sync` exit with 2 on a mistake in the command line", line);
    snprintf(taken, sizeof(taken), "%s", programs.sync_target);
    const struct {
        int status;
        const char *command;
    } rows[] = {
        {2, "sallyportd"},
        {2, "sallyportd --store s --nope"},
        {2, "sallyportd --store s --drain-ms never"},
        {2, "sallyportd --store s --listen nonsense"},
        {2, "sallyportd --store s --listen 0.0.0.0:0"},
        {2, "sallyportd --store s --listen 127.0.0.1:0 --http-listen none --callers /nowhere/callers.yaml"},
        {2, "sallyport-sync"},
        {2, "sallyport-sync nonsense"},
        {2, "sallyport-sync serve"},
        {2, "sallyport-sync serve --nope"},
        {2, "sallyport-sync serve --store s --source http://127.0.0.1:2379"},
        {2, "sallyport-sync operator add x"},
        {1, "sallyport-sync serve --store /nowhere/store"},
        {1, "sallyport-sync verify --store /nowhere/store"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct command_setting setting = {.input = ""};
        const struct command *ran = command_run(&setting, "%s", rows[i].command);
        if (ran->status != rows[i].status)
            fail_msg("%s: %d: %s", rows[i].command, ran->status, ran->err);
    }
    struct command_setting setting = {.input = ""};
    const struct command *ran =
        command_run(&setting, "sallyportd --store %s --http-listen none --listen %s", programs.store, taken);
    if (ran->status != 1)
        fail_msg("an address that is in use: %d: %s", ran->status, ran->err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_the_status_of_its_row),
        cmocka_unit_test(an_answer_over_http_has_the_status_of_its_row),
        cmocka_unit_test(a_client_of_a_gateway_gets_the_status_and_type_of_the_row),
        cmocka_unit_test(a_message_of_the_command_line_is_that_of_its_row),
        cmocka_unit_test(programs_exit_as_the_page_says),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
