/* Work on a whole store: reindex, verify, backup, restore. */
#ifndef SP_STORE_MAINTAIN_H
#define SP_STORE_MAINTAIN_H

#include "base/arena.h"
#include "store/store.h"

/* Called now and then during long work; `total` may be 0 where it is not known. May be NULL. */
typedef void sp_progress(void *context, const char *phase, uint64_t done, uint64_t total);

/* Rebuilds every index from the entities in one write transaction. */
enum sp_status sp_store_reindex(struct sp_store *store, sp_progress *progress, void *context,
                                struct sp_error *error) SP_MUST_USE;

/* One finding of verify. */
typedef void sp_verify_report(void *context, const char *finding);

/* Compares every index record with what the entities say (missing, surplus, different, bad seal, counts) and walks the chain of changes,
 * in one snapshot. SP_ERR_CORRUPT where anything was reported. */
enum sp_status sp_store_verify(struct sp_store *store, sp_verify_report *report, sp_progress *progress, void *context,
                               struct sp_error *error) SP_MUST_USE;

/* Writes a consistent compacted copy of the data file to `fd` while the store goes on working. */
enum sp_status sp_store_backup(struct sp_store *store, int fd, struct sp_revision *ret_revision,
                               struct sp_error *error) SP_MUST_USE;

/* What a restore took back, or would have. */
struct sp_restore_options {
    const char *backup_file;
    const char *store_path; /* new or empty folder, or a store that is replaced when `replace` */
    bool replace;
    const char *changes_file; /* NDJSON of changes as `sallyport changes -o ndjson` writes them; NULL: none */
    const char *later_store;  /* folder of the later store, whose change log is read; NULL: none */
    bool accept_revival;      /* allowed without a later change log */
    int64_t now_s;
};

/* Makes the backup's state the store's, in a new epoch. Revocations that came after the backup, as the later change log
 * tells them, are applied again (disabled and deleted things, removed grants and memberships, lowered roles, narrowed permissions,
 * allowlists, earlier expiries) and each reported as a line. SP_ERR_PRECONDITION without a change log unless
 * accept_revival. The result is verified before it takes the store's place. */
enum sp_status sp_store_restore(const struct sp_restore_options *options, sp_verify_report *report, void *context,
                                struct sp_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

#endif
