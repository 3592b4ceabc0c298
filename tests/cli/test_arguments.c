/* The tables against the messages that they name, and arguments against the requests that they
 * make. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/method_row.h"
#include "admin/methods.h"
#include "base/arena.h"
#include "cli/acting_key.h"
#include "cli/arguments.h"
#include "cli/command_table.h"
#include "cli/json_path.h"
#include "cli/lookup.h"
#include "cli/option.h"
#include "cli/print.h"
#include "cli/value.h"
#include "sallyport/v1/admin.pb-c.h"
#include "texts.h"
#include "wire/json_read.h"

/* ---- the tables ---- */

static const char *words(const struct cli_command *row) {
    static char text[64];
    snprintf(text, sizeof(text), "%s %s", row->noun, row->verb != NULL ? row->verb : "");
    return text;
}

/* The methods of rows that do not name one. */
static const struct {
    const char *noun;
    const ProtobufCServiceDescriptor *service;
    const char *method;
} other_methods[] = {
    {"check", &sallyport__v1__authorization__descriptor, "Check"},
    {"explain", &sallyport__v1__admin__descriptor, "ExplainKey"},
    {"list-resources", &sallyport__v1__authorization__descriptor, "ListResources"},
    {"list-subjects", &sallyport__v1__authorization__descriptor, "ListSubjects"},
};

static const ProtobufCMethodDescriptor *method_of(const struct cli_command *row) {
    for (size_t i = 0; i < COUNT(other_methods); i++)
        if (strcmp(row->noun, other_methods[i].noun) == 0)
            return protobuf_c_service_descriptor_get_method_by_name(other_methods[i].service, other_methods[i].method);
    return row->method == NULL
               ? NULL
               : protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, row->method);
}

static void each_row(void (*check)(const struct cli_command *row)) {
    size_t rows = 0;
    for (size_t table = 0; sp_cli_tables[table] != NULL; table++) {
        for (const struct cli_command *row = sp_cli_tables[table]; row->noun != NULL; row++, rows++)
            check(row);
    }
    assert_true(rows > 50);
}

static void check_words(const struct cli_command *row) {
    assert_non_null(row->summary);
    assert_non_null(row->example);
    assert_ptr_equal(sp_cli_find(sp_cli_tables, row->noun, row->verb), row); /* no two rows have the same words */
    char begin[96];
    snprintf(begin, sizeof(begin), "sallyport %s%s%s", row->noun, row->verb != NULL ? " " : "",
             row->verb != NULL ? row->verb : "");
    if (strncmp(row->example, "  sallyport ", 12) != 0 || strstr(row->example, begin) == NULL)
        fail_msg("%s: the example is another command's: %s", words(row), row->example);
    assert_true(row->run != NULL || row->method != NULL);
    if (row->method != NULL && method_of(row) == NULL)
        fail_msg("%s: there is no method %s", words(row), row->method);
}

static void every_command_has_words_an_example_and_a_method_that_exists(void **state) {
    (void)state;
    each_row(check_words);
}

static const char *sample(const struct cli_argument *row) {
    static char choice[64];
    switch (row->kind) {
    case CLI_NUMBER:
        return "3";
    case CLI_DURATION:
        return "30s";
    case CLI_TIME:
        return "2030-01-01";
    case CLI_REVISION:
        return "1:2";
    case CLI_RESOURCE:
        return "voice/rachel";
    case CLI_ENUM:
    case CLI_ENUMS:
        snprintf(choice, sizeof(choice), "%.*s", (int)strcspn(row->choices, "|"), row->choices);
        return choice;
    case CLI_TEXT:
    case CLI_TEXTS:
    case CLI_FLAG:
    case CLI_CLEAR:
    case CLI_LOCAL:
    case CLI_LOCALS:
    case CLI_LOCAL_FLAG:
        break;
    }
    return "text";
}

/* A request with this value alone is a message of the method: its path is a field, its kind the
 * field's type. */
