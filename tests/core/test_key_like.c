/* What looks like a key, where an id or a name belongs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/key_like.h"
#include "core/key_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t random_bytes[SP_KEY_RANDOM_BYTES] = {9, 200, 33, 4, 5, 6, 7, 8, 250, 11, 12, 13, 14, 15, 16, 17};

static bool looks_like_key(const char *text) {
    struct sp_str part;
    return sp_key_like_find(sp_str_from(text), &part);
}

static void a_complete_key_is_found_wherever_it_stands(void **state) {
    (void)state;
    static const char *const prefixes[] = {"sp_", "acme-live_", "k", "A0123456789_bcde"};
    static const char *const around[][2] = {{"", ""}, {"my key ", ""}, {"Bearer ", "."}, {"auth0|", "|x"}, {"'", "'"}};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        for (size_t j = 0; j < COUNT(around); j++) {
            char key[SP_KEY_TEXT_BYTES], text[128];
            sp_key_text_make(sp_str_from(prefixes[i]), random_bytes, key);
            snprintf(text, sizeof(text), "%s%s%s", around[j][0], key, around[j][1]);
            if (!looks_like_key(text))
                fail_msg("%s", text);
            sp_key_like_mask(text);
            assert_non_null(strstr(text, prefixes[i]));
            assert_non_null(strstr(text, "***"));
            assert_null(strstr(text, key + strlen(prefixes[i])));
            assert_true(strlen(text) < 64);
        }
    }
}

static void known_forms_look_like_keys_and_ids_of_others_do_not(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool like;
    } rows[] = {
        /* a key of ours with a typing error: 49 characters behind a prefix */
        {"sp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm", true},
        {"sp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl", false},
        {"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm", false},
        {"_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm", false},
        {"sp_0123456789abcdefghij0123456789abcdefghij012345678", false},
        /* keys of other systems */
        {"sk_f00d0123456789abcdef0123456789abcdef0123456789ab", true},
        {"sk_live_51HabcdefGHIJKL0123456789", true},
        {"xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUv1x", true},
        {"ghp_0123456789abcdefghijABCDEFGHIJ012345", true},
        {"Authorization: Bearer sk-proj-abcdef0123456789ABCDEF_x", true},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", true},
        /* ids that begin as such keys do */
        {"sk_", false},
        {"sk_department", false},
        {"pk-warehouse-eu-central-1-frankfurt", false},
        {"rk-2024-europe-production-eu1", false},
        {"pk-7b1c0a52-3c8e-4b60-9a4e-0a6a1e8f3f10", false},
        {"task_0123456789abcdef0123456789abcdef", false},
        {"sk-00000000000000000000", false},
        {"eyJpZCI6MTIzNDU2Nzg5LCJuYW1lIjoiYSJ9", false},
        {"eyJ.and.so", false},
        /* ids that others give out */
        {"auth0|5f7c8ec7c33c6c004bbafe82", false},
        {"google-oauth2|103547991597142817347", false},
        {"AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", false},
        {"user_2NNEqL2nrIRdJ194ndJqAHwEfxC", false},
        {"arn:aws:sts::123456789012:assumed-role/Reader/i-0abcd1234efgh5678", false},
        {"spiffe://example.org/ns/default/sa/narrator", false},
        {"00000000-0000-4000-8000-000000000000", false},
        {"key_7SV0p9OCiF2mTWS6bYZT", false},
        {"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", false},
        {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false},
        {"Production", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];
        if (looks_like_key(rows[i].text) != rows[i].like)
            fail_msg("%s", rows[i].text);
        snprintf(text, sizeof(text), "%s", rows[i].text);
        sp_key_like_mask(text);
        assert_int_equal(strcmp(text, rows[i].text) == 0, !rows[i].like);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_key_is_found_wherever_it_stands),
        cmocka_unit_test(known_forms_look_like_keys_and_ids_of_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
