#include "core/principal_alias.h"

static const struct sp_str prefix = {SP_PRINCIPAL_ALIAS_PREFIX, sizeof(SP_PRINCIPAL_ALIAS_PREFIX) - 1};

static bool is_alias_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool sp_principal_id_is_plain(struct sp_str id) {
    if (id.size == 0 || id.size > SP_ID_MAX_BYTES || sp_str_begins_with(id, prefix))
        return false;
    for (size_t i = 0; i < id.size; i++)
        if (!is_alias_character(id.data[i]))
            return false;
    return true;
}

void sp_principal_alias_write(struct sp_str id, char ret_alias[static SP_PRINCIPAL_ALIAS_BYTES]) {
    if (id.size > SP_PRINCIPAL_ID_MAX_BYTES)
        id.size = 0;
    if (sp_principal_id_is_plain(id)) {
        memcpy(ret_alias, id.data, id.size);
        ret_alias[id.size] = '\0';
        return;
    }
    memcpy(ret_alias, prefix.data, prefix.size);
    sp_base64url_encode(sp_bytes_of_str(id), ret_alias + prefix.size);
}

bool sp_principal_alias_read(struct sp_str alias, char ret_id[static SP_PRINCIPAL_ID_MAX_BYTES], size_t *ret_size) {
    size_t size = 0;
    if (!sp_str_begins_with(alias, prefix))
        return false;
    struct sp_str encoded = {alias.data + prefix.size, alias.size - prefix.size};
    if (!sp_base64url_decode(encoded, (uint8_t *)ret_id, SP_PRINCIPAL_ID_MAX_BYTES, &size))
        return false;
    struct sp_str id = {ret_id, size};
    if (sp_text_check_principal_id(id, "", NULL) != SP_OK || sp_principal_id_is_plain(id))
        return false;
    *ret_size = size;
    return true;
}