static void check_argument(const struct cli_command *command, const struct cli_argument *row) {
    if (row->path == NULL)
        return;
    const ProtobufCMethodDescriptor *method = method_of(command);
    struct sp_error error = {0};
    struct sp_arena arena;
    json_t *request = json_object(), *value = NULL;
    ProtobufCMessage *message;
    assert_non_null(method);
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    if (sp_cli_read_value(row, sample(row), &value, &error) != SP_OK)
        fail_msg("%s: %s", words(command), error.message);
    assert_int_equal(sp_cli_put(request, row->path, value, row->kind == CLI_TEXTS || row->kind == CLI_ENUMS), SP_OK);
    bool not_asked_of_admin = strcmp(command->noun, "explain") == 0 && strcmp(row->name, "min-revision") == 0;
    if (!not_asked_of_admin && sp_json_to_message(method->input, request, &arena, &message, &error) != SP_OK)
        fail_msg("%s: --%s: %s", words(command), row->name, error.message);
    json_decref(request);
    sp_arena_fini(&arena);
}

static void check_arguments(const struct cli_command *command) {
    bool optional = false;
    for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++) {
        check_argument(command, &command->positionals[i]);
        assert_non_null(command->positionals[i].value);
        assert_true(!optional || !command->positionals[i].required);
        optional = !command->positionals[i].required;
    }
    for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++) {
        const struct cli_argument *row = &command->options[i];
        bool flag = row->kind == CLI_FLAG || row->kind == CLI_LOCAL_FLAG || row->kind == CLI_CLEAR;
        check_argument(command, row);
        assert_non_null(row->help);
        assert_true(flag == (row->value == NULL));
        assert_true((row->kind == CLI_ENUM || row->kind == CLI_ENUMS) <= (row->choices != NULL));
        for (size_t j = 0; sp_cli_common_options[j].name != NULL; j++)
            assert_string_not_equal(row->name, sp_cli_common_options[j].name);
    }
}

static void every_argument_is_a_field_of_its_method(void **state) {
    (void)state;
    each_row(check_arguments);
}

/* createdAt → created_at */
static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *message, const char *name,
                                                size_t size) {
    char snake[64];
    size_t used = 0;
    for (size_t i = 0; i < size && used + 2 < sizeof(snake); i++) {
        bool capital = name[i] >= 'A' && name[i] <= 'Z';
        if (capital)
            snake[used++] = '_';
        snake[used++] = (char)(capital ? name[i] + 32 : name[i]);
    }
    snake[used] = '\0';
    return protobuf_c_message_descriptor_get_field_by_name(message, snake);
}

static void check_path(const struct cli_command *command, const ProtobufCMessageDescriptor *message, const char *path) {
    for (;;) {
        size_t size = strcspn(path, ".:,");
        const ProtobufCFieldDescriptor *field = field_of(message, path, size);
        if (field == NULL) {
            fail_msg("%s: column '%.*s' is not a field of %s", words(command), (int)strcspn(path, ","), path,
                     message->name);
            return;
        }
        if (path[size] != '.')
            return;
        message = field->descriptor;
        path += size + 1;
    }
}

static void check_columns(const struct cli_command *command) {
    if (command->columns == NULL)
        return;
    const ProtobufCMethodDescriptor *method = method_of(command);
    assert_non_null(method);
    if (method == NULL)
        return;
    const ProtobufCMessageDescriptor *message = method->output;
    const char *inside = command->list != NULL ? command->list : command->main;
    if (inside != NULL) {
        const ProtobufCFieldDescriptor *field = field_of(message, inside, strlen(inside));
        assert_non_null(field);
        if (field != NULL)
            message = field->descriptor;
    }
    for (const char *at = command->columns; *at != '\0';) {
        const char *path = at + strcspn(at, "=") + 1;
        bool made_here = strcmp(command->noun, "changes") == 0 &&
                         (strncmp(path, "things:", 7) == 0 || strncmp(path, "who:", 4) == 0);
        if (!made_here)
            check_path(command, message, path);
        at = path + strcspn(path, ",");
        at += *at == ',';
    }
}

static void every_column_is_a_field_of_the_reply(void **state) {
    (void)state;
    each_row(check_columns);
}

/* Whoever makes a change may try it again. */
/* One row with a value as long as they usually are in each column: ids that Sallyport made, names,
 * times. */
