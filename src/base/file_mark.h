/* Whether a file was replaced or changed since it was read. Thread-safe: no state. */
#ifndef SP_BASE_FILE_MARK_H
#define SP_BASE_FILE_MARK_H

#include <stdint.h>

/* Folds into `mark` (1 for a first file) which file the path names, its size and times. A file that
 * is missing has a mark too. Equal marks: nothing has changed. */
uint64_t sp_file_mark(uint64_t mark, const char *path);

#endif
