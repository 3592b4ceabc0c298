#include "store/usage/record.h"

#include "store/lmdb/databases.h"

enum {
    ID_MAX_BYTES = SP_USAGE_SOURCE_ID_BYTES - 1,
    INSTANCE_BYTES = 8,
    FLAG_ACCEPTED_IP = 1,
    FLAG_REJECTED_IP = 2,
    FLAG_ENDED = 1,
};

/* ---- keys ---- */

static bool is_usage_id(struct sp_str id) {
    return id.size > 0 && id.size <= ID_MAX_BYTES && memchr(id.data, '\0', id.size) == NULL;
}

static void append_to_key(struct sp_usage_key *key, const void *data, size_t size) {
    memcpy(key->bytes + key->size, data, size);
    key->size += size;
}

enum sp_status sp_usage_key_of_use(struct sp_str workspace, struct sp_str key_id, struct sp_usage_key *ret_key) {
    struct sp_usage_key key = {0};
    if (!is_usage_id(workspace) || !is_usage_id(key_id))
        return SP_ERR_INVALID;
    append_to_key(&key, workspace.data, workspace.size);
    append_to_key(&key, "", 1);
    append_to_key(&key, key_id.data, key_id.size);
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_usage_key_of_source(struct sp_str id, uint64_t instance, struct sp_usage_key *ret_key) {
    struct sp_usage_key key = {0};
    uint8_t number[INSTANCE_BYTES];
    if (!is_usage_id(id))
        return SP_ERR_INVALID;
    sp_store_be64(number, instance);
    append_to_key(&key, id.data, id.size);
    append_to_key(&key, "", 1);
    append_to_key(&key, number, sizeof(number));
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_usage_key_split(struct sp_bytes key, struct sp_str *ret_workspace, struct sp_str *ret_key_id) {
    const char *text = (const char *)key.data;
    const char *end = key.size > 0 ? memchr(text, '\0', key.size) : NULL;
    if (end == NULL)
        return SP_ERR_CORRUPT;
    size_t size = (size_t)(end - text);
    struct sp_str workspace = {text, size};
    struct sp_str key_id = {end + 1, key.size - size - 1};
    if (!is_usage_id(workspace) || !is_usage_id(key_id))
        return SP_ERR_CORRUPT;
    *ret_workspace = workspace;
    *ret_key_id = key_id;
    return SP_OK;
}

/* ---- records ---- */

static void seal_usage_record(enum sp_seal_domain domain, struct sp_bytes key, uint8_t *record, size_t size) {
    size_t sealed = size - SP_SEAL_BYTES;
    sp_store_be64(record + sealed, sp_seal(domain, key, (struct sp_bytes){record, sealed}));
}

static int64_t load_seconds(const uint8_t *at) {
    return (int64_t)sp_load_be64(at);
}

void sp_key_use_encode(struct sp_bytes key, const struct sp_key_use *use, uint8_t ret_record[static SP_KEY_USE_BYTES]) {
    memset(ret_record, 0, SP_KEY_USE_BYTES);
    sp_store_be64(ret_record, (uint64_t)use->accepted.at_s);
    sp_store_be64(ret_record + 8, (uint64_t)use->rejected.at_s);
    if (use->accepted.has_ip)
        memcpy(ret_record + 16, use->accepted.ip.bytes, sizeof(use->accepted.ip.bytes));
    if (use->rejected.has_ip)
        memcpy(ret_record + 32, use->rejected.ip.bytes, sizeof(use->rejected.ip.bytes));
    ret_record[48] =
        (uint8_t)((use->accepted.has_ip ? FLAG_ACCEPTED_IP : 0) | (use->rejected.has_ip ? FLAG_REJECTED_IP : 0));
    ret_record[49] = (uint8_t)use->reason;
    seal_usage_record(SP_SEAL_KEY_USE, key, ret_record, SP_KEY_USE_BYTES);
}

enum sp_status sp_key_use_decode(struct sp_bytes key, struct sp_bytes record, struct sp_key_use *ret_use) {
    if (record.size != SP_KEY_USE_BYTES || !sp_seal_fits(SP_SEAL_KEY_USE, key, record))
        return SP_ERR_CORRUPT;
    struct sp_key_use use = {.reason = (enum sp_reason)record.data[49]};
    use.accepted.at_s = load_seconds(record.data);
    use.rejected.at_s = load_seconds(record.data + 8);
    use.accepted.has_ip = (record.data[48] & FLAG_ACCEPTED_IP) != 0;
    use.rejected.has_ip = (record.data[48] & FLAG_REJECTED_IP) != 0;
    memcpy(use.accepted.ip.bytes, record.data + 16, sizeof(use.accepted.ip.bytes));
    memcpy(use.rejected.ip.bytes, record.data + 32, sizeof(use.rejected.ip.bytes));
    *ret_use = use;
    return SP_OK;
}

void sp_usage_source_encode(struct sp_bytes key, const struct sp_usage_source *source,
                            uint8_t ret_record[static SP_USAGE_SOURCE_BYTES]) {
    memset(ret_record, 0, SP_USAGE_SOURCE_BYTES);
    sp_store_be64(ret_record, source->sequence);
    sp_store_be64(ret_record + 8, (uint64_t)source->first_report_s);
    sp_store_be64(ret_record + 16, (uint64_t)source->last_report_s);
    sp_store_be64(ret_record + 24, (uint64_t)source->until_s);
    sp_store_be64(ret_record + 32, (uint64_t)source->lost_until_s);
    ret_record[40] = source->ended ? FLAG_ENDED : 0;
    seal_usage_record(SP_SEAL_USAGE_SOURCE, key, ret_record, SP_USAGE_SOURCE_BYTES);
}

enum sp_status sp_usage_source_decode(struct sp_bytes key, struct sp_bytes record, struct sp_usage_source *ret_source) {
    if (key.size < INSTANCE_BYTES + 2 || key.size > ID_MAX_BYTES + 1 + INSTANCE_BYTES ||
        record.size != SP_USAGE_SOURCE_BYTES || !sp_seal_fits(SP_SEAL_USAGE_SOURCE, key, record))
        return SP_ERR_CORRUPT;
    struct sp_usage_source source = {
        .instance = sp_load_be64(key.data + key.size - INSTANCE_BYTES),
        .sequence = sp_load_be64(record.data),
        .first_report_s = load_seconds(record.data + 8),
        .last_report_s = load_seconds(record.data + 16),
        .until_s = load_seconds(record.data + 24),
        .lost_until_s = load_seconds(record.data + 32),
        .ended = (record.data[40] & FLAG_ENDED) != 0,
    };
    memcpy(source.id, key.data, key.size - INSTANCE_BYTES - 1);
    *ret_source = source;
    return SP_OK;
}
