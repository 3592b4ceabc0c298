#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/outlet.h"
#include "base/text_out.h"

enum { MESSAGE_BYTES = 2048, PATIENCE_MS = 1000 };

/* One line on its way. */
struct line {
    char text[SP_LOG_LINE_BYTES];
    size_t size;
};

/* Where lines go, instead of stderr. */
static struct {
    pthread_mutex_t lock;
    void (*take)(void *user, const char *line, size_t size);
    void *user;
} line_sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* How long lines may still wait for whoever reads stderr. */
static atomic_int patience_ms = PATIENCE_MS;

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

/* False: below the least level. */
static bool write_line(enum sp_log_level level, const char *message, const struct sp_log_field *fields, size_t count,
                       struct line *ret_line) {
    struct sp_text_out out;
    if (level < least_level)
        return false;
    const struct timespec now = sp_clock_now();
    bool text = sp_log_is_text();
    sp_text_out_init(&out, ret_line->text, sizeof(ret_line->text) - 1);
    if (text)
        put_text(&out, level, message, fields, count, &now);
    else
        put_json(&out, level, message, fields, count, &now);
    ret_line->text[out.used] = '\n';
    ret_line->size = out.used + 1;
    return true;
}

/* ---- where they go ---- */

void sp_log_set_sink(void (*sink)(void *user, const char *line, size_t size), void *user) {
    pthread_mutex_lock(&line_sink.lock);
    line_sink.take = sink;
    line_sink.user = user;
    pthread_mutex_unlock(&line_sink.lock);
}

/* False: there is none. */
static bool give_to_sink(const struct line *line) {
    pthread_mutex_lock(&line_sink.lock);
    bool taken = line_sink.take != NULL;
    if (taken)
        line_sink.take(line_sink.user, line->text, line->size);
    pthread_mutex_unlock(&line_sink.lock);
    return taken;
}

/* True: it takes more. What is left of the patience is for the lines that follow. */
static bool wait_for_stderr(const struct sp_outlet *outlet) {
    int64_t began_ms = sp_clock_monotonic_ms();
    bool ready = sp_outlet_wait(outlet, atomic_load(&patience_ms));
    int64_t waited_ms = sp_clock_monotonic_ms() - began_ms;
    int left_ms = atomic_load(&patience_ms);
    atomic_store(&patience_ms, waited_ms < left_ms ? left_ms - (int)waited_ms : 0);
    return ready;
}

/* A line that cannot be written has nowhere to be reported. */
static void give_to_stderr(const struct line *line) {
    struct sp_outlet outlet;
    size_t done = 0, wrote = 0;
    if (sp_outlet_open_standard(STDERR_FILENO, &outlet) != SP_OK)
        return;
    while (sp_outlet_write(&outlet, line->text + done, line->size - done, &wrote) == SP_OK) {
        done += wrote;
        if (done == line->size)
            atomic_store(&patience_ms, PATIENCE_MS);
        if (done == line->size || !wait_for_stderr(&outlet))
            break;
    }
    sp_outlet_close(&outlet);
}

void sp_log_fields(enum sp_log_level level, const char *message, const struct sp_log_field *fields, size_t count) {
    struct line line;
    if (write_line(level, message, fields, count, &line) && !give_to_sink(&line))
        give_to_stderr(&line);
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

void sp_log_last_words(const char *format, ...) {
    char message[MESSAGE_BYTES];
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length >= 0 && write_line(SP_LOG_ERROR, message, NULL, 0, &line))
        give_to_stderr(&line);
}
