/* How many may watch: in all, and of one workspace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/watch_list.h"

enum { ALL = 1000, OF_WORKSPACE = 100 };

static struct sp_watch_list list;
static struct sp_watch_entry entries[ALL + 1];

static int open_list(void **state) {
    (void)state;
    sp_watch_list_init(&list);
    return 0;
}

static int close_list(void **state) {
    (void)state;
    while (list.first != NULL)
        sp_watch_list_remove(&list, list.first);
    sp_watch_list_fini(&list);
    return 0;
}

/* Adds an entry and asks for a place. */
static enum sp_status watch(size_t i, const char *workspace, struct sp_error *error) {
    bool first = false;
    sp_watch_list_add(&list, &entries[i], NULL);
    enum sp_status status = sp_watch_list_admit(&list, &entries[i], sp_str_from(workspace), &first, error);
    assert_true(first || status != SP_OK);
    return status;
}

static void a_workspace_has_a_hundred_places_and_others_have_theirs(void **state) {
    struct sp_error error = {0};
    (void)state;
    for (size_t i = 0; i < OF_WORKSPACE; i++)
        assert_int_equal(watch(i, "acme", &error), SP_OK);
    assert_int_equal(watch(OF_WORKSPACE, "acme", &error), SP_ERR_EXHAUSTED);
    assert_non_null(strstr(error.message, "100 of them on this workspace"));
    assert_int_equal(watch(OF_WORKSPACE + 1, "globex", &error), SP_OK);
    assert_int_equal(sp_watch_list_count(&list), OF_WORKSPACE + 1);
    sp_watch_list_remove(&list, &entries[3]);
    bool first = false;
    assert_int_equal(sp_watch_list_admit(&list, &entries[OF_WORKSPACE], SP_STR_LITERAL("acme"), &first, &error), SP_OK);
    assert_true(first);
}

static void a_thousand_watch_and_no_more(void **state) {
    struct sp_error error = {0};
    char workspace[16];
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        snprintf(workspace, sizeof(workspace), "w%zu", i / OF_WORKSPACE);
        assert_int_equal(watch(i, workspace, &error), SP_OK);
    }
    assert_int_equal(watch(ALL, "another", &error), SP_ERR_EXHAUSTED);
    assert_int_equal(sp_watch_list_count(&list), ALL);
}

static void a_place_is_kept_without_being_counted_again(void **state) {
    struct sp_error error = {0};
    bool first = true;
    (void)state;
    assert_int_equal(watch(0, "acme", &error), SP_OK);
    assert_int_equal(sp_watch_list_admit(&list, &entries[0], SP_STR_LITERAL("acme"), &first, &error), SP_OK);
    assert_false(first);
    assert_int_equal(sp_watch_list_count(&list), 1);
}

static void an_entry_that_was_not_admitted_takes_no_place(void **state) {
    (void)state;
    sp_watch_list_add(&list, &entries[0], NULL);
    assert_int_equal(sp_watch_list_count(&list), 0);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_list, close_list)
    const struct CMUnitTest tests[] = {
        CASE(a_workspace_has_a_hundred_places_and_others_have_theirs),
        CASE(a_thousand_watch_and_no_more),
        CASE(a_place_is_kept_without_being_counted_again),
        CASE(an_entry_that_was_not_admitted_takes_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
