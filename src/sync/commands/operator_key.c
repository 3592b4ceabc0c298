#include "sync/commands/operator_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/operator.h"
#include "base/clock.h"
#include "base/folder_sync.h"
#include "core/key_text.h"
#include "store/records/write.h"

enum { ARENA_FIRST_BYTES = 16 * 1024, ARENA_BUDGET_BYTES = 16 * 1024 * 1024 };

enum sp_status sp_sync_open_key_file(const char *path, int *ret_fd, struct sp_error *error) {
    int fd = path == NULL ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create the key file %s: %s", path == NULL ? "(stdout)" : path,
                            strerror(errno));
    enum sp_status status = path == NULL ? SP_OK : sp_folder_keep_made(path, fd, error);
    if (status != SP_OK)
        return status;
    *ret_fd = fd;
    return SP_OK;
}

static enum sp_status write_key(int fd, const char *secret, struct sp_error *error) {
    char line[SP_KEY_TEXT_BYTES + 1];
    int size = snprintf(line, sizeof(line), "%s\n", secret);
    ssize_t written = write(fd, line, (size_t)size);
    explicit_bzero(line, sizeof(line));
    if (written != size)
        return sp_error_set(error, SP_ERR_IO, "cannot write the key: revoke the operator and add it again");
    /* A pipe or terminal cannot be synced, and need not be. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        return sp_error_set(error, SP_ERR_IO, "cannot write the key file: %s; revoke the operator and add it again",
                            strerror(errno));
    return SP_OK;
}

static enum sp_status commit_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                      const struct sp_admin_operator_terms *terms, struct sp_arena *arena,
                                      char ret_secret[static SP_KEY_TEXT_BYTES], struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_source_begin(source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_operator_add(write, sp_str_from(name), terms, sp_clock_now_s(), arena, ret_secret, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_source_commit(source, write, error);
}

enum sp_status sp_sync_add_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                    const struct sp_admin_operator_terms *terms, int key_fd, struct sp_error *error) {
    struct sp_arena arena;
    char secret[SP_KEY_TEXT_BYTES];
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = commit_operator(store, source, name, terms, &arena, secret, error);
    if (status != SP_OK)
        goto out;
    status = write_key(key_fd, secret, error);
out:
    explicit_bzero(secret, sizeof(secret));
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}
