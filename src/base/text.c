#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* The length of the well-formed sequence at `at` (RFC 3629, table of section 4), 0 for none; its
 * code point. */
static size_t measure_sequence(const uint8_t *at, size_t left, uint32_t *ret_code) {
    uint8_t lead = at[0];
    if (lead < 0x80) {
        *ret_code = lead;
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length)
        return 0;
    uint32_t code = lead & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return length;
}

/* Eight ASCII bytes at once is the usual case. */
static size_t skip_ascii(const uint8_t *at, size_t size) {
    size_t i = 0;
    for (uint64_t word; i + sizeof(word) <= size; i += sizeof(word)) {
        memcpy(&word, at + i, sizeof(word));
        if ((word & 0x8080808080808080U) != 0)
            break;
    }
    return i;
}

bool sp_text_is_utf8(struct sp_str text) {
    const uint8_t *at = (const uint8_t *)text.data;
    size_t i = skip_ascii(at, text.size);
    while (i < text.size) {
        uint32_t code;
        size_t length = measure_sequence(at + i, text.size - i, &code);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

bool sp_text_is_printable(struct sp_str text) {
    const uint8_t *at = (const uint8_t *)text.data;
    for (size_t i = 0; i < text.size;) {
        uint32_t code;
        size_t length = measure_sequence(at + i, text.size - i, &code);
        if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        i += length;
    }
    return true;
}

bool sp_text_is_token_char(char c) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return alphanumeric || memchr(others, c, sizeof(others) - 1) != NULL;
}

bool sp_text_is_json_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct sp_str sp_text_skip_bom(struct sp_str text) {
    static const char bom[] = "\xef\xbb\xbf";
    if (sp_str_begins_with(text, SP_STR_LITERAL(bom)))
        return (struct sp_str){text.data + sizeof(bom) - 1, text.size - (sizeof(bom) - 1)};
    return text;
}

bool sp_text_is_utf16(struct sp_str text) {
    if (sp_str_begins_with(text, SP_STR_LITERAL("\xff\xfe")) || sp_str_begins_with(text, SP_STR_LITERAL("\xfe\xff")))
        return true;
    if (text.size < 4)
        return false;
    bool low_first = text.data[0] != '\0' && text.data[1] == '\0' && text.data[2] != '\0' && text.data[3] == '\0';
    bool high_first = text.data[0] == '\0' && text.data[1] != '\0' && text.data[2] == '\0' && text.data[3] != '\0';
    return low_first || high_first;
}

static enum sp_status check_size(struct sp_str text, size_t max_bytes, const char *field, struct sp_error *error) {
    if (text.size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s: must not be empty", field);
    if (text.size > max_bytes)
        return sp_error_set(error, SP_ERR_INVALID, "%s: %zu bytes long, but at most %zu are allowed", field, text.size,
                            max_bytes);
    return SP_OK;
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

unsigned sp_text_hex_value(char c) {
    if (is_digit(c))
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

static bool is_alphanumeric(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* `signs`: what may follow a letter or digit; `named` has them for the message. */
static enum sp_status check_id_characters(struct sp_str text, const char *signs, const char *named, const char *field,
                                          struct sp_error *error) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!is_alphanumeric(c) && (i == 0 || c == '\0' || strchr(signs, c) == NULL))
            return sp_error_set(error, SP_ERR_INVALID,
                                "%s: character %zu is not allowed; use a letter or digit, then letters, digits and "
                                "any of %s",
                                field, i + 1, named);
    }
    return SP_OK;
}

enum sp_status sp_text_check_id(struct sp_str text, const char *field, struct sp_error *error) {
    enum sp_status status = check_size(text, SP_ID_MAX_BYTES, field, error);
    if (status != SP_OK)
        return status;
    return check_id_characters(text, "_.@:+-", "_ . @ : + -", field, error);
}

enum sp_status sp_text_check_principal_id(struct sp_str text, const char *field, struct sp_error *error) {
    enum sp_status status = check_size(text, SP_PRINCIPAL_ID_MAX_BYTES, field, error);
    if (status != SP_OK)
        return status;
    return check_id_characters(text, "_.@:+|/-", "_ . @ : + | / -", field, error);
}

enum sp_status sp_text_check_word(struct sp_str text, const char *field, struct sp_error *error) {
    enum sp_status status = check_size(text, SP_ID_MAX_BYTES, field, error);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!is_lower(c) && (i == 0 || (!is_digit(c) && c != '_')))
            return sp_error_set(error, SP_ERR_INVALID,
                                "%s: character %zu is not allowed; use a lower-case letter, then lower-case letters, "
                                "digits and _",
                                field, i + 1);
    }
    return SP_OK;
}

static enum sp_status check_printable(struct sp_str text, size_t max_bytes, const char *field, struct sp_error *error) {
    enum sp_status status = check_size(text, max_bytes, field, error);
    if (status != SP_OK)
        return status;
    if (!sp_text_is_printable(text))
        return sp_error_set(error, SP_ERR_INVALID, "%s: must be UTF-8 without control characters", field);
    return SP_OK;
}

enum sp_status sp_text_check_name(struct sp_str text, const char *field, struct sp_error *error) {
    return check_printable(text, SP_NAME_MAX_BYTES, field, error);
}

enum sp_status sp_text_check_resource_id(struct sp_str text, const char *field, struct sp_error *error) {
    return check_printable(text, SP_RESOURCE_ID_MAX_BYTES, field, error);
}

const char *sp_text_read_number(const char *text, const char *before, unsigned long *ret_number) {
    size_t size = strlen(before);
    char *end = NULL;
    if (text == NULL || strncmp(text, before, size) != 0)
        return NULL;
    *ret_number = strtoul(text + size, &end, 10);
    return end == text + size ? NULL : end;
}
