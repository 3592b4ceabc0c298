/* Lines of text that grow in an arena. */
#ifndef SP_ADMIN_LINES_H
#define SP_ADMIN_LINES_H

#include "base/arena.h"

/* Zeroed but for the arena: none. */
struct sp_admin_lines {
    struct sp_arena *arena;
    char **lines;
    size_t count;
    size_t capacity;
};

/* Adds a line, cut at 1023 bytes. SP_ERR_MEMORY. */
enum sp_status sp_admin_add_line(struct sp_admin_lines *lines, const char *format, ...) SP_MUST_USE SP_PRINTF(2, 3);

#endif
