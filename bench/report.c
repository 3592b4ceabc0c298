#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measures.h"
#include "report_engines.h"
#include "report_etcd.h"
#include "report_noisy.h"
#include "report_observe.h"
#include "report_peers.h"
#include "report_run.h"
#include "report_soak.h"

/* By the "bench" of run.ndjson. */
static const struct kind {
    const char *bench;
    void (*write)(struct results *results, FILE *out);
} kinds[] = {
    {"run", report_run_write},         {"soak", report_soak_write}, {"observe", report_observe_write},
    {"peers", report_peers_write},     {"etcd", report_etcd_write}, {"noisy", report_noisy_write},
    {"engines", report_engines_write},
};

static const struct kind *find_kind(struct results *results) {
    const char *bench = json_string_value(json_object_get(json_array_get(results_lines(results, "run"), 0), "bench"));
    for (size_t i = 0; bench != NULL && i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kinds[i].bench, bench) == 0)
            return &kinds[i];
    }
    if (results->error.status == SP_OK)
        (void)sp_error_set(&results->error, SP_ERR_INVALID,
                           "run.ndjson: \"bench\" must be run, soak, observe, peers, etcd, noisy or engines");
    return NULL;
}

enum sp_status report_write(const char *folder, FILE *out, size_t *ret_missed, struct sp_error *error) {
    struct results results;
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = results_read(folder, &results, error);
    if (status != SP_OK)
        return status;
    FILE *report = open_memstream(&text, &size);
    if (report == NULL) {
        results_fini(&results);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    const struct kind *kind = find_kind(&results);
    if (kind != NULL)
        kind->write(&results, report);
    (void)fclose(report);
    status = results.error.status;
    if (status != SP_OK)
        (void)sp_error_set(error, status, "%s/%s", folder, results.error.message);
    else if (fputs(text, out) < 0 || fflush(out) != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot write the report");
    else
        *ret_missed = results.missed;
    free(text);
    results_fini(&results);
    return status;
}

enum sp_status report_half_rate(const char *folder, const char *file, double *ret_rate, struct sp_error *error) {
    struct results results;
    enum sp_status status = results_read(folder, &results, error);
    if (status != SP_OK)
        return status;
    double rate = floor(results_median(&results, file, measure_calls_per_s) / 2);
    status = results.error.status;
    if (status != SP_OK)
        (void)sp_error_set(error, status, "%s/%s", folder, results.error.message);
    else
        *ret_rate = rate;
    results_fini(&results);
    return status;
}
