/* Inside the store: LMDB's return codes, translated here and nowhere else. */
#ifndef SP_STORE_LMDB_LMDB_STATUS_H
#define SP_STORE_LMDB_LMDB_STATUS_H

#include "base/status.h"

enum sp_status sp_lmdb_status(int code);

/* As sp_lmdb_status, with "cannot `doing`: reason; how to fix it". SP_OK leaves `error` alone. */
enum sp_status sp_lmdb_error(struct sp_error *error, int code, const char *doing);

#endif
