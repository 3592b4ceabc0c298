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
#include "texts.h"

static void a_message_names_the_options_of_the_command(void **state) {
    (void)state;
    static const struct {
        const char *noun, *verb, *message, *named;
    } rows[] = {
        {"key", "create", "permissions: required: either all, or at least one name",
         "--all-permissions, --permission: required: either all, or at least one name"},
        {"key", "create", "allowed_ips[3]: '10.0.0.1' is private", "--allow-ip: '10.0.0.1' is private"},
        {"key", "create", "expires_at: 5 is in the past", "--expires: 5 is in the past"},
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
        {"workspace", "create", "features[0]: no such feature", "--feature: no such feature"},
        {"user", "update", "name: must not be empty", "--name: must not be empty"},
        {"whoami", NULL, "page_token: not a token. Really", "page_token: not a token. Really"},
        {"whoami", NULL, "", ""},
        {"whoami", NULL, "\xc3\xa4: \xe2\x80\xa6", "\xc3\xa4: \xe2\x80\xa6"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[256];
        const struct cli_command *command = sp_cli_find(sp_cli_tables, rows[i].noun, rows[i].verb);
        assert_non_null(command);
        sp_cli_name_options(command, rows[i].message, out, sizeof(out));
        assert_string_equal(out, rows[i].named);
    }
}

static void a_small_room_cuts_the_message(void **state) {
    (void)state;
    const struct cli_command *command = sp_cli_find(sp_cli_tables, "key", "create");
    for (size_t room = 1; room < 64; room++) {
        char out[64];
        memset(out, 'x', sizeof(out));
        sp_cli_name_options(command, "permissions: required, and allowed_ips too", out, room);
        assert_true(strlen(out) < room);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_names_the_options_of_the_command),
        cmocka_unit_test(a_small_room_cuts_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
