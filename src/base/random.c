#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum sp_status sp_random_fill(uint8_t *out, size_t size) {
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return SP_ERR_IO;
        out += got;
        size -= (size_t)got;
    }
    return SP_OK;
}

enum sp_status sp_random_id(const char *prefix, char ret_id[static SP_RANDOM_ID_BYTES]) {
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { CHARS = 20 };
    size_t prefix_size = strlen(prefix);
    if (prefix_size + CHARS >= SP_RANDOM_ID_BYTES)
        return SP_ERR_INTERNAL;
    char made[CHARS];
    for (size_t i = 0; i < CHARS;) {
        uint8_t random[CHARS];
        enum sp_status status = sp_random_fill(random, sizeof(random));
        if (status != SP_OK)
            return status;
        /* 248 is the largest multiple of 62 in a byte: the bytes above it would favour some
         * characters. */
        for (size_t j = 0; j < sizeof(random) && i < CHARS; j++) {
            if (random[j] < 248)
                made[i++] = alphabet[random[j] % 62];
        }
    }
    memcpy(ret_id, prefix, prefix_size);
    memcpy(ret_id + prefix_size, made, CHARS);
    ret_id[prefix_size + CHARS] = '\0';
    return SP_OK;
}
