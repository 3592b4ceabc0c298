#include "trial/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/operator.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/lmdb/store.h"
#include "store/records/edit.h"
#include "store/records/followed_source.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/backup.h"
#include "store/recovery/backup_copy.h"
#include "store/replica/cursor.h"
#include "trial/folder.h"

enum {
    DATA_MODE = 0600,
    PATH_BYTES = SP_TRIAL_FOLDER_BYTES + 16,
    /* The copy's time, so that a question of any time is asked as of that time: a store's newest
     * time is a floor for decisions. */
    LONG_AGO_S = 1,
};

struct sp_trial_scratch {
    char folder[SP_TRIAL_FOLDER_BYTES];
    struct sp_store *store;
    struct sp_write *change; /* NULL: not begun, or finished */
    struct sp_snapshot *states[SP_TRIAL_STATES];
    struct sp_revision revision;
    char secret[SP_KEY_TEXT_BYTES];
};

/* ---- the copy ---- */

static enum sp_status copy_store_to_scratch(const char *path, const char *folder, struct sp_error *error) {
    char file[PATH_BYTES];
    struct sp_revision revision;
    struct sp_store *store = NULL;
    (void)snprintf(file, sizeof(file), "%s/data.mdb", folder);
    enum sp_status status = sp_store_open(path, &(struct sp_store_options){.mode = SP_STORE_READ}, &store, error);
    if (status != SP_OK)
        return status;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, DATA_MODE);
    if (fd < 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", file, strerror(errno));
    else
        status = sp_store_backup(store, fd, &revision, error);
    if (fd >= 0 && close(fd) != 0 && status == SP_OK)
        status = sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", file, strerror(errno));
    sp_store_close(store);
    return status;
}

/* Its time, and the source that it follows. */
static enum sp_status settle_scratch_copy(struct sp_trial_scratch *scratch, struct sp_error *error) {
    struct sp_write *write = NULL;
    struct sp_head head;
    enum sp_status status = sp_write_begin(scratch->store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_view_head(sp_write_view(write), &head);
    if (status == SP_OK) {
        scratch->revision = head.revision;
        head.newest_s = LONG_AGO_S;
        status = sp_write_head(write, &head);
    }
    if (status == SP_OK)
        status = sp_replica_set_source(write, SP_SOURCE_EMBEDDED);
    if (status != SP_OK) {
        sp_write_abort(write);
        return sp_error_set(error, status, "cannot read the store's head: restore a backup");
    }
    return sp_write_commit(write, error);
}

/* ---- the change ---- */

static enum sp_status begin_change(struct sp_trial_scratch *scratch, struct sp_error *error) {
    char name[SP_RANDOM_ID_BYTES];
    const struct sp_admin_operator_terms unlimited = {.expires_at_s = 0};
    struct sp_arena arena;
    if (sp_random_id("what-if_", name) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, "cannot get random bytes from the kernel");
    enum sp_status status = sp_write_begin(scratch->store, &scratch->change, error);
    if (status != SP_OK)
        return status;
    if (sp_arena_init(&arena, (size_t)1 << 16, (size_t)64 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_admin_operator_add(scratch->change, sp_str_from(name), &unlimited, sp_clock_now_s(), &arena,
                                   scratch->secret, error);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_trial_scratch_call(struct sp_trial_scratch *scratch, const char *key, const char *method,
                                     const ProtobufCMessage *request, struct sp_arena *arena,
                                     ProtobufCMessage **ret_reply, struct sp_error *error) {
    const struct sp_admin_method *called = sp_admin_method_find(method);
    const struct sp_admin_caller caller = {.credential = sp_str_from(key == NULL ? scratch->secret : key),
                                           .now_s = sp_clock_now_s()};
    bool narrowed = false;
    if (called != NULL && sp_admin_method_type(called) == SP_ADMIN_READ)
        return sp_admin_answer(called, sp_write_view(scratch->change), &caller, request, arena, ret_reply, error);
    if (called != NULL && sp_admin_method_type(called) == SP_ADMIN_MUTATION)
        return sp_admin_mutate(called, scratch->change, &caller, request, arena, ret_reply, &narrowed, error);
    return sp_error_set(error, SP_ERR_INVALID, "%s cannot be tried on a copy", method);
}

/* ---- life ---- */

static enum sp_status fill_scratch(struct sp_trial_scratch *scratch, const char *store, const char *backup,
                                   struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    enum sp_status status = sp_trial_folder_make(scratch->folder, error);
    if (status != SP_OK)
        return status;
    status = store != NULL ? copy_store_to_scratch(store, scratch->folder, error)
                           : sp_backup_copy_into(backup, scratch->folder, error);
    if (status != SP_OK)
        return status;
    status = sp_store_open(scratch->folder, &options, &scratch->store, error);
    if (status != SP_OK)
        return status;
    status = settle_scratch_copy(scratch, error);
    if (status != SP_OK)
        return status;
    return begin_change(scratch, error);
}

/* A thread that holds a snapshot begins no write: the state before is taken up once the change has
 * begun. */
enum sp_status sp_trial_scratch_finish(struct sp_trial_scratch *scratch, struct sp_error *error) {
    static const char cannot_read[] = "cannot read the scratch store";
    struct sp_write *change = scratch->change;
    if (sp_snapshot_begin(scratch->store, &scratch->states[SP_TRIAL_BEFORE]) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, cannot_read);
    scratch->change = NULL;
    enum sp_status status = sp_write_commit(change, error);
    if (status != SP_OK)
        return status;
    if (sp_snapshot_begin(scratch->store, &scratch->states[SP_TRIAL_AFTER]) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, cannot_read);
    /* Its files stay as long as they are open, and none stays if this process is killed. */
    sp_trial_folder_remove(scratch->folder);
    scratch->folder[0] = '\0';
    return SP_OK;
}

enum sp_status sp_trial_scratch_open(const char *store, const char *backup, struct sp_trial_scratch **ret_scratch,
                                     struct sp_error *error) {
    struct sp_trial_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = fill_scratch(scratch, store, backup, error);
    if (status != SP_OK) {
        sp_trial_scratch_close(scratch);
        return status;
    }
    *ret_scratch = scratch;
    return SP_OK;
}

void sp_trial_scratch_close(struct sp_trial_scratch *scratch) {
    if (scratch == NULL)
        return;
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++)
        sp_snapshot_end(scratch->states[state]);
    if (scratch->change != NULL)
        sp_write_abort(scratch->change);
    sp_store_close(scratch->store);
    sp_trial_folder_remove(scratch->folder);
    explicit_bzero(scratch->secret, sizeof(scratch->secret));
    free(scratch);
}

struct sp_view *sp_trial_scratch_view(struct sp_trial_scratch *scratch, enum sp_trial_state state) {
    return sp_snapshot_view(scratch->states[state]);
}

struct sp_revision sp_trial_scratch_revision(const struct sp_trial_scratch *scratch) {
    return scratch->revision;
}
