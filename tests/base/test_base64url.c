#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64url.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* RFC 4648 section 10, without padding, and the two characters that differ from base64. */
static const struct {
    const char *bytes, *text;
} vectors[] = {
    {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"},
};

static void writes_and_reads_the_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char text[16];
        uint8_t bytes[16];
        size_t size = 99;
        struct sp_str plain = sp_str_from(vectors[i].bytes);
        sp_base64url_encode((struct sp_bytes){(const uint8_t *)plain.data, plain.size}, text);
        assert_string_equal(text, vectors[i].text);
        assert_true(sp_base64url_decode(sp_str_from(text), bytes, plain.size, &size));
        assert_int_equal(size, plain.size);
        assert_memory_equal(bytes, plain.data, size);
        if (plain.size > 0)
            assert_false(sp_base64url_decode(sp_str_from(text), bytes, plain.size - 1, &size));
    }
}

static void refuses_what_it_does_not_write(void **state) {
    (void)state;
    static const char *const texts[] = {"Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm 8", "Zm+v", "Zm/v", "Zm9vZ", "\xc3\xa4"};
    uint8_t bytes[16];
    size_t size;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_false(sp_base64url_decode(sp_str_from(texts[i]), bytes, sizeof(bytes), &size));
    assert_false(sp_base64url_decode((struct sp_str){"Zg\0", 3}, bytes, sizeof(bytes), &size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_the_vectors),
        cmocka_unit_test(refuses_what_it_does_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
