#include "base/moment.h"

#include <stdio.h>
#include <time.h>

enum { SECONDS_A_DAY = 24 * 60 * 60, DAYS_IN_FOUR_YEARS = 4 * 365 + 1 };

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

static enum sp_status refuse_far_time(const char *field, int64_t time_s, struct sp_error *error) {
    static const struct {
        const char *name;
        int64_t in_a_second;
    } units[] = {{"milliseconds", 1000}, {"microseconds", INT64_C(1000000)}, {"nanoseconds", INT64_C(1000000000)}};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        char meant[SP_MOMENT_TEXT_BYTES];
        int64_t meant_s = time_s / units[i].in_a_second;
        if (meant_s < PLAUSIBLE_FROM_S || meant_s > PLAUSIBLE_UNTIL_S)
            continue;
        sp_moment_format(meant_s, meant);
        return sp_error_set(error, SP_ERR_INVALID,
                            "%s: %lld looks like %s: times are in seconds since 1970; for %s write %lld", field,
                            (long long)time_s, units[i].name, meant, (long long)meant_s);
    }
    return sp_error_set(error, SP_ERR_INVALID, "%s: %lld is beyond the year 9999: times are in seconds since 1970",
                        field, (long long)time_s);
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
