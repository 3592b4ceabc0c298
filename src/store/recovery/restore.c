/* Everything is done to a scratch copy, which takes the data file's place by one rename when it
 * is complete. It is inside the target folder, because that may be a mount point. */
#include "store/recovery/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder_sync.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/store.h"
#include "store/records/snapshot.h"
#include "store/records/store_time.h"
#include "store/records/write.h"
#include "store/recovery/backup_copy.h"
#include "store/recovery/later_log.h"
#include "store/recovery/reapply_revocations.h"
#include "store/recovery/verify.h"

enum {
    PATH_BYTES = 4096,
};

struct restore {
    const struct sp_restore_options *options;
    sp_verify_report *report;
    void *context;
    struct sp_error *error;
    char target[PATH_BYTES];  /* the data file to be */
    char lock[PATH_BYTES];    /* its lock file */
    char scratch[PATH_BYTES]; /* a folder inside the target's; empty: not made yet */
    bool made_folder;
    struct sp_store *store; /* the scratch copy */
    struct sp_later_log log;
};

static enum sp_status refuse_file(const struct restore *restore, const char *doing, const char *path) {
    return sp_error_set(restore->error, SP_ERR_IO, "cannot %s %s: %s", doing, path, strerror(errno));
}

static void report_line(const struct restore *restore, const char *line) {
    if (restore->report != NULL)
        restore->report(restore->context, line);
}

/* ---- the folders ---- */

static bool join_folder(char path[static PATH_BYTES], const char *folder, const char *name) {
    int size = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return size > 0 && size < PATH_BYTES;
}

/* Every process that has a store open holds a lock on the first byte of its lock file. */
static enum sp_status check_store_unused(const struct restore *restore) {
    int fd = open(restore->lock, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SP_OK : refuse_file(restore, "open", restore->lock);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int result = fcntl(fd, F_GETLK, &lock);
    int reason = errno;
    close(fd);
    errno = reason;
    if (result != 0)
        return refuse_file(restore, "read the locks of", restore->lock);
    if (lock.l_type == F_UNLCK)
        return SP_OK;
    return sp_error_set(restore->error, SP_ERR_PRECONDITION,
                        "the store in %s is in use by process %ld: stop sallyportd and sallyport-sync first",
                        restore->options->store_path, (long)lock.l_pid);
}

static enum sp_status check_replaceable(const struct restore *restore) {
    struct stat there;
    if (lstat(restore->target, &there) != 0)
        return errno == ENOENT ? SP_OK : refuse_file(restore, "stat", restore->target);
    if (!restore->options->replace)
        return sp_error_set(restore->error, SP_ERR_EXISTS, "%s holds a store: add --replace to replace it",
                            restore->options->store_path);
    return check_store_unused(restore);
}

static enum sp_status make_scratch_folder(struct restore *restore) {
    const char *folder = restore->options->store_path;
    if (!join_folder(restore->target, folder, "data.mdb") || !join_folder(restore->lock, folder, "lock.mdb") ||
        strlen(folder) + sizeof("/.restore-XXXXXX/data.mdb") > PATH_BYTES)
        return sp_error_set(restore->error, SP_ERR_INVALID, "the store's path is too long");
    if (mkdir(folder, SP_FOLDER_MODE) == 0)
        restore->made_folder = true;
    else if (errno != EEXIST)
        return refuse_file(restore, "make the folder", folder);
    enum sp_status status = check_replaceable(restore);
    if (status != SP_OK)
        return status;
    char scratch[PATH_BYTES];
    if (!join_folder(scratch, folder, ".restore-XXXXXX") || mkdtemp(scratch) == NULL)
        return refuse_file(restore, "make a folder in", folder);
    memcpy(restore->scratch, scratch, sizeof(scratch));
    return SP_OK;
}

static void remove_scratch(const struct restore *restore) {
    char path[PATH_BYTES];
    if (restore->scratch[0] == '\0')
        return;
    if (join_folder(path, restore->scratch, "data.mdb"))
        unlink(path);
    if (join_folder(path, restore->scratch, "lock.mdb"))
        unlink(path);
    rmdir(restore->scratch);
}

/* ---- the copy ---- */

static enum sp_status verify_scratch(const struct restore *restore, const char *what) {
    struct sp_error why = {0};
    enum sp_status status = sp_store_verify(restore->store, restore->report, NULL, restore->context, &why);
    if (status == SP_OK)
        return SP_OK;
    return sp_error_set(restore->error, status, "%s fails verification: %s", what, why.message);
}

static enum sp_status open_scratch(struct restore *restore) {
    struct sp_error why = {0};
    enum sp_status status =
        sp_store_open(restore->scratch, &(struct sp_store_options){.mode = SP_STORE_WRITE}, &restore->store, &why);
    if (status != SP_OK)
        return sp_error_set(restore->error, status, "%s is not a usable backup: %s", restore->options->backup_file,
                            why.message);
    return verify_scratch(restore, "the backup");
}

/* ---- the later log ---- */

static void report_later_log(const struct restore *restore) {
    char line[160];
    uint64_t from = restore->log.base.number, to = restore->log.last.number;
    if (restore->options->changes_file == NULL && restore->options->later_store == NULL)
        (void)snprintf(line, sizeof(line),
                       "no later change log was given: what was revoked after revision %" PRIu64 " is valid again",
                       from);
    else
        (void)snprintf(line, sizeof(line),
                       "the backup is of revision %" PRIu64
                       "; the later change log has what was revoked up to revision %" PRIu64,
                       from, to);
    report_line(restore, line);
}

static enum sp_status read_later_log(struct restore *restore, struct sp_write *write) {
    const struct sp_restore_options *options = restore->options;
    struct sp_head head;
    enum sp_status status = sp_view_head(sp_write_view(write), &head);
    if (status == SP_OK)
        status = sp_later_log_init(&restore->log, &head);
    if (status != SP_OK)
        return sp_error_set(restore->error, status, "cannot read the backup's head");
    if (options->changes_file != NULL)
        status = sp_later_log_read_file(&restore->log, options->changes_file, restore->error);
    else if (options->later_store != NULL)
        status = sp_later_log_read_store(&restore->log, options->later_store, restore->error);
    if (status != SP_OK)
        return status;
    sp_later_log_settle(&restore->log);
    report_later_log(restore);
    return SP_OK;
}

/* ---- all of it ---- */

static enum sp_status change_scratch(struct restore *restore) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(restore->store, &write, restore->error);
    if (status != SP_OK)
        return status;
    status = read_later_log(restore, write);
    if (status != SP_OK)
        goto out;
    status =
        sp_take_back(write, &restore->log, restore->options->now_s, restore->report, restore->context, restore->error);
    if (status != SP_OK)
        goto out;
    if (sp_write_accept_time(write, restore->options->now_s) != SP_OK)
        status = sp_error_set(restore->error, SP_ERR_CORRUPT, "cannot set the restored store's time");
out:
    sp_later_log_fini(&restore->log);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, restore->error);
}

