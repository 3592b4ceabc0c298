#include "trial/log_line.h"

#include "base/text.h"
#include "wire/json_text.h"

#define MEMBER(text)                                                                                                   \
    { (text), sizeof(text) - 1 }

/* Members in the order in which sallyportd writes them. */
static const struct sp_str member_names[SP_TRIAL_LOG_TEXTS + 1] = {
    [SP_TRIAL_LOG_TIME] = MEMBER("time"),
    [SP_TRIAL_LOG_DECISION] = MEMBER("decision"),
    [SP_TRIAL_LOG_REASON] = MEMBER("reason"),
    [SP_TRIAL_LOG_DECISION_ID] = MEMBER("decision_id"),
    [SP_TRIAL_LOG_WORKSPACE] = MEMBER("workspace"),
    [SP_TRIAL_LOG_PRINCIPAL] = MEMBER("principal"),
    [SP_TRIAL_LOG_KEY_ID] = MEMBER("key_id"),
    [SP_TRIAL_LOG_ACTION] = MEMBER("action"),
    [SP_TRIAL_LOG_RESOURCE_TYPE] = MEMBER("resource_type"),
    [SP_TRIAL_LOG_RESOURCE_ID] = MEMBER("resource_id"),
    [SP_TRIAL_LOG_ASSERTED_WORKSPACE] = MEMBER("asserted_workspace"),
    [SP_TRIAL_LOG_WHAT] = MEMBER("log_what"),
    [SP_TRIAL_LOG_ROUTE] = MEMBER("route"),
    [SP_TRIAL_LOG_IP] = MEMBER("ip"),
    [SP_TRIAL_LOG_TEXTS] = MEMBER("log_workspaces"),
};

enum { WORKSPACES = SP_TRIAL_LOG_TEXTS, MEMBERS, UNKNOWN = MEMBERS };

/* ---- what sallyportd writes ---- */

struct line_scan {
    const char *at, *end;
    unsigned next; /* the member that is likely to come next */
    uint32_t seen; /* a bit for each member */
    struct sp_trial_log_line *line;
};

static void skip_line_blanks(struct line_scan *scan) {
    while (scan->at < scan->end && sp_text_is_json_blank(*scan->at))
        scan->at++;
}

static bool take_line_char(struct line_scan *scan, char c) {
    skip_line_blanks(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* Of printable ASCII without escapes, behind the first quote. */
static bool take_plain_text(struct line_scan *scan, struct sp_str *ret_text) {
    const char *from = scan->at, *at = from;
    while (at < scan->end && *at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\')
        at++;
    if (at == scan->end || *at != '"')
        return false;
    *ret_text = (struct sp_str){from, (size_t)(at - from)};
    scan->at = at + 1;
    return true;
}

/* A whole number without a sign. */
static bool take_plain_number(struct line_scan *scan, uint64_t *ret_number) {
    enum { DIGITS_MAX = 18 };
    const char *from = scan->at;
    uint64_t number = 0;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && scan->at - from < DIGITS_MAX)
        number = number * 10 + (uint64_t)(*scan->at++ - '0');
    *ret_number = number;
    bool alone = scan->at < scan->end && (*scan->at == ',' || *scan->at == '}' || sp_text_is_json_blank(*scan->at));
    return scan->at > from && alone && (*from != '0' || scan->at == from + 1);
}

static unsigned find_line_member(struct line_scan *scan, struct sp_str name) {
    for (unsigned i = scan->next; i < MEMBERS; i++)
        if (sp_str_equal(name, member_names[i])) {
            scan->next = i + 1;
            return i;
        }
    for (unsigned i = 0; i < scan->next; i++)
        if (sp_str_equal(name, member_names[i]))
            return i;
    return UNKNOWN;
}

static bool take_line_member(struct line_scan *scan) {
    struct sp_str name, text;
    uint64_t number = 0;
    if (!take_line_char(scan, '"') || !take_plain_text(scan, &name) || !take_line_char(scan, ':'))
        return false;
    unsigned member = find_line_member(scan, name);
    if (member != UNKNOWN && (scan->seen >> member & 1) != 0)
        return false;
    scan->seen |= member == UNKNOWN ? 0 : UINT32_C(1) << member;
    skip_line_blanks(scan);
    if (scan->at < scan->end && *scan->at == '"') {
        scan->at++;
        if (member == WORKSPACES || !take_plain_text(scan, &text))
            return false;
        if (member != UNKNOWN)
            scan->line->texts[member] = text;
        return true;
    }
    if (member != UNKNOWN && member != WORKSPACES)
        return false;
    if (!take_plain_number(scan, &number))
        return false;
    if (member == WORKSPACES)
        scan->line->workspaces = number;
    return true;
}

static bool read_plain_line(struct sp_str text, struct sp_trial_log_line *line) {
    struct line_scan scan = {.at = text.data, .end = text.data + text.size, .line = line};
    if (!take_line_char(&scan, '{'))
        return false;
    do {
        if (!take_line_member(&scan))
            return false;
    } while (take_line_char(&scan, ','));
    if (!take_line_char(&scan, '}'))
        return false;
    skip_line_blanks(&scan);
    return scan.at == scan.end;
}

/* ---- whatever JSON allows ---- */

static bool copy_json_members(const json_t *json, char *scratch, struct sp_trial_log_line *line) {
    for (unsigned i = 0; i < SP_TRIAL_LOG_TEXTS; i++) {
        const json_t *value = json_object_get(json, member_names[i].data);
        size_t size = json_string_length(value);
        if (value != NULL && !json_is_string(value))
            return false;
        if (size == 0)
            continue;
        memcpy(scratch, json_string_value(value), size);
        line->texts[i] = (struct sp_str){scratch, size};
        scratch += size;
    }
    const json_t *workspaces = json_object_get(json, member_names[WORKSPACES].data);
    if (workspaces != NULL && (!json_is_integer(workspaces) || json_integer_value(workspaces) < 0))
        return false;
    line->workspaces = (uint64_t)json_integer_value(workspaces);
    return true;
}

bool sp_trial_log_line_read_json(struct sp_str line, char *scratch, struct sp_trial_log_line *ret_line) {
    struct sp_trial_log_line read = {0};
    struct sp_error ignored;
    json_t *json = NULL;
    if (sp_json_parse(line, &json, &ignored) != SP_OK)
        return false;
    bool good = json_is_object(json) && copy_json_members(json, scratch, &read);
    json_decref(json);
    if (good)
        *ret_line = read;
    return good;
}

bool sp_trial_log_line_read(struct sp_str line, char *scratch, struct sp_trial_log_line *ret_line) {
    struct sp_trial_log_line read = {0};
    if (!read_plain_line(line, &read))
        return sp_trial_log_line_read_json(line, scratch, ret_line);
    *ret_line = read;
    return true;
}
