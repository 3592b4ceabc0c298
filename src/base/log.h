/* Log lines, for the programs only: libraries return a status.
 *
 * One line a call, as JSON:
 * {"time":"2026-01-31T12:00:00.123456Z","level":"info","program":"sallyportd","message":"…",…}, or
 * as text for a person at a terminal. Never pass a key's text.
 *
 * No caller waits for whoever reads the log. A program that serves sets a sink, which takes lines
 * and returns at once. Without one a line goes to stderr, and waits for its reader a second at
 * most, less if lines before it waited in vain. Thread-safe. */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum sp_log_level { SP_LOG_DEBUG, SP_LOG_INFO, SP_LOG_WARNING, SP_LOG_ERROR };

enum { SP_LOG_LINE_BYTES = 4096 }; /* the longest line, with its line feed */

enum sp_log_format {
    SP_LOG_AUTO, /* text if stderr is a terminal, else JSON */
    SP_LOG_JSON,
    SP_LOG_TEXT,
};

/* Names the program in every line, and drops lines below `least`. Call once before threads
 * start. */
void sp_log_init(const char *program, enum sp_log_level least);

/* Sets the format of lines; SP_LOG_AUTO unless set. Before threads start. */
void sp_log_set_format(enum sp_log_format format);

/* Whether lines are text now, not JSON. */
bool sp_log_is_text(void);

/* Gives lines to `sink` instead of stderr; NULL: to stderr again. Each line ends with a line feed
 * and is valid during the call, which must not wait for anything. On any thread, one at a time.
 * Returns once no other thread is in the sink that was set before. */
void sp_log_set_sink(void (*sink)(void *user, const char *line, size_t size), void *user);

/* SP_ERR_INVALID unless `name` is debug, info, warning or error. */
enum sp_status sp_log_level_parse(const char *name, enum sp_log_level *ret_level) SP_MUST_USE;
/* SP_ERR_INVALID unless `name` is auto, json or text. */
enum sp_status sp_log_format_parse(const char *name, enum sp_log_format *ret_format) SP_MUST_USE;

/* Writes a line. Whatever the message holds, it stays one line. */
void sp_log(enum sp_log_level level, const char *format, ...) SP_PRINTF(2, 3);

/* Writes an error to stderr whatever the sink, for a process that is about to end by itself. */
void sp_log_last_words(const char *format, ...) SP_PRINTF(1, 2);

/* A member of a line besides its message: a text, or a number if `text` is NULL. */
struct sp_log_field {
    const char *name;
    const char *text;
    uint64_t number;
};

/* A line with fields that logs can be searched by. */
void sp_log_fields(enum sp_log_level level, const char *message, const struct sp_log_field *fields, size_t count);

#endif
