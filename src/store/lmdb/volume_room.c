#include "store/lmdb/volume_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, PIECES = 16, PATH_BYTES = 4096, RESERVE_PART = 16 };
#define RESERVE_MAX_BYTES (UINT64_C(64) << 20)

static int open_nameless_file(const char *folder) {
    char path[PATH_BYTES];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || errno == ENOSPC || errno == EDQUOT)
        return fd;
    int size = snprintf(path, sizeof(path), "%s/scratch-XXXXXX", folder);
    if (size <= 0 || size >= PATH_BYTES)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static bool is_full_error(int reason) {
    return reason == ENOSPC || reason == EDQUOT;
}

static bool fails_to_grow(int fd) {
    static const char piece[PIECE_BYTES] = {1};
    for (int i = 0; i < PIECES; i++) {
        ssize_t size = write(fd, piece, sizeof(piece));
        if (size < 0 && errno == EINTR)
            continue;
        if (size != (ssize_t)sizeof(piece))
            return size >= 0 || is_full_error(errno);
    }
    return fsync(fd) != 0 && is_full_error(errno);
}

bool sp_volume_is_full(const char *folder) {
    int fd = open_nameless_file(folder);
    if (fd < 0)
        return is_full_error(errno);
    bool full = fails_to_grow(fd);
    close(fd);
    return full;
}

bool sp_volume_leaves_room(int fd, size_t size, const char *folder) {
    struct stat of_file, of_folder;
    struct statvfs about;
    if (fstat(fd, &of_file) != 0 || !S_ISREG(of_file.st_mode) || stat(folder, &of_folder) != 0 ||
        of_file.st_dev != of_folder.st_dev || fstatvfs(fd, &about) != 0)
        return true;
    uint64_t total = (uint64_t)about.f_blocks * about.f_frsize;
    uint64_t available = (uint64_t)about.f_bavail * about.f_frsize;
    uint64_t reserve = total / RESERVE_PART < RESERVE_MAX_BYTES ? total / RESERVE_PART : RESERVE_MAX_BYTES;
    return available >= reserve + size;
}
