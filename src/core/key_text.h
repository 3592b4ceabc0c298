/* The text of an API key: prefix, 43 base62 characters of 32 random bytes, 6 of a checksum. Pure.
 *
 *   offset  length  content
 *   0       p       a prefix of the store, such as "sp_" (1 to 16 bytes of [A-Za-z0-9_-])
 *   p       43      the 32 bytes as one big-endian number in base 62 (0-9A-Za-z), zero-padded
 *   p+43    6       CRC-32/ISO-HDLC over all before it, in base 62, zero-padded
 *
 * A text that fails here was mistyped or is not one of ours: no look-up is spent on it. */
#ifndef SP_CORE_KEY_TEXT_H
#define SP_CORE_KEY_TEXT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_KEY_PREFIX_MAX_BYTES = 16,
    SP_KEY_RANDOM_BYTES = 32,
    SP_KEY_BODY_CHARS = 43,
    SP_KEY_CHECK_CHARS = 6,
    SP_KEY_TEXT_BYTES = SP_KEY_PREFIX_MAX_BYTES + SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS + 1, /* with the NUL */
    SP_KEY_PRESENTED_MAX_BYTES = 512, /* the longest credential that is looked at */
    SP_KEY_HINT_BYTES = 5,            /* four characters and the NUL */
};

/* The key text for 32 random bytes. `prefix` must be valid. */
void sp_key_text_make(struct sp_str prefix, const uint8_t random[static SP_KEY_RANDOM_BYTES],
                      char ret_text[static SP_KEY_TEXT_BYTES]);

/* SP_ERR_INVALID unless 1 to 16 bytes of [A-Za-z0-9_-]. */
enum sp_status sp_key_prefix_check(struct sp_str prefix, struct sp_error *error) SP_MUST_USE;

enum sp_key_form {
    SP_KEY_FORM_VALID,     /* one of the prefixes, right length and alphabet, checksum fits */
    SP_KEY_FORM_MALFORMED, /* one of the prefixes, but anything else wrong; or no prefix of the store */
    SP_KEY_FORM_FOREIGN,   /* none of the prefixes, in a store that imported keys: may be looked up */
};

/* Judges a presented text. `accept_foreign`: the store holds imported keys. Empty and over-long
 * texts are malformed. */
enum sp_key_form sp_key_text_judge(struct sp_str text, const struct sp_str *prefixes, size_t prefix_count,
                                   bool accept_foreign);

/* Whether the text is a complete key of some store, whatever its prefix. */
bool sp_key_text_is_complete(struct sp_str text);

/* The last four characters, or a quarter of a text shorter than 16; what is not visible ASCII
 * becomes "?". */
void sp_key_hint(struct sp_str text, char ret_hint[static SP_KEY_HINT_BYTES]);

#endif
