/* The command line as people use it: help, mistakes, and every command against the real
 * programs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/moment.h"
#include "cli/command_table.h"
#include "core/digest.h"
#include "support/certificates.h"
#include "support/command.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct command_setting plain;
static struct programs programs;

/* ---- running ---- */

static void write_file(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", programs.folder, name);
    file_write(path, text);
}

static const char *path_of(const char *name) {
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", programs.folder, name);
    return path;
}

static const struct command *run_as(const char *profile, const struct command_setting *setting, const char *format,
                                    va_list arguments) SP_PRINTF(3, 0);
static const struct command *run_as(const char *profile, const struct command_setting *setting, const char *format,
                                    va_list arguments) {
    char line[4096];
    vsnprintf(line, sizeof(line), format, arguments);
    return profile == NULL ? command_run(setting, "sallyport %s", line)
                           : command_run(setting, "sallyport %s --profile %s", line, profile);
}

static const struct command *expect(const struct command *ran, int status, const char *line) {
    if (ran->status != status)
        fail_msg("%s: ended with %d: %s%s", line, ran->status, ran->out, ran->err);
    return ran;
}

/* Runs `sallyport` with a profile and asserts its exit status. */
static const struct command *ends(int status, const char *profile, const char *format, ...) SP_PRINTF(3, 4);
static const struct command *ends(int status, const char *profile, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const struct command *ran = run_as(profile, &plain, format, arguments);
    va_end(arguments);
    return expect(ran, status, format);
}

static const struct command *typed(int status, const char *profile, const char *input, const char *format, ...)
    SP_PRINTF(4, 5);
static const struct command *typed(int status, const char *profile, const char *input, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const struct command *ran = run_as(profile, &(struct command_setting){.input = input}, format, arguments);
    va_end(arguments);
    return expect(ran, status, format);
}

static size_t lines_of(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* The output as JSON; the caller decrefs. */
static json_t *json_of(const struct command *ran) {
    json_error_t error;
    json_t *json = json_loads(ran->out, 0, &error);
    if (json == NULL)
        fail_msg("no JSON (%s): %s", error.text, ran->out);
    return json;
}

static void assert_private(const char *name) {
    struct stat about;
    assert_int_equal(stat(path_of(name), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static bool exists(const char *name) {
    struct stat about;
    return stat(path_of(name), &about) == 0;
}

/* ---- help ---- */

static void every_command_explains_itself(void **state) {
    (void)state;
    size_t commands = 0;
    for (size_t table = 0; sp_cli_tables[table] != NULL; table++) {
        for (const struct cli_command *row = sp_cli_tables[table]; row->noun != NULL; row++, commands++) {
            char usage[96], option[64];
            const char *verb = row->verb != NULL ? row->verb : "";
            const struct command *ran = ends(0, NULL, "%s %s --help", row->noun, verb);
            snprintf(usage, sizeof(usage), "Usage: sallyport %s%s%s", row->noun, verb[0] != '\0' ? " " : "", verb);
            assert_int_equal(strncmp(ran->out, usage, strlen(usage)), 0);
            assert_string_equal(ran->err, "");
            assert_says(ran->out, row->summary);
            assert_true(row->summary[0] >= 'A' && row->summary[0] <= 'Z' && strlen(row->summary) <= 80);
            assert_says(ran->out, "\nActs with ");
            for (const char *line = ran->out; *line != '\0'; line += strcspn(line, "\n") + 1)
                assert_in_range(strcspn(line, "\n"), 0, 80 + 2 * 2); /* bytes: "…" has three */
            assert_says(ran->out, "\nExample:\n  sallyport ");
            for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++) {
                snprintf(option, sizeof(option), "\n  --%s", row->options[i].name);
                assert_says(ran->out, option);
            }
            char *said = strdup(ran->out);
            assert_string_equal(ends(0, NULL, "help %s %s", row->noun, verb)->out, said);
            free(said);
        }
    }
    assert_true(commands > 50);
}

static void the_program_and_every_noun_list_their_commands(void **state) {
    (void)state;
    static const char *const lines[] = {"--help", "-h", "help"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        const struct command *ran = ends(0, NULL, "%s", lines[i]);
        for (size_t table = 0; sp_cli_tables[table] != NULL; table++)
            assert_says(ran->out, sp_cli_tables[table]->noun);
        assert_says(ran->out, "Example:");
        assert_says(ran->out, "SALLYPORT_KEY_FILE");
    }
    assert_says(ends(0, NULL, "key --help")->out, "disable-self     Disable the key that you act with.\n");
    assert_says(ends(0, NULL, "backup --help")->out, "\nRestore it with `sallyport-sync restore`.\n");
    assert_says(ends(0, NULL, "help key")->out, "disable-self");
    assert_says(ends(0, NULL, "version")->out, "sallyport ");
    assert_says(ends(0, NULL, "--version")->out, "sallyport ");
}

static void mistakes_end_with_2_and_say_what_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *line, *fragment;
    } rows[] = {
        {"nope", "unknown command 'nope'"},
        {"chek", "unknown command 'chek'; did you mean check?\n"},
        {"key", "Usage: sallyport key COMMAND"},
        {"kye list", "unknown command 'kye'; did you mean key?\n"},
        {"key lst", "unknown command 'key lst'; did you mean list?\n"},
        {"key nonsense", "sallyport key --help"},
        {"-o json", "name a command, such as whoami or 'key list' (see sallyport --help)"},
        {"key -o json", "Usage: sallyport key COMMAND"},
        {"key rotate k --self", "KEY cannot be combined with --self"},
        {"key rotate k --grace 0", "--grace: must be 1s to 90d; to end the old key at once, rotate without --grace"},
        {"key rotate k --grace 91d", "--grace: must be 1s to 90d; to end the old key at once, rotate without --grace"},
        {"key rotate k --grace 0s", "--grace: must be 1s to 90d; to end the old key at once, rotate without --grace"},
        {"key list --expires-before 1893456000000",
         "--expires-before: '1893456000000' looks like milliseconds since 1970; write 2030-01-01T00:00:00Z"},
        {"--outptu json key list", "unknown option --outptu; did you mean --output?\n"},
        {"--adm 127.0.0.1:7401 key list", "unknown option --adm; did you mean --admin?\n"},
        {"key --adm 127.0.0.1:7401 list", "unknown option --adm; did you mean --admin?\n"},
        {"key list --adm 127.0.0.1:7401", "unknown option --adm; did you mean --admin?"},
        {"key list --alow-ip 1.2.3.4", "unknown option --alow-ip"},
        {"--adm", "unknown option --adm; did you mean --admin?\n"},
        {"--something-else x", "unknown option --something-else (see sallyport --help)\n"},
        {"worksp list", "unknown command 'worksp'; did you mean workspace?\n"},
        {"key rot", "unknown command 'key rot'; did you mean rotate?\n"},
        {"help key lst", "did you mean list?"},
        {"key get", "sallyport: KEY is missing (see --help)"},
        {"key list --nope", "unknown option --nope"},
        {"key list -o yaml", "--output: 'yaml' is not one of table, wide, json, ndjson"},
        {"key rotate --grace 5", "--grace: '5' has no unit; write 5s for seconds, or 5m, 5h, 5d"},
        {"key list --timeout 5", "--timeout: '5' has no unit; write 5s for seconds, or 5m, 5h, 5d"},
        {"key list --timeout 5x", "--timeout: '5x' is not a duration; write 30s, 15m, 2h or 90d"},
        {"workspace create --name W --seats 0", "--seats: '0' is too small; at least 1"},
        {"key create --principal p --name n --expires 2026-02-30",
         "--expires: '2026-02-30' is not a time; write 2026-12-31, "},
        {"share add voice/r --role owner", "--role: 'owner' is not one of viewer, commenter, editor, admin"},
        {"key list", "no key to act with; set SALLYPORT_KEY_FILE, or key_file in a profile, to a file that holds one"},
        {"whoami --profile nobody", "no profile 'nobody'"},
        {"check --action use --resource voice", "give one of --key-file FILE (- for standard input) or --sha256 HEX"},
        {"check --action use --resource voice --sha256 00", "--sha256: must be 64 hexadecimal digits"},
        {"check --action use --resource voice --key-file /nowhere/key",
         "cannot read the key file /nowhere/key: No such file or directory"},
        {"explain --action use --resource voice --key-id k --sha256 00",
         "--key-id cannot be combined with --key-file or --sha256"},
        {"schema check /nowhere/schema", "cannot read /nowhere/schema: No such file or directory"},
        {"import /nowhere/import", "/nowhere/import"},
        {"key find /", "cannot read /: Is a directory"},
        {"key find /dev/null", "/dev/null is empty"},
        {"completion tcsh", "SHELL: 'tcsh' is not one of bash, zsh, fish"},
        {"user update u", "nothing to change; give at least one option (see --help)"},
        {"key list --limit", "--limit requires a value (see --help)"},
        {"check --action use --resource voice --min-revision 5",
         "--min-revision: '5' is not a revision; write EPOCH:NUMBER"},
        {"list-resources --type t --action a --principal p", "--principal requires --workspace"},
        {"list-resources --type t --action a --principal p --sha256 0", "--principal cannot be combined with"},
        {"workspace update w --feature ip-allowlist --no-features", "--no-features cannot be combined with --feature"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct command *ran = ends(2, NULL, "%s", rows[i].line);
        assert_string_equal(ran->out, "");
        assert_says(ran->err, rows[i].fragment);
    }
    const struct command *ran = command_run(&plain, "sallyport");
    assert_int_equal(ran->status, 2);
    assert_says(ran->err, "Usage: sallyport COMMAND");
}

static void no_program_takes_an_abbreviated_option(void **state) {
    (void)state;
    static const struct {
        const char *line, *fragment;
    } rows[] = {
        {"sallyport key list --limi 5", "unknown option --limi; did you mean --limit?"},
        {"sallyport-sync operator lst --store /nowhere", "unknown command 'operator lst'; did you mean list?"},
        {"sallyport-sync operator nonsense",
         "unknown command 'operator nonsense' (see sallyport-sync operator --help)"},
        {"sallyport-sync operator --store /nowhere", "choose a subcommand: add, list or revoke"},
        {"sallyport-sync backup", "unknown command 'backup' (see sallyport-sync --help)"},
        {"sallyport-sync verfy --store /nowhere", "unknown command 'verfy'; did you mean verify?"},
        {"sallyport-sync verify --stor /nowhere", "unknown option --stor; did you mean --store?"},
        {"sallyportd --stor /nowhere", "unknown option --stor; did you mean --store?"},
        {"sallyport-bench runn", "unknown command 'runn'; did you mean run?"},
        {"sallyport-bench chur", "unknown command 'chur'; did you mean churn?"},
        {"sallyport-bench run --conn 4", "unknown option --conn; did you mean --connections?"},
        {"sallyport-bench world --see=4", "unknown option --see; did you mean --seed?"},
        {"sallyport-bench report --hel", "unknown option --hel; did you mean --help?"},
        {"sallyport-test --cov", "unknown option --cov; did you mean --cover?"},
        {"sallyport test --cov", "unknown option --cov; did you mean --cover?"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct command *ran = command_run(&plain, "%s", rows[i].line);
        assert_int_equal(ran->status, 2);
        assert_says(ran->err, rows[i].fragment);
    }
    const struct command *ran = command_run(&plain, "sallyport-sync init --store %s --prefix 'a b'", path_of("fresh"));
    assert_says(ran->err, "sallyport-sync: --prefix: must be 1 to 16 letters");
    ran = command_run(&plain, "sallyport-sync init --store %s --operator 'a b'", path_of("fresh"));
    assert_says(ran->err, "sallyport-sync: --operator: character 2 is not allowed");
    assert_false(exists("fresh"));
}

/* Sets the variables that a help names; false: it names none. */
static bool set_named_variables(const char *help, const char *prefix) {
    bool any = false;
    for (const char *at = strstr(help, prefix); at != NULL; at = strstr(at + 1, prefix)) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), at);
        assert_int_equal(setenv(name, "", 1), 0);
        any = true;
    }
    return any;
}

