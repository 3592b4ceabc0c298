#include "cli/address_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/file.h"
#include "core/allowlist.h"
#include "wire/json_text.h"

enum { NAME_BYTES = 256, NAMES_SHOWN = 12 };

struct address_file {
    const char *path;
    const json_t *selections;
    struct cli_address_list *list;
    struct sp_error *error;
};

static struct sp_str trim_entry(struct sp_str text) {
    while (text.size > 0 && strchr(" \t\r", text.data[0]) != NULL)
        text = (struct sp_str){text.data + 1, text.size - 1};
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1]) != NULL)
        text.size--;
    return text;
}

/* `place` is "line 3" or "prefixes[7]". */
static enum sp_status add_address(struct address_file *file, const char *place, struct sp_str entry) {
    struct sp_error why = {0};
    if (sp_allowlist_check_entry(entry, &why) != SP_OK)
        return sp_error_set(file->error, SP_ERR_INVALID, "%s, %s: %s", file->path, place, why.message);
    if (json_array_append_new(file->list->entries, json_stringn(entry.data, entry.size)) != 0 ||
        json_array_append_new(file->list->places, json_sprintf("%s, %s", file->path, place)) != 0)
        return sp_error_set(file->error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

/* ---- lines ---- */

static size_t find_line_end(struct sp_str text, size_t at) {
    while (at < text.size && text.data[at] != '\n' && text.data[at] != '\r')
        at++;
    return at;
}

/* Entries separated by commas; without its comment. */
static enum sp_status read_address_line(struct address_file *file, size_t number, struct sp_str line) {
    char place[32];
    (void)snprintf(place, sizeof(place), "line %zu", number);
    while (line.size > 0) {
        const char *comma = memchr(line.data, ',', line.size);
        size_t size = comma == NULL ? line.size : (size_t)(comma - line.data);
        struct sp_str entry = trim_entry((struct sp_str){line.data, size});
        enum sp_status status = entry.size == 0 ? SP_OK : add_address(file, place, entry);
        if (status != SP_OK)
            return status;
        size += comma != NULL;
        line = (struct sp_str){line.data + size, line.size - size};
    }
    return SP_OK;
}

static enum sp_status read_address_lines(struct address_file *file, struct sp_str text) {
    size_t number = 0;
    if (json_array_size(file->selections) > 0)
        return sp_error_set(file->error, SP_ERR_INVALID,
                            "%s is not JSON, so there is nothing to select; leave out the --allow-ip-select behind it",
                            file->path);
    for (size_t at = 0; at < text.size;) {
        size_t end = find_line_end(text, at);
        struct sp_str line = {text.data + at, end - at};
        for (size_t i = 0; i < line.size; i++)
            if (line.data[i] == '#' || line.data[i] == ';')
                line.size = i;
        at = end + (end + 1 < text.size && text.data[end] == '\r' && text.data[end + 1] == '\n' ? 2 : 1);
        enum sp_status status = read_address_line(file, ++number, line);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- what is chosen ---- */

static const char *value_of_filter(const char *selection) {
    const char *equals = strchr(selection, '=');
    return equals == NULL ? NULL : equals + 1;
}

static bool is_within_name(const char *name, const char *selection) {
    size_t size = strlen(selection);
    return strcmp(selection, "*") == 0 ||
           (strncmp(name, selection, size) == 0 && (name[size] == '\0' || name[size] == '.' || name[size] == '['));
}

/* Whether lists are named at all. */
static bool selects_lists(const struct address_file *file) {
    size_t i;
    json_t *selection;
    json_array_foreach(file->selections, i, selection) {
        if (value_of_filter(json_string_value(selection)) == NULL)
            return true;
    }
    return false;
}

static bool is_list_selected(const struct address_file *file, const char *name) {
    size_t i;
    json_t *selection;
    json_array_foreach(file->selections, i, selection) {
        if (value_of_filter(json_string_value(selection)) == NULL && is_within_name(name, json_string_value(selection)))
            return true;
    }
    return !selects_lists(file);
}

static bool fits_filter(const json_t *entry, const char *filter) {
    const char *value = value_of_filter(filter);
    const json_t *member = json_object_getn(entry, filter, (size_t)(value - 1 - filter));
    return json_is_string(member) && strcmp(json_string_value(member), value) == 0;
}

static bool are_filters_of_one_member(const char *a, const char *b) {
    size_t size = strcspn(a, "=");
    return size == strcspn(b, "=") && strncmp(a, b, size) == 0;
}

/* For each member that filters name, one of them must fit. */
static bool is_entry_selected(const struct address_file *file, const json_t *entry) {
    size_t i, j;
    json_t *selection, *other;
    json_array_foreach(file->selections, i, selection) {
        const char *filter = json_string_value(selection);
        bool fits = value_of_filter(filter) == NULL;
        json_array_foreach(file->selections, j, other) {
            const char *same = json_string_value(other);
            fits = fits || (are_filters_of_one_member(filter, same) && fits_filter(entry, same));
        }
        if (!fits)
            return false;
    }
    return true;
}

/* ---- lists of JSON ---- */

/* Where providers put an address into an object: AWS; Google, OpenAI; Atlassian, Oracle; Zscaler;
 * Ahrefs. */
static const char *const address_members[] = {"ip_prefix", "ipv6_prefix", "ipv4Prefix", "ipv6Prefix",
                                              "cidr",      "range",       "ip_address"};

static bool is_address_text(const json_t *value) {
    struct sp_cidr cidr;
    struct sp_str text = trim_entry((struct sp_str){json_string_value(value), json_string_length(value)});
    return json_is_string(value) && sp_cidr_parse(text, &cidr, NULL) == SP_OK;
}

static bool holds_address(const json_t *element) {
    for (size_t i = 0; i < sizeof(address_members) / sizeof(*address_members); i++)
        if (is_address_text(json_object_get(element, address_members[i])))
            return true;
    return is_address_text(element);
}

static bool is_address_list(const json_t *array) {
    for (size_t i = 0; i < json_array_size(array); i++)
        if (holds_address(json_array_get(array, i)))
            return true;
    return false;
}

static enum sp_status add_text_element(struct address_file *file, const char *place, const json_t *text) {
    return add_address(file, place, trim_entry((struct sp_str){json_string_value(text), json_string_length(text)}));
}

static enum sp_status add_object_element(struct address_file *file, const char *place, const json_t *object) {
    for (size_t i = 0; i < sizeof(address_members) / sizeof(*address_members); i++) {
        const json_t *text = json_object_get(object, address_members[i]);
        if (!json_is_string(text) || json_string_length(text) == 0)
            continue;
        enum sp_status status = add_text_element(file, place, text);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_address_list(struct address_file *file, const char *name, const json_t *array) {
    size_t i;
    json_t *element;
    json_array_foreach(array, i, element) {
        char place[NAME_BYTES + 32];
        (void)snprintf(place, sizeof(place), "%s[%zu]", name, i);
        enum sp_status status = SP_OK;
        if (!is_entry_selected(file, element))
            continue;
        if (json_is_string(element))
            status = add_text_element(file, place, element);
        else if (json_is_object(element))
            status = add_object_element(file, place, element);
        else
            status =
                sp_error_set(file->error, SP_ERR_INVALID, "%s, %s: is neither text nor an object", file->path, place);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- finding lists ---- */

typedef enum sp_status list_visitor(void *context, const char *name, const json_t *array);

static const char *name_of_element(const json_t *element) {
    const json_t *name = json_object_get(element, "name");
    if (!json_is_string(name))
        name = json_object_get(element, "id");
    return json_string_value(name);
}

static void join_name(const char *name, const char *member, char ret_joined[static NAME_BYTES]) {
    (void)snprintf(ret_joined, NAME_BYTES, "%s%s%s", name, name[0] == '\0' ? "" : ".", member);
}

/* At most 32 levels: the parser sees to it. */
static enum sp_status walk_lists(const char *name, json_t *json, list_visitor *visit, void *context) {
    char below[NAME_BYTES];
    const char *member;
    json_t *value;
    size_t i;
    if (json_is_array(json) && is_address_list(json))
        return visit(context, name, json);
    if (json_is_array(json)) {
        json_array_foreach(json, i, value) {
            const char *called = name_of_element(value);
            if (called != NULL)
                join_name(name, called, below);
            else
                (void)snprintf(below, sizeof(below), "%s[%zu]", name, i);
            enum sp_status status = walk_lists(below, value, visit, context);
            if (status != SP_OK)
                return status;
        }
        return SP_OK;
    }
    json_object_foreach(json, member, value) {
        join_name(name, member, below);
        enum sp_status status = walk_lists(below, value, visit, context);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

struct found_lists {
    size_t count;
    bool of_one_kind; /* all are "prefixes" or "ipv6_prefixes" */
    char names[512];  /* of the first, separated by commas */
};

static enum sp_status note_list(void *context, const char *name, const json_t *array) {
    struct found_lists *found = context;
    size_t used = strlen(found->names);
    (void)array;
    found->of_one_kind = found->of_one_kind && (strcmp(name, "prefixes") == 0 || strcmp(name, "ipv6_prefixes") == 0);
    if (found->count < NAMES_SHOWN)
        (void)snprintf(found->names + used, sizeof(found->names) - used, "%s%s", used > 0 ? ", " : "", name);
    found->count++;
    return SP_OK;
}

static enum sp_status add_selected_list(void *context, const char *name, const json_t *array) {
    struct address_file *file = context;
    return is_list_selected(file, name) ? add_address_list(file, name, array) : SP_OK;
}

/* A choice, and whether anything in the file is it. */
struct choice {
    const char *text;
    bool met;
};

static enum sp_status note_met_choice(void *context, const char *name, const json_t *array) {
    struct choice *choice = context;
    if (value_of_filter(choice->text) == NULL)
        choice->met = choice->met || is_within_name(name, choice->text);
    for (size_t i = 0; value_of_filter(choice->text) != NULL && i < json_array_size(array); i++)
        choice->met = choice->met || fits_filter(json_array_get(array, i), choice->text);
    return SP_OK;
}

/* A misspelt choice must not leave a list that is smaller than was meant. */
static enum sp_status check_choices(const struct address_file *file, json_t *json, const struct found_lists *found) {
    size_t i;
    json_t *selection;
    json_array_foreach(file->selections, i, selection) {
        struct choice choice = {.text = json_string_value(selection)};
        (void)walk_lists("", json, note_met_choice, &choice);
        if (choice.met)
            continue;
        if (value_of_filter(choice.text) != NULL)
            return sp_error_set(file->error, SP_ERR_INVALID, "%s: no entry matches %s", file->path, choice.text);
        return sp_error_set(file->error, SP_ERR_INVALID, "%s has no list named %s; its lists are %s%s", file->path,
                            choice.text, found->names, found->count > NAMES_SHOWN ? ", …" : "");
    }
    return SP_OK;
}

static enum sp_status read_address_json(struct address_file *file, struct sp_str text) {
    struct found_lists found = {.of_one_kind = true};
    struct sp_error why = {0};
    json_t *json = NULL;
    enum sp_status status = sp_json_parse(text, &json, &why);
    if (status != SP_OK)
        return sp_error_set(file->error, status, "%s: %s", file->path, why.message);
    (void)walk_lists("", json, note_list, &found);
    if (file->list->others_select && json_array_size(file->selections) == 0)
        status =
            sp_error_set(file->error, SP_ERR_INVALID,
                         "%s: say what of it too, with an --allow-ip-select behind it; '*' takes all of its lists: "
                         "%s%s",
                         file->path, found.names, found.count > NAMES_SHOWN ? ", …" : "");
    else if (found.count > 1 && !found.of_one_kind && !selects_lists(file))
        status = sp_error_set(file->error, SP_ERR_INVALID,
                              "%s holds %zu lists of addresses; choose with --allow-ip-select: %s%s", file->path,
                              found.count, found.names, found.count > NAMES_SHOWN ? ", …" : "");
    else
        status = check_choices(file, json, &found);
    if (status == SP_OK)
        status = walk_lists("", json, add_selected_list, file);
    json_decref(json);
    return status;
}

/* ---- a file ---- */

enum sp_status sp_cli_parse_addresses(const char *path, struct sp_str text, const json_t *selections,
                                      struct cli_address_list *list, struct sp_error *error) {
    struct address_file file = {path, selections, list, error};
    size_t before = json_array_size(list->entries), blanks = 0;
    enum sp_status status = sp_cli_refuse_utf16(path, text, error);
    if (status != SP_OK)
        return status;
    text = sp_text_skip_bom(text);
    while (blanks < text.size && strchr(" \t\r\n", text.data[blanks]) != NULL)
        blanks++;
    bool is_json = blanks < text.size && (text.data[blanks] == '{' || text.data[blanks] == '[');
    list->from_json |= is_json;
    status = is_json ? read_address_json(&file, text) : read_address_lines(&file, text);
    if (status != SP_OK || json_array_size(list->entries) > before)
        return status;
    return sp_error_set(error, SP_ERR_INVALID, "%s: no address%s", path,
                        json_array_size(selections) > 0 ? " is selected by --allow-ip-select" : " in it");
}

enum sp_status sp_cli_read_address_file(const char *path, const json_t *selections, struct cli_address_list *list,
                                        struct sp_error *error) {
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = sp_cli_read_file(path, SP_ADDRESS_FILE_MAX_BYTES, &text, &size, error);
    if (status != SP_OK)
        return status;
    status = sp_cli_parse_addresses(path, (struct sp_str){text, size}, selections, list, error);
    free(text);
    return status;
}
