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

/* Letters, digits and some signs, beginning with a letter, as most ids do. What begins with a digit may be a number or a
 * time. */
static bool is_plain_text(const char *text) {
    if (!isalpha((unsigned char)text[0]) || is_yaml_word(text))
        return false;
    for (const char *at = text; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("_-./@+|", *at) == NULL && (*at != ' ' || at[1] == '\0'))
            return false;
    return true;
}

/* Characters that not every reader takes as they are: U+2028 and U+2029, which end lines, U+FEFF, U+FFFE and U+FFFF. */
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

static void write_key(int indent, const char *key, FILE *out) {
    (void)fprintf(out, "%*s", indent, "");
    sp_policy_write_text(key, out);
    (void)fputc(':', out);
}

/* ---- sections ---- */

static void write_principals(const struct sp_policy *policy, bool service_accounts, FILE *out) {
    for (size_t i = 0; i < policy->principal_count; i++) {
        const struct sp_policy_principal *principal = &policy->principals[i];
        if (principal->service_account != service_accounts)
            continue;
        write_key(2, principal->id, out);
        (void)fputs("\n    name: ", out);
        sp_policy_write_text(principal->name, out);
        (void)fputc('\n', out);
        if (principal->admin)
            (void)fputs("    role: admin\n", out);
        if (principal->disabled)
            (void)fputs("    disabled: true\n", out);
    }
}

static void write_groups(const struct sp_policy *policy, FILE *out) {
    size_t next = 0; /* members are in the order of their groups */
    for (size_t i = 0; i < policy->group_count; i++) {
        const struct sp_policy_group *group = &policy->groups[i];
        write_key(2, group->id, out);
        (void)fputs("\n    name: ", out);
        sp_policy_write_text(group->name, out);
        (void)fputc('\n', out);
        while (next < policy->member_count && strcmp(policy->members[next].group, group->id) < 0)
            next++;
        for (bool first = true; next < policy->member_count && policy->members[next].group == group->id; next++) {
            (void)fputs(first ? "    members:\n      - " : "      - ", out);
            sp_policy_write_text(policy->members[next].principal, out);
            (void)fputc('\n', out);
            first = false;
        }
    }
}

static void write_resources(const struct sp_policy *policy, FILE *out) {
    for (size_t i = 0; i < policy->resource_count; i++) {
        write_key(2, policy->resources[i].ref, out);
        if (policy->resources[i].creator == NULL) {
            (void)fputs(" {}\n", out);
            continue;
        }
        (void)fputs("\n    creator: ", out);
        sp_policy_write_text(policy->resources[i].creator, out);
        (void)fputc('\n', out);
    }
}

static void write_shares(const struct sp_policy *policy, FILE *out) {
    for (size_t i = 0; i < policy->share_count; i++) {
        const struct sp_policy_share *share = &policy->shares[i], *before = i == 0 ? NULL : share - 1;
        bool other_resource = before == NULL || before->resource != share->resource;
        if (other_resource) {
            write_key(2, share->resource, out);
            (void)fputc('\n', out);
        }
        if (other_resource || before->to_group != share->to_group)
            (void)fputs(share->to_group ? "    groups:\n" : "    principals:\n", out);
        write_key(6, share->subject, out);
        (void)fprintf(out, " %s\n", sp_role_name((enum sp_role)share->role));
    }
}

static bool is_section_empty(const struct sp_policy *policy, enum sp_policy_section section) {
    switch (section) {
    case SP_POLICY_USERS:
    case SP_POLICY_SERVICE_ACCOUNTS:
        for (size_t i = 0; i < policy->principal_count; i++)
            if (policy->principals[i].service_account == (section == SP_POLICY_SERVICE_ACCOUNTS))
                return false;
        return true;
    case SP_POLICY_GROUPS:
        return policy->group_count == 0;
    case SP_POLICY_RESOURCES:
        return policy->resource_count == 0;
    case SP_POLICY_SHARES:
    case SP_POLICY_SECTIONS:
        break;
    }
    return policy->share_count == 0;
}

void sp_policy_write_section(const struct sp_policy *policy, enum sp_policy_section section, FILE *out) {
    bool empty = is_section_empty(policy, section);
    (void)fprintf(out, "%s:%s\n", sp_policy_section_name(section), empty ? " {}" : "");
    if (empty)
        return;
    if (section == SP_POLICY_USERS || section == SP_POLICY_SERVICE_ACCOUNTS)
        write_principals(policy, section == SP_POLICY_SERVICE_ACCOUNTS, out);
    else if (section == SP_POLICY_GROUPS)
        write_groups(policy, out);
    else if (section == SP_POLICY_RESOURCES)
        write_resources(policy, out);
    else
        write_shares(policy, out);
}
