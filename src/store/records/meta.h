/* Inside the store: the meta database, one record a name (layout.h). Written through edit.h. */
#ifndef SP_STORE_RECORDS_META_H
#define SP_STORE_RECORDS_META_H

#include "base/bytes.h"
#include "base/status.h"

struct sp_view;

static inline struct sp_bytes sp_meta_key(const char *name) {
    return sp_bytes_of_str(sp_str_from(name));
}

/* Borrowed. SP_ERR_NOT_FOUND. */
enum sp_status sp_view_meta(struct sp_view *view, const char *name, struct sp_bytes *ret_value) SP_MUST_USE;

/* For a record that need not be there: size 0. */
enum sp_status sp_view_optional_meta(struct sp_view *view, const char *name, struct sp_bytes *ret_value) SP_MUST_USE;

#endif
