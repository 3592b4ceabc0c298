#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"

static const char *program_name = "sallyport";
static enum sp_log_level least_level = SP_LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warning", "error"};

void sp_log_init(const char *program, enum sp_log_level least) {
    program_name = program;
    least_level = least;
}

enum sp_status sp_log_level_parse(const char *name, enum sp_log_level *ret_level) {
    for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum sp_log_level)i;
            return SP_OK;
        }
    }
    return SP_ERR_INVALID;
}

/* Appends `text` as the inside of a JSON string, whole characters only; bytes that are no UTF-8 become '?'. */
static size_t append_escaped(char *line, size_t used, size_t room, const char *text) {
    bool utf8 = sp_text_is_utf8(sp_str_from(text));
    for (; *text != '\0' && used + 8 < room; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            line[used++] = '\\';
            line[used++] = (char)c;
        } else if (c < 0x20) {
            used += (size_t)snprintf(line + used, room - used, "\\u%04x", c);
        } else {
            line[used++] = (char)(c >= 0x80 && !utf8 ? '?' : c);
        }
    }
    return used;
}

void sp_log(enum sp_log_level level, const char *format, ...) {
    if (level < least_level)
        return;
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length < 0)
        return;

    struct timespec now;
    struct tm parts;
    char line[4096];
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &parts) == NULL)
        return;
    size_t used = strftime(line, sizeof(line), "{\"time\":\"%Y-%m-%dT%H:%M:%S", &parts);
    used += (size_t)snprintf(line + used, sizeof(line) - used,
                             ".%03ldZ\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\"", now.tv_nsec / 1000000,
                             level_names[level], program_name);
    used = append_escaped(line, used, sizeof(line) - 4, message);
    line[used] = '"';
    line[used + 1] = '}';
    line[used + 2] = '\n';
    /* A log line that cannot be written has nowhere to be reported. */
    ssize_t written = write(STDERR_FILENO, line, used + 3);
    (void)written;
}
