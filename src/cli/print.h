/* Replies for people (tables, lines) and for programs (JSON). */
#ifndef SP_CLI_PRINT_H
#define SP_CLI_PRINT_H

#include "cli/command.h"

/* Columns are "TITLE=path,…"; a path may end in ":time" or ":list". */

/* A table of an array's objects, aligned, with a header line. */
void cli_print_table(const json_t *rows, const char *columns, FILE *out);

/* One object, a line for each column that has a value. */
void cli_print_lines(const json_t *object, const char *columns, FILE *out);

/* JSON, indented. */
void cli_print_json(const json_t *json, FILE *out);

/* One object a line. */
void cli_print_ndjson(const json_t *rows, FILE *out);

/* A value as people read it: enums in lower case without their prefix, times in UTC, lists with commas. The caller frees; NULL when out of
 * memory. */
char *cli_text_of(const json_t *object, const char *path);

/* How many columns of a terminal the text takes. */
size_t cli_width(const char *text);

/* A progress bar on stderr, redrawn; only where that is a terminal. `total` 0: not known. `done` at the end clears the line. */
void cli_progress(const char *what, uint64_t done, uint64_t total, bool ended);

#endif
