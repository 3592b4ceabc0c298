#include "store/records/entity_set.h"

#include "core/digest.h"
#include "store/records/edit.h"
#include "store/records/entity.h"
#include "store/records/meta.h"

static const char set_name[] = "entity_set";

void sp_entity_hash(struct sp_bytes key, struct sp_bytes value, uint8_t ret_hash[static SP_DIGEST_BYTES]) {
    uint8_t size[2];
    sp_store_be16(size, (uint16_t)key.size);
    const struct sp_bytes parts[] = {{size, sizeof(size)}, key, value};
    sp_sha256_parts(parts, sizeof(parts) / sizeof(*parts), ret_hash);
}

enum sp_status sp_view_entity_set(struct sp_view *view, struct sp_multiset_hash *ret_set) {
    const struct sp_head *head;
    struct sp_bytes record;
    uint8_t digest[SP_DIGEST_BYTES];
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    status = sp_view_meta(view, set_name, &record);
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    if (record.size != SP_MULTISET_HASH_BYTES)
        return SP_ERR_CORRUPT;
    sp_sha256(record.data, record.size, digest);
    if (memcmp(digest, head->entity_set, sizeof(digest)) != 0)
        return SP_ERR_CORRUPT;
    sp_multiset_hash_decode(record.data, ret_set);
    return SP_OK;
}

enum sp_status sp_write_entity_set(struct sp_write *write, const struct sp_multiset_hash *set, struct sp_head *head) {
    uint8_t record[SP_MULTISET_HASH_BYTES];
    sp_multiset_hash_encode(set, record);
    enum sp_status status = sp_write_meta(write, set_name, (struct sp_bytes){record, sizeof(record)});
    if (status != SP_OK)
        return status;
    sp_sha256(record, sizeof(record), head->entity_set);
    return SP_OK;
}

/* ---- all entities ---- */

struct summation {
    struct sp_multiset_hash *set;
    struct sp_expander *expander;
};

static enum sp_status add_entity_to_set(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct summation *summation = context;
    uint8_t hash[SP_DIGEST_BYTES];
    sp_entity_hash(key, value, hash);
    sp_multiset_hash_add(summation->set, summation->expander, hash);
    return SP_OK;
}

enum sp_status sp_view_add_entities(struct sp_view *view, struct sp_multiset_hash *set) {
    struct summation summation = {.set = set, .expander = sp_expander_create()};
    if (summation.expander == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_entity_walk(view, (struct sp_bytes){NULL, 0}, NULL, add_entity_to_set, &summation);
    sp_expander_free(summation.expander);
    return status;
}

struct sp_expander *sp_write_expander(struct sp_write *write) {
    if (write->expander == NULL)
        write->expander = sp_expander_create();
    return write->expander;
}
