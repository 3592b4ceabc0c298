#include "cli/policy_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder_sync.h"
#include "cli/print.h"
#include "policy/files.h"
#include "policy/update.h"
#include "policy/write.h"

enum { PATH_BYTES = 4096 };

enum sp_status sp_cli_export_to_stdout(const struct sp_policy *policy, struct sp_error *error) {
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++)
        sp_policy_write_section(policy, section, stdout);
    return ferror(stdout) == 0 ? SP_OK : sp_error_set(error, SP_ERR_IO, "cannot write the output");
}

/* A new file, whatever others have put there, that only those can read who can read the file that
 * it will replace. NULL: errno says why. */
static FILE *open_file_beside(const char *beside, const char *path) {
    struct stat about;
    bool exists = stat(path, &about) == 0;
    (void)unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, exists ? about.st_mode & 0777 : 0666);
    if (fd >= 0 && exists)
        (void)fchmod(fd, about.st_mode & 0777); /* whatever the umask is */
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && file == NULL)
        (void)close(fd);
    return file;
}

/* Beside, and then by its name. */
static enum sp_status write_whole_file(const char *path, const char *text, size_t size, struct sp_error *error) {
    char beside[PATH_BYTES];
    (void)snprintf(beside, sizeof(beside), "%.4000s.new", path);
    FILE *file = open_file_beside(beside, path);
    if (file == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", beside, strerror(errno));
    bool good = fwrite(text, 1, size, file) == size;
    good = good && fflush(file) == 0 && (fsync(fileno(file)) == 0 || errno == EINVAL);
    good = fclose(file) == 0 && good;
    if (good && rename(beside, path) == 0)
        return sp_folder_sync_parent(path, error);
    enum sp_status status = sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    (void)unlink(beside);
    return status;
}

static enum sp_status write_section_file(const struct sp_policy *policy, enum sp_policy_section section,
                                         const char *path, struct sp_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    sp_policy_write_section(policy, section, out);
    enum sp_status status = fclose(out) == 0 ? write_whole_file(path, text, size, error)
                                             : sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    free(text);
    return status;
}

enum sp_status sp_cli_export_to_folder(const struct sp_policy *policy, const char *folder, struct sp_error *error) {
    char path[PATH_BYTES];
    bool made = mkdir(folder, 0777) == 0;
    if (!made && errno != EEXIST)
        return sp_error_set(error, SP_ERR_IO, "cannot make %s: %s", folder, strerror(errno));
    if (made && sp_folder_sync_parent(folder, error) != SP_OK)
        return SP_ERR_IO;
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++) {
        int size = snprintf(path, sizeof(path), "%s/%s.yaml", folder, sp_policy_section_name(section));
        if (size < 0 || size > PATH_BYTES - 100)
            return sp_error_set(error, SP_ERR_INVALID, "%s: too long a name", folder);
        enum sp_status status = write_section_file(policy, section, path, error);
        if (status != SP_OK)
            return status;
        sp_cli_progress("written", (uint64_t)section + 1, SP_POLICY_SECTIONS, section + 1 == SP_POLICY_SECTIONS);
    }
    return SP_OK;
}

/* ---- files that are there ---- */

static enum sp_status update_file(const struct sp_policy *policy, const struct sp_policy *files, uint16_t file,
                                  struct sp_error *error) {
    const char *path = files->files[file];
    struct sp_str before = {0};
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = sp_policy_load_file(path, policy->arena, &before, error);
    if (status != SP_OK)
        return status;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_policy_write_file(policy, files, file, before, out);
    if (fclose(out) != 0 || status != SP_OK)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    else if (!sp_str_equal(before, (struct sp_str){text, size})) {
        status = write_whole_file(path, text, size, error);
        if (status == SP_OK)
            (void)fprintf(stderr, "Wrote %s\n", path);
    }
    free(text);
    return status;
}

static enum sp_status read_folder_files(const char *folder, struct sp_policy *files, struct sp_error *error) {
    struct sp_policy_errors errors = {.arena = files->arena};
    enum sp_status status = sp_policy_read_files(&folder, 1, files, &errors, error);
    if (status != SP_OK || errors.count == 0)
        return status;
    return sp_error_set(error, SP_ERR_INVALID, "%s; nothing was written", errors.texts[0]);
}

enum sp_status sp_cli_read_updated_folder(const char *folder, struct sp_policy *files, struct sp_error *error) {
    enum sp_status status = access(folder, F_OK) == 0 ? read_folder_files(folder, files, error) : SP_ERR_NOT_FOUND;
    return status == SP_ERR_NOT_FOUND && files->file_count == 0 ? SP_OK : status;
}

enum sp_status sp_cli_update_folder(struct sp_policy *policy, const struct sp_policy *files, const char *folder,
                                    struct sp_error *error) {
    if (files->file_count == 0)
        return sp_cli_export_to_folder(policy, folder, error);
    enum sp_status status = sp_policy_adopt_places(policy, files);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    for (size_t i = 0; status == SP_OK && i < files->file_count; i++)
        status = update_file(policy, files, (uint16_t)i, error);
    return status;
}
