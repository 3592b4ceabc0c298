/* The records of an import, by kind. */
#ifndef SP_ADMIN_IMPORT_RECORD_H
#define SP_ADMIN_IMPORT_RECORD_H

#include "admin/import_state.h"

/* Adds what the record describes, by the rules of single calls. What it builds on must have been
 * flushed, but for keys' records, which build on each other's. SP_ERR_INVALID also for a record of
 * no kind. */
enum sp_status sp_admin_import_by_kind(struct sp_admin_import_state *import,
                                       const Sallyport__V1__ImportRecord *record) SP_MUST_USE;

#endif
