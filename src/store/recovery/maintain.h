/* Work on a whole store: reindex, verify, backup, restore. */
#ifndef SP_STORE_RECOVERY_MAINTAIN_H
#define SP_STORE_RECOVERY_MAINTAIN_H

#include "base/arena.h"
#include "store/lmdb/store.h"

/* Called now and then during long work; `total` may be 0 where it is not known. May be NULL. */
typedef void sp_progress(void *context, const char *phase, uint64_t done, uint64_t total);

/* Rebuilds every index from the entities in one write transaction. */
enum sp_status sp_store_reindex(struct sp_store *store, sp_progress *progress, void *context,
                                struct sp_error *error) SP_MUST_USE;

/* One finding of verify. */
typedef void sp_verify_report(void *context, const char *finding);

/* Compares every index record with what the entities say (missing, surplus, different, bad seal, counts), walks the chain
 * of changes, and asks whether it accounts for every entity, in one snapshot. SP_ERR_CORRUPT where anything was reported. */
enum sp_status sp_store_verify(struct sp_store *store, sp_verify_report *report, sp_progress *progress, void *context,
                               struct sp_error *error) SP_MUST_USE;

/* Reports each entity that the audit trail does not account for, in one snapshot: one that no change lists, or that is not as
 * the newest change of it left it. SP_OK also where there are some; SP_ERR_CORRUPT: the trail cannot be read. */
enum sp_status sp_store_find_unaccounted(struct sp_store *store, sp_verify_report *report, void *context,
                                         uint64_t *ret_count, struct sp_error *error) SP_MUST_USE;

/* Writes a consistent compacted copy of the data file to `fd` while the store goes on working. */
enum sp_status sp_store_backup(struct sp_store *store, int fd, struct sp_revision *ret_revision,
                               struct sp_error *error) SP_MUST_USE;

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
