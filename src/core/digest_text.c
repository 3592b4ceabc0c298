#include "core/digest_text.h"

#include "base/base64url.h"
#include "base/text.h"

enum { HEX_CHARS = 2 * SP_DIGEST_BYTES, BASE64_CHARS = 43 };

bool sp_sha256_read_hex(struct sp_str text, uint8_t ret_sha256[static SP_DIGEST_BYTES]) {
    uint8_t bytes[SP_DIGEST_BYTES];
    if (text.size != HEX_CHARS)
        return false;
    for (size_t i = 0; i < SP_DIGEST_BYTES; i++) {
        unsigned high = sp_text_hex_value(text.data[2 * i]), low = sp_text_hex_value(text.data[2 * i + 1]);
        if (high > 15 || low > 15)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_sha256, bytes, sizeof(bytes));
    return true;
}

/* One alphabet or the other, never both in one text. */
static bool read_base64_digest(struct sp_str text, uint8_t ret_sha256[static SP_DIGEST_BYTES]) {
    char url[BASE64_CHARS];
    uint8_t bytes[SP_DIGEST_BYTES];
    size_t size = 0;
    bool standard = false, for_urls = false;
    for (size_t i = 0; i < BASE64_CHARS; i++) {
        char c = text.data[i];
        standard |= c == '+' || c == '/';
        for_urls |= c == '-' || c == '_';
        url[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
    if ((standard && for_urls) ||
        !sp_base64url_decode((struct sp_str){url, sizeof(url)}, bytes, sizeof(bytes), &size) || size != sizeof(bytes))
        return false;
    memcpy(ret_sha256, bytes, sizeof(bytes));
    return true;
}

static struct sp_str skip_digest_scheme(struct sp_str text) {
    static const char scheme[] = "sha256:";
    enum { SIZE = sizeof(scheme) - 1 };
    if (text.size < SIZE)
        return text;
    for (size_t i = 0; i < SIZE; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != scheme[i])
            return text;
    }
    return (struct sp_str){text.data + SIZE, text.size - SIZE};
}

bool sp_sha256_read_text(struct sp_str text, uint8_t ret_sha256[static SP_DIGEST_BYTES]) {
    text = skip_digest_scheme(text);
    if (text.size == HEX_CHARS)
        return sp_sha256_read_hex(text, ret_sha256);
    if (text.size == BASE64_CHARS + 1 && text.data[BASE64_CHARS] == '=')
        text.size--;
    return text.size == BASE64_CHARS && read_base64_digest(text, ret_sha256);
}
