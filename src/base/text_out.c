#include "base/text_out.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

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
static size_t escape(unsigned char c, bool utf8, bool quotes, char *ret_text) {
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

/* True when all of it went in. What is left out begins at a character. */
static bool put_escaped(struct sp_text_out *out, struct sp_str value, bool quotes, size_t keep_free) {
    bool utf8 = true, known = false;
    size_t room = out->room > keep_free ? out->room - keep_free : 0;
    size_t character = out->used;
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        char piece[6] = {(char)c};
        size_t size = 1;
        if (!is_plain(c)) {
            if (!known)
                utf8 = sp_text_is_utf8(value);
            known = true;
            size = escape(c, utf8, quotes, piece);
        }
        if (!utf8 || (c & 0xc0) != 0x80)
            character = out->used;
        if (out->used + size > room) {
            out->used = character;
            return false;
        }
        memcpy(out->text + out->used, piece, size);
        out->used += size;
    }
    return true;
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
    out->full |= !put_escaped(out, value, true, 0);
    sp_text_put(out, SP_STR_LITERAL("\""));
    end_member(out, used, was_full);
}

void sp_json_text_cut(struct sp_text_out *out, const char *name, struct sp_str value) {
    size_t used = out->used;
    bool was_full = out->full;
    out->full = false;
    begin_member(out, name);
    sp_text_put(out, SP_STR_LITERAL("\""));
    bool whole = out->full || put_escaped(out, value, true, 1);
    sp_text_put(out, SP_STR_LITERAL("\""));
    end_member(out, used, was_full || !whole);
}

static void put_bare(struct sp_text_out *out, const char *name, struct sp_str value) {
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
    put_bare(out, name, (struct sp_str){digits + at, sizeof(digits) - at});
}

void sp_json_bool(struct sp_text_out *out, const char *name, bool value) {
    put_bare(out, name, value ? SP_STR_LITERAL("true") : SP_STR_LITERAL("false"));
}

void sp_json_time(struct sp_text_out *out, const char *name, int64_t seconds, uint32_t nanoseconds) {
    struct tm parts;
    char text[64];
    time_t at = (time_t)seconds;
    if (gmtime_r(&at, &parts) == NULL)
        return;
    size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    int more = snprintf(text + size, sizeof(text) - size, ".%06" PRIu32 "Z", nanoseconds / 1000);
    if (size > 0 && more > 0)
        sp_json_text(out, name, (struct sp_str){text, size + (size_t)more});
}

void sp_text_put_line(struct sp_text_out *out, struct sp_str text) {
    out->full |= !put_escaped(out, text, false, 0);
}
