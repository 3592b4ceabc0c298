#include "server/ext_authz/headers.h"

#include "base/text.h"

const struct sp_str sp_ext_authz_set_headers[SP_EXT_AUTHZ_SET_HEADERS] = {
    {"x-sallyport-workspace", 21},
    {"x-sallyport-principal", 21},
    {"x-sallyport-key-id", 18},
    {"x-sallyport-decision-id", 23},
};

bool sp_ext_authz_is_header_name(struct sp_str name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";
    if (name.size == 0 || name.size > SP_ID_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (memchr(allowed, name.data[i], sizeof(allowed) - 1) == NULL)
            return false;
    return true;
}
