/* The table of last uses against a naive list, and at its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "usage/table.h"

static struct sp_ip ip_of(uint8_t last) {
    return (struct sp_ip){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, last}};
}

static struct sp_usage_table make(uint32_t capacity) {
    struct sp_usage_table table;
    assert_int_equal(sp_usage_table_init(&table, capacity, 4711), SP_OK);
    return table;
}

/* Looks a key up by walking. */
static bool find(const struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id,
                 struct sp_key_use *ret_use) {
    for (uint32_t i = 0; i < table->count; i++) {
        struct sp_str at_workspace;
        struct sp_str at_key;
        sp_usage_table_at(table, i, &at_workspace, &at_key, ret_use);
        if (sp_str_equal(at_workspace, workspace) && sp_str_equal(at_key, key_id))
            return true;
    }
    return false;
}

static void keeps_uses_and_rejections_apart(void **state) {
    (void)state;
    struct sp_usage_table table = make(4);
    struct sp_ip first = ip_of(1);
    struct sp_ip second = ip_of(2);
    struct sp_key_use use;
    struct sp_str workspace = SP_STR_LITERAL("acme");
    struct sp_str key_id = SP_STR_LITERAL("k1");
    assert_true(sp_usage_table_note(&table, workspace, key_id, 100, &first, SP_REASON_NONE));
    assert_true(sp_usage_table_note(&table, workspace, key_id, 120, &second, SP_REASON_IP_NOT_ALLOWED));
    assert_true(sp_usage_table_note(&table, workspace, key_id, 110, NULL, SP_REASON_NONE));
    assert_int_equal(table.count, 1);
    assert_true(find(&table, workspace, key_id, &use));
    assert_int_equal(use.accepted.at_s, 110);
    assert_false(use.accepted.has_ip);
    assert_int_equal(use.rejected.at_s, 120);
    assert_true(use.rejected.has_ip);
    assert_memory_equal(&use.rejected.ip, &second, sizeof(second));
    assert_int_equal(use.reason, SP_REASON_IP_NOT_ALLOWED);
    sp_usage_table_fini(&table);
}

