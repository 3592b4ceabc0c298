#include "base/text_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/mask.h"
#include "base/text.h"

enum { CLOSING_BYTES = 1 };

void sp_text_put(struct sp_text_out *out, struct sp_str text) {
    if (text.size > out->room - out->used) {
        out->full = true;
        return;
    }
    if (text.size > 0)
        memcpy(out->text + out->used, text.data, text.size);
    out->used += text.size;
}

void sp_text_printf(struct sp_text_out *out, const char *format, ...) {
    char piece[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(piece, sizeof(piece), format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof(piece))
        out->full = true;
    else
        sp_text_put(out, (struct sp_str){piece, (size_t)size});
}

/* ---- JSON ---- */

void sp_json_open(struct sp_text_out *out) {
    out->room -= out->room > CLOSING_BYTES ? CLOSING_BYTES : 0;
    sp_text_put(out, SP_STR_LITERAL("{"));
}

void sp_json_close(struct sp_text_out *out) {
    out->room += CLOSING_BYTES;
    sp_text_put(out, SP_STR_LITERAL("}"));
}

static void begin_member(struct sp_text_out *out, const char *name) {
    if (out->used > 0 && out->text[out->used - 1] != '{')
        sp_text_put(out, SP_STR_LITERAL(","));
    sp_text_put(out, SP_STR_LITERAL("\""));
    sp_text_put(out, sp_str_from(name));
    sp_text_put(out, SP_STR_LITERAL("\":"));
}

/* What one byte becomes; `ret_text` has room for 6. */
static size_t escape_byte(unsigned char c, bool utf8, bool quotes, char *ret_text) {
    static const char digits[] = "0123456789abcdef";
    if (quotes && (c == '"' || c == '\\')) {
        ret_text[0] = '\\';
        ret_text[1] = (char)c;
        return 2;
    }
    if (c < 0x20 || c == 0x7f) {
        const char escaped[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        memcpy(ret_text, escaped, sizeof(escaped));
        return sizeof(escaped);
    }
    ret_text[0] = (char)(c >= 0x80 && !utf8 ? '?' : c);
    return 1;
}

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One character that is not plain, or a byte of one. False if it does not fit. */
static bool put_special(struct sp_text_out *out, unsigned char c, bool utf8, bool quotes, size_t room) {
    char piece[6];
    size_t size = escape_byte(c, utf8, quotes, piece);
    if (out->used + size > room)
        return false;
    memcpy(out->text + out->used, piece, size);
    out->used += size;
    return true;
}

/* The plain beginning of a text, or as much of it as fits; most texts are plain. */
static size_t put_plain(struct sp_text_out *out, const char *text, size_t size, size_t room) {
    size_t count = 0;
    while (count < size && is_plain((unsigned char)text[count]))
        count++;
    if (count > room - out->used)
        count = room - out->used;
    memcpy(out->text + out->used, text, count);
    out->used += count;
    return count;
}

/* True when all of it went in. What is left out begins at a character. */
static bool put_escaped(struct sp_text_out *out, struct sp_str value, bool quotes, size_t keep_free) {
    size_t room = out->room > keep_free ? out->room - keep_free : 0;
    if (out->used > room)
        return value.size == 0;
    size_t at = value.size == 0 ? 0 : put_plain(out, value.data, value.size, room);
    if (at == value.size)
        return true;
    bool utf8 = sp_text_is_utf8(value);
    size_t character = out->used;
    while (at < value.size) {
        unsigned char c = (unsigned char)value.data[at];
        if (!utf8 || (c & 0xc0) != 0x80)
            character = out->used;
        if (!put_special(out, c, utf8, quotes, room)) {
            out->used = character;
            return false;
        }
        at++;
        size_t plain = put_plain(out, value.data + at, value.size - at, room);
        at += plain;
    }
    return true;
}

/* The same without its secrets. */
static bool put_masked(struct sp_text_out *out, struct sp_str value, bool quotes, size_t keep_free) {
    struct sp_mask mask;
    while (sp_mask_find(value, &mask)) {
        if (!put_escaped(out, (struct sp_str){value.data, mask.at}, quotes, keep_free) ||
            !put_escaped(out, (struct sp_str){mask.instead, SP_MASK_BYTES}, quotes, keep_free))
            return false;
        value = (struct sp_str){value.data + mask.at + mask.size, value.size - mask.at - mask.size};
    }
    return put_escaped(out, value, quotes, keep_free);
}

/* Takes back a member that did not fit. */
static void end_member(struct sp_text_out *out, size_t used, bool was_full) {
    if (out->full)
        out->used = used;
    out->full |= was_full;
}

void sp_json_text(struct sp_text_out *out, const char *name, struct sp_str value) {
    size_t used = out->used;
    bool was_full = out->full;
    out->full = false;
    begin_member(out, name);
    sp_text_put(out, SP_STR_LITERAL("\""));
    out->full |= !put_masked(out, value, true, 0);
    sp_text_put(out, SP_STR_LITERAL("\""));
    end_member(out, used, was_full);
}

void sp_json_text_cut(struct sp_text_out *out, const char *name, struct sp_str value) {
    size_t used = out->used;
    bool was_full = out->full;
    out->full = false;
    begin_member(out, name);
    sp_text_put(out, SP_STR_LITERAL("\""));
    bool fits = out->full || put_masked(out, value, true, 1);
    sp_text_put(out, SP_STR_LITERAL("\""));
    end_member(out, used, was_full || !fits);
}

void sp_json_open_member(struct sp_text_out *out, const char *name) {
    begin_member(out, name);
    sp_json_open(out);
}

static void put_unquoted_member(struct sp_text_out *out, const char *name, struct sp_str value) {
    size_t used = out->used;
    bool was_full = out->full;
    out->full = false;
    begin_member(out, name);
    sp_text_put(out, value);
    end_member(out, used, was_full);
}

void sp_json_number(struct sp_text_out *out, const char *name, uint64_t value) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_unquoted_member(out, name, (struct sp_str){digits + at, sizeof(digits) - at});
}

void sp_json_bool(struct sp_text_out *out, const char *name, bool value) {
    put_unquoted_member(out, name, value ? SP_STR_LITERAL("true") : SP_STR_LITERAL("false"));
}

enum { SECOND_BYTES = sizeof("2026-01-31T12:00:00") - 1, FRACTION_BYTES = sizeof(".123456Z") - 1 };

/* Many lines are of the same second, and formatting it costs more than the rest of a line. */
static bool put_second(int64_t seconds, char ret_text[static SECOND_BYTES]) {
    static _Thread_local int64_t last;
    static _Thread_local char text[SECOND_BYTES + 1];
    if (text[0] == '\0' || seconds != last) {
        struct tm parts;
        time_t at = (time_t)seconds;
        if (gmtime_r(&at, &parts) == NULL ||
            strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) != SECOND_BYTES) {
            text[0] = '\0';
            return false;
        }
        last = seconds;
    }
    memcpy(ret_text, text, SECOND_BYTES);
    return true;
}

void sp_json_time(struct sp_text_out *out, const char *name, int64_t seconds, uint32_t nanoseconds) {
    char text[SECOND_BYTES + FRACTION_BYTES];
    uint32_t left = nanoseconds / 1000;
    if (!put_second(seconds, text))
        return;
    text[SECOND_BYTES] = '.';
    for (size_t i = SECOND_BYTES + 6; i > SECOND_BYTES; i--) {
        text[i] = (char)('0' + left % 10);
        left /= 10;
    }
    text[SECOND_BYTES + 7] = 'Z';
    sp_json_text(out, name, (struct sp_str){text, sizeof(text)});
}

void sp_text_put_line(struct sp_text_out *out, struct sp_str text) {
    out->full |= !put_masked(out, text, false, 0);
}
