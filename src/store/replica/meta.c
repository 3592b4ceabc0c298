/* What a store that follows a source keeps in meta: "source", "cursor", "source_head", "unreadable". */
#include "store/replica/meta.h"

#include "store/lmdb/view.h"
#include "store/records/change_record.h"
#include "store/records/entity.h"
#include "wire/wire.h"

enum {
    CURSOR_BYTES = 32,
    ANCHOR_BYTES = 8 + SP_CHANGE_HASH_BYTES,
    NEXT_BYTES = 16,
    HEAD_FIRST_BYTES = 1024,
    HEAD_BUDGET_BYTES = 64 * 1024
};

static const char embedded[] = "embedded";

/* ---- the source ---- */

enum sp_status sp_view_source(struct sp_view *view, struct sp_str *ret_source) {
    struct sp_bytes value;
    enum sp_status status = sp_view_meta(view, "source", &value);
    if (status == SP_OK)
        *ret_source = (struct sp_str){(const char *)value.data, value.size};
    return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
}

static enum sp_status forget(struct sp_write *write, const char *name) {
    struct sp_str text = sp_str_from(name);
    enum sp_status status =
        sp_write_remove(write, SP_DB_META, (struct sp_bytes){(const uint8_t *)text.data, text.size}, NULL);
    return status == SP_ERR_NOT_FOUND ? SP_OK : status;
}

enum sp_status sp_replica_set_source(struct sp_write *write, struct sp_str source) {
    enum sp_status status =
        sp_write_meta(write, "source", (struct sp_bytes){(const uint8_t *)source.data, source.size});
    if (status != SP_OK || !sp_str_equal(source, sp_str_from(embedded)))
        return status;
    status = forget(write, "cursor");
    if (status == SP_OK)
        status = forget(write, "source_head");
    return status == SP_OK ? forget(write, "unreadable") : status;
}

bool sp_view_must_not_change(struct sp_view *view) {
    struct sp_str source;
    struct sp_revision revision;
    if (sp_view_source(view, &source) != SP_OK || sp_view_revision(view, &revision) != SP_OK)
        return true;
    return revision.number > 0 && !sp_str_equal(source, sp_str_from(embedded));
}

/* ---- the cursor and the head there ---- */

enum sp_status sp_view_replica(struct sp_view *view, struct sp_arena *arena, struct sp_replica_cursor *ret_cursor,
                               Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_bytes cursor;
    struct sp_bytes head;
    ProtobufCMessage *message;
    enum sp_status status = sp_view_meta(view, "cursor", &cursor);
    if (status == SP_OK)
        status = sp_view_meta(view, "source_head", &head);
    if (status != SP_OK)
        return status;
    if (cursor.size != CURSOR_BYTES)
        return SP_ERR_CORRUPT;
    status = sp_wire_unpack_trusted(&sallyport__store__v1__source_head__descriptor, head, arena, &message);
    if (status != SP_OK)
        return status;
    *ret_cursor = (struct sp_replica_cursor){sp_load_be64(cursor.data), sp_load_be64(cursor.data + 8),
                                             sp_load_be64(cursor.data + 16), sp_load_be64(cursor.data + 24)};
    *ret_head = (Sallyport__Store__V1__SourceHead *)message;
    return SP_OK;
}

