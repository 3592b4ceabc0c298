/* What people paste when they look for a leaked key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/key_text.h"
#include "core/leaked_text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Keys of other systems: hexadecimal, base64 with padding, with a colon, with dots. */
static const char *const foreign[] = {
    "0123456789abcdef0123456789abcdef",
    "c2VjcmV0LWtleS1vZi1hbm90aGVyLXN5c3RlbQ==",
    "live:4f9a:77aa0cde0f1b",
    "xoxb.2371.aZbYcXdWeV",
};

static char own[SP_KEY_TEXT_BYTES];

struct search {
    const char *wanted;
    size_t visits;
    bool found;
    bool complete;
};

static enum sp_status compare(void *context, struct sp_str candidate, bool complete) {
    struct search *search = context;
    search->visits++;
    assert_in_range(candidate.size, 1, SP_KEY_PRESENTED_MAX_BYTES);
    if (sp_str_equal(candidate, sp_str_from(search->wanted))) {
        search->found = true;
        search->complete |= complete;
    }
    return SP_OK;
}

static void search_text(struct sp_str text, struct search *search) {
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 24), SP_OK);
    assert_int_equal(sp_leaked_text_walk(text, &arena, compare, search), SP_OK);
    sp_arena_fini(&arena);
}

static int make_own_key(void **state) {
    uint8_t random[SP_KEY_RANDOM_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)(i * 37 + 11);
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, own);
    return 0;
}

/* %s is the key. */
static const char *const surroundings[] = {
    "%s",
    "%s\n",
    "  %s\r\n",
    "\t%s ",
    "\"%s\"",
    "'%s'",
    "`%s`",
    "\xe2\x80\x9c%s\xe2\x80\x9d",
    "\xc2\xab%s\xc2\xbb",
    "\xef\xbb\xbf%s",
    "\xc2\xa0%s\xe2\x80\x8b",
    "Bearer %s",
    "Authorization: Bearer %s",
    "-H 'authorization: Bearer %s' https://api.example.org/v1/voices",
    "x-api-key: %s",
    "export SALLYPORT_KEY=%s",
    "SALLYPORT_KEY=\"%s\"; run",
    "{\"api_key\": \"%s\", \"id\": 7}",
    "{\"api_key\":\"%s\"}",
    "api_key: %s,",
    "https://api.example.org/v1?key=%s&x=1",
    "curl -u %s: https://api.example.org",
    "I think that (%s) leaked.",
    "found: %s.",
    "<%s>",
    "line one\nline two %s\nline three",
    "%s %s",
};

static void a_key_is_found_in_whatever_is_around_it(void **state) {
    (void)state;
    for (size_t k = 0; k <= COUNT(foreign); k++)
        for (size_t i = 0; i < COUNT(surroundings); i++) {
            char text[1024] = "";
            size_t size = 0;
            struct search search = {.wanted = k < COUNT(foreign) ? foreign[k] : own};
            for (const char *at = surroundings[i]; *at != '\0'; at++)
                if (at[0] == '%' && at[1] == 's') {
                    size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", search.wanted);
                    at++;
                } else {
                    text[size++] = *at;
                }
            search_text((struct sp_str){text, size}, &search);
            if (!search.found || search.complete != (k == COUNT(foreign)))
                fail_msg("%s is not found in: %.*s", search.wanted, (int)size, text);
        }
}

static void a_key_of_ours_is_found_within_words_and_over_lines(void **state) {
    static const char *const rows[] = {"key%s", "%sand", "x_%s_y", "a-%s-b"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[256];
        struct search search = {.wanted = own};
        const char *mark = strstr(rows[i], "%s");
        size_t size = (size_t)snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - rows[i]), rows[i], own, mark + 2);
        search_text((struct sp_str){text, size}, &search);
        assert_true(search.found);
    }
    for (size_t cut = 1; cut < strlen(own); cut++) {
        char text[256];
        struct search search = {.wanted = own};
        size_t size = (size_t)snprintf(text, sizeof(text), "> %.*s\n  %s", (int)cut, own, own + cut);
        search_text((struct sp_str){text + 2, size - 2}, &search);
        assert_true(search.found);
    }
}

static void the_user_name_of_basic_credentials_is_a_key(void **state) {
    struct search search = {.wanted = "another-key-1"};
    (void)state;
    search_text(SP_STR_LITERAL("Authorization: Basic YW5vdGhlci1rZXktMTo="), &search);
    assert_true(search.found);
}

