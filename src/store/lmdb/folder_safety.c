#include "store/lmdb/folder_safety.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/options.h"

struct judge {
    uid_t user; /* the writer's */
    struct sp_error *error;
};

static bool is_trusted(const struct judge *judge, const struct stat *about) {
    return about->st_uid == 0 || about->st_uid == judge->user;
}

/* Debian and its kin give each user a group of their own and let it write. */
static bool is_private_group(const struct judge *judge, gid_t gid) {
    char buffer[4096];
    struct passwd user_buffer;
    struct passwd *user = NULL;
    if (getpwuid_r(judge->user, &user_buffer, buffer, sizeof(buffer), &user) != 0 || user == NULL ||
        user->pw_gid != gid)
        return false;
    char members[4096];
    struct group group_buffer;
    struct group *group = NULL;
    if (getgrgid_r(gid, &group_buffer, members, sizeof(members), &group) != 0 || group == NULL ||
        strcmp(group->gr_name, user->pw_name) != 0)
        return false;
    for (char **member = group->gr_mem; *member != NULL; member++)
        if (strcmp(*member, user->pw_name) != 0)
            return false;
    return true;
}

static bool may_others_write(const struct judge *judge, const struct stat *about) {
    if ((about->st_mode & S_IWOTH) != 0)
        return true;
    return (about->st_mode & S_IWGRP) != 0 && !is_private_group(judge, about->st_gid);
}

/* ---- the folders above ---- */

/* Whether others may replace `entry` in `folder`. In a sticky folder only the entry's owner may. */
static bool may_others_replace(const struct judge *judge, const struct stat *folder, const struct stat *entry) {
    if (!is_trusted(judge, folder))
        return true;
    if (!may_others_write(judge, folder))
        return false;
    return (folder->st_mode & S_ISVTX) == 0 || (entry != NULL && !is_trusted(judge, entry));
}

static enum sp_status refuse_parent(const struct judge *judge, const char *parent, const char *path) {
    return sp_error_set(
        judge->error, SP_ERR_PRECONDITION,
        "others may replace %s: %s must belong to user %ld or root, and only they may write to it. On a "
        "volume that a group shares, mount the folder itself (subPath) that `sallyport-sync prepare` made",
        path, parent, (long)judge->user);
}

/* Checks who may replace each part of an absolute path. */
static enum sp_status check_parents(const struct judge *judge, const char *path) {
    char parent[PATH_MAX];
    for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
        char entry[PATH_MAX];
        struct stat of_parent, of_entry;
        const char *next = strchr(slash + 1, '/');
        size_t size = next == NULL ? strlen(path) : (size_t)(next - path);
        (void)snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
        (void)snprintf(entry, sizeof(entry), "%.*s", (int)size, path);
        if (lstat(parent, &of_parent) != 0)
            return sp_error_set(judge->error, SP_ERR_IO, "cannot stat %s: %s", parent, strerror(errno));
        bool exists = lstat(entry, &of_entry) == 0;
        /* What a symbolic link leads to is checked where it leads. */
        if (!S_ISLNK(of_parent.st_mode) && may_others_replace(judge, &of_parent, exists ? &of_entry : NULL))
            return refuse_parent(judge, parent, entry);
    }
    return SP_OK;
}

/* ---- the folder and its files ---- */

