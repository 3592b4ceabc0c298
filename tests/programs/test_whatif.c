/* sallyport whatif: decisions that sallyportd logged, against changes of its store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct command_setting plain;
static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES], ben_key[PROGRAMS_KEY_BYTES];
static struct caller admin;
static size_t logged; /* lines so far */

static const char *path_of(const char *name) {
    static char paths[8][160];
    static size_t next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", programs.folder, name);
    return path;
}

/* ---- a scene ---- */

static int set_up(void **state) {
    (void)state;
    programs_make_store(&programs, NULL);
    programs_start_sync(&programs);
    setenv("TMPDIR", programs.folder, 1);
    setenv("SALLYPORTD_DECISION_LOG", path_of("decisions.log"), 1);
    setenv("SALLYPORTD_DECISION_LOG_WHAT", "all", 1);
    programs_start_server(&programs);
    unsetenv("SALLYPORTD_DECISION_LOG");
    unsetenv("SALLYPORTD_DECISION_LOG_WHAT");
    programs_workspace(&programs, "acme", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "ben", ben_key);
    file_write(path_of("admin.key"), admin_key);
    setenv("SALLYPORT_KEY_FILE", path_of("admin.key"), 1);
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'acme', 'resource': {'type': 'voice', 'id': 'rachel'}}");
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'acme', 'resource': {'type': 'voice', 'id': 'tom'}}");
    assert_int_equal(command_run(&plain, "sallyport group create --id studio --name Studio")->status, 0);
    assert_int_equal(command_run(&plain, "sallyport group add studio ben")->status, 0);
    assert_int_equal(command_run(&plain, "sallyport share add voice/rachel --group studio --role editor")->status, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(folder_count(programs.folder, "sallyport-trial-"), 0); /* no scratch store is left */
    unsetenv("TMPDIR");
    caller_close(&admin);
    command_forget();
    programs_stop(&programs);
    return 0;
}

/* ---- questions ---- */

enum { KEYS = 2, QUESTIONS = KEYS * 3 * 5 };

static const char *const principals[KEYS] = {"acme-admin", "ben"};
static const char *const resources[] = {"rachel", "tom", "nobody"};
static const char *const actions[] = {"use", "edit", "share", "preview", "fly"};

static const char *action_of(size_t question) {
    return actions[question % COUNT(actions)];
}

static const char *principal_of(size_t question) {
    return principals[question / COUNT(actions) / COUNT(resources)];
}

/* All of them, each once. */
static void ask_all(char reasons[static QUESTIONS][32]) {
    for (size_t i = 0; i < QUESTIONS; i++) {
        const char *key = i / COUNT(actions) / COUNT(resources) == 0 ? admin_key : ben_key;
        snprintf(reasons[i], sizeof(reasons[i]), "%s",
                 check_reason(&programs.checker, key, "voice", resources[i / COUNT(actions) % COUNT(resources)],
                              action_of(i)));
    }
}

