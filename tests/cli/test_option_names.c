/* Fields of requests, as the options that set them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command_table.h"
#include "cli/lookup.h"
#include "cli/option_names.h"
#include "sallyport/v1/admin.pb-c.h"
#include "texts.h"

static void a_message_names_the_options_of_the_command(void **state) {
    (void)state;
    static const struct {
        const char *noun, *verb, *message, *named;
    } rows[] = {
        {"key", "create", "permissions: required: either all, or at least one name",
         "--all-permissions, --permission: required: either all, or at least one name"},
        {"key", "create", "allowed_ips[3]: '10.0.0.1' is private", "--allow-ip, entry 4: '10.0.0.1' is private"},
        {"key", "create", "expires_at: 5 is in the past", "--expires: 5 is in the past"},
        {"key", "create", "expires_at: must be in the future, or 0 for never",
         "--expires: must be in the future, or never"},
        {"workspace", "create", "CreateWorkspace requires an operator's key",
         "`workspace create` requires an operator's key"},
        {"backup", NULL, "Backup requires an operator's key", "`backup` requires an operator's key"},
        {"backup", NULL, "Backups are off", "Backups are off"},
        {"key", "create", "allowed_ips[0]: 0.0.0.0/0 is any address: to allow any address, clear the list instead",
         "--allow-ip, entry 1: 0.0.0.0/0 is any address: to allow any address, leave out --allow-ip, and give "
         "--clear-allowed-ips if the key has a list"},
        {"key", "create", "not_after: must not be before expires_at", "--not-after: must not be before --expires"},
        {"key", "create", "the key of ann may not give resource_register",
         "the key of ann may not give resource_register"},
        {"key", "create", "principal narator not found in workspace acme",
         "principal narator not found in workspace acme"},
        {"key", "update", "clear_allowed_ips: cannot be combined with allowed_ips",
         "--clear-allowed-ips: cannot be combined with --allow-ip, --allow-ip-file"},
        {"key", "get", "id: must not be empty", "KEY: must not be empty"},
        {"key", "list", "workspace: required when an operator calls", "--workspace: required when an operator calls"},
        {"share", "add", "subject: give a principal or a group", "--group, --principal: give a principal or a group"},
        {"share", "add", "resource: required", "TYPE/ID: required"},
        {"workspace", "update", "seats: 1 to 1000000", "--seats: 1 to 1000000"},
        {"workspace", "update", "quotas.keys: too large", "--quota-keys: too large"},
        {"workspace", "create", "features[0]: no such feature", "--feature, entry 1: no such feature"},
        {"user", "update", "name: must not be empty", "--name: must not be empty"},
        {"whoami", NULL, "page_token: not a token. Really", "page_token: not a token. Really"},
        {"whoami", NULL, "", ""},
        {"user", "get", "principal: character 2 is not allowed", "ID: character 2 is not allowed"},
        {"key", "get", "key: character 2 is not allowed", "KEY: character 2 is not allowed"},
        {"group", "add", "principal: character 2 is not allowed", "PRINCIPAL: character 2 is not allowed"},
        {"group", "add", "group: character 2 is not allowed", "GROUP: character 2 is not allowed"},
        {"workspace", "set-policy", "policy.max_key_lifetime_s: at most 100 years",
         "--max-key-lifetime: at most 100 years"},
        {"share", "add", "resource.id: must not be empty", "the id of TYPE/ID: must not be empty"},
        {"resource", "register", "resource.type: must not be empty", "the type of TYPE/ID: must not be empty"},
        {"check", NULL, "resource.id: must not be empty", "the id of --resource: must not be empty"},
        {"check", NULL, "min_revision: is of another epoch", "--min-revision: is of another epoch"},
        {"check", NULL, "api_key or api_key_sha256 is required", "--key-file or --sha256 is required"},
        {"explain", NULL, "check.resource.type: must not be empty", "check.resource.type: must not be empty"},
        {"explain", NULL, "key_id: must not be empty", "--key-id: must not be empty"},
        {"list-resources", NULL, "principal.id: must not be empty", "--principal: must not be empty"},
        {"key", "find", "api_key: 1 to 8192 bytes", "FILE: 1 to 8192 bytes"},
        {"key", "rotate", "new_id: must not be empty", "--new-id: must not be empty"},
        {"key", "rotate", "request_id: printable ASCII only", "--request-id: printable ASCII only"},
        {"workspace", "create", "admin_id: must not be empty", "--admin-id: must not be empty"},
        {"changes", NULL, "since.epoch: no", "the epoch of --since: no"},
        {"schema", "put", "yaml: line 1, column 1: no", "FILE: line 1, column 1: no"},
        {"key", "create", "'203.0.113.7' is e.g. not a range", "'203.0.113.7' is e.g. not a range"},
        {"whoami", NULL, "\xc3\xa4: \xe2\x80\xa6", "\xc3\xa4: \xe2\x80\xa6"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[256];
        const struct cli_command *command = sp_cli_find(sp_cli_tables, rows[i].noun, rows[i].verb);
        assert_non_null(command);
        sp_cli_name_options(&(struct cli_call){.command = command}, rows[i].message, out, sizeof(out));
        assert_string_equal(out, rows[i].named);
    }
}

static void an_entry_from_a_file_is_named_by_its_place(void **state) {
    (void)state;
    static const struct {
        const char *noun, *verb, *message, *named;
    } rows[] = {
        {"key", "create", "allowed_ips[0]: no", "--allow-ip, entry 1: no"},
        {"key", "create", "allowed_ips[1]: no", "list.txt, line 7: no"},
        {"key", "create", "allowed_ips[2]: no", "--allow-ip, entry 3: no"},
        {"key", "create", "allowed_ips: too many", "--allow-ip, --allow-ip-file: too many"},
        {"share", "apply", "updates[1].subject.group: no", "list.txt, line 7: subject.group: no"},
    };
    json_t *local = json_pack("{s:[n, s]}", SP_CLI_PLACES, "list.txt, line 7");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[256];
        struct cli_call call = {.command = sp_cli_find(sp_cli_tables, rows[i].noun, rows[i].verb), .local = local};
        sp_cli_name_options(&call, rows[i].message, out, sizeof(out));
        assert_string_equal(out, rows[i].named);
    }
    json_decref(local);
}

static void what_was_given_is_blamed(void **state) {
    (void)state;
    char out[256];
    json_t *request = json_pack("{s:{s:[s]}}", "permissions", "names", "a");
    struct cli_call call = {.command = sp_cli_find(sp_cli_tables, "key", "create"), .request = request};
    sp_cli_name_options(&call, "permissions: the schema has no permission a", out, sizeof(out));
    assert_string_equal(out, "--permission: the schema has no permission a");
    json_t *local = json_pack("{s:[s]}", "allow-ip-file", "list.txt");
    call.local = local;
    sp_cli_name_options(&call, "allowed_ips: too many", out, sizeof(out));
    assert_string_equal(out, "--allow-ip-file: too many");
    json_decref(request);
    json_decref(local);
    request = json_pack("{s:{s:s, s:s}}", "resource", "type", "voice", "id", "");
    call = (struct cli_call){.command = sp_cli_find(sp_cli_tables, "share", "list"), .request = request};
    sp_cli_name_options(&call, "resource.id: must not be empty", out, sizeof(out));
    assert_string_equal(out, "the id of TYPE/ID: must not be empty");
    json_decref(request);
}

/* ---- every field of every request ---- */