static void unset_named_variables(const char *help, const char *prefix) {
    for (const char *at = strstr(help, prefix); at != NULL; at = strstr(at + 1, prefix)) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), at);
        unsetenv(name);
    }
}

static void no_variable_of_any_command_of_the_writer_is_unknown(void **state) {
    (void)state;
    char *list = strdup(command_run(&plain, "sallyport-sync --help")->out);
    size_t commands = 0, with_variables = 0;
    for (char *save = NULL, *line = strtok_r(list, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char name[32];
        if (strncmp(line, "  ", 2) != 0 || line[2] == ' ' || sscanf(line, "%31s", name) != 1)
            continue;
        char *help = strdup(command_run(&plain, "sallyport-sync %s --help", name)->out);
        with_variables += set_named_variables(help, "SALLYPORT_SYNC_");
        const struct command *ran = command_run(&plain, "sallyport-sync %s --help", name);
        assert_null(strstr(ran->err, "unknown environment variable"));
        unset_named_variables(help, "SALLYPORT_SYNC_");
        free(help);
        commands++;
    }
    free(list);
    assert_in_range(commands, 10, 30);
    assert_true(with_variables >= 10);
}

static void misspelled_variables_are_told(void **state) {
    (void)state;
    const struct command_setting storage = {.variable = "SALLYPORT_SYNC_STROE=/secret"};
    const struct command *ran = command_run(&storage, "sallyport-sync verify --store /nowhere/store");
    assert_says(ran->err, "sallyport-sync: unknown environment variable SALLYPORT_SYNC_STROE; did you mean "
                          "SALLYPORT_SYNC_STORE\n");
    assert_null(strstr(ran->err, "secret"));
    ran = command_run(&storage, "sallyport-sync serve --store /nowhere/store");
    assert_says(ran->err, "unknown environment variable SALLYPORT_SYNC_STROE; did you mean SALLYPORT_SYNC_STORE");
    ran = command_run(&storage, "sallyport whoami");
    assert_null(strstr(ran->err, "unknown environment variable"));
    const struct command_setting key = {.variable = "SALLYPORT_KEY=/secret"};
    ran = command_run(&key, "sallyport whoami");
    assert_says(ran->err, "sallyport: unknown environment variable SALLYPORT_KEY; did you mean SALLYPORT_KEY_FILE\n");
    assert_null(strstr(ran->err, "secret"));
    const struct command_setting service = {.variable = "SALLYPORT_ADMIN_PORT_7401_TCP=tcp://10.0.0.1:7401"};
    assert_null(strstr(command_run(&service, "sallyport whoami")->err, "unknown environment variable"));
}

static void who_is_not_there_is_named_with_what_names_another(void **state) {
    (void)state;
    const struct command *ran = ends(2, "operator", "workspace list --admin 127.0.0.1:1");
    assert_says(ran->err, "cannot connect to 127.0.0.1:1");
    assert_says(ran->err, "UNAVAILABLE");
    assert_says(ran->err, "To call another address, use --admin, SALLYPORT_ADMIN or a profile.\n");
    write_file("any.key", "sp_any\n");
    ran = ends(2, NULL, "check --action use --resource voice --key-file %s --server 127.0.0.1:1", path_of("any.key"));
    assert_says(ran->err, "use --server, SALLYPORT_SERVER or a profile.\n");
    ran = ends(2, "operator", "workspace list --admin unix:/nowhere/admin.sock");
    assert_says(ran->err, "cannot connect to unix:/nowhere/admin.sock: there is no such socket (UNAVAILABLE)\n"
                          "Start sallyport-sync with --listen unix:/nowhere/admin.sock, or name another address with "
                          "--admin, SALLYPORT_ADMIN or a profile.\n");
    assert_null(strstr(ran->err, "sp_any"));
}

static void a_wrong_address_is_told_with_the_right_form(void **state) {
    (void)state;
    char line[256];
    assert_says(ends(2, "operator", "workspace list --admin http://127.0.0.1:7401")->err,
                "is a URL; write 127.0.0.1:7401 (INVALID_ARGUMENT)\n");
    assert_says(ends(2, "operator", "workspace list --admin localhost")->err, "has no port; write localhost:7401");
    /* the other program's port, and plaintext taken for TLS */
    assert_says(ends(2, "operator", "workspace list --admin %s", programs.server_target)->err,
                "the address of sallyport-sync? It listens on port 7401 unless told otherwise");
    snprintf(line, sizeof(line), "%s/ca.pem", programs.folder);
    struct certificate_authority *authority = authority_make("test CA");
    authority_write(authority, line);
    authority_free(authority);
    assert_says(ends(2, "operator", "workspace list --tls-ca %s", line)->err,
                "it does not speak TLS (UNAVAILABLE)\nLeave out --tls-ca");
    assert_says(ends(2, "operator", "workspace list --timeout 2h")->err, "--timeout: must be 1s to 1h");
    assert_says(ends(2, NULL, "workspace list --admin 127.0.0.1:1 --timeout 1s")->err, "no key to act with");
}

static void completion_scripts_know_every_command(void **state) {
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < COUNT(shells); i++) {
        const struct command *ran = ends(0, NULL, "completion %s", shells[i]);
        for (size_t table = 0; sp_cli_tables[table] != NULL; table++) {
            for (const struct cli_command *row = sp_cli_tables[table]; row->noun != NULL; row++) {
                assert_says(ran->out, row->noun);
                if (row->verb != NULL)
                    assert_says(ran->out, row->verb);
            }
        }
        assert_says(ran->out, "viewer commenter editor admin");
    }
}

