#include "trial/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum sp_status sp_trial_folder_make(char ret_folder[static SP_TRIAL_FOLDER_BYTES], struct sp_error *error) {
    const char *parent = getenv("TMPDIR");
    char folder[SP_TRIAL_FOLDER_BYTES];
    ret_folder[0] = '\0';
    int size = snprintf(folder, sizeof(folder), "%s/sallyport-trial-XXXXXX",
                        parent == NULL || parent[0] == '\0' ? "/tmp" : parent);
    if (size < 0 || (size_t)size >= sizeof(folder))
        return sp_error_set(error, SP_ERR_INVALID, "TMPDIR is too long");
    if (mkdtemp(folder) == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot make %s: %s", folder, strerror(errno));
    memcpy(ret_folder, folder, sizeof(folder));
    return SP_OK;
}

void sp_trial_folder_remove(const char *folder) {
    DIR *entries = folder[0] == '\0' ? NULL : opendir(folder);
    const struct dirent *entry;
    if (entries == NULL)
        return;
    while ((entry = readdir(entries)) != NULL)
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    (void)closedir(entries);
    (void)rmdir(folder);
}
