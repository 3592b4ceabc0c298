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

static bool ends_with_word(struct sp_str text, const char *end) {
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0 &&
           (text.size == size || text.data[text.size - size - 1] == '_');
}

/* Whether "PORT_" with a number, or "SERVICE_PORT_" with a name, stands in the text. */
static bool has_port_word(struct sp_str text) {
    static const struct sp_str service_port = {"SERVICE_PORT_", sizeof("SERVICE_PORT_") - 1},
                               port = {"PORT_", sizeof("PORT_") - 1};
    for (size_t i = 0; i < text.size; i++) {
        struct sp_str rest = {text.data + i, text.size - i};
        bool begins_word = i == 0 || text.data[i - 1] == '_';
        bool numbered = rest.size > port.size && rest.data[port.size] >= '0' && rest.data[port.size] <= '9';
        if (begins_word && (sp_str_begins_with(rest, service_port) || (numbered && sp_str_begins_with(rest, port))))
            return true;
    }
    return false;
}

/* `rest`: of the name, behind the prefix. Other Services may have names that begin as the
 * program's. */
static bool is_made_by_kubernetes(struct sp_str rest) {
    return ends_with_word(rest, "SERVICE_HOST") || ends_with_word(rest, "SERVICE_PORT") ||
           ends_with_word(rest, "PORT") || has_port_word(rest);
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

void sp_variables_find_unknown(const struct sp_option *table, size_t count, const char *prefix, const char *except,
                               char *const *environment, struct sp_unknown_variables *ret_unknown) {
    size_t prefix_size = strlen(prefix);
    ret_unknown->count = 0;
    for (; environment != NULL && *environment != NULL && ret_unknown->count < SP_UNKNOWN_VARIABLES_MAX;
         environment++) {
        struct sp_str name = {*environment, strcspn(*environment, "=")};
        if (!sp_str_begins_with(name, sp_str_from(prefix)) || is_known_variable(table, count, name) ||
            (except != NULL && sp_str_begins_with(name, sp_str_from(except))) ||
            is_made_by_kubernetes((struct sp_str){name.data + prefix_size, name.size - prefix_size}))
            continue;
        describe_unknown(name, find_nearest_variable(table, count, name, prefix_size),
                         ret_unknown->messages[ret_unknown->count++]);
    }
}
