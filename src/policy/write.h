/* Writes policies as files that sp_policy_read reads. Pure, but for the stream. */
#ifndef SP_POLICY_WRITE_H
#define SP_POLICY_WRITE_H

#include <stdio.h>

#include "policy/notes.h"

/* A section of a sorted model, in block style with an entry or a share a line, so that a difference
 * between two versions is a difference of lines. An empty one is "users: {}". Writing errors are
 * the stream's (ferror). */
void sp_policy_write_section(const struct sp_policy *policy, enum sp_policy_section section, FILE *out);

/* The same for one of several files: only the entries whose places are in it, with the file's
 * comments. */
void sp_policy_write_part(const struct sp_policy *policy, enum sp_policy_section section, uint16_t file,
                          const struct sp_policy_notes *notes, FILE *out);

/* A text as YAML: plain if no reader can take it for anything else, otherwise in double quotes. */
void sp_policy_write_text(const char *text, FILE *out);

#endif