/* Encodes as base64 with padding, wrapped after so many characters; 0: not. */
static size_t encode_base64(struct sp_str text, bool padded, size_t width, char *ret_text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = 0, column = 0;
    for (size_t at = 0; at < text.size; at += 3) {
        unsigned bits = 0;
        size_t count = text.size - at < 3 ? text.size - at : 3;
        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < count ? (unsigned char)text.data[at + i] : 0);
        for (size_t i = 0; i < 4 && (padded || i <= count); i++) {
            ret_text[size++] = i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=';
            if (width > 0 && ++column % width == 0)
                ret_text[size++] = '\n';
        }
    }
    return size;
}

/* %s is base64 of the key in one of the forms before. */
static void a_key_is_found_in_base64(void **state) {
    static const char *const forms[] = {"%s:", "user:%s", "u:%s", "%s", "%s\n", "{\"key\": \"%s\"}"};
    static const char *const places[] = {"%s",
                                         "Authorization: Basic %s",
                                         "curl -H 'authorization: basic %s' https://api.example.org",
                                         "{\"auths\": {\"r.example.org\": {\"auth\": \"%s\"}}}",
                                         "data:\n  key: %s\n",
                                         "CREDENTIALS=%s"};
    (void)state;
    for (size_t k = 0; k <= COUNT(foreign); k++)
        for (size_t i = 0; i < COUNT(forms) * COUNT(places) * 3; i++) {
            char plain[256], encoded[512], text[1024];
            struct search search = {.wanted = k < COUNT(foreign) ? foreign[k] : own};
            const char *form = forms[i % COUNT(forms)], *place = places[i / COUNT(forms) % COUNT(places)];
            size_t way = i / COUNT(forms) / COUNT(places);
            const char *mark = strstr(form, "%s"), *hole = strstr(place, "%s");
            size_t size =
                (size_t)snprintf(plain, sizeof(plain), "%.*s%s%s", (int)(mark - form), form, search.wanted, mark + 2);
            size_t length = encode_base64((struct sp_str){plain, size}, way != 1, way == 2 ? 40 : 0, encoded);
            size = (size_t)snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(hole - place), place, (int)length, encoded,
                                    hole + 2);
            search_text((struct sp_str){text, size}, &search);
            if (!search.found || search.complete != (k == COUNT(foreign)))
                fail_msg("%s is not found in: %s", plain, text);
        }
}

static void a_short_text_is_a_key_only_as_a_whole(void **state) {
    struct search whole = {.wanted = "k1"}, part = {.wanted = "k1"};
    (void)state;
    search_text(SP_STR_LITERAL("k1"), &whole);
    search_text(SP_STR_LITERAL("the key k1 leaked"), &part);
    assert_true(whole.found);
    assert_false(part.found);
}

/* Whatever the text, it has few candidates for its size. */
static void a_long_text_is_searched_with_bounded_work(void **state) {
    static const char *const pieces[] = {"aaaaaaaa ", "aaaaaaaa=", "=", "a", "\"'", "aaaaaaa\xe2\x80\x9d", "Zm9vOg== "};
    char text[SP_LEAKED_TEXT_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct search search = {.wanted = ""};
        size_t size = 0;
        while (size + strlen(pieces[i]) <= sizeof(text)) {
            memcpy(text + size, pieces[i], strlen(pieces[i]));
            size += strlen(pieces[i]);
        }
        search_text((struct sp_str){text, size}, &search);
        assert_true(search.visits <= SP_LEAKED_TEXT_MAX_BYTES);
    }
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct search search = {.wanted = ""};
        srand(seed);
        size_t size = (size_t)rand() % 300;
        for (size_t i = 0; i < size; i++)
            text[i] = (char)(rand() % 256);
        search_text((struct sp_str){text, size}, &search);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_in_whatever_is_around_it),
        cmocka_unit_test(a_key_of_ours_is_found_within_words_and_over_lines),
        cmocka_unit_test(the_user_name_of_basic_credentials_is_a_key),
        cmocka_unit_test(a_key_is_found_in_base64),
        cmocka_unit_test(a_short_text_is_a_key_only_as_a_whole),
        cmocka_unit_test(a_long_text_is_searched_with_bounded_work),
    };
    return cmocka_run_group_tests(tests, make_own_key, NULL);
}
