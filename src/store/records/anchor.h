/* Inside the store: what is left of the changes that were trimmed away, in meta "anchor". */
#ifndef SP_STORE_RECORDS_ANCHOR_H
#define SP_STORE_RECORDS_ANCHOR_H

#include <stdint.h>

#include "base/status.h"

struct sp_view;
struct sp_write;

/* The newest change that is gone, and its hash; zeros if nothing was trimmed. */
struct sp_anchor {
    uint64_t revision;
    uint8_t hash[32];
};

enum { SP_ANCHOR_BYTES = 8 + 32 };
void sp_anchor_encode(const struct sp_anchor *anchor, uint8_t ret_record[static SP_ANCHOR_BYTES]);

/* SP_ERR_CORRUPT. */
enum sp_status sp_view_anchor(struct sp_view *view, struct sp_anchor *ret_anchor) SP_MUST_USE;
enum sp_status sp_write_anchor(struct sp_write *write, const struct sp_anchor *anchor) SP_MUST_USE;

#endif
