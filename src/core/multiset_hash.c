#include "core/multiset_hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sp_expander {
    EVP_CIPHER_CTX *cipher;
};

struct sp_expander *sp_expander_create(void) {
    struct sp_expander *expander = calloc(1, sizeof(*expander));
    if (expander == NULL)
        return NULL;
    expander->cipher = EVP_CIPHER_CTX_new();
    if (expander->cipher != NULL && EVP_EncryptInit_ex(expander->cipher, EVP_aes_256_ctr(), NULL, NULL, NULL) == 1)
        return expander;
    sp_expander_free(expander);
    return NULL;
}

void sp_expander_free(struct sp_expander *expander) {
    if (expander == NULL)
        return;
    EVP_CIPHER_CTX_free(expander->cipher);
    free(expander);
}

/* The key stream is what zeros are encrypted to. */
static void expand_element(struct sp_expander *expander, const uint8_t element[static SP_DIGEST_BYTES],
                           uint8_t ret_stream[static SP_MULTISET_HASH_BYTES]) {
    static const uint8_t zeros[SP_MULTISET_HASH_BYTES];
    static const uint8_t first_block[16];
    int size = 0;
    /* Neither fails on a cipher that was set up; a sum that is not one must not be used. */
    if (EVP_EncryptInit_ex(expander->cipher, NULL, NULL, element, first_block) != 1 ||
        EVP_EncryptUpdate(expander->cipher, ret_stream, &size, zeros, SP_MULTISET_HASH_BYTES) != 1 ||
        size != SP_MULTISET_HASH_BYTES)
        abort();
}

static uint16_t load_lane(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

/* `restrict` lets the compiler add many lanes at a time. */
static void add_lanes(uint16_t *restrict lanes, const uint8_t *restrict stream) {
    for (size_t i = 0; i < SP_MULTISET_LANES; i++)
        lanes[i] = (uint16_t)(lanes[i] + load_lane(stream + 2 * i));
}

static void subtract_lanes(uint16_t *restrict lanes, const uint8_t *restrict stream) {
    for (size_t i = 0; i < SP_MULTISET_LANES; i++)
        lanes[i] = (uint16_t)(lanes[i] - load_lane(stream + 2 * i));
}

void sp_multiset_hash_add(struct sp_multiset_hash *hash, struct sp_expander *expander,
                          const uint8_t element[static SP_DIGEST_BYTES]) {
    uint8_t stream[SP_MULTISET_HASH_BYTES];
    expand_element(expander, element, stream);
    add_lanes(hash->lanes, stream);
}

void sp_multiset_hash_remove(struct sp_multiset_hash *hash, struct sp_expander *expander,
                             const uint8_t element[static SP_DIGEST_BYTES]) {
    uint8_t stream[SP_MULTISET_HASH_BYTES];
    expand_element(expander, element, stream);
    subtract_lanes(hash->lanes, stream);
}

void sp_multiset_hash_join(struct sp_multiset_hash *hash, const struct sp_multiset_hash *more) {
    for (size_t i = 0; i < SP_MULTISET_LANES; i++)
        hash->lanes[i] = (uint16_t)(hash->lanes[i] + more->lanes[i]);
}

void sp_multiset_hash_encode(const struct sp_multiset_hash *hash, uint8_t ret_bytes[static SP_MULTISET_HASH_BYTES]) {
    for (size_t i = 0; i < SP_MULTISET_LANES; i++) {
        ret_bytes[2 * i] = (uint8_t)hash->lanes[i];
        ret_bytes[2 * i + 1] = (uint8_t)(hash->lanes[i] >> 8);
    }
}

void sp_multiset_hash_decode(const uint8_t bytes[static SP_MULTISET_HASH_BYTES], struct sp_multiset_hash *ret_hash) {
    for (size_t i = 0; i < SP_MULTISET_LANES; i++)
        ret_hash->lanes[i] = load_lane(bytes + 2 * i);
}

void sp_multiset_hash_digest(const struct sp_multiset_hash *hash, uint8_t ret_digest[static SP_DIGEST_BYTES]) {
    uint8_t bytes[SP_MULTISET_HASH_BYTES];
    sp_multiset_hash_encode(hash, bytes);
    sp_sha256(bytes, sizeof(bytes), ret_digest);
}
