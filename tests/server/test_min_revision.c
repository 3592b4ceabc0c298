/* What min_revision asks of the store's revision, and the words for what is not met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/min_revision.h"
#include "store/records/head.h"

static const struct sp_revision current = {.epoch = 3, .number = 42};
static const struct sp_revision never_set_back = {.epoch = 0, .number = 0};

static const struct {
    const char *name;
    uint64_t epoch, number;
    enum sp_status status;
    const char *message;
} rows[] = {
    {"none", 0, 0, SP_OK, ""},
    {"the beginning of the epoch", 3, 0, SP_OK, ""},
    {"an older one", 3, 41, SP_OK, ""},
    {"the store's", 3, 42, SP_OK, ""},
    {"a later one", 3, 43, SP_ERR_UNAVAILABLE,
     "min_revision: revision 43 has not arrived here yet; the store is at 42: try again"},
    {"the highest number", 3, UINT64_MAX, SP_ERR_UNAVAILABLE,
     "min_revision: revision 18446744073709551615 has not arrived here yet; the store is at 42: try again"},
    {"of an epoch before", 2, 41, SP_ERR_PRECONDITION,
     "min_revision: is of another epoch, 2, and the store is in epoch 3: ask again without min_revision"},
    {"of a later epoch", 4, 1, SP_ERR_PRECONDITION,
     "min_revision: is of another epoch, 4, and the store is in epoch 3: ask again without min_revision"},
    {"a number without an epoch", 0, 1, SP_ERR_PRECONDITION,
     "min_revision: is of another epoch, 0, and the store is in epoch 3: ask again without min_revision"},
};

static void says_whether_the_store_has_reached_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        Sallyport__V1__Revision wanted = SALLYPORT__V1__REVISION__INIT;
        struct sp_error error = {0};
        wanted.epoch = rows[i].epoch;
        wanted.number = rows[i].number;
        print_message("%s\n", rows[i].name);
        assert_int_equal(sp_min_revision_check(&wanted, current, never_set_back, &error), rows[i].status);
        assert_string_equal(error.message, rows[i].message);
    }
}

/* After etcd was set back to before revision 50, whose numbers up to 42 have been assigned
 * again. */
static void refuses_what_may_be_of_before_etcd_went_back(void **state) {
    static const struct sp_revision set_back = {.epoch = 3, .number = 50};
    static const struct {
        uint64_t number;
        enum sp_status status;
    } cases[] = {{1, SP_ERR_PRECONDITION},
                 {42, SP_ERR_PRECONDITION},
                 {43, SP_ERR_PRECONDITION},
                 {50, SP_ERR_PRECONDITION},
                 {51, SP_ERR_UNAVAILABLE}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Sallyport__V1__Revision wanted = SALLYPORT__V1__REVISION__INIT;
        struct sp_error error = {0};
        wanted.epoch = 3;
        wanted.number = cases[i].number;
        assert_int_equal(sp_min_revision_check(&wanted, current, set_back, &error), cases[i].status);
        if (cases[i].status == SP_ERR_PRECONDITION)
            assert_string_equal(error.message,
                                "min_revision: etcd was set back to before revision 50, and no new epoch has "
                                "begun since: ask again without min_revision");
    }
}

static void any_revision_will_do_where_none_is_given(void **state) {
    static const struct sp_revision set_back = {.epoch = 3, .number = 50};
    (void)state;
    struct sp_error error = {0};
    assert_int_equal(sp_min_revision_check(NULL, current, set_back, &error), SP_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_whether_the_store_has_reached_it),
        cmocka_unit_test(refuses_what_may_be_of_before_etcd_went_back),
        cmocka_unit_test(any_revision_will_do_where_none_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
