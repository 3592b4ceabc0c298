/* Which credential is meant, when several headers carry one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/credential.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { OFFERS = 3 };

/* "=value" is a key's header, anything else an Authorization header. */
static const struct {
    const char *offers[OFFERS];
    const char *text;
    bool ambiguous;
} rows[] = {
    {{0}, "", false},
    {{"=abc"}, "abc", false},
    {{"="}, "", false},
    {{"Bearer abc"}, "abc", false},
    {{"bearer abc"}, "abc", false},
    {{"BEARER   abc"}, "abc", false},
    {{"Bearer abc "}, "abc ", false},
    {{"Bearer"}, "", false},
    {{"Bearer "}, "", false},
    {{"Bearer    "}, "", false},
    {{"Bearerabc"}, "", false},
    {{"Bearer\tabc"}, "", false},
    {{" Bearer abc"}, "", false},
    {{"Basic abc"}, "", false},
    {{"Bearer abc, Bearer abd"}, "abc, Bearer abd", false},
    {{"=abc", "=abc"}, "abc", false},
    {{"=abc", "=abc", "Bearer abc"}, "abc", false},
    {{"=", "=abc"}, "abc", false},
    {{"=abc", "="}, "abc", false},
    {{"=abc", "=abd"}, "abc", true},
    {{"=abc", "=ABC"}, "abc", true},
    {{"=abc", "=abcd"}, "abc", true},
    {{"=abc", "=abd", "=abc"}, "abc", true},
    {{"=abc", "Bearer abd"}, "abc", true},
    {{"Bearer abd", "=abc"}, "abd", true},
    {{"=abc", "Basic abc"}, "abc", true},
    {{"Basic abc", "=abc"}, "abc", true},
    {{"=abc", "Bearer "}, "abc", true},
    {{"=abc", ""}, "abc", false},
    {{"Basic abc", "Basic abd"}, "", false},
    {{"Basic abc", "Bearer abc"}, "abc", true},
};

static void one_credential_is_meant_or_nobody_can_say(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_credential credential = {0};
        for (size_t j = 0; j < OFFERS && rows[i].offers[j] != NULL; j++) {
            struct sp_str offer = sp_str_from(rows[i].offers[j]);
            if (offer.size > 0 && offer.data[0] == '=')
                sp_credential_offer_key(&credential, (struct sp_str){offer.data + 1, offer.size - 1});
            else
                sp_credential_offer_authorization(&credential, offer);
        }
        if (!sp_str_equal(credential.text, sp_str_from(rows[i].text)) ||
            sp_credential_is_ambiguous(&credential) != rows[i].ambiguous)
            fail_msg("row %zu: \"%.*s\", %d", i, SP_STR_ARG(credential.text), sp_credential_is_ambiguous(&credential));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_credential_is_meant_or_nobody_can_say),
    };
    return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
