/* Whether a text that is about to become an id or a name looks like an API key. People paste keys
 * where names belong, and what has such a name shows it in every list from then on. Pure.
 *
 * Stricter than base/mask.h, which hides parts of keys in messages: identity providers give out ids
 * that are as random as a part of a key (43 characters of base64, say), and those are names of
 * principals. These forms count:
 *
 *   a complete key of Sallyport's, by its checksum, whatever its prefix and wherever it stands
 *   a prefix that ends with _ or -, and 49 letters and digits, mixed           a key of Sallyport's with a mistake
 *   a prefix of base/mask.h, and within what follows 20 letters and digits     keys of other systems
 *   eyJ and two dots, 32 or more of [A-Za-z0-9_.-] in all                      JSON web tokens */
#ifndef SP_CORE_KEY_LIKE_H
#define SP_CORE_KEY_LIKE_H

#include <stdbool.h>

#include "base/bytes.h"

/* Finds the first part of the text that looks like a key, without the prefix; it is borrowed from
 * the text. */
bool sp_key_like_find(struct sp_str text, struct sp_str *ret_part);

/* As sp_mask_text, but only of what looks like a key. */
void sp_key_like_mask(char *text);

#endif
