/* Errors as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/report.h"
#include "texts.h"

static void assert_error(const struct cli_call *call, enum sp_status status, const char *message,
                         const char *expected) {
    struct printed printed;
    struct sp_error error = {0};
    (void)sp_error_set(&error, status, "%s", message);
    begin_print(&printed);
    sp_cli_write_error(call, &error, CLI_PEER_UNKNOWN, false, printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, expected);
    free(text);
}

static const struct cli_service service = {"sallyport-sync", "7401", "--admin, SALLYPORT_ADMIN"};
static const struct cli_call no_call, asked = {.asked = &service, .asked_target = "127.0.0.1:7401"};

static void an_error_is_a_line_with_its_code(void **state) {
    (void)state;
    assert_error(&no_call, SP_ERR_INVALID, "nothing to change", "sallyport: nothing to change (INVALID_ARGUMENT)\n");
    assert_error(&asked, SP_ERR_PERMISSION, "only operators: see docs",
                 "sallyport: only operators: see docs (PERMISSION_DENIED)\n");
    assert_error(&no_call, SP_ERR_UNAVAILABLE, "busy", "sallyport: busy (UNAVAILABLE)\n");
}

static void a_server_that_cannot_be_reached_is_named_with_what_sets_its_address(void **state) {
    (void)state;
    assert_error(&asked, SP_ERR_UNAVAILABLE, "failed to connect to all addresses; last error: UNKNOWN: ipv4: refused",
                 "sallyport: cannot connect to 127.0.0.1:7401: refused (UNAVAILABLE)\n"
                 "To call another address, use --admin, SALLYPORT_ADMIN or a profile.\n");
    assert_error(&asked, SP_ERR_UNAVAILABLE, "busy", "sallyport: busy (UNAVAILABLE)\n");
}

static void a_message_of_the_server_cannot_move_the_cursor(void **state) {
    (void)state;
    assert_error(&no_call, SP_ERR_NOT_FOUND, "no \x1b[2Jkey\r",
                 "sallyport: no \xef\xbf\xbd[2Jkey\xef\xbf\xbd (NOT_FOUND)\n");
}

static void only_the_programs_name_is_coloured(void **state) {
    (void)state;
    struct printed printed;
    const struct sp_error error = {.status = SP_ERR_IO, .message = "no space"};
    begin_print(&printed);
    sp_cli_write_error(&no_call, &error, CLI_PEER_UNKNOWN, true, printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, "\x1b[31msallyport:\x1b[0m no space (INTERNAL)\n");
    free(text);
}

static void a_reported_error_ends_with_2(void **state) {
    (void)state;
    const struct sp_error error = {.status = SP_ERR_INVALID, .message = "as expected by this test"};
    assert_int_equal(sp_cli_report_error(&no_call, &error), 2);
}

static void a_file_is_never_coloured(void **state) {
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_false(sp_cli_wants_colour(file));
    assert_int_equal(fclose(file), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_a_line_with_its_code),
        cmocka_unit_test(a_server_that_cannot_be_reached_is_named_with_what_sets_its_address),
        cmocka_unit_test(a_message_of_the_server_cannot_move_the_cursor),
        cmocka_unit_test(only_the_programs_name_is_coloured),
        cmocka_unit_test(a_reported_error_ends_with_2),
        cmocka_unit_test(a_file_is_never_coloured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
