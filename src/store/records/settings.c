#include "store/records/settings.h"

#include "core/key_text.h"
#include "store/records/edit.h"
#include "store/records/meta.h"
#include "store/records/settings_cache.h"

/* ---- reading ---- */

enum sp_status sp_view_stored_key_forms(struct sp_view *view, struct sp_bytes *ret_prefixes, bool *ret_foreign) {
    struct sp_bytes list;
    struct sp_bytes foreign;
    enum sp_status status = sp_view_meta(view, "prefixes", &list);
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    status = sp_view_optional_meta(view, "foreign", &foreign);
    if (status != SP_OK)
        return status;
    *ret_prefixes = list;
    *ret_foreign = foreign.data != NULL;
    return SP_OK;
}

/* Copies the forms out of the map. */
static enum sp_status keep_forms(struct sp_view *view, struct sp_kept *kept) {
    struct sp_bytes list;
    bool foreign;
    enum sp_status status = sp_view_stored_key_forms(view, &list, &foreign);
    if (status != SP_OK)
        return status;
    if (list.size > sizeof(kept->text))
        return SP_ERR_CORRUPT;
    memcpy(kept->text, list.data, list.size);
    status = sp_key_forms_split((struct sp_bytes){kept->text, list.size}, &kept->forms);
    if (status != SP_OK)
        return status;
    kept->forms.accept_foreign = foreign;
    kept->forms_known = true;
    return SP_OK;
}

static enum sp_status read_forms_of_write(struct sp_view *view, struct sp_key_forms *ret_forms) {
    struct sp_bytes list;
    struct sp_key_forms forms;
    enum sp_status status = sp_view_stored_key_forms(view, &list, &forms.accept_foreign);
    if (status != SP_OK)
        return status;
    status = sp_key_forms_split(list, &forms);
    if (status != SP_OK)
        return status;
    *ret_forms = forms;
    return SP_OK;
}

enum sp_status sp_view_key_forms_in_place(struct sp_view *view, struct sp_key_forms *spare,
                                          const struct sp_key_forms **ret_forms) {
    if (view->writing) {
        *ret_forms = spare;
        return read_forms_of_write(view, spare);
    }
    struct sp_kept *kept;
    enum sp_status status = sp_view_kept(view, &kept);
    if (status != SP_OK)
        return status;
    if (!kept->forms_known)
        status = keep_forms(view, kept);
    if (status != SP_OK)
        return status;
    *ret_forms = &kept->forms;
    return SP_OK;
}

enum sp_status sp_view_key_forms(struct sp_view *view, struct sp_key_forms *ret_forms) {
    const struct sp_key_forms *forms;
    struct sp_key_forms spare;
    enum sp_status status = sp_view_key_forms_in_place(view, &spare, &forms);
    if (status != SP_OK)
        return status;
    *ret_forms = *forms;
    return SP_OK;
}

/* ---- changing ---- */

static enum sp_status append_prefix(struct sp_write *write, struct sp_bytes old, struct sp_str prefix) {
    uint8_t list[SP_FORMS_TEXT_BYTES];
    if (old.size + prefix.size + 1 > sizeof(list))
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
    struct sp_view *view = &write->transaction.view;
    struct sp_key_forms forms;
    struct sp_bytes old;
    enum sp_status status = sp_key_prefix_check(prefix, error);
    if (status != SP_OK)
        return status;
    status = sp_view_key_forms(view, &forms);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's key prefixes");
    if (sp_key_forms_have_prefix(&forms, prefix))
        return SP_OK;
    if (forms.prefix_count == SP_STORE_MAX_PREFIXES)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the store has %d key prefixes, the maximum",
                            SP_STORE_MAX_PREFIXES);
    status = sp_view_meta(view, "prefixes", &old);
    if (status == SP_OK)
        status = append_prefix(write, old, prefix);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot store the key prefix");
    return SP_OK;
}

enum sp_status sp_write_accept_foreign(struct sp_write *write) {
    struct sp_bytes there;
    enum sp_status status = sp_view_meta(&write->transaction.view, "foreign", &there);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    return sp_write_meta(write, "foreign", (struct sp_bytes){(const uint8_t *)"\1", 1});
}