static enum sp_status write_source_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    struct sp_arena arena;
    struct sp_bytes packed;
    enum sp_status status = sp_arena_init(&arena, HEAD_FIRST_BYTES, HEAD_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(&head->base, &arena, &packed);
    if (status == SP_OK)
        status = sp_write_meta(write, "source_head", packed);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_replica_move(struct sp_write *write, const struct sp_replica_cursor *cursor,
                               const Sallyport__Store__V1__SourceHead *head) {
    uint8_t value[CURSOR_BYTES];
    sp_store_be64(value, cursor->cluster_id);
    sp_store_be64(value + 8, cursor->revision);
    sp_store_be64(value + 16, cursor->head_revision);
    sp_store_be64(value + 24, cursor->resume > cursor->revision ? cursor->resume : cursor->revision);
    enum sp_status status = write_source_head(write, head);
    if (status == SP_OK)
        status = sp_write_meta(write, "cursor", (struct sp_bytes){value, sizeof value});
    write->moved = status == SP_OK;
    return status;
}

/* ---- making a head ---- */

static bool copy_into(struct sp_arena *arena, struct sp_bytes bytes, ProtobufCBinaryData *field) {
    uint8_t *copy = sp_arena_alloc(arena, bytes.size + 1);
    if (copy == NULL)
        return false;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    *field = (ProtobufCBinaryData){bytes.size, copy};
    return true;
}

static enum sp_status read_optional(struct sp_view *view, const char *name, struct sp_bytes *ret_value) {
    enum sp_status status = sp_view_meta(view, name, ret_value);
    if (status == SP_ERR_NOT_FOUND) {
        *ret_value = (struct sp_bytes){NULL, 0};
        return SP_OK;
    }
    return status;
}

static enum sp_status fill_from_meta(struct sp_view *view, struct sp_arena *arena,
                                     Sallyport__Store__V1__SourceHead *head) {
    struct sp_bytes next;
    struct sp_bytes prefixes;
    struct sp_bytes foreign;
    struct sp_bytes created;
    struct sp_bytes anchor;
    enum sp_status status = sp_view_meta(view, "next", &next);
    if (status == SP_OK)
        status = sp_view_meta(view, "prefixes", &prefixes);
    if (status == SP_OK)
        status = read_optional(view, "foreign", &foreign);
    if (status == SP_OK)
        status = read_optional(view, "created", &created);
    if (status == SP_OK)
        status = read_optional(view, "anchor", &anchor);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    if (next.size != NEXT_BYTES || (anchor.size != 0 && anchor.size != ANCHOR_BYTES))
        return SP_ERR_CORRUPT;
    head->next_subject = sp_load_be64(next.data);
    head->next_workspace = sp_load_be64(next.data + 8);
    head->accept_foreign = foreign.size > 0;
    head->created_at = created.size == 8 ? (int64_t)sp_load_be64(created.data) : 0;
    if (!copy_into(arena, prefixes, &head->prefixes))
        return SP_ERR_MEMORY;
    /* Another store may have trimmed further. */
    if (anchor.size == 0 || sp_load_be64(anchor.data) <= head->anchor_number)
        return SP_OK;
    head->anchor_number = sp_load_be64(anchor.data);
    struct sp_bytes hash = {anchor.data + 8, SP_CHANGE_HASH_BYTES};
    return copy_into(arena, hash, &head->anchor_hash) ? SP_OK : SP_ERR_MEMORY;
}

enum sp_status sp_replica_make_head(struct sp_write *write, struct sp_arena *arena,
                                    Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_view *view = &write->view;
    struct sp_replica_cursor cursor;
    struct sp_head own;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_view_replica(view, arena, &cursor, &head);
    if (status == SP_ERR_NOT_FOUND) {
        head = sp_arena_alloc(arena, sizeof *head);
        status = head == NULL ? SP_ERR_MEMORY : SP_OK;
        if (head != NULL)
            sallyport__store__v1__source_head__init(head);
    }
    if (status == SP_OK)
        status = sp_view_head(view, &own);
    if (status != SP_OK)
        return status;
    head->format = SP_STORE_FORMAT;
    head->epoch = own.revision.epoch;
    head->number = own.revision.number;
    struct sp_bytes hash = {own.last_hash, sizeof own.last_hash};
    if (!copy_into(arena, hash, &head->hash))
        return SP_ERR_MEMORY;
    status = fill_from_meta(view, arena, head);
    if (status == SP_OK)
        *ret_head = head;
    return status;
}

/* ---- taking a head over ---- */

/* Puts a meta record unless it is as it should be: most heads change the head alone. */
static enum sp_status settle(struct sp_write *write, const char *name, struct sp_bytes value) {
    struct sp_bytes there;
    enum sp_status status = sp_view_meta(&write->view, name, &there);
    if (status == SP_OK && there.size == value.size && memcmp(there.data, value.data, value.size) == 0)
        return SP_OK;
    return status == SP_OK || status == SP_ERR_NOT_FOUND ? sp_write_meta(write, name, value) : status;
}

static enum sp_status settle_anchor(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    uint8_t anchor[ANCHOR_BYTES];
    if (head->anchor_number == 0)
        return forget(write, "anchor");
    sp_store_be64(anchor, head->anchor_number);
    memcpy(anchor + 8, head->anchor_hash.data, SP_CHANGE_HASH_BYTES);
    return settle(write, "anchor", (struct sp_bytes){anchor, sizeof anchor});
}

static enum sp_status settle_meta(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head, bool chained) {
    uint8_t next[NEXT_BYTES];
    uint8_t created[8];
    sp_store_be64(next, head->next_subject);
    sp_store_be64(next + 8, head->next_workspace);
    sp_store_be64(created, (uint64_t)head->created_at);
    enum sp_status status = settle(write, "next", (struct sp_bytes){next, sizeof next});
    if (status == SP_OK)
        status = settle(write, "created", (struct sp_bytes){created, sizeof created});
    if (status == SP_OK)
        status = settle(write, "prefixes", (struct sp_bytes){head->prefixes.data, head->prefixes.len});
    if (status == SP_OK)
        status = head->accept_foreign ? settle(write, "foreign", (struct sp_bytes){(const uint8_t *)"\1", 1})
                                      : forget(write, "foreign");
    return status == SP_OK && !chained ? settle_anchor(write, head) : status;
}

static bool is_whole(const Sallyport__Store__V1__SourceHead *head) {
    return head->hash.len == SP_CHANGE_HASH_BYTES && head->prefixes.len > 0 && head->number > 0 &&
           (head->anchor_number == 0 || head->anchor_hash.len == SP_CHANGE_HASH_BYTES);
}

enum sp_status sp_replica_take_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                    const struct sp_replica_cursor *cursor, bool chained, struct sp_error *error) {
    struct sp_head own;
    if (!is_whole(head))
        return sp_error_set(error, SP_ERR_INVALID, "the source's head is damaged");
    if (head->format != SP_STORE_FORMAT)
        return sp_error_set(error, SP_ERR_PRECONDITION, "the source has format %u, this release needs %d", head->format,
                            SP_STORE_FORMAT);
    enum sp_status status = sp_view_head(&write->view, &own);
    if (status == SP_OK && chained &&
        (own.revision.number != head->number || memcmp(own.last_hash, head->hash.data, SP_CHANGE_HASH_BYTES) != 0))
        return sp_error_set(error, SP_ERR_ABORTED, "the source's head does not tell where its changes lead");
    if (status == SP_OK) {
        own.revision = (struct sp_revision){head->epoch, head->number};
        memcpy(own.last_hash, head->hash.data, SP_CHANGE_HASH_BYTES);
        status = sp_write_head(write, &own);
    }
    if (status == SP_OK)
        status = settle_meta(write, head, chained);
    if (status == SP_OK)
        status = sp_replica_move(write, cursor, head);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "the source's head cannot be kept");
}

