/* SHA-256, and the digest by which the store knows a key. Pure. */
#ifndef SP_CORE_DIGEST_H
#define SP_CORE_DIGEST_H

#include "base/bytes.h"

enum { SP_DIGEST_BYTES = 32 };

/* SHA-256 (FIPS 180-4). */
void sp_sha256(const void *data, size_t size, uint8_t ret_digest[static SP_DIGEST_BYTES]);
/* The same of the parts one after the other. */
void sp_sha256_parts(const struct sp_bytes *parts, size_t count, uint8_t ret_digest[static SP_DIGEST_BYTES]);

/* What the store knows a key by: SHA-256(SHA-256(text)), and the same from the single digest. */
void sp_key_digest_from_text(struct sp_str text, uint8_t ret_digest[static SP_DIGEST_BYTES]);
void sp_key_digest_from_sha256(const uint8_t sha256[static SP_DIGEST_BYTES],
                               uint8_t ret_digest[static SP_DIGEST_BYTES]);

#endif
