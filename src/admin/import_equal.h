/* Imports that go on where an earlier one ended: whether the store has what a record says. */
#ifndef SP_ADMIN_IMPORT_EQUAL_H
#define SP_ADMIN_IMPORT_EQUAL_H

#include "admin/context.h"

/* Whether the thing that the record names is there and is what importing the record would make, but
 * for times that the record does not give. The context is in the record's workspace (for a
 * workspace's record it may not exist). SP_ERR_EXISTS, naming the field, if it is there and
 * differs; SP_ERR_INVALID for a record without an id, which nothing can be compared with. A record
 * that is refused anyway is not equal, and neither is that of a key (import_key_equal.h). */
enum sp_status sp_admin_import_is_equal(struct sp_admin_context *ctx, const Sallyport__V1__ImportRecord *record,
                                        bool *ret_equal) SP_MUST_USE;

#endif
