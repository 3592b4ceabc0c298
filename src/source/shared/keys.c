#include "source/shared/keys.h"

#include "store/records/journal.h"

static const char letters[SP_REPLICA_SPACES] = {
    [SP_REPLICA_ENTITY] = 'e', [SP_REPLICA_CHANGE] = 'c', [SP_REPLICA_REQUEST] = 'r'};

enum { PART_BYTES = 4, NUMBER_BYTES = 8 };

/* ---- making ---- */

/* A key with `tail_size` bytes left to fill at its end, at *ret_tail. */
static struct sp_bytes make_key(struct sp_str prefix, struct sp_str below, size_t tail_size, struct sp_arena *arena,
                                uint8_t **ret_tail) {
    size_t head_size = prefix.size + below.size;
    uint8_t *key = sp_arena_alloc(arena, head_size + tail_size + 1);
    if (key == NULL)
        return (struct sp_bytes){NULL, 0};
    memcpy(key, prefix.data, prefix.size);
    if (below.size > 0)
        memcpy(key + prefix.size, below.data, below.size);
    *ret_tail = key + head_size;
    return (struct sp_bytes){key, head_size + tail_size};
}

static struct sp_bytes make_named_key(struct sp_str prefix, struct sp_str below, struct sp_bytes name,
                                      const uint32_t *part, struct sp_arena *arena) {
    uint8_t *tail = NULL;
    struct sp_bytes key = make_key(prefix, below, name.size + (part != NULL ? PART_BYTES : 0), arena, &tail);
    if (key.data == NULL)
        return key;
    if (name.size > 0)
        memcpy(tail, name.data, name.size);
    if (part != NULL)
        sp_store_be32(tail + name.size, *part);
    return key;
}

static const struct sp_bytes no_name = {NULL, 0};

struct sp_bytes sp_source_head_key(struct sp_str prefix, struct sp_arena *arena) {
    return make_named_key(prefix, SP_STR_LITERAL("d/head"), no_name, NULL, arena);
}

struct sp_bytes sp_source_data_key(struct sp_str prefix, struct sp_arena *arena) {
    return make_named_key(prefix, SP_STR_LITERAL("d/"), no_name, NULL, arena);
}

struct sp_bytes sp_source_space_key(struct sp_str prefix, enum sp_replica_space space, struct sp_arena *arena) {
    const char below[] = {'d', '/', letters[space], '/'};
    return make_named_key(prefix, (struct sp_str){below, sizeof(below)}, no_name, NULL, arena);
}

struct sp_bytes sp_source_record_key(struct sp_str prefix, enum sp_replica_space space, struct sp_bytes name,
                                     uint32_t part, struct sp_arena *arena) {
    const char below[] = {'d', '/', letters[space], '/'};
    return make_named_key(prefix, (struct sp_str){below, sizeof(below)}, name,
                          space == SP_REPLICA_CHANGE ? &part : NULL, arena);
}

struct sp_bytes sp_source_all_staged_key(struct sp_str prefix, struct sp_arena *arena) {
    return make_named_key(prefix, SP_STR_LITERAL("s/"), no_name, NULL, arena);
}

struct sp_bytes sp_source_staged_key(struct sp_str prefix, struct sp_bytes id, struct sp_arena *arena) {
    return make_named_key(prefix, SP_STR_LITERAL("s/"), id, NULL, arena);
}

struct sp_bytes sp_source_staged_part_key(struct sp_str prefix, struct sp_bytes id, uint32_t part,
                                          struct sp_arena *arena) {
    return make_named_key(prefix, SP_STR_LITERAL("s/"), id, &part, arena);
}

struct sp_bytes sp_source_full_key(struct sp_str prefix, struct sp_bytes below, struct sp_arena *arena) {
    return make_named_key(prefix, (struct sp_str){NULL, 0}, below, NULL, arena);
}

/* ---- reading ---- */

static bool cut_prefix(struct sp_bytes *key, struct sp_str prefix) {
    if (!sp_bytes_begin_with(*key, sp_bytes_of_str(prefix)))
        return false;
    *key = (struct sp_bytes){key->data + prefix.size, key->size - prefix.size};
    return true;
}

static bool find_space_of_letter(char letter, enum sp_replica_space *ret_space) {
    for (int space = 0; space < SP_REPLICA_SPACES; space++)
        if (letters[space] == letter) {
            *ret_space = (enum sp_replica_space)space;
            return true;
        }
    return false;
}

static struct sp_source_key read_record_key(struct sp_bytes rest) {
    const struct sp_source_key other = {.kind = SP_SOURCE_OTHER_KEY};
    struct sp_source_key key = {.kind = SP_SOURCE_RECORD_KEY};
    if (rest.size < 2 || rest.data[1] != '/' || !find_space_of_letter((char)rest.data[0], &key.space))
        return other;
    key.name = (struct sp_bytes){rest.data + 2, rest.size - 2};
    if (key.space != SP_REPLICA_CHANGE)
        return key;
    if (key.name.size != NUMBER_BYTES + PART_BYTES)
        return other;
    key.name.size = NUMBER_BYTES;
    key.part = sp_load_be32(key.name.data + NUMBER_BYTES);
    return key;
}

struct sp_source_key sp_source_read_key(struct sp_str prefix, struct sp_bytes key) {
    if (!cut_prefix(&key, prefix) || !cut_prefix(&key, SP_STR_LITERAL("d/")))
        return (struct sp_source_key){.kind = SP_SOURCE_OTHER_KEY};
    if (sp_bytes_equal(key, sp_bytes_of_str(SP_STR_LITERAL("head"))))
        return (struct sp_source_key){.kind = SP_SOURCE_HEAD_KEY};
    return read_record_key(key);
}

void sp_source_show_key(struct sp_bytes key, char ret_text[static SP_SOURCE_KEY_TEXT_BYTES]) {
    size_t size = key.size < SP_SOURCE_KEY_TEXT_BYTES - 1 ? key.size : SP_SOURCE_KEY_TEXT_BYTES - 1;
    for (size_t i = 0; i < size; i++) {
        bool printable = key.data[i] > ' ' && key.data[i] < 0x7f;
        ret_text[i] = (char)(printable ? key.data[i] : '.');
    }
    ret_text[size] = '\0';
}
