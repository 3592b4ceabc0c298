#include "store/records/change_record.h"

#include "core/digest.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, VARINT_MAX_BYTES = 10 };

/* Field numbers of sallyport.v1.Change and EntityChange. */
enum {
    CHANGE_ENTITIES = 8,
    CHANGE_HASH = 9,
    ENTITY_KIND = 1,
    ENTITY_WORKSPACE = 2,
    ENTITY_ID = 3,
    ENTITY_DELETED = 4,
    ENTITY_MEMBERSHIP_BEFORE = 14,
    ENTITY_GRANT_BEFORE = 15,
    ENTITY_HASH = 16,
    ENTITY_HASH_FIELD_BYTES = 3 + SP_DIGEST_BYTES, /* a field number above 15 takes two bytes */
};

/* How a kind of entity appears in the audit trail. */
struct appearance {
    Sallyport__V1__EntityKind kind;
    unsigned after_field;  /* 0: not listed */
    unsigned before_field; /* of a deleted one; 0: none */
};

static const struct appearance appearances[] = {
    [SP_KIND_SCHEMA] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_SCHEMA, 13, 0},
    [SP_KIND_OPERATOR] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_OPERATOR, 12, 0},
    [SP_KIND_WORKSPACE] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_WORKSPACE, 5, 0},
    [SP_KIND_PRINCIPAL] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_PRINCIPAL, 6, 0},
    [SP_KIND_GROUP] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_GROUP, 7, 0},
    [SP_KIND_MEMBERSHIP] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_MEMBERSHIP, 8, ENTITY_MEMBERSHIP_BEFORE},
    [SP_KIND_RESOURCE] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_RESOURCE, 9, 0},
    [SP_KIND_GRANT] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_GRANT, 10, ENTITY_GRANT_BEFORE},
    [SP_KIND_KEY] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_API_KEY, 11, 0},
    [SP_KIND_TOMBSTONE] = {SALLYPORT__V1__ENTITY_KIND__ENTITY_KIND_UNSPECIFIED, 0, 0},
};

/* ---- writing protobuf ---- */

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static size_t varint_size(uint64_t value) {
    uint8_t scratch[VARINT_MAX_BYTES];
    return (size_t)(put_varint(scratch, value) - scratch);
}

static size_t bytes_field_size(size_t size) {
    return 1 + varint_size(size) + size; /* field numbers up to 15 take one byte */
}

static uint8_t *put_bytes_field(uint8_t *at, unsigned field, struct sp_bytes value) {
    *at++ = (uint8_t)(field << 3 | WIRE_BYTES);
    at = put_varint(at, value.size);
    if (value.size > 0)
        memcpy(at, value.data, value.size);
    return at + value.size;
}

enum sp_status sp_stored_public_part(struct sp_bytes packed, struct sp_bytes *ret_part) {
    if (packed.size < 2 || packed.data[0] != (1U << 3 | WIRE_BYTES))
        return SP_ERR_INVALID;
    uint64_t size = 0;
    size_t at = 1;
    for (unsigned shift = 0; at < packed.size && shift < 35; shift += 7) {
        uint8_t byte = packed.data[at++];
        size |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (size > packed.size - at)
                return SP_ERR_INVALID;
            *ret_part = (struct sp_bytes){packed.data + at, size};
            return SP_OK;
        }
    }
    return SP_ERR_INVALID;
}

/* ---- one entity ---- */

/* Workspace and id as the trail lists them: the parts of the entity's key joined with '/'. */
struct names {
    struct sp_bytes workspace;
    struct sp_bytes id;
    uint8_t id_text[SP_ENTITY_KEY_MAX_BYTES];
};

static enum sp_status read_entity_names(struct sp_bytes key, struct names *ret_names) {
    struct sp_entity_name name;
    enum sp_status status = sp_entity_key_read(key, &name);
    if (status != SP_OK)
        return status;
    size_t size = 0;
    for (size_t i = 0; i < name.part_count; i++) {
        if (i > 0)
            ret_names->id_text[size++] = '/';
        if (name.parts[i].size > 0)
            memcpy(ret_names->id_text + size, name.parts[i].data, name.parts[i].size);
        size += name.parts[i].size;
    }
    ret_names->workspace = sp_bytes_of_str(name.workspace);
    ret_names->id = name.kind == SP_KIND_WORKSPACE ? ret_names->workspace : (struct sp_bytes){ret_names->id_text, size};
    return SP_OK;
}

static size_t entity_size(const struct sp_entity_change *entity, const struct names *names) {
    const struct appearance *appearance = &appearances[entity->key.data[0]];
    size_t size = 2 + ENTITY_HASH_FIELD_BYTES; /* the kind, always below 128, and the hash */
    if (names->workspace.size > 0)
        size += bytes_field_size(names->workspace.size);
    if (names->id.size > 0)
        size += bytes_field_size(names->id.size);
    if (!entity->deleted)
        return size + bytes_field_size(entity->public_part.size);
    return size + 2 + (appearance->before_field != 0 ? bytes_field_size(entity->public_part.size) : 0);
}

static uint8_t *put_hash_field(uint8_t *at, const uint8_t *hash) {
    at = put_varint(at, ENTITY_HASH << 3 | WIRE_BYTES);
    *at++ = SP_DIGEST_BYTES;
    memcpy(at, hash, SP_DIGEST_BYTES);
    return at + SP_DIGEST_BYTES;
}

