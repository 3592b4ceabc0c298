/* Changesets: gathered in an arena, applied in one go. Packing and deriving happen when an
 * entity is put, while its message is at hand; only what replaces or deletes something has to
 * unpack, namely the old entity. */
#include "store/records/changeset.h"

#include "core/digest.h"
#include "store/records/change_index.h"
#include "store/records/change_record.h"
#include "store/records/derive.h"
#include "store/records/entity_set.h"
#include "store/records/index_edit.h"
#include "wire/wire.h"

struct item {
    struct item *next;
    struct sp_bytes key;
    bool deletes;
    int64_t now_s;                   /* of a delete */
    struct sp_bytes packed;          /* of a put */
    struct sp_index_records records; /* of a put */
    uint8_t hash[SP_DIGEST_BYTES];   /* of the entity that is put, or was deleted; once applied */
};

struct sp_changeset {
    struct sp_arena *arena;
    Sallyport__V1__Change *head; /* NULL: out of memory */
    struct item *first;
    struct item **last_link;
    struct item **unapplied; /* the link to the first item that no flush has applied */
    size_t count;
    struct sp_multiset_hash difference; /* what the applied items add to the set of entities */
};

struct sp_changeset *sp_changeset_new(struct sp_arena *arena, const Sallyport__V1__Change *head) {
    struct sp_changeset *set = sp_arena_calloc(arena, 1, sizeof(*set));
    if (set == NULL)
        return NULL;
    set->arena = arena;
    set->last_link = &set->first;
    set->unapplied = &set->first;
    set->head = (Sallyport__V1__Change *)sp_wire_copy(&head->base, arena);
    return set->head != NULL ? set : NULL;
}

size_t sp_changeset_count(const struct sp_changeset *set) {
    return set->count;
}

bool sp_changeset_is_empty(const struct sp_changeset *set) {
    return set->first == NULL;
}

static struct item *add_item(struct sp_changeset *set, const struct sp_entity_key *key) {
    struct item *item = sp_arena_calloc(set->arena, 1, sizeof(*item));
    uint8_t *copy = sp_arena_alloc(set->arena, key->size);
    if (item == NULL || copy == NULL)
        return NULL;
    memcpy(copy, key->bytes, key->size);
    item->key = (struct sp_bytes){copy, key->size};
    return item;
}

static void link_item(struct sp_changeset *set, struct item *item) {
    *set->last_link = item;
    set->last_link = &item->next;
    set->count++;
}

static bool has_public_part(const struct item *item) {
    struct sp_bytes part;
    return item->key.data[0] == SP_KIND_TOMBSTONE || sp_stored_public_part(item->packed, &part) == SP_OK;
}

