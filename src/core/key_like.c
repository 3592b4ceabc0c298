#include "core/key_like.h"

#include <string.h>

#include "base/mask.h"
#include "core/key_text.h"

enum {
    KEY_CHARS = SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS,
    FOREIGN_STRETCH_LEAST = 20,
    TOKEN_LEAST = 32,
    TOKEN_DOTS = 2,
};

static bool is_key_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_key_char(char c) {
    return is_key_letter(c) || (c >= '0' && c <= '9');
}

static bool is_key_word_char(char c) {
    return is_key_char(c) || c == '_' || c == '-';
}

static size_t measure_key_chars(struct sp_str text) {
    size_t size = 0;
    while (size < text.size && is_key_char(text.data[size]))
        size++;
    return size;
}

struct mix {
    bool upper, lower, digit;
};

static struct mix judge_mix(struct sp_str stretch) {
    struct mix mix = {0};
    for (size_t i = 0; i < stretch.size; i++) {
        char c = stretch.data[i];
        mix.digit = mix.digit || (c >= '0' && c <= '9');
        mix.upper = mix.upper || (c >= 'A' && c <= 'Z');
        mix.lower = mix.lower || (c >= 'a' && c <= 'z');
    }
    return mix;
}

/* A stretch of letters and digits at `at` that ends with a key's random part. */
static bool ends_with_key(struct sp_str text, size_t at, size_t size) {
    size_t tail = at + size - KEY_CHARS, prefix = tail;
    if (size < KEY_CHARS)
        return false;
    while (prefix > 0 && tail - prefix < SP_KEY_PREFIX_MAX_BYTES && is_key_word_char(text.data[prefix - 1])) {
        prefix--;
        if (sp_key_text_is_complete((struct sp_str){text.data + prefix, at + size - prefix}))
            return true;
    }
    struct mix mix = judge_mix((struct sp_str){text.data + at, size});
    bool prefixed = at > 1 && (text.data[at - 1] == '_' || text.data[at - 1] == '-') && is_key_char(text.data[at - 2]);
    return size == KEY_CHARS && prefixed && mix.upper && mix.lower && mix.digit;
}

/* The size of what follows another system's prefix, if it is as long and as mixed as a secret; else
 * 0. */
static size_t measure_foreign_secret(struct sp_str text) {
    bool secret = false;
    size_t size = 0;
    while (size < text.size && is_key_word_char(text.data[size])) {
        struct sp_str stretch = {text.data + size, 0};
        stretch.size = measure_key_chars((struct sp_str){stretch.data, text.size - size});
        struct mix mix = judge_mix(stretch);
        secret = secret || (stretch.size >= FOREIGN_STRETCH_LEAST && mix.digit && (mix.upper || mix.lower));
        size += stretch.size > 0 ? stretch.size : 1;
    }
    return secret ? size : 0;
}

static size_t measure_web_token(struct sp_str text) {
    size_t size = 0, dots = 0;
    if (!sp_str_begins_with(text, SP_STR_LITERAL("eyJ")))
        return 0;
    for (; size < text.size && (is_key_word_char(text.data[size]) || text.data[size] == '.'); size++)
        dots += text.data[size] == '.';
    return size >= TOKEN_LEAST && dots >= TOKEN_DOTS ? size : 0;
}

bool sp_key_like_find(struct sp_str text, struct sp_str *ret_part) {
    for (size_t at = 0; at < text.size;) {
        struct sp_str rest = {text.data + at, text.size - at};
        size_t size = measure_key_chars(rest), prefix = sp_mask_prefix_size(rest);
        bool begins_word = at == 0 || text.data[at - 1] != '_';
        size_t token = begins_word ? measure_web_token(rest) : 0;
        size_t foreign = begins_word && prefix > 0
                             ? measure_foreign_secret((struct sp_str){rest.data + prefix, rest.size - prefix})
                             : 0;
        if (token > 0)
            *ret_part = (struct sp_str){rest.data, token};
        else if (foreign > 0)
            *ret_part = (struct sp_str){rest.data + prefix, foreign};
        else if (ends_with_key(text, at, size))
            *ret_part = (struct sp_str){rest.data + size - KEY_CHARS, KEY_CHARS};
        else {
            at += size > 0 ? size : 1;
            continue;
        }
        return true;
    }
    return false;
}

void sp_key_like_mask(char *text) {
    struct sp_str part;
    while (sp_key_like_find(sp_str_from(text), &part)) {
        char *at = text + (part.data - text);
        sp_mask_range(at, part.size);
        text = at + SP_MASK_BYTES;
    }
}
