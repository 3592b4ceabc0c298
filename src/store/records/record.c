#include "store/records/record.h"

#include "base/text.h"

enum {
    KEY_AT_FLAGS = 2,
    KEY_AT_PRINCIPAL_KIND = 3,
    KEY_AT_ID_SIZE = 4,
    KEY_AT_PRINCIPAL_SIZE = 5,
    KEY_AT_WORKSPACE_SIZE = 6,
    KEY_AT_RANGES = 7,
    KEY_AT_EXPIRES = 8,
    KEY_AT_PRINCIPAL_NUMBER = 16,
    KEY_AT_WORKSPACE_NUMBER = 24,
    KEY_AT_DIGEST = 32,
    RANGE_BYTES = 32,
};
_Static_assert(KEY_AT_DIGEST + SP_DIGEST_BYTES == SP_KEY_RECORD_HEAD_BYTES, "the head ends with the digest");

static void append_seal(enum sp_seal_domain domain, struct sp_bytes key, uint8_t *record, size_t size_with_seal) {
    size_t sealed = size_with_seal - SP_SEAL_BYTES;
    sp_store_be64(record + sealed, sp_seal(domain, key, (struct sp_bytes){record, sealed}));
}

/* ---- edges ---- */

void sp_edge_encode(enum sp_seal_domain domain, struct sp_bytes key, struct sp_edge edge,
                    uint8_t ret_record[static SP_EDGE_BYTES]) {
    sp_store_be64(ret_record, edge.subject);
    sp_store_be64(ret_record + 8, edge.payload);
    append_seal(domain, key, ret_record, SP_EDGE_BYTES);
}

struct sp_edge sp_edge_peek(struct sp_bytes record) {
    if (record.size != SP_EDGE_BYTES)
        return (struct sp_edge){0, 0};
    return (struct sp_edge){sp_load_be64(record.data), sp_load_be64(record.data + 8)};
}

enum sp_status sp_edge_decode(enum sp_seal_domain domain, struct sp_bytes key, struct sp_bytes record,
                              struct sp_edge *ret_edge) {
    if (record.size != SP_EDGE_BYTES || !sp_seal_fits(domain, key, record))
        return SP_ERR_CORRUPT;
    *ret_edge = sp_edge_peek(record);
    return SP_OK;
}

/* ---- keys ---- */

/* An `all` that names nothing besides, as most do, needs no bits. */
static bool has_permission_bits(const struct sp_permission_set *permissions) {
    struct sp_permission_set named = *permissions;
    named.all = false;
    return !permissions->all || !sp_permission_set_is_empty(&named);
}

static size_t key_record_size(const struct sp_key *key) {
    size_t bits = has_permission_bits(&key->permissions) ? SP_PERMISSION_SET_BYTES : 0;
    return SP_KEY_RECORD_HEAD_BYTES + bits + key->allowed_ranges.size + key->id.size + key->principal.size +
           key->workspace.size + SP_SEAL_BYTES;
}

static uint8_t key_flags(const struct sp_key *key) {
    bool bits = has_permission_bits(&key->permissions);
    unsigned flags = (key->permissions.all ? SP_KEY_ALL : 0U) | (bits ? SP_KEY_HAS_BITS : 0U) |
                     (key->disabled ? SP_KEY_DISABLED : 0U) | (key->has_allowlist ? SP_KEY_HAS_ALLOWLIST : 0U);
    return (uint8_t)flags;
}

static uint8_t *append_record_bytes(uint8_t *at, const void *data, size_t size) {
    if (size > 0)
        memcpy(at, data, size);
    return at + size;
}

static void encode_key_head(const struct sp_key_parts *parts, size_t size, uint8_t *record) {
    const struct sp_key *key = &parts->key;
    sp_store_be16(record, (uint16_t)size);
    record[KEY_AT_FLAGS] = key_flags(key);
    record[KEY_AT_PRINCIPAL_KIND] = key->principal_kind;
    record[KEY_AT_ID_SIZE] = (uint8_t)key->id.size;
    record[KEY_AT_PRINCIPAL_SIZE] = (uint8_t)key->principal.size; /* of 256: 0 */
    record[KEY_AT_WORKSPACE_SIZE] = (uint8_t)key->workspace.size;
    record[KEY_AT_RANGES] = (uint8_t)(key->allowed_ranges.size / RANGE_BYTES);
    sp_store_be64(record + KEY_AT_EXPIRES, (uint64_t)key->expires_at_s);
    sp_store_be64(record + KEY_AT_PRINCIPAL_NUMBER, key->principal_number);
    sp_store_be64(record + KEY_AT_WORKSPACE_NUMBER, key->workspace_number);
    memcpy(record + KEY_AT_DIGEST, parts->digest, SP_DIGEST_BYTES);
}

