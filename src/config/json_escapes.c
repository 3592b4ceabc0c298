#include "config/json_escapes.h"

#include <stdio.h>

#include "base/text.h"

enum { ESCAPE_CHARS = 6 }; /* "\ud83d" */

/* The code unit of an escape at `at`; 0 if there is none. */
static unsigned read_code_unit(const char *at, size_t left) {
    unsigned unit = 0;
    if (left < ESCAPE_CHARS || at[0] != '\\' || at[1] != 'u')
        return 0;
    for (size_t i = 2; i < ESCAPE_CHARS; i++) {
        unsigned digit = sp_text_hex_value(at[i]);
        if (digit > 15)
            return 0;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The character of a pair at `at`; 0 if there is none. */
static unsigned read_surrogate_pair(const char *at, size_t left) {
    unsigned high = read_code_unit(at, left);
    unsigned low = left < SP_JSON_PAIR_CHARS ? 0 : read_code_unit(at + ESCAPE_CHARS, left - ESCAPE_CHARS);
    if (high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return 0;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* In JSON, a backslash stands only in texts, before what it escapes. */
static bool has_pair(struct sp_str text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\\')
            continue;
        if (read_surrogate_pair(text.data + i, text.size - i) != 0)
            return true;
        i++;
    }
    return false;
}

/* Whether a character may follow another outside of texts, blanks apart. A name is always a text,
 * so that what follows its ':' is no part of it in YAML either; a word, such as true or 1e9, holds
 * no quotes. `before` 0: at the beginning. */
static bool may_stand_after(char before, char c) {
    bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'E';
    if (before == '\0')
        return c == '{' || c == '[';
    if (c == '"')
        return strchr("{[,:", before) != NULL;
    if (c == ':')
        return before == '"';
    return word || strchr("{}[],", c) != NULL;
}

/* The index of the quote that ends the text which the one at `begin` begins; the size if none
 * does. */
static size_t find_closing_quote(struct sp_str text, size_t begin) {
    size_t i = begin + 1;
    while (i < text.size && text.data[i] != '"')
        i += text.data[i] == '\\' ? 2 : 1;
    return i < text.size ? i : text.size;
}

/* Whether everybody finds the same texts in quotes: so it is in JSON. What else is wrong with it,
 * the YAML reader says. */
static bool is_json_document(struct sp_str text) {
    char before = '\0';
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (sp_text_is_json_blank(c))
            continue;
        if (c == '\0' || !may_stand_after(before, c))
            return false;
        if (c == '"')
            i = find_closing_quote(text, i);
        before = c;
    }
    return before == '}' || before == ']';
}

static size_t write_joined(struct sp_str text, char *to) {
    size_t used = 0;
    for (size_t i = 0; i < text.size;) {
        unsigned character = read_surrogate_pair(text.data + i, text.size - i);
        if (character != 0) {
            (void)snprintf(to + used, SP_JSON_JOINED_CHARS + 1, "\\U%08x", character);
            used += SP_JSON_JOINED_CHARS;
            i += SP_JSON_PAIR_CHARS;
            continue;
        }
        size_t taken = text.data[i] == '\\' && i + 1 < text.size ? 2 : 1;
        memcpy(to + used, text.data + i, taken);
        used += taken;
        i += taken;
    }
    return used;
}

enum sp_status sp_json_join_escapes(struct sp_str text, struct sp_arena *arena, struct sp_str *ret_text,
                                    bool *ret_joined) {
    *ret_text = text;
    *ret_joined = false;
    if (!has_pair(text) || !is_json_document(text))
        return SP_OK;
    char *joined = sp_arena_alloc(arena, text.size + 1);
    if (joined == NULL)
        return SP_ERR_MEMORY;
    *ret_text = (struct sp_str){joined, write_joined(text, joined)};
    *ret_joined = true;
    return SP_OK;
}

size_t sp_json_count_joined(struct sp_str line) {
    size_t count = 0;
    for (size_t i = 0; i + 1 < line.size; i++) {
        if (line.data[i] != '\\')
            continue;
        i++;
        count += line.data[i] == 'U'; /* JSON has no such escape */
    }
    return count;
}
