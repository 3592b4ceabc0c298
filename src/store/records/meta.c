/* The meta database: the sealed head that every decision reads, and the key forms. */
#include <stdlib.h>

#include "store/lmdb/view.h"
#include "store/records/entity.h"
#include "store/records/settings_cache.h"

static struct sp_bytes name_bytes(const char *name) {
    struct sp_str text = sp_str_from(name);
    return (struct sp_bytes){(const uint8_t *)text.data, text.size};
}

enum sp_status sp_view_meta(struct sp_view *view, const char *name, struct sp_bytes *ret_value) {
    return sp_view_get(view, SP_DB_META, name_bytes(name), ret_value);
}

enum sp_status sp_write_meta(struct sp_write *write, const char *name, struct sp_bytes value) {
    if (strcmp(name, "prefixes") == 0 || strcmp(name, "foreign") == 0)
        write->settings_touched = true;
    return sp_write_put(write, SP_DB_META, name_bytes(name), value, 0);
}

static enum sp_status load_head(struct sp_view *view, struct sp_head *ret_head) {
    struct sp_bytes record;
    enum sp_status status = sp_view_meta(view, "head", &record);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    if (record.size != SP_HEAD_BYTES || !sp_seal_fits(SP_SEAL_HEAD, name_bytes("head"), record))
        return SP_ERR_CORRUPT;
    ret_head->revision.epoch = sp_load_be64(record.data);
    ret_head->revision.number = sp_load_be64(record.data + 8);
    memcpy(ret_head->last_hash, record.data + 16, sizeof ret_head->last_hash);
    ret_head->synced_at_s = (int64_t)sp_load_be64(record.data + 48);
    ret_head->settings_version = sp_load_be64(record.data + 56);
    return SP_OK;
}

/* A snapshot that is acquired again without a commit in between stands at the same transaction, whose head was verified. */
enum sp_status sp_view_head_in_place(struct sp_view *view, const struct sp_head **ret_head) {
    size_t txn_id = mdb_txn_id(view->txn);
    if (!view->head_known || view->head_txn_id != txn_id || view->writing) {
        view->head_known = false;
        enum sp_status status = load_head(view, &view->head);
        if (status != SP_OK)
            return status;
        view->head_known = true;
        view->head_txn_id = txn_id;
    }
    *ret_head = &view->head;
    return SP_OK;
}

enum sp_status sp_view_head(struct sp_view *view, struct sp_head *ret_head) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status == SP_OK)
        *ret_head = *head;
    return status;
}

enum sp_status sp_view_kept(struct sp_view *view, struct sp_kept **ret_kept) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    sp_kept_begin(view->kept, head->revision.epoch, head->settings_version);
    *ret_kept = view->kept;
    return SP_OK;
}

enum sp_status sp_write_head(struct sp_write *write, const struct sp_head *head) {
    uint8_t record[SP_HEAD_BYTES];
    sp_store_be64(record, head->revision.epoch);
    sp_store_be64(record + 8, head->revision.number);
    memcpy(record + 16, head->last_hash, sizeof head->last_hash);
    sp_store_be64(record + 48, (uint64_t)head->synced_at_s);
    sp_store_be64(record + 56, head->settings_version);
    struct sp_bytes sealed = {record, SP_HEAD_BYTES - SP_SEAL_BYTES};
    sp_store_be64(record + sealed.size, sp_seal(SP_SEAL_HEAD, name_bytes("head"), sealed));
    return sp_write_meta(write, "head", (struct sp_bytes){record, sizeof record});
}

enum sp_status sp_view_revision(struct sp_view *view, struct sp_revision *ret_revision) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status == SP_OK)
        *ret_revision = head->revision;
    return status;
}

enum sp_status sp_view_settings_version(struct sp_view *view, struct sp_revision *ret_version) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status == SP_OK)
        *ret_version = (struct sp_revision){head->revision.epoch, head->settings_version};
    return status;
}

enum sp_status sp_view_synced_at(struct sp_view *view, int64_t *ret_synced_at_s) {
    struct sp_head head;
    enum sp_status status = sp_view_head(view, &head);
    if (status == SP_OK)
        *ret_synced_at_s = head.synced_at_s;
    return status;
}

enum sp_status sp_write_synced_at(struct sp_write *write, int64_t synced_at_s) {
    struct sp_head head;
    enum sp_status status = sp_view_head(&write->view, &head);
    if (status != SP_OK)
        return status;
    head.synced_at_s = synced_at_s;
    return sp_write_head(write, &head);
}

/* ---- key forms ---- */