/* How the command names the field; false: as it stands. */
static bool names_field(const struct cli_command *command, const char *field, char out[static 256]) {
    char message[256];
    snprintf(message, sizeof(message), "%s: wrong", field);
    sp_cli_name_options(&(struct cli_call){.command = command}, message, out, 256);
    return strcmp(out, message) != 0;
}

/* Nobody types these. */
static bool is_made_by_the_program(const struct cli_command *command, const char *field) {
    static const char *const everywhere[] = {"page_token", "update_mask", "unchanged_since"};
    static const struct {
        const char *noun, *field;
    } rows[] = {
        {"resource", "shares"},     /* `share add` makes them */
        {"workspace", "policy"},    /* `workspace set-policy` sets it */
        {"import", "records"},      /* lines of the file, which errors name */
        {"import", "max_refusals"}, /* as many as are printed */
    };
    json_t *fixed = command->fixed == NULL ? json_object() : json_loads(command->fixed, 0, NULL);
    bool made = json_object_get(fixed, field) != NULL;
    json_decref(fixed);
    for (size_t i = 0; i < COUNT(everywhere); i++)
        made = made || strcmp(field, everywhere[i]) == 0;
    for (size_t i = 0; i < COUNT(rows); i++)
        made = made || (strcmp(command->noun, rows[i].noun) == 0 && strcmp(field, rows[i].field) == 0);
    return made;
}

