/* The keys of the resource index, as layout.h draws them: made here, read here. Pure. */
#ifndef SP_STORE_RECORDS_RESOURCE_KEY_H
#define SP_STORE_RECORDS_RESOURCE_KEY_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

enum {
    SP_RESOURCE_KEY_HEAD_BYTES = 2 + 8, /* type and scope */
    SP_RESOURCE_KEY_MAX_BYTES = SP_RESOURCE_KEY_HEAD_BYTES + SP_RESOURCE_ID_MAX_BYTES,
};

/* `scope` is 0 for global ids, otherwise the workspace's number. Returns the key's size; 0: the
 * id is empty or longer than 256 bytes, or there is no such type number. */
size_t sp_resource_key(uint32_t type_number, uint64_t scope, struct sp_str id,
                       uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]);

/* What the keys of all ids after `id` (may be empty: all ids) of a type and scope are above: the
 * key itself, or their common head. Returns its size; 0 as sp_resource_key. */
size_t sp_resource_key_after(uint32_t type_number, uint64_t scope, struct sp_str id,
                             uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]);

struct sp_resource_name {
    uint16_t type_number;
    uint64_t scope;
    struct sp_str id; /* borrowed from the key */
};

/* SP_ERR_CORRUPT. */
enum sp_status sp_resource_key_read(struct sp_bytes key, struct sp_resource_name *ret_name) SP_MUST_USE;

#endif
