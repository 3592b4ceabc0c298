/* Which of the names that exist somebody probably meant by one that does not. Thread-safe: no
 * state. */
#ifndef SP_BASE_NEAREST_H
#define SP_BASE_NEAREST_H

#include "base/bytes.h"

/* The nearest so far; begin with {0}. */
struct sp_nearest {
    struct sp_str name; /* borrowed; empty: none is near enough */
    size_t edits;       /* letters to insert, remove or replace */
};

/* Keeps `name` if it is nearer to what was typed than the ones before. Names that begin with what
 * was typed, two letters or more, are nearest, and the first of several wins. Otherwise up to two
 * letters may be wrong, and one in a word of three letters or less; words of more than 64 bytes are
 * never near. */
void sp_nearest_consider(struct sp_nearest *nearest, struct sp_str name, struct sp_str typed);

#endif