enum sp_status sp_changeset_put(struct sp_changeset *set, const struct sp_entity_key *key,
                                const ProtobufCMessage *message) {
    if (!sp_entity_key_is_valid(sp_entity_key_bytes(key)))
        return SP_ERR_INVALID;
    struct item *item = add_item(set, key);
    if (item == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_derive(item->key, message, set->arena, &item->records, NULL);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(message, set->arena, &item->packed);
    if (status != SP_OK)
        return status;
    if (!has_public_part(item))
        return SP_ERR_INVALID;
    link_item(set, item);
    return SP_OK;
}

enum sp_status sp_changeset_delete(struct sp_changeset *set, const struct sp_entity_key *key, int64_t now_s) {
    if (!sp_entity_key_is_valid(sp_entity_key_bytes(key)))
        return SP_ERR_INVALID;
    struct item *item = add_item(set, key);
    if (item == NULL)
        return SP_ERR_MEMORY;
    item->deletes = true;
    item->now_s = now_s;
    link_item(set, item);
    return SP_OK;
}

void sp_changeset_forget_unapplied(struct sp_changeset *set) {
    for (const struct item *item = *set->unapplied; item != NULL; item = item->next)
        set->count--;
    *set->unapplied = NULL;
    set->last_link = set->unapplied;
}

/* ---- applying ---- */

/* An old entity as it was stored: its records, and a copy of its public part. */
struct before {
    struct sp_index_records records;
    struct sp_bytes public_part;
    bool workspace_scoped; /* of a resource */
    /* What the tombstone remembers: a resource's owner, a key's lineage and digest. */
    uint64_t owner_number;
    const char *rotated_from;
    const char *created_by_key;
    ProtobufCBinaryData digest;
};

static void keep_for_tombstone(enum sp_kind kind, const ProtobufCMessage *message, struct before *before) {
    if (kind == SP_KIND_RESOURCE) {
        const Sallyport__Store__V1__StoredResource *stored = (const Sallyport__Store__V1__StoredResource *)message;
        before->workspace_scoped = stored->workspace_scoped;
        before->owner_number = stored->workspace_number;
    }
    if (kind == SP_KIND_KEY) {
        const Sallyport__Store__V1__StoredKey *stored = (const Sallyport__Store__V1__StoredKey *)message;
        before->rotated_from = stored->key->rotated_from;
        before->created_by_key = stored->key->created_by_key;
        before->digest = stored->digest;
    }
}

static enum sp_status unpack_item_before(struct sp_changeset *set, const struct item *item, struct sp_bytes packed,
                                         struct before *ret_before) {
    ProtobufCMessage *message;
    enum sp_kind kind = (enum sp_kind)item->key.data[0];
    enum sp_status status = sp_wire_unpack_trusted(sp_kind_descriptor(kind), packed, set->arena, &message);
    if (status != SP_OK)
        return status;
    status = sp_derive(item->key, message, set->arena, &ret_before->records, NULL);
    if (status != SP_OK || kind == SP_KIND_TOMBSTONE)
        return status;
    keep_for_tombstone(kind, message, ret_before);
    return sp_stored_public_part(packed, &ret_before->public_part);
}

static enum sp_status read_item_before(struct sp_changeset *set, const struct item *item, struct sp_bytes stored,
                                       struct before *ret_before, struct sp_error *error) {
    uint8_t *copy = sp_arena_alloc(set->arena, stored.size);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory while applying a change");
    memcpy(copy, stored.data, stored.size);
    struct before before = {.workspace_scoped = false};
    enum sp_status status = unpack_item_before(set, item, (struct sp_bytes){copy, stored.size}, &before);
    if (status == SP_ERR_MEMORY)
        return sp_error_set(error, status, "out of memory while applying a change");
    if (status != SP_OK)
        return sp_error_set(error, SP_ERR_CORRUPT, "a stored entity is damaged: run `sallyport-sync verify`");
    *ret_before = before;
    return SP_OK;
}

static enum sp_status insert_item_records(struct sp_index_edit *edit, const struct sp_index_records *records) {
    for (size_t i = 0; i < records->count; i++) {
        enum sp_status status = sp_index_edit_insert(edit, &records->items[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static void take_out_of_set(struct sp_index_edit *edit, struct sp_changeset *set, struct sp_bytes key,
                            struct sp_bytes stored) {
    uint8_t hash[SP_DIGEST_BYTES];
    sp_entity_hash(key, stored, hash);
    sp_multiset_hash_remove(&set->difference, edit->write->expander, hash);
}

static enum sp_status apply_put(struct sp_index_edit *edit, struct sp_changeset *set, struct item *item) {
    struct sp_bytes there;
    sp_entity_hash(item->key, item->packed, item->hash);
    sp_multiset_hash_add(&set->difference, edit->write->expander, item->hash);
    enum sp_status status = sp_write_put_new(edit->write, SP_DB_ENTITY, item->key, item->packed, &there);
    if (status == SP_OK)
        return insert_item_records(edit, &item->records);
    if (status != SP_ERR_EXISTS)
        return sp_write_failure(edit->write, edit->error);
    struct before before;
    take_out_of_set(edit, set, item->key, there);
    status = read_item_before(set, item, there, &before, edit->error);
    if (status != SP_OK)
        return status;
    status = sp_write_put(edit->write, SP_DB_ENTITY, item->key, item->packed, 0);
    if (status != SP_OK)
        return sp_write_failure(edit->write, edit->error);
    return sp_index_edit_replace(edit, &before.records, &item->records);
}

static bool leaves_tombstone(enum sp_kind kind) {
    return kind == SP_KIND_WORKSPACE || kind == SP_KIND_PRINCIPAL || kind == SP_KIND_GROUP || kind == SP_KIND_KEY ||
           kind == SP_KIND_RESOURCE;
}

static enum sp_status put_tombstone(struct sp_index_edit *edit, struct sp_changeset *set, const struct item *item,
                                    const struct before *before) {
    Sallyport__Store__V1__StoredTombstone tombstone = SALLYPORT__STORE__V1__STORED_TOMBSTONE__INIT;
    bool global = item->key.data[0] == SP_KIND_RESOURCE && !before->workspace_scoped;
    tombstone.deleted_at = item->now_s;
    tombstone.workspace_number = before->owner_number;
    tombstone.digest = before->digest;
    if (before->rotated_from != NULL)
        tombstone.rotated_from = (char *)(uintptr_t)before->rotated_from;
    if (before->created_by_key != NULL)
        tombstone.created_by_key = (char *)(uintptr_t)before->created_by_key;
    struct sp_entity_key key;
    struct sp_bytes packed;
    enum sp_status status = sp_entity_key_tombstone(item->key, global, &key);
    if (status == SP_OK)
        status = sp_wire_pack(&tombstone.base, set->arena, &packed);
    if (status != SP_OK)
        return sp_error_set(edit->error, status, "cannot make a tombstone");
    struct item bury = {.key = sp_entity_key_bytes(&key), .packed = packed};
    return apply_put(edit, set, &bury);
}

static enum sp_status apply_delete(struct sp_index_edit *edit, struct sp_changeset *set, struct item *item) {
    struct sp_bytes stored;
    enum sp_status status = sp_view_get(&edit->write->transaction.view, SP_DB_ENTITY, item->key, &stored);
    if (status != SP_OK)
        return sp_error_set(edit->error, status, "cannot read an entity that a change deletes");
    struct before before;
    status = read_item_before(set, item, stored, &before, edit->error);
    if (status != SP_OK)
        return status;
    sp_entity_hash(item->key, stored, item->hash);
    sp_multiset_hash_remove(&set->difference, edit->write->expander, item->hash);
    item->packed = before.public_part;
    status = sp_write_remove(edit->write, SP_DB_ENTITY, item->key, NULL);
    if (status != SP_OK)
        return sp_write_failure(edit->write, edit->error);
    struct sp_index_records none = {NULL, 0, 0};
    status = sp_index_edit_replace(edit, &before.records, &none);
    enum sp_kind kind = (enum sp_kind)item->key.data[0];
    if (status != SP_OK || !leaves_tombstone(kind))
        return status;
    return put_tombstone(edit, set, item, &before);
}

static enum sp_status apply_items(struct sp_write *write, struct sp_changeset *set, struct sp_error *error) {
    struct sp_index_edit edit = {.write = write, .arena = set->arena, .error = error};
    if (sp_write_expander(write) == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory while applying a change");
    for (struct item *item = *set->unapplied; item != NULL; item = item->next) {
        enum sp_status status = item->deletes ? apply_delete(&edit, set, item) : apply_put(&edit, set, item);
        if (status != SP_OK)
            return status;
    }
    set->unapplied = set->last_link;
    return sp_index_edit_flush(&edit);
}

enum sp_status sp_changeset_flush(struct sp_write *write, struct sp_changeset *set, struct sp_error *error) {
    write->unaccounted |= *set->unapplied != NULL;
    enum sp_status status = apply_items(write, set, error);
    if (status != SP_OK)
        write->refused = true;
    return status;
}

static enum sp_status list_changed_entities(struct sp_changeset *set, struct sp_entity_change **ret_entities) {
    struct sp_entity_change *entities = sp_arena_calloc(set->arena, set->count, sizeof(*entities));
    if (entities == NULL)
        return SP_ERR_MEMORY;
    size_t i = 0;
    for (struct item *item = set->first; item != NULL; item = item->next) {
        struct sp_entity_change *entity = &entities[i++];
        enum sp_status status = SP_OK;
        *entity = (struct sp_entity_change){.key = item->key, .deleted = item->deletes, .hash = item->hash};
        if (item->deletes)
            entity->public_part = item->packed;
        else if (item->key.data[0] != SP_KIND_TOMBSTONE)
            status = sp_stored_public_part(item->packed, &entity->public_part);
        if (status != SP_OK)
            return status;
    }
    *ret_entities = entities;
    return SP_OK;
}

static enum sp_status pack_change(struct sp_changeset *set, const struct sp_head *head, struct sp_bytes *ret_packed,
                                  uint8_t ret_hash[static SP_CHANGE_HASH_BYTES]) {
    struct sp_entity_change *entities;
    Sallyport__V1__Revision revision = SALLYPORT__V1__REVISION__INIT;
    enum sp_status status = list_changed_entities(set, &entities);
    if (status != SP_OK)
        return status;
    revision.epoch = head->revision.epoch;
    revision.number = head->revision.number;
    set->head->revision = &revision;
    status = sp_change_pack(set->head, entities, set->count, head->last_hash, set->arena, ret_packed, ret_hash);
    set->head->revision = NULL;
    return status;
}

static enum sp_status move_entity_set(struct sp_write *write, struct sp_changeset *set, struct sp_head *head) {
    struct sp_multiset_hash entities;
    enum sp_status status = sp_view_entity_set(&write->transaction.view, &entities);
    if (status != SP_OK)
        return status;
    sp_multiset_hash_join(&entities, &set->difference);
    set->difference = (struct sp_multiset_hash){.lanes = {0}};
    return sp_write_entity_set(write, &entities, head);
}

/* Writes the audit entry and moves the head on to it. */
static enum sp_status append_change(struct sp_write *write, struct sp_changeset *set, struct sp_head *head) {
    struct sp_bytes packed;
    uint8_t hash[SP_CHANGE_HASH_BYTES];
    head->revision.number++;
    enum sp_status status = pack_change(set, head, &packed, hash);
    if (status != SP_OK)
        return status;
    status =
        sp_write_put(write, SP_DB_CHANGE, sp_number_key(&head->revision.number), packed, MDB_NOOVERWRITE | MDB_APPEND);
    if (status == SP_ERR_EXISTS)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    status = sp_change_index_add(write, head->revision.number, packed, set->arena);
    if (status != SP_OK)
        return status;
    memcpy(head->last_hash, hash, sizeof(hash));
    status = move_entity_set(write, set, head);
    if (status != SP_OK)
        return status;
    return sp_write_head(write, head);
}

static enum sp_status apply_and_append(struct sp_write *write, struct sp_changeset *set, struct sp_head *head,
                                       struct sp_error *error) {
    enum sp_status status = apply_items(write, set, error);
    if (status != SP_OK)
        return status;
    status = append_change(write, set, head);
    if (status == SP_OK)
        return SP_OK;
    enum sp_status failure = sp_write_failure(write, error);
    if (failure != SP_OK)
        return failure;
    return sp_error_set(error, status, "cannot write the audit entry");
}

enum sp_status sp_changeset_apply(struct sp_write *write, struct sp_changeset *set, struct sp_revision *ret_revision,
                                  struct sp_error *error) {
    struct sp_head head;
    enum sp_status status = sp_view_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's head: restore a backup");
    if (!sp_changeset_is_empty(set)) {
        status = apply_and_append(write, set, &head, error);
        if (status != SP_OK) {
            write->refused = true;
            return status;
        }
        write->unaccounted = false;
    }
    *ret_revision = head.revision;
    return SP_OK;
}
