#include "base/file_mark.h"

#include <stddef.h>
#include <sys/stat.h>

uint64_t sp_file_mark(uint64_t mark, const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return (mark + 1) * UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t parts[] = {(uint64_t)about.st_ino,          (uint64_t)about.st_dev,
                              (uint64_t)about.st_size,         (uint64_t)about.st_mtim.tv_sec,
                              (uint64_t)about.st_mtim.tv_nsec, (uint64_t)about.st_ctim.tv_nsec};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        mark = (mark ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15) + (mark >> 29);
    return mark;
}
