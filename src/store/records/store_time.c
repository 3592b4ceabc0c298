#include "store/records/store_time.h"

#include "base/clock.h"
#include "store/records/edit.h"
#include "store/records/meta.h"

/* Meta "boot": when the head's newest time was set, by the clock that nobody sets. */
enum { BOOT_BYTES = SP_CLOCK_BOOT_ID_BYTES + 8 };

struct boot_record {
    bool same_boot;
    int64_t at_ms; /* sp_clock_boot_ms */
};

/* A record that is missing or damaged counts as one of another boot. */
static enum sp_status read_boot_record(struct sp_view *view, struct boot_record *ret_boot) {
    uint8_t id[SP_CLOCK_BOOT_ID_BYTES];
    struct sp_bytes record;
    enum sp_status status = sp_view_optional_meta(view, "boot", &record);
    if (status != SP_OK)
        return status;
    *ret_boot = (struct boot_record){.same_boot = false};
    if (record.data == NULL || record.size != BOOT_BYTES)
        return SP_OK;
    sp_clock_boot_id(id);
    ret_boot->at_ms = (int64_t)sp_load_be64(record.data + sizeof(id));
    ret_boot->same_boot = memcmp(id, record.data, sizeof(id)) == 0 && ret_boot->at_ms <= sp_clock_boot_ms();
    return SP_OK;
}

static enum sp_status write_boot_record(struct sp_write *write) {
    uint8_t record[BOOT_BYTES];
    sp_clock_boot_id(record);
    sp_store_be64(record + SP_CLOCK_BOOT_ID_BYTES, (uint64_t)sp_clock_boot_ms());
    return sp_write_meta(write, "boot", (struct sp_bytes){record, sizeof(record)});
}

static int64_t most_time_passed_s(const struct boot_record *boot) {
    return boot->same_boot ? (sp_clock_boot_ms() - boot->at_ms) * 2 / 1000 : SP_STORE_TIME_DAY_S;
}

static enum sp_status advance_time(struct sp_view *view, int64_t newest_s, int64_t now_s, int64_t *ret_time_s) {
    struct boot_record boot;
    if (now_s <= newest_s) {
        *ret_time_s = newest_s;
        return SP_OK;
    }
    enum sp_status status = read_boot_record(view, &boot);
    if (status != SP_OK)
        return status;
    int64_t most_s = most_time_passed_s(&boot);
    *ret_time_s = now_s - newest_s > most_s ? newest_s + most_s : now_s;
    return SP_OK;
}

enum sp_status sp_view_floor_time(struct sp_view *view, int64_t now_s, int64_t *ret_now_s) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    *ret_now_s = now_s > head->newest_s ? now_s : head->newest_s;
    return SP_OK;
}

enum sp_status sp_view_store_time(struct sp_view *view, int64_t now_s, int64_t *ret_time_s) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    return advance_time(view, head->newest_s, now_s, ret_time_s);
}

enum sp_status sp_write_move_time(struct sp_write *write, struct sp_head *head, int64_t now_s) {
    int64_t time_s;
    enum sp_status status = advance_time(&write->transaction.view, head->newest_s, now_s, &time_s);
    if (status != SP_OK || time_s == head->newest_s)
        return status;
    head->newest_s = time_s;
    return write_boot_record(write);
}

enum sp_status sp_write_keep_time(struct sp_write *write, int64_t now_s) {
    enum { KEEP_EVERY_S = 60 * 60 };
    struct sp_head head;
    int64_t time_s;
    enum sp_status status = sp_view_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return status;
    status = advance_time(&write->transaction.view, head.newest_s, now_s, &time_s);
    if (status != SP_OK || time_s - head.newest_s < KEEP_EVERY_S)
        return status;
    status = sp_write_move_time(write, &head, now_s);
    if (status != SP_OK)
        return status;
    return sp_write_head(write, &head);
}

enum sp_status sp_write_accept_time(struct sp_write *write, int64_t now_s) {
    struct sp_head head;
    enum sp_status status = sp_view_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return status;
    if (now_s > head.newest_s)
        head.newest_s = now_s;
    status = write_boot_record(write);
    if (status != SP_OK)
        return status;
    return sp_write_head(write, &head);
}