/* ---- a tour ---- */

/* A workspace whose admin has a profile, a service account in a group, a shared resource, and two
 * keys' files. */
static int make_world(void **state) {
    (void)state;
    char text[1024];
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    static const char *const unset[] = {"SALLYPORT_ADMIN",    "SALLYPORT_SERVER",  "SALLYPORT_KEY_FILE",
                                        "SALLYPORT_PROFILES", "SALLYPORT_PROFILE", "NO_COLOR"};
    for (size_t i = 0; i < COUNT(unset); i++)
        assert_int_equal(unsetenv(unset[i]), 0);
    char home[64];
    folder_make(home);
    assert_int_equal(setenv("HOME", home, 1), 0);
    sp_rpc_global_init();
    programs_start(&programs, NULL);
    snprintf(text, sizeof(text),
             "operator: {admin: \"%s\", server: \"%s\", key_file: %s/operator.key}\n"
             "admin: {admin: \"%s\", server: \"%s\", key_file: %s/admin.key}\n"
             "narrator: {admin: \"%s\", server: \"%s\", key_file: %s/narrator.key}\n",
             programs.sync_target, programs.server_target, programs.folder, programs.sync_target,
             programs.server_target, programs.folder, programs.sync_target, programs.server_target, programs.folder);
    char folder[256];
    snprintf(folder, sizeof(folder), "%s/.config", home);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(folder, sizeof(folder), "%s/.config/sallyport", home);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(folder, sizeof(folder), "%s/.config/sallyport/profiles.yaml", home);
    FILE *file = fopen(folder, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);

    ends(0, "operator",
         "workspace create --id acme --name 'Acme Audio' --plan enterprise --seats 5 --feature ip-allowlist "
         "--admin-id boss --secret-file %s",
         path_of("admin.key"));
    ends(0, "admin", "service-account create --id narrator --name 'Närrator 日本'");
    ends(0, "admin", "user create --id ann --name Ann");
    ends(0, "admin", "group create --id studio --name Studio");
    ends(0, "admin", "group add studio narrator ann");
    ends(0, "operator", "resource register voice/rachel --workspace acme");
    ends(0, "admin", "share add voice/rachel --group studio --role viewer");
    ends(0, "admin",
         "key create --id narrator-1 --principal narrator --name Production --permission text_to_speech "
         "--allow-ip 203.0.113.0/24 --secret-file %s",
         path_of("narrator.key"));
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    command_forget();
    programs_stop(&programs);
    sp_rpc_global_fini();
    folder_remove(getenv("HOME"));
    return 0;
}

static void lists_are_tables_for_people_and_json_for_programs(void **state) {
    (void)state;
    const struct command *ran = ends(0, "admin", "service-account list");
    assert_int_equal(lines_of(ran->out), 2);
    assert_says(ran->out, "ID        NAME           DISABLED  CREATED\n"
                          "narrator  Närrator 日本  no        20");
    assert_says(ends(0, "admin", "service-account list -o wide")->out,
                "ID        KIND             NAME           ROLE    DISABLED  CREATED\n"
                "narrator  service-account  Närrator 日本  member  no        20");
    json_t *json = json_of(ends(0, "admin", "service-account list -o json"));
    assert_int_equal(json_array_size(json), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "kind")), "SERVICE_ACCOUNT");
    int64_t created_s = 0;
    assert_true(sp_moment_parse(sp_str_from(json_string_value(json_object_get(json_array_get(json, 0), "createdAt"))),
                                &created_s));
    assert_in_range(time(NULL) - created_s, 0, 600);
    json_decref(json);
    ran = ends(0, "admin", "user list -o ndjson");
    assert_int_equal(lines_of(ran->out), 2);
    json = json_loadb(ran->out, strcspn(ran->out, "\n"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "id")), "ann");
    json_decref(json);
    assert_says(ends(0, "admin", "group members studio")->out, "narrator");
    assert_says(ends(0, "admin", "group list --principal ann")->out, "studio");
    assert_says(ends(0, "admin", "resource list --type voice")->out, "voice/rachel");
    assert_says(ends(2, "admin", "resource list --type voic")->err,
                "--type: the schema has no type voic; did you mean");
    assert_says(ends(2, "admin", "share add voic/rachel --group studio --role viewer")->err,
                "the type of TYPE/ID: the schema has no type voic; did you mean voice?");
    assert_says(ends(2, "admin", "share list voice")->err, "sallyport: the id of TYPE/ID: must not be empty");
    assert_says(ends(2, "admin", "key create --principal narrator --name X --permission ''")->err,
                "--permission: the schema has no permission of this name");
    assert_says(ends(2, "admin", "user get 'a b'")->err, "sallyport: ID: character 2 is not allowed");
    assert_says(ends(0, "admin", "share list --resource voice/rachel")->out, "group studio");
    assert_says(ends(0, "admin", "share list voice/rachel")->out, "group studio");
    json = json_of(ends(0, "admin", "-o=json share --limit 5 list voice/rachel"));
    assert_int_equal(json_array_size(json), 1);
    json_decref(json);
    assert_says(ends(0, "admin", "share list --group studio")->out, "voice/rachel");
    assert_says(ends(0, "operator", "workspace list")->out, "Acme Audio");
}

static void a_check_ends_with_0_1_or_2(void **state) {
    (void)state;
    const char *key = path_of("narrator.key");
    const struct command *ran =
        ends(0, "admin", "check --key-file %s --ip 203.0.113.7 --resource voice/rachel --action use", key);
    assert_says(ran->out, "ALLOW  ALLOWED  200");
    assert_null(strchr(ran->out, '\x1b'));
    ran = ends(1, "admin", "check --key-file %s --ip 198.51.100.7 --resource voice/rachel --action use", key);
    assert_says(ran->out, "DENY  IP_NOT_ALLOWED  403");
    ran = ends(2, "admin", "check --key-file %s --ip 1.2.3 --resource voice/rachel --action use", key);
    assert_says(ran->err, "INVALID_ARGUMENT");
    ran = ends(2, "admin", "check --key-file %s --resource voice --action use --min-revision 1:100000", key);
    assert_says(ran->err, "UNAVAILABLE");
    ran = typed(1, "admin", "sp_mistyped\n", "check --key-file - --action preview --resource voice -o ndjson");
    json_t *json = json_of(ran);
    assert_int_equal(lines_of(ran->out), 1);
    assert_string_equal(json_string_value(json_object_get(json, "reason")), "KEY_MALFORMED");
    json_decref(json);
}

