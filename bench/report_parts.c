#include "report_parts.h"

#include <math.h>
#include <stdarg.h>

void report_write_machine(struct results *results, const char *loads, FILE *out) {
    const json_t *run = json_array_get(results_lines(results, "run"), 0);
    const char *date = json_string_value(json_object_get(run, "date"));
    const char *model = json_string_value(json_object_get(run, "model"));
    (void)fprintf(out, "Measured %s on %.0f × %s, %s sharing them; ", date != NULL ? date : "on an unknown day",
                  results_first(results, "run", "processors"), model != NULL ? model : "unknown processors", loads);
}

void report_begin_goals(FILE *out) {
    (void)fputs("| what | goal | measured | measured / goal | met |\n|---|---|---|---|---|\n", out);
}

void report_write_goal(struct results *results, FILE *out, double ratio, const char *format, ...) {
    va_list arguments;
    bool met = isfinite(ratio) && ratio <= 1;
    if (!isfinite(ratio))
        results_note(results, format);
    results->missed += !met;
    (void)fputs("| ", out);
    va_start(arguments, format);
    (void)vfprintf(out, format, arguments);
    va_end(arguments);
    (void)fprintf(out, " | %.3f | %s |\n", ratio, met ? "yes" : "no");
}
