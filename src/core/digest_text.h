/* A SHA-256 as other systems write it. Pure. */
#ifndef SP_CORE_DIGEST_TEXT_H
#define SP_CORE_DIGEST_TEXT_H

#include <stdbool.h>

#include "base/status.h"
#include "core/digest.h"

/* Reads 64 hexadecimal digits of either case, or 43 characters of base64 or base64url with or
 * without the '=' that ends them, each with or without "sha256:" before it. False for anything
 * else. */
bool sp_sha256_read_text(struct sp_str text, uint8_t ret_sha256[static SP_DIGEST_BYTES]) SP_MUST_USE;

/* Reads 64 hexadecimal digits of either case. False for anything else. */
bool sp_sha256_read_hex(struct sp_str text, uint8_t ret_sha256[static SP_DIGEST_BYTES]) SP_MUST_USE;

#endif
