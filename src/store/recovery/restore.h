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
    const char *store_path; /* new or empty folder, or a store that is replaced when `replace` */
    bool replace;
    const char *changes_file; /* NDJSON of changes as `sallyport changes -o ndjson` writes them; NULL: none */
    const char *later_store;  /* folder of the later store, whose change log is read; NULL: none. May be store_path */
    bool accept_revival;      /* allowed without a later change log */
    int64_t now_s;
};

/* Makes the backup's state the store's, in a new epoch, with an audit entry "Restore". What the later change log
 * tells to have been revoked since is taken back, each as a line of the report: what is deleted; disabled keys,
 * principals and workspaces; lost admin and lowered roles; permissions no longer held, allowlists set or narrowed,
 * earlier expiries; and the later schema where it lost a name or made an action stricter. An entity is judged by its
 * last state in the log: what was disabled and enabled again stays enabled. Nothing is widened (but that an allowlist
 * which lost addresses is the later one whole), and nothing made later comes along.
 *
 * The log must continue the backup: every revision after it, of all workspaces, chained by hash. SP_ERR_PRECONDITION
 * where it does not, without one unless accept_revival, and where a process uses the store to be replaced;
 * SP_ERR_EXISTS for a store in the folder without `replace`; SP_ERR_CORRUPT for a damaged or cut backup. The result
 * is verified before it takes the store's place, and on failure all is as it was. The calling process must not have
 * the store open. */
enum sp_status sp_store_restore(const struct sp_restore_options *options, sp_verify_report *report, void *context,
                                struct sp_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

#endif
