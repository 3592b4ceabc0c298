#include "store/records/resource_key.h"

size_t sp_resource_key_after(uint32_t type_number, uint64_t scope, struct sp_str id,
                             uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]) {
    if (id.size > SP_RESOURCE_ID_MAX_BYTES || type_number > UINT16_MAX)
        return 0;
    sp_store_be16(ret_key, (uint16_t)type_number);
    sp_store_be64(ret_key + 2, scope);
    if (id.size > 0)
        memcpy(ret_key + SP_RESOURCE_KEY_HEAD_BYTES, id.data, id.size);
    return SP_RESOURCE_KEY_HEAD_BYTES + id.size;
}

size_t sp_resource_key(uint32_t type_number, uint64_t scope, struct sp_str id,
                       uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]) {
    return id.size == 0 ? 0 : sp_resource_key_after(type_number, scope, id, ret_key);
}

enum sp_status sp_resource_key_read(struct sp_bytes key, struct sp_resource_name *ret_name) {
    if (key.size <= SP_RESOURCE_KEY_HEAD_BYTES || key.size > SP_RESOURCE_KEY_MAX_BYTES)
        return SP_ERR_CORRUPT;
    *ret_name = (struct sp_resource_name){
        .type_number = sp_load_be16(key.data),
        .scope = sp_load_be64(key.data + 2),
        .id = {(const char *)key.data + SP_RESOURCE_KEY_HEAD_BYTES, key.size - SP_RESOURCE_KEY_HEAD_BYTES},
    };
    return SP_OK;
}
