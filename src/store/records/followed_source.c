#include "store/records/followed_source.h"

#include "store/records/head.h"
#include "store/records/meta.h"

enum sp_status sp_view_source(struct sp_view *view, struct sp_str *ret_source) {
    struct sp_bytes value;
    enum sp_status status = sp_view_meta(view, "source", &value);
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    *ret_source = (struct sp_str){(const char *)value.data, value.size};
    return SP_OK;
}

bool sp_view_must_not_change(struct sp_view *view) {
    struct sp_str source;
    struct sp_revision revision;
    if (sp_view_source(view, &source) != SP_OK || sp_view_revision(view, &revision) != SP_OK)
        return true;
    return revision.number > 0 && !sp_str_equal(source, SP_SOURCE_EMBEDDED);
}
