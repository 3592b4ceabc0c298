#include "cli/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"

static enum sp_status read_whole_number(const char *text, const char **ret_end, uint64_t *ret_number) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || errno != 0 || number > INT64_MAX)
        return SP_ERR_INVALID;
    *ret_end = end;
    *ret_number = number;
    return SP_OK;
}

enum sp_status sp_cli_read_duration(const char *text, int64_t *ret_s, struct sp_error *error) {
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    const char *end = "";
    uint64_t number = 0;
    if (strcmp(text, "0") == 0) {
        *ret_s = 0;
        return SP_OK;
    }
    if (read_whole_number(text, &end, &number) == SP_OK && end[0] != '\0' && end[1] == '\0') {
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
            if (units[i].unit == end[0] && number <= INT32_MAX) {
                *ret_s = (int64_t)number * units[i].seconds;
                return SP_OK;
            }
        }
    }
    if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0')
        return sp_error_set(error, SP_ERR_INVALID, "'%s' has no unit; write %ss for seconds, or %sm, %sh, %sd", text,
                            text, text, text, text);
    return sp_error_set(error, SP_ERR_INVALID, "'%s' is not a duration; write 30s, 15m, 2h or 90d", text);
}

/* A date alone is its beginning. */
static bool read_moment(const char *text, int64_t *ret_s) {
    char with_time[sizeof("2026-12-31T00:00:00Z")];
    if (strlen(text) == strlen("2026-12-31")) {
        (void)snprintf(with_time, sizeof(with_time), "%sT00:00:00Z", text);
        text = with_time;
    }
    return sp_moment_parse(sp_str_from(text), ret_s);
}

/* What programs hand around as a time is a number, and people paste that. */
static enum sp_status refuse_as_time(const char *text, struct sp_error *error) {
    const char *end = "", *unit = NULL;
    uint64_t number = 0;
    int64_t meant_s = 0;
    char meant[SP_MOMENT_TEXT_BYTES];
    if (read_whole_number(text, &end, &number) != SP_OK || *end != '\0' ||
        !sp_moment_guess_unit((int64_t)number, &unit, &meant_s))
        return sp_error_set(error, SP_ERR_INVALID,
                            "'%s' is not a time; write 2026-12-31, 2026-12-31T23:59:59Z (UTC), +90d or never", text);
    sp_moment_format(meant_s, meant);
    return sp_error_set(error, SP_ERR_INVALID, "'%s' looks like %s since 1970; write %s", text, unit, meant);
}

enum sp_status sp_cli_read_time(const char *text, int64_t now_s, int64_t *ret_s, struct sp_error *error) {
    if (strcmp(text, "never") == 0) {
        *ret_s = 0;
        return SP_OK;
    }
    if (text[0] == '+') {
        int64_t from_now_s = 0;
        enum sp_status status = sp_cli_read_duration(text + 1, &from_now_s, error);
        if (status != SP_OK)
            return status;
        if (from_now_s > 0)
            status = sp_moment_check_end(text, now_s + from_now_s, now_s, error);
        if (status != SP_OK)
            return status;
        *ret_s = now_s + from_now_s;
        return SP_OK;
    }
    int64_t at_s = 0;
    if (!read_moment(text, &at_s))
        return refuse_as_time(text, error);
    if (at_s <= 0) /* 0 would mean "never" */
        return sp_error_set(error, SP_ERR_INVALID, "'%s' is not after 1970-01-01", text);
    *ret_s = at_s;
    return SP_OK;
}

static bool is_same_letter(char a, char b) {
    return (a == '_' ? '-' : a) == (b == '_' ? '-' : b);
}

bool sp_cli_is_choice(const char *choices, const char *text, size_t size) {
    for (;;) {
        size_t length = strcspn(choices, "|"), same = 0;
        while (length == size && same < size && is_same_letter(choices[same], text[same]))
            same++;
        if (length == size && same == size && size > 0)
            return true;
        if (choices[length] == '\0')
            return false;
        choices += length + 1;
    }
}

/* "viewer|editor" as "viewer, editor". */
static void write_choice_list(const char *choices, char *out, size_t room) {
    size_t used = 0;
    for (; *choices != '\0' && used + 3 < room; choices++) {
        out[used++] = *choices;
        if (*choices == '|') {
            out[used - 1] = ',';
            out[used++] = ' ';
        }
    }
    out[used] = '\0';
}