static json_t *make_usual_row(const char *columns) {
    json_t *row = json_object();
    for (const char *at = columns; *at != '\0';) {
        char path[64], *kind;
        size_t title = strcspn(at, "="), size = strcspn(at, ",");
        snprintf(path, sizeof(path), "%.*s", (int)(size - title - 1), at + title + 1);
        kind = strchr(path, ':');
        bool time = kind != NULL && strcmp(kind, ":time") == 0, raw = kind != NULL && strcmp(kind, ":raw") == 0;
        if (kind != NULL)
            *kind = '\0';
        json_t *value = time ? json_integer(1798761599) : json_string(raw ? "usr_tszTtLH55uxCeSetmUsy" : "WORD_EIGHT");
        assert_int_equal(sp_cli_put(row, path, value, false), SP_OK);
        at += size + (at[size] == ',');
    }
    return row;
}

static void check_table(const struct cli_command *command) {
    struct printed printed;
    if (command->list == NULL || command->columns == NULL)
        return;
    json_t *rows = json_array();
    assert_int_equal(json_array_append_new(rows, make_usual_row(command->columns)), 0);
    begin_print(&printed);
    sp_cli_print_table(rows, command->columns, &(struct cli_table_shape){.width = 80}, printed.out);
    char *text = end_print(&printed), *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (sp_cli_width(line) > 80)
            fail_msg("%s: %zu columns: %s", words(command), sp_cli_width(line), line);
    free(text);
    json_decref(rows);
}

static void every_table_fits_80_columns(void **state) {
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    each_row(check_table);
}

/* The text of each kind of access in admin's own table: one text a kind, and another for each. */
static void check_acting_key(const struct cli_command *command) {
    static const char *texts[16];
    const struct sp_admin_method *method = command->method == NULL ? NULL : sp_admin_method_find(command->method);
    const char *who = command->acts != NULL     ? command->acts
                      : command->method != NULL ? sp_cli_acting_key(command->method)
                                                : NULL;
    if (who == NULL)
        fail_msg("%s: whose key acts?", words(command));
    if (command->acts != NULL || method == NULL)
        return;
    assert_true((size_t)method->access < COUNT(texts));
    for (size_t i = 0; i < COUNT(texts); i++)
        if (texts[i] != NULL && (strcmp(texts[i], who) == 0) != (i == (size_t)method->access))
            fail_msg("%s: acts with %s", words(command), who);
    texts[method->access] = who;
    bool operators = method->scope != SP_SCOPE_NONE;
    if ((strstr(who, "operator") != NULL || strcmp(who, "any key") == 0) != operators)
        fail_msg("%s: operators may%s call %s", words(command), operators ? "" : " not", command->method);
}

static void help_says_whose_key_acts_as_the_service_demands(void **state) {
    (void)state;
    each_row(check_acting_key);
}

static void check_mutation(const struct cli_command *command) {
    const ProtobufCMethodDescriptor *method = method_of(command);
    if (method == NULL || command->method == NULL)
        return;
    bool has_id = protobuf_c_message_descriptor_get_field_by_name(method->input, "request_id") != NULL;
    if (has_id != command->mutation)
        fail_msg("%s: whether it changes anything is wrong", words(command));
}

static void exactly_the_changes_carry_a_request_id(void **state) {
    (void)state;
    each_row(check_mutation);
}

/* ---- arguments ---- */

struct read {
    struct cli_call call;
    struct sp_error error;
    enum sp_status status;
    bool help;
};

/* The line, split at spaces, for the command that its first words name. */
static void read_line(const char *line, struct read *read) {
    char text[512], *argv[32];
    size_t argc = 0;
    snprintf(text, sizeof(text), "%s", line);
    for (char *save = NULL, *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc + 1 < COUNT(argv));
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    const struct cli_command *command = sp_cli_find(sp_cli_tables, argv[0], NULL);
    size_t skipped = command != NULL ? 0 : 1;
    if (command == NULL)
        command = sp_cli_find(sp_cli_tables, argv[0], argv[1]);
    assert_non_null(command);
    *read = (struct read){.call = {.command = command, .request = json_object(), .local = json_object()}};
    if (command->fixed != NULL) {
        json_decref(read->call.request);
        read->call.request = json_loads(command->fixed, 0, NULL);
    }
    read->status =
        sp_cli_read_arguments(command, (int)(argc - skipped), argv + skipped, &read->call, &read->help, &read->error);
}

