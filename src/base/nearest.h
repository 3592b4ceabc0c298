/* Which of the names that exist somebody probably meant by one that does not. Thread-safe: no
 * state. */
#ifndef SP_BASE_NEAREST_H
#define SP_BASE_NEAREST_H

#include "base/bytes.h"
#include "base/status.h"

/* The nearest so far; begin with {0}. */
struct sp_nearest {
    struct sp_str name; /* borrowed; empty: none is near enough */
    size_t distance;    /* 0: begins so; then letters that are wrong; then words that are */
};

/* Keeps `name` if it is nearer to what was typed than the ones before; the first of equals stays.
 * Names that begin with what was typed, two letters or more, are nearest. Then up to two letters
 * may be wrong, missing, too many or exchanged with the next one, and one in a word of three
 * letters or less. Last come names of words ("trusted-peers", "TRUSTED_PEERS") that are mostly
 * alike, or of which one has all words of the other: in any order, in plural, or shortened by their
 * end. Names of more than 64 bytes are never near. */
void sp_nearest_consider(struct sp_nearest *nearest, struct sp_str name, struct sp_str typed);

/* What to say of a command that does not exist, with the nearest that does, or else where the help
 * is. `group`: of commands that the word was looked for in, such as "key"; "": among all.
 * SP_ERR_INVALID. */
enum sp_status sp_nearest_refuse_command(const struct sp_nearest *nearest, const char *group, const char *word,
                                         const char *program, struct sp_error *error);

#endif