static void ids_that_run_together_stay_apart(void **state) {
    (void)state;
    struct sp_usage_table table = make(8);
    static const char *const pairs[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", "abc"}, {"c", "ab"}};
    for (size_t i = 0; i < 4; i++)
        assert_true(
            sp_usage_table_note(&table, sp_str_from(pairs[i][0]), sp_str_from(pairs[i][1]), 1, NULL, SP_REASON_NONE));
    assert_int_equal(table.count, 4);
    sp_usage_table_fini(&table);
}

static void merging_keeps_the_later_of_each(void **state) {
    (void)state;
    static const struct {
        int64_t accepted_s, rejected_s; /* what comes second; the first has 50 and 50 */
        int64_t expect_accepted_s, expect_rejected_s;
    } cases[] = {
        {0, 0, 50, 50}, {49, 49, 50, 50}, {50, 50, 50, 50}, {51, 0, 51, 50}, {0, 51, 50, 51}, {60, 70, 60, 70},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_usage_table table = make(1);
        struct sp_str name = SP_STR_LITERAL("x");
        struct sp_key_use first = {.accepted = {50, true, ip_of(1)}, .rejected = {50, true, ip_of(1)}, .reason = 5};
        struct sp_key_use second = {.accepted = {cases[i].accepted_s, true, ip_of(2)},
                                    .rejected = {cases[i].rejected_s, false, {{0}}},
                                    .reason = 6};
        struct sp_key_use merged;
        assert_true(sp_usage_table_merge(&table, name, name, &first));
        assert_true(sp_usage_table_merge(&table, name, name, &second));
        assert_true(find(&table, name, name, &merged));
        bool took_use = cases[i].accepted_s > 50;
        bool took_rejection = cases[i].rejected_s > 50;
        assert_int_equal(merged.accepted.at_s, cases[i].expect_accepted_s);
        assert_int_equal(merged.accepted.ip.bytes[15], took_use ? 2 : 1);
        assert_int_equal(merged.rejected.at_s, cases[i].expect_rejected_s);
        assert_int_equal(merged.rejected.has_ip, !took_rejection);
        assert_int_equal(merged.reason, took_rejection ? 6 : 5);
        struct sp_key_use plain = first;
        sp_key_use_merge(&plain, &second);
        assert_int_equal(plain.accepted.at_s, merged.accepted.at_s);
        assert_int_equal(plain.rejected.at_s, merged.rejected.at_s);
        assert_int_equal(plain.reason, merged.reason);
        sp_usage_table_fini(&table);
    }
}

static void a_full_table_says_that_it_lost_something_and_goes_on_with_what_it_has(void **state) {
    (void)state;
    struct sp_usage_table table = make(3);
    struct sp_str workspace = SP_STR_LITERAL("acme");
    assert_true(sp_usage_table_note(&table, workspace, SP_STR_LITERAL("a"), 1, NULL, SP_REASON_NONE));
    assert_false(sp_usage_table_is_filling(&table));
    assert_true(sp_usage_table_note(&table, workspace, SP_STR_LITERAL("b"), 1, NULL, SP_REASON_NONE));
    assert_true(sp_usage_table_is_filling(&table));
    assert_true(sp_usage_table_note(&table, workspace, SP_STR_LITERAL("c"), 1, NULL, SP_REASON_NONE));
    assert_false(table.lost);
    assert_false(sp_usage_table_note(&table, workspace, SP_STR_LITERAL("d"), 2, NULL, SP_REASON_NONE));
    assert_true(table.lost);
    assert_true(sp_usage_table_note(&table, workspace, SP_STR_LITERAL("a"), 3, NULL, SP_REASON_NONE));
    struct sp_usage_table other = make(8);
    sp_usage_table_merge_all(&other, &table);
    assert_true(other.lost);
    assert_int_equal(other.count, 3);
    sp_usage_table_clear(&table);
    assert_false(table.lost);
    assert_true(sp_usage_table_note(&table, workspace, SP_STR_LITERAL("d"), 4, NULL, SP_REASON_NONE));
    sp_usage_table_fini(&table);
    sp_usage_table_fini(&other);
}

static void long_ids_fill_the_table_by_their_text(void **state) {
    (void)state;
    struct sp_usage_table table = make(100);
    char id[65];
    uint32_t kept = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "%064d", i);
        bool filling = sp_usage_table_is_filling(&table);
        bool noted = sp_usage_table_note(&table, sp_str_from(id), sp_str_from(id), 1, NULL, SP_REASON_NONE);
        kept += noted;
        assert_true(noted || filling);
    }
    assert_int_equal(kept, table.count);
    assert_int_equal(kept, (100 * SP_USAGE_TEXT_BYTES + 128) / 128);
    assert_true(table.lost);
    sp_usage_table_fini(&table);
}

static void ids_that_no_key_has_are_not_taken(void **state) {
    (void)state;
    struct sp_usage_table table = make(4);
    char longest[66];
    memset(longest, 'x', sizeof(longest));
    struct sp_str fine = {longest, 64};
    const struct sp_str wrong[] = {{longest, 65}, {longest, 0}};
    for (size_t i = 0; i < 2; i++) {
        assert_false(sp_usage_table_note(&table, wrong[i], fine, 1, NULL, SP_REASON_NONE));
        assert_false(sp_usage_table_note(&table, fine, wrong[i], 1, NULL, SP_REASON_NONE));
    }
    assert_true(sp_usage_table_note(&table, fine, fine, 1, NULL, SP_REASON_NONE));
    assert_int_equal(table.count, 1);
    sp_usage_table_fini(&table);
}

/* ---- against a naive model ---- */

enum { MODEL_KEYS = 300, MODEL_STEPS = 200000, MODEL_CAPACITY = 256 };

struct model {
    bool there[MODEL_KEYS];
    int64_t at_s[MODEL_KEYS];
    unsigned order[MODEL_KEYS]; /* of those that are there, in the order of coming */
    unsigned count;
};

static void name_of(unsigned key, char workspace[16], char key_id[16]) {
    snprintf(workspace, 16, "w%u", key % 7);
    snprintf(key_id, 16, "k%u", key);
}

static void note_both(struct sp_usage_table *table, struct model *model, unsigned key, int64_t now_s) {
    char workspace[16];
    char key_id[16];
    name_of(key, workspace, key_id);
    bool noted = sp_usage_table_note(table, sp_str_from(workspace), sp_str_from(key_id), now_s, NULL, SP_REASON_NONE);
    assert_int_equal(noted, model->there[key] || model->count < MODEL_CAPACITY);
    if (noted && !model->there[key])
        model->order[model->count++] = key;
    model->there[key] |= noted;
    model->at_s[key] = noted ? now_s : model->at_s[key];
}

