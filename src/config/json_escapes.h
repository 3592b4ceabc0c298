/* JSON is YAML but for one thing that libyaml does not read: characters beyond U+FFFF written as
 * two escapes ("\ud83d\ude00"), as Python and JavaScript write them by default. Pure but for the
 * arena. */
#ifndef SP_CONFIG_JSON_ESCAPES_H
#define SP_CONFIG_JSON_ESCAPES_H

#include "base/arena.h"
#include "base/status.h"

enum { SP_JSON_PAIR_CHARS = 12, SP_JSON_JOINED_CHARS = 10 };

/* The text with each such pair written as one escape of YAML ("\U0001f600"), if it is a JSON
 * document and has any; otherwise the text itself. *ret_joined says which. SP_ERR_MEMORY. */
enum sp_status sp_json_join_escapes(struct sp_str text, struct sp_arena *arena, struct sp_str *ret_text,
                                    bool *ret_joined) SP_MUST_USE;

/* How many pairs were joined within `line`, the beginning of a line of such a text. */
size_t sp_json_count_joined(struct sp_str line);

#endif