enum sp_status sp_key_record_encode(const struct sp_key_parts *parts, struct sp_arena *arena,
                                    struct sp_bytes *ret_record) {
    const struct sp_key *key = &parts->key;
    if (key->id.size > UINT8_MAX || key->principal.size > SP_PRINCIPAL_ID_MAX_BYTES ||
        key->workspace.size > UINT8_MAX || key->allowed_ranges.size / RANGE_BYTES > UINT8_MAX ||
        key->allowed_ranges.size % RANGE_BYTES != 0)
        return SP_ERR_INVALID;
    size_t size = key_record_size(key);
    uint8_t *record = sp_arena_alloc(arena, size);
    if (record == NULL)
        return SP_ERR_MEMORY;
    encode_key_head(parts, size, record);
    uint8_t *at = record + SP_KEY_RECORD_HEAD_BYTES;
    if (has_permission_bits(&key->permissions))
        at = append_record_bytes(at, key->permissions.bits, SP_PERMISSION_SET_BYTES);
    at = append_record_bytes(at, key->allowed_ranges.data, key->allowed_ranges.size);
    at = append_record_bytes(at, key->id.data, key->id.size);
    at = append_record_bytes(at, key->principal.data, key->principal.size);
    append_record_bytes(at, key->workspace.data, key->workspace.size);
    append_seal(SP_SEAL_KEY, (struct sp_bytes){parts->digest, SP_SHORT_DIGEST_BYTES}, record, size);
    *ret_record = (struct sp_bytes){record, size};
    return SP_OK;
}

enum sp_status sp_key_bucket_next(struct sp_bytes bucket_key, struct sp_bytes *bucket, struct sp_bytes *ret_record) {
    if (bucket->size < SP_KEY_RECORD_HEAD_BYTES + SP_SEAL_BYTES)
        return SP_ERR_CORRUPT;
    struct sp_bytes record = {bucket->data, sp_load_be16(bucket->data)};
    if (record.size < SP_KEY_RECORD_HEAD_BYTES + SP_SEAL_BYTES || record.size > bucket->size ||
        !sp_seal_fits(SP_SEAL_KEY, bucket_key, record))
        return SP_ERR_CORRUPT;
    *bucket = (struct sp_bytes){bucket->data + record.size, bucket->size - record.size};
    *ret_record = record;
    return SP_OK;
}

static struct sp_str take_text(const uint8_t **at, size_t size) {
    struct sp_str text = {(const char *)*at, size};
    *at += size;
    return text;
}

/* The parts' sizes must add up to the record's: the seal is no proof against a mistake of the
 * writer. */
