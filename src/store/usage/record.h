/* Inside the store: the bytes of store/usage/usage.h's records. Pure. */
#ifndef SP_STORE_USAGE_RECORD_H
#define SP_STORE_USAGE_RECORD_H

#include "base/bytes.h"
#include "usage/judge.h"

enum {
    SP_KEY_USE_BYTES = 64,
    SP_USAGE_SOURCE_BYTES = 56,
    SP_USAGE_KEY_MAX_BYTES = 129, /* of the keys of both databases */
};

struct sp_usage_key {
    size_t size;
    uint8_t bytes[SP_USAGE_KEY_MAX_BYTES];
};

/* SP_ERR_INVALID for ids that are empty, too long, or hold a NUL. */
enum sp_status sp_usage_key_of_use(struct sp_str workspace, struct sp_str key_id,
                                   struct sp_usage_key *ret_key) SP_MUST_USE;
enum sp_status sp_usage_key_of_source(struct sp_str id, uint64_t instance, struct sp_usage_key *ret_key) SP_MUST_USE;

/* The ids in the key of a use. SP_ERR_CORRUPT. */
enum sp_status sp_usage_key_split(struct sp_bytes key, struct sp_str *ret_workspace,
                                  struct sp_str *ret_key_id) SP_MUST_USE;

void sp_key_use_encode(struct sp_bytes key, const struct sp_key_use *use, uint8_t ret_record[static SP_KEY_USE_BYTES]);
/* SP_ERR_CORRUPT. */
enum sp_status sp_key_use_decode(struct sp_bytes key, struct sp_bytes record, struct sp_key_use *ret_use) SP_MUST_USE;

void sp_usage_source_encode(struct sp_bytes key, const struct sp_usage_source *source,
                            uint8_t ret_record[static SP_USAGE_SOURCE_BYTES]);
/* SP_ERR_CORRUPT. */
enum sp_status sp_usage_source_decode(struct sp_bytes key, struct sp_bytes record,
                                      struct sp_usage_source *ret_source) SP_MUST_USE;

#endif
