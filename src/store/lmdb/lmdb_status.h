/* Inside the store: LMDB's return codes, translated here and nowhere else. */
#ifndef SP_STORE_LMDB_LMDB_STATUS_H
#define SP_STORE_LMDB_LMDB_STATUS_H

#include "base/status.h"

enum sp_status sp_lmdb_status(int code);

/* How a walk ended: with its visitor's status, of which SP_WALK_END is a good one, or, if that is
 * SP_OK, with the LMDB code of its last step, of which MDB_NOTFOUND is the end of the records. */
enum sp_status sp_walk_status(enum sp_status visited, int code);

/* As sp_lmdb_status, with "cannot `doing`: reason; how to fix it". SP_OK leaves `error` alone. */
enum sp_status sp_lmdb_error(struct sp_error *error, int code, const char *doing);

#endif