static size_t count_unnamed_fields(const struct cli_command *command, size_t *ret_named) {
    const ProtobufCMethodDescriptor *method =
        protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, command->method);
    size_t unnamed = 0;
    char out[256];
    assert_non_null(method);
    for (unsigned i = 0; i < method->input->n_fields; i++) {
        const char *field = method->input->fields[i].name;
        bool named = names_field(command, field, out);
        *ret_named += named;
        if (named || is_made_by_the_program(command, field))
            continue;
        print_error("%s %s: %s\n", command->noun, command->verb == NULL ? "" : command->verb, field);
        unnamed++;
    }
    return unnamed;
}

static void every_field_of_a_request_has_a_name_for_people(void **state) {
    (void)state;
    size_t unnamed = 0, named = 0;
    for (size_t table = 0; sp_cli_tables[table] != NULL; table++)
        for (const struct cli_command *row = sp_cli_tables[table]; row->noun != NULL; row++)
            unnamed += row->method == NULL ? 0 : count_unnamed_fields(row, &named);
    assert_int_equal(unnamed, 0);
    assert_true(named > 100);
}

/* "allowedIps.entries" as the services have it. */
static void copy_as_service_field(const char *path, const char *part, char out[static 128]) {
    size_t used = 0;
    for (; *path != '\0' && used + 2 < 100; path++) {
        if (*path >= 'A' && *path <= 'Z')
            out[used++] = '_';
        out[used++] = (char)(*path >= 'A' && *path <= 'Z' ? *path - 'A' + 'a' : *path);
    }
    snprintf(out + used, 28, "%s", part);
}

static void assert_row_is_named(const struct cli_command *command, const struct cli_argument *row, const char *dashes) {
    const char *parts[] = {"", NULL};
    char field[128], out[256], name[64];
    if (row->path == NULL)
        return;
    if (row->kind == CLI_RESOURCE) {
        parts[0] = ".type";
        parts[1] = ".id";
    } else if (row->kind == CLI_REVISION) {
        parts[0] = ".epoch";
        parts[1] = ".number";
    }
    snprintf(name, sizeof(name), "%s%s", dashes, dashes[0] == '\0' ? row->value : row->name);
    for (size_t i = 0; i < COUNT(parts) && parts[i] != NULL; i++) {
        copy_as_service_field(row->path, parts[i], field);
        if (!names_field(command, field, out) && strcmp(row->name, field) == 0)
            continue;
        if (strstr(out, name) == NULL)
            fail_msg("%s %s: %s is named '%s'", command->noun, command->verb, field, out);
    }
}

static void each_option_is_named_for_the_field_that_it_sets(void **state) {
    (void)state;
    for (size_t table = 0; sp_cli_tables[table] != NULL; table++) {
        for (const struct cli_command *row = sp_cli_tables[table]; row->noun != NULL; row++) {
            for (size_t i = 0; i < CLI_POSITIONALS_MAX && row->positionals[i].name != NULL; i++)
                assert_row_is_named(row, &row->positionals[i], "");
            for (size_t i = 0; i < CLI_ARGUMENTS_MAX && row->options[i].name != NULL; i++)
                assert_row_is_named(row, &row->options[i], "--");
        }
    }
}

static void a_small_room_cuts_the_message(void **state) {
    (void)state;
    const struct cli_command *command = sp_cli_find(sp_cli_tables, "key", "create");
    for (size_t room = 1; room < 64; room++) {
        char out[64];
        memset(out, 'x', sizeof(out));
        sp_cli_name_options(&(struct cli_call){.command = command}, "permissions: required, and allowed_ips too", out,
                            room);
        assert_true(strlen(out) < room);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_names_the_options_of_the_command),
        cmocka_unit_test(an_entry_from_a_file_is_named_by_its_place),
        cmocka_unit_test(what_was_given_is_blamed),
        cmocka_unit_test(every_field_of_a_request_has_a_name_for_people),
        cmocka_unit_test(each_option_is_named_for_the_field_that_it_sets),
        cmocka_unit_test(a_small_room_cuts_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
