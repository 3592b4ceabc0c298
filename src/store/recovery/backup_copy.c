#include "store/recovery/backup_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/environment.h"
#include "store/lmdb/store.h"

enum { PATH_BYTES = 4096, COPY_BYTES = 1 << 20 };

static enum sp_status refuse_copied_file(const char *doing, const char *path, struct sp_error *error) {
    return sp_error_set(error, SP_ERR_IO, "cannot %s %s: %s", doing, path, strerror(errno));
}

static bool write_copied_bytes(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t wrote = write(fd, data, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        data += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

static enum sp_status copy_backup_bytes(const char *backup_file, const char *path, int from, int to,
                                        struct sp_error *error) {
    enum sp_status status = SP_OK;
    uint8_t *buffer = malloc(COPY_BYTES);
    if (buffer == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (;;) {
        ssize_t size = read(from, buffer, COPY_BYTES);
        if (size == 0)
            break;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            status = refuse_copied_file("read", backup_file, error);
            break;
        }
        if (!write_copied_bytes(to, buffer, (size_t)size)) {
            status = refuse_copied_file("write", path, error);
            break;
        }
    }
    free(buffer);
    return status;
}

static enum sp_status copy_backup_file(const char *backup_file, const char *path, struct sp_error *error) {
    int from = open(backup_file, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return refuse_copied_file("open", backup_file, error);
    enum sp_status status = SP_OK;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, SP_DATA_MODE);
    if (to < 0) {
        status = refuse_copied_file("write", path, error);
        goto out;
    }
    status = copy_backup_bytes(backup_file, path, from, to, error);
    if (close(to) != 0 && status == SP_OK)
        status = refuse_copied_file("write", path, error);
out:
    close(from);
    return status;
}

/* Its length is compared with its first pages. Only a backup is sure to hold its last page; LMDB
 * need not write the last ones of a store. */
static enum sp_status check_copy_complete(const char *backup_file, const char *folder, const char *path,
                                          struct sp_error *error) {
    struct stat file;
    struct sp_error why = {0};
    struct sp_store *store = NULL;
    struct sp_store_stats stats = {0};
    enum sp_status status = sp_env_open(folder, &(struct sp_store_options){.mode = SP_STORE_READ}, &store, &why);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot use %s: %s", backup_file, why.message);
    status = sp_store_stats(store, &stats);
    sp_store_close(store);
    if (status == SP_OK && stat(path, &file) != 0)
        status = SP_ERR_IO;
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the size of the copy of %s", backup_file);
    if ((uint64_t)file.st_size >= stats.used_bytes)
        return SP_OK;
    return sp_error_set(error, SP_ERR_CORRUPT, "%s is truncated: it has %" PRIu64 " of %" PRIu64 " bytes", backup_file,
                        (uint64_t)file.st_size, stats.used_bytes);
}

enum sp_status sp_backup_copy_into(const char *backup_file, const char *folder, struct sp_error *error) {
    char path[PATH_BYTES];
    int size = snprintf(path, sizeof(path), "%s/data.mdb", folder);
    if (size < 0 || (size_t)size >= sizeof(path))
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    enum sp_status status = copy_backup_file(backup_file, path, error);
    if (status != SP_OK)
        return status;
    return check_copy_complete(backup_file, folder, path, error);
}
