#include "base/mask.h"

#include <string.h>

enum { MIXED_LEAST = 32, LETTERS_LEAST = 40, TAIL_LEAST = 20, TOKEN_LEAST = 32, SHORTEST = TAIL_LEAST, SHOWN = 4 };

static const char *const secret_prefixes[] = {"sk_", "sk-",  "rk_",  "rk-",   "pk_",
                                              "pk-", "ghp_", "gho_", "xoxb-", "xoxp-"};

static bool is_digit_char(char c) {
    return c >= '0' && c <= '9';
}

static bool is_upper_char(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_lower_char(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_alnum_char(char c) {
    return is_digit_char(c) || is_upper_char(c) || is_lower_char(c);
}

static bool is_word_char(char c) {
    return is_alnum_char(c) || c == '_' || c == '-';
}

/* How many letters and digits the text begins with. */
static size_t measure_stretch(struct sp_str text) {
    size_t size = 0;
    while (size < text.size && is_alnum_char(text.data[size]))
        size++;
    return size;
}

static bool is_random_stretch(struct sp_str stretch) {
    bool upper = false, lower = false, digit = false;
    if (stretch.size < MIXED_LEAST)
        return false;
    for (size_t i = 0; i < stretch.size; i++) {
        upper = upper || is_upper_char(stretch.data[i]);
        lower = lower || is_lower_char(stretch.data[i]);
        digit = digit || is_digit_char(stretch.data[i]);
    }
    return upper && lower && (digit || stretch.size >= LETTERS_LEAST);
}

size_t sp_mask_prefix_size(struct sp_str text) {
    for (size_t i = 0; i < sizeof(secret_prefixes) / sizeof(*secret_prefixes); i++)
        if (sp_str_begins_with(text, sp_str_from(secret_prefixes[i])))
            return strlen(secret_prefixes[i]);
    return 0;
}

/* The size of what follows the prefix of another system's key; 0: the text does not begin with
 * one. */
static size_t measure_foreign_tail(struct sp_str text, size_t *ret_prefix_size) {
    size_t prefix = sp_mask_prefix_size(text), end = prefix;
    bool digit = false;
    for (; prefix > 0 && end < text.size && is_word_char(text.data[end]); end++)
        digit = digit || is_digit_char(text.data[end]);
    *ret_prefix_size = prefix;
    return digit && end - prefix >= TAIL_LEAST ? end - prefix : 0;
}

static size_t measure_token(struct sp_str text) {
    size_t size = 0;
    if (!sp_str_begins_with(text, SP_STR_LITERAL("eyJ")))
        return 0;
    while (size < text.size && (is_word_char(text.data[size]) || text.data[size] == '.'))
        size++;
    return size >= TOKEN_LEAST ? size : 0;
}

/* "***" and the last four characters. */
static void write_mask(const char *secret, size_t size, char ret_instead[static SP_MASK_BYTES]) {
    memcpy(ret_instead, "***", SP_MASK_BYTES - SHOWN);
    memcpy(ret_instead + SP_MASK_BYTES - SHOWN, secret + size - SHOWN, SHOWN);
}

static bool fill_mask(struct sp_str text, size_t at, size_t size, struct sp_mask *ret_mask) {
    ret_mask->at = at;
    ret_mask->size = size;
    write_mask(text.data + at, size, ret_mask->instead);
    return true;
}

bool sp_mask_find(struct sp_str text, struct sp_mask *ret_mask) {
    size_t at = text.size < SHORTEST ? text.size : 0;
    while (at < text.size) {
        if (!is_alnum_char(text.data[at])) {
            at++;
            continue;
        }
        struct sp_str rest = {text.data + at, text.size - at};
        bool begins_word = at == 0 || text.data[at - 1] != '_';
        size_t prefix = 0, size = begins_word ? measure_token(rest) : 0;
        if (size > 0)
            return fill_mask(text, at, size, ret_mask);
        size = begins_word ? measure_foreign_tail(rest, &prefix) : 0;
        if (size > 0)
            return fill_mask(text, at + prefix, size, ret_mask);
        size = measure_stretch(rest);
        if (is_random_stretch((struct sp_str){rest.data, size}))
            return fill_mask(text, at, size, ret_mask);
        at += size;
    }
    return false;
}

void sp_mask_range(char *text, size_t size) {
    char instead[SP_MASK_BYTES];
    write_mask(text, size, instead);
    memmove(text + SP_MASK_BYTES, text + size, strlen(text + size) + 1);
    memcpy(text, instead, SP_MASK_BYTES);
}

void sp_mask_text(char *text) {
    struct sp_mask mask;
    while (sp_mask_find(sp_str_from(text), &mask)) {
        sp_mask_range(text + mask.at, mask.size);
        text += mask.at + SP_MASK_BYTES;
    }
}
