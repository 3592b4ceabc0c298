/* Times of requests: seconds since 1970, and whether one can be meant. Other systems keep
 * milliseconds, microseconds or nanoseconds, which as seconds are some ten thousand years away: a
 * key that ends then never ends. Pure and thread-safe. */
#ifndef SP_BASE_MOMENT_H
#define SP_BASE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_MOMENT_MAX_AHEAD_YEARS = 100,
    SP_MOMENT_TEXT_BYTES = 32, /* with the NUL */
};

#define SP_MOMENT_LAST_S INT64_C(253402300799) /* the end of the year 9999, the last that RFC 3339 can write */

/* "2026-12-31T23:59:59Z" in UTC; of a time outside the years 1970 to 9999, its number. */
void sp_moment_format(int64_t time_s, char ret_text[static SP_MOMENT_TEXT_BYTES]);

/* The reverse, of RFC 3339 with "Z" or an offset, in the years 1970 to 9999:
 * "2026-12-31T23:59:59.5+01:00". Fractions of a second are dropped. False: the text is no such
 * time. */
bool sp_moment_parse(struct sp_str text, int64_t *ret_s);

/* A time of any kind; 0 stands for none. SP_ERR_INVALID with a message that begins with `field` if
 * it is negative or beyond the year 9999: "looks like milliseconds" if it is a time of our days in
 * a smaller unit. */
enum sp_status sp_moment_check(const char *field, int64_t time_s, struct sp_error *error) SP_MUST_USE;

/* When something ends; 0 is never. A time that is not after `now_s`, or more than 100 years ahead,
 * is refused too. */
enum sp_status sp_moment_check_end(const char *field, int64_t time_s, int64_t now_s,
                                   struct sp_error *error) SP_MUST_USE;

/* When something was; 0 stands for the present. A time more than a day ahead of `now_s` is refused
 * too. */
enum sp_status sp_moment_check_past(const char *field, int64_t time_s, int64_t now_s,
                                    struct sp_error *error) SP_MUST_USE;

/* The unit, "seconds" to "nanoseconds", in which a number since 1970 is between 1980 and 2200, and
 * that time in seconds. False: there is none. */
bool sp_moment_guess_unit(int64_t number, const char **ret_unit, int64_t *ret_s);

#endif
