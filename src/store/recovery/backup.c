/* LMDB's compacting copy goes through a pipe, so that the revision of the copy is known.
 *
 * mdb_env_copyfd2 reads in a transaction of its own that nothing else can read in. But its first
 * bytes come after that transaction began: if the store was at the same revision before the copy
 * and after its first bytes, it is the copy's. */
#include "store/recovery/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/volume_room.h"
#include "store/records/snapshot.h"

enum { CHUNK_BYTES = 256 * 1024, MAX_TRIES = 2000 };

struct copy {
    struct sp_store *store;
    unsigned flags;
    int pipe_in;
    int code; /* LMDB's, when the thread has ended */
};

static void *run_copy(void *context) {
    struct copy *copy = context;
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    copy->code = mdb_env_copyfd2(copy->store->env, copy->pipe_in, copy->flags);
    close(copy->pipe_in);
    return NULL;
}

static enum sp_status write_backup_copy(int fd, const uint8_t *data, size_t size, struct sp_error *error) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return sp_error_set(error, errno == ENOSPC ? SP_ERR_EXHAUSTED : SP_ERR_IO, "cannot write the backup: %s",
                                strerror(errno));
        data += written;
        size -= (size_t)written;
    }
    return SP_OK;
}

static ssize_t read_copy(int fd, uint8_t *buffer) {
    ssize_t size;
    do
        size = read(fd, buffer, CHUNK_BYTES);
    while (size < 0 && errno == EINTR);
    return size;
}

static enum sp_status read_newest_revision(struct sp_snapshot *snapshot, struct sp_revision *ret_revision) {
    enum sp_status status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
    sp_snapshot_release(snapshot);
    return status;
}

static bool is_same_revision(struct sp_revision a, struct sp_revision b) {
    return a.epoch == b.epoch && a.number == b.number;
}

/* Reads the copy from the pipe to `fd`, as long as it leaves the store in `folder` room to change.
 * SP_ERR_ABORTED, with nothing written: the store moved on
 * as the copy began. */
static enum sp_status pump_copy(int pipe_out, int fd, uint8_t *buffer, struct sp_snapshot *snapshot,
                                struct sp_revision before, const char *folder, struct sp_error *error) {
    struct sp_revision after;
    ssize_t size = read_copy(pipe_out, buffer);
    enum sp_status status = read_newest_revision(snapshot, &after);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's revision");
    if (!is_same_revision(before, after))
        return SP_ERR_ABORTED;
    for (; size > 0; size = read_copy(pipe_out, buffer)) {
        if (!sp_volume_leaves_room(fd, (size_t)size, folder))
            return sp_error_set(error, SP_ERR_EXHAUSTED,
                                "the volume of %s has no room for a copy of the store beside what changes need: free "
                                "space or enlarge it",
                                folder);
        status = write_backup_copy(fd, buffer, (size_t)size, error);
        if (status != SP_OK)
            return status;
    }
    if (size < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot read the copy of the store: %s", strerror(errno));
    return SP_OK;
}

static enum sp_status pump_copy_with_buffer(int pipe_out, int fd, struct sp_snapshot *snapshot,
                                            struct sp_revision before, const char *folder, struct sp_error *error) {
    uint8_t *buffer = malloc(CHUNK_BYTES);
    if (buffer == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = pump_copy(pipe_out, fd, buffer, snapshot, before, folder, error);
    free(buffer);
    return status;
}

/* One try. *ret_code is LMDB's answer to the copy. */
static enum sp_status copy_store_once(struct sp_store *store, unsigned flags, int fd, struct sp_snapshot *snapshot,
                                      struct sp_revision before, int *ret_code, struct sp_error *error) {
    int ends[2];
    pthread_t thread;
    struct copy copy = {.store = store, .flags = flags};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create a pipe: %s", strerror(errno));
    copy.pipe_in = ends[1];
    enum sp_status status = sp_thread_start(&thread, run_copy, &copy, error, "a thread for the copy");
    if (status != SP_OK) {
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    status = pump_copy_with_buffer(ends[0], fd, snapshot, before, store->path, error);
    close(ends[0]); /* ends a copy that is still being written */
    pthread_join(thread, NULL);
    *ret_code = copy.code;
    return status;
}

/* A store whose pages leaked (a bug of LMDB 0.9.24 in very large transactions) cannot be
 * compacted; LMDB finds out at the end. Then a plain copy is taken, if `fd` can be rewound. */
static bool rewind_for_plain_copy(int fd, off_t start, int code, unsigned *flags) {
    if (code != MDB_INCOMPATIBLE || *flags == 0 || start < 0)
        return false;
    *flags = 0;
    return ftruncate(fd, start) == 0 && lseek(fd, start, SEEK_SET) == start;
}

static enum sp_status copy_settled_store(struct sp_store *store, int fd, struct sp_snapshot *snapshot,
                                         struct sp_revision *ret_revision, struct sp_error *error) {
    unsigned flags = MDB_CP_COMPACT;
    off_t start = lseek(fd, 0, SEEK_CUR);
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        struct sp_revision revision;
        int code = MDB_SUCCESS;
        enum sp_status status = read_newest_revision(snapshot, &revision);
        if (status != SP_OK)
            return sp_error_set(error, status, "cannot read the store's revision");
        status = copy_store_once(store, flags, fd, snapshot, revision, &code, error);
        if (status == SP_ERR_ABORTED || (status == SP_OK && rewind_for_plain_copy(fd, start, code, &flags)))
            continue;
        if (status != SP_OK)
            return status;
        if (code != MDB_SUCCESS)
            return sp_lmdb_error(error, code, "copy the store");
        *ret_revision = revision;
        return SP_OK;
    }
    return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store changes too fast for a backup to begin: try again");
}

enum sp_status sp_store_backup(struct sp_store *store, int fd, struct sp_revision *ret_revision,
                               struct sp_error *error) {
    struct sp_snapshot *snapshot;
    struct sp_turn turn; /* of the copy's own transaction */
    enum sp_status status = sp_snapshot_open(store, &snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store: every reader slot may be in use");
    /* Takes over a map that grew, which the copy's own transaction could not. */
    status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK) {
        sp_snapshot_close(snapshot);
        return sp_error_set(error, status, "cannot read the store");
    }
    sp_snapshot_release(snapshot);
    sp_turn_join(&store->turns, &turn);
    sp_turn_begin(&store->turns, &turn);
    status = copy_settled_store(store, fd, snapshot, ret_revision, error);
    sp_turn_end(&turn);
    sp_turn_leave(&store->turns, &turn);
    sp_snapshot_close(snapshot);
    return status;
}
