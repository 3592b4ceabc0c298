/* Which changes a request asks for: one change, and questions about it with their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/change_filter.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define KIND(name) SALLYPORT__V1__ENTITY_KIND__ENTITY_##name

static char text[256][40];

static char *keep(const char *from) {
    static size_t used;
    char *at = text[used++ % COUNT(text)];
    strcpy(at, from);
    return at;
}

/* At 1000, by operator alice, it touched a resource, a grant and a key of acme, and a group of
 * other. */
static Sallyport__V1__Change change;
static Sallyport__V1__Actor actor;
static Sallyport__V1__ApiKey key;
static Sallyport__V1__EntityChange entities[4], *list[4];

static int set_up(void **state) {
    static const struct {
        Sallyport__V1__EntityKind kind;
        const char *workspace, *id;
    } rows[] = {{KIND(RESOURCE), "acme", "voice/rachel"},
                {KIND(GRANT), "acme", "voice/rachel/bob"},
                {KIND(API_KEY), "acme", "key_1"},
                {KIND(GROUP), "other", "hidden"}};
    (void)state;
    sallyport__v1__change__init(&change);
    sallyport__v1__actor__init(&actor);
    sallyport__v1__api_key__init(&key);
    actor.kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OPERATOR;
    actor.id = keep("alice");
    key.principal = keep("carol");
    for (size_t i = 0; i < COUNT(rows); i++) {
        sallyport__v1__entity_change__init(&entities[i]);
        entities[i].kind = rows[i].kind;
        entities[i].workspace = keep(rows[i].workspace);
        entities[i].id = keep(rows[i].id);
        list[i] = &entities[i];
    }
    entities[2].after_case = SALLYPORT__V1__ENTITY_CHANGE__AFTER_API_KEY_AFTER;
    entities[2].api_key_after = &key;
    change.time = 1000;
    change.actor = &actor;
    change.entities = list;
    change.n_entities = COUNT(list);
    return 0;
}

static void fits_by_all_that_is_given(void **state) {
    static const struct {
        const char *actor, *object, *workspace;
        Sallyport__V1__EntityKind kind;
        int64_t since, until;
        bool fits;
    } rows[] = {
        {"", "", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        /* who */
        {"alice", "", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"operator:alice", "", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"offline:alice", "", "", KIND(KIND_UNSPECIFIED), 0, 0, false},
        {"operator:alic", "", "", KIND(KIND_UNSPECIFIED), 0, 0, false},
        {"bob", "", "", KIND(KIND_UNSPECIFIED), 0, 0, false},
        {"operator:", "", "", KIND(KIND_UNSPECIFIED), 0, 0, false},
        /* what */
        {"", "voice/rachel", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"", "rachel", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"", "bob", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"", "rache", "", KIND(KIND_UNSPECIFIED), 0, 0, false},
        {"", "oice/rachel", "", KIND(KIND_UNSPECIFIED), 0, 0, false},
        {"", "key_1", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"", "carol", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"", "", "", KIND(GRANT), 0, 0, true},
        {"", "", "", KIND(PRINCIPAL), 0, 0, false},
        /* both of one entity */
        {"", "bob", "", KIND(GRANT), 0, 0, true},
        {"", "bob", "", KIND(RESOURCE), 0, 0, false},
        {"", "carol", "", KIND(API_KEY), 0, 0, true},
        /* when */
        {"", "", "", KIND(KIND_UNSPECIFIED), 1000, 1001, true},
        {"", "", "", KIND(KIND_UNSPECIFIED), 1001, 0, false},
        {"", "", "", KIND(KIND_UNSPECIFIED), 0, 1000, false},
        {"alice", "bob", "", KIND(GRANT), 1000, 1001, true},
        {"bob", "bob", "", KIND(GRANT), 1000, 1001, false},
        /* by what a workspace sees only */
        {"", "hidden", "", KIND(KIND_UNSPECIFIED), 0, 0, true},
        {"", "hidden", "acme", KIND(KIND_UNSPECIFIED), 0, 0, false},
        {"", "", "acme", KIND(GROUP), 0, 0, false},
        {"", "hidden", "other", KIND(GROUP), 0, 0, true},
        {"", "rachel", "other", KIND(KIND_UNSPECIFIED), 0, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Sallyport__V1__ListChangesRequest of_list = SALLYPORT__V1__LIST_CHANGES_REQUEST__INIT;
        Sallyport__V1__WatchChangesRequest watch = SALLYPORT__V1__WATCH_CHANGES_REQUEST__INIT;
        watch.actor = of_list.actor = keep(rows[i].actor);
        watch.object = of_list.object = keep(rows[i].object);
        watch.kind = of_list.kind = rows[i].kind;
        watch.since_time = of_list.since_time = rows[i].since;
        watch.until_time = of_list.until_time = rows[i].until;
        const struct sp_admin_change_filter filters[] = {sp_admin_change_filter_of_list(&of_list),
                                                         sp_admin_change_filter_of_watch(&watch)};
        for (size_t f = 0; f < COUNT(filters); f++)
            if (sp_admin_change_filter_fits(&filters[f], sp_str_from(rows[i].workspace), &change) != rows[i].fits)
                fail_msg("row %zu", i);
    }
}

static void fits_by_the_key_that_was_used(void **state) {
    struct sp_admin_change_filter filter = {.object = ""};
    (void)state;
    actor.kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_PRINCIPAL;
    actor.key_id = keep("key_7");
    filter.actor = "key_7";
    assert_true(sp_admin_change_filter_fits(&filter, (struct sp_str){0}, &change));
    filter.actor = "operator:alice"; /* a principal of that id is no operator */
    assert_false(sp_admin_change_filter_fits(&filter, (struct sp_str){0}, &change));
    change.actor = NULL;
    assert_false(sp_admin_change_filter_fits(&filter, (struct sp_str){0}, &change));
}

static void refuses_what_nothing_can_fit(void **state) {
    struct sp_error error = {0};
    struct sp_admin_change_filter filter = {.actor = "", .object = ""};
    (void)state;
    assert_int_equal(sp_admin_change_filter_check(&filter, &error), SP_OK);
    filter.since_time_s = 5;
    filter.until_time_s = 6;
    assert_int_equal(sp_admin_change_filter_check(&filter, &error), SP_OK);
    filter.until_time_s = 5;
    assert_int_equal(sp_admin_change_filter_check(&filter, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "until_time"));
    filter.until_time_s = 0;
    filter.since_time_s = -1;
    assert_int_equal(sp_admin_change_filter_check(&filter, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "since_time"));
    filter.since_time_s = 0;
    filter.kind = (Sallyport__V1__EntityKind)99;
    assert_int_equal(sp_admin_change_filter_check(&filter, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "kind"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fits_by_all_that_is_given, set_up),
        cmocka_unit_test_setup(fits_by_the_key_that_was_used, set_up),
        cmocka_unit_test(refuses_what_nothing_can_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
