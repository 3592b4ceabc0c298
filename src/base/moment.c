#include "base/moment.h"

#include <stdio.h>
#include <time.h>

enum { SECONDS_A_DAY = 24 * 60 * 60, DAYS_IN_FOUR_YEARS = 4 * 365 + 1, LEAP_DAYS_TO_1970 = 477 };

#define MAX_AHEAD_S ((int64_t)(SP_MOMENT_MAX_AHEAD_YEARS / 4) * DAYS_IN_FOUR_YEARS * SECONDS_A_DAY)
/* What a misread time is taken to have meant: the years 1980 to 2200. */
#define PLAUSIBLE_FROM_S INT64_C(315532800)
#define PLAUSIBLE_UNTIL_S INT64_C(7258118400)

void sp_moment_format(int64_t time_s, char ret_text[static SP_MOMENT_TEXT_BYTES]) {
    time_t at = (time_t)time_s;
    struct tm parts;
    if (time_s < 0 || time_s > SP_MOMENT_LAST_S || gmtime_r(&at, &parts) == NULL ||
        strftime(ret_text, SP_MOMENT_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)snprintf(ret_text, SP_MOMENT_TEXT_BYTES, "%lld", (long long)time_s);
}

/* ---- reading ---- */

/* Takes `digits` digits from the front of the text. False: there are others. */
static bool take_digits(struct sp_str *text, size_t digits, int64_t *ret_number) {
    int64_t number = 0;
    if (text->size < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        number = number * 10 + (text->data[i] - '0');
    }
    *text = (struct sp_str){text->data + digits, text->size - digits};
    *ret_number = number;
    return true;
}

static bool take_char(struct sp_str *text, char wanted) {
    if (text->size == 0 || text->data[0] != wanted)
        return false;
    *text = (struct sp_str){text->data + 1, text->size - 1};
    return true;
}

/* Days from 1970-01-01, in the Gregorian calendar. False: there is no such day. */
static bool count_days(int64_t year, int64_t month, int64_t day, int64_t *ret_days) {
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (leap && month == 2))
        return false;
    int64_t before = year - 1,
            days = (year - 1970) * 365 + before / 4 - before / 100 + before / 400 - LEAP_DAYS_TO_1970;
    for (int64_t i = 0; i < month - 1; i++)
        days += lengths[i] + (leap && i == 1);
    *ret_days = days + day - 1;
    return true;
}

/* "Z", "+01:00" or "-05:30", to the end of the text. */
static bool take_offset(struct sp_str *text, int64_t *ret_offset_s) {
    int64_t hours = 0, minutes = 0;
    *ret_offset_s = 0;
    if (take_char(text, 'Z'))
        return text->size == 0;
    bool east = take_char(text, '+');
    if ((!east && !take_char(text, '-')) || !take_digits(text, 2, &hours) || !take_char(text, ':') ||
        !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = (east ? 1 : -1) * (hours * 60 + minutes) * 60;
    return text->size == 0;
}

static bool take_fraction(struct sp_str *text) {
    int64_t digit = 0;
    if (!take_char(text, '.'))
        return true;
    if (!take_digits(text, 1, &digit))
        return false;
    while (take_digits(text, 1, &digit)) {
    }
    return true;
}

bool sp_moment_parse(struct sp_str text, int64_t *ret_s) {
    int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, days = 0, offset_s = 0;
    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &day) || !take_char(&text, 'T') ||
        !take_digits(&text, 2, &hour) || !take_char(&text, ':') || !take_digits(&text, 2, &minute) ||
        !take_char(&text, ':') || !take_digits(&text, 2, &second) || !take_fraction(&text) ||
        !take_offset(&text, &offset_s))
        return false;
    if (!count_days(year, month, day, &days) || hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t at_s = days * SECONDS_A_DAY + (hour * 60 + minute) * 60 + second - offset_s;
    if (at_s < 0 || at_s > SP_MOMENT_LAST_S)
        return false;
    *ret_s = at_s;
    return true;
}

/* ---- judging ---- */

bool sp_moment_guess_unit(int64_t number, const char **ret_unit, int64_t *ret_s) {
    static const struct {
        const char *name;
        int64_t in_a_second;
    } units[] = {{"seconds", 1},
                 {"milliseconds", 1000},
                 {"microseconds", INT64_C(1000000)},
                 {"nanoseconds", INT64_C(1000000000)}};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        int64_t meant_s = number / units[i].in_a_second;
        if (meant_s < PLAUSIBLE_FROM_S || meant_s > PLAUSIBLE_UNTIL_S)
            continue;
        *ret_unit = units[i].name;
        *ret_s = meant_s;
        return true;
    }
    return false;
}

static enum sp_status refuse_far_time(const char *field, int64_t time_s, struct sp_error *error) {
    char meant[SP_MOMENT_TEXT_BYTES];
    const char *unit = NULL;
    int64_t meant_s = 0;
    if (!sp_moment_guess_unit(time_s, &unit, &meant_s))
        return sp_error_set(error, SP_ERR_INVALID, "%s: %lld is beyond the year 9999: times are in seconds since 1970",
                            field, (long long)time_s);
    sp_moment_format(meant_s, meant);
    return sp_error_set(error, SP_ERR_INVALID,
                        "%s: %lld looks like %s: times are in seconds since 1970; for %s write %lld", field,
                        (long long)time_s, unit, meant, (long long)meant_s);
}

enum sp_status sp_moment_check(const char *field, int64_t time_s, struct sp_error *error) {
    if (time_s < 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s: must not be before 1970", field);
    return time_s > SP_MOMENT_LAST_S ? refuse_far_time(field, time_s, error) : SP_OK;
}

enum sp_status sp_moment_check_end(const char *field, int64_t time_s, int64_t now_s, struct sp_error *error) {
    char text[SP_MOMENT_TEXT_BYTES];
    if (time_s == 0)
        return SP_OK;
    if (time_s <= now_s)
        return sp_error_set(error, SP_ERR_INVALID, "%s: must be in the future, or 0 for never", field);
    enum sp_status status = sp_moment_check(field, time_s, error);
    if (status != SP_OK || time_s - now_s <= MAX_AHEAD_S)
        return status;
    sp_moment_format(time_s, text);
    return sp_error_set(error, SP_ERR_INVALID,
                        "%s: %lld (%s) is more than %d years ahead: choose an earlier time, or 0 "
                        "for never",
                        field, (long long)time_s, text, SP_MOMENT_MAX_AHEAD_YEARS);
}

enum sp_status sp_moment_check_past(const char *field, int64_t time_s, int64_t now_s, struct sp_error *error) {
    char text[SP_MOMENT_TEXT_BYTES];
    enum sp_status status = sp_moment_check(field, time_s, error);
    if (status != SP_OK || time_s <= now_s || time_s - now_s <= SECONDS_A_DAY)
        return status;
    sp_moment_format(time_s, text);
    return sp_error_set(error, SP_ERR_INVALID, "%s: %lld (%s) is in the future", field, (long long)time_s, text);
}
