/* Who holds LMDB's locks on an environment, as this process's PID namespace sees them. For sp_store_open. */
#ifndef SP_STORE_LMDB_LOCK_HOLDERS_H
#define SP_STORE_LMDB_LOCK_HOLDERS_H

#include "base/status.h"

/* LMDB tells whether a reader lives by a lock on the byte of lock.mdb whose offset is the reader's process id, which only holds
 * among processes of one PID namespace: two containers both have a process 1. SP_ERR_PRECONDITION where a process of
 * another PID namespace has the environment open, whatever its id there; SP_ERR_IO: that cannot be found out. A folder
 * without a lock file is fine.
 *
 * Only before this process opens the environment: looking closes a descriptor of the lock file, which would drop its locks. */
enum sp_status sp_env_check_holders(const char *path, struct sp_error *error) SP_MUST_USE;

#endif
