#include "store/records/next_number.h"

#include "store/records/edit.h"
#include "store/records/meta.h"

void sp_next_numbers_encode(const struct sp_next_numbers *next, uint8_t ret_record[static SP_NEXT_NUMBERS_BYTES]) {
    sp_store_be64(ret_record, next->subject);
    sp_store_be64(ret_record + 8, next->workspace);
}

enum sp_status sp_view_next_numbers(struct sp_view *view, struct sp_next_numbers *ret_next) {
    struct sp_bytes record;
    enum sp_status status = sp_view_meta(view, "next", &record);
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    if (record.size != SP_NEXT_NUMBERS_BYTES)
        return SP_ERR_CORRUPT;
    *ret_next = (struct sp_next_numbers){sp_load_be64(record.data), sp_load_be64(record.data + 8)};
    return SP_OK;
}

enum sp_status sp_write_next_numbers(struct sp_write *write, const struct sp_next_numbers *next) {
    uint8_t record[SP_NEXT_NUMBERS_BYTES];
    sp_next_numbers_encode(next, record);
    return sp_write_meta(write, "next", (struct sp_bytes){record, sizeof(record)});
}

static bool is_given_out(uint64_t number) {
    return number == 0 || number > SP_NUMBER_MAX;
}

/* `next` is read from the write, and `number` is one of its members. */
static enum sp_status give_out_number(struct sp_write *write, struct sp_next_numbers *next, uint64_t *number,
                                      uint64_t *ret_number) {
    if (is_given_out(*number))
        return SP_ERR_CORRUPT;
    uint64_t given = (*number)++;
    enum sp_status status = sp_write_next_numbers(write, next);
    if (status != SP_OK)
        return status;
    *ret_number = given;
    return SP_OK;
}

enum sp_status sp_write_next_subject(struct sp_write *write, uint64_t *ret_number) {
    struct sp_next_numbers next;
    enum sp_status status = sp_view_next_numbers(&write->transaction.view, &next);
    return status != SP_OK ? status : give_out_number(write, &next, &next.subject, ret_number);
}

enum sp_status sp_write_next_workspace(struct sp_write *write, uint64_t *ret_number) {
    struct sp_next_numbers next;
    enum sp_status status = sp_view_next_numbers(&write->transaction.view, &next);
    return status != SP_OK ? status : give_out_number(write, &next, &next.workspace, ret_number);
}
