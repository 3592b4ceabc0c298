#include "core/http_header.h"

#include <stddef.h>

static bool is_one_of(struct sp_str name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sp_str_equal(name, sp_str_from(names[i])))
            return true;
    return false;
}

bool sp_http_header_is_of_message(struct sp_str name) {
    static const char *const names[] = {"host",           "connection",   "keep-alive", "proxy-connection",
                                        "content-length", "content-type", "te",         "trailer",
                                        "upgrade",        "expect",       "date",       "transfer-encoding"};
    return is_one_of(name, names, sizeof(names) / sizeof(*names));
}

bool sp_http_header_is_credential(struct sp_str name) {
    static const char *const names[] = {"authorization", "proxy-authorization", "cookie", "set-cookie"};
    return is_one_of(name, names, sizeof(names) / sizeof(*names));
}
