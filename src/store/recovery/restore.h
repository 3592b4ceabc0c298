/* Restoring a backup. */
#ifndef SP_STORE_RECOVERY_RESTORE_H
#define SP_STORE_RECOVERY_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "store/records/head.h"
#include "store/recovery/report.h"

struct sp_restore_options {
    const char *backup_file;
    const char *store_path; /* new or empty folder, or with `replace` a store that is replaced */
    bool replace;
    const char *changes_file; /* NDJSON of changes as `sallyport changes -o ndjson` writes them; NULL: none */
    const char *later_store;  /* folder of the later store, whose change log is read; NULL: none. May be store_path */
    bool accept_revival;      /* allowed without a later change log */
    int64_t now_s;
};

/* Makes the backup's state the store's, in a new epoch, with an audit entry "Restore". What was
 * revoked since, according to the later change log, is taken back, each as a line of the report:
 * what is deleted; disabled keys, principals and workspaces; lost admin and lowered roles;
 * permissions no longer held, allowlists set or narrowed, earlier expiries; and the later schema
 * if it lost a name or made an action stricter. An entity is judged by its last state in the
 * log: what was disabled and enabled again stays enabled. Nothing is widened (except that an
 * allowlist that lost addresses is replaced by the later one), and nothing made later comes
 * along.
 *
 * The log must continue the backup: every revision after it, of all workspaces, chained by hash.
 * SP_ERR_PRECONDITION: it does not, or there is none without accept_revival, or a process uses
 * the store to be replaced; SP_ERR_EXISTS: a store is in the folder, without `replace`;
 * SP_ERR_CORRUPT: a damaged or truncated backup. The result is verified before it takes the
 * store's place, and after a failure everything is as it was. The calling process must not have
 * the store open. */
enum sp_status sp_store_restore(const struct sp_restore_options *options, sp_verify_report *report, void *context,
                                struct sp_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

#endif