static json_t *read_enum(const char *prefix, const char *text) {
    char name[96];
    int size = snprintf(name, sizeof(name), "%s%s", prefix, text);
    if (size < 0 || (size_t)size >= sizeof(name))
        return NULL;
    for (char *at = name; *at != '\0'; at++) {
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
        else if (*at == '-')
            *at = '_';
    }
    return json_string(name);
}

static json_t *read_type_and_id(const char *text) {
    const char *slash = strchr(text, '/');
    if (slash == NULL)
        return json_pack("{s:s}", "type", text);
    return json_pack("{s:s%, s:s}", "type", text, (size_t)(slash - text), "id", slash + 1);
}

static enum sp_status read_epoch_and_number(const char *text, json_t **ret_value, struct sp_error *error) {
    const char *end = "";
    uint64_t epoch = 0, number = 0;
    if (read_whole_number(text, &end, &epoch) != SP_OK || *end != ':' ||
        read_whole_number(end + 1, &end, &number) != SP_OK || *end != '\0')
        return sp_error_set(error, SP_ERR_INVALID, "'%s' is not a revision; write EPOCH:NUMBER, such as 1:42", text);
    *ret_value = json_pack("{s:I, s:I}", "epoch", (json_int_t)epoch, "number", (json_int_t)number);
    return SP_OK;
}

static enum sp_status read_integer_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                                         struct sp_error *error) {
    uint64_t number = 0;
    const char *end = "";
    if (read_whole_number(text, &end, &number) != SP_OK || *end != '\0')
        return sp_error_set(error, SP_ERR_INVALID, "'%s' is not a whole number", text);
    if (number < argument->least)
        return sp_error_set(error, SP_ERR_INVALID, "'%s' is too small; at least %u", text, argument->least);
    *ret_value = json_integer((json_int_t)number);
    return SP_OK;
}

/* A duration, or a time. */
static enum sp_status read_seconds_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                                         struct sp_error *error) {
    int64_t seconds = 0;
    enum sp_status status = argument->kind == CLI_DURATION ? sp_cli_read_duration(text, &seconds, error)
                                                           : sp_cli_read_time(text, sp_clock_now_s(), &seconds, error);
    if (status != SP_OK)
        return status;
    *ret_value = json_integer((json_int_t)seconds);
    return SP_OK;
}

static enum sp_status read_choice_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                                        struct sp_error *error) {
    char choices[128];
    if (argument->choices != NULL && !sp_cli_is_choice(argument->choices, text, strlen(text))) {
        write_choice_list(argument->choices, choices, sizeof(choices));
        return sp_error_set(error, SP_ERR_INVALID, "'%s' is not one of %s", text, choices);
    }
    *ret_value = argument->kind == CLI_LOCAL ? json_string(text) : read_enum(argument->prefix, text);
    return SP_OK;
}

static enum sp_status read_argument_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                                          struct sp_error *error) {
    switch (argument->kind) {
    case CLI_ENUM:
    case CLI_ENUMS:
    case CLI_LOCAL:
        return read_choice_value(argument, text, ret_value, error);
    case CLI_RESOURCE:
        *ret_value = read_type_and_id(text);
        return SP_OK;
    case CLI_REVISION:
        return read_epoch_and_number(text, ret_value, error);
    case CLI_NUMBER:
        return read_integer_value(argument, text, ret_value, error);
    case CLI_DURATION:
    case CLI_TIME:
        return read_seconds_value(argument, text, ret_value, error);
    case CLI_FLAG:
    case CLI_CLEAR:
    case CLI_LOCAL_FLAG:
        *ret_value = json_true();
        return SP_OK;
    case CLI_TEXT:
    case CLI_TEXTS:
    case CLI_LOCALS:
        break;
    }
    *ret_value = json_string(text);
    return SP_OK;
}

enum sp_status sp_cli_read_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                                 struct sp_error *error) {
    json_t *value = NULL;
    enum sp_status status = read_argument_value(argument, text, &value, error);
    if (status != SP_OK)
        return status;
    if (value == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "the value is not UTF-8, or too long");
    *ret_value = value;
    return SP_OK;
}
