#include "store/replica/source_head.h"

#include "store/records/anchor.h"
#include "store/records/edit.h"
#include "store/records/meta.h"
#include "store/records/next_number.h"
#include "store/records/settings.h"
#include "wire/wire.h"

/* ---- making a head ---- */

static bool copy_into_field(struct sp_arena *arena, struct sp_bytes bytes, ProtobufCBinaryData *field) {
    uint8_t *copy = sp_arena_alloc(arena, bytes.size + 1);
    if (copy == NULL)
        return false;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    *field = (ProtobufCBinaryData){bytes.size, copy};
    return true;
}

static enum sp_status fill_key_forms(struct sp_view *view, struct sp_arena *arena,
                                     Sallyport__Store__V1__SourceHead *head) {
    struct sp_bytes prefixes;
    bool foreign = false;
    enum sp_status status = sp_view_stored_key_forms(view, &prefixes, &foreign);
    if (status != SP_OK)
        return status;
    head->accept_foreign = foreign;
    return copy_into_field(arena, prefixes, &head->prefixes) ? SP_OK : SP_ERR_MEMORY;
}

static enum sp_status fill_from_meta(struct sp_view *view, struct sp_arena *arena,
                                     Sallyport__Store__V1__SourceHead *head) {
    struct sp_next_numbers next;
    struct sp_anchor anchor;
    struct sp_bytes created;
    enum sp_status status = sp_view_next_numbers(view, &next);
    if (status != SP_OK)
        return status;
    status = fill_key_forms(view, arena, head);
    if (status != SP_OK)
        return status;
    status = sp_view_optional_meta(view, "created", &created);
    if (status != SP_OK)
        return status;
    status = sp_view_anchor(view, &anchor);
    if (status != SP_OK)
        return status;
    head->next_subject = next.subject;
    head->next_workspace = next.workspace;
    head->created_at = created.size == 8 ? (int64_t)sp_load_be64(created.data) : 0;
    /* Another store may have trimmed further. */
    if (anchor.revision <= head->anchor_number)
        return SP_OK;
    head->anchor_number = anchor.revision;
    struct sp_bytes hash = {anchor.hash, sizeof(anchor.hash)};
    return copy_into_field(arena, hash, &head->anchor_hash) ? SP_OK : SP_ERR_MEMORY;
}

static enum sp_status read_or_begin_head(struct sp_view *view, struct sp_arena *arena,
                                         Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_replica_cursor cursor;
    enum sp_status status = sp_view_replica(view, arena, &cursor, ret_head);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    Sallyport__Store__V1__SourceHead *head = sp_arena_alloc(arena, sizeof(*head));
    if (head == NULL)
        return SP_ERR_MEMORY;
    sallyport__store__v1__source_head__init(head);
    *ret_head = head;
    return SP_OK;
}

enum sp_status sp_replica_commit_head(struct sp_view *view, struct sp_arena *arena,
                                      Sallyport__Store__V1__SourceHead *head) {
    struct sp_head own;
    enum sp_status status = sp_view_head(view, &own);
    if (status != SP_OK)
        return status;
    head->format = SP_STORE_FORMAT;
    if (!copy_into_field(arena, (struct sp_bytes){own.entity_set, sizeof(own.entity_set)}, &head->entity_set))
        return SP_ERR_MEMORY;
    return SP_OK;
}

enum sp_status sp_replica_make_head(struct sp_write *write, struct sp_arena *arena,
                                    Sallyport__Store__V1__SourceHead **ret_head) {
    struct sp_view *view = &write->transaction.view;
    struct sp_head own;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = read_or_begin_head(view, arena, &head);
    if (status != SP_OK)
        return status;
    status = sp_view_head(view, &own);
    if (status != SP_OK)
        return status;
    head->epoch = own.revision.epoch;
    head->number = own.revision.number;
    if (!copy_into_field(arena, (struct sp_bytes){own.last_hash, sizeof(own.last_hash)}, &head->hash))
        return SP_ERR_MEMORY;
    status = sp_replica_commit_head(view, arena, head);
    if (status != SP_OK)
        return status;
    status = fill_from_meta(view, arena, head);
    if (status != SP_OK)
        return status;
    *ret_head = head;
    return SP_OK;
}

/* ---- taking a head over ---- */

/* Puts a meta record unless it is as it should be: most heads change the head alone. */
static enum sp_status update_meta(struct sp_write *write, const char *name, struct sp_bytes value) {
    struct sp_bytes there;
    enum sp_status status = sp_view_meta(&write->transaction.view, name, &there);
    if (status == SP_OK && sp_bytes_equal(there, value))
        return SP_OK;
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    return sp_write_meta(write, name, value);
}

