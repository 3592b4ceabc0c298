/* LMDB's compacting copy goes through a pipe, so that the revision of the copy is known.
 *
 * mdb_env_copyfd2 reads in a transaction of its own that nobody else can look into. But its first bytes come after that
 * transaction began: where the store was at the same revision before the copy and after its first bytes, that is the copy's. */
#include "store/recovery/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"
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

static enum sp_status write_all(int fd, const uint8_t *data, size_t size, struct sp_error *error) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return sp_error_set(error, errno == ENOSPC ? SP_ERR_EXHAUSTED : SP_ERR_IO,
                                "the backup cannot be written: %s", strerror(errno));
        data += written;
        size -= (size_t)written;
    }
    return SP_OK;
}

static ssize_t read_some(int fd, uint8_t *buffer) {
    ssize_t size;
    do
        size = read(fd, buffer, CHUNK_BYTES);
    while (size < 0 && errno == EINTR);
    return size;
}

static enum sp_status revision_now(struct sp_snapshot *snapshot, struct sp_revision *ret_revision) {
    enum sp_status status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
    sp_snapshot_release(snapshot);
    return status;
}

static bool same_revision(struct sp_revision a, struct sp_revision b) {
    return a.epoch == b.epoch && a.number == b.number;
}

/* Reads the copy from the pipe to `fd`. SP_ERR_ABORTED, with nothing written: the store moved on as the copy began. */
static enum sp_status pump(int pipe_out, int fd, uint8_t *buffer, struct sp_snapshot *snapshot,
                           struct sp_revision before, struct sp_error *error) {
    struct sp_revision after;
    ssize_t size = read_some(pipe_out, buffer);
    enum sp_status status = revision_now(snapshot, &after);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store's revision cannot be read");
    if (!same_revision(before, after))
        return SP_ERR_ABORTED;
    while (status == SP_OK && size > 0) {
        status = write_all(fd, buffer, (size_t)size, error);
        if (status == SP_OK)
            size = read_some(pipe_out, buffer);
    }
    if (status == SP_OK && size < 0)
        return sp_error_set(error, SP_ERR_IO, "the copy cannot be read: %s", strerror(errno));
    return status;
}

static enum sp_status pump_with_buffer(int pipe_out, int fd, struct sp_snapshot *snapshot, struct sp_revision before,
                                       struct sp_error *error) {
    uint8_t *buffer = malloc(CHUNK_BYTES);
    if (buffer == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = pump(pipe_out, fd, buffer, snapshot, before, error);
    free(buffer);
    return status;
}

/* One try. *ret_code is LMDB's answer to the copy. */
static enum sp_status copy_once(struct sp_store *store, unsigned flags, int fd, struct sp_snapshot *snapshot,
                                struct sp_revision before, int *ret_code, struct sp_error *error) {
    int ends[2];
    pthread_t thread;
    struct copy copy = {.store = store, .flags = flags};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return sp_error_set(error, SP_ERR_IO, "no pipe: %s", strerror(errno));
    copy.pipe_in = ends[1];
    if (pthread_create(&thread, NULL, run_copy, &copy) != 0) {
        close(ends[0]);
        close(ends[1]);
        return sp_error_set(error, SP_ERR_MEMORY, "no thread for the copy");
    }
    enum sp_status status = pump_with_buffer(ends[0], fd, snapshot, before, error);
    close(ends[0]); /* ends a copy that is still being written */
    pthread_join(thread, NULL);
    *ret_code = copy.code;
    return status;
}

/* A store whose pages leaked (a bug of LMDB 0.9.24 in very large transactions) cannot be compacted; LMDB finds out at the
 * end. Then the copy is taken again as it is, where `fd` can be rewound. */
static bool rewind_for_plain_copy(int fd, off_t start, int code, unsigned *flags) {
    if (code != MDB_INCOMPATIBLE || *flags == 0 || start < 0)
        return false;
    *flags = 0;
    return ftruncate(fd, start) == 0 && lseek(fd, start, SEEK_SET) == start;
}

static enum sp_status copy_until_settled(struct sp_store *store, int fd, struct sp_snapshot *snapshot,
                                         struct sp_revision *ret_revision, struct sp_error *error) {
    unsigned flags = MDB_CP_COMPACT;
    off_t start = lseek(fd, 0, SEEK_CUR);
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        struct sp_revision revision;
        int code = MDB_SUCCESS;
        enum sp_status status = revision_now(snapshot, &revision);
        if (status != SP_OK)
            return sp_error_set(error, status, "the store's revision cannot be read");
        status = copy_once(store, flags, fd, snapshot, revision, &code, error);
        if (status == SP_ERR_ABORTED || (status == SP_OK && rewind_for_plain_copy(fd, start, code, &flags)))
            continue;
        if (status == SP_OK)
            status = sp_lmdb_error(error, code, "copy the store");
        if (status == SP_OK)
            *ret_revision = revision;
        return status;
    }
    return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store changes too fast for a backup to begin: try again");
}

enum sp_status sp_store_backup(struct sp_store *store, int fd, struct sp_revision *ret_revision,
                               struct sp_error *error) {
    struct sp_snapshot *snapshot;
    struct sp_turn turn; /* of the copy's own transaction */
    enum sp_status status = sp_snapshot_open(store, &snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "no snapshot of the store can be taken: every reader slot may be in use");
    /* Takes over a map that grew before the copy begins: it could not. */
    status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK)
        sp_snapshot_release(snapshot);
    sp_turn_join(&store->turns, &turn);
    sp_turn_begin(&store->turns, &turn);
    if (status == SP_OK)
        status = copy_until_settled(store, fd, snapshot, ret_revision, error);
    else
        sp_error_set(error, status, "the store cannot be read");
    sp_turn_end(&turn);
    sp_turn_leave(&store->turns, &turn);
    sp_snapshot_close(snapshot);
    return status;
}