static void a_key_is_asked_about_by_its_digest_or_its_id(void **state) {
    (void)state;
    char *text = process_read(path_of("narrator.key"));
    uint8_t digest[SP_DIGEST_BYTES];
    char hex[2 * SP_DIGEST_BYTES + 1];
    sp_sha256(text, strcspn(text, "\n"), digest);
    for (size_t i = 0; i < SP_DIGEST_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    ends(0, "admin", "check --sha256 %s --ip 203.0.113.7 --resource voice/rachel --action use", hex);
    const struct command *ran =
        ends(1, "admin", "explain --sha256 %s --ip 198.51.100.7 --resource voice/rachel --action use", hex);
    assert_says(ran->out, " 6  FAIL  ");
    assert_says(ran->out, "To allow it:\n  - ");
    ran = ends(1, "admin", "explain --key-id narrator-1 --ip 203.0.113.7 --resource voice/rachel --action edit");
    assert_says(ran->out, "PERMISSION_MISSING");
    assert_says(ran->out, "Shares considered:");
    ran = ends(0, "admin", "explain --key-id narrator-1 --ip 203.0.113.7 --resource voice/rachel --action use -o json");
    json_t *json = json_of(ran);
    assert_int_equal(json_array_size(json_object_get(json, "steps")), 11);
    json_decref(json);
    assert_null(strstr(ran->out, text));
    free(text);
}

static void a_new_keys_text_is_shown_once_or_put_in_a_private_file(void **state) {
    (void)state;
    assert_private("admin.key");
    assert_private("narrator.key");
    const struct command *ran =
        ends(0, "admin", "key create --id shown --principal narrator --name n --permission text_to_speech");
    assert_int_equal(strncmp(ran->out, "sp_", 3), 0);
    assert_int_equal(strcspn(ran->out, "\n"), 52);
    assert_says(ran->err, "Keep it; it cannot be shown again.");
    assert_null(strstr(ran->err, "sp_"));

    ran = ends(0, "admin", "key rotate shown --new-id rotated --grace 1h --secret-file %s", path_of("rotated.key"));
    assert_null(strstr(ran->out, "sp_"));
    assert_null(strstr(ran->err, "sp_"));
    assert_says(ran->out, "rotated from            shown");
    /* RFC 3339, as all times in messages. */
    assert_says(ran->err, "The old key, shown, works until 20");
    assert_int_equal(strstr(ran->err, "works until ")[strlen("works until 2026-11-30")], 'T');
    ran = ends(0, "admin", "key rotate rotated --new-id again --secret-file %s", path_of("again.key"));
    assert_says(ran->err, "The old key, rotated, works until it is deleted: sallyport key delete rotated\n");
    json_t *json = json_of(ends(0, "admin", "key rotate again --new-id once-more --grace 1h --secret-file %s -o json",
                                path_of("more.key")));
    int64_t until_s = 0;
    assert_true(sp_moment_parse(sp_str_from(json_string_value(json_object_get(json, "oldExpiresAt"))), &until_s));
    assert_in_range(until_s - time(NULL), 3000, 3600);
    json_decref(json);
    assert_private("rotated.key");
    ends(0, "admin", "check --key-file %s --resource voice/rachel --action use", path_of("rotated.key"));
    assert_says(ends(0, "admin", "key list --expires-before +2h")->out, "shown");
}

static void no_key_is_made_whose_text_has_no_place(void **state) {
    (void)state;
    const struct command *ran = ends(2, "admin",
                                     "key create --id placeless --principal narrator --name n --all-permissions "
                                     "--secret-file %s",
                                     path_of("narrator.key"));
    assert_says(ran->err, "File exists");
    ends(2, "admin", "key get placeless");
    ends(2, "admin", "key create --principal nobody --name n --all-permissions --secret-file %s", path_of("no.key"));
    assert_false(exists("no.key"));
}

static void what_cannot_be_written_is_an_error(void **state) {
    (void)state;
    const struct command_setting full = {.output = "/dev/full"};
    const struct command *ran =
        command_run(&full,
                    "sallyport check --profile admin --key-file %s --ip 203.0.113.7 --resource voice/rachel "
                    "--action use",
                    path_of("narrator.key"));
    assert_int_equal(ran->status, 2);
    assert_says(ran->err, "cannot write the output");
    ran = command_run(&full, "sallyport user list --profile admin");
    assert_int_equal(ran->status, 2);
}

static void the_same_request_id_makes_one_key(void **state) {
    (void)state;
    const char *line = "key create --principal narrator --name once --permission text_to_speech --request-id once-1";
    assert_says(ends(0, "admin", "%s", line)->out, "sp_");
    const struct command *ran = ends(0, "admin", "%s", line);
    assert_null(strstr(ran->out, "sp_"));
    assert_says(ran->err, "cannot be shown again");
    ran = ends(2, "admin", "%s --secret-file %s", line, path_of("once.key"));
    assert_null(strstr(ran->out, "sp_"));
    assert_false(exists("once.key"));
    json_t *keys = json_of(ends(0, "admin", "key list --principal narrator -o json"));
    size_t i, found = 0;
    json_t *key;
    json_array_foreach(keys, i, key) {
        found += strcmp(json_string_value(json_object_get(key, "name")), "once") == 0;
    }
    json_decref(keys);
    assert_int_equal(found, 1);
}

static void keys_are_changed_found_disabled_and_deleted(void **state) {
    (void)state;
    char around[256];
    const char *file = path_of("spare.key");
    ends(0, "admin",
         "key create --id spare --principal narrator --name Spare --permission text_to_speech --secret-file %s", file);
    assert_says(ends(0, "admin", "key find %s", file)->out, "spare");
    char *text = process_read(file);
    assert_says(typed(0, "operator", text, "key find -")->out, "spare");
    snprintf(around, sizeof(around), "2026-11-30 found this:\n  curl -H 'authorization: Bearer %.*s'\n",
             (int)strcspn(text, "\n"), text);
    assert_says(typed(0, "admin", around, "key find -")->out, "spare");
    /* As of /proc/PID/environ. */
    FILE *environment = fopen(path_of("environ"), "wbe");
    assert_non_null(environment);
    assert_true(fprintf(environment, "HOME=/root%cKEY=%.*s%c", '\0', (int)strcspn(text, "\n"), text, '\0') > 0);
    assert_int_equal(fclose(environment), 0);
    assert_says(ends(0, "admin", "key find %s", path_of("environ"))->out, "spare");
    write_file("utf16.txt", "\xff\xfe"
                            "a\n");
    assert_says(ends(2, "admin", "key find %s", path_of("utf16.txt"))->err,
                "utf16.txt is in UTF-16; convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8");
    free(text);
    const struct command *ran = ends(
        0, "admin", "key update spare --name Other --expires +90d --allow-ip 203.0.113.7 --allow-ip 2001:db8::/32");
    assert_says(ran->out, "allowed ips             203.0.113.7/32, 2001:db8::/32");
    assert_says(ran->out, "name                    Other");
    write_file("office.txt", "# office\r\n203.0.113.0/25\r\n203.0.113.128/25 # annex\r\n");
    write_file("meta.json", "{\"hooks\": [\"198.51.100.0/27\"], \"web\": [\"198.51.100.32/27\"]}");
    ran = ends(2, "admin", "key update spare --allow-ip-file %s", path_of("meta.json"));
    assert_says(ran->err, "meta.json holds 2 lists of addresses; choose with --allow-ip-select: hooks, web");
    ran =
        ends(0, "admin",
             "key update spare --allow-ip 2001:db8::/32 --allow-ip-file %s --allow-ip-select hooks --allow-ip-file %s",
             path_of("meta.json"), path_of("office.txt"));
    assert_says(ran->out, "allowed ips             198.51.100.0/27, 203.0.113.0/24, 2001:db8::/32");
    ran = ends(0, "admin",
               "key update spare --allow-ip-file %s --allow-ip-select hooks --allow-ip-file %s --allow-ip-select web",
               path_of("meta.json"), path_of("meta.json"));
    assert_says(ran->out, "allowed ips             198.51.100.0/26\n");
    ran = ends(2, "admin", "key update spare --allow-ip-file %s --allow-ip-file %s --allow-ip-select hooks",
               path_of("meta.json"), path_of("meta.json"));
    assert_says(ran->err, "meta.json: say what of it too, with an --allow-ip-select behind it; '*' takes all");
    ran = ends(0, "admin", "key update spare --allow-ip-file %s", path_of("office.txt"));
    assert_says(ran->out, "allowed ips             203.0.113.0/24\n");
    write_file("office.txt", "# nothing\n");
    ran = ends(2, "admin", "key create --principal narrator --name None --all-permissions --allow-ip-file %s",
               path_of("office.txt"));
    assert_says(ran->err, "office.txt: no address in it");
    assert_says(ends(2, "admin", "key update spare --allow-ip-select hooks")->err,
                "--allow-ip-select: write it behind the --allow-ip-file that it is for");
    assert_says(ends(2, "admin", "key update spare --allow-ip 203.0.113.7:443")->err,
                "203.0.113.7:443: a port is not part of an address; remove it");
    file = path_of("spare.key");
    ran = ends(0, "admin", "key update spare --clear-allowed-ips --expires never");
    assert_null(strstr(ran->out, "allowed ips"));
    assert_says(ran->out, "expires                 -");
    assert_says(ends(0, "admin", "key disable spare --reason 'left in a repository'")->out, "left in a repository");
    ends(1, "admin", "check --key-file %s --resource voice/rachel --action use", file);
    ends(0, "admin", "key enable spare");
    ends(0, "admin", "check --key-file %s --resource voice/rachel --action use", file);
    assert_says(ends(0, "admin", "key delete spare")->out, "done at revision");
    ran = ends(2, "admin", "key get spare");
    assert_says(ran->err, "NOT_FOUND");
}

static void a_holder_disables_its_own_key(void **state) {
    (void)state;
    ends(0, "admin", "key create --id own --principal ann --name own --permission text_to_speech --secret-file %s",
         path_of("own.key"));
    char variable[300];
    snprintf(variable, sizeof(variable), "SALLYPORT_KEY_FILE=%s", path_of("own.key"));
    const struct command_setting holder = {.variable = variable};
    const struct command *ran = command_run(&holder, "sallyport whoami --admin %s", programs.sync_target);
    assert_says(expect(ran, 0, "whoami")->out, "ann");
    ran = command_run(&holder, "sallyport key disable-self --reason leaked --admin %s", programs.sync_target);
    assert_says(expect(ran, 0, "disable-self")->out, "disabled                yes");
    ran = command_run(&holder, "sallyport whoami --admin %s", programs.sync_target);
    assert_says(expect(ran, 2, "whoami")->err, "UNAUTHENTICATED");
}

static void quotas_that_are_not_given_stay(void **state) {
    (void)state;
    ends(0, "operator", "workspace create --id quota --name Q --seats 2 --quota-keys 50 --secret-file %s",
         path_of("quota.key"));
    const struct command *ran = ends(0, "operator", "workspace update quota --quota-groups 7");
    assert_says(ran->out, "quota of keys              50");
    assert_says(ran->out, "quota of groups            7");
    assert_says(ran->out, "quota of grants            default");
    ran = ends(0, "operator", "workspace update quota --plan enterprise --feature ip_allowlist --name 'Q 2'");
    assert_says(ran->out, "ip-allowlist");
    ran = ends(0, "operator", "workspace update quota --no-features");
    assert_null(strstr(ran->out, "ip-allowlist"));
    assert_says(ran->out, "quota of keys              50");
    assert_says(ends(0, "operator", "workspace disable quota")->out, "disabled                   yes");
    ends(0, "operator", "workspace enable quota");
    assert_says(ends(2, "operator", "workspace delete quota")->err, "FAILED_PRECONDITION");
    ends(0, "operator", "workspace disable quota");
    ends(0, "operator", "workspace delete quota");
}

static void people_and_groups_come_and_go(void **state) {
    (void)state;
    const struct command *ran = ends(0, "admin", "user create --id 'auth0|5f7c8ec7' --name Auth");
    assert_says(ran->out, "id         auth0|5f7c8ec7\nalias      p64_YXV0aDB8NWY3YzhlYzc\n");
    assert_says(ends(0, "admin", "user get p64_YXV0aDB8NWY3YzhlYzc")->out, "id         auth0|5f7c8ec7\n");
    ends(0, "admin", "user create --id bob --name Bob --role member");
    assert_says(ends(0, "admin", "user update bob --name Robert --role admin")->out, "Robert");
    assert_says(ends(0, "admin", "user disable bob")->out, "disabled   yes");
    assert_says(ends(0, "admin", "user enable bob")->out, "disabled   no");
    assert_says(ends(0, "admin", "user get bob")->out, "role       admin");
    ends(0, "admin", "group create --id crew --name Crew");
    assert_says(ends(0, "admin", "group rename crew --name Staff")->out, "Staff");
    ends(0, "admin", "group add crew bob narrator");
    assert_says(ends(0, "admin", "group remove crew bob")->out, "members    1");
    ends(0, "admin", "group delete crew");
    ends(0, "admin", "user delete bob");
    assert_says(ends(2, "admin", "user get bob")->err, "NOT_FOUND");
}

static void many_shares_are_one_change(void **state) {
    (void)state;
    ends(0, "operator", "resource register voice/many --workspace acme");
    write_file("shares.ndjson",
               "{\"resource\":{\"type\":\"voice\",\"id\":\"many\"},\"subject\":{\"group\":\"studio\"},\"role\":"
               "\"ROLE_EDITOR\"}\n"
               "\n"
               "{\"resource\":{\"type\":\"voice\",\"id\":\"many\"},\"subject\":{\"principal\":\"ann\"},\"role\":"
               "\"ROLE_VIEWER\"}\n");
    ends(0, "admin", "share apply %s", path_of("shares.ndjson"));
    assert_says(ends(0, "admin", "share list --resource voice/many")->out, "editor");
    typed(0, "admin", "{\"resource\":{\"type\":\"voice\",\"id\":\"many\"},\"subject\":{\"group\":\"studio\"}}\n",
          "share apply -");
    assert_null(strstr(ends(0, "admin", "share list --resource voice/many")->out, "studio"));
    ends(0, "admin", "share remove voice/many --principal ann");
    ends(0, "admin", "resource delete voice/many");

    static const struct {
        const char *lines, *fragment;
    } rows[] = {
        {"\n{\"resource\":5}\n", "line 2: resource"},
        {"{}\n{\n", "line 2: "},
        {"{\"subject\":{\"group\":\"studio\"},\"role\":\"VIEWER\"}\n", "line 1: role: must be one of"},
        {"\n", "- contains no shares"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_says(typed(2, "admin", rows[i].lines, "share apply -")->err, rows[i].fragment);
}

static void schemas_are_checked_read_and_put(void **state) {
    (void)state;
    write_file("bad.yaml", "version: 1\npermissions:\n  a: A\ntypes:\n  t:\n    actions:\n      x: {permission: b}\n"
                           "      y: {role: king}\n      z: {}\nroutes:\n  GET /a/:id: z t\n");
    const struct command *checked = ends(2, NULL, "schema check %s", path_of("bad.yaml"));
    assert_says(checked->err, "bad.yaml:7:23: b is not a permission");
    assert_says(checked->err, "bad.yaml:8:17: role: must be one of");
    assert_says(checked->err, "bad.yaml:11:3: warning: \":id\" matches only itself");
    assert_says(checked->err, "bad.yaml: 2 errors");
    const struct command *ran = ends(0, "operator", "schema get");
    assert_says(ran->out, "text_to_speech");
    char *schema = strdup(ran->out), *more = NULL;
    assert_non_null(schema);
    write_file("same.yaml", schema);
    assert_says(ends(0, NULL, "schema check %s", path_of("same.yaml"))->out, " permissions, 1 types");
    assert_says(ends(0, "operator", "schema put %s --dry-run", path_of("same.yaml"))->out,
                "No changes: the file matches the schema in force.\n");
    const char *types = strstr(schema, "types:");
    assert_non_null(types);
    assert_true(asprintf(&more, "%.*s  sing: Sing\n%s", (int)(types - schema), schema, types) > 0);
    assert_says(typed(0, "operator", more, "schema put - --dry-run")->out, "Would change:\n");
    assert_says(typed(0, "operator", more, "schema put -")->out, "sing");
    assert_says(ends(0, "operator", "schema put %s", path_of("same.yaml"))->out, "Changed:");
    assert_says(ends(2, "admin", "schema put %s", path_of("same.yaml"))->err, "PERMISSION_DENIED");
    /* text_to_speech is in use: the dry run fails as the put does, and neither changes anything. */
    write_file("less.yaml", "version: 1\npermissions: {voices_write: Write}\ntypes:\n  voice:\n    actions:\n"
                            "      preview: {}\n");
    ran = ends(2, "operator", "schema put %s --dry-run", path_of("less.yaml"));
    assert_says(ran->out, "In use; removing these requires --force:\n");
    assert_says(ran->err, "the schema would be refused: ");
    assert_says(ran->err, "FAILED_PRECONDITION");
    json_t *json = json_of(ends(2, "operator", "schema put %s --dry-run -o json", path_of("less.yaml")));
    assert_true(json_array_size(json_object_get(json, "inUse")) > 0);
    json_decref(json);
    ran = ends(2, "operator", "schema put %s", path_of("less.yaml"));
    assert_says(ran->err, "--force");
    assert_says(ran->err, "FAILED_PRECONDITION");
    assert_says(ends(0, "operator", "schema put %s --dry-run --force", path_of("less.yaml"))->out, "Would change:\n");
    assert_says(ends(0, "operator", "schema get")->out, "text_to_speech");
    assert_says(ends(2, "admin", "key create --principal narrator --name n --permission text_to_speach")->err,
                "--permission: the schema has no permission text_to_speach; did you mean "
                "text_to_speech? (INVALID_ARGUMENT)\n");
    free(more);
    free(schema);
}

static void routes_are_tested_against_a_file_or_the_schema_in_force(void **state) {
    (void)state;
    static const char routes[] =
        "routes:\n  POST /v1/voices/{id}/speak: use voice/{id}\n  GET /v1/voices: preview voice\n";
    char *before = strdup(ends(0, "operator", "schema get")->out), *with_routes = NULL;
    assert_non_null(before);
    assert_true(asprintf(&with_routes, "%s%s", before, routes) > 0);
    write_file("routes.yaml", with_routes);
    write_file("before.yaml", before);
    /* Offline: neither a server nor a key is asked for. */
    const struct command *ran =
        ends(0, NULL, "routes test POST /v1/voices/r%%61chel/speak?x=1 --file %s", path_of("routes.yaml"));
    assert_says(ran->out, "POST /v1/voices/{id}/speak\n");
    assert_says(ran->out, "resource    voice/rachel\n");
    assert_says(ran->out, "permission  text_to_speech\n");
    assert_says(ran->out, "least role  viewer\n");
    ran = typed(0, NULL, with_routes, "routes test GET /v1/voices --file - -o json");
    json_t *json = json_of(ran);
    assert_string_equal(json_string_value(json_object_get(json, "outcome")), "FOUND");
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "resource"), "id")), "");
    json_decref(json);
    /* In force: not before it was put, and at once afterwards. */
    assert_says(ends(1, "admin", "routes test GET /v1/voices")->out, "No route: no route has this path");
    ends(0, "operator", "schema put %s", path_of("routes.yaml"));
    assert_says(ends(0, "admin", "routes test GET /v1/voices")->out, "resource    voice\n");
    assert_says(ends(1, "admin", "routes test POST /v1/voices")->out, "but none for this method");
    ran = ends(1, "admin", "routes test GET /v1/%%2e%%2e/voices -o ndjson");
    assert_string_equal(ran->out,
                        "{\"outcome\":\"REFUSED\",\"why\":\"the path has a \\\".\\\" or \\\"..\\\" segment\"}\n");
    ran = ends(0, "admin", "routes list -o wide");
    assert_says(ran->out, "/v1/voices/{id}/speak  use      voice/{id}  text_to_speech  viewer\n");
    assert_int_equal(lines_of(ran->out), 1 + 2);
    assert_int_equal(lines_of(ends(0, "admin", "routes list -o ndjson --limit 1")->out), 1);
    ran = ends(0, "operator", "schema put %s", path_of("before.yaml"));
    assert_says(ran->out, "route GET /v1/voices removed");
    assert_int_equal(lines_of(ends(0, "admin", "routes list")->out), 1);
    write_file("bad.yaml", "version: 1\nroutes:\n  GET /: look nowhere\n");
    assert_says(ends(2, NULL, "routes list --file %s", path_of("bad.yaml"))->err, "bad.yaml: line 3, column 10: ");
    assert_says(ends(2, NULL, "routes test GET")->err, "PATH is missing");
    free(with_routes);
    free(before);
}

