#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "core/digest.h"
#include "core/key_text.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const struct sp_str sp_prefix = {"sp_", 3};

static void texts_are_as_drawn(void **state) {
    (void)state;
    static const struct {
        const char *prefix;
        uint8_t fill;
        const char *body; /* of the number in base 62, worked out apart from this program */
    } cases[] = {
        {"sp_", 0x00, "0000000000000000000000000000000000000000000"},
        {"k", 0x01, "0El6XFXwsUFD8J2vGxsaboW7rZYnQRBP5d9erwRwd29"},
        {"acme-live_012345", 0xff, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t random[SP_KEY_RANDOM_BYTES];
        char text[SP_KEY_TEXT_BYTES];
        struct sp_str prefix = sp_str_from(cases[i].prefix);
        memset(random, cases[i].fill, sizeof(random));
        sp_key_text_make(prefix, random, text);
        assert_int_equal(strlen(text), prefix.size + SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS);
        assert_memory_equal(text, prefix.data, prefix.size);
        assert_memory_equal(text + prefix.size, cases[i].body, SP_KEY_BODY_CHARS);
        assert_int_equal(sp_key_text_judge(sp_str_from(text), &prefix, 1, false), SP_KEY_FORM_VALID);
    }
}

static void the_check_is_crc32_of_all_before_it(void **state) {
    (void)state;
    uint8_t random[SP_KEY_RANDOM_BYTES] = {0};
    char text[SP_KEY_TEXT_BYTES];
    sp_key_text_make(sp_prefix, random, text);
    /* CRC-32/ISO-HDLC, bit by bit. */
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < 46; i++) {
        crc ^= (uint8_t)text[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0U - (crc & 1)));
    }
    crc = ~crc;
    uint64_t read = 0;
    for (size_t i = 46; i < 52; i++)
        read = read * 62 + (uint64_t)(strchr(base62, text[i]) - base62);
    assert_int_equal(read, crc);
}

/* The number that a body stands for. */
static void body_to_bytes(const char *body, uint8_t ret_bytes[static SP_KEY_RANDOM_BYTES]) {
    memset(ret_bytes, 0, SP_KEY_RANDOM_BYTES);
    for (size_t i = 0; i < SP_KEY_BODY_CHARS; i++) {
        unsigned carry = (unsigned)(strchr(base62, body[i]) - base62);
        for (size_t j = SP_KEY_RANDOM_BYTES; j-- > 0;) {
            carry += ret_bytes[j] * 62U;
            ret_bytes[j] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
    }
}

static void a_body_reads_back_as_its_bytes(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t random[SP_KEY_RANDOM_BYTES];
        uint8_t read[SP_KEY_RANDOM_BYTES];
        char text[SP_KEY_TEXT_BYTES];
        assert_int_equal(sp_random_fill(random, sizeof(random)), SP_OK);
        sp_key_text_make(sp_prefix, random, text);
        body_to_bytes(text + sp_prefix.size, read);
        assert_memory_equal(read, random, sizeof(read));
        assert_int_equal(sp_key_text_judge(sp_str_from(text), &sp_prefix, 1, false), SP_KEY_FORM_VALID);
    }
}

static void every_single_character_error_is_caught(void **state) {
    (void)state;
    uint8_t random[SP_KEY_RANDOM_BYTES] = {7, 42, 99};
    char text[SP_KEY_TEXT_BYTES];
    sp_key_text_make(sp_prefix, random, text);
    struct sp_str whole = sp_str_from(text);
    for (size_t i = 0; i < whole.size; i++) {
        char right = text[i];
        for (unsigned c = 0; c < 256; c++) {
            text[i] = (char)c;
            assert_int_equal(sp_key_text_judge(whole, &sp_prefix, 1, false),
                             text[i] == right ? SP_KEY_FORM_VALID : SP_KEY_FORM_MALFORMED);
        }
        text[i] = right;
    }
}

