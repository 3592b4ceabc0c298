#include "store/replica/set_back.h"

#include "store/records/edit.h"
#include "store/records/meta.h"

enum { SET_BACK_BYTES = 16 };

static const char set_back_name[] = "set_back";

static enum sp_status read_set_back(struct sp_view *view, struct sp_revision *ret_newest) {
    struct sp_bytes value;
    enum sp_status status = sp_view_optional_meta(view, set_back_name, &value);
    if (status != SP_OK)
        return status;
    if (value.size != 0 && value.size != SET_BACK_BYTES)
        return SP_ERR_CORRUPT;
    *ret_newest = (struct sp_revision){0};
    if (value.size != 0)
        *ret_newest = (struct sp_revision){sp_load_be64(value.data), sp_load_be64(value.data + 8)};
    return SP_OK;
}

enum sp_status sp_view_set_back(struct sp_view *view, struct sp_revision *ret_newest) {
    struct sp_revision newest;
    struct sp_revision current;
    enum sp_status status = read_set_back(view, &newest);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(view, &current);
    if (status != SP_OK)
        return status;
    *ret_newest = newest.epoch < current.epoch ? (struct sp_revision){0} : newest;
    return SP_OK;
}

enum sp_status sp_replica_note_set_back(struct sp_write *write, struct sp_revision had,
                                        struct sp_revision *ret_newest) {
    struct sp_revision newest;
    uint8_t value[SET_BACK_BYTES];
    enum sp_status status = read_set_back(&write->transaction.view, &newest);
    if (status != SP_OK)
        return status;
    if (newest.epoch < had.epoch)
        newest.epoch = had.epoch;
    if (newest.number < had.number)
        newest.number = had.number;
    sp_store_be64(value, newest.epoch);
    sp_store_be64(value + 8, newest.number);
    status = sp_write_meta(write, set_back_name, (struct sp_bytes){value, sizeof(value)});
    if (status != SP_OK)
        return status;
    *ret_newest = newest;
    return SP_OK;
}
