/* The raw results of a benchmark: a folder of NAME.ndjson files, one JSON object a line, as the
 * measuring programs print them. What is missing or cannot be used is noted once and read as NAN,
 * so that a report can be computed without a test after every number and thrown away at its end.
 * One thread. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

struct results {
    json_t *files;         /* name without ".ndjson" → array of lines */
    struct sp_error error; /* the first number that was not there; SP_OK: none */
    size_t missed;         /* goals of the report */
};

/* Reads all files of the folder. SP_ERR_NOT_FOUND, and SP_ERR_INVALID with file and line: no JSON
 * object, or a run with wrong answers or failed calls, whose figures mean nothing. The caller ends
 * it with results_fini. */
enum sp_status results_read(const char *folder, struct results *ret_results, struct sp_error *error) SP_MUST_USE;
void results_fini(struct results *results);

/* Notes that a row could not be computed, unless something is noted already. */
void results_note(struct results *results, const char *row);

/* Whether there is such a file. */
bool results_has(const struct results *results, const char *file);

/* The lines of a file; borrowed. NULL, noted, if there are none. */
const json_t *results_lines(struct results *results, const char *file);

/* A number of a line, "calls", or of an object in it, "latency_ns" "p99". NAN if it is not
 * there. */
double result_number(const json_t *line, const char *field);
double result_number_in(const json_t *line, const char *object, const char *field);

/* The middle one of 1 or more values, or the mean of the two in the middle. Sorts them. */
double median_of(double *values, size_t count);

/* The ratios of what is measured in each line of a file to what is in the same line of another,
 * sorted, in `ret_ratios`. Returns how many; 0, noted: the files have different numbers of lines,
 * more than `room`, or a line without a number. */
size_t results_ratios(struct results *results, const char *file, const char *base,
                      double (*measure)(const json_t *line), double *ret_ratios, size_t room);
/* Their median; NAN if there is none. */
double results_median_ratio(struct results *results, const char *file, const char *base,
                            double (*measure)(const json_t *line));

/* The median of what is measured in each line of a file. */
double results_median(struct results *results, const char *file, double (*measure)(const json_t *line));

/* A number of the first line of a file. */
double results_first(struct results *results, const char *file, const char *field);

/* A number of the line whose "name" is this. */
double results_named(struct results *results, const char *file, const char *name, const char *field);

/* A number of the line whose `key` is this, and whose `other_key` is that unless it is NULL. */
double results_keyed(struct results *results, const char *file, const char *key, double value, const char *other_key,
                     double other_value, const char *field);

#endif