enum sp_status sp_key_record_decode(struct sp_bytes record, struct sp_key *ret_key) {
    const uint8_t *head = record.data;
    const uint8_t *at = head + SP_KEY_RECORD_HEAD_BYTES;
    bool all = (head[KEY_AT_FLAGS] & SP_KEY_ALL) != 0;
    size_t ranges_size = (size_t)head[KEY_AT_RANGES] * RANGE_BYTES;
    size_t principal_size = head[KEY_AT_PRINCIPAL_SIZE] == 0 ? SP_PRINCIPAL_ID_MAX_BYTES : head[KEY_AT_PRINCIPAL_SIZE];
    size_t ids_size = head[KEY_AT_ID_SIZE] + principal_size + head[KEY_AT_WORKSPACE_SIZE];
    size_t bits_size = (head[KEY_AT_FLAGS] & SP_KEY_HAS_BITS) != 0 ? SP_PERMISSION_SET_BYTES : 0;
    if (SP_KEY_RECORD_HEAD_BYTES + bits_size + ranges_size + ids_size + SP_SEAL_BYTES != record.size)
        return SP_ERR_CORRUPT;
    ret_key->disabled = (head[KEY_AT_FLAGS] & SP_KEY_DISABLED) != 0;
    ret_key->has_allowlist = (head[KEY_AT_FLAGS] & SP_KEY_HAS_ALLOWLIST) != 0;
    ret_key->principal_kind = head[KEY_AT_PRINCIPAL_KIND];
    ret_key->expires_at_s = (int64_t)sp_load_be64(head + KEY_AT_EXPIRES);
    ret_key->principal_number = sp_load_be64(head + KEY_AT_PRINCIPAL_NUMBER);
    ret_key->workspace_number = sp_load_be64(head + KEY_AT_WORKSPACE_NUMBER);
    ret_key->permissions.all = all;
    memset(ret_key->permissions.bits, 0, sizeof(ret_key->permissions.bits));
    memcpy(ret_key->permissions.bits, at, bits_size);
    at += bits_size;
    ret_key->allowed_ranges = (struct sp_bytes){at, ranges_size};
    at += ranges_size;
    ret_key->id = take_text(&at, head[KEY_AT_ID_SIZE]);
    ret_key->principal = take_text(&at, principal_size);
    ret_key->workspace = take_text(&at, head[KEY_AT_WORKSPACE_SIZE]);
    return SP_OK;
}

/* ---- counts ---- */

void sp_count_key_encode(struct sp_count_key key, uint8_t ret_bytes[static SP_COUNT_KEY_BYTES]) {
    sp_store_be64(ret_bytes, key.workspace_number);
    ret_bytes[8] = (uint8_t)key.what;
}

struct sp_count_key sp_count_key_decode(struct sp_bytes bytes) {
    return (struct sp_count_key){sp_load_be64(bytes.data), (enum sp_count)bytes.data[8]};
}

void sp_count_record_encode(uint64_t count, uint8_t ret_record[static SP_COUNT_RECORD_BYTES]) {
    sp_store_be64(ret_record, count);
}

enum sp_status sp_count_record_decode(struct sp_bytes record, uint64_t *ret_count) {
    if (record.size != SP_COUNT_RECORD_BYTES)
        return SP_ERR_CORRUPT;
    *ret_count = sp_load_be64(record.data);
    return SP_OK;
}

/* ---- the small ones ---- */

void sp_workspace_record_encode(uint64_t number, unsigned flags, uint8_t ret_record[static SP_WORKSPACE_RECORD_BYTES]) {
    sp_store_be64(ret_record, flags);
    append_seal(SP_SEAL_WORKSPACE, (struct sp_bytes){(const uint8_t *)&number, sizeof(number)}, ret_record,
                SP_WORKSPACE_RECORD_BYTES);
}

void sp_action_record_encode(struct sp_bytes key, const struct sp_action *action,
                             uint8_t ret_record[static SP_ACTION_RECORD_BYTES]) {
    unsigned flags = (action->workspace_scoped ? SP_ACTION_WORKSPACE_SCOPED : 0U) |
                     (action->needs_permission ? SP_ACTION_NEEDS_PERMISSION : 0U) |
                     (action->claiming ? SP_ACTION_CLAIMING : 0U);
    ret_record[0] = (uint8_t)flags;
    ret_record[1] = action->permission;
    ret_record[2] = (uint8_t)action->role;
    ret_record[3] = 0;
    sp_store_be32(ret_record + 4, action->type_number);
    append_seal(SP_SEAL_ACTION, key, ret_record, SP_ACTION_RECORD_BYTES);
}

uint64_t sp_schema_mark(struct sp_str yaml) {
    return sp_seal(SP_SEAL_ACTION, SP_SCHEMA_MARK_KEY, (struct sp_bytes){(const uint8_t *)yaml.data, yaml.size});
}

void sp_schema_mark_record_encode(struct sp_str yaml, uint8_t ret_record[static SP_SCHEMA_MARK_RECORD_BYTES]) {
    struct sp_bytes mark = {ret_record, SP_SCHEMA_MARK_RECORD_BYTES - SP_SEAL_BYTES};
    sp_store_be64(ret_record, sp_schema_mark(yaml));
    sp_store_be64(ret_record + mark.size, sp_seal(SP_SEAL_ACTION, SP_SCHEMA_MARK_KEY, mark));
}