static enum sp_status update_next_numbers(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    uint8_t record[SP_NEXT_NUMBERS_BYTES];
    sp_next_numbers_encode(&(struct sp_next_numbers){head->next_subject, head->next_workspace}, record);
    return update_meta(write, "next", (struct sp_bytes){record, sizeof(record)});
}

static enum sp_status update_created(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    uint8_t record[8];
    sp_store_be64(record, (uint64_t)head->created_at);
    return update_meta(write, "created", (struct sp_bytes){record, sizeof(record)});
}

static enum sp_status update_key_forms(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    enum sp_status status = update_meta(write, "prefixes", sp_wire_bytes(head->prefixes));
    if (status != SP_OK)
        return status;
    if (!head->accept_foreign)
        return sp_write_remove_meta(write, "foreign");
    return update_meta(write, "foreign", (struct sp_bytes){(const uint8_t *)"\1", 1});
}

static enum sp_status update_anchor(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head) {
    uint8_t record[SP_ANCHOR_BYTES];
    struct sp_anchor anchor = {.revision = head->anchor_number};
    if (head->anchor_number == 0)
        return sp_write_remove_meta(write, "anchor");
    memcpy(anchor.hash, head->anchor_hash.data, sizeof(anchor.hash));
    sp_anchor_encode(&anchor, record);
    return update_meta(write, "anchor", (struct sp_bytes){record, sizeof(record)});
}

static enum sp_status update_all_meta(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                      bool chained) {
    enum sp_status status = update_next_numbers(write, head);
    if (status != SP_OK)
        return status;
    status = update_created(write, head);
    if (status != SP_OK)
        return status;
    status = update_key_forms(write, head);
    if (status != SP_OK || chained)
        return status;
    return update_anchor(write, head);
}

bool sp_replica_is_old_head(const Sallyport__Store__V1__SourceHead *head) {
    return head->format == SP_STORE_OLDEST_FORMAT && head->entity_set.len == 0;
}

static bool is_complete_head(const Sallyport__Store__V1__SourceHead *head) {
    struct sp_head own;
    struct sp_anchor anchor;
    return (sp_replica_is_old_head(head) || head->entity_set.len == sizeof(own.entity_set)) &&
           head->hash.len == sizeof(own.last_hash) && head->prefixes.len > 0 && head->number > 0 &&
           (head->anchor_number == 0 || head->anchor_hash.len == sizeof(anchor.hash));
}

static enum sp_status write_taken_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                       const struct sp_replica_cursor *cursor, bool chained, struct sp_head *own) {
    own->revision = (struct sp_revision){head->epoch, head->number};
    memcpy(own->last_hash, head->hash.data, sizeof(own->last_hash));
    enum sp_status status = sp_write_head(write, own);
    if (status != SP_OK)
        return status;
    status = update_all_meta(write, head, chained);
    if (status != SP_OK)
        return status;
    return sp_replica_move(write, cursor, head);
}

enum sp_status sp_replica_check_head(const Sallyport__Store__V1__SourceHead *head, struct sp_error *error) {
    if (head->format != SP_STORE_FORMAT && head->format != SP_STORE_OLDEST_FORMAT)
        return sp_error_set(error, SP_ERR_PRECONDITION, "etcd holds format %u, this release reads %d to %d",
                            head->format, SP_STORE_OLDEST_FORMAT, SP_STORE_FORMAT);
    if (!is_complete_head(head))
        return sp_error_set(error, SP_ERR_INVALID,
                            "the head in etcd is incomplete or damaged: restore etcd from a snapshot");
    return SP_OK;
}

static bool is_where_changes_lead(const Sallyport__Store__V1__SourceHead *head, const struct sp_head *own) {
    return own->revision.number == head->number &&
           sp_bytes_equal(sp_wire_bytes(head->hash), (struct sp_bytes){own->last_hash, sizeof(own->last_hash)});
}

static bool fits_entity_set(const Sallyport__Store__V1__SourceHead *head, const struct sp_head *own) {
    return head->entity_set.len == 0 ||
           sp_bytes_equal(sp_wire_bytes(head->entity_set), (struct sp_bytes){own->entity_set, sizeof(own->entity_set)});
}

enum sp_status sp_replica_take_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                    const struct sp_replica_cursor *cursor, bool chained, struct sp_error *error) {
    struct sp_head own;
    enum sp_status status = sp_replica_check_head(head, error);
    if (status != SP_OK)
        return status;
    status = sp_view_head(&write->transaction.view, &own);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's head");
    if (chained && !is_where_changes_lead(head, &own))
        return sp_error_set(error, SP_ERR_ABORTED, "the source's head does not follow from its changes");
    if (!fits_entity_set(head, &own))
        return sp_error_set(error, SP_ERR_CORRUPT, "the entities do not add up to the set that etcd's head commits to");
    status = write_taken_head(write, head, cursor, chained, &own);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot store the source's head");
    return SP_OK;
}
