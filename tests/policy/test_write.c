/* What is written is read as what it was: for texts that YAML could take for something else, and
 * for random policies. */
#include <time.h>

#include "models.h"
#include "policy/diff.h"
#include "policy/write.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* All sections, one after the other; the caller frees. */
static char *write_policy(const struct sp_policy *policy) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++)
        sp_policy_write_section(policy, section, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_no_edits(const struct sp_policy *have, struct model *want, const char *text) {
    struct sp_policy_edits edits;
    assert_int_equal(sp_policy_diff(have, &want->policy, true, &edits, &want->errors), SP_OK);
    if (edits.count > 0 || want->errors.count > 0)
        fail_msg("%zu edits, %zu errors: %s", edits.count, want->errors.count, text);
}

static void quotes_only_what_must_be(void **state) {
    static const char *const rows[][2] = {
        {"ann", "ann"},
        {"voice/rachel", "voice/rachel"},
        {"Ann Lee", "Ann Lee"},
        {"ann@example.org", "ann@example.org"},
        {"Ann ", "\"Ann \""},
        {" Ann", "\" Ann\""},
        {"a:b", "\"a:b\""},
        {"a #b", "\"a #b\""},
        {"yes", "\"yes\""},
        {"NULL", "\"NULL\""},
        {"12", "\"12\""},
        {"1e3", "\"1e3\""},
        {"", "\"\""},
        {"-", "\"-\""},
        {"say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""},
        {"\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\""},
        {"a\xe2\x80\xa8"
         "b",
         "\"a\\Lb\""},
        {"\xef\xbb\xbf", "\"\\uFEFF\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        sp_policy_write_text(rows[i][0], out);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, rows[i][1]);
        free(text);
    }
}

/* ---- random policies ---- */

static unsigned random_state;

static unsigned draw(unsigned below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

/* A printable text that YAML may stumble over. */
static const char *draw_text(struct sp_policy *policy) {
    static const char *const pieces[] = {"a",
                                         "Z",
                                         " ",
                                         ":",
                                         ": ",
                                         " #",
                                         "'",
                                         "\"",
                                         "\\",
                                         "-",
                                         "- ",
                                         "?",
                                         "? ",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         "&",
                                         "*",
                                         "!",
                                         "|",
                                         ">",
                                         "%",
                                         "@",
                                         "`",
                                         "null",
                                         "true",
                                         "~",
                                         "0x1f",
                                         "1:30",
                                         "...",
                                         "---",
                                         "=",
                                         "<<",
                                         "\xc3\xa9",
                                         "\xe2\x80\xa8",
                                         "\xef\xbb\xbf",
                                         "\xf0\x9f\x8e\xa7",
                                         "/"};
    char text[128] = "";
    for (unsigned i = 0, count = 1 + draw(6); i < count; i++)
        strncat(text, pieces[draw(COUNT(pieces))], sizeof(text) - strlen(text) - 1);
    const char *held = sp_policy_text(policy, sp_str_from(text));
    assert_non_null(held);
    return held;
}

static const char *hold(struct sp_policy *policy, const char *prefix, unsigned number) {
    char text[64];
    snprintf(text, sizeof(text), "%s%u", prefix, number);
    const char *held = sp_policy_text(policy, sp_str_from(text));
    assert_non_null(held);
    return held;
}

static void add_shares(struct sp_policy *policy, const char *ref, unsigned principals, unsigned groups) {
    for (unsigned i = 0; i < principals + groups; i++) {
        bool to_group = i >= principals;
        struct sp_policy_share share = {.resource = ref, .to_group = to_group, .role = (uint8_t)(1 + draw(4))};
        share.subject = to_group ? hold(policy, "g", i - principals) : hold(policy, "", i);
        if (draw(3) == 0)
            assert_int_equal(sp_policy_add_share(policy, &share), SP_OK);
    }
}

static void draw_policy(struct sp_policy *policy) {
    unsigned principals = draw(6), groups = draw(4), resources = draw(5);
    for (unsigned i = 0; i < principals; i++) {
        struct sp_policy_principal principal = {.id = hold(policy, "", i),
                                                .name = draw_text(policy),
                                                .service_account = draw(2) != 0,
                                                .disabled = draw(4) == 0};
        principal.admin = !principal.service_account && draw(2) != 0;
        assert_int_equal(sp_policy_add_principal(policy, &principal), SP_OK);
    }
    for (unsigned i = 0; i < groups; i++) {
        struct sp_policy_group group = {.id = hold(policy, "g", i), .name = draw_text(policy)};
        assert_int_equal(sp_policy_add_group(policy, &group), SP_OK);
        for (unsigned p = 0; p < principals; p++) {
            struct sp_policy_member member = {.group = group.id, .principal = hold(policy, "", p)};
            if (draw(2) == 0)
                assert_int_equal(sp_policy_add_member(policy, &member), SP_OK);
        }
    }
    for (unsigned i = 0; i < resources; i++) {
        char ref[160];
        snprintf(ref, sizeof(ref), "t%u/%s", i, draw_text(policy));
        struct sp_policy_resource resource = {.ref = sp_policy_text(policy, sp_str_from(ref))};
        if (principals > 0 && draw(2) == 0)
            resource.creator = hold(policy, "", draw(principals));
        assert_int_equal(sp_policy_add_resource(policy, &resource), SP_OK);
        add_shares(policy, resource.ref, principals, groups);
    }
    sp_policy_sort(policy);
}

static void random_policies_are_read_as_they_were_written(void **state) {
    (void)state;
    const char *given = getenv("SP_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SP_TEST_SEED=%u\n", seed);
    random_state = seed;
    for (int i = 0; i < 300; i++) {
        struct model before, after, again;
        model_init(&before);
        draw_policy(&before.policy);
        for (size_t section = 0; section < SP_POLICY_SECTIONS; section++)
            before.policy.has[section] = true;
        char *text = write_policy(&before.policy);
        model_read(&after, text);
        assert_no_edits(&before.policy, &after, text);
        assert_no_edits(&after.policy, &before, text);
        char *text_again = write_policy(&after.policy);
        assert_string_equal(text_again, text);
        model_read(&again, text_again);
        free(text);
        free(text_again);
        model_fini(&before);
        model_fini(&after);
        model_fini(&again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_only_what_must_be),
        cmocka_unit_test(random_policies_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