static void pop_both(struct sp_usage_table *table, struct model *model) {
    if (model->count == 0)
        return;
    model->there[model->order[--model->count]] = false;
    sp_usage_table_pop(table);
}

static void compare(const struct sp_usage_table *table, const struct model *model) {
    assert_int_equal(table->count, model->count);
    for (uint32_t i = 0; i < table->count; i++) {
        char workspace[16];
        char key_id[16];
        struct sp_str at_workspace;
        struct sp_str at_key;
        struct sp_key_use use;
        name_of(model->order[i], workspace, key_id);
        sp_usage_table_at(table, i, &at_workspace, &at_key, &use);
        assert_true(sp_str_equal(at_workspace, sp_str_from(workspace)));
        assert_true(sp_str_equal(at_key, sp_str_from(key_id)));
        assert_int_equal(use.accepted.at_s, model->at_s[model->order[i]]);
    }
}

static void does_what_a_list_would_do(void **state) {
    (void)state;
    const char *given = getenv("SP_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    struct sp_usage_table table = make(MODEL_CAPACITY);
    struct model model = {0};
    for (int64_t step = 1; step <= MODEL_STEPS; step++) {
        int dice = rand_r(&seed) % 1000;
        if (dice < 600)
            note_both(&table, &model, (unsigned)rand_r(&seed) % MODEL_KEYS, step);
        else if (dice < 999)
            pop_both(&table, &model);
        else {
            sp_usage_table_clear(&table);
            model = (struct model){0};
        }
        if (step % 500 == 0)
            compare(&table, &model);
    }
    compare(&table, &model);
    sp_usage_table_fini(&table);
}

static void only_presentations_of_known_keys_count(void **state) {
    (void)state;
    static const struct {
        enum sp_reason decided;
        bool counts;
        bool rejected;
    } cases[] = {
        {SP_REASON_NONE, false, false},
        {SP_REASON_ALLOWED, true, false},
        {SP_REASON_STALE, false, false},
        {SP_REASON_KEY_MALFORMED, false, false},
        {SP_REASON_KEY_UNKNOWN, false, false},
        {SP_REASON_KEY_DISABLED, true, true},
        {SP_REASON_KEY_EXPIRED, true, true},
        {SP_REASON_WORKSPACE_DISABLED, true, true},
        {SP_REASON_PRINCIPAL_DISABLED, true, true},
        {SP_REASON_WORKSPACE_MISMATCH, true, true},
        {SP_REASON_IP_NOT_ALLOWED, true, true},
        {SP_REASON_ACTION_UNKNOWN, true, false},
        {SP_REASON_PERMISSION_MISSING, true, false},
        {SP_REASON_RESOURCE_UNKNOWN, true, false},
        {SP_REASON_NOT_SHARED, true, false},
        {SP_REASON_ROLE_TOO_LOW, true, false},
        {SP_REASON_ROUTE_UNKNOWN, false, false},
        {SP_REASON_CREDENTIAL_MISSING, false, false},
        {SP_REASON_CREDENTIAL_AMBIGUOUS, false, false},
        {SP_REASON_REQUEST_MALFORMED, false, false},
        {SP_REASON_WORKSPACE_UNKNOWN, true, true},
        {SP_REASON_PRINCIPAL_UNKNOWN, true, true},
    };
    assert_int_equal(sizeof(cases) / sizeof(*cases), SP_REASON_COUNT);
    for (size_t i = 0; i < SP_REASON_COUNT; i++) {
        enum sp_reason rejected = SP_REASON_NONE;
        assert_int_equal(cases[i].decided, i);
        assert_int_equal(sp_usage_counts(cases[i].decided, &rejected), cases[i].counts);
        assert_int_equal(rejected, cases[i].rejected ? cases[i].decided : SP_REASON_NONE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_uses_and_rejections_apart),
        cmocka_unit_test(ids_that_run_together_stay_apart),
        cmocka_unit_test(merging_keeps_the_later_of_each),
        cmocka_unit_test(a_full_table_says_that_it_lost_something_and_goes_on_with_what_it_has),
        cmocka_unit_test(long_ids_fill_the_table_by_their_text),
        cmocka_unit_test(ids_that_no_key_has_are_not_taken),
        cmocka_unit_test(does_what_a_list_would_do),
        cmocka_unit_test(only_presentations_of_known_keys_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
