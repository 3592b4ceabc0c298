#include "base/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sp_base64url_encode(struct sp_bytes bytes, char *ret_text) {
    size_t used = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        for (held += 8; held >= 6; held -= 6)
            ret_text[used++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        ret_text[used++] = alphabet[bits << (6 - held) & 63];
    ret_text[used] = '\0';
}

bool sp_base64url_decode(struct sp_str text, uint8_t *ret_bytes, size_t room, size_t *ret_size) {
    size_t used = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *at = memchr(alphabet, text.data[i], sizeof(alphabet) - 1);
        if (at == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        held += 6;
        if (held < 8)
            continue;
        if (used == room)
            return false;
        held -= 8;
        ret_bytes[used++] = (uint8_t)(bits >> held);
    }
    if (held == 6 || (bits & ((1U << held) - 1)) != 0)
        return false;
    *ret_size = used;
    return true;
}
