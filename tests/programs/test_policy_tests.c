/* sallyport test: expected decisions against files, without a server. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/process.h"

static const char schema[] = "version: 1\n"
                             "permissions:\n"
                             "  notes_read: See notes\n"
                             "  notes_write: Change notes\n"
                             "types:\n"
                             "  note:\n"
                             "    ids: workspace\n"
                             "    actions:\n"
                             "      read: {permission: notes_read, role: viewer}\n"
                             "      edit: {permission: notes_write, role: editor}\n"
                             "  vault:\n"
                             "    actions:\n"
                             "      open: {role: viewer}\n"
                             "routes:\n"
                             "  GET /v1/notes/{id}: read note/{id}\n"
                             "  PUT /v1/notes/{id}: edit note/{id}\n";

static const char people[] = "users:\n"
                             "  ann: {role: admin}\n"
                             "  ben: {}\n"
                             "  off: {disabled: true}\n"
                             "service_accounts: {bot: {}}\n"
                             "groups: {editors: {members: [ben, bot]}}\n"
                             "shares:\n"
                             "  note/plan: {groups: {editors: editor}}\n"
                             "  note/minutes: {principals: {ben: viewer}}\n"
                             "  vault/v: {principals: {bot: viewer}}\n";

/* Every reason that a policy can give, each by the question that leads to it. */
static const char right[] =
    "keys:\n"
    "  ci: {principal: bot, permissions: [notes_read], allowed_ips: [203.0.113.0/24], expires: 2026-06-01T00:00:00Z}\n"
    "  dead: {principal: bot, disabled: true}\n"
    "tests:\n"
    "  minutes: {who: ben, resource: note/minutes, action: [read], expect: ALLOWED}\n"
    "  plan: {resource: note/plan, action: edit, expect: {ann: ALLOWED, ben: ALLOWED, off: PRINCIPAL_DISABLED}}\n"
    "  roles: {action: edit, expect: {ben: {note/minutes: ROLE_TOO_LOW, note/none: NOT_SHARED}, bot: {note/none: "
    "DENIED}}}\n"
    "  in time: {key: ci, ip: 203.0.113.9, at: 2026-05-01T00:00:00Z, resource: note/plan, action: read, expect: "
    "ALLOWED}\n"
    "  too late: {key: ci, ip: 203.0.113.9, at: 2026-06-01T00:00:00Z, resource: note/plan, action: read, expect: "
    "KEY_EXPIRED}\n"
    "  elsewhere: {key: ci, ip: 192.0.2.1, at: 2026-05-01T00:00:00Z, resource: note/plan, action: read, expect: "
    "IP_NOT_ALLOWED}\n"
    "  narrow: {key: ci, ip: 203.0.113.9, at: 2026-05-01T00:00:00Z, resource: note/plan, action: edit, expect: "
    "PERMISSION_MISSING}\n"
    "  dead: {key: dead, resource: note/plan, action: read, expect: KEY_DISABLED}\n"
    "  vaults: {who: bot, action: open, resource: [vault/v], expect: ALLOWED}\n"
    "  no vault: {who: bot, action: open, resource: vault/none, expect: RESOURCE_UNKNOWN}\n"
    "  no action: {who: bot, action: close, resource: vault/v, expect: ACTION_UNKNOWN}\n"
    "  paths: {who: ben, request: [GET /v1/notes/plan, PUT /v1/notes/plan], expect: ALLOWED}\n"
    "  no path: {who: ben, request: [GET /v2, POST /v1/notes/plan], expect: ROUTE_UNKNOWN}\n"
    "  bad path: {who: ben, request: GET /v1//notes, expect: REQUEST_MALFORMED}\n";

static const struct command_setting plain;
static char folder[64];

