#include "trial/whatif_report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "trial/whatif_example.h"
#include "trial/why.h"

enum { DRIFTS_SHOWN = 5 };

static const char *end_plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* ---- the flips ---- */

static void print_whatif_side(const char *when, const Sallyport__V1__ExplainResponse *explanation,
                              enum sp_reason reason, FILE *out) {
    (void)fprintf(out, "  %s: %s\n", when, sp_reason_name(reason));
    if (explanation == NULL)
        (void)fprintf(out, "    %s\n",
                      reason == SP_REASON_KEY_UNKNOWN ? "the key is no longer there"
                                                      : "no route of the schema leads the request to an action");
    sp_trial_print_why(explanation, reason, "    ", out);
}

/* What is reported, and where. */
struct whatif_printing {
    const struct sp_trial_whatif_report *report;
    FILE *out;
};

static enum sp_status print_whatif_group(void *context, const struct sp_trial_flip_group *group,
                                         const struct sp_trial_whatif_example *example) {
    const struct whatif_printing *printing = context;
    const struct sp_trial_whatif_report *report = printing->report;
    FILE *out = printing->out;
    bool gains = group->after == SP_REASON_ALLOWED;
    const struct sp_str *texts = example->line.texts;
    bool has_ip = texts[SP_TRIAL_LOG_IP].size > 0;
    (void)fprintf(out, "\n%.*s: %.*s, %.*s %.*s: %s%s -> %s%s, %" PRIu64 " decision%s%s\n",
                  SP_STR_ARG(group->workspace), SP_STR_ARG(group->principal), SP_STR_ARG(group->action),
                  SP_STR_ARG(group->type),
                  !report->colour ? ""
                  : gains         ? "\033[32m"
                                  : "\033[31m",
                  sp_reason_name(group->before), sp_reason_name(group->after), report->colour ? "\033[0m" : "",
                  group->count, end_plural(group->count),
                  sp_trial_flip_is_allowed(report->allowed, report->allowed_count, group->before, group->after)
                      ? " (allowed to flip)"
                      : "");
    (void)fprintf(out, "  example: %.*s%s%.*s, key %.*s%s%.*s, %s (%s, line %" PRIu64 ")\n",
                  SP_STR_ARG(texts[SP_TRIAL_LOG_RESOURCE_TYPE]), texts[SP_TRIAL_LOG_RESOURCE_ID].size > 0 ? "/" : "",
                  SP_STR_ARG(texts[SP_TRIAL_LOG_RESOURCE_ID]), SP_STR_ARG(texts[SP_TRIAL_LOG_KEY_ID]),
                  has_ip ? " from " : "", SP_STR_ARG(texts[SP_TRIAL_LOG_IP]), example->time, group->place.file,
                  group->place.line);
    print_whatif_side("before", example->before, group->before, out);
    print_whatif_side("after", example->after, group->after, out);
    return SP_OK;
}

/* ---- what the logs could not tell ---- */

/* A line of a list whose title comes before the first. */
struct unknown_list {
    FILE *out;
    bool begun;
};

static void SP_PRINTF(2, 3) print_unknown(struct unknown_list *list, const char *format, ...) {
    va_list arguments;
    if (!list->begun)
        (void)fputs("\nNot known from the logs:\n", list->out);
    list->begun = true;
    (void)fputs("  - ", list->out);
    va_start(arguments, format);
    (void)vfprintf(list->out, format, arguments);
    va_end(arguments);
    (void)fputc('\n', list->out);
}

static void print_what_logs_took(struct unknown_list *list, const struct sp_trial_findings *found) {
    if (found->took_samples > 0)
        print_unknown(list,
                      "%" PRIu64 " line%s of logs that take one decision in up to %" PRIu64
                      ": more decisions flip than "
                      "are counted here",
                      found->took_samples, end_plural(found->took_samples), found->sample_most);
    if (found->took_denials > 0)
        print_unknown(list, "%" PRIu64 " line%s of logs that take denials only: what would be denied is not in them",
                      found->took_denials, end_plural(found->took_denials));
    if (found->took_allows > 0)
        print_unknown(list, "%" PRIu64 " line%s of logs that take allows only: what would be allowed is not in them",
                      found->took_allows, end_plural(found->took_allows));
    if (found->of_some_workspaces > 0)
        print_unknown(list, "%" PRIu64 " line%s of logs that are kept to some workspaces: others are not in them",
                      found->of_some_workspaces, end_plural(found->of_some_workspaces));
    if (found->took_unknown > 0)
        print_unknown(list, "%" PRIu64 " line%s without log_what, so that other decisions may be missing%s",
                      found->took_unknown, end_plural(found->took_unknown),
                      found->allows == 0    ? "; no line allows"
                      : found->denials == 0 ? "; no line denies"
                                            : "");
}

static void print_without_key(struct unknown_list *list, const struct sp_trial_findings *found) {
    char reasons[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < SP_REASON_COUNT && used < sizeof(reasons); i++)
        if (found->no_key[i] > 0)
            used += (size_t)snprintf(reasons + used, sizeof(reasons) - used, "%s%s %" PRIu64, used == 0 ? "" : ", ",
                                     sp_reason_name((enum sp_reason)i), found->no_key[i]);
    print_unknown(list, "%" PRIu64 " denied before a key was known: %s", found->outcomes[SP_TRIAL_NO_KEY], reasons);
}

