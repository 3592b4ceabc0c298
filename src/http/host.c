#include "http/host.h"

#include <string.h>
#include <strings.h>

static bool ends_ignoring_case(struct sp_str text, const char *end) {
    size_t size = strlen(end);
    return text.size > size && strncasecmp(text.data + text.size - size, end, size) == 0;
}

/* ":" and digits, or nothing. */
static bool is_port_part(struct sp_str text) {
    if (text.size > 0 && text.data[0] != ':')
        return false;
    for (size_t i = 1; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

/* False if what follows the name is not a port. */
static bool split_port(struct sp_str host, struct sp_str *ret_name) {
    const char *bracket = host.size > 0 && host.data[0] == '[' ? memchr(host.data, ']', host.size) : NULL;
    size_t from = bracket == NULL ? 0 : (size_t)(bracket - host.data);
    const char *colon = host.size == 0 ? NULL : memchr(host.data + from, ':', host.size - from);
    size_t size = colon == NULL ? host.size : (size_t)(colon - host.data);
    *ret_name = (struct sp_str){host.data, size};
    return size > 0 && is_port_part((struct sp_str){host.data + size, host.size - size});
}

/* "127.0.0.1" and the like: no name, because its last label is a number. */
static bool is_loopback_v4(struct sp_str name) {
    static const char net[] = "127.";
    size_t dots = 0;
    if (name.size < sizeof(net) || memcmp(name.data, net, sizeof(net) - 1) != 0)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        dots += name.data[i] == '.';
        if (name.data[i] != '.' && (name.data[i] < '0' || name.data[i] > '9'))
            return false;
    }
    return dots == 3 && name.data[name.size - 1] != '.';
}

bool sp_http_host_is_ours(struct sp_str host, const char *const *names, size_t name_count) {
    struct sp_str name;
    if (!split_port(host, &name))
        return false;
    if (sp_str_equal_ignoring_case(name, SP_STR_LITERAL("localhost")) || ends_ignoring_case(name, ".localhost") ||
        sp_str_equal_ignoring_case(name, SP_STR_LITERAL("[::1]")) || is_loopback_v4(name))
        return true;
    for (size_t i = 0; i < name_count; i++)
        if (sp_str_equal_ignoring_case(name, sp_str_from(names[i])))
            return true;
    return false;
}
