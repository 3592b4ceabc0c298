#include "store/recovery/upgrade_entity_set.h"

#include "store/records/edit.h"
#include "store/records/meta.h"
#include "store/replica/entity_sum.h"

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
    enum sp_status status = forget_unreadable(write);
    if (status != SP_OK)
        return status;
    return sp_write_recount_entities(write);
}
