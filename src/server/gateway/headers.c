#include "server/gateway/headers.h"

#include <ctype.h>

#include "base/text.h"

const struct sp_str sp_gateway_set_headers[SP_GATEWAY_SET_HEADERS] = {
    {"x-sallyport-workspace", 21},
    {"x-sallyport-principal", 21},
    {"x-sallyport-key-id", 18},
    {"x-sallyport-decision-id", 23},
};

bool sp_gateway_is_header_name(struct sp_str name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";
    if (name.size == 0 || name.size > SP_ID_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (memchr(allowed, name.data[i], sizeof(allowed) - 1) == NULL)
            return false;
    return true;
}

static char fold_name_character(char c) {
    if (c == '_')
        return '-';
    return (char)tolower((unsigned char)c);
}

bool sp_gateway_resembles_own_header(struct sp_str name) {
    static const struct sp_str own_prefix = {"x-sallyport-", 12};
    for (size_t i = 0; i < own_prefix.size; i++)
        if (i == name.size || fold_name_character(name.data[i]) != own_prefix.data[i])
            return false;
    return true;
}
