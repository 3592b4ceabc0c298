/* What a batch remembers of the roles that it has found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decide/role_memo.h"

static struct sp_arena arena;

static int set_up(void **state) {
    (void)state;
    return sp_arena_init(&arena, 4096, 1 << 24) == SP_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static struct sp_bytes resource(unsigned i, uint8_t ret_bytes[static 16]) {
    memset(ret_bytes, 'r', 16);
    memcpy(ret_bytes + 4, &i, sizeof(i));
    return (struct sp_bytes){ret_bytes, 16};
}

static void remembers_each_pair_and_no_other(void **state) {
    (void)state;
    enum { PRINCIPALS = 20, RESOURCES = 20 };
    struct sp_role_memo *memo = NULL;
    uint8_t bytes[16];
    struct sp_found_role role = {.role = SP_ROLE_NONE};
    size_t found = 0;
    assert_int_equal(sp_role_memo_create(&arena, PRINCIPALS * RESOURCES, &memo), SP_OK);
    for (unsigned p = 1; p <= PRINCIPALS; p++)
        for (unsigned r = 0; r < RESOURCES; r++) {
            assert_false(sp_role_memo_find(memo, p, resource(r, bytes), &role));
            sp_role_memo_put(memo, p, resource(r, bytes),
                             (struct sp_found_role){.role = (enum sp_role)((p + r) % 5), .via = (enum sp_via)(r % 3)});
        }
    memset(bytes, 0, sizeof(bytes)); /* keys were copied */
    for (unsigned p = 1; p <= PRINCIPALS; p++)
        for (unsigned r = 0; r < RESOURCES; r++)
            if (sp_role_memo_find(memo, p, resource(r, bytes), &role)) {
                assert_int_equal(role.role, (p + r) % 5);
                assert_int_equal(role.via, r % 3);
                found++;
            }
    /* A few may have found no room near their place. */
    assert_in_range(found, PRINCIPALS * RESOURCES * 95 / 100, PRINCIPALS * RESOURCES);
    assert_false(sp_role_memo_find(memo, PRINCIPALS + 1, resource(0, bytes), &role));
    assert_false(sp_role_memo_find(memo, 1, resource(RESOURCES, bytes), &role));
}

static void keeps_what_it_has_when_it_is_full(void **state) {
    (void)state;
    struct sp_role_memo *memo = NULL;
    uint8_t bytes[16];
    struct sp_found_role role = {.role = SP_ROLE_NONE};
    assert_int_equal(sp_role_memo_create(&arena, 1, &memo), SP_OK);
    for (unsigned r = 0; r < 1000; r++)
        sp_role_memo_put(memo, 7, resource(r, bytes),
                         (struct sp_found_role){.role = r % 2 == 0 ? SP_ROLE_VIEWER : SP_ROLE_ADMIN});
    size_t found = 0;
    for (unsigned r = 0; r < 1000; r++)
        if (sp_role_memo_find(memo, 7, resource(r, bytes), &role)) {
            assert_int_equal(role.role, r % 2 == 0 ? SP_ROLE_VIEWER : SP_ROLE_ADMIN);
            found++;
        }
    assert_in_range(found, 1, 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(remembers_each_pair_and_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_what_it_has_when_it_is_full, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
