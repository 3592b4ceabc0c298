#include "base/folder_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum sp_status sp_folder_sync(const char *folder, struct sp_error *error) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", folder, strerror(errno));
    int result = fsync(fd);
    int reason = errno;
    close(fd);
    /* Some file systems cannot sync a folder, and keep its names in order by themselves. */
    if (result == 0 || reason == EINVAL || reason == ENOTSUP)
        return SP_OK;
    return sp_error_set(error, SP_ERR_IO, "cannot sync %s: %s", folder, strerror(reason));
}

enum sp_status sp_folder_sync_parent(const char *path, struct sp_error *error) {
    char parent[PATH_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 0 && path[size - 1] != '/')
        size--;
    while (size > 1 && path[size - 1] == '/')
        size--;
    int length =
        size == 0 ? snprintf(parent, sizeof(parent), ".") : snprintf(parent, sizeof(parent), "%.*s", (int)size, path);
    if (length < 0 || (size_t)length >= sizeof(parent))
        return sp_error_set(error, SP_ERR_INVALID, "%s: the path is too long", path);
    return sp_folder_sync(parent, error);
}

enum sp_status sp_folder_keep_made(const char *path, int fd, struct sp_error *error) {
    enum sp_status status = sp_folder_sync_parent(path, error);
    if (status == SP_OK)
        return SP_OK;
    (void)close(fd);
    (void)unlink(path);
    return status;
}
