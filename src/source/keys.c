/* Where things are in etcd: the URL, and keys below the prefix (the table in docs/etcd.md). */
#include "source/internal.h"

static const char scheme[] = "etcd://";
static const char default_prefix[] = "/sallyport/v1/";
static const char letters[SP_REPLICA_SPACES] = {
    [SP_REPLICA_ENTITY] = 'e', [SP_REPLICA_CHANGE] = 'c', [SP_REPLICA_REQUEST] = 'r'};

enum { PART_BYTES = 4, NUMBER_BYTES = 8 };

enum sp_status sp_source_read_url(const char *url, struct sp_str *ret_endpoints, struct sp_str *ret_prefix,
                                  struct sp_error *error) {
    size_t skip = sizeof scheme - 1;
    if (strncmp(url, scheme, skip) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "\"%s\": say etcd://HOST:PORT,HOST:PORT/PREFIX/", url);
    const char *slash = strchr(url + skip, '/');
    struct sp_str prefix = sp_str_from(slash == NULL ? default_prefix : slash);
    size_t endpoints_size = slash == NULL ? strlen(url + skip) : (size_t)(slash - url) - skip;
    if (prefix.size < 2 || prefix.data[prefix.size - 1] != '/' || endpoints_size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "\"%s\": the prefix begins and ends with a slash", url);
    *ret_endpoints = (struct sp_str){url + skip, endpoints_size};
    *ret_prefix = prefix;
    return SP_OK;
}

/* ---- making ---- */

struct maker {
    uint8_t *at;
    struct sp_bytes key;
};

static struct maker begin(const struct sp_source *source, struct sp_str below, size_t more, struct sp_arena *arena) {
    size_t size = source->prefix.size + below.size + more;
    uint8_t *key = sp_arena_alloc(arena, size + 1);
    if (key == NULL)
        return (struct maker){NULL, {NULL, 0}};
    memcpy(key, source->prefix.data, source->prefix.size);
    memcpy(key + source->prefix.size, below.data, below.size);
    return (struct maker){key + size - more, {key, size}};
}

struct sp_bytes sp_source_key_head(const struct sp_source *source, struct sp_arena *arena) {
    return begin(source, SP_STR_LITERAL("d/head"), 0, arena).key;
}

struct sp_bytes sp_source_key_data(const struct sp_source *source, struct sp_arena *arena) {
    return begin(source, SP_STR_LITERAL("d/"), 0, arena).key;
}

struct sp_bytes sp_source_key_space(const struct sp_source *source, enum sp_replica_space space,
                                    struct sp_arena *arena) {
    const char below[] = {'d', '/', letters[space], '/'};
    return begin(source, (struct sp_str){below, sizeof below}, 0, arena).key;
}

struct sp_bytes sp_source_key_record(const struct sp_source *source, enum sp_replica_space space, struct sp_bytes name,
                                     uint32_t part, struct sp_arena *arena) {
    const char below[] = {'d', '/', letters[space], '/'};
    bool parted = space == SP_REPLICA_CHANGE;
    struct maker maker =
        begin(source, (struct sp_str){below, sizeof below}, name.size + (parted ? PART_BYTES : 0), arena);
    if (maker.at == NULL)
        return maker.key;
    if (name.size > 0)
        memcpy(maker.at, name.data, name.size);
    if (parted)
        sp_store_be32(maker.at + name.size, part);
    return maker.key;
}

struct sp_bytes sp_source_key_staged(const struct sp_source *source, struct sp_bytes id, const uint32_t *part,
                                     struct sp_arena *arena) {
    struct maker maker = begin(source, SP_STR_LITERAL("s/"), id.size + (part != NULL ? PART_BYTES : 0), arena);
    if (maker.at == NULL)
        return maker.key;
    if (id.size > 0)
        memcpy(maker.at, id.data, id.size);
    if (part != NULL)
        sp_store_be32(maker.at + id.size, *part);
    return maker.key;
}

/* ---- reading ---- */

static bool cut(struct sp_bytes *key, struct sp_str prefix) {
    if (key->size < prefix.size || memcmp(key->data, prefix.data, prefix.size) != 0)
        return false;
    *key = (struct sp_bytes){key->data + prefix.size, key->size - prefix.size};
    return true;
}

static struct sp_source_key read_record(struct sp_bytes rest) {
    struct sp_source_key other = {.place = SP_SOURCE_OTHER};
    if (rest.size < 2 || rest.data[1] != '/')
        return other;
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        if (letters[space] != (char)rest.data[0])
            continue;
        struct sp_source_key key = {
            .place = SP_SOURCE_RECORD, .space = (enum sp_replica_space)space, .name = {rest.data + 2, rest.size - 2}};
        if (space != SP_REPLICA_CHANGE)
            return key;
        if (key.name.size != NUMBER_BYTES + PART_BYTES)
            return other;
        key.name.size = NUMBER_BYTES;
        key.part = sp_load_be32(key.name.data + NUMBER_BYTES);
        return key;
    }
    return other;
}

struct sp_source_key sp_source_key_read(const struct sp_source *source, struct sp_bytes key) {
    struct sp_source_key other = {.place = SP_SOURCE_OTHER};
    if (!cut(&key, source->prefix) || !cut(&key, SP_STR_LITERAL("d/")))
        return other;
    if (key.size == 4 && memcmp(key.data, "head", 4) == 0)
        return (struct sp_source_key){.place = SP_SOURCE_HEAD};
    return read_record(key);
}

void sp_source_show_key(struct sp_bytes key, char ret_text[static SP_SOURCE_KEY_TEXT_BYTES]) {
    size_t size = key.size < SP_SOURCE_KEY_TEXT_BYTES - 1 ? key.size : SP_SOURCE_KEY_TEXT_BYTES - 1;
    for (size_t i = 0; i < size; i++) {
        bool printable = key.data[i] > ' ' && key.data[i] < 0x7f;
        ret_text[i] = '.';
        if (printable)
            memcpy(&ret_text[i], &key.data[i], 1);
    }
    ret_text[size] = '\0';
}
