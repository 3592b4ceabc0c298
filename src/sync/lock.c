#include "sync/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/lmdb/store.h"

/* Not LMDB's lock.mdb, which nothing else may open. */
static const char *const lock_name = "sync.lock";

static enum sp_status report_lock_holder(int fd, const char *store_path, struct sp_error *error) {
    char holder[32] = {0};
    ssize_t size = pread(fd, holder, sizeof(holder) - 1, 0);
    holder[size > 0 ? strcspn(holder, "\n") : 0] = '\0';
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "another sallyport-sync%s%s is using the store in %s: stop it first, or call its admin API",
                        holder[0] == '\0' ? "" : " with process id ", holder, store_path);
}

static void write_lock_holder(int fd) {
    char text[32];
    int size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* Only for the message above; the lock is held without it. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size)
        return;
}

enum sp_status sp_sync_lock(const char *store_path, int *ret_fd, struct sp_error *error) {
    char path[PATH_MAX];
    int size = snprintf(path, sizeof(path), "%s/%s", store_path, lock_name);
    if (size < 0 || (size_t)size >= sizeof(path))
        return sp_error_set(error, SP_ERR_INVALID, "--store: the path is too long");
    enum sp_status safe = sp_store_check_folder(store_path, error);
    if (safe != SP_OK)
        return safe;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return sp_error_set(error, SP_ERR_NOT_FOUND,
                            "there is no store in %s: create one with `sallyport-sync init --store %s`", store_path,
                            store_path);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum sp_status status = SP_ERR_IO;
        if (errno == EWOULDBLOCK)
            status = report_lock_holder(fd, store_path, error);
        else
            sp_error_set(error, status, "cannot lock %s: %s", path, strerror(errno));
        close(fd);
        return status;
    }
    write_lock_holder(fd);
    *ret_fd = fd;
    return SP_OK;
}
