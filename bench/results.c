#include "results.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 1000 };

static const char suffix[] = ".ndjson";
static const char no_measure[] = "a line lacks what this is computed from, or counts no call";

/* ---- reading ---- */

static enum sp_status check_line(const json_t *line, struct sp_error *error) {
    if (!json_is_object(line))
        return sp_error_set(error, SP_ERR_INVALID, "must be a JSON object");
    json_int_t wrong = json_integer_value(json_object_get(line, "wrong"));
    json_int_t failed = json_integer_value(json_object_get(line, "errors"));
    if (wrong != 0 || failed != 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "%" JSON_INTEGER_FORMAT " wrong answers and %" JSON_INTEGER_FORMAT
                            " failed calls; fix the cause, then measure again",
                            wrong, failed);
    return SP_OK;
}

static enum sp_status read_lines(FILE *file, json_t *lines, struct sp_error *error) {
    char *text = NULL;
    size_t room = 0, number = 0;
    enum sp_status status = SP_OK;
    while (getline(&text, &room, file) > 0) {
        struct sp_error why = {0};
        json_error_t problem;
        number++;
        json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
        status = line == NULL ? sp_error_set(&why, SP_ERR_INVALID, "%s", problem.text) : check_line(line, &why);
        if (status != SP_OK || json_array_append(lines, line) != 0) {
            json_decref(line);
            status = sp_error_set(error, SP_ERR_INVALID, "line %zu: %s", number, why.message);
            goto out;
        }
        json_decref(line);
    }
out:
    free(text);
    return status;
}

static enum sp_status read_result_file(const char *folder, const char *name, json_t *files, struct sp_error *error) {
    char path[4096], key[256];
    struct sp_error why = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)snprintf(key, sizeof(key), "%.*s", (int)(strlen(name) - strlen(suffix)), name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    json_t *lines = json_array();
    enum sp_status status = read_lines(file, lines, &why);
    (void)fclose(file);
    if (status != SP_OK) {
        json_decref(lines);
        return sp_error_set(error, status, "%s: %s", path, why.message);
    }
    if (json_object_set_new(files, key, lines) != 0)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

static bool is_result_file(const char *name) {
    size_t size = strlen(name), end = strlen(suffix);
    return size > end && size < 256 && strcmp(name + size - end, suffix) == 0;
}

enum sp_status results_read(const char *folder, struct results *ret_results, struct sp_error *error) {
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read the results in %s: %s", folder, strerror(errno));
    struct results results = {.files = json_object()};
    enum sp_status status = SP_OK;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (!is_result_file(entry->d_name))
            continue;
        status = read_result_file(folder, entry->d_name, results.files, error);
        if (status != SP_OK)
            break;
    }
    (void)closedir(entries);
    if (status != SP_OK) {
        json_decref(results.files);
        return status;
    }
    *ret_results = results;
    return SP_OK;
}

void results_fini(struct results *results) {
    json_decref(results->files);
    *results = (struct results){0};
}

/* ---- numbers ---- */

static double note_missing(struct results *results, const char *file, const char *what) {
    if (results->error.status == SP_OK)
        (void)sp_error_set(&results->error, SP_ERR_NOT_FOUND, "%s%s: %s", file, suffix, what);
    return NAN;
}

static double note_missing_number(struct results *results, const char *file, const char *field) {
    char what[128];
    (void)snprintf(what, sizeof(what), "a line lacks the number %s", field);
    return note_missing(results, file, what);
}

void results_note(struct results *results, const char *row) {
    if (results->error.status == SP_OK)
        (void)sp_error_set(&results->error, SP_ERR_INVALID, "cannot compute the row \"%s\"", row);
}

bool results_has(const struct results *results, const char *file) {
    return json_array_size(json_object_get(results->files, file)) > 0;
}

const json_t *results_lines(struct results *results, const char *file) {
    const json_t *lines = json_object_get(results->files, file);
    if (json_array_size(lines) > 0)
        return lines;
    (void)note_missing(results, file, "no results; run the benchmark to its end");
    return NULL;
}

double result_number(const json_t *line, const char *field) {
    const json_t *number = json_object_get(line, field);
    return json_is_number(number) ? json_number_value(number) : NAN;
}

double result_number_in(const json_t *line, const char *object, const char *field) {
    return result_number(json_object_get(line, object), field);
}

static int compare_measured(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median_of(double *values, size_t count) {
    qsort(values, count, sizeof(values[0]), compare_measured);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double results_median(struct results *results, const char *file, double (*measure)(const json_t *line)) {
    double values[LINES_MAX];
    const json_t *lines = results_lines(results, file);
    size_t count = json_array_size(lines);
    if (lines == NULL)
        return NAN;
    if (count > LINES_MAX)
        return note_missing(results, file, "more than 1,000 lines");
    for (size_t i = 0; i < count; i++) {
        values[i] = measure(json_array_get(lines, i));
        if (!isfinite(values[i]))
            return note_missing(results, file, no_measure);
    }
    return median_of(values, count);
}

size_t results_ratios(struct results *results, const char *file, const char *base,
                      double (*measure)(const json_t *line), double *ret_ratios, size_t room) {
    const json_t *lines = results_lines(results, file);
    const json_t *base_lines = results_lines(results, base);
    size_t count = json_array_size(lines);
    if (count != json_array_size(base_lines) || count > room) {
        (void)note_missing(results, file, "must have a line for each round");
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        ret_ratios[i] = measure(json_array_get(lines, i)) / measure(json_array_get(base_lines, i));
        if (!isfinite(ret_ratios[i])) {
            (void)note_missing(results, file, no_measure);
            return 0;
        }
    }
    qsort(ret_ratios, count, sizeof(ret_ratios[0]), compare_measured);
    return count;
}

double results_median_ratio(struct results *results, const char *file, const char *base,
                            double (*measure)(const json_t *line)) {
    double ratios[LINES_MAX];
    size_t count = results_ratios(results, file, base, measure, ratios, LINES_MAX);
    return count == 0 ? NAN : median_of(ratios, count);
}

double results_first(struct results *results, const char *file, const char *field) {
    const json_t *lines = results_lines(results, file);
    double number = result_number(json_array_get(lines, 0), field);
    return lines == NULL || !isnan(number) ? number : note_missing_number(results, file, field);
}

double results_named(struct results *results, const char *file, const char *name, const char *field) {
    size_t i;
    json_t *line;
    json_array_foreach(results_lines(results, file), i, line) {
        const char *here = json_string_value(json_object_get(line, "name"));
        double number = result_number(line, field);
        if (here != NULL && strcmp(here, name) == 0 && !isnan(number))
            return number;
    }
    return note_missing_number(results, file, name);
}

static bool is_same_whole_number(double a, double b) {
    return fabs(a - b) < 0.5; /* keys are whole numbers */
}

double results_keyed(struct results *results, const char *file, const char *key, double value, const char *other_key,
                     double other_value, const char *field) {
    size_t i;
    json_t *line;
    json_array_foreach(results_lines(results, file), i, line) {
        double number = result_number(line, field);
        if (is_same_whole_number(result_number(line, key), value) &&
            (other_key == NULL || is_same_whole_number(result_number(line, other_key), other_value)) && !isnan(number))
            return number;
    }
    return note_missing_number(results, file, field);
}
