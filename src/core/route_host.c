#include "core/route_host.h"

#include "core/route_limits.h"
#include "core/route_segment.h"

static bool is_host_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_host_letter(char c) {
    char folded = sp_route_fold(c);
    return folded >= 'a' && folded <= 'z';
}

/* Labels, none of them empty, in any case. */
static bool is_host_text(struct sp_str text) {
    size_t labels = 1;
    bool begins = true;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool dot = c == '.';
        if (dot ? begins : !is_host_letter(c) && !is_host_digit(c) && c != '-' && c != '_')
            return false;
        labels += dot;
        begins = dot;
    }
    return !begins && text.size <= SP_ROUTE_HOST_MAX_BYTES && labels <= SP_ROUTE_HOST_MAX_LABELS;
}

bool sp_route_host_is_name(struct sp_str text) {
    bool letter = false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != sp_route_fold(text.data[i]))
            return false;
        letter = text.data[i] != '.' && (letter || is_host_letter(text.data[i]));
    }
    return letter && is_host_text(text);
}

/* "[2001:db8::1]". */
static bool is_bracketed_address(struct sp_str text) {
    if (text.size < 4 || text.data[0] != '[' || text.data[text.size - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < text.size; i++) {
        char folded = sp_route_fold(text.data[i]);
        if (!is_host_digit(folded) && !(folded >= 'a' && folded <= 'f') && folded != ':' && folded != '.')
            return false;
    }
    return true;
}

/* Cuts ":443" off; a text without a port stays as it is. */
static struct sp_str cut_port(struct sp_str host) {
    size_t at = host.size;
    while (at > 0 && is_host_digit(host.data[at - 1]))
        at--;
    if (at > 0 && at < host.size && host.data[at - 1] == ':')
        host.size = at - 1;
    return host;
}

const char *sp_route_host_read(struct sp_str host, struct sp_str *ret_name) {
    struct sp_str name = cut_port(host);
    if (host.size == 0)
        return "the request's host is not known, and routes depend on it";
    if (is_bracketed_address(name))
        name.size = 0;
    else if (!is_host_text(name))
        return "the request's host is not a plain host name, and routes depend on it";
    *ret_name = name;
    return NULL;
}