static enum sp_status read_restored_revision(const struct restore *restore, struct sp_revision *ret_revision) {
    enum sp_status status = sp_store_newest_revision(restore->store, ret_revision);
    if (status != SP_OK)
        return sp_error_set(restore->error, status, "cannot read the restored store");
    return SP_OK;
}

/* Pages that LMDB did not write itself are only as durable as this makes them. */
static enum sp_status sync_file(const struct restore *restore, const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return refuse_file(restore, "open", path);
    int result = fsync(fd);
    int reason = errno;
    close(fd);
    errno = reason;
    return result == 0 ? SP_OK : refuse_file(restore, "sync", path);
}

static enum sp_status sync_folders(const struct restore *restore) {
    const char *folder = restore->options->store_path;
    enum sp_status status = sp_folder_sync(folder, restore->error);
    if (status != SP_OK || !restore->made_folder)
        return status;
    return sp_folder_sync_parent(folder, restore->error);
}

static enum sp_status replace_data_file(const struct restore *restore) {
    char path[PATH_BYTES];
    enum sp_status status = check_replaceable(restore);
    if (status != SP_OK)
        return status;
    if (!join_folder(path, restore->scratch, "data.mdb"))
        return sp_error_set(restore->error, SP_ERR_INVALID, "the store's path is too long");
    status = sync_file(restore, path);
    if (status != SP_OK)
        return status;
    if (rename(path, restore->target) != 0)
        return refuse_file(restore, "replace", restore->target);
    sp_env_settle_files(restore->options->store_path);
    return sync_folders(restore);
}

static enum sp_status check_restore_options(const struct sp_restore_options *options, struct sp_error *error) {
    if (options->changes_file != NULL && options->later_store != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "give a file of changes or a later store, not both");
    if (options->changes_file == NULL && options->later_store == NULL && !options->accept_revival)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "a backup brings back what was revoked after it: give the later change log with --changes or "
            "--later-store, or accept this with --accept-revival");
    return SP_OK;
}

static enum sp_status build_scratch(struct restore *restore, struct sp_revision *ret_revision) {
    enum sp_status status = make_scratch_folder(restore);
    if (status != SP_OK)
        return status;
    status = sp_backup_copy_into(restore->options->backup_file, restore->scratch, restore->error);
    if (status != SP_OK)
        return status;
    status = open_scratch(restore);
    if (status != SP_OK)
        return status;
    status = change_scratch(restore);
    if (status != SP_OK)
        return status;
    status = verify_scratch(restore, "the restored store");
    if (status != SP_OK)
        return status;
    return read_restored_revision(restore, ret_revision);
}

static enum sp_status build_and_replace(struct restore *restore, struct sp_revision *ret_revision) {
    enum sp_status status = build_scratch(restore, ret_revision);
    sp_store_close(restore->store);
    if (status != SP_OK)
        return status;
    return replace_data_file(restore);
}

enum sp_status sp_store_restore(const struct sp_restore_options *options, sp_verify_report *report, void *context,
                                struct sp_revision *ret_revision, struct sp_error *error) {
    struct restore restore = {.options = options, .report = report, .context = context, .error = error};
    struct sp_revision revision = {0};
    enum sp_status status = check_restore_options(options, error);
    if (status != SP_OK)
        return status;
    status = build_and_replace(&restore, &revision);
    remove_scratch(&restore);
    if (status != SP_OK) {
        if (restore.made_folder)
            rmdir(options->store_path);
        return status;
    }
    *ret_revision = revision;
    return SP_OK;
}
