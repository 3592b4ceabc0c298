#include "store/lmdb/file_identity.h"

#include <stdio.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static const char *const file_names[SP_ENV_FILES] = {
    [SP_ENV_FOLDER] = "", [SP_ENV_DATA] = "data.mdb", [SP_ENV_LOCK] = "lock.mdb"};

struct sp_file_identity sp_file_identity_read(const char *folder) {
    struct sp_file_identity identity = {.device = {0}};
    for (int i = 0; i < SP_ENV_FILES; i++) {
        char path[PATH_BYTES];
        struct stat about;
        int size = snprintf(path, sizeof(path), "%s/%s", folder, file_names[i]);
        if (size <= 0 || size >= PATH_BYTES || stat(path, &about) != 0)
            continue;
        identity.device[i] = about.st_dev;
        identity.inode[i] = about.st_ino;
    }
    return identity;
}

enum sp_status sp_file_identity_check(const char *folder, const struct sp_file_identity *opened,
                                      struct sp_error *error) {
    struct sp_file_identity now = sp_file_identity_read(folder);
    for (int i = 0; i < SP_ENV_FILES; i++) {
        if (now.device[i] == opened->device[i] && now.inode[i] == opened->inode[i])
            continue;
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "%s%s%s %s since it was opened: restart both programs", folder,
                            i == SP_ENV_FOLDER ? "" : "/", file_names[i],
                            now.inode[i] == 0 ? "was removed or cannot be read" : "was replaced");
    }
    return SP_OK;
}
