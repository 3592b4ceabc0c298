/* What a store follows: itself, or a source of truth elsewhere. Set by sp_store_create and
 * store/replica. */
#ifndef SP_STORE_RECORDS_FOLLOWED_SOURCE_H
#define SP_STORE_RECORDS_FOLLOWED_SOURCE_H

#include "base/bytes.h"
#include "base/status.h"

struct sp_view;

#define SP_SOURCE_EMBEDDED SP_STR_LITERAL("embedded")

/* SP_SOURCE_EMBEDDED, or what the store was made to follow. Borrowed. SP_ERR_CORRUPT. */
enum sp_status sp_view_source(struct sp_view *view, struct sp_str *ret_source) SP_MUST_USE;

/* Inside the store: whether the store follows a source and is in use; one without a revision is
 * being filled. True if that cannot be read. */
bool sp_view_must_not_change(struct sp_view *view);

#endif
