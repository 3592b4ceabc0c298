/* Which roles a caller has: the file as a table, callers against it, and files that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/callers.h"
#include "support/process.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
    C = SP_CALLER_CHECK,
    E = SP_CALLER_EXPLAIN,
    L = SP_CALLER_LIST,
    R = SP_CALLER_REPORT,
    S = SP_CALLER_SUBJECTS,
    M = SP_CALLER_METRICS,
    ALL = SP_CALLER_ALL,
};

static char folder[64], file[96], token[96];

static void write_to(const char *path, const char *text) {
    char next[128];
    snprintf(next, sizeof(next), "%s.next", path);
    FILE *out = fopen(next, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(next, path), 0);
}

static int set_up(void **state) {
    (void)state;
    folder_make(folder);
    snprintf(file, sizeof(file), "%s/callers.yaml", folder);
    snprintf(token, sizeof(token), "%s/token", folder);
    write_to(token, " a-token-that-is-long-enough \t\n");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    folder_remove(folder);
    return 0;
}

static struct sp_callers *open_file(const char *text) {
    struct sp_callers *callers;
    struct sp_error error;
    write_to(file, text);
    if (sp_callers_open(&(struct sp_callers_options){.file = file}, &callers, &error) != SP_OK)
        fail_msg("%s", error.message);
    return callers;
}

static struct sp_caller certificate(const struct sp_str *uri, const struct sp_str *dns) {
    struct sp_caller caller = {.identity = {.kind = SP_PEER_TLS, .certified = true}};
    if (uri != NULL)
        caller.identity.uris[caller.identity.uri_count++] = *uri;
    if (dns != NULL)
        caller.identity.dns[caller.identity.dns_count++] = *dns;
    return caller;
}

static struct sp_caller of_user(uint32_t uid) {
    return (struct sp_caller){.identity = {.kind = SP_PEER_UNIX, .uid_known = true, .uid = uid}};
}

static struct sp_caller bearing(const char *authorization) {
    return (struct sp_caller){.identity = {.kind = SP_PEER_PLAIN}, .authorization = sp_str_from(authorization)};
}

static void without_a_file_what_was_let_in_decides(void **state) {
    (void)state;
    struct sp_callers *callers;
    struct sp_error error;
    struct sp_str uri = SP_STR_LITERAL("spiffe://example.org/x");
    struct sp_caller plaintext = {.identity = {.kind = SP_PEER_PLAIN}}, tls = {.identity = {.kind = SP_PEER_TLS}};
    struct sp_caller named = certificate(&uri, NULL), unknown_user = {.identity = {.kind = SP_PEER_UNIX}};
    struct sp_caller root = of_user(0), own = of_user(geteuid()), other = of_user(4000000);
    assert_int_equal(sp_callers_open(&(struct sp_callers_options){.file = NULL}, &callers, &error), SP_OK);
    assert_int_equal(sp_callers_roles(callers, &plaintext), ALL);
    assert_int_equal(sp_callers_roles(callers, &tls), 0);
    assert_int_equal(sp_callers_roles(callers, &named), C);
    assert_int_equal(sp_callers_roles(callers, &root), ALL);
    assert_int_equal(sp_callers_roles(callers, &own), ALL);
    assert_int_equal(sp_callers_roles(callers, &other), 0);
    assert_int_equal(sp_callers_roles(callers, &unknown_user), 0);
    sp_callers_close(callers);
    assert_int_equal(sp_callers_open(&(struct sp_callers_options){.insecure = true}, &callers, &error), SP_OK);
    assert_int_equal(sp_callers_roles(callers, &plaintext), C);
    assert_int_equal(sp_callers_roles(callers, &own), ALL);
    sp_callers_close(callers);
}

static void a_file_says_all_and_nobody_else_has_a_role(void **state) {
    (void)state;
    char text[512];
    snprintf(text, sizeof(text),
             "uri:spiffe://example.org/gateway: check\n"
             "dns:console.example.org: check, explain list\n"
             "dns:prometheus.example.org: metrics\n"
             "dns:audit.example.org: subjects\n"
             "uid:1000: all\n"
             "token:%s: report\n",
             token);
    struct sp_callers *callers = open_file(text);
    struct sp_str gateway = SP_STR_LITERAL("spiffe://example.org/gateway");
    struct sp_str longer = SP_STR_LITERAL("spiffe://example.org/gateway2");
    struct sp_str prometheus = SP_STR_LITERAL("prometheus.example.org");
    struct sp_str audit = SP_STR_LITERAL("audit.example.org");
    struct sp_str console = SP_STR_LITERAL("console.example.org"), upper = SP_STR_LITERAL("Console.example.org");
    const struct {
        struct sp_caller caller;
        unsigned roles;
    } rows[] = {
        {certificate(&gateway, NULL), C},
        {certificate(&longer, NULL), 0},
        {certificate(NULL, &console), C | E | L},
        {certificate(&gateway, &console), C | E | L},
        {certificate(NULL, &upper), 0},
        {certificate(NULL, &prometheus), M},
        {certificate(NULL, &audit), S},
        {certificate(NULL, &gateway), 0},
        {of_user(1000), ALL},
        {of_user(0), 0},
        {{.identity = {.kind = SP_PEER_PLAIN}}, 0},
        {{.identity = {.kind = SP_PEER_TLS}}, 0},
        {bearing("Bearer a-token-that-is-long-enough"), R},
        {bearing("bearer a-token-that-is-long-enough"), R},
        {bearing("Bearer a-token-that-is-long-enough "), R},
        {bearing("Bearer  a-token-that-is-long-enough\t"), R},
        {bearing("Bearer a-token-that-is-long- enough"), 0},
        {bearing("Bearer \t "), 0},
        {bearing("Bearer a-token-that-is-long-enoug"), 0},
        {bearing("a-token-that-is-long-enough"), 0},
        {bearing("Basic a-token-that-is-long-enough"), 0},
        {bearing("Bearer "), 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (sp_callers_roles(callers, &rows[i].caller) != rows[i].roles)
            fail_msg("row %zu: %u", i, sp_callers_roles(callers, &rows[i].caller));
    uint32_t uids[SP_CALLERS_MAX_UIDS];
    assert_int_equal(sp_callers_uids(callers, uids), 1);
    assert_int_equal(uids[0], 1000);
    assert_true(sp_callers_read_tokens(callers));
    sp_callers_close(callers);
}

static void anybody_can_be_given_a_role(void **state) {
    (void)state;
    struct sp_callers *callers = open_file("plaintext: check\ntls: list\n");
    struct sp_caller plaintext = {.identity = {.kind = SP_PEER_PLAIN}}, tls = {.identity = {.kind = SP_PEER_TLS}};
    struct sp_caller certified = certificate(NULL, NULL);
    assert_int_equal(sp_callers_roles(callers, &plaintext), C);
    assert_int_equal(sp_callers_roles(callers, &certified), L);
    assert_int_equal(sp_callers_roles(callers, &tls), 0);
    assert_false(sp_callers_read_tokens(callers));
    sp_callers_close(callers);
}

static void tls_without_a_ca_of_clients_proves_nothing(void **state) {
    static const struct {
        const char *line;
        bool refused;
    } rows[] = {
        {"tls: check\n", true},
        {"uri:spiffe://example.org/gateway: check\n", true},
        {"dns:console.example.org: check\n", true},
        {"uid:1000: check\n", false},
        {"plaintext: check\n", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sp_callers_options options = {.file = file, .unproven_tls = true};
        struct sp_callers *callers = NULL;
        struct sp_error error = {0};
        write_to(file, rows[i].line);
        if ((sp_callers_open(&options, &callers, &error) == SP_ERR_INVALID) != rows[i].refused)
            fail_msg("row %zu: %s", i, error.message);
        if (rows[i].refused)
            assert_non_null(strstr(error.message, "--tls-client-ca"));
        sp_callers_close(callers);
    }
}

static void a_bad_file_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "lists no callers"},
        {"- check\n", "a list is not allowed"},
        {"check\n", "must map callers"},
        {"uri:x: chekc\n", "line 1, column 8: roles must be check"},
        {"tls: check\nuri:x: \"\"\n", "line 2"},
        {"gateway: check\n", "must be uri:…"},
        {"uri:: check\n", "must be uri:…"},
        {"uid:: check\n", "must be uri:…"},
        {"uid:-1: check\n", "must be a number"},
        {"uid:4294967296: check\n", "must be a number"},
        {"uid:4294967295: check\n", "must be a number"},
        {"uid:99999999999999999999: check\n", "must be a number"},
        {"uid:1: check\nuid:01: list\n", "line 2, column 1: this caller is listed twice"},
        {"tls: check\ntls: list\n", "twice"},
        {"uri:x: check\nuri:x: list\n", "twice"},
        {"dns:*.example.org: check\n", "a wildcard"},
        {"token:/nowhere/token: check\n", "/nowhere/token: No such file"},
        {"token:/dev/null: check\n", "must be a token of 16"},
        {"uri:x: {check: true}\n", "line 1"},
        {"tls: check # nobody else\xc2\x85uid:0: admin\n", "line 1, column 25: U+0085 ends a line here"},
        {"tls: check # nobody else\xe2\x80\xa8uid:0: admin\n", "line 1, column 25: U+2028 ends a line here"},
        {"tls: check # nobody else\xe2\x80\xa9uid:0: admin\n", "line 1, column 25: U+2029 ends a line here"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_callers *callers;
        struct sp_error error;
        write_to(file, rows[i].text);
        assert_int_equal(sp_callers_open(&(struct sp_callers_options){.file = file}, &callers, &error), SP_ERR_INVALID);
        if (strstr(error.message, rows[i].says) == NULL || strstr(error.message, file) == NULL)
            fail_msg("row %zu: %s", i, error.message);
    }
}

static void a_changed_file_holds_and_a_broken_one_does_not(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_caller plaintext = {.identity = {.kind = SP_PEER_PLAIN}};
    struct sp_callers *callers = open_file("plaintext: check\n");
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_UNCHANGED);
    write_to(file, "plaintext: list\n");
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_CHANGED);
    assert_int_equal(sp_callers_roles(callers, &plaintext), L);
    write_to(file, "plaintext: nothing\n");
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_BROKEN);
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_UNCHANGED);
    assert_int_equal(sp_callers_roles(callers, &plaintext), L);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_BROKEN);
    assert_int_equal(sp_callers_roles(callers, &plaintext), L);
    write_to(file, "plaintext: all\n");
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_CHANGED);
    assert_int_equal(sp_callers_roles(callers, &plaintext), ALL);
    sp_callers_close(callers);
}

static void a_new_token_counts_and_the_old_one_no_more(void **state) {
    (void)state;
    char text[256];
    struct sp_error error;
    snprintf(text, sizeof(text), "token:%s: check\n", token);
    struct sp_callers *callers = open_file(text);
    struct sp_caller before = bearing("Bearer a-token-that-is-long-enough");
    struct sp_caller after = bearing("Bearer another-token-that-is-long-enough");
    assert_int_equal(sp_callers_roles(callers, &before), C);
    write_to(token, "another-token-that-is-long-enough\n");
    assert_int_equal(sp_callers_reload(callers, &error), SP_CALLERS_CHANGED);
    assert_int_equal(sp_callers_roles(callers, &before), 0);
    assert_int_equal(sp_callers_roles(callers, &after), C);
    sp_callers_close(callers);
}

static void a_refusal_says_which_role_to_give_to_whom(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_str uri = SP_STR_LITERAL("spiffe://example.org/x");
    struct sp_caller named = certificate(&uri, NULL), nobody = {.identity = {.kind = SP_PEER_PLAIN}}, user = of_user(7);
    struct sp_caller bearer = bearing("Bearer secret-secret-secret");
    assert_int_equal(sp_caller_refuse(&named, SP_CALLER_LIST, &error), SP_ERR_PERMISSION);
    assert_non_null(strstr(error.message, "\"list\": grant it to uri:spiffe://example.org/x"));
    assert_int_equal(sp_caller_refuse(&user, SP_CALLER_CHECK, &error), SP_ERR_PERMISSION);
    assert_non_null(strstr(error.message, "uid:7"));
    assert_int_equal(sp_caller_refuse(&nobody, SP_CALLER_EXPLAIN, &error), SP_ERR_UNAUTHENTICATED);
    assert_int_equal(sp_caller_refuse(&bearer, SP_CALLER_EXPLAIN, &error), SP_ERR_PERMISSION);
    assert_null(strstr(error.message, "secret-secret"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(without_a_file_what_was_let_in_decides),
        CASE(a_file_says_all_and_nobody_else_has_a_role),
        CASE(anybody_can_be_given_a_role),
        CASE(tls_without_a_ca_of_clients_proves_nothing),
        CASE(a_bad_file_is_refused_with_its_line),
        CASE(a_changed_file_holds_and_a_broken_one_does_not),
        CASE(a_new_token_counts_and_the_old_one_no_more),
        CASE(a_refusal_says_which_role_to_give_to_whom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
