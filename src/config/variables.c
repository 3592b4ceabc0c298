#include "config/variables.h"

#include <string.h>

#include "base/nearest.h"

enum { NAME_SHOWN_BYTES = 80 };

static bool is_known_variable(const struct sp_option *table, size_t count, struct sp_str name) {
    for (size_t i = 0; i < count; i++)
        if (sp_str_equal(sp_str_from(table[i].environment), name))
            return true;
    return false;
}

/* `rest`: of the name, behind the prefix. */
static bool is_made_by_kubernetes(struct sp_str rest) {
    static const char *const beginnings[] = {"SERVICE_PORT_", "PORT_"};
    static const char *const names[] = {"SERVICE_HOST", "SERVICE_PORT", "PORT"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (sp_str_equal(rest, sp_str_from(names[i])))
            return true;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
        if (sp_str_begins_with(rest, sp_str_from(beginnings[i])))
            return true;
    return false;
}

/* NULL if none is similar. What is behind the prefix decides. */
static const char *find_nearest_variable(const struct sp_option *table, size_t count, struct sp_str name,
                                         size_t prefix_size) {
    struct sp_nearest nearest = {0};
    struct sp_str typed = {name.data + prefix_size, name.size - prefix_size};
    for (size_t i = 0; i < count; i++) {
        struct sp_str candidate = sp_str_from(table[i].environment);
        if (candidate.size > prefix_size)
            sp_nearest_consider(&nearest, (struct sp_str){candidate.data + prefix_size, candidate.size - prefix_size},
                                typed);
    }
    return nearest.name.data == NULL ? NULL : nearest.name.data - prefix_size;
}

static void describe_unknown(struct sp_str name, const char *nearest,
                             char ret_message[static SP_UNKNOWN_VARIABLE_BYTES]) {
    int shown = (int)(name.size > NAME_SHOWN_BYTES ? NAME_SHOWN_BYTES : name.size);
    (void)snprintf(ret_message, SP_UNKNOWN_VARIABLE_BYTES, "unknown environment variable %.*s; %s%s", shown, name.data,
                   nearest == NULL ? "see --help" : "did you mean ", nearest == NULL ? "" : nearest);
}

void sp_variables_find_unknown(const struct sp_option *table, size_t count, const char *prefix,
                               char *const *environment, struct sp_unknown_variables *ret_unknown) {
    size_t prefix_size = strlen(prefix);
    ret_unknown->count = 0;
    for (; environment != NULL && *environment != NULL && ret_unknown->count < SP_UNKNOWN_VARIABLES_MAX;
         environment++) {
        struct sp_str name = {*environment, strcspn(*environment, "=")};
        if (!sp_str_begins_with(name, sp_str_from(prefix)) || is_known_variable(table, count, name) ||
            is_made_by_kubernetes((struct sp_str){name.data + prefix_size, name.size - prefix_size}))
            continue;
        describe_unknown(name, find_nearest_variable(table, count, name, prefix_size),
                         ret_unknown->messages[ret_unknown->count++]);
    }
}
