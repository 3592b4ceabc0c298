#include "core/key_text.h"

#include <libdeflate.h>

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { TAIL_CHARS = SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS };

/* One more than a character's value; 0 for other characters. */
static const uint8_t base62_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,  ['8'] = 9,
    ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16, ['G'] = 17, ['H'] = 18,
    ['I'] = 19, ['J'] = 20, ['K'] = 21, ['L'] = 22, ['M'] = 23, ['N'] = 24, ['O'] = 25, ['P'] = 26, ['Q'] = 27,
    ['R'] = 28, ['S'] = 29, ['T'] = 30, ['U'] = 31, ['V'] = 32, ['W'] = 33, ['X'] = 34, ['Y'] = 35, ['Z'] = 36,
    ['a'] = 37, ['b'] = 38, ['c'] = 39, ['d'] = 40, ['e'] = 41, ['f'] = 42, ['g'] = 43, ['h'] = 44, ['i'] = 45,
    ['j'] = 46, ['k'] = 47, ['l'] = 48, ['m'] = 49, ['n'] = 50, ['o'] = 51, ['p'] = 52, ['q'] = 53, ['r'] = 54,
    ['s'] = 55, ['t'] = 56, ['u'] = 57, ['v'] = 58, ['w'] = 59, ['x'] = 60, ['y'] = 61, ['z'] = 62,
};

enum { LIMBS = SP_KEY_RANDOM_BYTES / 4, CHARS_A_ROUND = 5, ROUND_BASE = 62 * 62 * 62 * 62 * 62 };

/* Divides the number, most significant limb first, and returns the rest. */
static uint32_t divide_limbs(uint32_t number[static LIMBS], uint32_t by) {
    uint64_t rest = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        uint64_t value = rest << 32 | number[i];
        number[i] = (uint32_t)(value / by);
        rest = value % by;
    }
    return (uint32_t)rest;
}

/* Long division, five characters at a time: from the last to the first. */
static void write_random_part(const uint8_t random[static SP_KEY_RANDOM_BYTES], char out[static SP_KEY_BODY_CHARS]) {
    uint32_t number[LIMBS];
    for (size_t i = 0; i < LIMBS; i++)
        number[i] = sp_load_be32(random + 4 * i);
    for (size_t i = SP_KEY_BODY_CHARS; i > 0;) {
        uint32_t rest = divide_limbs(number, ROUND_BASE);
        for (size_t j = 0; j < CHARS_A_ROUND && i > 0; j++) {
            out[--i] = base62[rest % 62];
            rest /= 62;
        }
    }
    explicit_bzero(number, sizeof(number));
}

static void write_checksum(const char *text, size_t size, char out[static SP_KEY_CHECK_CHARS]) {
    uint32_t check = libdeflate_crc32(0, text, size);
    for (size_t i = SP_KEY_CHECK_CHARS; i-- > 0;) {
        out[i] = base62[check % 62];
        check /= 62;
    }
}

void sp_key_text_make(struct sp_str prefix, const uint8_t random[static SP_KEY_RANDOM_BYTES],
                      char ret_text[static SP_KEY_TEXT_BYTES]) {
    memcpy(ret_text, prefix.data, prefix.size);
    write_random_part(random, ret_text + prefix.size);
    size_t checked = prefix.size + SP_KEY_BODY_CHARS;
    write_checksum(ret_text, checked, ret_text + checked);
    ret_text[checked + SP_KEY_CHECK_CHARS] = '\0';
}

enum sp_status sp_key_prefix_check(struct sp_str prefix, struct sp_error *error) {
    bool valid = prefix.size >= 1 && prefix.size <= SP_KEY_PREFIX_MAX_BYTES;
    for (size_t i = 0; valid && i < prefix.size; i++)
        valid = base62_value[(uint8_t)prefix.data[i]] != 0 || prefix.data[i] == '_' || prefix.data[i] == '-';
    if (!valid)
        return sp_error_set(error, SP_ERR_INVALID,
                            "key prefix: must be 1 to %d letters, digits, underscores or hyphens, such as sp_",
                            SP_KEY_PREFIX_MAX_BYTES);
    return SP_OK;
}

/* What the six characters of a checksum stand for: below 62^6, which 36 bits hold. */
static uint64_t read_checksum(const char *chars) {
    uint64_t check = 0;
    for (size_t i = 0; i < SP_KEY_CHECK_CHARS; i++)
        check = check * 62 + (uint64_t)(base62_value[(uint8_t)chars[i]] - 1);
    return check;
}

/* The text without its prefix is a body and the checksum that has_valid_tail. */
static bool has_valid_tail(struct sp_str text, size_t prefix_size) {
    if (text.size != prefix_size + TAIL_CHARS)
        return false;
    /* All are looked at, without a branch for each: nearly every text that comes here is right. */
    unsigned wrong = 0;
    for (size_t i = prefix_size; i < text.size; i++)
        wrong |= base62_value[(uint8_t)text.data[i]] == 0;
    size_t checked = text.size - SP_KEY_CHECK_CHARS;
    return wrong == 0 && read_checksum(text.data + checked) == libdeflate_crc32(0, text.data, checked);
}

enum sp_key_form sp_key_text_judge(struct sp_str text, const struct sp_str *prefixes, size_t prefix_count,
                                   bool accept_foreign) {
    if (text.size == 0 || text.size > SP_KEY_PRESENTED_MAX_BYTES)
        return SP_KEY_FORM_MALFORMED;
    /* One prefix may begin another: every one that matches gets its chance. */
    bool ours = false;
    for (size_t i = 0; i < prefix_count; i++) {
        if (!sp_str_begins_with(text, prefixes[i]))
            continue;
        if (has_valid_tail(text, prefixes[i].size))
            return SP_KEY_FORM_VALID;
        ours = true;
    }
    return ours || !accept_foreign ? SP_KEY_FORM_MALFORMED : SP_KEY_FORM_FOREIGN;
}

bool sp_key_text_is_complete(struct sp_str text) {
    struct sp_error ignored;
    if (text.size <= TAIL_CHARS || text.size >= SP_KEY_TEXT_BYTES)
        return false;
    struct sp_str prefix = {text.data, text.size - TAIL_CHARS};
    return sp_key_prefix_check(prefix, &ignored) == SP_OK && has_valid_tail(text, prefix.size);
}

void sp_key_hint(struct sp_str text, char ret_hint[static SP_KEY_HINT_BYTES]) {
    size_t shown = text.size >= 16 ? SP_KEY_HINT_BYTES - 1 : text.size / 4;
    for (size_t i = 0; i < shown; i++) {
        char c = text.data[text.size - shown + i];
        ret_hint[i] = (char)(c > ' ' && c < 0x7f ? c : '?');
    }
    ret_hint[shown] = '\0';
}
