/* base64url without padding (RFC 4648 section 5), for tokens. Pure. */
#ifndef SP_BASE_BASE64URL_H
#define SP_BASE_BASE64URL_H

#include <stdbool.h>

#include "base/bytes.h"

/* Room for the text of so many bytes, with its NUL. */
#define SP_BASE64URL_CHARS(bytes) (((bytes) + 2) / 3 * 4 + 1)

/* Writes SP_BASE64URL_CHARS(bytes.size) characters at most, NUL-terminated. */
void sp_base64url_encode(struct sp_bytes bytes, char *ret_text);

/* False for characters that the encoder does not write, for leftover bits that are not zero, and
 * for more than `room` bytes; the outputs must not be used then. */
bool sp_base64url_decode(struct sp_str text, uint8_t *ret_bytes, size_t room, size_t *ret_size);

#endif
