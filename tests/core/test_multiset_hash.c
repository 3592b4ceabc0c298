/* The hash of a set: against values that the openssl command and Python computed, and its laws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/digest.h"
#include "core/multiset_hash.h"

enum { ELEMENTS = 50 };

static void make_element(unsigned number, uint8_t ret_element[static SP_DIGEST_BYTES]) {
    uint8_t byte = (uint8_t)number;
    sp_sha256(&byte, 1, ret_element);
}

static void assert_digest(const struct sp_multiset_hash *hash, const char *expected) {
    uint8_t digest[SP_DIGEST_BYTES];
    char text[2 * SP_DIGEST_BYTES + 1];
    sp_multiset_hash_digest(hash, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
}

/* Element n is SHA-256(byte n), expanded by `openssl enc -aes-256-ctr -K <element> -iv 0` of 2,048
 * zeros. */
static void sums_the_expanded_elements(void **state) {
    static const char *const digests[] = {
        "e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad", /* of the empty set */
        "dcdc7770ad6f5521483c295b89ccc3f9a703ba81cbc293d1f852a6d981aa1ffb",
        "53a6f21ffd25fd1fb2e08ea0aeae8060d7df9d300367cd37ea0f07476f8fe1d3",
        "8e9931fa0e5ec960f6c4db728c8161641422bf1ec682d16e2911b08bb829cccb",
    };
    struct sp_expander *expander = sp_expander_create();
    struct sp_multiset_hash hash = {.lanes = {0}};
    (void)state;
    assert_non_null(expander);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t element[SP_DIGEST_BYTES];
        assert_digest(&hash, digests[i]);
        make_element(i, element);
        sp_multiset_hash_add(&hash, expander, element);
    }
    sp_expander_free(expander);
}

static void only_the_elements_matter_and_not_their_order(void **state) {
    struct sp_expander *expander = sp_expander_create();
    struct sp_multiset_hash up = {.lanes = {0}}, down = up, empty = up;
    uint8_t element[SP_DIGEST_BYTES];
    (void)state;
    assert_non_null(expander);
    for (unsigned i = 0; i < ELEMENTS; i++) {
        make_element(i, element);
        sp_multiset_hash_add(&up, expander, element);
        make_element(ELEMENTS - 1 - i, element);
        sp_multiset_hash_add(&down, expander, element);
    }
    assert_memory_equal(&up, &down, sizeof(up));
    /* One more or one less is another set. */
    make_element(ELEMENTS, element);
    sp_multiset_hash_add(&down, expander, element);
    assert_memory_not_equal(&up, &down, sizeof(up));
    sp_multiset_hash_remove(&down, expander, element);
    assert_memory_equal(&up, &down, sizeof(up));
    for (unsigned i = 0; i < ELEMENTS; i++) {
        make_element((i * 7) % ELEMENTS, element);
        sp_multiset_hash_remove(&up, expander, element);
    }
    assert_memory_equal(&up, &empty, sizeof(up));
    sp_expander_free(expander);
}

static void a_difference_can_be_gathered_and_joined_later(void **state) {
    struct sp_expander *expander = sp_expander_create();
    struct sp_multiset_hash at_once = {.lanes = {0}}, joined = at_once, difference = at_once;
    uint8_t element[SP_DIGEST_BYTES], bytes[SP_MULTISET_HASH_BYTES];
    (void)state;
    assert_non_null(expander);
    make_element(1, element);
    sp_multiset_hash_add(&joined, expander, element);
    sp_multiset_hash_remove(&difference, expander, element);
    make_element(2, element);
    sp_multiset_hash_add(&difference, expander, element);
    sp_multiset_hash_add(&at_once, expander, element);
    sp_multiset_hash_join(&joined, &difference);
    assert_memory_equal(&joined, &at_once, sizeof(joined));
    sp_multiset_hash_encode(&joined, bytes);
    sp_multiset_hash_decode(bytes, &difference);
    assert_memory_equal(&joined, &difference, sizeof(joined));
    sp_expander_free(expander);
    sp_expander_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_the_expanded_elements),
        cmocka_unit_test(only_the_elements_matter_and_not_their_order),
        cmocka_unit_test(a_difference_can_be_gathered_and_joined_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
