#include "rpc/h2/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

/* A fourth more than is wanted: what is reserved counts for the server's budget. */
size_t sp_rpc_h2_bytes_growth(const struct h2_bytes *bytes, size_t more) {
    size_t wanted = bytes->size + more;
    if (wanted <= bytes->capacity)
        return 0;
    return (wanted < FIRST_BYTES ? FIRST_BYTES : wanted + wanted / 4) - bytes->capacity;
}

bool sp_rpc_h2_bytes_reserve(struct h2_bytes *bytes, size_t more) {
    if (more > SIZE_MAX / 2 - bytes->size)
        return false;
    size_t growth = sp_rpc_h2_bytes_growth(bytes, more);
    if (growth == 0)
        return true;
    size_t capacity = bytes->capacity + growth;
    uint8_t *data = malloc(capacity);
    if (data == NULL)
        return false;
    if (bytes->size > 0) {
        memcpy(data, bytes->data, bytes->size);
        explicit_bzero(bytes->data, bytes->size); /* it may have held a key */
    }
    free(bytes->data);
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

bool sp_rpc_h2_bytes_append(struct h2_bytes *bytes, const void *data, size_t size) {
    if (!sp_rpc_h2_bytes_reserve(bytes, size))
        return false;
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

void sp_rpc_h2_bytes_drop(struct h2_bytes *bytes, size_t size) {
    size_t left = bytes->size - size;
    if (size == 0)
        return;
    if (left > 0)
        memmove(bytes->data, bytes->data + size, left);
    explicit_bzero(bytes->data + left, size);
    bytes->size = left;
}

void sp_rpc_h2_bytes_clear(struct h2_bytes *bytes, size_t kept) {
    if (bytes->size > 0)
        explicit_bzero(bytes->data, bytes->size);
    bytes->size = 0;
    if (bytes->capacity > kept) {
        free(bytes->data);
        bytes->data = NULL;
        bytes->capacity = 0;
    }
}

bool sp_rpc_h2_bytes_append_message(struct h2_bytes *bytes, struct sp_bytes message) {
    uint8_t prefix[H2_PREFIX_BYTES] = {0};
    if (message.size > UINT32_MAX || !sp_rpc_h2_bytes_reserve(bytes, sizeof(prefix) + message.size))
        return false;
    sp_store_be32(prefix + 1, (uint32_t)message.size);
    return sp_rpc_h2_bytes_append(bytes, prefix, sizeof(prefix)) &&
           sp_rpc_h2_bytes_append(bytes, message.data, message.size);
}
