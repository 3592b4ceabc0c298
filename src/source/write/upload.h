/* Writing everything that a store holds to an empty place in etcd. */
#ifndef SP_SOURCE_WRITE_UPLOAD_H
#define SP_SOURCE_WRITE_UPLOAD_H

#include "source/shared/state.h"
#include "store/records/edit.h"

/* `name`: recorded in the store as what it follows from now on. Otherwise as sp_source_upload. */
enum sp_status sp_source_upload_store(const struct sp_source_link *link, const char *name, struct sp_write *write,
                                      struct sp_error *error) SP_MUST_USE;

#endif
