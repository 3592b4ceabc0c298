#include "store/recovery/later_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "core/digest.h"
#include "store/records/change.h"
#include "store/records/change_key.h"
#include "store/records/change_record.h"
#include "store/records/snapshot.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/wire.h"

enum {
    FIRST_BLOCK_BYTES = 64 * 1024,
    CHANGE_BUDGET_BYTES = 256 << 20, /* of one entry while it is read */
};
#define LOG_BUDGET_BYTES ((size_t)16 << 30)

enum sp_status sp_later_log_init(struct sp_later_log *log, const struct sp_head *backup) {
    *log = (struct sp_later_log){.base = backup->revision, .last = backup->revision};
    log->newest_epoch = backup->revision.epoch;
    memcpy(log->hash, backup->last_hash, sizeof(log->hash));
    return sp_arena_init(&log->arena, FIRST_BLOCK_BYTES, LOG_BUDGET_BYTES);
}

void sp_later_log_fini(struct sp_later_log *log) {
    free(log->entities);
    sp_arena_fini(&log->arena);
}

/* ---- gathering ---- */

static enum sp_status reserve_entity(struct sp_later_log *log) {
    struct sp_later_entity *entities = sp_array_reserve(log->entities, log->count, &log->capacity, sizeof(*entities));
    if (entities == NULL)
        return SP_ERR_MEMORY;
    log->entities = entities;
    return SP_OK;
}

static enum sp_status add_entity(struct sp_later_log *log, const Sallyport__V1__EntityChange *change) {
    struct sp_entity_key key;
    enum sp_status status = sp_entity_key_of_change(change, &key);
    if (status != SP_OK)
        return status;
    status = reserve_entity(log);
    if (status != SP_OK)
        return status;
    struct sp_later_entity *entity = &log->entities[log->count];
    uint8_t *copy = sp_arena_alloc(&log->arena, key.size);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.bytes, key.size);
    *entity = (struct sp_later_entity){.key = {copy, key.size}, .order = log->count};
    status = sp_wire_pack(&change->base, &log->arena, &entity->change);
    if (status != SP_OK)
        return status;
    log->count++;
    return SP_OK;
}

/* The hash that the entry must have after the one before: over the bytes that the store keeps,
 * which are what protobuf-c packs. */
static enum sp_status hash_change(const Sallyport__V1__Change *change,
                                  const uint8_t before[static SP_CHANGE_HASH_BYTES],
                                  uint8_t ret_hash[static SP_CHANGE_HASH_BYTES]) {
    Sallyport__V1__Change bare = *change;
    bare.hash = (ProtobufCBinaryData){0, NULL};
    size_t size = sallyport__v1__change__get_packed_size(&bare);
    uint8_t *bytes = malloc(SP_CHANGE_HASH_BYTES + size);
    if (bytes == NULL)
        return SP_ERR_MEMORY;
    memcpy(bytes, before, SP_CHANGE_HASH_BYTES);
    sallyport__v1__change__pack(&bare, bytes + SP_CHANGE_HASH_BYTES);
    sp_sha256(bytes, SP_CHANGE_HASH_BYTES + size, ret_hash);
    free(bytes);
    return SP_OK;
}

static bool has_hash(const Sallyport__V1__Change *change, const uint8_t hash[static SP_CHANGE_HASH_BYTES]) {
    return sp_bytes_equal(sp_wire_bytes(change->hash), (struct sp_bytes){hash, SP_CHANGE_HASH_BYTES});
}

static enum sp_status refuse_chain(uint64_t number, struct sp_error *error) {
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "the change log does not continue the backup at revision %" PRIu64
                        ": its hash does not follow, so it belongs to another store or was altered",
                        number);
}

static enum sp_status refuse_gap(const struct sp_later_log *log, uint64_t number, struct sp_error *error) {
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "the change log lacks revisions %" PRIu64 " to %" PRIu64
                        ": it must hold every change after the backup's revision %" PRIu64 ", of all workspaces",
                        log->last.number + 1, number - 1, log->base.number);
}

static enum sp_status refuse_entry(uint64_t number, enum sp_status status, struct sp_error *error) {
    return sp_error_set(error, status, "cannot use the change log's entry of revision %" PRIu64 ": %s", number,
                        status == SP_ERR_MEMORY ? "out of memory" : "an entity in it is incomplete");
}

/* Takes the next entry; those up to the backup's are passed over. */
static enum sp_status add_change(struct sp_later_log *log, const Sallyport__V1__Change *change,
                                 struct sp_error *error) {
    uint8_t hash[SP_CHANGE_HASH_BYTES];
    if (change->revision == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "an entry of the change log has no revision");
    uint64_t number = change->revision->number;
    if (number < log->base.number)
        return SP_OK;
    if (number == log->base.number && log->last.number == number)
        return has_hash(change, log->hash) ? SP_OK : refuse_chain(number, error);
    if (number > log->last.number + 1)
        return refuse_gap(log, number, error);
    enum sp_status status = hash_change(change, log->hash, hash);
    if (status != SP_OK)
        return refuse_entry(number, status, error);
    if (number <= log->last.number || !has_hash(change, hash))
        return refuse_chain(number, error);
    for (size_t i = 0; i < change->n_entities; i++) {
        status = add_entity(log, change->entities[i]);
        if (status != SP_OK)
            return refuse_entry(number, status, error);
    }
    log->last = (struct sp_revision){change->revision->epoch, number};
    if (log->last.epoch > log->newest_epoch)
        log->newest_epoch = log->last.epoch;
    memcpy(log->hash, hash, sizeof(hash));
    return SP_OK;
}

