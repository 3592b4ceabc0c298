#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text_out.h"

enum { LINE_BYTES = 4096, MESSAGE_BYTES = 2048 };

static const char *program_name = "sallyport";
static enum sp_log_level least_level = SP_LOG_INFO;
static enum sp_log_format line_format = SP_LOG_AUTO;
static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *const format_names[] = {"auto", "json", "text"};

void sp_log_init(const char *program, enum sp_log_level least) {
    program_name = program;
    least_level = least;
}

void sp_log_set_format(enum sp_log_format format) {
    line_format = format;
}

bool sp_log_is_text(void) {
    return line_format == SP_LOG_TEXT || (line_format == SP_LOG_AUTO && isatty(STDERR_FILENO) == 1);
}

static bool find_in_names(const char *const *names, size_t count, const char *name, size_t *ret_i) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_i = i;
            return true;
        }
    }
    return false;
}

enum sp_status sp_log_level_parse(const char *name, enum sp_log_level *ret_level) {
    size_t i = 0;
    if (!find_in_names(level_names, sizeof(level_names) / sizeof(*level_names), name, &i))
        return SP_ERR_INVALID;
    *ret_level = (enum sp_log_level)i;
    return SP_OK;
}

enum sp_status sp_log_format_parse(const char *name, enum sp_log_format *ret_format) {
    size_t i = 0;
    if (!find_in_names(format_names, sizeof(format_names) / sizeof(*format_names), name, &i))
        return SP_ERR_INVALID;
    *ret_format = (enum sp_log_format)i;
    return SP_OK;
}

/* ---- lines ---- */

static void put_json(struct sp_text_out *out, enum sp_log_level level, const char *message,
                     const struct sp_log_field *fields, size_t count, const struct timespec *now) {
    sp_json_open(out);
    sp_json_time(out, "time", now->tv_sec, (uint32_t)now->tv_nsec);
    sp_json_text(out, "level", sp_str_from(level_names[level]));
    sp_json_text(out, "program", sp_str_from(program_name));
    sp_json_text_cut(out, "message", sp_str_from(message));
    for (size_t i = 0; i < count; i++) {
        if (fields[i].text != NULL)
            sp_json_text_cut(out, fields[i].name, sp_str_from(fields[i].text));
        else
            sp_json_number(out, fields[i].name, fields[i].number);
    }
    sp_json_close(out);
}

static void put_text(struct sp_text_out *out, enum sp_log_level level, const char *message,
                     const struct sp_log_field *fields, size_t count, const struct timespec *now) {
    char time_text[32];
    struct tm parts;
    if (gmtime_r(&now->tv_sec, &parts) == NULL || strftime(time_text, sizeof(time_text), "%FT%TZ", &parts) == 0)
        return;
    sp_text_printf(out, "%s %-7s ", time_text, level_names[level]);
    sp_text_put_line(out, sp_str_from(message));
    for (size_t i = 0; i < count; i++) {
        sp_text_printf(out, " %s=", fields[i].name);
        if (fields[i].text != NULL)
            sp_text_put_line(out, sp_str_from(fields[i].text));
        else
            sp_text_printf(out, "%llu", (unsigned long long)fields[i].number);
    }
}

void sp_log_fields(enum sp_log_level level, const char *message, const struct sp_log_field *fields, size_t count) {
    char line[LINE_BYTES];
    struct sp_text_out out;
    struct timespec now;
    if (level < least_level || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return;
    bool text = sp_log_is_text();
    sp_text_out_init(&out, line, sizeof(line) - 1);
    if (text)
        put_text(&out, level, message, fields, count, &now);
    else
        put_json(&out, level, message, fields, count, &now);
    line[out.used] = '\n';
    /* A log line that cannot be written has nowhere to be reported. */
    ssize_t written = write(STDERR_FILENO, line, out.used + 1);
    (void)written;
}

void sp_log(enum sp_log_level level, const char *format, ...) {
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length >= 0)
        sp_log_fields(level, message, NULL, 0);
}
