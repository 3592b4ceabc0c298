#include "store/records/anchor.h"

#include "store/records/edit.h"
#include "store/records/meta.h"

void sp_anchor_encode(const struct sp_anchor *anchor, uint8_t ret_record[static SP_ANCHOR_BYTES]) {
    sp_store_be64(ret_record, anchor->revision);
    memcpy(ret_record + 8, anchor->hash, sizeof(anchor->hash));
}

enum sp_status sp_view_anchor(struct sp_view *view, struct sp_anchor *ret_anchor) {
    struct sp_bytes record;
    enum sp_status status = sp_view_optional_meta(view, "anchor", &record);
    if (status != SP_OK)
        return status;
    struct sp_anchor anchor = {.revision = 0};
    if (record.data != NULL) {
        if (record.size != SP_ANCHOR_BYTES)
            return SP_ERR_CORRUPT;
        anchor.revision = sp_load_be64(record.data);
        memcpy(anchor.hash, record.data + 8, sizeof(anchor.hash));
    }
    *ret_anchor = anchor;
    return SP_OK;
}

enum sp_status sp_write_anchor(struct sp_write *write, const struct sp_anchor *anchor) {
    uint8_t record[SP_ANCHOR_BYTES];
    sp_anchor_encode(anchor, record);
    return sp_write_meta(write, "anchor", (struct sp_bytes){record, sizeof(record)});
}