static uint8_t *put_entity_change(uint8_t *at, const struct sp_entity_change *entity, const struct names *names) {
    const struct appearance *appearance = &appearances[entity->key.data[0]];
    *at++ = ENTITY_KIND << 3 | WIRE_VARINT;
    *at++ = (uint8_t)appearance->kind;
    if (names->workspace.size > 0)
        at = put_bytes_field(at, ENTITY_WORKSPACE, names->workspace);
    if (names->id.size > 0)
        at = put_bytes_field(at, ENTITY_ID, names->id);
    if (!entity->deleted)
        return put_hash_field(put_bytes_field(at, appearance->after_field, entity->public_part), entity->hash);
    *at++ = ENTITY_DELETED << 3 | WIRE_VARINT;
    *at++ = 1;
    if (appearance->before_field != 0)
        at = put_bytes_field(at, appearance->before_field, entity->public_part);
    return put_hash_field(at, entity->hash);
}

/* ---- the entry ---- */

static bool is_entity_listed(const struct sp_entity_change *entity) {
    return appearances[entity->key.data[0]].after_field != 0;
}

/* SP_ERR_INVALID: a key is not an entity's. */
static enum sp_status measure_entities(const struct sp_entity_change *entities, size_t count, size_t *ret_size) {
    size_t size = 0;
    struct names names;
    for (size_t i = 0; i < count; i++) {
        if (read_entity_names(entities[i].key, &names) != SP_OK)
            return SP_ERR_INVALID;
        if (is_entity_listed(&entities[i]))
            size += bytes_field_size(entity_size(&entities[i], &names));
    }
    *ret_size = size;
    return SP_OK;
}

/* Keys that measure_entities read. */
static uint8_t *put_entities(uint8_t *at, const struct sp_entity_change *entities, size_t count) {
    struct names names;
    for (size_t i = 0; i < count; i++) {
        if (!is_entity_listed(&entities[i]) || read_entity_names(entities[i].key, &names) != SP_OK)
            continue;
        *at++ = CHANGE_ENTITIES << 3 | WIRE_BYTES;
        at = put_varint(at, entity_size(&entities[i], &names));
        at = put_entity_change(at, &entities[i], &names);
    }
    return at;
}

enum sp_status sp_change_pack(const Sallyport__V1__Change *head, const struct sp_entity_change *entities,
                              size_t entity_count, const uint8_t last_hash[static SP_CHANGE_HASH_BYTES],
                              struct sp_arena *arena, struct sp_bytes *ret_packed,
                              uint8_t ret_hash[static SP_CHANGE_HASH_BYTES]) {
    Sallyport__V1__Change bare = *head;
    bare.n_entities = 0;
    bare.entities = NULL;
    bare.hash = (ProtobufCBinaryData){0, NULL};
    size_t head_size = sallyport__v1__change__get_packed_size(&bare);
    size_t size;
    enum sp_status status = measure_entities(entities, entity_count, &size);
    if (status != SP_OK)
        return status;
    size += head_size;
    uint8_t *buffer = sp_arena_alloc(arena, SP_CHANGE_HASH_BYTES + size + SP_CHANGE_HASH_FIELD_BYTES);
    if (buffer == NULL)
        return SP_ERR_MEMORY;
    memcpy(buffer, last_hash, SP_CHANGE_HASH_BYTES);
    uint8_t *packed = buffer + SP_CHANGE_HASH_BYTES;
    sallyport__v1__change__pack(&bare, packed);
    uint8_t *end = put_entities(packed + head_size, entities, entity_count);
    sp_sha256(buffer, SP_CHANGE_HASH_BYTES + size, ret_hash);
    put_bytes_field(end, CHANGE_HASH, (struct sp_bytes){ret_hash, SP_CHANGE_HASH_BYTES});
    *ret_packed = (struct sp_bytes){packed, size + SP_CHANGE_HASH_FIELD_BYTES};
    return SP_OK;
}

enum sp_status sp_change_split(struct sp_bytes packed, struct sp_bytes *ret_hashed, const uint8_t **ret_hash) {
    if (packed.size < SP_CHANGE_HASH_FIELD_BYTES)
        return SP_ERR_CORRUPT;
    size_t hashed = packed.size - SP_CHANGE_HASH_FIELD_BYTES;
    const uint8_t *field = packed.data + hashed;
    if (field[0] != (CHANGE_HASH << 3 | WIRE_BYTES) || field[1] != SP_CHANGE_HASH_BYTES)
        return SP_ERR_CORRUPT;
    *ret_hashed = (struct sp_bytes){packed.data, hashed};
    *ret_hash = field + 2;
    return SP_OK;
}

enum sp_status sp_change_follow(struct sp_bytes packed, uint8_t hash[static SP_CHANGE_HASH_BYTES]) {
    struct sp_bytes hashed;
    const uint8_t *stored_hash;
    uint8_t own[SP_CHANGE_HASH_BYTES];
    enum sp_status status = sp_change_split(packed, &hashed, &stored_hash);
    if (status != SP_OK)
        return status;
    const struct sp_bytes parts[] = {{hash, SP_CHANGE_HASH_BYTES}, hashed};
    sp_sha256_parts(parts, 2, own);
    if (memcmp(own, stored_hash, sizeof(own)) != 0)
        return SP_ERR_CORRUPT;
    memcpy(hash, own, sizeof(own));
    return SP_OK;
}
