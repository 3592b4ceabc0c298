/* Who holds LMDB's locks on an environment, as this process's PID namespace sees them. For
 * sp_store_open. */
#ifndef SP_STORE_LMDB_LOCK_HOLDERS_H
#define SP_STORE_LMDB_LOCK_HOLDERS_H

#include "base/status.h"

/* LMDB recognizes a live reader by its lock on the byte of lock.mdb whose offset is the reader's
 * process id. That works only among processes of one PID namespace: two containers both have a
 * process 1. SP_ERR_PRECONDITION: a process of another PID namespace has the environment open,
 * whatever its id there; SP_ERR_IO: the locks cannot be read. A folder without a lock file is
 * fine.
 *
 * Call it only before this process opens the environment: it closes a descriptor of the lock
 * file, which would drop the process's locks. */
enum sp_status sp_env_check_holders(const char *path, struct sp_error *error) SP_MUST_USE;

#endif
