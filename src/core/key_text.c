#include "core/key_text.h"

#include <libdeflate.h>

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { TAIL_CHARS = SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS };

static const bool in_base62[256] = {
    ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true,
    ['8'] = true, ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
    ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true,
    ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true,
    ['W'] = true, ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
    ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true,
    ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true,
    ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

/* Long division, a byte at a time: from the last character to the first. */
static void write_body(const uint8_t random[static SP_KEY_RANDOM_BYTES], char out[static SP_KEY_BODY_CHARS]) {
    uint8_t number[SP_KEY_RANDOM_BYTES];
    memcpy(number, random, sizeof(number));
    for (size_t i = SP_KEY_BODY_CHARS; i-- > 0;) {
        unsigned rest = 0;
        for (size_t j = 0; j < sizeof(number); j++) {
            unsigned value = rest << 8 | number[j];
            number[j] = (uint8_t)(value / 62);
            rest = value % 62;
        }
        out[i] = base62[rest];
    }
    explicit_bzero(number, sizeof(number));
}

static void write_check(const char *text, size_t size, char out[static SP_KEY_CHECK_CHARS]) {
    uint32_t check = libdeflate_crc32(0, text, size);
    for (size_t i = SP_KEY_CHECK_CHARS; i-- > 0;) {
        out[i] = base62[check % 62];
        check /= 62;
    }
}

void sp_key_text_make(struct sp_str prefix, const uint8_t random[static SP_KEY_RANDOM_BYTES],
                      char ret_text[static SP_KEY_TEXT_BYTES]) {
    memcpy(ret_text, prefix.data, prefix.size);
    write_body(random, ret_text + prefix.size);
    size_t checked = prefix.size + SP_KEY_BODY_CHARS;
    write_check(ret_text, checked, ret_text + checked);
    ret_text[checked + SP_KEY_CHECK_CHARS] = '\0';
}

enum sp_status sp_key_prefix_check(struct sp_str prefix, struct sp_error *error) {
    bool valid = prefix.size >= 1 && prefix.size <= SP_KEY_PREFIX_MAX_BYTES;
    for (size_t i = 0; valid && i < prefix.size; i++)
        valid = in_base62[(uint8_t)prefix.data[i]] || prefix.data[i] == '_' || prefix.data[i] == '-';
    if (!valid)
        return sp_error_set(error, SP_ERR_INVALID,
                            "key prefix: must be 1 to %d letters, digits, underscores or hyphens, such as sp_",
                            SP_KEY_PREFIX_MAX_BYTES);
    return SP_OK;
}

static bool begins_with(struct sp_str text, struct sp_str prefix) {
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

/* The text without its prefix is a body and the checksum that fits. */
static bool fits(struct sp_str text, size_t prefix_size) {
    if (text.size != prefix_size + TAIL_CHARS)
        return false;
    /* All are looked at, without a branch for each: nearly every text that comes here is right. */
    unsigned wrong = 0;
    for (size_t i = prefix_size; i < text.size; i++)
        wrong |= !in_base62[(uint8_t)text.data[i]];
    if (wrong != 0)
        return false;
    char check[SP_KEY_CHECK_CHARS];
    size_t checked = text.size - SP_KEY_CHECK_CHARS;
    write_check(text.data, checked, check);
    return memcmp(check, text.data + checked, SP_KEY_CHECK_CHARS) == 0;
}

enum sp_key_form sp_key_text_judge(struct sp_str text, const struct sp_str *prefixes, size_t prefix_count,
                                   bool accept_foreign) {
    if (text.size == 0 || text.size > SP_KEY_PRESENTED_MAX_BYTES)
        return SP_KEY_FORM_MALFORMED;
    /* One prefix may begin another: every one that matches gets its chance. */
    bool ours = false;
    for (size_t i = 0; i < prefix_count; i++) {
        if (!begins_with(text, prefixes[i]))
            continue;
        if (fits(text, prefixes[i].size))
            return SP_KEY_FORM_VALID;
        ours = true;
    }
    return ours || !accept_foreign ? SP_KEY_FORM_MALFORMED : SP_KEY_FORM_FOREIGN;
}

void sp_key_hint(struct sp_str text, char ret_hint[static SP_KEY_HINT_BYTES]) {
    size_t shown = text.size >= 16 ? SP_KEY_HINT_BYTES - 1 : text.size / 4;
    for (size_t i = 0; i < shown; i++) {
        char c = text.data[text.size - shown + i];
        ret_hint[i] = (char)(c > ' ' && c < 0x7f ? c : '?');
    }
    ret_hint[shown] = '\0';
}
