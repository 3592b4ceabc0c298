/* Hides what looks like a secret in texts that people and logs get to see. People paste keys where
 * ids and names of files belong, and messages quote what was wrong. Error messages (base/status.h)
 * and log lines (base/text_out.h) pass through here, so nobody else needs to.
 *
 * These forms are known, each where letters and digits begin:
 *
 *   32 or more letters and digits with capitals, small letters and digits among them     Sallyport's keys and parts of
 *   40 or more letters and digits with capitals and small letters among them             them, with any prefix
 *   sk_ sk- rk_ rk- pk_ pk- ghp_ gho_ xoxb- xoxp- and 20 or more of [A-Za-z0-9_-]        keys of other systems
 *   eyJ, 32 or more of [A-Za-z0-9_.-] in all                                             JSON web tokens
 *
 * Ids that Sallyport makes, UUIDs, and digests in hexadecimal have none of these. Thread-safe: no
 * state. */
#ifndef SP_BASE_MASK_H
#define SP_BASE_MASK_H

#include <stdbool.h>

#include "base/bytes.h"

enum { SP_MASK_BYTES = 7 }; /* "***" and the last four characters, as in a key's hint */

struct sp_mask {
    size_t at, size; /* what must not be seen, in the text */
    char instead[SP_MASK_BYTES];
};

/* The first secret in the text; false: there is none. */
bool sp_mask_find(struct sp_str text, struct sp_mask *ret_mask);

/* Masks every secret of a NUL-terminated text in place; it never becomes longer. */
void sp_mask_text(char *text);

/* Masks the first `size` bytes of a NUL-terminated text, at least SP_MASK_BYTES: what follows moves
 * up behind the mask. */
void sp_mask_range(char *text, size_t size);

/* The size of the prefix of other systems' keys (sk_ and so on, above) that the text begins with;
 * 0: none. */
size_t sp_mask_prefix_size(struct sp_str text);

#endif
