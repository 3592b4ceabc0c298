#include "trial/whatif_json.h"

#include <jansson.h>

#include "trial/whatif_example.h"
#include "wire/json_write.h"

static json_t *json_of_text(struct sp_str text) {
    return json_stringn(text.size > 0 ? text.data : "", text.size);
}

static json_t *json_of_count(uint64_t count) {
    return json_integer((json_int_t)count);
}

static json_t *json_of_moment(int64_t time_s) {
    char text[SP_MOMENT_TEXT_BYTES];
    sp_moment_format(time_s, text);
    return json_string(text);
}

static json_t *json_of_explanation(const Sallyport__V1__ExplainResponse *explanation) {
    return explanation == NULL ? json_null() : sp_json_from_message(&explanation->base, false);
}

static json_t *json_of_example(const struct sp_trial_flip_group *group, const struct sp_trial_whatif_example *example) {
    const struct sp_str *texts = example->line.texts;
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "file", group->place.file, "line",
                     json_of_count(group->place.line), "time", example->time, "decisionId",
                     json_of_text(texts[SP_TRIAL_LOG_DECISION_ID]), "keyId", json_of_text(texts[SP_TRIAL_LOG_KEY_ID]),
                     "resourceId", json_of_text(texts[SP_TRIAL_LOG_RESOURCE_ID]), "ip",
                     json_of_text(texts[SP_TRIAL_LOG_IP]));
}

static json_t *json_of_group(const struct sp_trial_whatif_report *report, const struct sp_trial_flip_group *group,
                             const struct sp_trial_whatif_example *example) {
    bool allowed = sp_trial_flip_is_allowed(report->allowed, report->allowed_count, group->before, group->after);
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:{s:o, s:o}}", "workspace",
                     json_of_text(group->workspace), "principal", json_of_text(group->principal), "type",
                     json_of_text(group->type), "action", json_of_text(group->action), "before",
                     sp_reason_name(group->before), "after", sp_reason_name(group->after), "count",
                     json_of_count(group->count), "allowed", allowed, "first", json_of_moment(group->first_s), "last",
                     json_of_moment(group->last_s), "example", json_of_example(group, example), "explanation", "before",
                     json_of_explanation(example->before), "after", json_of_explanation(example->after));
}

struct whatif_collecting {
    const struct sp_trial_whatif_report *report;
    json_t *groups;
};

static enum sp_status add_group_object(void *context, const struct sp_trial_flip_group *group,
                                       const struct sp_trial_whatif_example *example) {
    const struct whatif_collecting *collecting = context;
    json_t *object = json_of_group(collecting->report, group, example);
    return json_array_append_new(collecting->groups, object) == 0 ? SP_OK : SP_ERR_MEMORY;
}

static json_t *json_of_drifts(const struct sp_trial_findings *found) {
    json_t *array = json_array();
    for (size_t logged = 0; logged < SP_REASON_COUNT; logged++)
        for (size_t before = 0; before < SP_REASON_COUNT; before++)
            if (found->drifts[logged][before] > 0)
                (void)json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "logged",
                                                             sp_reason_name((enum sp_reason)logged), "before",
                                                             sp_reason_name((enum sp_reason)before), "count",
                                                             json_of_count(found->drifts[logged][before])));
    return array;
}

static json_t *json_of_keyless(const struct sp_trial_findings *found) {
    json_t *object = json_object();
    for (size_t i = 0; i < SP_REASON_COUNT; i++)
        if (found->no_key[i] > 0)
            (void)json_object_set_new(object, sp_reason_name((enum sp_reason)i), json_of_count(found->no_key[i]));
    return object;
}

static json_t *json_of_unknown(const struct sp_trial_findings *found) {
    const uint64_t *outcomes = found->outcomes;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "unreadable", json_of_count(found->unreadable),
        "incomplete", json_of_count(outcomes[SP_TRIAL_INCOMPLETE]), "withoutKey", json_of_keyless(found), "stale",
        json_of_count(outcomes[SP_TRIAL_STALE]), "keysGone", json_of_count(outcomes[SP_TRIAL_KEY_GONE]),
        "routesUnclear", json_of_count(outcomes[SP_TRIAL_ROUTE_UNCLEAR]), "sampled", json_of_count(found->took_samples),
        "sampleEvery", json_of_count(found->sample_most), "denialsOnly", json_of_count(found->took_denials),
        "allowsOnly", json_of_count(found->took_allows), "someWorkspaces", json_of_count(found->of_some_workspaces),
        "withoutLogWhat", json_of_count(found->took_unknown));
}

static json_t *json_of_whatif(const struct sp_trial_whatif_report *report, json_t *groups) {
    const struct sp_trial_findings *found = report->findings;
    json_t *json =
        json_pack("{s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:O, s:o, s:o, s:o}", "revision", "epoch",
                  json_of_count(report->revision.epoch), "number", json_of_count(report->revision.number), "decisions",
                  json_of_count(found->lines), "replayed", json_of_count(found->outcomes[SP_TRIAL_REPLAYED]), "flips",
                  json_of_count(found->flips), "allowedFlips", json_of_count(found->allowed_flips), "otherReason",
                  json_of_count(found->other_reason), "groups", groups, "unknown", json_of_unknown(found), "drifted",
                  json_of_count(found->drifted), "drift", json_of_drifts(found));
    if (json != NULL && found->first_s != 0) {
        (void)json_object_set_new(json, "first", json_of_moment(found->first_s));
        (void)json_object_set_new(json, "last", json_of_moment(found->last_s));
    }
    return json;
}

enum sp_status sp_trial_print_whatif_json(const struct sp_trial_whatif_report *report, FILE *out,
                                          struct sp_error *error) {
    json_t *groups = json_array(), *json = NULL;
    struct whatif_collecting collecting = {report, groups};
    enum sp_status status =
        sp_trial_whatif_visit_groups(report->replay, report->flips, add_group_object, &collecting, error);
    if (status != SP_OK)
        goto out;
    json = json_of_whatif(report, groups);
    if (json == NULL)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    else if (json_dumpf(json, out, JSON_INDENT(2)) != 0 || fputc('\n', out) == EOF)
        status = sp_error_set(error, SP_ERR_IO, "cannot write the output");
out:
    json_decref(groups);
    json_decref(json);
    return status;
}
