#include "trial/whatif.h"

#include <stdio.h>
#include <stdlib.h>

#include "trial/log_file.h"
#include "trial/whatif_json.h"
#include "trial/whatif_report.h"

enum { PASSED = 0, FLIPPED = 1, ERROR = 2 };

/* A run. */
struct whatif {
    const struct sp_trial_whatif_options *options;
    struct sp_trial_scratch *scratch;
    struct sp_trial_replay *replay;
    struct sp_trial_flips *flips;
    struct sp_trial_findings findings;
    char *memory; /* for the texts of a line */
};

/* A log on its way through. */
struct log_reading {
    struct whatif *whatif;
    const char *file;
    struct sp_error *error;
};

static void note_unreadable(struct sp_trial_findings *findings, struct sp_trial_log_place place) {
    if (findings->unreadable++ == 0)
        findings->first_unreadable = place;
}

/* Empty lines are none. */
static enum sp_status take_log_line(void *context, struct sp_str text, uint64_t number) {
    struct log_reading *reading = context;
    struct whatif *whatif = reading->whatif;
    const struct sp_trial_log_place place = {reading->file, number};
    struct sp_trial_log_line line;
    struct sp_trial_replayed replayed;
    if (text.size == 0)
        return SP_OK;
    whatif->findings.lines++;
    if (text.size > SP_TRIAL_LOG_LINE_BYTES || !sp_trial_log_line_read(text, whatif->memory, &line)) {
        note_unreadable(&whatif->findings, place);
        return SP_OK;
    }
    enum sp_status status = sp_trial_replay_line(whatif->replay, &line, &replayed);
    if (status == SP_OK) {
        sp_trial_findings_note(&whatif->findings, &line, &replayed);
        if (sp_trial_is_flip(&replayed))
            status = sp_trial_flips_add(whatif->flips, &replayed, text, place);
    }
    return status == SP_OK ? SP_OK
                           : sp_error_set(reading->error, status, "%s, line %llu: cannot be replayed: %s", place.file,
                                          (unsigned long long)number, sp_status_name(status));
}

static enum sp_status replay_logs(struct whatif *whatif, struct sp_error *error) {
    const struct sp_trial_whatif_options *options = whatif->options;
    for (size_t i = 0; i < options->log_count; i++) {
        struct log_reading reading = {.whatif = whatif, .file = options->logs[i], .error = error};
        enum sp_status status =
            sp_trial_log_file_read(options->logs[i], SP_TRIAL_LOG_LINE_BYTES, take_log_line, &reading, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static void count_allowed_flips(struct whatif *whatif) {
    const struct sp_trial_whatif_options *options = whatif->options;
    size_t count = 0;
    struct sp_trial_flip_group *const *groups = sp_trial_flips_sort(whatif->flips, &count);
    for (size_t i = 0; i < count; i++)
        if (sp_trial_flip_is_allowed(options->allowed, options->allowed_count, groups[i]->before, groups[i]->after))
            whatif->findings.allowed_flips += groups[i]->count;
}

static enum sp_status report_what_if(struct whatif *whatif, struct sp_error *error) {
    const struct sp_trial_whatif_options *options = whatif->options;
    const struct sp_trial_whatif_report report = {.revision = sp_trial_scratch_revision(whatif->scratch),
                                                  .replay = whatif->replay,
                                                  .flips = whatif->flips,
                                                  .findings = &whatif->findings,
                                                  .allowed = options->allowed,
                                                  .allowed_count = options->allowed_count,
                                                  .colour = options->colour};
    return options->json ? sp_trial_print_whatif_json(&report, stdout, error)
                         : sp_trial_print_whatif(&report, stdout, error);
}

/* Of the log of another store, say, nobody may take "no flips" for an answer. */
static enum sp_status refuse_useless_logs(const struct sp_trial_findings *findings, struct sp_error *error) {
    if (findings->outcomes[SP_TRIAL_REPLAYED] > 0 || findings->lines + findings->unreadable == 0)
        return SP_OK;
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "no decision of the logs could be replayed, so nothing is known of the change: are they "
                        "decision logs of this store?");
}

static enum sp_status ask_what_if(struct whatif *whatif, struct sp_error *error) {
    const struct sp_trial_whatif_options *options = whatif->options;
    whatif->memory = malloc(SP_TRIAL_LOG_LINE_BYTES);
    if (whatif->memory == NULL || sp_trial_flips_open(&whatif->flips) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_trial_scratch_open(options->store, options->backup, &whatif->scratch, error);
    if (status != SP_OK)
        return status;
    status = sp_trial_change_make(&options->change, whatif->scratch, error);
    if (status != SP_OK)
        return status;
    status = sp_trial_scratch_finish(whatif->scratch, error);
    if (status != SP_OK)
        return status;
    status = sp_trial_replay_open(whatif->scratch, &whatif->replay, error);
    if (status != SP_OK)
        return status;
    status = replay_logs(whatif, error);
    if (status != SP_OK)
        return status;
    count_allowed_flips(whatif);
    status = report_what_if(whatif, error);
    return status == SP_OK ? refuse_useless_logs(&whatif->findings, error) : status;
}

int sp_trial_run_whatif(const struct sp_trial_whatif_options *options) {
    struct whatif whatif = {.options = options};
    struct sp_error error = {0};
    int result = PASSED;
    enum sp_status status = ask_what_if(&whatif, &error);
    if (status == SP_OK && (fflush(stdout) != 0 || ferror(stdout) != 0))
        status = sp_error_set(&error, SP_ERR_IO, "cannot write the output");
    if (status != SP_OK) {
        (void)fprintf(stderr, "sallyport: %s\n", error.message);
        result = ERROR;
    } else if (whatif.findings.flips > whatif.findings.allowed_flips)
        result = FLIPPED;
    sp_trial_replay_close(whatif.replay);
    sp_trial_scratch_close(whatif.scratch);
    sp_trial_flips_close(whatif.flips);
    free(whatif.memory);
    return result;
}
