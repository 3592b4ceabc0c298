#include "store/lmdb/lock_holders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Readers lock from the byte of process id 1 on; byte 0 is LMDB's own. */
enum { FIRST_READER_BYTE = 1 };

static enum sp_status refuse_foreign_holder(const char *path, struct sp_error *error) {
    return sp_error_set(
        error, SP_ERR_PRECONDITION,
        "a process in another PID namespace uses the store in %s, so neither knows which readers of the "
        "other are alive: set shareProcessNamespace: true if both are containers of one pod (`--pid` for "
        "container engines), and never share the folder between pods or machines",
        path);
}

/* The kernel gives a holder's id as this process's namespace numbers it, and 0 if it is not in
 * that. */
static enum sp_status check_lock_file(int fd, const char *path, struct sp_error *error) {
    off_t from = FIRST_READER_BYTE;
    for (;;) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = 0};
        if (fcntl(fd, F_GETLK, &lock) != 0)
            return sp_error_set(error, SP_ERR_IO, "cannot read the locks of %s/lock.mdb: %s", path, strerror(errno));
        if (lock.l_type == F_UNLCK)
            return SP_OK;
        /* Neighbouring ids of one process would be one lock; a reader has just one byte. */
        if (lock.l_len != 1 || lock.l_start != (off_t)lock.l_pid)
            return refuse_foreign_holder(path, error);
        from = lock.l_start + 1;
    }
}

enum sp_status sp_env_check_holders(const char *path, struct sp_error *error) {
    char file[PATH_MAX];
    int size = snprintf(file, sizeof(file), "%s/lock.mdb", path);
    if (size < 0 || (size_t)size >= sizeof(file))
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return SP_OK;
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", file, strerror(errno));
    enum sp_status status = check_lock_file(fd, path, error);
    close(fd);
    return status;
}
