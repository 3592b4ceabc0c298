/* Files of tests: the questions that they ask, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "trial/spec.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static enum sp_status read_spec(struct sp_arena *arena, const char *text, struct sp_trial_spec *ret_spec,
                                struct sp_error *error) {
    assert_int_equal(sp_arena_init(arena, 65536, 64 << 20), SP_OK);
    *ret_spec = (struct sp_trial_spec){.arena = arena, .file = "t.yaml"};
    return sp_trial_read_spec(sp_str_from(text), ret_spec, error);
}

/* "ann read note/1 ALLOWED; " for each question. */
static void describe(const struct sp_trial_spec *spec, char *out, size_t room) {
    out[0] = '\0';
    for (size_t i = 0; i < spec->question_count; i++) {
        const struct sp_trial_question *question = &spec->questions[i];
        size_t used = strlen(out);
        snprintf(out + used, room - used, "%s%s%s %s%s%s%s%s %s", i == 0 ? "" : "; ",
                 question->key->name != NULL ? "key " : "",
                 question->key->name != NULL ? question->key->name : question->key->principal,
                 question->request != NULL ? question->request : question->action,
                 question->resource != NULL ? " " : "", question->resource != NULL ? question->resource : "",
                 question->ip != NULL ? " " : "", question->ip != NULL ? question->ip : "",
                 question->expected == SP_TRIAL_DENIED ? "DENIED" : sp_reason_name(question->expected));
    }
}

static const struct {
    const char *text, *questions;
} good[] = {
    {"tests: {t: {who: ann, action: read, resource: note/1, expect: ALLOWED}}", "ann read note/1 ALLOWED"},
    {"tests: {t: {who: [ann, ben], action: [read, edit], resource: note/1, expect: DENIED}}",
     "ann read note/1 DENIED; ben read note/1 DENIED; ann edit note/1 DENIED; ben edit note/1 DENIED"},
    {"tests: {t: {action: read, resource: [note/1, note/2], expect: {ann: ALLOWED, ben: NOT_SHARED}}}",
     "ann read note/1 ALLOWED; ann read note/2 ALLOWED; ben read note/1 NOT_SHARED; ben read note/2 NOT_SHARED"},
    {"tests: {t: {action: read, expect: {ann: {note/1: ALLOWED, note/2: DENIED}}}}",
     "ann read note/1 ALLOWED; ann read note/2 DENIED"},
    {"tests: {t: {key: ci, ip: [192.0.2.1, 192.0.2.2], action: read, resource: note/1, expect: IP_NOT_ALLOWED}}\n"
     "keys: {ci: {principal: bot, allowed_ips: [203.0.113.7]}}",
     "key ci read note/1 192.0.2.1 IP_NOT_ALLOWED; key ci read note/1 192.0.2.2 IP_NOT_ALLOWED"},
    {"tests: {t: {who: ann, request: GET /v1/notes, expect: ROUTE_UNKNOWN}}", "ann GET /v1/notes ROUTE_UNKNOWN"},
};

static void asks_every_combination(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct sp_arena arena;
        struct sp_trial_spec spec;
        struct sp_error error = {0};
        char said[2048];
        if (read_spec(&arena, good[i].text, &spec, &error) != SP_OK)
            fail_msg("row %zu: %s", i, error.message);
        describe(&spec, said, sizeof(said));
        assert_string_equal(said, good[i].questions);
        sp_arena_fini(&arena);
    }
}

static const struct {
    const char *text, *error;
} wrong[] = {
    {"", "t.yaml:1:1: there are no tests"},
    {"tests: {}", "t.yaml:1:1: there are no tests"},
    {"test: {}", "t.yaml:1:1: unknown key; expected schema, policy, keys or tests"},
    {"tests:\n  t: {who: ann, action: read, resource: note/1, expect: YES}", "t.yaml:2:57: YES is not an outcome"},
    {"tests:\n  t: {who: ann, action: read, resource: note/1}",
     "t.yaml:2:3: t has no expectation: add expect, such as ALLOWED"},
    {"tests:\n  t: {action: read, resource: note/1, expect: ALLOWED}", "t.yaml:2:3: t must name who asks"},
    {"tests:\n  t: {who: ann, action: read, resource: note/1, expect: {ben: ALLOWED}}",
     "t.yaml:2:3: t must name who asks, in exactly one of who, key, and expect by who"},
    {"tests:\n  t: {who: ann, key: k, action: read, resource: note/1, expect: ALLOWED}", "must name who asks"},
    {"tests:\n  t: {who: ann, resource: note/1, expect: ALLOWED}", "t.yaml:2:3: t must name what is asked"},
    {"tests:\n  t: {who: ann, request: GET /, action: read, expect: ALLOWED}",
     "has a request, which names the resource"},
    {"tests:\n  t: {action: read, resource: note/1, expect: {ann: {note/2: ALLOWED}}}", "must name the resource once"},
    {"tests:\n  t: {who: ann, action: read, expect: ALLOWED}", "must name the resource once"},
    {"tests:\n  t: {key: nope, action: read, resource: note/1, expect: ALLOWED}",
     "t.yaml:2:12: nope is not among the keys of this file"},
    {"tests:\n  t: {who: ann, at: noon, action: read, resource: note/1, expect: ALLOWED}",
     "t.yaml:2:21: a time must be written as"},
    {"tests:\n  t: {who: ann, action: read, resource: note/1, expect: ALLOWED}\n  t: {}",
     "t.yaml:3:3: t is the name of an earlier test"},
    {"keys: {k: {permissions: [a]}}\ntests: {t: {key: k, action: a, resource: t/1, expect: ALLOWED}}",
     "t.yaml:1:8: k has no principal"},
    {"keys:\n  k: {principal: bot}\n  k: {principal: ann}\ntests: {}", "t.yaml:3:3: k is the name of an earlier key"},
    {"keys:\n  k: {principal: bot, disabled: yes}\ntests: {}", "t.yaml:2:33: must be true or false"},
    {"tests: [a]", "t.yaml:1:8: expected tests by their names here"},
};

static void says_where_a_file_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct sp_arena arena;
        struct sp_trial_spec spec;
        struct sp_error error = {0};
        assert_int_equal(read_spec(&arena, wrong[i].text, &spec, &error), SP_ERR_INVALID);
        if (strstr(error.message, wrong[i].error) == NULL)
            fail_msg("row %zu: %s", i, error.message);
        sp_arena_fini(&arena);
    }
}

static void refuses_more_combinations_than_a_million(void **state) {
    struct sp_arena arena;
    struct sp_trial_spec spec;
    struct sp_error error = {0};
    char text[32768] = "tests:\n  t:\n    expect: ALLOWED\n";
    static const char *const fields[] = {"who", "action", "resource", "ip"};
    (void)state;
    for (size_t f = 0; f < COUNT(fields); f++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "    %s: [", fields[f]);
        for (int i = 0; i < 100; i++)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "v%d, ", i);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "]\n");
    }
    assert_int_equal(read_spec(&arena, text, &spec, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "t.yaml:2:3: t has too many combinations"));
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_every_combination),
        cmocka_unit_test(says_where_a_file_is_wrong),
        cmocka_unit_test(refuses_more_combinations_than_a_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
