/* What is hidden in messages and log lines, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mask.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text_out.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define KEY "sp_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13hK2Pz"

static void hides_keys_of_known_forms(void **state) {
    (void)state;
    static const struct {
        const char *text, *masked;
    } rows[] = {
        {KEY, "sp_***K2Pz"},
        {"no key '" KEY "' here", "no key 'sp_***K2Pz' here"},
        {"/tmp/" KEY ": No such file", "/tmp/sp_***K2Pz: No such file"},
        {"Bearer " KEY "," KEY "\n", "Bearer sp_***K2Pz,sp_***K2Pz\n"},
        {"acme"
         "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13hK2Pz",
         "***K2Pz"},
        {"acme-live_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13hK2Pz!", "acme-live_***K2Pz!"},
        /* cut off, or with a letter too many */
        {"sp_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuC", "sp_***jnuC"},
        {"sp_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13hK2PzX", "sp_***2PzX"},
        /* of other systems */
        {"sk_0123456789abcdef0123456789abcdef0123456789abcdef", "sk_***cdef"},
        {"--sk_0123456789abcdef0123456789abcdef", "--sk_***cdef"},
        {"'sk-proj-abc_def-0123456789abcdef'", "'sk-***cdef'"},
        {"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_***8B4a"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123", "***_123"},
        {"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN", "***KLMN"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s", rows[i].text);
        sp_mask_text(text);
        assert_string_equal(text, rows[i].masked);
        sp_mask_text(text);
        assert_string_equal(text, rows[i].masked);
    }
}

static void leaves_ids_and_digests_alone(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "the key narrator-1 of usr_0123456789ABCDEFabcd in ws_ZYXWVUTSRQPONMLKJIHG",
        "voice/21m00Tcm4TlvDq8ikWAM",
        "550e8400-e29b-41d4-a716-446655440000",
        "550e8400e29b41d4a716446655440000",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "task-1234567890123456789012345",
        "sk_live",
        "sk-a-name-without-any-number-in-it",
        "arn:aws:iam::123456789012:role/ProductionReadOnlyAccess",
        "/var/lib/sallyport/store/data.mdb: No such file or directory",
        "RegisterResourceWithInitialGrants",
        "SALLYPORT_SYNC_ETCD_ALLOW_UNAUTHENTICATED",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s", texts[i]);
        sp_mask_text(text);
        assert_string_equal(text, texts[i]);
    }
}

/* Whatever the key, its prefix and what stands around it: no eight characters of it in a row are
 * left. */
static void no_part_of_a_random_key_is_left(void **state) {
    (void)state;
    static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const char *const before[] = {"", "no key ", "'", "a/", "\xc3\xa4", "--key-file=", "x_", "sp_", "s"};
    static const char *const after[] = {"", ": not found", "'", "/b", "\xc3\xa4", "\n", "_", "-1"};
    for (int round = 0; round < 20000; round++) {
        uint8_t random[49];
        char key[50] = "", text[128];
        assert_int_equal(sp_random_fill(random, sizeof(random)), SP_OK);
        for (size_t i = 0; i < sizeof(random); i++)
            key[i] = base62[random[i] % 62];
        const char *first = before[(size_t)round % COUNT(before)], *last = after[(size_t)round % COUNT(after)];
        int size = snprintf(text, sizeof(text), "%s%s%s", first, key, last);
        sp_mask_text(text);
        assert_true(strlen(text) <= (size_t)size);
        assert_memory_equal(text, first, strcmp(first, "s") == 0 ? 0 : strlen(first));
        assert_string_equal(text + strlen(text) - strlen(last), last);
        for (size_t i = 0; i + 8 <= sizeof(random); i++) {
            char part[9] = "";
            memcpy(part, key + i, 8);
            if (strstr(text, part) != NULL)
                fail_msg("%s%s%s became %s", first, key, last, text);
        }
    }
}

static void error_messages_are_masked_where_they_are_made(void **state) {
    (void)state;
    struct sp_error error;
    (void)sp_error_set(&error, SP_ERR_NOT_FOUND, "no key '%s' in workspace acme", KEY);
    assert_string_equal(error.message, "no key 'sp_***K2Pz' in workspace acme");
}

static void json_and_text_lines_are_masked_where_they_are_written(void **state) {
    (void)state;
    char memory[256];
    struct sp_text_out out;
    sp_text_out_init(&out, memory, sizeof(memory));
    sp_json_open(&out);
    sp_json_text(&out, "a", SP_STR_LITERAL("\"" KEY "\" and " KEY));
    sp_json_text_cut(&out, "b", SP_STR_LITERAL(KEY));
    sp_json_close(&out);
    memory[out.used] = '\0';
    assert_string_equal(memory, "{\"a\":\"\\\"sp_***K2Pz\\\" and sp_***K2Pz\",\"b\":\"sp_***K2Pz\"}");
    sp_text_out_init(&out, memory, sizeof(memory));
    sp_text_put_line(&out, SP_STR_LITERAL("id=" KEY "\n."));
    memory[out.used] = '\0';
    assert_string_equal(memory, "id=sp_***K2Pz\\u000a.");
}

/* A beginning of a key must not come to light because the rest does not fit. */
static void a_key_that_does_not_fit_shows_nothing_of_itself(void **state) {
    (void)state;
    for (size_t room = 0; room < 80; room++) {
        char memory[80];
        struct sp_text_out out;
        sp_text_out_init(&out, memory, room);
        if (room >= 2) {
            sp_json_open(&out);
            sp_json_text_cut(&out, "a", SP_STR_LITERAL("id " KEY));
            sp_json_close(&out);
        } else {
            sp_text_put_line(&out, SP_STR_LITERAL("id " KEY));
        }
        for (size_t i = 0; i + 4 <= out.used; i++)
            assert_memory_not_equal(memory + i, "yhjs", 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hides_keys_of_known_forms),
        cmocka_unit_test(leaves_ids_and_digests_alone),
        cmocka_unit_test(no_part_of_a_random_key_is_left),
        cmocka_unit_test(error_messages_are_masked_where_they_are_made),
        cmocka_unit_test(json_and_text_lines_are_masked_where_they_are_written),
        cmocka_unit_test(a_key_that_does_not_fit_shows_nothing_of_itself),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 100 ? 100 : failed;
}