/* Splits "prefix 00 prefix 00 …". */
static enum sp_status split_prefixes(struct sp_bytes list, struct sp_key_forms *forms) {
    forms->prefix_count = 0;
    while (list.size > 0) {
        const uint8_t *end = memchr(list.data, 0, list.size);
        if (end == NULL || forms->prefix_count == SP_STORE_MAX_PREFIXES)
            return SP_ERR_CORRUPT;
        size_t size = (size_t)(end - list.data);
        forms->prefixes[forms->prefix_count++] = (struct sp_str){(const char *)list.data, size};
        list = (struct sp_bytes){end + 1, list.size - size - 1};
    }
    return forms->prefix_count > 0 ? SP_OK : SP_ERR_CORRUPT;
}

static enum sp_status load_forms(struct sp_view *view, struct sp_bytes *ret_list, bool *ret_foreign) {
    struct sp_bytes list;
    enum sp_status status = sp_view_meta(view, "prefixes", &list);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    struct sp_bytes foreign;
    status = sp_view_meta(view, "foreign", &foreign);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_list = list;
    *ret_foreign = status == SP_OK;
    return SP_OK;
}

/* Copies the forms out of the map. */
static enum sp_status keep_forms(struct sp_view *view, struct sp_kept *kept) {
    struct sp_bytes list;
    bool foreign;
    enum sp_status status = load_forms(view, &list, &foreign);
    if (status != SP_OK)
        return status;
    if (list.size > sizeof kept->text)
        return SP_ERR_CORRUPT;
    memcpy(kept->text, list.data, list.size);
    status = split_prefixes((struct sp_bytes){kept->text, list.size}, &kept->forms);
    if (status != SP_OK)
        return status;
    kept->forms.accept_foreign = foreign;
    kept->forms_known = true;
    return SP_OK;
}

static enum sp_status forms_of_write(struct sp_view *view, struct sp_key_forms *ret_forms) {
    struct sp_bytes list;
    struct sp_key_forms forms;
    enum sp_status status = load_forms(view, &list, &forms.accept_foreign);
    if (status == SP_OK)
        status = split_prefixes(list, &forms);
    if (status == SP_OK)
        *ret_forms = forms;
    return status;
}

enum sp_status sp_view_key_forms_in_place(struct sp_view *view, struct sp_key_forms *spare,
                                          const struct sp_key_forms **ret_forms) {
    if (view->writing) {
        *ret_forms = spare;
        return forms_of_write(view, spare);
    }
    struct sp_kept *kept;
    enum sp_status status = sp_view_kept(view, &kept);
    if (status == SP_OK && !kept->forms_known)
        status = keep_forms(view, kept);
    if (status == SP_OK)
        *ret_forms = &kept->forms;
    return status;
}

enum sp_status sp_view_key_forms(struct sp_view *view, struct sp_key_forms *ret_forms) {
    const struct sp_key_forms *forms;
    struct sp_key_forms spare;
    enum sp_status status = sp_view_key_forms_in_place(view, &spare, &forms);
    if (status == SP_OK)
        *ret_forms = *forms;
    return status;
}

static bool has_prefix(const struct sp_key_forms *forms, struct sp_str prefix) {
    for (size_t i = 0; i < forms->prefix_count; i++) {
        if (sp_str_equal(forms->prefixes[i], prefix))
            return true;
    }
    return false;
}

static enum sp_status append_prefix(struct sp_write *write, struct sp_bytes old, struct sp_str prefix) {
    uint8_t list[SP_FORMS_TEXT_BYTES];
    if (old.size + prefix.size + 1 > sizeof list)
        return SP_ERR_EXHAUSTED;
    if (old.size > 0)
        memcpy(list, old.data, old.size);
    memcpy(list + old.size, prefix.data, prefix.size);
    list[old.size + prefix.size] = 0;
    return sp_write_meta(write, "prefixes", (struct sp_bytes){list, old.size + prefix.size + 1});
}

enum sp_status sp_write_first_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) {
    enum sp_status status = sp_key_prefix_check(prefix, error);
    if (status != SP_OK)
        return status;
    return append_prefix(write, (struct sp_bytes){NULL, 0}, prefix);
}

enum sp_status sp_write_add_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) {
    enum sp_status status = sp_key_prefix_check(prefix, error);
    if (status != SP_OK)
        return status;
    struct sp_key_forms forms;
    status = sp_view_key_forms(&write->view, &forms);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store's key prefixes cannot be read");
    if (has_prefix(&forms, prefix))
        return SP_OK;
    if (forms.prefix_count == SP_STORE_MAX_PREFIXES)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the store has %d key prefixes already, which is the most",
                            SP_STORE_MAX_PREFIXES);
    struct sp_bytes old;
    status = sp_view_meta(&write->view, "prefixes", &old);
    if (status == SP_OK)
        status = append_prefix(write, old, prefix);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "the key prefix cannot be stored");
}

enum sp_status sp_write_accept_foreign(struct sp_write *write) {
    struct sp_bytes there;
    enum sp_status status = sp_view_meta(&write->view, "foreign", &there);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    return sp_write_meta(write, "foreign", (struct sp_bytes){(const uint8_t *)"\1", 1});
}
