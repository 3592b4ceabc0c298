#include "sync/scratch.h"

#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/followed_source.h"
#include "store/records/write.h"
#include "store/recovery/backup.h"
#include "store/replica/cursor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_PREFIX "scratch-"

static enum sp_status join_scratch_path(const char *folder, const char *name,
                                        char ret_path[static SP_SCRATCH_PATH_BYTES], struct sp_error *error) {
    char path[SP_SCRATCH_PATH_BYTES];
    int size = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (size <= 0 || (size_t)size >= sizeof(path))
        return sp_error_set(error, SP_ERR_INVALID, "the path is too long: %s/%s", folder, name);
    memcpy(ret_path, path, (size_t)size + 1);
    return SP_OK;
}

static enum sp_status make_copy_folder(const char *parent, const char *template,
                                       char ret_folder[static SP_SCRATCH_PATH_BYTES], struct sp_error *error) {
    char path[SP_SCRATCH_PATH_BYTES];
    enum sp_status status = join_scratch_path(parent, template, path, error);
    if (status != SP_OK)
        return status;
    if (mkdtemp(path) == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot create a directory in %s: %s", parent, strerror(errno));
    memcpy(ret_folder, path, sizeof(path));
    return SP_OK;
}

enum sp_status sp_scratch_file(const char *store_path, int *ret_fd, struct sp_error *error) {
    char path[SP_SCRATCH_PATH_BYTES];
    enum sp_status status = join_scratch_path(store_path, SCRATCH_PREFIX "XXXXXX", path, error);
    if (status != SP_OK)
        return status;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create a file in the store directory: %s", strerror(errno));
    unlink(path);
    *ret_fd = fd;
    return SP_OK;
}

static enum sp_status copy_data_file(struct sp_store *store, const char *folder, struct sp_revision *ret_revision,
                                     struct sp_error *error) {
    char path[SP_SCRATCH_PATH_BYTES];
    enum sp_status status = join_scratch_path(folder, "data.mdb", path, error);
    if (status != SP_OK)
        return status;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create a copy of the store: %s", strerror(errno));
    status = sp_store_backup(store, fd, ret_revision, error);
    close(fd);
    return status;
}

/* Nothing that is done to a copy may be refused because its source is elsewhere. */
static enum sp_status detach_copy(struct sp_store *copy, struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(copy, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_replica_set_source(write, SP_SOURCE_EMBEDDED);
    if (status == SP_OK)
        return sp_write_commit(write, error);
    sp_write_abort(write);
    return sp_error_set(error, status, "cannot prepare the copy of the store");
}

enum sp_status sp_scratch_copy(struct sp_store *store, const char *store_path,
                               char ret_folder[static SP_SCRATCH_PATH_BYTES], struct sp_store **ret_copy,
                               struct sp_revision *ret_revision, struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    char folder[SP_SCRATCH_PATH_BYTES];
    struct sp_store *copy = NULL;
    enum sp_status status = make_copy_folder(store_path, SCRATCH_PREFIX "XXXXXX", folder, error);
    if (status != SP_OK)
        return status;
    status = copy_data_file(store, folder, ret_revision, error);
    if (status != SP_OK)
        goto failed;
    status = sp_store_open(folder, &options, &copy, error);
    if (status != SP_OK)
        goto failed;
    status = detach_copy(copy, error);
    if (status != SP_OK)
        goto failed;
    memcpy(ret_folder, folder, sizeof(folder));
    *ret_copy = copy;
    return SP_OK;
failed:
    sp_store_close(copy);
    sp_scratch_remove(folder);
    return status;
}

enum sp_status sp_scratch_folder(char ret_folder[static SP_SCRATCH_PATH_BYTES], struct sp_error *error) {
    const char *parent = getenv("TMPDIR");
    return make_copy_folder(parent != NULL && parent[0] != '\0' ? parent : "/tmp", "sallyport-" SCRATCH_PREFIX "XXXXXX",
                            ret_folder, error);
}

void sp_scratch_remove(const char *folder) {
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    char path[SP_SCRATCH_PATH_BYTES];
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (join_scratch_path(folder, files[i], path, NULL) == SP_OK)
            unlink(path);
    rmdir(folder);
}

void sp_scratch_remove_left(const char *store_path) {
    char path[SP_SCRATCH_PATH_BYTES];
    DIR *folder = opendir(store_path);
    if (folder == NULL)
        return;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strncmp(entry->d_name, SCRATCH_PREFIX, sizeof(SCRATCH_PREFIX) - 1) != 0 ||
            join_scratch_path(store_path, entry->d_name, path, NULL) != SP_OK)
            continue;
        if (unlink(path) != 0)
            sp_scratch_remove(path);
    }
    closedir(folder);
}
