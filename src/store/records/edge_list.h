/* Inside the store: the edges of a principal or of a resource, as a view finds them. */
#ifndef SP_STORE_RECORDS_EDGE_LIST_H
#define SP_STORE_RECORDS_EDGE_LIST_H

#include "store/lmdb/view.h"

/* Zeroed before sp_view_find_edges. */
struct sp_edge_list {
    size_t count;           /* 0: there is no such list */
    struct sp_bytes first;  /* its first edge; no seal is checked */
    const uint8_t *records; /* all of them beside each other, SP_EDGE_BYTES each; NULL: they are many, or lie apart */
    MDB_cursor *cursor;     /* stands among them, if they are many or lie apart; otherwise it may be NULL */
};

/* Finds the list of a key: in the snapshot's places (places.h), or in the tree. Call
 * sp_view_leave_edges behind it, whatever it returned. SP_ERR_CORRUPT; SP_ERR_IO. */
enum sp_status sp_view_find_edges(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key,
                                  struct sp_edge_list *list) SP_MUST_USE;
void sp_view_leave_edges(struct sp_view *view, struct sp_edge_list *list);

#endif
