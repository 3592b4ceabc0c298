/* Preloaded into a program: writes down, in order, which names of files and folders it makes and
 * which files and folders it syncs, and lets every call through. A line each, in the file that
 * SP_RECORD_NAMES names:
 *
 *   named PATH     a file or folder has that name now (open, mkdir, rename, link)
 *   moved PATH     the name before, on the line before that of a rename
 *   linked PATH    the same of a link
 *   removed PATH
 *   synced PATH */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(type, name) ((type)(void (*)(void))(size_t)dlsym(RTLD_NEXT, name))

typedef int open_call(const char *path, int flags, ...);
typedef int fd_call(int fd);
typedef int path_call(const char *path);
typedef int paths_call(const char *from, const char *to);
typedef int mkdir_call(const char *path, mode_t mode);

static void write_down(const char *what, const char *path) {
    char line[PATH_MAX + 32];
    const char *file = getenv("SP_RECORD_NAMES");
    int reason = errno;
    int size = snprintf(line, sizeof(line), "%s %s\n", what, path);
    int fd = file == NULL ? -1 : NEXT(open_call *, "open")(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, line, (size_t)size) != size)
        abort();
    if (fd >= 0)
        close(fd);
    errno = reason;
}

static void write_down_fd(const char *what, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    if (size <= 0)
        return;
    path[size] = '\0';
    write_down(what, path);
}

static int open_and_record(const char *name, const char *path, int flags, mode_t mode) {
    bool is_new = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
    int fd = NEXT(open_call *, name)(path, flags, mode);
    if (fd >= 0 && is_new)
        write_down("named", path);
    return fd;
}

/* glibc's own declarations have attributes that a definition need not repeat. */
int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_and_record("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_and_record("open64", path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
    int result = NEXT(mkdir_call *, "mkdir")(path, mode);
    if (result == 0)
        write_down("named", path);
    return result;
}

int rename(const char *from, const char *to) {
    int result = NEXT(paths_call *, "rename")(from, to);
    if (result != 0)
        return result;
    write_down("moved", from);
    write_down("named", to);
    return 0;
}

int link(const char *from, const char *to) {
    int result = NEXT(paths_call *, "link")(from, to);
    if (result != 0)
        return result;
    write_down("linked", from);
    write_down("named", to);
    return 0;
}

int unlink(const char *path) {
    int result = NEXT(path_call *, "unlink")(path);
    if (result == 0)
        write_down("removed", path);
    return result;
}

int fsync(int fd) {
    int result = NEXT(fd_call *, "fsync")(fd);
    if (result == 0)
        write_down_fd("synced", fd);
    return result;
}

int fdatasync(int fd) {
    int result = NEXT(fd_call *, "fdatasync")(fd);
    if (result == 0)
        write_down_fd("synced", fd);
    return result;
}
