/* Comments of policy files, so that they survive when the files are written again. Pure. */
#ifndef SP_POLICY_NOTES_H
#define SP_POLICY_NOTES_H

#include <stdio.h>

#include "policy/model.h"

/* What belongs to the entry on a line: the comment lines before it and between its fields, and the
 * comments at the end of its lines. */
struct sp_policy_note {
    uint32_t line;
    unsigned indent;    /* of the lines before it */
    const char *before; /* lines without indentation, each with its newline; NULL: none */
    const char *after;  /* without the '#'; NULL: none */
};

/* What one file has, all in the arena that it was read into. */
struct sp_policy_notes {
    const char *head;                      /* what is above the first section, each with its newline; "" for nothing */
    const char *foot;                      /* below the last entry */
    bool has[SP_POLICY_SECTIONS];          /* sections that the file has in block style */
    const char *above[SP_POLICY_SECTIONS]; /* what is above them; NULL: nothing */
    struct sp_policy_note *list;           /* by line */
    size_t count, room;
};

/* Reads the comments of a file that is in the sorted model without errors, and finds the entry that
 * each belongs to: the next one, or for the end of a line, or between fields, the one that goes on.
 * SP_ERR_MEMORY. */
enum sp_status sp_policy_read_notes(const struct sp_policy *policy, uint16_t file, struct sp_str text,
                                    struct sp_arena *arena, struct sp_policy_notes *ret_notes) SP_MUST_USE;

/* The note of an entry's place; NULL: none. */
const struct sp_policy_note *sp_policy_find_note(const struct sp_policy_notes *notes,
                                                 const struct sp_policy_place *place);

#endif