static const char *path_of(const char *name) {
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const struct command *ends(int status, const char *options, const char *file) {
    const struct command *ran = command_run(&plain, "sallyport test %s %s", options, path_of(file));
    if (ran->status != status)
        fail_msg("%s %s: ended with %d: %s%s", options, file, ran->status, ran->out, ran->err);
    return ran;
}

static int set_up(void **state) {
    (void)state;
    folder_make(folder);
    unsetenv("GITHUB_ACTIONS");
    setenv("TMPDIR", folder, 1);
    file_write(path_of("schema.yaml"), schema);
    file_write(path_of("people.yaml"), people);
    file_write(path_of("right_tests.yaml"), right);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unsetenv("TMPDIR");
    command_forget();
    assert_int_equal(folder_count(folder, "sallyport-trial-"), 0); /* no scratch store is left */
    folder_remove(folder);
    return 0;
}

static void requests_name_the_host_if_routes_do(void **state) {
    (void)state;
    assert_int_equal(mkdir(path_of(".hosts"), 0700), 0);
    file_write(path_of(".hosts/people.yaml"), "users: {ben: {}}\nshares: {note/plan: {principals: {ben: viewer}}}\n");
    file_write(path_of(".hosts/schema.yaml"),
               "version: 2\n"
               "types: {note: {ids: workspace, actions: {read: {role: viewer}, list: {}}}}\n"
               "routes:\n"
               "  GET notes.example.com/v1/{id}: read note/{id}\n"
               "  GET /v1/{id}:list: list note\n");
    file_write(path_of(".hosts/hosts_tests.yaml"),
               "tests:\n"
               "  its own: {who: ben, request: GET notes.example.com/v1/plan, expect: ALLOWED}\n"
               "  another: {who: ben, request: GET www.example.com/v1/plan, expect: ROUTE_UNKNOWN}\n"
               "  any: {who: ben, request: 'GET www.example.com/v1/plan:list', expect: ALLOWED}\n"
               "  none: {who: ben, request: GET /v1/plan, expect: REQUEST_MALFORMED}\n");
    (void)ends(0, "", ".hosts/hosts_tests.yaml");
}

static void every_reason_can_be_expected(void **state) {
    (void)state;
    const struct command *ran = ends(0, "-f", "right_tests.yaml");
    assert_says(ran->out, "right_tests.yaml: 14 tests, 20 questions, 0 failed\n");
    assert_string_equal(ran->err, "");
}

static const char two_wrong[] = "tests:\n"
                                "  good: {who: ben, resource: note/plan, action: read, expect: ALLOWED}\n"
                                "  too much: {who: ben, resource: note/minutes, action: edit, expect: ALLOWED}\n"
                                "  too little & more: {action: [read, edit], expect: {ben: {note/plan: DENIED}}}\n";

static void failures_say_where_and_why(void **state) {
    (void)state;
    file_write(path_of("two_tests.yaml"), two_wrong);
    const struct command *ran = ends(1, "", "two_tests.yaml");
    assert_says(ran->out,
                "two_tests.yaml:3:70: too much\n      ben, edit note/minutes: expected ALLOWED, got ROLE_TOO_LOW\n");
    assert_says(ran->out, "      to allow it: share note/minutes with ben as editor or higher\n");
    assert_says(ran->out,
                "two_tests.yaml:4:71: too little & more\n      ben, read note/plan: expected DENIED, got ALLOWED\n");
    assert_says(ran->out, "      shared with group editors: editor\n");
    assert_says(ran->out, "two_tests.yaml: 3 tests, 4 questions, 3 failed\n");
    assert_says(ends(0, "--run ^good$", "two_tests.yaml")->out, ": 1 test, 1 question, 0 failed\n");
    assert_says(ends(2, "--run nothing", "two_tests.yaml")->err, "no test has a matching name");
    assert_says(ends(2, "--run [", "two_tests.yaml")->err, "is not a regular expression");
}

static void machines_read_the_same(void **state) {
    char option[300];
    (void)state;
    const struct command *ran = ends(1, "--github", "two_tests.yaml");
    assert_says(ran->out, "two_tests.yaml,line=3,col=70,title=too much::ben, edit note/minutes: expected ALLOWED, got "
                          "ROLE_TOO_LOW%0Astep 10, ");
    ran = command_run(&(struct command_setting){.variable = "GITHUB_ACTIONS=true"}, "sallyport test %s",
                      path_of("two_tests.yaml"));
    assert_says(ran->out, "::error file=");
    snprintf(option, sizeof(option), "--junit %s", path_of("junit.xml"));
    ends(1, option, "two_tests.yaml");
    char *xml = process_read(path_of("junit.xml"));
    assert_says(xml, "tests=\"3\" failures=\"2\">");
    assert_says(xml, "<testcase name=\"too little &#38; more\"");
    assert_says(xml, "<failure message=\"line 3\">ben, edit note/minutes: expected ALLOWED");
    free(xml);
}

static void coverage_names_what_no_test_reaches(void **state) {
    (void)state;
    const struct command *ran = ends(1, "--cover", "two_tests.yaml");
    assert_says(ran->out, "  actions  1 of 3\n    never denied: note read\n    never asked: vault open\n");
    assert_says(ran->out, "  roles    2 of 4\n    had by nobody: commenter\n    had by nobody: admin\n");
    assert_says(ran->out, "  routes   0 of 2\n    not requested: GET /v1/notes/{id}\n");
    assert_says(ran->out, "    never the answer: KEY_EXPIRED\n");
    assert_says(ends(0, "--cover", "right_tests.yaml")->out, "  gates    9 of 9\n");
}

static void what_is_wrong_with_files_is_an_error_and_no_failure(void **state) {
    static const struct {
        const char *name, *text, *says;
    } rows[] = {
        {"a_tests.yaml", "tests: {t: {who: zoe, action: read, resource: note/1, expect: DENIED}}",
         "a_tests.yaml:1:18: principal zoe not found"},
        {"b_tests.yaml", "schema: nowhere.yaml\ntests: {t: {who: ann, action: a, resource: t/1, expect: DENIED}}",
         "nowhere.yaml: No such file"},
        {"c_tests.yaml", "policy: [bad.yml]\ntests: {t: {who: ann, action: a, resource: t/1, expect: DENIED}}",
         "bad.yml:1:15: unknown key"},
        {"d_tests.yaml", "policy: [lost.yml]\ntests: {t: {who: ann, action: a, resource: t/1, expect: DENIED}}",
         "lost.yml:3:32: principal ben not found"},
        {"e_tests.yaml", "tests: {t: {who: ann, ip: 1.2.3, action: read, resource: note/1, expect: DENIED}}",
         "e_tests.yaml:1:9: t: "},
        {"f_tests.yaml",
         "keys: {k: {principal: ann, permissions: [fly]}}\ntests: {t: {key: k, action: read, resource: note/1, expect: "
         "DENIED}}",
         "f_tests.yaml:1:8: "},
    };
    (void)state;
    assert_int_equal(mkdir(path_of(".wrong"), 0700), 0);
    file_write(path_of(".wrong/schema.yaml"), schema);
    file_write(path_of(".wrong/bad.yml"), "users: {ann: {nam: A}}\n");
    file_write(path_of(".wrong/lost.yml"),
               "groups: {g: {}}\nusers: {ann: {}}\nshares: {note/1: {principals: {ben: viewer}}}\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s", rows[i].name);
        file_write(path_of(name), rows[i].text);
        if (i == 2 || i == 3) {
            snprintf(name, sizeof(name), ".wrong/%s", rows[i].name);
            file_write(path_of(name), rows[i].text);
        }
        assert_says(ends(2, "", name)->err, rows[i].says);
    }
    assert_says(ends(2, "", "nowhere_tests.yaml")->err, "cannot read ");
}

