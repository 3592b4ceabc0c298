#include "admin/lines.h"

#include "base/array.h"

enum sp_status sp_admin_add_line(struct sp_admin_lines *lines, const char *format, ...) {
    struct sp_error text;
    va_list arguments;
    va_start(arguments, format);
    (void)sp_error_vset(&text, SP_OK, format, arguments);
    va_end(arguments);
    char **grown = sp_array_reserve_in(lines->arena, lines->lines, lines->count, &lines->capacity, sizeof(*grown));
    char *line = sp_arena_strdup(lines->arena, sp_str_from(text.message));
    if (grown == NULL || line == NULL)
        return SP_ERR_MEMORY;
    lines->lines = grown;
    lines->lines[lines->count++] = line;
    return SP_OK;
}
