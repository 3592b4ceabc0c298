/* Which credential is meant, when several headers carry one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
    {{"Bearer abc "}, "abc", false},
    {{"Bearer \t abc\t "}, "abc", false},
    {{"= abc\t"}, "abc", false},
    {{"=abc,abc"}, "abc", false},
    {{"=abc, abc"}, "abc", false},
    {{"=abc,"}, "abc", false},
    {{"=,abc"}, "abc", false},
    {{"=, ,\t,"}, "", false},
    {{"=abc,abd"}, "abc", true},
    {{"=abc,abc,abd"}, "abc", true},
    {{"=abc,abc", "=abc"}, "abc", false},
    {{"Bearer abc,Bearer abc"}, "abc", false},
    {{"Bearer abc, bearer  abc,"}, "abc", false},
    {{"Bearer abc,abc"}, "abc", true},
    {{"Bearer abc,Basic abc"}, "abc", true},
    {{"Basic abc,Bearer abc"}, "abc", true},
    {{"Digest a=\"b\", c=\"d\""}, "", false},
    {{"Bearer"}, "", false},
    {{"Bearer "}, "", false},
    {{"Bearer    "}, "", false},
    {{"Bearerabc"}, "", false},
    {{"Bearer\tabc"}, "", false},
    {{" Bearer abc"}, "abc", false},
    {{"Basic abc"}, "", false},
    {{"Bearer abc, Bearer abd"}, "abc", true},
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
    {{"=abc", "Basic abc"}, "abc", false},
    {{"Basic abc", "=abc"}, "abc", false},
    {{"=abc", "Token abd"}, "abc", false},
    {{"=abc", "Digest username=\"u, v\", realm=\"a \\\" b, Bearer abd\", nc=00000001, qop = auth"}, "abc", false},
    {{"=abc", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;range, Signature=fe"}, "abc", false},
    {{"=abc", "Digest a=\"b\", Bearer abc"}, "abc", true},
    {{"=abc", "Digest a=\"\\\"\", Bearer abd"}, "abc", true},
    {{"=abc", "Digest a=\"b\", abd"}, "abc", true},
    {{"=abc", "Basic abc", "Bearer abc"}, "abc", true},
    {{"=abc", "Bearer abd, c=d"}, "abc", true},
    {{"=abc", "abd"}, "abc", true},
    {{"=abc", "c=d"}, "abc", true},
    {{"=abc", "Bearer "}, "abc", true},
    {{"=abc", "Bearer\tabd"}, "abc", true},
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

/* Each with its scheme alone, and with all. */
static const struct {
    unsigned scheme;
    const char *value, *text;
} scheme_rows[] = {
    {SP_CREDENTIAL_BEARER, "Bearer abc", "abc"},
    {SP_CREDENTIAL_TOKEN, "Token abc", "abc"},
    {SP_CREDENTIAL_TOKEN, "token  abc", "abc"},
    {SP_CREDENTIAL_API_KEY, "ApiKey abc", "abc"},
    {SP_CREDENTIAL_API_KEY, "APIKEY abc", "abc"},
    {SP_CREDENTIAL_API_KEY, "Api-Key abc", ""},
    {SP_CREDENTIAL_BASIC, "Basic c3BfYWJjOg==", "sp_abc"},
    {SP_CREDENTIAL_BASIC, "basic c3BfYWJjOg==", "sp_abc"},
    {SP_CREDENTIAL_BASIC, "Basic YWJjZDo=", "abcd"},
    {SP_CREDENTIAL_BASIC, "Basic fn5+Og==", "~~~"},
    {SP_CREDENTIAL_BASIC, "Basic fn5-Og==", ""},     /* the other alphabet */
    {SP_CREDENTIAL_BASIC, "Basic c3BfYWJjOg", ""},   /* without its padding */
    {SP_CREDENTIAL_BASIC, "Basic c3BfYWJjOh==", ""}, /* leftover bits */
    {SP_CREDENTIAL_BASIC, "Basic c3BfYWJjOg====", ""},
    {SP_CREDENTIAL_BASIC, "Basic c3BfYWJj", ""}, /* no colon */
    {SP_CREDENTIAL_BASIC, "Basic YWJjOnB3", ""}, /* a password */
    {SP_CREDENTIAL_BASIC, "Basic YWJjOjo=", ""}, /* the password ":" */
    {SP_CREDENTIAL_BASIC, "Basic Og==", ""},     /* no user name */
    {SP_CREDENTIAL_BASIC, "Basic ====", ""},
    {SP_CREDENTIAL_BASIC, "Basic c3Bf YWJjOg==", ""},
};

static void a_scheme_carries_a_key_only_where_it_may(void **state) {
    enum { ALL = SP_CREDENTIAL_BEARER | SP_CREDENTIAL_BASIC | SP_CREDENTIAL_TOKEN | SP_CREDENTIAL_API_KEY };
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 4096, 65536), SP_OK);
    for (size_t i = 0; i < COUNT(scheme_rows); i++) {
        const unsigned with[] = {scheme_rows[i].scheme, ALL}, without = ALL & ~scheme_rows[i].scheme;
        for (size_t j = 0; j < COUNT(with); j++) {
            struct sp_credential credential = {.schemes = with[j], .arena = &arena};
            sp_credential_offer_authorization(&credential, sp_str_from(scheme_rows[i].value));
            if (!sp_str_equal(credential.text, sp_str_from(scheme_rows[i].text)))
                fail_msg("%s: \"%.*s\"", scheme_rows[i].value, SP_STR_ARG(credential.text));
            assert_int_equal(credential.other_scheme || credential.unclear, credential.text.size == 0);
            sp_credential_offer_key(&credential, SP_STR_LITERAL("another"));
            assert_int_equal(sp_credential_is_ambiguous(&credential), !credential.other_scheme);
        }
        struct sp_credential credential = {.schemes = without, .arena = &arena};
        sp_credential_offer_authorization(&credential, sp_str_from(scheme_rows[i].value));
        assert_int_equal(credential.text.size, 0);
        assert_true(credential.other_scheme);
        sp_credential_offer_key(&credential, SP_STR_LITERAL("another"));
        assert_false(sp_credential_is_ambiguous(&credential));
        sp_arena_reset(&arena);
    }
    sp_arena_fini(&arena);
}

static void a_user_name_is_a_key_of_up_to_512_bytes(void **state) {
    char encoded[1024] = "Basic ";
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 4096, 65536), SP_OK);
    for (size_t groups = 170; groups < 173; groups++) { /* "aaa" a group, then "aa:" */
        for (size_t i = 0; i < groups; i++)
            memcpy(encoded + 6 + 4 * i, i + 1 < groups ? "YWFh" : "YWE6", 5);
        struct sp_credential credential = {.schemes = SP_CREDENTIAL_BASIC, .arena = &arena};
        sp_credential_offer_authorization(&credential, sp_str_from(encoded));
        assert_int_equal(credential.text.size, groups < 172 ? 3 * groups - 1 : 0);
    }
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_credential_is_meant_or_nobody_can_say),
        cmocka_unit_test(a_scheme_carries_a_key_only_where_it_may),
        cmocka_unit_test(a_user_name_is_a_key_of_up_to_512_bytes),
    };
    return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
