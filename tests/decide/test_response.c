/* What an answer looks like from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decide/response.h"

static struct sp_arena arena;

static void a_zeroed_answer_denies_and_reveals_nothing(void **state) {
    (void)state;
    struct sp_answer answer = {.workspace = SP_STR_LITERAL("w1"), .principal = SP_STR_LITERAL("p1")};
    Sallyport__V1__CheckResponse response;
    assert_int_equal(sp_response_from_answer(&answer, &arena, &response), SP_OK);
    assert_int_equal(response.decision, SALLYPORT__V1__DECISION__DENY);
    assert_string_equal(response.workspace, "");
    assert_string_equal(response.principal, "");
    assert_string_equal(response.key_id, "");
    assert_int_equal(response.http_status, 500);
}

static void an_allowed_answer_names_its_owner(void **state) {
    (void)state;
    const struct sp_answer answer = {
        .allowed = true,
        .reason = SP_REASON_ALLOWED,
        .role = SP_ROLE_EDITOR,
        .key_found = true,
        .principal_kind = 2,
        .workspace = {"w1-and-more", 2},
        .principal = {"sa1-and-more", 3},
        .key_id = {"k1-and-more", 2},
    };
    Sallyport__V1__CheckResponse response;
    assert_int_equal(sp_response_from_answer(&answer, &arena, &response), SP_OK);
    assert_int_equal(response.decision, SALLYPORT__V1__DECISION__ALLOW);
    assert_int_equal(response.reason, SALLYPORT__V1__REASON__ALLOWED);
    assert_int_equal(response.http_status, 200);
    assert_string_equal(response.workspace, "w1");
    assert_string_equal(response.principal, "sa1");
    assert_string_equal(response.key_id, "k1");
    assert_int_equal(response.principal_kind, SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT);
    assert_int_equal(response.role, SALLYPORT__V1__ROLE__ROLE_EDITOR);
    assert_null(response.revision);
    assert_string_equal(response.decision_id, "");
}

static void says_so_when_the_arena_is_used_up(void **state) {
    (void)state;
    struct sp_arena small;
    const struct sp_answer answer = {.key_found = true, .workspace = SP_STR_LITERAL("longer than the arena")};
    Sallyport__V1__CheckResponse response;
    assert_int_equal(sp_arena_init(&small, 16, 16), SP_OK);
    assert_int_equal(sp_response_from_answer(&answer, &small, &response), SP_ERR_MEMORY);
    sp_arena_fini(&small);
}

static int make_arena(void **state) {
    (void)state;
    return sp_arena_init(&arena, 4096, 1 << 20) == SP_OK ? 0 : -1;
}

static int free_arena(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_answer_denies_and_reveals_nothing),
        cmocka_unit_test(an_allowed_answer_names_its_owner),
        cmocka_unit_test(says_so_when_the_arena_is_used_up),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