/* ---- from a file ---- */

static enum sp_status add_json_line(struct sp_later_log *log, struct sp_str line, struct sp_arena *arena,
                                    struct sp_error *error) {
    json_t *json = NULL;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_json_parse_line(line, &json, error);
    if (status != SP_OK)
        return status;
    status = sp_json_to_message(&sallyport__v1__change__descriptor, json, arena, &message, error);
    if (status == SP_OK)
        status = add_change(log, (const Sallyport__V1__Change *)(const void *)message, error);
    json_decref(json);
    return status;
}

static bool is_empty_line(struct sp_str line) {
    return line.size == 0 || (line.size == 1 && line.data[0] == '\r');
}

static enum sp_status add_json_lines(struct sp_later_log *log, FILE *file, const char *path, struct sp_error *error) {
    char *line = NULL;
    size_t capacity = 0, number = 0;
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, FIRST_BLOCK_BYTES, CHANGE_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    for (ssize_t size; (size = getline(&line, &capacity, file)) >= 0;) {
        struct sp_error why = {0};
        struct sp_str text = {line, (size_t)size - (size > 0 && line[size - 1] == '\n')};
        number++;
        sp_arena_reset(&arena);
        if (is_empty_line(text))
            continue;
        status = add_json_line(log, text, &arena, &why);
        if (status != SP_OK) {
            sp_error_set(error, status, "%s line %zu: %s", path, number, why.message);
            goto out;
        }
    }
    if (ferror(file))
        status = sp_error_set(error, SP_ERR_IO, "cannot read %s", path);
out:
    free(line);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_later_log_read_file(struct sp_later_log *log, const char *path, struct sp_error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    enum sp_status status = add_json_lines(log, file, path, error);
    (void)fclose(file);
    if (status != SP_OK)
        return status;
    if (log->last.number == log->base.number)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "%s has no entry after the backup's revision %" PRIu64
                            ", so what was revoked since is unknown",
                            path, log->base.number);
    return SP_OK;
}

/* ---- from a store ---- */

struct visitor {
    struct sp_later_log *log;
    struct sp_error *error;
};

static enum sp_status add_walked_change(void *context, const Sallyport__V1__Change *change) {
    struct visitor *visitor = context;
    return add_change(visitor->log, change, visitor->error);
}

/* The store's head must be where its log ends, or the backup's. */
static enum sp_status check_head_reached(const struct sp_later_log *log, struct sp_view *view, const char *path,
                                         struct sp_error *error) {
    struct sp_head head;
    enum sp_status status = sp_view_head(view, &head);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the head of the store in %s", path);
    if (head.revision.number < log->base.number)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "the store in %s is at revision %" PRIu64 ", before the backup's %" PRIu64, path,
                            head.revision.number, log->base.number);
    if (memcmp(head.last_hash, log->hash, sizeof(log->hash)) != 0)
        return refuse_chain(head.revision.number, error);
    return SP_OK;
}

static enum sp_status read_store_changes(struct sp_later_log *log, struct sp_view *view, const char *path,
                                         struct sp_error *error) {
    struct sp_arena arena;
    struct visitor visitor = {.log = log, .error = error};
    enum sp_status status = sp_arena_init(&arena, FIRST_BLOCK_BYTES, CHANGE_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    if (error != NULL)
        error->message[0] = '\0';
    status = sp_change_walk(view, log->base.number + 1, &arena, add_walked_change, &visitor);
    sp_arena_fini(&arena);
    if (status == SP_ERR_OUT_OF_RANGE)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "the store in %s no longer keeps the changes from revision %" PRIu64
                            " on: they were trimmed",
                            path, log->base.number + 1);
    if (status != SP_OK)
        return error == NULL || error->message[0] != '\0'
                   ? status
                   : sp_error_set(error, status, "cannot read the change log of the store in %s", path);
    return check_head_reached(log, view, path, error);
}

enum sp_status sp_later_log_read_store(struct sp_later_log *log, const char *path, struct sp_error *error) {
    struct sp_store *store = NULL;
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_store_open(path, &(struct sp_store_options){.mode = SP_STORE_READ}, &store, error);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK) {
        sp_error_set(error, status, "cannot read the store in %s", path);
        goto out;
    }
    status = read_store_changes(log, sp_snapshot_view(snapshot), path, error);
out:
    sp_snapshot_end(snapshot);
    sp_store_close(store);
    return status;
}

/* ---- settling ---- */

static int compare_later_entities(const void *left, const void *right) {
    const struct sp_later_entity *a = left, *b = right;
    int order = sp_bytes_compare(a->key, b->key);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

void sp_later_log_settle(struct sp_later_log *log) {
    size_t kept = 0;
    if (log->count > 0)
        qsort(log->entities, log->count, sizeof(*log->entities), compare_later_entities);
    for (size_t i = 0; i < log->count; i++)
        if (i + 1 == log->count || !sp_bytes_equal(log->entities[i].key, log->entities[i + 1].key))
            log->entities[kept++] = log->entities[i];
    log->count = kept;
}