/* ---- entities that are left out ---- */

/* Finds a key in the list: where its entry begins, and its size. False: it is not there. */
static bool find_entry(struct sp_bytes list, struct sp_bytes key, size_t *ret_at) {
    size_t at = 0;
    while (list.size - at >= 2) {
        size_t size = sp_load_be16(list.data + at);
        if (size > list.size - at - 2)
            return false;
        if (size == key.size && memcmp(list.data + at + 2, key.data, size) == 0) {
            *ret_at = at;
            return true;
        }
        at += 2 + size;
    }
    return false;
}

static struct sp_bytes cut_key(struct sp_bytes key) {
    return (struct sp_bytes){key.data, key.size > SP_ENTITY_KEY_MAX_BYTES ? SP_ENTITY_KEY_MAX_BYTES : key.size};
}

enum sp_status sp_replica_mark_unreadable(struct sp_write *write, struct sp_bytes key, struct sp_arena *arena,
                                          bool *ret_new) {
    struct sp_bytes list;
    size_t at;
    key = cut_key(key);
    enum sp_status status = read_optional(&write->view, "unreadable", &list);
    if (status != SP_OK)
        return status;
    *ret_new = !find_entry(list, key, &at);
    if (!*ret_new)
        return SP_OK;
    uint8_t *longer = sp_arena_alloc(arena, list.size + 2 + key.size);
    if (longer == NULL)
        return SP_ERR_MEMORY;
    if (list.size > 0)
        memcpy(longer, list.data, list.size);
    sp_store_be16(longer + list.size, (uint16_t)key.size);
    if (key.size > 0)
        memcpy(longer + list.size + 2, key.data, key.size);
    return sp_write_meta(write, "unreadable", (struct sp_bytes){longer, list.size + 2 + key.size});
}

enum sp_status sp_replica_mark_readable(struct sp_write *write, struct sp_bytes key, struct sp_arena *arena) {
    struct sp_bytes list;
    size_t at;
    key = cut_key(key);
    enum sp_status status = read_optional(&write->view, "unreadable", &list);
    if (status != SP_OK || list.size == 0 || !find_entry(list, key, &at))
        return status;
    size_t gone = 2 + key.size;
    uint8_t *shorter = sp_arena_alloc(arena, list.size);
    if (shorter == NULL)
        return SP_ERR_MEMORY;
    memcpy(shorter, list.data, at);
    memcpy(shorter + at, list.data + at + gone, list.size - at - gone);
    if (list.size == gone)
        return forget(write, "unreadable");
    return sp_write_meta(write, "unreadable", (struct sp_bytes){shorter, list.size - gone});
}

enum sp_status sp_view_is_unreadable(struct sp_view *view, struct sp_bytes key, bool *ret_unreadable) {
    struct sp_bytes list;
    size_t at;
    enum sp_status status = read_optional(view, "unreadable", &list);
    if (status == SP_OK)
        *ret_unreadable = find_entry(list, cut_key(key), &at);
    return status;
}

enum sp_status sp_view_unreadable(struct sp_view *view, size_t *ret_count) {
    struct sp_bytes list;
    size_t count = 0;
    enum sp_status status = read_optional(view, "unreadable", &list);
    if (status != SP_OK)
        return status;
    for (size_t at = 0; list.size - at >= 2; count++)
        at += 2 + (size_t)sp_load_be16(list.data + at);
    *ret_count = count;
    return SP_OK;
}
