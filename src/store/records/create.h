/* Making a new store. */
#ifndef SP_STORE_RECORDS_CREATE_H
#define SP_STORE_RECORDS_CREATE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_store_create_options {
    uint64_t map_size_bytes; /* 0: 64 GiB */
    struct sp_str schema_yaml;
    struct sp_str key_prefix; /* "sp_" */
    int64_t now_s;
    struct sp_str
        source; /* what it is to follow (store/replica); empty: itself. With one: no schema, revision 0 of epoch 0 */
};

/* Makes a new store in an existing or new folder (mode 0750, data 0640, lock 0660): format,
 * epoch 1, revision 1, the schema. SP_ERR_EXISTS: there is one. */
enum sp_status sp_store_create(const char *path, const struct sp_store_create_options *options,
                               struct sp_error *error) SP_MUST_USE;

#endif
