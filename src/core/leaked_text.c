#include "core/leaked_text.h"

#include "base/base64url.h"
#include "base/text.h"
#include "core/key_text.h"

enum { ENDS_MAX = 8 }; /* pieces that are taken off a word's end */

struct leak {
    struct sp_arena *arena;
    sp_leaked_visit *visit;
    void *context;
    bool decoded; /* the text was base64 in another one */
};

/* ---- characters ---- */

/* Blanks of ASCII, and those that mail and office programs put between words (U+00A0, U+200B to
 * U+200D, U+FEFF); returns how many bytes it takes, 0 for no blank. */
static size_t blank_bytes(struct sp_str text, size_t at) {
    static const struct sp_str wide[] = {
        {"\xc2\xa0", 2}, {"\xe2\x80\x8b", 3}, {"\xe2\x80\x8c", 3}, {"\xe2\x80\x8d", 3}, {"\xef\xbb\xbf", 3}};
    struct sp_str rest = {text.data + at, text.size - at};
    char c = text.data[at];
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++)
        if (sp_str_begins_with(rest, wide[i]))
            return wide[i].size;
    return 0;
}

/* Typographic quotes, U+2018 to U+201E and U+00AB, U+00BB. */
static size_t wide_quote_bytes(struct sp_str text, size_t at) {
    struct sp_str rest = {text.data + at, text.size - at};
    if (rest.size >= 3 && memcmp(rest.data, "\xe2\x80", 2) == 0 && (uint8_t)rest.data[2] >= 0x98 &&
        (uint8_t)rest.data[2] <= 0x9e)
        return 3;
    if (rest.size >= 2 && rest.data[0] == '\xc2' && (rest.data[1] == '\xab' || rest.data[1] == '\xbb'))
        return 2;
    return 0;
}

static bool is_punctuation(char c) {
    return c != '\0' && strchr("\"'`,;:=&?!<>()[]{}|\\/@#$%*~^", c) != NULL;
}

/* What separates parts of a word. */
static size_t separator_bytes(struct sp_str text, size_t at) {
    return is_punctuation(text.data[at]) ? 1 : wide_quote_bytes(text, at);
}

static bool is_key_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

/* ---- candidates ---- */

static enum sp_status try_candidate(const struct leak *leak, struct sp_str candidate, size_t least) {
    if (candidate.size < least || candidate.size == 0 || candidate.size > SP_KEY_PRESENTED_MAX_BYTES)
        return SP_OK;
    return leak->visit(leak->context, candidate, sp_key_text_is_complete(candidate));
}

/* Keys of ours within a run of characters that keys are made of. */
static enum sp_status try_keys_within(const struct leak *leak, struct sp_str run) {
    enum { TAIL = SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS };
    for (size_t end = TAIL + 1; end <= run.size; end++)
        for (size_t prefix = 1; prefix <= SP_KEY_PREFIX_MAX_BYTES && prefix + TAIL <= end; prefix++) {
            struct sp_str key = {run.data + end - TAIL - prefix, prefix + TAIL};
            enum sp_status status = sp_key_text_is_complete(key) ? leak->visit(leak->context, key, true) : SP_OK;
            if (status != SP_OK)
                return status;
        }
    return SP_OK;
}

