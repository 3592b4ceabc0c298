/* Digests as exports of other systems hold them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/digest.h"
#include "core/digest_text.h"

#define HEX "d4c8d1db8c4d1f9e9a4a1ad3c50a2ab1d0f7e7d3f2e0b7a1c6d5e4f3a2b1c0ff"

static void every_usual_form_is_the_same_digest(void **state) {
    static const struct {
        const char *text;
        const char *hex; /* NULL: refused */
    } rows[] = {
        {HEX, HEX},
        {"D4C8D1DB8C4D1F9E9A4A1AD3C50A2AB1D0F7E7D3F2E0B7A1C6D5E4F3A2B1C0FF", HEX},
        {"D4c8d1DB8C4D1F9E9A4A1AD3C50A2AB1D0F7E7D3F2E0B7A1C6D5E4F3A2B1C0ff", HEX},
        {"sha256:" HEX, HEX},
        {"SHA256:" HEX, HEX},
        {"1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86KxwP8=", HEX},
        {"1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86KxwP8", HEX},
        {"sha256:1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86KxwP8=", HEX},
        {"++/7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
         "fbeffbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfb"},
        {"--_7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
         "fbeffbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfb"},
        {"", NULL},
        {"sha256:", NULL},
        {"sha512:" HEX, NULL},
        {"sha256:sha256:" HEX, NULL},
        {HEX "0", NULL},
        {HEX HEX, NULL},
        {" " HEX, NULL},
        {"g4c8d1db8c4d1f9e9a4a1ad3c50a2ab1d0f7e7d3f2e0b7a1c6d5e4f3a2b1c0ff", NULL},
        {"1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86KxwP8==", NULL},
        {"1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86KxwP9", NULL},  /* leftover bits */
        {"1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86KxwP", NULL},   /* 31 bytes and a half */
        {"-+/7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=", NULL}, /* of two alphabets */
        {"1MjR24xNH56aShrTxQoqsdD359Py4LehxtXk86Kxw!8=", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t digest[SP_DIGEST_BYTES];
        char hex[2 * SP_DIGEST_BYTES + 1];
        memset(digest, 0x5a, sizeof(digest));
        bool read = sp_sha256_read_text(sp_str_from(rows[i].text), digest);
        for (size_t at = 0; at < sizeof(digest); at++)
            (void)snprintf(hex + 2 * at, 3, "%02x", digest[at]);
        if (read != (rows[i].hex != NULL))
            fail_msg("%s is %s", rows[i].text, read ? hex : "refused");
        assert_string_equal(hex,
                            read ? rows[i].hex : "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_usual_form_is_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
