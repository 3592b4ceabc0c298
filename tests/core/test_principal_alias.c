/* Aliases of principals: of one alphabet, one for each id, and back. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/principal_alias.h"

static void each_id_has_one_alias_that_leads_back(void **state) {
    static const struct {
        const char *id, *alias;
    } rows[] = {
        {"narrator", "narrator"},
        {"usr_0123-AZ", "usr_0123-AZ"},
        {"auth0|5f7c8ec7", "p64_YXV0aDB8NWY3YzhlYzc"},
        {"ann@example.com", "p64_YW5uQGV4YW1wbGUuY29t"},
        {"arn:aws:iam::123456789012:user/Bob", "p64_YXJuOmF3czppYW06OjEyMzQ1Njc4OTAxMjp1c2VyL0JvYg"},
        {"spiffe://example.org/ns/prod/sa/api", "p64_c3BpZmZlOi8vZXhhbXBsZS5vcmcvbnMvcHJvZC9zYS9hcGk"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char alias[SP_PRINCIPAL_ALIAS_BYTES], id[SP_PRINCIPAL_ID_MAX_BYTES];
        size_t size = 0;
        assert_int_equal(sp_text_check_principal_id(sp_str_from(rows[i].id), "id", NULL), SP_OK);
        sp_principal_alias_write(sp_str_from(rows[i].id), alias);
        assert_string_equal(alias, rows[i].alias);
        bool read = sp_principal_alias_read(sp_str_from(alias), id, &size);
        assert_int_equal(read, strcmp(rows[i].id, rows[i].alias) != 0);
        if (read)
            assert_true(sp_str_equal((struct sp_str){id, size}, sp_str_from(rows[i].id)));
    }
}

static void what_no_alias_can_be_is_an_id(void **state) {
    static const char *const texts[] = {
        "",
        "narrator",
        "p64",
        "p64_",
        "p64_bmFy",                /* "nar", which is its own alias */
        "p64_AA",                  /* a NUL */
        "p64_YSBi",                /* "a b" */
        "p64_YXV0aDB8NWY3YzhlYzd", /* leftover bits */
        "p64_YXV0aDB8NWY3YzhlYzc=",
        "p64_|",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char id[SP_PRINCIPAL_ID_MAX_BYTES];
        size_t size = 77;
        if (sp_principal_alias_read(sp_str_from(texts[i]), id, &size))
            fail_msg("%s is %.*s", texts[i], (int)size, id);
        assert_int_equal(size, 77);
    }
}

static void random_ids_keep_their_aliases_apart(void **state) {
    static const char alphabet[] = "abcXYZ019_.@:+|/-";
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL), random = seed * 2 + 1;
    (void)state;
    print_message("SP_TEST_SEED=%" PRIu64 "\n", seed);
    for (unsigned round = 0; round < 2000; round++) {
        char id[SP_PRINCIPAL_ID_MAX_BYTES], back[SP_PRINCIPAL_ID_MAX_BYTES], alias[SP_PRINCIPAL_ALIAS_BYTES];
        size_t size = round < 4 ? 253 + round : 1, back_size = 0;
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        if (round >= 4)
            size = 1 + (size_t)(random >> 33) % SP_PRINCIPAL_ID_MAX_BYTES;
        for (size_t i = 0; i < size; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            id[i] = i == 0 ? 'a' : alphabet[(random >> 33) % (sizeof(alphabet) - 1)];
        }
        sp_principal_alias_write((struct sp_str){id, size}, alias);
        for (const char *c = alias; *c != '\0'; c++)
            assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *c));
        if (!sp_principal_alias_read(sp_str_from(alias), back, &back_size)) {
            back_size = strlen(alias);
            assert_true(back_size <= sizeof(back));
            memcpy(back, alias, back_size);
        }
        assert_int_equal(back_size, size);
        assert_memory_equal(back, id, size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_id_has_one_alias_that_leads_back),
        cmocka_unit_test(what_no_alias_can_be_is_an_id),
        cmocka_unit_test(random_ids_keep_their_aliases_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