/* Waits for so many more lines of the log, and puts them into a file of their own. */
static void take_lines(size_t count, const char *name) {
    const char *path = path_of("decisions.log");
    for (int i = 0; i < 6000; i++) {
        char *text = process_read(path), *at = text, *from = NULL;
        size_t lines = 0;
        for (; *at != '\0'; at++) {
            if (lines == logged && from == NULL)
                from = at;
            lines += *at == '\n';
        }
        if (lines == logged + count) {
            file_write(path_of(name), from);
            free(text);
            logged = lines;
            return;
        }
        free(text);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("%zu lines did not come", count);
}

/* ---- whatif ---- */

static const struct command *ends(int status, const char *log, const char *options) {
    const struct command *ran =
        command_run(&plain, "sallyport whatif --store %s --log %s %s", programs.store, path_of(log), options);
    if (ran->status != status)
        fail_msg("%s: ended with %d: %s%s", options, ran->status, ran->out, ran->err);
    return ran;
}

static json_t *finds(int status, const char *log, const char *options) {
    char with_json[600];
    snprintf(with_json, sizeof(with_json), "%s -o json", options);
    json_t *json = json_loads(ends(status, log, with_json)->out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static long long number_of(const json_t *json, const char *name) {
    assert_true(json_is_integer(json_object_get(json, name)));
    return json_integer_value(json_object_get(json, name));
}

static const char *text_of(const json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

/* Runs a command with a file, with the operator's key. */
static void as_operator(const char *words, const char *file) {
    char variable[200];
    snprintf(variable, sizeof(variable), "SALLYPORT_KEY_FILE=%s", path_of("operator.key"));
    const struct command *ran = command_run(&(struct command_setting){.variable = variable}, "%s %s", words, file);
    if (ran->status != 0)
        fail_msg("%s: %s", words, ran->err);
}

/* A number for the store's bytes. */
static uint64_t sum_store(void) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    FILE *file = fopen(path_of("store/data.mdb"), "re");
    assert_non_null(file);
    for (int c = getc(file); c != EOF; c = getc(file))
        sum = (sum ^ (unsigned)c) * UINT64_C(0x100000001b3);
    (void)fclose(file);
    return sum;
}

/* ---- properties ---- */

static void an_empty_change_flips_nothing(void **state) {
    char reasons[QUESTIONS][32];
    (void)state;
    ask_all(reasons);
    take_lines(QUESTIONS, "first.log");
    uint64_t before = sum_store();
    json_t *found = finds(0, "first.log", "");
    assert_int_equal(number_of(found, "decisions"), QUESTIONS);
    assert_int_equal(number_of(found, "replayed"), QUESTIONS);
    assert_int_equal(number_of(found, "flips"), 0);
    assert_int_equal(number_of(found, "otherReason"), 0);
    assert_int_equal(number_of(found, "drifted"), 0);
    assert_int_equal(json_array_size(json_object_get(found, "groups")), 0);
    json_decref(found);
    found = finds(0, "first.log", "--workspace acme --set 'share add voice/rachel --group studio --role editor'");
    assert_int_equal(number_of(found, "flips") + number_of(found, "drifted"), 0);
    json_decref(found);
    assert_true(sum_store() == before);
}

static bool is_allowed(const char *reason) {
    return strcmp(reason, "ALLOWED") == 0;
}

/* How many answers went from the one reason to the other. */
static size_t count_changed(char before[static QUESTIONS][32], char after[static QUESTIONS][32], const json_t *group) {
    size_t count = 0;
    for (size_t i = 0; i < QUESTIONS; i++)
        count += strcmp(before[i], text_of(group, "before")) == 0 && strcmp(after[i], text_of(group, "after")) == 0 &&
                 strcmp(principal_of(i), text_of(group, "principal")) == 0 &&
                 strcmp(action_of(i), text_of(group, "action")) == 0;
    return count;
}

/* The last one is that of the example. */
static void check_explanations(const json_t *group) {
    static const char *const sides[] = {"before", "after"};
    for (size_t i = 0; i < COUNT(sides); i++) {
        const json_t *explained = json_object_get(json_object_get(group, "explanation"), sides[i]);
        if (strcmp(text_of(group, sides[i]), "KEY_UNKNOWN") == 0)
            assert_true(json_is_null(explained));
        else
            assert_string_equal(text_of(json_object_get(explained, "answer"), "reason"), text_of(group, sides[i]));
    }
}

static void a_group_of_flips_is_what_the_change_does(void **state) {
    static const char *const changes[] = {"share add voice/rachel --group studio --role viewer",
                                          "share add voice/tom --principal ben --role admin",
                                          "group remove studio ben",
                                          "user update ben --role admin",
                                          "user update ben --role member",
                                          "resource delete voice/tom",
                                          "user disable ben",
                                          "user enable ben",
                                          "user delete ben"};
    (void)state;
    for (size_t i = 0; i < COUNT(changes); i++) {
        char before[QUESTIONS][32], after[QUESTIONS][32], options[300];
        size_t flips = 0, in_groups = 0, at;
        json_t *group;
        ask_all(before);
        take_lines(QUESTIONS, "round.log");
        snprintf(options, sizeof(options), "--workspace acme --allow all --set '%s'", changes[i]);
        json_t *found = finds(0, "round.log", options);
        const struct command *made = command_run(&plain, "sallyport %s", changes[i]);
        if (made->status != 0)
            fail_msg("%s: %s", changes[i], made->err);
        ask_all(after);
        take_lines(QUESTIONS, "after.log");
        for (size_t n = 0; n < QUESTIONS; n++)
            flips += is_allowed(before[n]) != is_allowed(after[n]);
        if (number_of(found, "flips") != (long long)flips || number_of(found, "drifted") != 0)
            fail_msg("%s: %zu flips", changes[i], flips);
        json_array_foreach(json_object_get(found, "groups"), at, group) {
            assert_int_equal(number_of(group, "count"), count_changed(before, after, group));
            assert_true(json_is_true(json_object_get(group, "allowed")));
            check_explanations(group);
            in_groups += (size_t)number_of(group, "count");
        }
        assert_int_equal(in_groups, flips);
        json_decref(found);
    }
}

/* ---- what people read ---- */

static void says_which_decisions_flip_and_why(void **state) {
    (void)state;
    const char *change = "--workspace acme --set 'share remove voice/rachel --group studio'";
    const struct command *ran = ends(1, "first.log", change);
    assert_says(ran->out, "acme: ben, use voice: ALLOWED -> NOT_SHARED, 1 decision\n");
    assert_says(ran->out, "  example: voice/rachel, key ");
    assert_says(ran->out, "    shared with group studio: editor\n");
    assert_says(ran->out, "    to allow it: share voice/rachel with ben as viewer or higher\n");
    assert_null(strstr(ran->out, "Not known"));
    assert_string_equal(ran->err, "");
    char allowing[300];
    static const struct {
        const char *allow;
        int status;
    } rows[] = {{"all", 0},
                {"'ALLOWED->DENIED'", 0},
                {"'ALLOWED->NOT_SHARED'", 0},
                {"'ALLOWED->ROLE_TOO_LOW'", 1},
                {"'DENIED->ALLOWED'", 1},
                {"'ALLOWED->ROLE_TOO_LOW' --allow 'ALLOWED->NOT_SHARED'", 0},
                {"'NOT_SHARED'", 2},
                {"'->'", 2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(allowing, sizeof(allowing), "%s --allow %s", change, rows[i].allow);
        (void)ends(rows[i].status, "first.log", allowing);
    }
}

static void replays_files_and_a_schema(void **state) {
    (void)state;
    file_write(path_of("policy.yaml"), "workspace: acme\n"
                                       "shares:\n"
                                       "  voice/rachel: {groups: {studio: viewer}}\n");
    char options[400];
    snprintf(options, sizeof(options), "-f %s", path_of("policy.yaml"));
    assert_says(ends(1, "first.log", options)->out, "acme: ben, edit voice: ALLOWED -> ROLE_TOO_LOW, 1 decision\n");
    file_write(path_of("policy.yaml"), "workspace: acme\nshares: {}\n");
    assert_says(ends(2, "first.log", options)->err, "the files do not list 1 entry of the workspace");
    snprintf(options, sizeof(options), "-f %s --prune", path_of("policy.yaml"));
    assert_says(ends(1, "first.log", options)->out, "2 would flip.\n");
    snprintf(options, sizeof(options), "-f %s --keep", path_of("policy.yaml"));
    (void)ends(0, "first.log", options);
    file_write(path_of("wrong.yaml"), "workspace: acme\nusers: 3\nshares: 4\n");
    snprintf(options, sizeof(options), "-f %s", path_of("wrong.yaml"));
    assert_says(ends(2, "first.log", options)->err, "wrong.yaml:3:");

    file_write(path_of("schema.yaml"), "version: 1\n"
                                       "permissions: {text_to_speech: Speak, voices_write: Change}\n"
                                       "types:\n"
                                       "  voice:\n"
                                       "    actions:\n"
                                       "      use: {permission: text_to_speech, role: admin}\n"
                                       "      share: {permission: voices_write, role: viewer}\n"
                                       "      preview: {}\n");
    snprintf(options, sizeof(options), "--schema %s", path_of("schema.yaml"));
    const struct command *ran = ends(1, "first.log", options);
    assert_says(ran->out, "acme: ben, share voice: ROLE_TOO_LOW -> ALLOWED, 1 decision\n");
    assert_says(ran->out, "acme: ben, use voice: ALLOWED -> ROLE_TOO_LOW, 1 decision\n");
    assert_says(ran->out, "acme: acme-admin, edit voice: ALLOWED -> ACTION_UNKNOWN, 2 decisions\n");
}

static void replays_on_a_backup_from_standard_input(void **state) {
    (void)state;
    char *log = process_read(path_of("first.log"));
    const struct command_setting piped = {.input = log};
    as_operator("sallyport backup", path_of("backup"));
    const struct command *ran = command_run(
        &piped, "sallyport whatif --backup %s --log - --workspace acme --set 'user disable ben'", path_of("backup"));
    assert_int_equal(ran->status, 1);
    assert_says(ran->out, "ALLOWED -> PRINCIPAL_DISABLED");
    free(log);
}

/* ---- what the log cannot tell ---- */

/* The first line of a decision that allows ben something, with a text in place of another. */
static char *change_line(const char *old, const char *new) {
    char *text = process_read(path_of("first.log")), *line = strstr(text, "\"principal\":\"ben\"");
    while (line > text && line[-1] != '\n')
        line--;
    line[strcspn(line, "\n")] = '\0';
    char *at = strstr(line, old), *made = NULL;
    assert_non_null(at);
    assert_true(asprintf(&made, "%.*s%s%s\n", (int)(at - line), line, new, at + strlen(old)) > 0);
    free(text);
    return made;
}

static const struct {
    const char *old, *new, *says;
    int status;
} unknowns[] = {
    {"\"log_what\":\"all\"", "\"log_what\":\"sample:50\"",
     "1 line of logs that take one decision in up to 50: more decisions flip", 0},
    {"\"log_what\":\"all\"", "\"log_what\":\"denials\"", "1 line of logs that take denials only", 0},
    {"\"log_what\":\"all\"", "\"log_what\":\"allows\"", "1 line of logs that take allows only", 0},
    {"\"log_what\":\"all\"", "\"log_what\":\"all\",\"log_workspaces\":2", "1 line of logs that are kept to some", 0},
    {"\"log_what\":\"all\",", "", "1 line without log_what, so that other decisions may be missing; no line denies", 0},
    {"\"key_id\":\"", "\"key_id\":\"no-", "1 of keys that the store no longer has", 2},
    {"\"key_id\"", "\"key\"", "1 denied before a key was known: ALLOWED 1", 2},
    {"\"reason\":\"ALLOWED\"", "\"reason\":\"STALE\"", "1 denied as STALE", 2},
    {"\"reason\":\"ALLOWED\"", "\"reason\":\"ODD\"", "1 line that lack what a replay needs", 2},
    {"\"action\"", "\"act\"", "1 line that lack what a replay needs", 2},
    {"\"time\":\"2", "\"time\":\"x", "1 line that lack what a replay needs", 2},
    {"{", "", "1 line that cannot be read, the first in ", 2},
    {"{", "{\"action\":\"use\",", "1 line that cannot be read, the first in ", 2},
    {"\"reason\":\"ALLOWED\"", "\"reason\":\"NOT_SHARED\"", "logged as NOT_SHARED, now ALLOWED: 1", 0},
    /* These are the same decision. */
    {"{", " { \"more\" : {\"a\": [1, null]} , ", "Replayed 1 of 1 decision (", 0},
    {"rachel", "r\\u0061chel", "Replayed 1 of 1 decision (", 0},
    {"\"log_what\"", "\"ip\":\"192.0.2.1\",\"asserted_workspace\":\"acme\",\"log_what\"", "Replayed 1 of 1 decision (",
     0},
    {"\"log_what\"", "\"asserted_workspace\":\"other\",\"log_what\"", "logged as ALLOWED, now WORKSPACE_MISMATCH: 1",
     0},
};

static void says_what_the_log_cannot_tell(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(unknowns); i++) {
        char *line = change_line(unknowns[i].old, unknowns[i].new);
        file_write(path_of("one.log"), line);
        assert_says(ends(unknowns[i].status, "one.log", "")->out, unknowns[i].says);
        free(line);
    }
}

/* The value of a text member of a line. */
static void copy_member(const char *line, const char *name, char *out, size_t room) {
    const char *at = strstr(line, name);
    assert_non_null(at);
    at += strlen(name) + strlen("\":\"");
    snprintf(out, room, "%.*s", (int)strcspn(at, "\""), at);
}

static void asks_each_decision_as_of_its_time(void **state) {
    char key[80], options[200], log[8000] = "";
    char *early = change_line("\"time\":\"2", "\"time\":\"2020-01-01T00:00:00Z\",\"was\":\"2");
    char *late = change_line("\"time\":\"2", "\"time\":\"2060-01-01T00:00:00Z\",\"was\":\"2");
    (void)state;
    copy_member(early, "key_id", key, sizeof(key));
    for (int i = 0; i < 3; i++) {
        strcat(log, early);
        strcat(log, late);
        strcat(log, late);
    }
    file_write(path_of("times.log"), log);
    free(early);
    free(late);
    snprintf(options, sizeof(options), "--workspace acme --set 'key update %s --expires 2050-01-01'", key);
    const struct command *ran = ends(1, "times.log", options);
    assert_says(ran->out, "Replayed 9 of 9 decisions (2020-01-01T00:00:00Z to 2060-01-01T00:00:00Z)");
    assert_says(ran->out, "acme: ben, use voice: ALLOWED -> KEY_EXPIRED, 6 decisions\n");
    assert_says(ran->out, ", 2060-01-01T00:00:00Z (");
}

/* The change is made by a key that comes with the copy. */
static void needs_nothing_of_the_workspace_for_itself(void **state) {
    static const char *const strict[] = {
        "'workspace': {'id': 'acme', 'quotas': {'keys': 2}}, 'updateMask': ['quotas']",
        "'workspace': {'id': 'acme', 'policy': {'maxKeyLifetimeS': 86400}}, 'updateMask': ['policy']",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(strict); i++) {
        operator_ok(&programs, "Admin/UpdateWorkspace", "{%s}", strict[i]);
        (void)ends(1, "first.log", "--workspace acme --set 'user disable ben'");
    }
    operator_ok(
        &programs, "Admin/UpdateWorkspace",
        "{'workspace': {'id': 'acme', 'quotas': {'keys': 100}, 'policy': {}}, 'updateMask': ['quotas', 'policy']}");
}

static void asks_the_changed_routes_where_the_log_tells_the_path(void **state) {
    static const char schema[] = "version: 2\n"
                                 "permissions: {text_to_speech: Speak, voices_write: Change}\n"
                                 "types:\n"
                                 "  voice:\n"
                                 "    actions:\n"
                                 "      use: {permission: text_to_speech, role: viewer}\n"
                                 "      edit: {permission: voices_write, role: editor}\n"
                                 "      share: {permission: voices_write, role: admin}\n"
                                 "      preview: {}\n"
                                 "routes:\n"
                                 "  GET /v1/voices/{id}: use voice/{id}\n"
                                 "  GET /v1/{any}/of/{id}: use voice/{id}\n"
                                 "  GET /v1/cut/{id}:sing: use voice/{id}\n"
                                 "  GET api.example.com/v1/sung/{id}: use voice/{id}\n"
                                 "  GET *.example.com/v1/wild/{id}: use voice/{id}\n"
                                 "  \"* /v1/any/{id}\": use voice/{id}\n";
    static const struct {
        const char *route, *routes, *says;
        int status;
    } rows[] = {
        {"GET /v1/voices/{id}", "  GET /v1/voices/{id}: share voice/{id}\n", "ALLOWED -> ROLE_TOO_LOW, 1 decision", 1},
        {"GET /v1/voices/{id}", "  POST /v1/voices/{id}: use voice/{id}\n", "ALLOWED -> ROUTE_UNKNOWN, 1 decision", 1},
        {"GET /v1/voices/{id}", "  GET /v1/voices/{id}: use voice/{id}\n  GET /v1/voices/rachel: use voice/tom\n",
         "ALLOWED -> NOT_SHARED, 1 decision", 1},
        {"GET /v1/cut/{id}:sing", "  GET /v1/cut/{id}:sing: share voice/{id}\n", "ALLOWED -> ROLE_TOO_LOW, 1 decision",
         1},
        {"GET api.example.com/v1/sung/{id}", "  GET api.example.com/v1/sung/{id}: preview voice\n",
         "None would flip.\n", 0},
        {"GET api.example.com/v1/sung/{id}", "  GET api.example.org/v1/sung/{id}: use voice/{id}\n",
         "ALLOWED -> ROUTE_UNKNOWN, 1 decision", 1},
        {"GET *.example.com/v1/wild/{id}", "  GET /v2: preview voice\n", "1 by routes, of whose paths", 2},
        {"GET /v1/{any}/of/{id}", "  GET /v2: preview voice\n", "1 by routes, of whose paths", 2},
        {"* /v1/any/{id}", "  GET /v2: preview voice\n", "1 by routes, of whose paths", 2},
        {"GET /v1/else/{id}", "  GET /v2: preview voice\n", "1 by routes, of whose paths", 2},
    };
    (void)state;
    file_write(path_of("routes.yaml"), schema);
    as_operator("sallyport schema put", path_of("routes.yaml"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        char route[120], options[300], changed[1200];
        snprintf(route, sizeof(route), "\"route\":\"%s\",\"log_what\"", rows[i].route);
        char *line = change_line("\"log_what\"", route);
        file_write(path_of("one.log"), line);
        free(line);
        snprintf(changed, sizeof(changed), "%.*sroutes:\n%s", (int)(strstr(schema, "routes:") - schema), schema,
                 rows[i].routes);
        file_write(path_of("changed.yaml"), changed);
        snprintf(options, sizeof(options), "--schema %s", path_of("changed.yaml"));
        assert_says(ends(rows[i].status, "one.log", options)->out, rows[i].says);
    }
}

static void refuses_what_it_cannot_do(void **state) {
    static const struct {
        const char *options, *says;
    } rows[] = {
        {"--backup x", "give either --store or --backup"},
        {"--prune --keep", "--prune cannot be combined with --keep"},
        {"--log /nonexistent/log", "cannot read /nonexistent/log"},
        {"--schema /nonexistent/schema", "/nonexistent/schema"},
        {"--set fly", "not a command such as"},
        {"--set 'key list'", "'key list' changes nothing"},
        {"--set 'schema put x'", "use --schema or -f"},
        {"--set 'share add voice/rachel --group studio'", "--role is missing"},
        {"--set 'share add voice/rachel --group \"studio --role viewer'", "a quote is not closed"},
        {"--set 'user disable ben'", "--set 'user disable ben': "},
        {"--workspace acme --set 'user disable nobody'", "--set 'user disable nobody': "},
        {"--workspace none --set 'user disable ben'", "--set 'user disable ben': "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_says(ends(2, "first.log", rows[i].options)->err, rows[i].says);
    assert_int_equal(command_run(&plain, "sallyport whatif --store %s", programs.store)->status, 2);
    const struct command *ran =
        command_run(&plain, "sallyport whatif --store /nonexistent --log %s", path_of("first.log"));
    assert_int_equal(ran->status, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_change_flips_nothing),
        cmocka_unit_test(says_which_decisions_flip_and_why),
        cmocka_unit_test(replays_files_and_a_schema),
        cmocka_unit_test(replays_on_a_backup_from_standard_input),
        cmocka_unit_test(says_what_the_log_cannot_tell),
        cmocka_unit_test(asks_each_decision_as_of_its_time),
        cmocka_unit_test(needs_nothing_of_the_workspace_for_itself),
        cmocka_unit_test(asks_the_changed_routes_where_the_log_tells_the_path),
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(a_group_of_flips_is_what_the_change_does),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