static void done(struct read *read) {
    json_decref(read->call.request);
    json_decref(read->call.local);
}

static void arguments_make_the_request(void **state) {
    (void)state;
    static const struct {
        const char *line, *request;
    } rows[] = {
        {"group add studio ann bob", "{'group':'studio','principals':['ann','bob']}"},
        {"group add studio ann --workspace acme bob",
         "{'group':'studio','principals':['ann','bob'],'workspace':'acme'}"},
        {"group add studio -- -odd", "{'group':'studio','principals':['-odd']}"},
        {"key get k1", "{'id':'k1'}"},
        {"key list", "{}"},
        {"key rotate --self", "{}"},
        {"key list --limit=5 -o=json", "{}"},
        {"key get -ojson k1", "{'id':'k1'}"},
        {"share list voice/rachel", "{'resource':{'id':'rachel','type':'voice'}}"},
        {"share list --group=studio", "{'subject':{'group':'studio'}}"},
        {"key get -", "{'id':'-'}"},
        {"key rotate k1 --grace 1h", "{'graceS':3600,'id':'k1'}"},
        {"key rotate --grace=1h k1", "{'graceS':3600,'id':'k1'}"},
        {"key update k1 --permission a --permission b",
         "{'id':'k1','permissions':{'names':['a','b']},'updateMask':['permissions']}"},
        {"key update k1 --name n --expires never",
         "{'expiresAt':0,'id':'k1','name':'n','updateMask':['name','expires_at']}"},
        {"key update k1 --clear-allowed-ips", "{'clearAllowedIps':true,'id':'k1'}"},
        {"user disable ann", "{'principal':{'disabled':true,'id':'ann'},'updateMask':['disabled']}"},
        {"user enable ann --workspace acme",
         "{'principal':{'disabled':false,'id':'ann','workspace':'acme'},'updateMask':['disabled']}"},
        {"workspace update w --no-features", "{'updateMask':['features'],'workspace':{'id':'w'}}"},
        {"workspace update w --quota-keys 5 --quota-groups 6",
         "{'updateMask':['quotas'],'workspace':{'id':'w','quotas':{'groups':6,'keys':5}}}"},
        {"share add voice/rachel --group studio --role viewer",
         "{'resource':{'id':'rachel','type':'voice'},'role':'ROLE_VIEWER','subject':{'group':'studio'}}"},
        {"check --action use --resource voice/r --ip 1.2.3.4",
         "{'action':'use','ip':'1.2.3.4','resource':{'id':'r','type':'voice'}}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct read read;
        read_line(rows[i].line, &read);
        if (read.status != SP_OK)
            fail_msg("%s: %s", rows[i].line, read.error.message);
        char *made = json_dumps(read.call.request, JSON_COMPACT | JSON_SORT_KEYS);
        for (char *at = made; *at != '\0'; at++)
            *at = *at == '"' ? '\'' : *at;
        if (strcmp(made, rows[i].request) != 0)
            fail_msg("%s: %s", rows[i].line, made);
        free(made);
        done(&read);
    }
}

static void what_is_wrong_with_arguments_is_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *fragment;
    } rows[] = {
        {"key get", "KEY is missing"},
        {"key update k --allow-ip-select hooks",
         "--allow-ip-select: write it behind the --allow-ip-file that it is for"},
        {"key update k --allow-ip-select hooks --allow-ip-file f", "--allow-ip-select: write it behind"},
        {"workspace create --name w --seats 0", "--seats: '0' is too small; at least 1"},
        {"key get a b", "unexpected argument 'b'"},
        {"key list --nope", "unknown option --nope"},
        {"key list -x", "unknown option -x"},
        {"key list --limit", "--limit requires a value"},
        {"key list --limit x", "--limit: 'x' is not a whole number"},
        {"key list -o yaml", "--output: 'yaml' is not one of table, wide, json, ndjson"},
        {"key create --principal p", "--name is missing"},
        {"key update k1", "nothing to change"},
        {"key update k1 --workspace w", "nothing to change"},
        {"user update u", "nothing to change"},
        {"workspace update w", "nothing to change"},
        {"share add voice/r --role owner", "--role: 'owner' is not one of viewer, commenter, editor, admin"},
        {"key rotate --grace 5", "--grace: '5' has no unit; write 5s for seconds"},
        {"group add studio", "PRINCIPAL is missing"},
        {"check --action use", "--resource is missing"},
        {"key list --perm x", "unknown option --perm (see --help)"},
        {"key create --perm x", "unknown option --perm; did you mean --permission?"},
        {"key create --permision=x", "unknown option --permision=x; did you mean --permission?"},
        {"key create --princip p", "unknown option --princip; did you mean --principal?"},
        {"key list --outptu json", "unknown option --outptu; did you mean --output?"},
        {"key list -o", "-o requires a value"},
        {"key list -o= json", "--output: '' is not one of"},
        {"key get k --descendants=yes", "--descendants takes no value"},
        {"key list -hx", "--help takes no value"},
        {"share list", "give TYPE/ID, --group or --principal (see --help)"},
        {"share add voice/r --role viewer", "give --group or --principal (see --help)"},
        {"share remove voice/r", "give --group or --principal"},
        {"key create --principal p --name n", "give --permission or --all-permissions"},
        {"key rotate", "give KEY or --self"},
        {"completion tcsh", "SHELL: 'tcsh' is not one of bash, zsh, fish"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct read read;
        read_line(rows[i].line, &read);
        if (read.status != SP_ERR_INVALID || strstr(read.error.message, rows[i].fragment) == NULL)
            fail_msg("%s: %s", rows[i].line, read.error.message);
        done(&read);
    }
}

