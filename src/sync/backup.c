/* Backup: a thread copies the store into a file without a name, then the file is streamed. */
#include "sync/backup.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/recovery/backup.h"
#include "sync/call_event.h"
#include "sync/scratch.h"
#include "sync/stream_access.h"
#include "sync/task.h"
#include "wire/wire.h"

enum {
    CHUNK_BYTES = 256 * 1024,
    ARENA_BUDGET_BYTES = 4 * 1024 * 1024,
    ARENA_FIRST_BYTES = 4 * 1024,
};

struct backup {
    struct sp_task task; /* first: a task is its backup */
    const struct sp_sync_method *of;
    struct sp_sync_caller caller;
    struct sp_arena arena;
    int fd; /* -1: none */
    enum sp_status status;
    struct sp_error error;
    struct sp_revision revision;
    uint64_t total_bytes, sent_bytes;
};

static void drop_backup(struct sp_task *task) {
    struct backup *backup = (struct backup *)task;
    if (backup->fd >= 0)
        close(backup->fd);
    sp_arena_fini(&backup->arena);
    free(backup);
}

/* ---- copying, on its own thread ---- */

static enum sp_status copy_store(struct backup *backup) {
    const struct sp_sync *sync = backup->task.sync;
    struct stat about;
    enum sp_status status = sp_scratch_file(sync->store_path, &backup->fd, &backup->error);
    if (status != SP_OK)
        return status;
    status = sp_store_backup(sync->store, backup->fd, &backup->revision, &backup->error);
    if (status != SP_OK)
        return status;
    if (fstat(backup->fd, &about) != 0)
        return sp_error_set(&backup->error, SP_ERR_IO, "cannot read the copy of the store");
    backup->total_bytes = (uint64_t)about.st_size;
    return SP_OK;
}

static void run_backup_task(struct sp_task *task) {
    struct backup *backup = (struct backup *)task;
    backup->status = copy_store(backup);
}

/* ---- sending ---- */

static enum sp_status read_backup_part(struct backup *backup, uint8_t *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(backup->fd, data + done, size - done, (off_t)(backup->sent_bytes + done));
        if (got <= 0)
            return SP_ERR_IO;
        done += (size_t)got;
    }
    return SP_OK;
}

static enum sp_status pack_backup_chunk(struct backup *backup, struct sp_bytes *ret_packed) {
    Sallyport__V1__BackupChunk chunk = SALLYPORT__V1__BACKUP_CHUNK__INIT;
    Sallyport__V1__Revision revision = SALLYPORT__V1__REVISION__INIT;
    uint64_t left = backup->total_bytes - backup->sent_bytes;
    size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    sp_arena_reset(&backup->arena);
    chunk.data.data = sp_arena_alloc(&backup->arena, size);
    chunk.data.len = size;
    if (chunk.data.data == NULL)
        return SP_ERR_MEMORY;
    if (backup->sent_bytes == 0) {
        revision.epoch = backup->revision.epoch;
        revision.number = backup->revision.number;
        chunk.revision = &revision;
        chunk.total_bytes = backup->total_bytes;
    }
    enum sp_status status = read_backup_part(backup, chunk.data.data, size);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(&chunk.base, &backup->arena, ret_packed);
    if (status != SP_OK)
        return status;
    backup->sent_bytes += size;
    return SP_OK;
}

static void send_next_chunk(struct sp_rpc_call *call, struct backup *backup) {
    struct sp_bytes packed;
    if (backup->sent_bytes == backup->total_bytes) {
        sp_sync_count_call(backup->of, sp_rpc_call_worker(call), SP_OK);
        sp_sync_report_call(backup->of->method, &backup->caller, NULL, SP_OK);
        sp_sync_metrics_count_backup(backup->of->sync->metrics, sp_clock_now_s());
        sp_rpc_finish(call);
        return;
    }
    enum sp_status status = pack_backup_chunk(backup, &packed);
    if (status == SP_OK)
        sp_rpc_send(call, packed);
    else
        sp_sync_fail_stream(backup->of, &backup->caller, call, status, "cannot read the copy of the store");
}

/* ---- the stream ---- */

static void open_backup(struct sp_rpc_call *call, void *user) {
    const struct sp_sync_method *of = user;
    struct sp_str workspace;
    if (!sp_sync_admit_stream(of, call, &workspace))
        return;
    struct backup *backup = calloc(1, sizeof(*backup));
    if (backup == NULL || sp_arena_init(&backup->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        free(backup);
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    sp_task_init(&backup->task, of->sync, call, drop_backup);
    backup->of = of;
    backup->fd = -1;
    sp_rpc_set_state(call, backup);
    sp_rpc_read(call);
}

static enum sp_status authorize_backup(struct sp_rpc_call *call, struct backup *backup, const ProtobufCMessage *request,
                                       struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_str workspace;
    enum sp_status status = sp_sync_acquire(backup->of->sync, sp_rpc_call_worker(call), &snapshot, error);
    if (status != SP_OK)
        return status;
    sp_sync_caller_of(backup->of->sync, call, &backup->caller);
    status = sp_admin_authorize_stream(backup->of->method, sp_snapshot_view(snapshot), &backup->caller.caller, request,
                                       &backup->arena, &workspace, error);
    sp_sync_caller_wipe(&backup->caller);
    sp_snapshot_release(snapshot);
    return status;
}

static enum sp_status start_backup(struct sp_rpc_call *call, struct backup *backup, struct sp_bytes message,
                                   struct sp_error *error) {
    ProtobufCMessage *request = NULL;
    enum sp_status status =
        sp_wire_unpack(&sallyport__v1__backup_request__descriptor, message, &backup->arena, &request, error);
    if (status != SP_OK)
        return status;
    status = authorize_backup(call, backup, request, error);
    if (status != SP_OK)
        return status;
    return sp_task_start(&backup->task, run_backup_task, error);
}

static void receive_backup_request(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct backup *backup = sp_rpc_state(call);
    struct sp_error error = {0};
    (void)user;
    enum sp_status status = start_backup(call, backup, message, &error);
    if (status != SP_OK)
        sp_sync_fail_stream(backup->of, &backup->caller, call, status, error.message);
}

static void refuse_backup_without_request(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_INVALID, "the call carries no request");
}

static void wake_backup(struct sp_rpc_call *call, void *user) {
    struct backup *backup = sp_rpc_state(call);
    (void)user;
    if (!sp_task_is_done(&backup->task))
        return;
    if (backup->status == SP_OK)
        send_next_chunk(call, backup);
    else
        sp_sync_fail_stream(backup->of, &backup->caller, call, backup->status, backup->error.message);
}

static void continue_backup(struct sp_rpc_call *call, void *user) {
    (void)user;
    send_next_chunk(call, sp_rpc_state(call));
}

static void close_backup(struct sp_rpc_call *call, void *user) {
    struct backup *backup = sp_rpc_state(call);
    (void)user;
    if (backup != NULL)
        sp_task_close(&backup->task);
}

const struct sp_rpc_stream_ops sp_sync_backup_ops = {
    .opened = open_backup,
    .received = receive_backup_request,
    .half_closed = refuse_backup_without_request,
    .sent = continue_backup,
    .woken = wake_backup,
    .closed = close_backup,
};
