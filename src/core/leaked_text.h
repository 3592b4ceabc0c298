/* What may be a key's text in something that somebody pasted: a line of a log, of a script or of a
 * message, with quotes, a header's name, a scheme, or the key wrapped over two lines. Pure.
 *
 * Keys of ours are found anywhere, by their checksum. Keys of other systems are found if the text
 * around them is separated by blanks, quotes or punctuation. Both are found in base64 too, such as
 * that of Basic credentials, as user name or as password; in base64 of base64 they are not. */
#ifndef SP_CORE_LEAKED_TEXT_H
#define SP_CORE_LEAKED_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_LEAKED_TEXT_MAX_BYTES = 8192,
    SP_LEAKED_PART_MIN_BYTES = 8, /* of a part of a text; all of it may be shorter */
};

/* Gets one text of 1 to SP_KEY_PRESENTED_MAX_BYTES bytes that may be a key's; the same one may come
 * again. `complete`: it has the checksum of a key of ours. It is valid during the visit. What it
 * returns but SP_OK ends the walk. */
typedef enum sp_status sp_leaked_visit(void *context, struct sp_str candidate, bool complete);

/* Visits all there are, the whole text first. `arena` is scratch. SP_ERR_MEMORY, or what the visit
 * returned. */
enum sp_status sp_leaked_text_walk(struct sp_str text, struct sp_arena *arena, sp_leaked_visit *visit,
                                   void *context) SP_MUST_USE;

#endif
