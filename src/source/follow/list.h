/* Listing the whole source into the store: every page at one revision, compared with what the
 * store holds, in one transaction. A store that has no revision yet, so that nobody reads it, is
 * filled in several, because very large ones cost LMDB much. */
#ifndef SP_SOURCE_FOLLOW_LIST_H
#define SP_SOURCE_FOLLOW_LIST_H

#include "source/shared/state.h"

/* Makes the store what the source is now. Not while this thread has a write open.
 * SP_ERR_CANCELLED: stopping; SP_ERR_PRECONDITION: refused, and the store is as it was (one that is
 * being filled still has no revision): the head is of another format, or what was listed does not
 * add up to it, which is an alarm. */
enum sp_status sp_source_list_all(const struct sp_source_link *link, struct sp_error *error) SP_MUST_USE;

#endif
