#include "store/recovery/upgrade_entity_set.h"

#include "store/records/edit.h"
#include "store/records/entity_set.h"
#include "store/records/meta.h"

/* The head of format 1: as today's without the digest of the set. */
enum { OLD_HEAD_BYTES = 72 };

static enum sp_status read_old_head(struct sp_view *view, struct sp_head *ret_head) {
    struct sp_bytes record;
    enum sp_status status = sp_view_meta(view, "head", &record);
    if (status != SP_OK)
        return status;
    if (record.size != OLD_HEAD_BYTES || !sp_seal_fits(SP_SEAL_HEAD, sp_meta_key("head"), record))
        return SP_ERR_CORRUPT;
    struct sp_head head = {.revision = {sp_load_be64(record.data), sp_load_be64(record.data + 8)},
                           .synced_at_s = (int64_t)sp_load_be64(record.data + 48),
                           .settings_version = sp_load_be64(record.data + 56)};
    memcpy(head.last_hash, record.data + 16, sizeof(head.last_hash));
    *ret_head = head;
    return SP_OK;
}

static enum sp_status forget_unreadable(struct sp_write *write) {
    static const char *const names[] = {"unreadable", "cursor", "source_head"};
    struct sp_bytes left_out;
    enum sp_status status = sp_view_optional_meta(&write->transaction.view, names[0], &left_out);
    if (status != SP_OK || left_out.size == 0)
        return status;
    for (size_t i = 0; status == SP_OK && i < sizeof(names) / sizeof(*names); i++)
        status = sp_write_remove_meta(write, names[i]);
    return status;
}

enum sp_status sp_write_first_entity_set(struct sp_write *write) {
    struct sp_head head;
    struct sp_multiset_hash set = {.lanes = {0}};
    enum sp_status status = read_old_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return status;
    status = forget_unreadable(write);
    if (status != SP_OK)
        return status;
    status = sp_view_add_entities(&write->transaction.view, &set);
    if (status != SP_OK)
        return status;
    status = sp_write_entity_set(write, &set, &head);
    if (status != SP_OK)
        return status;
    return sp_write_head(write, &head);
}
