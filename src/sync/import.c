/* Import: batches of records, each one change. A batch is queued for the writer like any
 * mutation, and the next one is read only when the reply to it has gone. A dry run works on a
 * copy of the store. */
#include "sync/import.h"

#include <stdlib.h>
#include <string.h>

#include "admin/import.h"
#include "base/clock.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/lmdb/store.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "sync/call_event.h"
#include "sync/scratch.h"
#include "sync/stream_access.h"
#include "sync/task.h"
#include "wire/wire.h"

enum {
    BATCH_MAX_RECORDS = 10000,
    BATCH_MAX_BYTES = 4 * 1024 * 1024,
    ARENA_FIRST_BYTES = 64 * 1024,
    ARENA_BUDGET_BYTES = 128 * 1024 * 1024,
};

struct import {
    struct sp_task task; /* first: a task is its import */
    struct sp_job job;
    const struct sp_sync_method *of;
    struct sp_sync_caller caller;
    struct sp_arena arena; /* of the batch: request and reply */
    const Sallyport__V1__ImportRequest *request;
    bool began;
    bool dry_run;
    struct sp_store *copy;         /* of a dry run */
    struct sp_revision checked_at; /* of the store when it was copied */
    char copy_folder[SP_SCRATCH_PATH_BYTES];
    uint64_t applied, skipped;             /* records, over all batches */
    uint64_t batch_applied, batch_skipped; /* of the batch, which may not be committed yet */
    bool refusals_sent;                    /* the error follows */
    enum sp_status status;
    struct sp_error error;
    struct sp_bytes reply;
};

static struct import *import_of(struct sp_job *job) {
    return (struct import *)(void *)((char *)job - offsetof(struct import, job));
}

static void drop_import(struct sp_task *task) {
    struct import *import = (struct import *)task;
    if (import->copy != NULL) {
        sp_store_close(import->copy);
        sp_scratch_remove(import->copy_folder);
    }
    sp_sync_caller_wipe(&import->caller);
    sp_arena_wipe(&import->arena);
    sp_arena_fini(&import->arena);
    free(import);
}

/* ---- applying a batch ---- */

/* The reply before the error that ends the call. None if it cannot be made: the error says the
 * first. */
static void pack_refusals(struct import *import, struct sp_admin_import_refusals *refusals) {
    Sallyport__V1__ImportResponse response = SALLYPORT__V1__IMPORT_RESPONSE__INIT;
    response.applied = import->applied;
    response.skipped = import->skipped;
    response.refusals = refusals->kept;
    response.n_refusals = refusals->count;
    if (refusals->count == 0 || sp_wire_pack(&response.base, &import->arena, &import->reply) != SP_OK)
        import->reply = (struct sp_bytes){0};
}

static enum sp_status apply_import_batch(struct import *import, struct sp_write *write, struct sp_arena *scratch,
                                         struct sp_error *error) {
    struct sp_admin_import_refusals refusals = {0};
    Sallyport__V1__ImportResponse *response = NULL;
    import->caller.caller.now_s = sp_clock_now_s();
    enum sp_status status =
        sp_admin_import(write, &import->caller.caller, import->request, scratch, &refusals, &response, error);
    if (status != SP_OK) {
        pack_refusals(import, &refusals);
        return status;
    }
    if (import->dry_run) {
        response->revision->epoch = import->checked_at.epoch;
        response->revision->number = import->checked_at.number;
    }
    import->batch_applied = response->applied;
    import->batch_skipped = response->skipped;
    response->applied += import->applied;
    response->skipped += import->skipped;
    status = sp_wire_pack(&response->base, &import->arena, &import->reply);
    if (status != SP_OK)
        return sp_error_set(error, status, "the reply would exceed the memory limit of one call: send smaller batches");
    return SP_OK;
}

static enum sp_status apply_import_job(struct sp_job *job, struct sp_write *write, struct sp_arena *scratch,
                                       struct sp_error *error) {
    return apply_import_batch(import_of(job), write, scratch, error);
}

static void finish_import_job(struct sp_job *job, enum sp_status status, const struct sp_error *error) {
    struct import *import = import_of(job);
    import->status = status;
    import->error = *error;
    sp_task_release(&import->task);
}

static enum sp_status apply_to_copy(struct import *import, struct sp_arena *scratch) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(import->copy, &write, &import->error);
    if (status != SP_OK)
        return status;
    status = apply_import_batch(import, write, scratch, &import->error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, &import->error);
}

static enum sp_status apply_dry(struct import *import) {
    const struct sp_sync *sync = import->task.sync;
    struct sp_arena scratch;
    enum sp_status status = SP_OK;
    if (import->copy == NULL)
        status = sp_scratch_copy(sync->store, sync->store_path, import->copy_folder, &import->copy, &import->checked_at,
                                 &import->error);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&scratch, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(&import->error, status, "out of memory");
    status = apply_to_copy(import, &scratch);
    sp_arena_wipe(&scratch);
    sp_arena_fini(&scratch);
    return status;
}

/* On a thread of its own, because copying a store takes long. */
static void run_dry(struct sp_task *task) {
    struct import *import = (struct import *)task;
    import->status = apply_dry(import);
}

