#include "store/records/head.h"

#include "store/lmdb/environment.h"
#include "store/lmdb/view.h"
#include "store/records/meta.h"

/* In a write the head is the last commit's until it is first written. The compacted copy of a
 * store is transaction 1 again, whatever it was a copy of; no damage to a store's meta pages
 * passes for one (lmdb/data_file.h). */
static bool is_head_of_view(const struct sp_head *head, const struct sp_view *view) {
    enum { COPY_ID = 1 };
    uint64_t id = mdb_txn_id(view->txn);
    uint64_t committed = view->writing ? id - 1 : id;
    return head->transaction_id == committed || head->transaction_id == id || committed == COPY_ID ||
           view->store->accept_altered;
}

static enum sp_status load_head(struct sp_view *view, struct sp_head *ret_head) {
    struct sp_bytes record;
    enum sp_status status = sp_view_meta(view, "head", &record);
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    if (record.size != SP_HEAD_BYTES || !sp_seal_fits(SP_SEAL_HEAD, sp_meta_key("head"), record))
        return SP_ERR_CORRUPT;
    *ret_head = sp_head_decode(record.data);
    return is_head_of_view(ret_head, view) ? SP_OK : SP_ERR_CORRUPT;
}

struct sp_head sp_head_decode(const uint8_t record[static SP_HEAD_BYTES]) {
    struct sp_head head = {
        .revision = {.epoch = sp_load_be64(record), .number = sp_load_be64(record + 8)},
        .synced_at_s = (int64_t)sp_load_be64(record + 48),
        .settings_version = sp_load_be64(record + 56),
        .transaction_id = sp_load_be64(record + 64),
        .newest_s = (int64_t)sp_load_be64(record + 72),
    };
    memcpy(head.last_hash, record + 16, sizeof(head.last_hash));
    memcpy(head.entity_set, record + 80, sizeof(head.entity_set));
    return head;
}

void sp_head_encode(const struct sp_head *head, uint8_t ret_record[static SP_HEAD_BYTES]) {
    sp_store_be64(ret_record, head->revision.epoch);
    sp_store_be64(ret_record + 8, head->revision.number);
    memcpy(ret_record + 16, head->last_hash, sizeof(head->last_hash));
    sp_store_be64(ret_record + 48, (uint64_t)head->synced_at_s);
    sp_store_be64(ret_record + 56, head->settings_version);
    sp_store_be64(ret_record + 64, head->transaction_id);
    sp_store_be64(ret_record + 72, (uint64_t)head->newest_s);
    memcpy(ret_record + 80, head->entity_set, sizeof(head->entity_set));
    struct sp_bytes sealed = {ret_record, SP_HEAD_BYTES - SP_SEAL_BYTES};
    sp_store_be64(ret_record + sealed.size, sp_seal(SP_SEAL_HEAD, sp_meta_key("head"), sealed));
}

/* A snapshot that is acquired again without a commit in between stands at the same transaction,
 * whose head was verified. */
enum sp_status sp_view_head_in_place(struct sp_view *view, const struct sp_head **ret_head) {
    struct sp_view_memory *memory = view->memory;
    size_t txn_id = mdb_txn_id(view->txn);
    if (!memory->head_known || memory->head_txn_id != txn_id || view->writing) {
        memory->head_known = false;
        enum sp_status status = load_head(view, &memory->head);
        if (status != SP_OK)
            return status;
        memory->head_known = true;
        memory->head_txn_id = txn_id;
    }
    *ret_head = &memory->head;
    return SP_OK;
}

enum sp_status sp_view_head(struct sp_view *view, struct sp_head *ret_head) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    *ret_head = *head;
    return SP_OK;
}

enum sp_status sp_view_revision(struct sp_view *view, struct sp_revision *ret_revision) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    *ret_revision = head->revision;
    return SP_OK;
}

enum sp_status sp_view_settings_version(struct sp_view *view, struct sp_revision *ret_version) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    *ret_version = (struct sp_revision){head->revision.epoch, head->settings_version};
    return SP_OK;
}

enum sp_status sp_view_synced_at(struct sp_view *view, int64_t *ret_synced_at_s) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    *ret_synced_at_s = head->synced_at_s;
    return SP_OK;
}

enum sp_status sp_view_is_stale(struct sp_view *view, int64_t now_s, int64_t max_s, bool *ret_stale) {
    int64_t synced_at_s = 0;
    *ret_stale = false;
    if (max_s == 0)
        return SP_OK;
    enum sp_status status = sp_view_synced_at(view, &synced_at_s);
    if (status != SP_OK)
        return status;
    *ret_stale = synced_at_s != 0 && now_s - synced_at_s > max_s;
    return SP_OK;
}
