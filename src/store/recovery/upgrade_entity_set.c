#include "store/recovery/upgrade_entity_set.h"

#include "store/records/edit.h"
#include "store/records/entity_set.h"
#include "store/records/meta.h"

static enum sp_status forget_unreadable(struct sp_write *write) {
    static const char *const names[] = {"unreadable", "cursor", "source_head"};
    struct sp_bytes left_out;
    enum sp_status status = sp_view_optional_meta(&write->transaction.view, names[0], &left_out);
    if (status != SP_OK || left_out.size == 0)
        return status;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        status = sp_write_remove_meta(write, names[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_write_first_entity_set(struct sp_write *write) {
    struct sp_head head;
    struct sp_multiset_hash set = {.lanes = {0}};
    enum sp_status status = sp_view_head(&write->transaction.view, &head);
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
