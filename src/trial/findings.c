#include "trial/findings.h"

#include <errno.h>
#include <stdlib.h>

#include "trial/spec.h"

/* ---- allowed flips ---- */

static bool read_flip_word(struct sp_str word, enum sp_reason *ret_reason) {
    if (sp_str_equal(word, SP_STR_LITERAL("DENIED"))) {
        *ret_reason = SP_TRIAL_DENIED;
        return true;
    }
    *ret_reason = sp_reason_find(word);
    return *ret_reason != SP_REASON_NONE;
}

enum sp_status sp_trial_allow_read(const char *text, struct sp_trial_allowed_flip *ret_allowed,
                                   struct sp_error *error) {
    struct sp_trial_allowed_flip allowed = {0};
    const char *arrow = strstr(text, "->");
    bool all = strcmp(text, "all") == 0;
    if (!all && (arrow == NULL || !read_flip_word((struct sp_str){text, (size_t)(arrow - text)}, &allowed.before) ||
                 !read_flip_word(sp_str_from(arrow + 2), &allowed.after)))
        return sp_error_set(error, SP_ERR_INVALID,
                            "--allow: '%s' is not all, or two of ALLOWED, DENIED and reasons, such as "
                            "'ALLOWED->NOT_SHARED'",
                            text);
    *ret_allowed = allowed;
    return SP_OK;
}

static bool matches_flip_word(enum sp_reason word, enum sp_reason reason) {
    if (word == SP_TRIAL_DENIED)
        return reason != SP_REASON_ALLOWED;
    return word == SP_REASON_NONE || word == reason;
}

bool sp_trial_flip_is_allowed(const struct sp_trial_allowed_flip *allowed, size_t count, enum sp_reason before,
                              enum sp_reason after) {
    for (size_t i = 0; i < count; i++)
        if (matches_flip_word(allowed[i].before, before) && matches_flip_word(allowed[i].after, after))
            return true;
    return false;
}

/* ---- counting ---- */

bool sp_trial_is_flip(const struct sp_trial_replayed *replayed) {
    return replayed->outcome == SP_TRIAL_REPLAYED &&
           (replayed->before == SP_REASON_ALLOWED) != (replayed->after == SP_REASON_ALLOWED);
}

static void note_what_log_takes(struct sp_trial_findings *findings, struct sp_str what) {
    static const char sample[] = "sample:";
    if (sp_str_equal(what, SP_STR_LITERAL("all")))
        findings->took_all++;
    else if (sp_str_equal(what, SP_STR_LITERAL("denials")))
        findings->took_denials++;
    else if (sp_str_equal(what, SP_STR_LITERAL("allows")))
        findings->took_allows++;
    else if (what.size >= sizeof(sample) && memcmp(what.data, sample, sizeof(sample) - 1) == 0) {
        uint64_t every = 0;
        for (size_t i = sizeof(sample) - 1; i < what.size && what.data[i] >= '0' && what.data[i] <= '9' && i < 20; i++)
            every = every * 10 + (uint64_t)(what.data[i] - '0');
        findings->took_samples++;
        findings->sample_most = every > findings->sample_most ? every : findings->sample_most;
    } else
        findings->took_unknown++;
}

static void note_replay(struct sp_trial_findings *findings, const struct sp_trial_replayed *replayed) {
    if (findings->first_s == 0 || replayed->time_s < findings->first_s)
        findings->first_s = replayed->time_s;
    if (replayed->time_s > findings->last_s)
        findings->last_s = replayed->time_s;
    if (replayed->before != replayed->logged) {
        findings->drifted++;
        findings->drifts[replayed->logged][replayed->before]++;
    }
    if (sp_trial_is_flip(replayed))
        findings->flips++;
    else if (replayed->before != replayed->after)
        findings->other_reason++;
}

void sp_trial_findings_note(struct sp_trial_findings *findings, const struct sp_trial_log_line *line,
                            const struct sp_trial_replayed *replayed) {
    findings->outcomes[replayed->outcome]++;
    note_what_log_takes(findings, line->texts[SP_TRIAL_LOG_WHAT]);
    findings->of_some_workspaces += line->workspaces > 0;
    if (replayed->logged == SP_REASON_ALLOWED)
        findings->allows++;
    else if (replayed->logged != SP_REASON_NONE)
        findings->denials++;
    if (replayed->outcome == SP_TRIAL_NO_KEY)
        findings->no_key[replayed->logged]++;
    if (replayed->outcome == SP_TRIAL_REPLAYED)
        note_replay(findings, replayed);
}
