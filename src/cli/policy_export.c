#include "cli/policy_export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/print.h"
#include "policy/write.h"

enum { PATH_BYTES = 4096 };

enum sp_status sp_cli_export_to_stdout(const struct sp_policy *policy, struct sp_error *error) {
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++)
        sp_policy_write_section(policy, section, stdout);
    return ferror(stdout) == 0 ? SP_OK : sp_error_set(error, SP_ERR_IO, "cannot write the output");
}

static enum sp_status write_section_file(const struct sp_policy *policy, enum sp_policy_section section,
                                         const char *path, struct sp_error *error) {
    char beside[PATH_BYTES];
    (void)snprintf(beside, sizeof(beside), "%.4000s.new", path);
    FILE *file = fopen(beside, "we");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", beside, strerror(errno));
    sp_policy_write_section(policy, section, file);
    bool good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    if (good && rename(beside, path) == 0)
        return SP_OK;
    enum sp_status status = sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    (void)unlink(beside);
    return status;
}

enum sp_status sp_cli_export_to_folder(const struct sp_policy *policy, const char *folder, struct sp_error *error) {
    char path[PATH_BYTES];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return sp_error_set(error, SP_ERR_IO, "cannot make %s: %s", folder, strerror(errno));
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
