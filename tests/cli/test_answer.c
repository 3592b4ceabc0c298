/* Answers and explanations as people read them, and the exit status of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/call.h"
#include "texts.h"

static void only_allow_ends_with_0(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int status;
    } rows[] = {
        {"{'decision': 'ALLOW'}", CLI_OK},
        {"{'decision': 'DENY'}", CLI_DENIED},
        {"{'decision': 'DECISION_UNSPECIFIED'}", CLI_DENIED},
        {"{'decision': 'allow'}", CLI_DENIED},
        {"{'decision': 'ALLOWED'}", CLI_DENIED},
        {"{'decision': true}", CLI_DENIED},
        {"{'decision': null}", CLI_DENIED},
        {"{'reason': 'ALLOWED', 'httpStatus': 200}", CLI_DENIED},
        {"{}", CLI_DENIED},
        {"[]", CLI_DENIED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *answer = parse_json(rows[i].answer);
        if (sp_cli_answer_exit_status(answer) != rows[i].status)
            fail_msg("%s", rows[i].answer);
        json_decref(answer);
    }
    assert_int_equal(sp_cli_answer_exit_status(NULL), CLI_DENIED);
}

static void assert_answer(const char *json, bool colour, const char *expected) {
    struct printed printed;
    json_t *answer = parse_json(json);
    begin_print(&printed);
    sp_cli_print_answer(answer, colour, printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, expected);
    free(text);
    json_decref(answer);
}

static void an_answer_begins_with_its_decision(void **state) {
    (void)state;
    assert_answer("{'decision': 'ALLOW', 'reason': 'ALLOWED', 'httpStatus': 200, 'workspace': 'acme',"
                  " 'principal': 'narrator', 'keyId': 'k1', 'role': 'ROLE_VIEWER',"
                  " 'revision': {'epoch': '1', 'number': '42'}, 'decisionId': 'd1'}",
                  false,
                  "ALLOW  ALLOWED  200\n"
                  "  workspace    acme\n"
                  "  principal    narrator\n"
                  "  key          k1\n"
                  "  role         viewer\n"
                  "  revision     1:42\n"
                  "  decision id  d1\n");
    assert_answer("{'decision': 'DENY', 'reason': 'KEY_MALFORMED', 'httpStatus': 401}", false,
                  "DENY  KEY_MALFORMED  401\n");
    assert_answer("{}", false, "DENY    0\n");
}

static void colours_are_green_and_red_where_they_are_wanted(void **state) {
    (void)state;
    assert_answer("{'decision': 'ALLOW', 'reason': 'ALLOWED', 'httpStatus': 200}", true,
                  "\x1b[32mALLOW\x1b[0m  ALLOWED  200\n");
    assert_answer("{'decision': 'DENY', 'reason': 'KEY_EXPIRED', 'httpStatus': 401}", true,
                  "\x1b[31mDENY\x1b[0m  KEY_EXPIRED  401\n");
}

static void assert_explanation(const char *json, const char *expected) {
    struct printed printed;
    json_t *explanation = parse_json(json);
    begin_print(&printed);
    sp_cli_print_explanation(explanation, false, printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, expected);
    free(text);
    json_decref(explanation);
}

static void an_explanation_shows_steps_shares_and_what_to_change(void **state) {
    (void)state;
    assert_explanation(
        "{'answer': {'decision': 'DENY', 'reason': 'ROLE_TOO_LOW', 'httpStatus': 403},"
        " 'steps': [{'number': 1, 'outcome': 'PASSED', 'test': 'the key is well formed', 'evidence': ''},"
        "           {'number': 10, 'outcome': 'FAILED', 'test': 'a role', 'evidence': 'viewer'},"
        "           {'number': 11, 'outcome': 'NOT_REACHED', 'test': 'allowed'}],"
        " 'grants': [{'subject': {'group': 'studio'}, 'role': 'ROLE_VIEWER'}],"
        " 'changesNeeded': ['share it as editor', 'or enable the key']}",
        "DENY  ROLE_TOO_LOW  403\n"
        "\n"
        " 1  ok    the key is well formed\n"
        "10  FAIL  a role\n"
        "          viewer\n"
        "11   -    allowed\n"
        "\n"
        "Shares considered:\n"
        "WITH          ROLE\n"
        "group studio  viewer\n"
        "\n"
        "To allow it:\n"
        "  - share it as editor\n"
        "  - or enable the key\n");
}

static void a_step_without_a_known_outcome_did_not_pass(void **state) {
    (void)state;
    assert_explanation("{'steps': [{'number': 1, 'test': 'a'}, {'number': 2, 'outcome': 7, 'test': 'b'}],"
                       " 'changesNeeded': [5]}",
                       "DENY    0\n\n"
                       " 1   -    a\n"
                       " 2   -    b\n"
                       "\nTo allow it:\n  - \n");
}

static void texts_of_the_server_cannot_move_the_cursor(void **state) {
    (void)state;
    assert_answer("{'decision': 'DENY', 'reason': '\\u001b[2J\\u202e'}", false,
                  "DENY  \xef\xbf\xbd[2J\xef\xbf\xbd  0\n");
    assert_explanation("{'steps': [{'number': 1, 'outcome': 'FAILED', 'test': '\\ra', 'evidence': '\\u009bb'}],"
                       " 'changesNeeded': ['\\u2066c']}",
                       "DENY    0\n\n"
                       " 1  FAIL  \xef\xbf\xbd\x61\n"
                       "          \xef\xbf\xbd\x62\n"
                       "\nTo allow it:\n  - \xef\xbf\xbd\x63\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_allow_ends_with_0),
        cmocka_unit_test(an_answer_begins_with_its_decision),
        cmocka_unit_test(colours_are_green_and_red_where_they_are_wanted),
        cmocka_unit_test(an_explanation_shows_steps_shares_and_what_to_change),
        cmocka_unit_test(a_step_without_a_known_outcome_did_not_pass),
        cmocka_unit_test(texts_of_the_server_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
