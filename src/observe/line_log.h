/* A log of lines that any thread may write, over a ring (observe/ring_log.h): who writes never
 * waits for who reads. A line that finds no room is dropped and counted. */
#ifndef SP_OBSERVE_LINE_LOG_H
#define SP_OBSERVE_LINE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct sp_line_log;

/* `path` as in struct sp_ring_log_options; it must outlive the log. `parts`: lines of different
 * parts do not take each other's room, and may overtake each other. SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_line_log_open(const char *path, unsigned parts, struct sp_line_log **ret_log,
                                struct sp_error *error) SP_MUST_USE;

/* Writes a line, which ends with a line feed and has at most SP_RING_LOG_LINE_BYTES. Any thread;
 * copies the line and returns. */
void sp_line_log_put(struct sp_line_log *log, unsigned part, const char *line, size_t size);

/* As those of a ring log. Any thread. */
void sp_line_log_reopen(struct sp_line_log *log);
uint64_t sp_line_log_written(const struct sp_line_log *log);
uint64_t sp_line_log_dropped(const struct sp_line_log *log);

/* As sp_ring_log_close. */
void sp_line_log_close(struct sp_line_log *log);

#endif
