#include "store/records/key_forms.h"

enum sp_status sp_key_forms_split(struct sp_bytes list, struct sp_key_forms *ret_forms) {
    ret_forms->prefix_count = 0;
    while (list.size > 0) {
        const uint8_t *end = memchr(list.data, 0, list.size);
        if (end == NULL || ret_forms->prefix_count == SP_STORE_MAX_PREFIXES)
            return SP_ERR_CORRUPT;
        size_t size = (size_t)(end - list.data);
        ret_forms->prefixes[ret_forms->prefix_count++] = (struct sp_str){(const char *)list.data, size};
        list = (struct sp_bytes){end + 1, list.size - size - 1};
    }
    return ret_forms->prefix_count > 0 ? SP_OK : SP_ERR_CORRUPT;
}

bool sp_key_forms_have_prefix(const struct sp_key_forms *forms, struct sp_str prefix) {
    for (size_t i = 0; i < forms->prefix_count; i++)
        if (sp_str_equal(forms->prefixes[i], prefix))
            return true;
    return false;
}