static void imports_name_the_line_that_is_wrong_and_count_what_was_applied(void **state) {
    (void)state;
    static const char good[] =
        "{\"workspace\":{\"id\":\"imp\",\"name\":\"Imported\",\"seats\":3}}\n"
        "{\"principal\":{\"workspace\":\"imp\",\"id\":\"p1\",\"kind\":\"USER\",\"name\":\"P\"}}\n"
        "{\"apiKey\":{\"key\":{\"workspace\":\"imp\",\"id\":\"k1\",\"principal\":\"p1\","
        "\"name\":\"k\",\"permissions\":{\"all\":true}}}}\n";
    write_file("import.ndjson", good);
    char file[256];
    snprintf(file, sizeof(file), "%s", path_of("import.ndjson"));
    assert_says(ends(0, "operator", "import %s --dry-run --secrets-file %s", file, path_of("new.ndjson"))->err,
                "3 records valid; nothing was changed.");
    assert_false(exists("new.ndjson"));
    (void)typed(2, "operator", "no json\n", "import - --secrets-file %s", path_of("new.ndjson"));
    assert_false(exists("new.ndjson"));
    assert_says(ends(2, "operator", "workspace get imp")->err, "NOT_FOUND");
    const struct command *ran = ends(0, "operator", "import %s --secrets-file %s", file, path_of("new.ndjson"));
    assert_says(ran->err, "3 records imported.\n");
    assert_private("new.ndjson");
    char *secrets = process_read(path_of("new.ndjson"));
    assert_says(secrets, "\"keyId\":\"k1\"");
    assert_says(secrets, "\"secret\":\"sp_");
    assert_null(strstr(ran->out, "sp_"));
    free(secrets);

    static const struct {
        const char *lines, *options, *line, *count;
    } rows[] = {
        {"\n\n{\"workspac\":{}}\n", "", "line 3: workspac", "and kept: 0\n"},
        {"{\"workspace\":{\"id\":\"i2\",\"name\":\"n\"}}\n\n{\"workspace\":{\"id\":\"-\",\"name\":\"n\"}}\n",
         "--batch 1", "line 3: ", "and kept: 1; resume with --continue\n"},
        {"{\"workspace\":{\"id\":\"i3\",\"name\":\"n\"}}\n{\"workspace\":{\"id\":\"i3\",\"name\":\"n\"}}\n", "",
         "line 2: ", "and kept: 0\n"},
        {"{}\n", "", "line 1: must hold one of", "and kept: 0\n"},
        {"{\"grant\":{\"role\":\"VIEWER\"}}\n", "", "line 1: grant.role: must be one of", "and kept: 0\n"},
        {"no json\n", "", "line 1: not valid JSON at column 2\n", "and kept: 0\n"},
        {"{\"group\":{}}\n{\"group\":\n", "", "line 2: the line ends before its object does; ", "and kept: 0\n"},
        {"\n\xef\xbb\xbf{}\n", "", "line 2: begins with a byte order mark; remove it", "and kept: 0\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        ran = typed(2, "operator", rows[i].lines, "import - %s", rows[i].options);
        assert_says(ran->err, rows[i].line);
        assert_says(ran->err, rows[i].count);
        assert_says(ran->err, "1 line is wrong; correct it, and run the command again");
    }
    ran = typed(2, "operator", "\n{\n  \"workspace\": {\n    \"id\": \"i4\"\n  }\n}\n", "import -");
    assert_string_equal(ran->err, "sallyport: line 2: the line ends before its object does; write each object on one "
                                  "line, as `jq -c .` does (INVALID_ARGUMENT)\n");
    ran = typed(2, "operator", "[{\"workspace\":{\"id\":\"i4\"}},\n {}]\n", "import -");
    assert_says(ran->err, "sallyport: line 1: ");
    static const char utf16[] = "\xff\xfe{\n\n\n\n";
    ran = typed(2, "operator", utf16, "import -");
    assert_string_equal(ran->err,
                        "sallyport: standard input is in UTF-16; convert it to UTF-8, as with iconv -f UTF-16 "
                        "-t UTF-8 (INVALID_ARGUMENT)\n");
    assert_null(strstr(ran->err, "line "));
    assert_int_equal(lines_of(ran->err), 1);
    ran = typed(0, "operator", "\xef\xbb\xbf{\"workspace\":{\"id\":\"bom\",\"name\":\"B\"}}\n", "import -");
    assert_says(ran->err, "1 record imported.\n");
    assert_says(ends(2, "operator", "import %s --batch 0", file)->err, "--batch: must be 1 to 10000");
    assert_says(ends(2, "admin", "import %s", file)->err, "PERMISSION_DENIED");
}

/* Parsed lines and refused records alike. */
static void imports_tell_up_to_twenty_bad_lines_at_once(void **state) {
    (void)state;
    char lines[4096] = "{\"workspace\":{\"id\":\"bad\",\"name\":\"B\",\"seats\":3}}\n";
    for (int i = 0; i < 3; i++)
        strcat(lines, "{\"group\":{\"workspace\":\"bad\",\"id\":\"g\"}}\n");
    const struct command *ran = typed(2, "operator", lines, "import -");
    assert_says(ran->err, "line 2: name: ");
    assert_says(ran->err, "line 3: name: ");
    assert_says(ran->err, "line 4: name: ");
    assert_says(ran->err, "3 lines are wrong; correct them, and run the command again (INVALID_ARGUMENT)\n");
    assert_says(ran->err, "and kept: 0\n");
    strcat(lines, "{\"group\":{}\n{\"grupo\":{}}\n");
    ran = typed(2, "operator", lines, "import -");
    assert_says(ran->err, "line 5: ");
    assert_says(ran->err, "line 6: grupo");
    assert_says(ran->err, "2 lines are wrong");
    for (int i = 0; i < 30; i++)
        strcat(lines, "no json\n");
    ran = typed(2, "operator", lines, "import -");
    assert_says(ran->err, "line 24: ");
    assert_null(strstr(ran->err, "line 25: "));
    assert_says(ran->err, "20 lines are wrong, and there may be more");
}

static void an_import_that_stopped_goes_on_with_continue(void **state) {
    (void)state;
    static const char first[] =
        "{\"workspace\":{\"id\":\"half\",\"name\":\"H\",\"seats\":3}}\n"
        "{\"principal\":{\"workspace\":\"half\",\"id\":\"p1\",\"kind\":\"USER\",\"name\":\"P\"}}\n";
    char lines[1024];
    (void)snprintf(lines, sizeof(lines), "%s{\"group\":{\"workspace\":\"half\",\"id\":\"g\"}}\n", first);
    const struct command *ran = typed(2, "operator", lines, "import - --batch 1");
    assert_says(ran->err, "line 3: name: ");
    assert_says(ran->err, "and kept: 2; resume with --continue\n");
    (void)snprintf(lines, sizeof(lines), "%s{\"group\":{\"workspace\":\"half\",\"id\":\"g\",\"name\":\"G\"}}\n", first);
    assert_says(typed(2, "operator", lines, "import -")->err, "line 1: ");
    ran = typed(0, "operator", lines, "import - --continue --dry-run");
    assert_says(ran->err, "1 record valid; nothing was changed.\n2 were there already.\n");
    assert_says(typed(0, "operator", lines, "import - --continue")->err, "1 record imported.\n2 were there already.\n");
    assert_says(typed(0, "operator", lines, "import - --continue")->err,
                "0 records imported.\n3 were there already.\n");
    ran = typed(0, "operator", lines, "import - --continue -o ndjson");
    assert_says(ran->out, "{\"applied\":0,\"skipped\":3,\"dryRun\":false,\"revision\":{\"epoch\":");
    json_t *result = json_of(typed(0, "operator", lines, "import - --continue --dry-run -o json"));
    assert_true(json_is_true(json_object_get(result, "dryRun")));
    assert_int_equal(json_integer_value(json_object_get(result, "skipped")), 3);
    json_t *now = json_of(ends(0, "operator", "whoami -o json"));
    assert_true(json_equal(json_object_get(result, "revision"), json_object_get(now, "revision")));
    assert_non_null(json_object_get(now, "revision"));
    json_decref(now);
    json_decref(result);
    ends(0, "operator", "workspace update half --name Other");
    assert_says(typed(2, "operator", lines, "import - --continue")->err,
                "line 1: workspace half already exists, but its name differs");
}

/* A workspace and its users as an import. */
static void write_many(const char *name, const char *workspace, int users) {
    FILE *file = fopen(path_of(name), "we");
    assert_non_null(file);
    fprintf(file, "{\"workspace\":{\"id\":\"%s\",\"name\":\"Many\",\"seats\":100000}}\n", workspace);
    for (int i = 0; i < users; i++)
        fprintf(file, "{\"principal\":{\"workspace\":\"%s\",\"id\":\"u%d\",\"kind\":\"USER\",\"name\":\"U\"}}\n",
                workspace, i);
    assert_int_equal(fclose(file), 0);
}

static void lists_are_read_to_their_end_or_their_limit(void **state) {
    (void)state;
    enum { USERS = 2300 };
    write_many("many.ndjson", "many", USERS);
    ends(0, "operator", "import %s --batch 500", path_of("many.ndjson"));
    static const struct {
        const char *options;
        size_t lines;
    } rows[] = {
        {"-o ndjson", USERS},
        {"", USERS + 1},
        {"-o ndjson --limit 7", 7},
        {"-o ndjson --limit 1000", 1000},
        {"-o ndjson --limit 1500", 1500},
        {"--limit 1500", 1501},
        {"-o ndjson --limit 99999", USERS},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(lines_of(ends(0, "operator", "user list --workspace many %s", rows[i].options)->out),
                         rows[i].lines);
    json_t *json = json_of(ends(0, "operator", "user list --workspace many -o json --limit 1100"));
    assert_int_equal(json_array_size(json), 1100);
    json_decref(json);
}

static void the_trail_tells_who_did_what_and_goes_on_telling(void **state) {
    (void)state;
    const struct command *ran = ends(0, "operator", "changes --limit 3");
    assert_int_equal(lines_of(ran->out), 4);
    assert_says(ran->out, "operator:admin");
    assert_says(ran->out, "workspace acme, principal boss, api-key ");
    assert_says(ends(0, "admin", "changes")->out, "boss");

    struct process follower;
    const char *arguments[] = {"sallyport", "changes", "--follow", "--profile", "operator", "--from", "1", NULL};
    process_start(&follower, programs.folder, "follow", arguments);
    ends(0, "admin", "group create --id followed --name Followed");
    char *said = NULL;
    for (int i = 0; i < 6000 && (said == NULL || strstr(said, "group followed") == NULL); i++) {
        free(said);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
        said = process_read(follower.out);
    }
    assert_says(said, "operator:admin  CreateWorkspace  workspace acme");
    assert_says(said, "boss  CreateGroup  group followed");
    free(said);
    assert_int_equal(process_end(&follower, SIGINT), 128 + SIGINT);
}

static void a_backup_is_restored_with_what_was_revoked_since(void **state) {
    (void)state;
    char restored[256], trail[256];
    char *said;
    snprintf(restored, sizeof(restored), "%s", path_of("restored"));
    snprintf(trail, sizeof(trail), "%s", path_of("trail.ndjson"));
    ends(0, "admin",
         "key create --id doomed --principal narrator --name d --permission text_to_speech --secret-file %s",
         path_of("doomed.key"));
    const char *backup = path_of("backup.mdb");
    assert_says(ends(0, "operator", "backup %s", backup)->out, "bytes at revision 1:");
    assert_private("backup.mdb");
    assert_says(ends(2, "operator", "backup %s", backup)->err, "File exists");
    assert_says(ends(2, "admin", "backup %s", path_of("other.mdb"))->err, "PERMISSION_DENIED");
    assert_false(exists("other.mdb"));
    ends(0, "admin", "key delete doomed");
    write_file("trail.ndjson", ends(0, "operator", "changes -o ndjson")->out);
    backup = path_of("backup.mdb");
    struct process process;
    const char *blind[] = {"sallyport-sync", "restore", "--backup", backup, "--store", restored, NULL};
    assert_int_equal(process_run(&process, programs.folder, "restore-blind", blind), 1);
    said = process_read(process.err);
    assert_says(said, "--accept-revival");
    free(said);
    const char *restore[] = {"sallyport-sync", "restore",   "--backup", backup, "--store",
                             restored,         "--changes", trail,      NULL};
    assert_int_equal(process_run(&process, programs.folder, "restore", restore), 0);
    said = process_read(process.out);
    assert_says(said, "doomed");
    assert_says(said, "Restored: epoch ");
    free(said);
    const char *verify[] = {"sallyport-sync", "verify", "--store", restored, NULL};
    assert_int_equal(process_run(&process, programs.folder, "verify-restored", verify), 0);
}

static void colours_are_for_terminals_that_want_them(void **state) {
    (void)state;
    struct command_setting terminal = {.terminal = true};
    char line[512];
    snprintf(line, sizeof(line),
             "sallyport check --profile admin --key-file %s --ip 203.0.113.7 --resource voice/rachel --action use",
             path_of("narrator.key"));
    const struct command *ran = expect(command_run(&terminal, "%s", line), 0, line);
    assert_says(ran->out, "\x1b[32mALLOW\x1b[0m");
    terminal.variable = "NO_COLOR=1";
    ran = expect(command_run(&terminal, "%s", line), 0, line);
    assert_null(strchr(ran->out, '\x1b'));
    assert_says(ran->out, "ALLOW  ALLOWED  200");
}

static void a_key_that_is_typed_is_not_shown(void **state) {
    (void)state;
    char *key = process_read(path_of("narrator.key"));
    const struct command_setting terminal = {.terminal = true, .input = key, .variable = "NO_COLOR=1"};
    const struct command *ran =
        command_run(&terminal, "sallyport check --profile admin --key-file - --ip 203.0.113.7 --resource voice/rachel "
                               "--action use");
    assert_says(expect(ran, 0, "check")->out, "ALLOW  ALLOWED  200");
    key[strcspn(key, "\n")] = '\0';
    assert_null(strstr(ran->out, key));
    free(key);
}

static void long_work_shows_its_progress_on_a_terminal(void **state) {
    (void)state;
    const struct command_setting terminal = {.terminal = true, .variable = "NO_COLOR=1"};
    write_many("fresh.ndjson", "fresh", 300);
    const struct command *ran =
        command_run(&terminal, "sallyport import %s --dry-run --batch 100 --profile operator", path_of("fresh.ndjson"));
    assert_says(expect(ran, 0, "import")->out, "\rchecking [####");
    assert_says(ran->out, "301 records valid");
    ran = command_run(&terminal, "sallyport backup %s --profile operator", path_of("shown.mdb"));
    assert_says(expect(ran, 0, "backup")->out, "\rbackup [");
    assert_says(ran->out, "100 %");
}

static void a_key_file_that_others_can_read_is_warned_about(void **state) {
    (void)state;
    char *key = process_read(path_of("admin.key"));
    write_file("open.key", key);
    free(key);
    assert_int_equal(chmod(path_of("open.key"), 0644), 0);
    char variable[300];
    snprintf(variable, sizeof(variable), "SALLYPORT_KEY_FILE=%s", path_of("open.key"));
    const struct command *ran = command_run(&(struct command_setting){.variable = variable},
                                            "sallyport whoami --admin %s", programs.sync_target);
    assert_says(expect(ran, 0, "whoami")->err, "chmod 600");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_explains_itself),
        cmocka_unit_test(the_program_and_every_noun_list_their_commands),
        cmocka_unit_test(mistakes_end_with_2_and_say_what_was_meant),
        cmocka_unit_test(no_program_takes_an_abbreviated_option),
        cmocka_unit_test(no_variable_of_any_command_of_the_writer_is_unknown),
        cmocka_unit_test(misspelled_variables_are_told),
        cmocka_unit_test(who_is_not_there_is_named_with_what_names_another),
        cmocka_unit_test(a_wrong_address_is_told_with_the_right_form),
        cmocka_unit_test(completion_scripts_know_every_command),
        cmocka_unit_test(lists_are_tables_for_people_and_json_for_programs),
        cmocka_unit_test(a_check_ends_with_0_1_or_2),
        cmocka_unit_test(a_key_is_asked_about_by_its_digest_or_its_id),
        cmocka_unit_test(a_new_keys_text_is_shown_once_or_put_in_a_private_file),
        cmocka_unit_test(no_key_is_made_whose_text_has_no_place),
        cmocka_unit_test(what_cannot_be_written_is_an_error),
        cmocka_unit_test(the_same_request_id_makes_one_key),
        cmocka_unit_test(keys_are_changed_found_disabled_and_deleted),
        cmocka_unit_test(a_holder_disables_its_own_key),
        cmocka_unit_test(quotas_that_are_not_given_stay),
        cmocka_unit_test(people_and_groups_come_and_go),
        cmocka_unit_test(many_shares_are_one_change),
        cmocka_unit_test(schemas_are_checked_read_and_put),
        cmocka_unit_test(routes_are_tested_against_a_file_or_the_schema_in_force),
        cmocka_unit_test(imports_name_the_line_that_is_wrong_and_count_what_was_applied),
        cmocka_unit_test(imports_tell_up_to_twenty_bad_lines_at_once),
        cmocka_unit_test(an_import_that_stopped_goes_on_with_continue),
        cmocka_unit_test(lists_are_read_to_their_end_or_their_limit),
        cmocka_unit_test(the_trail_tells_who_did_what_and_goes_on_telling),
        cmocka_unit_test(a_backup_is_restored_with_what_was_revoked_since),
        cmocka_unit_test(colours_are_for_terminals_that_want_them),
        cmocka_unit_test(a_key_that_is_typed_is_not_shown),
        cmocka_unit_test(long_work_shows_its_progress_on_a_terminal),
        cmocka_unit_test(a_key_file_that_others_can_read_is_warned_about),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) != 0;
}