/* So that the words of a command can be found among options whose command is not known yet. */
static void an_option_takes_a_value_in_every_command_or_in_none(void **state) {
    (void)state;
    for (size_t table = 0; sp_cli_tables[table] != NULL; table++)
        for (const struct cli_command *row = sp_cli_tables[table]; row->noun != NULL; row++)
            for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
                for (size_t other = 0; sp_cli_tables[other] != NULL; other++)
                    for (const struct cli_command *with = sp_cli_tables[other]; with->noun != NULL; with++) {
                        const char *name = row->options[i].name;
                        const struct cli_argument *same = sp_cli_find_option(with, name, strlen(name));
                        if (same != NULL && sp_cli_takes_value(same) != sp_cli_takes_value(&row->options[i]))
                            fail_msg("--%s of %s and of %s", name, row->noun, with->noun);
                    }
}

static void help_needs_nothing_else(void **state) {
    (void)state;
    static const char *const lines[] = {"key get --help", "key create -h", "share add --help", "check --help"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct read read;
        read_line(lines[i], &read);
        assert_int_equal(read.status, SP_OK);
        assert_true(read.help);
        done(&read);
    }
}

static void local_arguments_stay_out_of_the_request(void **state) {
    (void)state;
    struct read read;
    read_line("key list -o json --limit 5 --admin a:1 --profile p --request-id r", &read);
    assert_int_equal(read.status, SP_OK);
    assert_int_equal(json_object_size(read.call.request), 0);
    assert_string_equal(sp_cli_local(&read.call, "output"), "json");
    assert_string_equal(sp_cli_local(&read.call, "request-id"), "r");
    assert_null(sp_cli_local(&read.call, "server"));
    assert_false(sp_cli_local_flag(&read.call, "help"));
    done(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_has_words_an_example_and_a_method_that_exists),
        cmocka_unit_test(every_argument_is_a_field_of_its_method),
        cmocka_unit_test(every_column_is_a_field_of_the_reply),
        cmocka_unit_test(every_table_fits_80_columns),
        cmocka_unit_test(help_says_whose_key_acts_as_the_service_demands),
        cmocka_unit_test(exactly_the_changes_carry_a_request_id),
        cmocka_unit_test(arguments_make_the_request),
        cmocka_unit_test(what_is_wrong_with_arguments_is_named),
        cmocka_unit_test(an_option_takes_a_value_in_every_command_or_in_none),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(local_arguments_stay_out_of_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
