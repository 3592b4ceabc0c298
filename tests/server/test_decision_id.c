/* Ids of decisions never repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/decision_id.h"

static void ids_differ_by_process_worker_and_count(void **state) {
    (void)state;
    enum { IDS = 4 };
    struct sp_decision_ids makers[IDS] = {
        {.process = 1, .worker = 0},
        {.process = UINT64_MAX, .worker = 0},
        {.process = 1, .worker = 255},
        {.process = 1, .worker = 0, .next = 1ULL << 40},
    };
    char made[IDS * 3][SP_DECISION_ID_BYTES];
    for (size_t i = 0; i < IDS * 3; i++) {
        sp_decision_id_next(&makers[i % IDS], made[i]);
        assert_int_equal(strlen(made[i]), SP_DECISION_ID_BYTES - 1);
        assert_int_equal(strspn(made[i], "0123456789abcdefghijklmnopqrstuv"), SP_DECISION_ID_BYTES - 1);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(made[i], made[j]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_differ_by_process_worker_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
