#include "policy/write.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- texts ---- */

/* Words that YAML 1.1 or 1.2 takes for something else than text. */
static bool is_yaml_word(const char *text) {
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Letters, digits and some signs, beginning with a letter, as most ids do. What begins with a digit
 * may be a number or a time. */
static bool is_plain_text(const char *text) {
    if (!isalpha((unsigned char)text[0]) || is_yaml_word(text))
        return false;
    for (const char *at = text; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("_-./@+|", *at) == NULL && (*at != ' ' || at[1] == '\0'))
            return false;
    return true;
}

/* Characters that not every reader takes as they are: U+2028 and U+2029, which end lines, U+FEFF,
 * U+FFFE and U+FFFF. */
static const char *escape_of_character(const char *at) {
    static const struct {
        const char *bytes, *escape;
    } escapes[] = {{"\"", "\\\""},
                   {"\\", "\\\\"},
                   {"\xe2\x80\xa8", "\\L"},
                   {"\xe2\x80\xa9", "\\P"},
                   {"\xef\xbb\xbf", "\\uFEFF"},
                   {"\xef\xbf\xbe", "\\uFFFE"},
                   {"\xef\xbf\xbf", "\\uFFFF"}};
    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
        if (strncmp(at, escapes[i].bytes, strlen(escapes[i].bytes)) == 0)
            return escapes[i].escape;
    return NULL;
}

void sp_policy_write_text(const char *text, FILE *out) {
    if (is_plain_text(text)) {
        (void)fputs(text, out);
        return;
    }
    (void)fputc('"', out);
    for (const char *at = text; *at != '\0'; at++) {
        const char *escape = escape_of_character(at);
        if (escape == NULL) {
            (void)fputc(*at, out);
            continue;
        }
        (void)fputs(escape, out);
        at += (unsigned char)*at < 0x80 ? 0 : 2; /* those that are not ASCII have three bytes */
    }
    (void)fputc('"', out);
}

/* ---- one section ---- */

/* What is being written, where. */
struct writing {
    const struct sp_policy *policy;
    FILE *out;
    const struct sp_policy_notes *notes; /* NULL: all entries, without comments */
    uint16_t file;
    uint32_t noted; /* the line whose comments were written last: of several entries on it, the first has them */
};

static bool is_in_part(const struct writing *writing, const struct sp_policy_place *place) {
    return writing->notes == NULL || place->file == writing->file;
}

static void write_entry_key(const struct writing *writing, int indent, const char *key) {
    (void)fprintf(writing->out, "%*s", indent, "");
    sp_policy_write_text(key, writing->out);
    (void)fputc(':', writing->out);
}

static void write_text_field(const struct writing *writing, const char *before, const char *text) {
    (void)fputs(before, writing->out);
    sp_policy_write_text(text, writing->out);
    (void)fputc('\n', writing->out);
}

/* The comment lines before an entry. */
static const struct sp_policy_note *begin_entry(struct writing *writing, int indent,
                                                const struct sp_policy_place *place) {
    const struct sp_policy_note *note = sp_policy_find_note(writing->notes, place);
    if (note == NULL || note->line == writing->noted)
        return NULL;
    writing->noted = note->line;
    for (const char *at = note->before; at != NULL && *at != '\0'; at += strcspn(at, "\n") + 1)
        (void)fprintf(writing->out, "%*s%.*s\n", indent, "", (int)strcspn(at, "\n"), at);
    return note;
}

/* The end of an entry's first line, with the comments of its lines. */
static void end_first_line(const struct writing *writing, const struct sp_policy_note *note) {
    if (note != NULL && note->after != NULL)
        (void)fprintf(writing->out, " #%s", note->after);
    (void)fputc('\n', writing->out);
}

static void write_principals(struct writing *writing, bool service_accounts) {
    const struct sp_policy *policy = writing->policy;
    for (size_t i = 0; i < policy->principal_count; i++) {
        const struct sp_policy_principal *principal = &policy->principals[i];
        if (principal->service_account != service_accounts || !is_in_part(writing, &principal->place))
            continue;
        const struct sp_policy_note *note = begin_entry(writing, 2, &principal->place);
        write_entry_key(writing, 2, principal->id);
        end_first_line(writing, note);
        write_text_field(writing, "    name: ", principal->name);
        if (principal->admin)
            (void)fputs("    role: admin\n", writing->out);
        if (principal->disabled)
            (void)fputs("    disabled: true\n", writing->out);
    }
}

/* The members of a group, which begin at `next`; returns where those of the next group may
 * begin. */
static size_t write_members(struct writing *writing, const char *group, size_t next) {
    const struct sp_policy *policy = writing->policy;
    while (next < policy->member_count && strcmp(policy->members[next].group, group) < 0)
        next++;
    for (bool first = true; next < policy->member_count && policy->members[next].group == group; next++) {
        const struct sp_policy_member *member = &policy->members[next];
        if (first)
            (void)fputs("    members:\n", writing->out);
        first = false;
        const struct sp_policy_note *note = begin_entry(writing, 6, &member->place);
        (void)fputs("      - ", writing->out);
        sp_policy_write_text(member->principal, writing->out);
        end_first_line(writing, note);
    }
    return next;
}

static void write_groups(struct writing *writing) {
    const struct sp_policy *policy = writing->policy;
    size_t next = 0; /* members are in the order of their groups */
    for (size_t i = 0; i < policy->group_count; i++) {
        const struct sp_policy_group *group = &policy->groups[i];
        if (!is_in_part(writing, &group->place))
            continue;
        const struct sp_policy_note *note = begin_entry(writing, 2, &group->place);
        write_entry_key(writing, 2, group->id);
        end_first_line(writing, note);
        write_text_field(writing, "    name: ", group->name);
        next = write_members(writing, group->id, next);
    }
}

static void write_resources(struct writing *writing) {
    const struct sp_policy *policy = writing->policy;
    for (size_t i = 0; i < policy->resource_count; i++) {
        const struct sp_policy_resource *resource = &policy->resources[i];
        if (!is_in_part(writing, &resource->place))
            continue;
        const struct sp_policy_note *note = begin_entry(writing, 2, &resource->place);
        write_entry_key(writing, 2, resource->ref);
        (void)fputs(resource->creator == NULL ? " {}" : "", writing->out);
        end_first_line(writing, note);
        if (resource->creator != NULL)
            write_text_field(writing, "    creator: ", resource->creator);
    }
}

static void write_shares(struct writing *writing) {
    const struct sp_policy *policy = writing->policy;
    const struct sp_policy_share *before = NULL;
    for (size_t i = 0; i < policy->share_count; i++) {
        const struct sp_policy_share *share = &policy->shares[i];
        if (!is_in_part(writing, &share->place))
            continue;
        bool other_resource = before == NULL || before->resource != share->resource;
        const struct sp_policy_note *note = sp_policy_find_note(writing->notes, &share->place);
        bool above = other_resource && note != NULL && note->indent <= 2;
        if (above)
            note = begin_entry(writing, 2, &share->place);
        if (other_resource) {
            write_entry_key(writing, 2, share->resource);
            (void)fputc('\n', writing->out);
        }
        if (other_resource || before->to_group != share->to_group)
            (void)fputs(share->to_group ? "    groups:\n" : "    principals:\n", writing->out);
        if (!above)
            note = begin_entry(writing, 6, &share->place);
        write_entry_key(writing, 6, share->subject);
        (void)fprintf(writing->out, " %s", sp_role_name((enum sp_role)share->role));
        end_first_line(writing, note);
        before = share;
    }
}

/* ---- all ---- */

static bool has_entries(const struct writing *writing, enum sp_policy_section section) {
    const struct sp_policy *policy = writing->policy;
    for (size_t i = 0; section <= SP_POLICY_SERVICE_ACCOUNTS && i < policy->principal_count; i++)
        if (policy->principals[i].service_account == (section == SP_POLICY_SERVICE_ACCOUNTS) &&
            is_in_part(writing, &policy->principals[i].place))
            return true;
    for (size_t i = 0; section == SP_POLICY_GROUPS && i < policy->group_count; i++)
        if (is_in_part(writing, &policy->groups[i].place))
            return true;
    for (size_t i = 0; section == SP_POLICY_RESOURCES && i < policy->resource_count; i++)
        if (is_in_part(writing, &policy->resources[i].place))
            return true;
    for (size_t i = 0; section == SP_POLICY_SHARES && i < policy->share_count; i++)
        if (is_in_part(writing, &policy->shares[i].place))
            return true;
    return false;
}

static void write_section(struct writing *writing, enum sp_policy_section section) {
    bool empty = !has_entries(writing, section);
    (void)fprintf(writing->out, "%s:%s\n", sp_policy_section_name(section), empty ? " {}" : "");
    if (empty)
        return;
    if (section == SP_POLICY_USERS || section == SP_POLICY_SERVICE_ACCOUNTS)
        write_principals(writing, section == SP_POLICY_SERVICE_ACCOUNTS);
    else if (section == SP_POLICY_GROUPS)
        write_groups(writing);
    else if (section == SP_POLICY_RESOURCES)
        write_resources(writing);
    else
        write_shares(writing);
}

void sp_policy_write_section(const struct sp_policy *policy, enum sp_policy_section section, FILE *out) {
    struct writing writing = {.policy = policy, .out = out};
    write_section(&writing, section);
}

void sp_policy_write_part(const struct sp_policy *policy, enum sp_policy_section section, uint16_t file,
                          const struct sp_policy_notes *notes, FILE *out) {
    struct writing writing = {.policy = policy, .out = out, .notes = notes, .file = file};
    if (!notes->has[section] && !has_entries(&writing, section))
        return;
    if (notes->above[section] != NULL)
        (void)fputs(notes->above[section], out);
    write_section(&writing, section);
}