static void print_not_replayed(struct unknown_list *list, const struct sp_trial_findings *found) {
    const uint64_t *outcomes = found->outcomes;
    if (found->unreadable > 0)
        print_unknown(list, "%" PRIu64 " line%s that cannot be read, the first in %s, line %" PRIu64, found->unreadable,
                      end_plural(found->unreadable), found->first_unreadable.file, found->first_unreadable.line);
    if (outcomes[SP_TRIAL_INCOMPLETE] > 0)
        print_unknown(list, "%" PRIu64 " line%s that lack what a replay needs", outcomes[SP_TRIAL_INCOMPLETE],
                      end_plural(outcomes[SP_TRIAL_INCOMPLETE]));
    if (outcomes[SP_TRIAL_NO_KEY] > 0)
        print_without_key(list, found);
    if (outcomes[SP_TRIAL_STALE] > 0)
        print_unknown(list, "%" PRIu64 " denied as STALE", outcomes[SP_TRIAL_STALE]);
    if (outcomes[SP_TRIAL_KEY_GONE] > 0)
        print_unknown(list, "%" PRIu64 " of keys that the store no longer has", outcomes[SP_TRIAL_KEY_GONE]);
    if (outcomes[SP_TRIAL_ROUTE_UNCLEAR] > 0)
        print_unknown(list,
                      "%" PRIu64 " by routes, of whose paths the logs do not have enough to ask the changed routes",
                      outcomes[SP_TRIAL_ROUTE_UNCLEAR]);
}

/* ---- what was different already ---- */

struct drift_pair {
    enum sp_reason logged, before;
    uint64_t count;
};

static int compare_drift_pairs(const void *left, const void *right) {
    const struct drift_pair *a = left, *b = right;
    return (a->count < b->count) - (a->count > b->count);
}

static void print_drift(const struct sp_trial_findings *found, FILE *out) {
    struct drift_pair pairs[SP_REASON_COUNT * SP_REASON_COUNT];
    size_t count = 0;
    if (found->drifted == 0)
        return;
    for (size_t logged = 0; logged < SP_REASON_COUNT; logged++)
        for (size_t before = 0; before < SP_REASON_COUNT; before++)
            if (found->drifts[logged][before] > 0)
                pairs[count++] =
                    (struct drift_pair){(enum sp_reason)logged, (enum sp_reason)before, found->drifts[logged][before]};
    qsort(pairs, count, sizeof(*pairs), compare_drift_pairs);
    (void)fprintf(out, "\nDifferent without the change, because the store has changed since: %" PRIu64 " decision%s\n",
                  found->drifted, end_plural(found->drifted));
    for (size_t i = 0; i < count && i < DRIFTS_SHOWN; i++)
        (void)fprintf(out, "  - logged as %s, now %s: %" PRIu64 "\n", sp_reason_name(pairs[i].logged),
                      sp_reason_name(pairs[i].before), pairs[i].count);
    if (count > DRIFTS_SHOWN)
        (void)fprintf(out, "  - … and %zu more\n", count - DRIFTS_SHOWN);
}

/* ---- all ---- */

static void print_whatif_summary(const struct sp_trial_whatif_report *report, FILE *out) {
    const struct sp_trial_findings *found = report->findings;
    char first[SP_MOMENT_TEXT_BYTES], last[SP_MOMENT_TEXT_BYTES];
    (void)fprintf(out, "Replayed %" PRIu64 " of %" PRIu64 " decision%s", found->outcomes[SP_TRIAL_REPLAYED],
                  found->lines, end_plural(found->lines));
    if (found->outcomes[SP_TRIAL_REPLAYED] > 0) {
        sp_moment_format(found->first_s, first);
        sp_moment_format(found->last_s, last);
        (void)fprintf(out, " (%s to %s)", first, last);
    }
    (void)fprintf(out, " at revision %" PRIu64 ":%" PRIu64 ".\n", report->revision.epoch, report->revision.number);
    if (found->flips == 0)
        (void)fputs("None would flip.\n", out);
    else
        (void)fprintf(out, "%" PRIu64 " would flip%s.\n", found->flips,
                      found->allowed_flips == found->flips ? ", all of them allowed to" : "");
    if (found->other_reason > 0)
        (void)fprintf(out, "%" PRIu64 " would be denied for another reason.\n", found->other_reason);
}

enum sp_status sp_trial_print_whatif(const struct sp_trial_whatif_report *report, FILE *out, struct sp_error *error) {
    struct unknown_list list = {.out = out};
    struct whatif_printing printing = {report, out};
    print_whatif_summary(report, out);
    enum sp_status status =
        sp_trial_whatif_visit_groups(report->replay, report->flips, print_whatif_group, &printing, error);
    if (status != SP_OK)
        return status;
    print_what_logs_took(&list, report->findings);
    print_not_replayed(&list, report->findings);
    print_drift(report->findings, out);
    return SP_OK;
}
