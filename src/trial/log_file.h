/* Reads files line by line, in large blocks. One thread. */
#ifndef SP_TRIAL_LOG_FILE_H
#define SP_TRIAL_LOG_FILE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* Gives each line without its end; one of more than `most` bytes is given as its first `most`
 * bytes and one more. The text is borrowed until the next line. */
typedef enum sp_status sp_trial_log_visit(void *context, struct sp_str line, uint64_t number);

/* Visits the lines of a file, "-" for standard input, until the end or until `visit` returns
 * another status than SP_OK, which is returned. SP_ERR_IO, SP_ERR_MEMORY, with a message. */
enum sp_status sp_trial_log_file_read(const char *path, size_t most, sp_trial_log_visit *visit, void *context,
                                      struct sp_error *error) SP_MUST_USE;

#endif
