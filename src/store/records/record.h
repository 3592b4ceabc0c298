/* Inside the store: index records to bytes and back, as layout.h draws them. Pure. */
#ifndef SP_STORE_RECORDS_RECORD_H
#define SP_STORE_RECORDS_RECORD_H

#include "base/arena.h"
#include "core/decision.h"
#include "core/digest.h"
#include "store/records/layout.h"

/* ---- edges ---- */

struct sp_edge {
    uint64_t subject;
    uint64_t payload;
};

/* `key` is the key of the database's record: the principal's number (native) or the resource
 * key. */
void sp_edge_encode(enum sp_seal_domain domain, struct sp_bytes key, struct sp_edge edge,
                    uint8_t ret_record[static SP_EDGE_BYTES]);

/* The edge without its seal being checked; zeros for a record of another size. */
struct sp_edge sp_edge_peek(struct sp_bytes record);

/* SP_ERR_CORRUPT. */
enum sp_status sp_edge_decode(enum sp_seal_domain domain, struct sp_bytes key, struct sp_bytes record,
                              struct sp_edge *ret_edge) SP_MUST_USE;

static inline uint64_t sp_principal_head(uint64_t workspace_number, unsigned flags) {
    return workspace_number << 16 | (flags & 0xffffU);
}

/* ---- keys ---- */

/* What a key record is made of. */
struct sp_key_parts {
    struct sp_key key;
    uint8_t digest[SP_DIGEST_BYTES];
};

/* The record in `arena`. SP_ERR_INVALID: an id is longer than 255 bytes or there are more than
 * 255 ranges. */
enum sp_status sp_key_record_encode(const struct sp_key_parts *parts, struct sp_arena *arena,
                                    struct sp_bytes *ret_record) SP_MUST_USE;

/* Cuts the first record off a bucket, seal checked. SP_ERR_CORRUPT. */
enum sp_status sp_key_bucket_next(struct sp_bytes bucket_key, struct sp_bytes *bucket,
                                  struct sp_bytes *ret_record) SP_MUST_USE;

static inline const uint8_t *sp_key_record_digest(struct sp_bytes record) {
    return record.data + 32;
}

/* Reads a record that sp_key_bucket_next gave; texts and ranges are borrowed from it.
 * SP_ERR_CORRUPT. */
enum sp_status sp_key_record_decode(struct sp_bytes record, struct sp_key *ret_key) SP_MUST_USE;

/* ---- counts ---- */

struct sp_count_key {
    uint64_t workspace_number;
    enum sp_count what;
};

void sp_count_key_encode(struct sp_count_key key, uint8_t ret_bytes[static SP_COUNT_KEY_BYTES]);
/* For bytes that were encoded here. */
struct sp_count_key sp_count_key_decode(struct sp_bytes bytes);

void sp_count_record_encode(uint64_t count, uint8_t ret_record[static SP_COUNT_RECORD_BYTES]);
/* SP_ERR_CORRUPT. */
enum sp_status sp_count_record_decode(struct sp_bytes record, uint64_t *ret_count) SP_MUST_USE;

/* ---- the small ones ---- */

void sp_workspace_record_encode(uint64_t number, unsigned flags, uint8_t ret_record[static SP_WORKSPACE_RECORD_BYTES]);

/* The key of the schema's mark, and the mark of a schema's text. */
#define SP_SCHEMA_MARK_KEY ((struct sp_bytes){(const uint8_t *)"", 1})
uint64_t sp_schema_mark(struct sp_str yaml);

void sp_schema_mark_record_encode(struct sp_str yaml, uint8_t ret_record[static SP_SCHEMA_MARK_RECORD_BYTES]);
void sp_action_record_encode(struct sp_bytes key, const struct sp_action *action,
                             uint8_t ret_record[static SP_ACTION_RECORD_BYTES]);

#endif
