/* Inside the store: LMDB's return codes, translated here and nowhere else. */
#ifndef SP_STORE_LMDB_LMDB_STATUS_H
#define SP_STORE_LMDB_LMDB_STATUS_H

#include "base/status.h"

enum sp_status sp_lmdb_status(int code);

/* How a walk ended: with its visitor's status, of which SP_WALK_END is a good one, or, if that is
 * SP_OK, with the LMDB code of its last step, of which MDB_NOTFOUND is the end of the records. */
enum sp_status sp_walk_status(enum sp_status visited, int code);

/* Whether a library of this version has the file format that is read here: that of LMDB 0.9.
 * SP_ERR_PRECONDITION with the version and what to install. */
enum sp_status sp_lmdb_judge_library(int major, int minor, int patch, struct sp_error *error) SP_MUST_USE;

/* The same of the library that this process runs with. */
enum sp_status sp_lmdb_check_library(struct sp_error *error) SP_MUST_USE;

/* As sp_lmdb_status, with "cannot `doing`: reason; how to fix it". SP_OK leaves `error` alone. */
enum sp_status sp_lmdb_error(struct sp_error *error, int code, const char *doing);

#endif
