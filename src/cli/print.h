/* Replies for people (tables, lines) and for programs (JSON). */
#ifndef SP_CLI_PRINT_H
#define SP_CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Columns are "TITLE=path,…", at most 20; a path may end in ":time" (seconds since 1970), ":quota"
 * (0 or nothing: the default), ":limit" (a list that, when empty, allows any) or ":raw" (a text as
 * it is, even if it looks like the name of an enum). A title after "+" is of wide tables only; one
 * after "~" may be cut if the table does not fit. */

struct cli_table_shape {
    bool wide;    /* all columns, and times with their seconds */
    size_t width; /* columns of the screen; 0: nothing is cut */
};

/* A table of an array's objects, aligned, with a header line. */
void sp_cli_print_table(const json_t *rows, const char *columns, const struct cli_table_shape *shape, FILE *out);

/* One object, a line for each column that has a value. */
void sp_cli_print_lines(const json_t *object, const char *columns, FILE *out);

/* JSON, indented. In this and the next, times become texts (cli/json_times.h), in the value
 * itself. */
void sp_cli_print_json(json_t *json, FILE *out);

/* JSON on one line. */
void sp_cli_print_line(json_t *json, FILE *out);

/* Rows in the format of -o: a table of the columns that fits the terminal, indented JSON, or a line
 * each. */
void sp_cli_print_rows(const char *output, bool wide, json_t *rows, const char *columns, FILE *out);

/* A reply for programs: indented with -o json, else on one line. */
void sp_cli_print_reply(const char *output, json_t *reply, FILE *out);

/* A value as people read it: enums in lower case without their prefix, times in UTC, lists with
 * commas, empty if there is none. What looks like an API key is masked. The caller frees; NULL when
 * out of memory. */
char *sp_cli_text_of(const json_t *object, const char *path);

/* Writes a text safely for a terminal: control characters and changes of writing direction become
 * U+FFFD. */
void sp_cli_put_text(const char *text, FILE *out);

/* How many columns of a terminal the text takes (wide and combining characters too, in a UTF-8
 * locale). */
size_t sp_cli_width(const char *text);

/* Whether a file is a terminal that can move its cursor: TERM=dumb cannot. */
bool sp_cli_has_screen(int fd);

/* Redraws a progress bar on stderr, if that has a screen. `total` 0: unknown. `ended` clears the
 * line. */
void sp_cli_progress(const char *what, uint64_t done, uint64_t total, bool ended);

#endif