static enum sp_status check_folder_itself(const struct judge *judge, const char *folder, const struct stat *about) {
    if (!S_ISDIR(about->st_mode))
        return sp_error_set(judge->error, SP_ERR_PRECONDITION, "%s is not a folder", folder);
    if (about->st_uid != judge->user)
        return sp_error_set(judge->error, SP_ERR_PRECONDITION,
                            "%s belongs to user %ld, not to user %ld who writes to it: run as its owner", folder,
                            (long)about->st_uid, (long)judge->user);
    if ((about->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return sp_error_set(judge->error, SP_ERR_PRECONDITION,
                            "others may write to %s (mode %o), so they may have replaced the store: check it, then run "
                            "`chmod 0750 %s`",
                            folder, (unsigned)(about->st_mode & 07777), folder);
    return SP_OK;
}

static enum sp_status check_file_in_folder(const struct judge *judge, const char *folder, const char *name,
                                           mode_t forbidden) {
    char path[PATH_MAX];
    struct stat about;
    int size = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (size <= 0 || size >= PATH_MAX)
        return sp_error_set(judge->error, SP_ERR_INVALID, "the store's path is too long");
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? SP_OK
                               : sp_error_set(judge->error, SP_ERR_IO, "cannot stat %s: %s", path, strerror(errno));
    bool own = about.st_uid == judge->user || (about.st_uid == 0 && geteuid() == 0);
    if (!S_ISREG(about.st_mode) || !own || about.st_nlink != 1)
        return sp_error_set(judge->error, SP_ERR_PRECONDITION,
                            "%s must be a file of user %ld with one name: remove it if you did not put it there", path,
                            (long)judge->user);
    if ((about.st_mode & forbidden) != 0)
        return sp_error_set(judge->error, SP_ERR_PRECONDITION,
                            "others may write to %s (mode %o), so they may have changed it: check it, then run `chmod "
                            "0640 %s`",
                            path, (unsigned)(about.st_mode & 07777), path);
    return SP_OK;
}

static enum sp_status check_files(const struct judge *judge, const char *folder) {
    static const struct {
        const char *name;
        mode_t forbidden;
    } files[] = {
        {"data.mdb", S_IWGRP | S_IWOTH},
        {"lock.mdb", S_IWOTH}, /* the group's readers register in it */
        {"sync.lock", S_IWGRP | S_IWOTH},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        enum sp_status status = check_file_in_folder(judge, folder, files[i].name, files[i].forbidden);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- all ---- */

static enum sp_status make_absolute(const char *folder, char ret_path[static PATH_MAX], struct sp_error *error) {
    char here[PATH_MAX] = "";
    if (folder[0] != '/' && getcwd(here, sizeof(here)) == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot find the working directory: %s", strerror(errno));
    int size = folder[0] == '/' ? snprintf(ret_path, PATH_MAX, "%s", folder)
                                : snprintf(ret_path, PATH_MAX, "%s/%s", here, folder);
    if (size <= 0 || size >= PATH_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    for (; size > 1 && ret_path[size - 1] == '/'; size--)
        ret_path[size - 1] = '\0';
    return SP_OK;
}

enum sp_status sp_folder_check_safe(const char *folder, struct sp_error *error) {
    char given[PATH_MAX], real[PATH_MAX];
    struct judge judge = {.user = geteuid(), .error = error};
    struct stat about;
    enum sp_status status = make_absolute(folder, given, error);
    if (status != SP_OK)
        return status;
    bool exists = stat(given, &about) == 0;
    if (exists && judge.user == 0)
        judge.user = about.st_uid;
    status = check_parents(&judge, given);
    if (status != SP_OK || !exists)
        return status;
    if (realpath(given, real) == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot resolve %s: %s", folder, strerror(errno));
    status = check_parents(&judge, real);
    if (status != SP_OK)
        return status;
    status = check_folder_itself(&judge, folder, &about);
    if (status != SP_OK)
        return status;
    return check_files(&judge, real);
}

/* ---- preparing ---- */

/* Opened before it is judged and changed, so that both happen to the same thing. */
static enum sp_status narrow_entry(int folder_fd, const char *name, mode_t most, struct sp_error *error) {
    struct stat about;
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SP_OK : sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", name, strerror(errno));
    enum sp_status status = SP_OK;
    if (fstat(fd, &about) != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot stat %s: %s", name, strerror(errno));
    else if (geteuid() != 0 && about.st_uid != geteuid())
        status =
            sp_error_set(error, SP_ERR_PRECONDITION, "%s belongs to user %ld, not to user %ld: check who put it there",
                         name, (long)about.st_uid, (long)geteuid());
    else if ((about.st_mode & 07777 & ~most) != 0 && fchmod(fd, about.st_mode & most) != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot set the mode of %s: %s", name, strerror(errno));
    close(fd);
    return status;
}

static enum sp_status narrow_known_entries(int folder_fd, struct sp_error *error) {
    static const struct {
        const char *name;
        mode_t most;
    } entries[] = {
        {"data.mdb", SP_DATA_MODE},       {"lock.mdb", SP_LOCK_MODE}, {"sync.lock", SP_DATA_MODE},
        {"operator.key", 0600},           {"usage", SP_FOLDER_MODE},  {"usage/data.mdb", SP_DATA_MODE},
        {"usage/lock.mdb", SP_LOCK_MODE},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        enum sp_status status = narrow_entry(folder_fd, entries[i].name, entries[i].most, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_folder_prepare(const char *folder, struct sp_error *error) {
    if (mkdir(folder, SP_FOLDER_MODE) != 0 && errno != EEXIST)
        return sp_error_set(error, SP_ERR_IO, "cannot make the folder %s: %s", folder, strerror(errno));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_PRECONDITION, "cannot open the folder %s: %s", folder, strerror(errno));
    enum sp_status status = narrow_entry(fd, ".", SP_FOLDER_MODE, error);
    if (status != SP_OK)
        goto out;
    status = narrow_known_entries(fd, error);
    if (status != SP_OK)
        goto out;
    if (fchmod(fd, SP_FOLDER_MODE) != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot set the mode of %s: %s", folder, strerror(errno));
out:
    close(fd);
    return status;
}