static enum sp_status try_runs(const struct leak *leak, struct sp_str text) {
    for (size_t at = 0; at < text.size; at++) {
        size_t begin = at;
        while (at < text.size && is_key_character(text.data[at]))
            at++;
        enum sp_status status = try_keys_within(leak, (struct sp_str){text.data + begin, at - begin});
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Visits what is between separators. */
static enum sp_status split_text(const struct leak *leak, struct sp_str text,
                                 size_t (*separator)(struct sp_str text, size_t at),
                                 enum sp_status (*visit)(const struct leak *leak, struct sp_str word)) {
    for (size_t begin = 0; begin < text.size;) {
        size_t end = begin;
        while (end < text.size && separator(text, end) == 0)
            end++;
        enum sp_status status = visit(leak, (struct sp_str){text.data + begin, end - begin});
        if (status != SP_OK)
            return status;
        begin = end < text.size ? end + separator(text, end) : end;
    }
    return SP_OK;
}

static enum sp_status try_part(const struct leak *leak, struct sp_str part) {
    return try_candidate(leak, part, SP_LEAKED_PART_MIN_BYTES);
}

/* The word, and what follows each separator in it: a key may contain some itself. */
static enum sp_status try_suffixes(const struct leak *leak, struct sp_str word) {
    enum sp_status status = try_part(leak, word);
    if (status != SP_OK)
        return status;
    size_t at = word.size > SP_KEY_PRESENTED_MAX_BYTES ? word.size - SP_KEY_PRESENTED_MAX_BYTES : 0;
    for (; at < word.size; at++) {
        size_t size = separator_bytes(word, at);
        if (size == 0)
            continue;
        status = try_part(leak, (struct sp_str){word.data + at + size, word.size - at - size});
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static size_t trailing_bytes(struct sp_str word) {
    char last = word.data[word.size - 1];
    if (is_punctuation(last) || last == '.')
        return 1;
    for (size_t size = 2; size <= 3 && size <= word.size; size++)
        if (wide_quote_bytes(word, word.size - size) == size)
            return size;
    return 0;
}

/* With its end, and without it piece by piece: what closes a quote or a sentence, or padding of
 * base64, which is part of a key. */
static enum sp_status try_word(const struct leak *leak, struct sp_str word) {
    enum sp_status status = split_text(leak, word, separator_bytes, try_part);
    if (status != SP_OK)
        return status;
    for (int i = 0; i < ENDS_MAX && word.size > 0; i++) {
        status = try_suffixes(leak, word);
        if (status != SP_OK)
            return status;
        size_t size = trailing_bytes(word);
        if (size == 0)
            return SP_OK;
        word.size -= size;
    }
    return SP_OK;
}

/* What hardly ever is part of a key: quotes, and what separates parameters. */
static size_t strong_separator_bytes(struct sp_str text, size_t at) {
    char c = text.data[at];
    return c != '\0' && strchr("\"'`,;&|<>()[]{}", c) != NULL ? 1 : wide_quote_bytes(text, at);
}

static bool has_pieces(struct sp_str word) {
    for (size_t at = 0; at < word.size; at++)
        if (strong_separator_bytes(word, at) > 0)
            return true;
    return false;
}

static enum sp_status try_word_and_pieces(const struct leak *leak, struct sp_str word) {
    enum sp_status status = try_word(leak, word);
    if (status != SP_OK || !has_pieces(word))
        return status;
    return split_text(leak, word, strong_separator_bytes, try_word);
}

static enum sp_status walk_leaked_text(const struct leak *leak, struct sp_str text, size_t least);

/* ---- base64 ---- */

/* What is between runs of base64 in either alphabet. */
static size_t non_base64_bytes(struct sp_str text, size_t at) {
    char c = text.data[at];
    return is_key_character(c) || c == '+' || c == '/' ? 0 : 1;
}

static bool is_readable(struct sp_str text) {
    for (size_t at = 0; at < text.size; at++)
        if ((uint8_t)text.data[at] < 0x20 && blank_bytes(text, at) == 0)
            return false;
    return sp_text_is_utf8(text);
}

/* What "Basic dXNlcjprZXk=" or a Kubernetes secret hides, with padding or without. Text that was
 * decoded is not decoded again. */
static enum sp_status try_decoded(const struct leak *leak, struct sp_str run) {
    const struct leak inner = {.arena = leak->arena, .visit = leak->visit, .context = leak->context, .decoded = true};
    size_t room = run.size / 4 * 3 + 3, size = 0;
    if (leak->decoded || run.size < SP_LEAKED_PART_MIN_BYTES || run.size % 4 == 1)
        return SP_OK;
    char *url = sp_arena_strdup(leak->arena, run);
    uint8_t *bytes = sp_arena_alloc(leak->arena, room);
    if (url == NULL || bytes == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < run.size; i++)
        url[i] = (char)(url[i] == '+' ? '-' : url[i] == '/' ? '_' : url[i]);
    struct sp_str text = {(const char *)bytes, 0};
    if (!sp_base64url_decode((struct sp_str){url, run.size}, bytes, room, &size))
        return SP_OK;
    text.size = size;
    return is_readable(text) ? walk_leaked_text(&inner, text, SP_LEAKED_PART_MIN_BYTES) : SP_OK;
}

/* ---- lines ---- */

/* The text without its blanks, or only without its line ends and what indents the next line. */
static bool join_text(const struct leak *leak, struct sp_str text, bool lines_only, struct sp_str *ret_joined) {
    char *joined = sp_arena_alloc(leak->arena, text.size + 1);
    size_t size = 0;
    bool at_line_end = false;
    if (joined == NULL)
        return false;
    for (size_t at = 0; at < text.size;) {
        size_t blank = blank_bytes(text, at), bytes = blank == 0 ? 1 : blank;
        at_line_end = blank > 0 && (at_line_end || text.data[at] == '\n' || text.data[at] == '\r');
        if (blank == 0 || (lines_only && !at_line_end)) {
            memcpy(joined + size, text.data + at, bytes);
            size += bytes;
        }
        at += bytes;
    }
    *ret_joined = (struct sp_str){joined, size};
    return true;
}

/* A key that was wrapped, or base64 that was. */
static enum sp_status try_wrapped(const struct leak *leak, struct sp_str text) {
    struct sp_str all, lines;
    if (!join_text(leak, text, false, &all) || !join_text(leak, text, true, &lines))
        return SP_ERR_MEMORY;
    enum sp_status status = try_candidate(leak, all, leak->decoded ? SP_LEAKED_PART_MIN_BYTES : 1);
    if (status != SP_OK || all.size == text.size)
        return status;
    status = try_runs(leak, all);
    if (status != SP_OK || lines.size == text.size)
        return status;
    return split_text(leak, lines, non_base64_bytes, try_decoded);
}

static enum sp_status walk_leaked_text(const struct leak *leak, struct sp_str text, size_t least) {
    enum sp_status status = try_candidate(leak, text, least);
    if (status != SP_OK)
        return status;
    status = try_runs(leak, text);
    if (status != SP_OK)
        return status;
    status = split_text(leak, text, blank_bytes, try_word_and_pieces);
    if (status != SP_OK)
        return status;
    status = split_text(leak, text, non_base64_bytes, try_decoded);
    if (status != SP_OK)
        return status;
    return try_wrapped(leak, text);
}

enum sp_status sp_leaked_text_walk(struct sp_str text, struct sp_arena *arena, sp_leaked_visit *visit, void *context) {
    const struct leak leak = {.arena = arena, .visit = visit, .context = context};
    return walk_leaked_text(&leak, text, 1);
}