static void every_swap_loss_and_doubling_is_caught(void **state) {
    (void)state;
    uint8_t random[SP_KEY_RANDOM_BYTES] = {200, 1};
    char text[SP_KEY_TEXT_BYTES];
    sp_key_text_make(sp_prefix, random, text);
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        char wrong[SP_KEY_TEXT_BYTES + 1];
        memcpy(wrong, text, size);
        memmove(wrong + i, text + i + 1, size - i - 1);
        assert_int_equal(sp_key_text_judge((struct sp_str){wrong, size - 1}, &sp_prefix, 1, false),
                         SP_KEY_FORM_MALFORMED);
        memcpy(wrong, text, size);
        memmove(wrong + i + 1, text + i, size - i);
        assert_int_equal(sp_key_text_judge((struct sp_str){wrong, size + 1}, &sp_prefix, 1, false),
                         SP_KEY_FORM_MALFORMED);
        memcpy(wrong, text, size);
        if (i + 1 == size || wrong[i] == wrong[i + 1])
            continue;
        wrong[i] = text[i + 1];
        wrong[i + 1] = text[i];
        assert_int_equal(sp_key_text_judge((struct sp_str){wrong, size}, &sp_prefix, 1, false), SP_KEY_FORM_MALFORMED);
    }
}

static void judges_by_prefixes_and_foreign_keys(void **state) {
    (void)state;
    const struct sp_str prefixes[] = {SP_STR_LITERAL("sp_"), SP_STR_LITERAL("sp"), SP_STR_LITERAL("acme-")};
    uint8_t random[SP_KEY_RANDOM_BYTES] = {5};
    char ours[SP_KEY_TEXT_BYTES];
    char shorter[SP_KEY_TEXT_BYTES];
    char acme[SP_KEY_TEXT_BYTES];
    char others[SP_KEY_TEXT_BYTES];
    static char long_text[SP_KEY_PRESENTED_MAX_BYTES + 1];
    memset(long_text, 'x', sizeof(long_text));
    sp_key_text_make(prefixes[0], random, ours);
    sp_key_text_make(prefixes[1], random, shorter);
    sp_key_text_make(prefixes[2], random, acme);
    sp_key_text_make(SP_STR_LITERAL("zz_"), random, others);
    const struct {
        struct sp_str text;
        size_t prefix_count;
        enum sp_key_form closed;
        enum sp_key_form with_foreign;
    } cases[] = {
        {sp_str_from(ours), 3, SP_KEY_FORM_VALID, SP_KEY_FORM_VALID},
        {sp_str_from(shorter), 3, SP_KEY_FORM_VALID, SP_KEY_FORM_VALID},
        {sp_str_from(shorter), 1, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_FOREIGN},
        {sp_str_from(acme), 3, SP_KEY_FORM_VALID, SP_KEY_FORM_VALID},
        {sp_str_from(acme), 2, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_FOREIGN},
        {sp_str_from(others), 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_FOREIGN},
        {sp_str_from(ours), 0, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_FOREIGN},
        {SP_STR_LITERAL("sp_"), 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_MALFORMED},
        {SP_STR_LITERAL("sp_foreign-looking"), 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_MALFORMED},
        {SP_STR_LITERAL(""), 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_MALFORMED},
        {{NULL, 0}, 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_MALFORMED},
        {SP_STR_LITERAL("x"), 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_FOREIGN},
        {{long_text, SP_KEY_PRESENTED_MAX_BYTES}, 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_FOREIGN},
        {{long_text, SP_KEY_PRESENTED_MAX_BYTES + 1}, 3, SP_KEY_FORM_MALFORMED, SP_KEY_FORM_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(sp_key_text_judge(cases[i].text, prefixes, cases[i].prefix_count, false), cases[i].closed);
        assert_int_equal(sp_key_text_judge(cases[i].text, prefixes, cases[i].prefix_count, true),
                         cases[i].with_foreign);
    }
}

static void prefixes_are_short_and_plain(void **state) {
    (void)state;
    static const struct {
        const char *prefix;
        bool valid;
    } cases[] = {
        {"sp_", true}, {"a", true},    {"ABCxyz019_-", true}, {"1234567890123456", true}, {"12345678901234567", false},
        {"", false},   {"sp ", false}, {"sp.", false},        {"\xc3\xa9", false},        {"sp/", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_error error = {0};
        enum sp_status status = sp_key_prefix_check(sp_str_from(cases[i].prefix), &error);
        assert_int_equal(status, cases[i].valid ? SP_OK : SP_ERR_INVALID);
        if (!cases[i].valid)
            assert_string_equal(error.message, "key prefix: must be 1 to 16 letters, digits, underscores or hyphens, "
                                               "such as sp_");
    }
    assert_int_equal(sp_key_prefix_check(SP_STR_LITERAL("s\0p"), NULL), SP_ERR_INVALID);
}

static void expect_hex(const uint8_t digest[static SP_DIGEST_BYTES], const char *wanted) {
    char hex[2 * SP_DIGEST_BYTES + 1];
    for (size_t i = 0; i < SP_DIGEST_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, wanted);
}

static void digests_are_those_of_fips_180_4(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *once;
        const char *twice;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
         "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
         "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
         "0cffe17f68954dac3a84fb1458bd5ec99209449749b2b308b7cb55812f9563af"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t digest[SP_DIGEST_BYTES];
        struct sp_str text = sp_str_from(cases[i].text);
        sp_sha256(text.data, text.size, digest);
        expect_hex(digest, cases[i].once);
        sp_key_digest_from_sha256(digest, digest);
        expect_hex(digest, cases[i].twice);
        sp_key_digest_from_text(text, digest);
        expect_hex(digest, cases[i].twice);
    }
    uint8_t digest[SP_DIGEST_BYTES];
    sp_sha256(NULL, 0, digest);
    expect_hex(digest, cases[0].once);
}

static void hints_show_four_characters_at_most(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *hint;
    } cases[] = {
        {"", ""},
        {"abc", ""},
        {"abcd", "d"},
        {"abcdefgh", "gh"},
        {"abcdefghijklmno", "mno"},
        {"abcdefghijklmnop", "mnop"},
        {"abcdefghijklmnopqrstuvwxyz", "wxyz"},
        {"abcdefghijklmn\n\xff", "mn??"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char hint[SP_KEY_HINT_BYTES];
        sp_key_hint(sp_str_from(cases[i].text), hint);
        assert_string_equal(hint, cases[i].hint);
    }
}

static void a_complete_key_is_known_whatever_its_prefix(void **state) {
    (void)state;
    static const char *const prefixes[] = {"sp_", "k", "acme-live_012345"};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        uint8_t random[SP_KEY_RANDOM_BYTES];
        char text[SP_KEY_TEXT_BYTES];
        assert_int_equal(sp_random_fill(random, sizeof(random)), SP_OK);
        sp_key_text_make(sp_str_from(prefixes[i]), random, text);
        size_t size = strlen(text);
        assert_true(sp_key_text_is_complete(sp_str_from(text)));
        assert_false(sp_key_text_is_complete((struct sp_str){text, size - 1}));
        assert_false(sp_key_text_is_complete((struct sp_str){text + 1, size - 1}));
        text[size - 1] = text[size - 1] == '0' ? '1' : '0';
        assert_false(sp_key_text_is_complete(sp_str_from(text)));
    }
    assert_false(sp_key_text_is_complete((struct sp_str){NULL, 0}));
    assert_false(sp_key_text_is_complete(sp_str_from("narrator-1")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_as_drawn),
        cmocka_unit_test(the_check_is_crc32_of_all_before_it),
        cmocka_unit_test(a_body_reads_back_as_its_bytes),
        cmocka_unit_test(every_single_character_error_is_caught),
        cmocka_unit_test(every_swap_loss_and_doubling_is_caught),
        cmocka_unit_test(judges_by_prefixes_and_foreign_keys),
        cmocka_unit_test(prefixes_are_short_and_plain),
        cmocka_unit_test(digests_are_those_of_fips_180_4),
        cmocka_unit_test(hints_show_four_characters_at_most),
        cmocka_unit_test(a_complete_key_is_known_whatever_its_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
