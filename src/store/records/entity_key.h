/* The keys of entities, as layout.h draws them: made here, read here. Pure. */
#ifndef SP_STORE_RECORDS_ENTITY_KEY_H
#define SP_STORE_RECORDS_ENTITY_KEY_H

#include "base/status.h"
#include "store/records/layout.h"

enum { SP_ENTITY_KEY_MAX_BYTES = 511, SP_ENTITY_KEY_MAX_PARTS = 4 };

/* Held by value. */
struct sp_entity_key {
    uint16_t size;
    uint8_t bytes[SP_ENTITY_KEY_MAX_BYTES];
};

static inline struct sp_bytes sp_entity_key_bytes(const struct sp_entity_key *key) {
    return (struct sp_bytes){key->bytes, key->size};
}

/* The letter before a grant's subject. */
enum sp_subject_kind { SP_SUBJECT_PRINCIPAL = 'p', SP_SUBJECT_GROUP = 'g' };

/* ---- making ---- */

/* `workspace` is empty for operators and schema. SP_ERR_INVALID: the parts are too long or hold
 * a NUL. */
enum sp_status sp_entity_key_make(enum sp_kind kind, struct sp_str workspace, const struct sp_str *parts,
                                  size_t part_count, struct sp_entity_key *ret_key) SP_MUST_USE;

/* Shorthands over sp_entity_key_make. */
enum sp_status sp_entity_key_1(enum sp_kind kind, struct sp_str workspace, struct sp_str id,
                               struct sp_entity_key *ret_key) SP_MUST_USE;
enum sp_status sp_entity_key_grant(struct sp_str workspace, struct sp_str type, struct sp_str resource_id,
                                   enum sp_subject_kind subject_kind, struct sp_str subject,
                                   struct sp_entity_key *ret_key) SP_MUST_USE;

/* With what the keys of all entities begin that have these parts and more. */
enum sp_status sp_entity_key_prefix(enum sp_kind kind, struct sp_str workspace, const struct sp_str *parts,
                                    size_t part_count, struct sp_entity_key *ret_prefix) SP_MUST_USE;

/* The key of the tombstone that deleting `of` leaves. `global`: a resource whose id belongs to
 * no workspace. SP_ERR_INVALID: `of` is not an entity key. */
enum sp_status sp_entity_key_tombstone(struct sp_bytes of, bool global, struct sp_entity_key *ret_key) SP_MUST_USE;

/* A copy of the bytes of a key. SP_ERR_CORRUPT: too long. */
enum sp_status sp_entity_key_copy(struct sp_bytes bytes, struct sp_entity_key *ret_key) SP_MUST_USE;

/* ---- reading ---- */

/* What a key names; texts are borrowed from it. */
struct sp_entity_name {
    enum sp_kind kind;
    enum sp_kind deleted_kind; /* of a tombstone; 0 otherwise */
    struct sp_str workspace;
    struct sp_str parts[SP_ENTITY_KEY_MAX_PARTS];
    size_t part_count;
    enum sp_subject_kind subject_kind; /* of a grant, whose last part names the subject (layout.h); 0 otherwise */
};

/* SP_ERR_CORRUPT: not the key of an entity of a known kind. */
enum sp_status sp_entity_key_read(struct sp_bytes key, struct sp_entity_name *ret_name) SP_MUST_USE;

/* Whether sp_entity_key_read would read it. */
bool sp_entity_key_is_valid(struct sp_bytes key);

#endif
