#include "store/records/meta.h"

#include "store/lmdb/view.h"

enum sp_status sp_view_meta(struct sp_view *view, const char *name, struct sp_bytes *ret_value) {
    return sp_view_get(view, SP_DB_META, sp_meta_key(name), ret_value);
}

enum sp_status sp_view_optional_meta(struct sp_view *view, const char *name, struct sp_bytes *ret_value) {
    enum sp_status status = sp_view_meta(view, name, ret_value);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    *ret_value = (struct sp_bytes){NULL, 0};
    return SP_OK;
}
