#include "cli/policy_show.h"

#include <string.h>

#include "cli/print.h"
#include "policy/edit_name.h"

static const void *choose_entry(const struct sp_policy_edit *edit) {
    return edit->after != NULL ? edit->after : edit->before;
}

/* ---- what is changed ---- */

/* One property of an entry: before, after. NULL: there is none. */
struct property {
    const char *name, *before, *after;
};

enum { PROPERTIES_MAX = 3 };

static size_t list_principal_properties(const struct sp_policy_edit *edit, struct property *properties) {
    const struct sp_policy_principal *before = edit->before, *after = edit->after;
    size_t count = 0;
    properties[count++] =
        (struct property){"name", before == NULL ? NULL : before->name, after == NULL ? NULL : after->name};
    if (!((const struct sp_policy_principal *)choose_entry(edit))->service_account)
        properties[count++] = (struct property){"role",
                                                before == NULL  ? NULL
                                                : before->admin ? "admin"
                                                                : "member",
                                                after == NULL  ? NULL
                                                : after->admin ? "admin"
                                                               : "member"};
    properties[count++] = (struct property){"disabled",
                                            before == NULL     ? NULL
                                            : before->disabled ? "true"
                                                               : "false",
                                            after == NULL     ? NULL
                                            : after->disabled ? "true"
                                                              : "false"};
    return count;
}

static const char *role_of_share(const struct sp_policy_share *share) {
    return share == NULL ? NULL : sp_role_name((enum sp_role)share->role);
}

static size_t list_properties(const struct sp_policy_edit *edit, struct property properties[static PROPERTIES_MAX]) {
    if (edit->kind == SP_POLICY_PRINCIPAL)
        return list_principal_properties(edit, properties);
    if (edit->kind == SP_POLICY_GROUP) {
        const struct sp_policy_group *before = edit->before, *after = edit->after;
        properties[0] =
            (struct property){"name", before == NULL ? NULL : before->name, after == NULL ? NULL : after->name};
        return 1;
    }
    if (edit->kind == SP_POLICY_SHARE) {
        properties[0] = (struct property){"role", role_of_share(edit->before), role_of_share(edit->after)};
        return 1;
    }
    return 0;
}

static bool is_property_changed(const struct property *property) {
    return property->before == NULL || property->after == NULL || strcmp(property->before, property->after) != 0;
}

/* What goes without saying of something new. */
static bool is_default_property(const struct property *property) {
    return property->before == NULL && strcmp(property->name, "name") != 0 &&
           (strcmp(property->after, "member") == 0 || strcmp(property->after, "false") == 0);
}

static void print_properties(const struct sp_policy_edit *edit, FILE *out) {
    struct property properties[PROPERTIES_MAX];
    size_t count = edit->operation == SP_POLICY_REMOVE ? 0 : list_properties(edit, properties);
    const char *before = "  ";
    for (size_t i = 0; i < count; i++) {
        if (!is_property_changed(&properties[i]) || is_default_property(&properties[i]))
            continue;
        (void)fprintf(out, "%s%s: ", before, properties[i].name);
        if (properties[i].before != NULL) {
            sp_cli_put_text(properties[i].before, out);
            (void)fputs(" → ", out);
        }
        sp_cli_put_text(properties[i].after, out);
        before = ", ";
    }
}

/* ---- for people ---- */

static void print_edit(const struct sp_policy_edit *edit, bool colour, FILE *out) {
    static const char signs[] = {[SP_POLICY_ADD] = '+', [SP_POLICY_CHANGE] = '~', [SP_POLICY_REMOVE] = '-'};
    static const char *const colours[] = {
        [SP_POLICY_ADD] = "\033[32m", [SP_POLICY_CHANGE] = "\033[33m", [SP_POLICY_REMOVE] = "\033[31m"};
    char name[SP_POLICY_EDIT_NAME_BYTES];
    sp_policy_name_entry(edit, name, sizeof(name));
    (void)fprintf(out, "%s  %c ", colour ? colours[edit->operation] : "", signs[edit->operation]);
    sp_cli_put_text(name, out);
    print_properties(edit, out);
    (void)fprintf(out, "%s\n", colour ? "\033[0m" : "");
}

/* Users and service accounts are one kind of edit, and two headings. */
static const struct heading {
    const char *title;
    enum sp_policy_kind kind;
    bool service_account;
} headings[] = {
    {"Users", SP_POLICY_PRINCIPAL, false},    {"Service accounts", SP_POLICY_PRINCIPAL, true},
    {"Groups", SP_POLICY_GROUP, false},       {"Members", SP_POLICY_MEMBER, false},
    {"Resources", SP_POLICY_RESOURCE, false}, {"Shares", SP_POLICY_SHARE, false},
};

static bool belongs_under_heading(const struct heading *heading, const struct sp_policy_edit *edit) {
    return edit->kind == heading->kind &&
           (edit->kind != SP_POLICY_PRINCIPAL ||
            ((const struct sp_policy_principal *)choose_entry(edit))->service_account == heading->service_account);
}

static void print_heading(const struct sp_policy_edits *edits, const struct heading *heading, bool colour, FILE *out) {
    bool begun = false;
    for (size_t i = 0; i < edits->count; i++) {
        if (!belongs_under_heading(heading, &edits->list[i]))
            continue;
        if (!begun)
            (void)fprintf(out, "%s\n", heading->title);
        begun = true;
        print_edit(&edits->list[i], colour, out);
    }
}

void sp_cli_print_edits(const struct sp_policy_edits *edits, bool colour, FILE *out) {
    if (edits->count == 0)
        return;
    for (size_t i = 0; i < sizeof(headings) / sizeof(*headings); i++)
        print_heading(edits, &headings[i], colour, out);
    (void)fprintf(out, "%zu to add, %zu to change, %zu to remove\n", edits->counts[SP_POLICY_ADD],
                  edits->counts[SP_POLICY_CHANGE], edits->counts[SP_POLICY_REMOVE]);
}

/* ---- for programs ---- */

static json_t *edit_json(const struct sp_policy_edit *edit) {
    static const char *const operations[] = {"add", "change", "remove"};
    static const char *const kinds[] = {"user", "group", "member", "resource", "share"};
    struct property properties[PROPERTIES_MAX];
    char name[SP_POLICY_EDIT_NAME_BYTES];
    bool service_account =
        edit->kind == SP_POLICY_PRINCIPAL && ((const struct sp_policy_principal *)choose_entry(edit))->service_account;
    sp_policy_name_entry(edit, name, sizeof(name));
    json_t *json = json_pack("{s:s, s:s, s:s}", "operation", operations[edit->operation], "kind",
                             service_account ? "service_account" : kinds[edit->kind], "id", name);
    size_t count = list_properties(edit, properties);
    for (size_t i = 0; i < count; i++) {
        if (!is_property_changed(&properties[i]))
            continue;
        json_t *change = json_object();
        if (properties[i].before != NULL)
            (void)json_object_set_new(change, "before", json_string(properties[i].before));
        if (properties[i].after != NULL)
            (void)json_object_set_new(change, "after", json_string(properties[i].after));
        (void)json_object_set_new(json, properties[i].name, change);
    }
    return json;
}

json_t *sp_cli_edits_json(const struct sp_policy_edits *edits) {
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < edits->count; i++) {
        if (json_array_append_new(array, edit_json(&edits->list[i])) == 0)
            continue;
        json_decref(array);
        return NULL;
    }
    return array;
}