static void watching_runs_again_when_a_file_changes(void **state) {
    struct process process;
    (void)state;
    file_write(path_of("watched_tests.yaml"), two_wrong);
    process_start(&process, folder, "watch",
                  (const char *[]){"sallyport", "test", "--watch", path_of("watched_tests.yaml"), NULL});
    bool changed = false, again = false;
    for (int tries = 0; tries < 600 && !again; tries++) {
        char *said = process_read(process.out);
        again = strstr(said, ": 1 test, 1 question, 0 failed\n") != NULL;
        if (!changed && strstr(said, ": 3 tests, 4 questions, 3 failed\n") != NULL) {
            changed = true;
            file_write(path_of("watched_tests.yaml"),
                       "tests: {good: {who: ben, resource: note/plan, action: read, expect: ALLOWED}}\n");
        }
        free(said);
        nanosleep(&(struct timespec){.tv_nsec = 100000000L}, NULL);
    }
    assert_true(changed && again);
    (void)process_end(&process, SIGTERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_can_be_expected),
        cmocka_unit_test(requests_name_the_host_if_routes_do),
        cmocka_unit_test(failures_say_where_and_why),
        cmocka_unit_test(machines_read_the_same),
        cmocka_unit_test(coverage_names_what_no_test_reaches),
        cmocka_unit_test(what_is_wrong_with_files_is_an_error_and_no_failure),
        cmocka_unit_test(watching_runs_again_when_a_file_changes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