/* ---- answering ---- */

static void wake_import(struct sp_rpc_call *call, void *user) {
    struct import *import = sp_rpc_state(call);
    (void)user;
    if (!sp_task_is_done(&import->task))
        return;
    sp_sync_count_call(import->of, sp_rpc_call_worker(call), import->status);
    sp_sync_report_call(import->of->method, &import->caller, NULL, import->status);
    import->refusals_sent = import->status != SP_OK && import->reply.size > 0;
    if (import->status != SP_OK && !import->refusals_sent) {
        sp_rpc_fail(call, import->status, import->error.message);
        return;
    }
    if (import->status == SP_OK) {
        import->applied += import->batch_applied;
        import->skipped += import->batch_skipped;
    }
    sp_rpc_send(call, import->reply);
}

static void continue_import(struct sp_rpc_call *call, void *user) {
    const struct import *import = sp_rpc_state(call);
    (void)user;
    if (import->refusals_sent)
        sp_rpc_fail(call, import->status, import->error.message);
    else
        sp_rpc_read(call);
}

/* ---- taking a batch ---- */

static void open_import_call(struct sp_rpc_call *call, void *user) {
    const struct sp_sync_method *of = user;
    struct sp_str workspace;
    if (!sp_sync_admit_stream(of, call, &workspace))
        return;
    struct import *import = calloc(1, sizeof(*import));
    if (import == NULL || sp_arena_init(&import->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        free(import);
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    sp_task_init(&import->task, of->sync, call, drop_import);
    import->of = of;
    import->job.apply = apply_import_job;
    import->job.done = finish_import_job;
    import->job.alone = true;
    sp_sync_caller_of(of->sync, call, &import->caller);
    import->caller.caller.gone = &import->task.over;
    sp_rpc_set_state(call, import);
    sp_rpc_read(call);
}

static enum sp_status authorize_import(struct sp_rpc_call *call, struct import *import, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_str workspace;
    enum sp_status status = sp_sync_acquire(import->of->sync, sp_rpc_call_worker(call), &snapshot, error);
    if (status != SP_OK)
        return status;
    import->caller.caller.now_s = sp_clock_now_s();
    status = sp_admin_authorize_stream(import->of->method, sp_snapshot_view(snapshot), &import->caller.caller,
                                       &import->request->base, &import->arena, &workspace, error);
    sp_snapshot_release(snapshot);
    return status;
}

static enum sp_status read_import_batch(struct import *import, struct sp_bytes message, struct sp_error *error) {
    ProtobufCMessage *request = NULL;
    sp_arena_wipe(&import->arena);
    if (message.size > BATCH_MAX_BYTES)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the batch is larger than 4 MiB: send smaller batches");
    enum sp_status status =
        sp_wire_unpack(&sallyport__v1__import_request__descriptor, message, &import->arena, &request, error);
    if (status != SP_OK)
        return status;
    import->request = (const Sallyport__V1__ImportRequest *)request;
    if (import->request->n_records > BATCH_MAX_RECORDS)
        return sp_error_set(error, SP_ERR_INVALID, "records: %zu are too many; send at most %d at a time",
                            import->request->n_records, BATCH_MAX_RECORDS);
    if (import->began && import->request->dry_run && !import->dry_run)
        return sp_error_set(error, SP_ERR_INVALID, "dry_run: can be set in the first message only");
    if (import->request->max_refusals > SP_IMPORT_REFUSALS_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "max_refusals: at most %d", SP_IMPORT_REFUSALS_MAX);
    import->dry_run |= import->request->dry_run;
    import->reply = (struct sp_bytes){0};
    import->began = true;
    import->job.bytes = message.size;
    return SP_OK;
}

static enum sp_status start_applying(struct import *import, struct sp_error *error) {
    if (import->dry_run)
        return sp_task_start(&import->task, run_dry, error);
    sp_task_hold(&import->task);
    enum sp_status status = sp_writer_submit(import->of->sync->writer, &import->job, error);
    if (status != SP_OK)
        import->task.busy = false;
    return status;
}

static enum sp_status take_import_batch(struct sp_rpc_call *call, struct import *import, struct sp_bytes message,
                                        struct sp_error *error) {
    enum sp_status status = read_import_batch(import, message, error);
    if (status != SP_OK)
        return status;
    status = authorize_import(call, import, error);
    if (status != SP_OK)
        return status;
    return start_applying(import, error);
}

static void receive_import_batch(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct import *import = sp_rpc_state(call);
    struct sp_error error = {0};
    (void)user;
    enum sp_status status = take_import_batch(call, import, message, &error);
    if (status != SP_OK)
        sp_sync_fail_stream(import->of, &import->caller, call, status, error.message);
}

static void finish_import(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

static void close_import_call(struct sp_rpc_call *call, void *user) {
    struct import *import = sp_rpc_state(call);
    (void)user;
    if (import != NULL)
        sp_task_close(&import->task);
}

const struct sp_rpc_stream_ops sp_sync_import_ops = {
    .opened = open_import_call,
    .received = receive_import_batch,
    .half_closed = finish_import,
    .sent = continue_import,
    .woken = wake_import,
    .closed = close_import_call,
};
