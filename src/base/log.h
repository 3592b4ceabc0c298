/* JSON lines on stderr, for the programs only: libraries return a status.
 *
 * One line a call: {"time":"2026-01-31T12:00:00.123Z","level":"info","program":"sallyportd","message":"…",…}. Never pass
 * a key's text. Thread-safe: one write(2) a line. */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

#include "base/status.h"

enum sp_log_level { SP_LOG_DEBUG, SP_LOG_INFO, SP_LOG_WARNING, SP_LOG_ERROR };

/* Names the program in every line, and drops lines below `least`. Call once before threads start. */
void sp_log_init(const char *program, enum sp_log_level least);

/* SP_ERR_INVALID unless `name` is debug, info, warning or error. */
enum sp_status sp_log_level_parse(const char *name, enum sp_log_level *ret_level) SP_MUST_USE;

/* Writes a line. The message is escaped as JSON needs it. */
void sp_log(enum sp_log_level level, const char *format, ...) SP_PRINTF(2, 3);

#endif
