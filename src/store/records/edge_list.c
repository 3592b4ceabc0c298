#include "store/records/edge_list.h"

#include "store/lmdb/lmdb_status.h"
#include "store/records/layout.h"
#include "store/records/places.h"

enum { SHORT_LIST = 64 };

static enum sp_status narrow_edge_status(enum sp_status status) {
    return status == SP_OK || status == SP_ERR_CORRUPT ? status : SP_ERR_IO;
}

static bool is_standing(const struct sp_view *view, enum sp_kept_cursor which) {
    return !view->writing && view->standing[which].key_size > 0;
}

/* For the next look-up of the same list, which is often that of the same decision, and for those of
 * later ones. */
static void keep_short_list(struct sp_view *view, enum sp_kept_cursor which, const struct sp_edge_list *list) {
    struct sp_standing *standing = &view->standing[which];
    if (!is_standing(view, which))
        return;
    standing->together = list->records;
    standing->count = list->count;
    sp_places_keep_edges(view, which, sp_val_bytes(&standing->in_map), (struct sp_edges){list->records, list->count});
}

/* Takes hold of a short list, which is the usual one: reading it in place costs less than a single
 * seek. A list that is long, or lies in several pages, stays with the cursor. */
static int read_list_at_cursor(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key,
                               struct sp_edge_list *list) {
    MDB_val key_val = sp_val(key);
    MDB_val value;
    size_t count;
    int code = sp_view_stand_at(view, which, list->cursor, key, &value);
    if (code != MDB_SUCCESS)
        return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
    struct sp_bytes first = sp_val_bytes(&value);
    const struct sp_standing *standing = &view->standing[which];
    if (is_standing(view, which) && standing->together != NULL) {
        list->count = standing->count;
        list->first = first;
        list->records = standing->together;
        return MDB_SUCCESS;
    }
    code = mdb_cursor_count(list->cursor, &count);
    if (code == MDB_SUCCESS && count > 1 && count <= SHORT_LIST)
        code = mdb_cursor_get(list->cursor, &key_val, &value, MDB_GET_MULTIPLE); /* leaves a single value as it is */
    if (code != MDB_SUCCESS)
        return code;
    list->count = count;
    list->first = first;
    if (count <= SHORT_LIST && value.mv_size == count * SP_EDGE_BYTES) {
        list->records = value.mv_data;
        keep_short_list(view, which, list);
    }
    return MDB_SUCCESS;
}

enum sp_status sp_view_find_edges(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key,
                                  struct sp_edge_list *list) {
    struct sp_edges kept;
    if (sp_places_find_edges(view, which, key, &kept)) {
        list->count = kept.count;
        list->first = (struct sp_bytes){kept.records, SP_EDGE_BYTES};
        list->records = kept.records;
        return SP_OK;
    }
    enum sp_status status = sp_view_borrow_cursor(view, which, &list->cursor);
    if (status == SP_OK)
        status = sp_lmdb_status(read_list_at_cursor(view, which, key, list));
    return narrow_edge_status(status);
}

void sp_view_leave_edges(struct sp_view *view, struct sp_edge_list *list) {
    if (list->cursor != NULL)
        sp_view_return_cursor(view, list->cursor);
    list->cursor = NULL;
}
