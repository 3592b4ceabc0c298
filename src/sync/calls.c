/* The unary calls of the admin API: one handler for all rows of the table. */
#include "sync/calls.h"

#include <string.h>

#include "admin/methods.h"
#include "base/clock.h"
#include "core/key_text.h"
#include "daemon/admit.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/snapshot.h"
#include "sync/backup.h"
#include "sync/call_event.h"
#include "sync/caller.h"
#include "sync/import.h"
#include "sync/readers.h"
#include "sync/watch.h"
#include "wire/wire.h"

enum { FOLLOWER_WAIT_MS = 100 };

/* A mutation in the writer's queue. Lives in the call's arena, which is wiped when the call
 * ends. */
struct mutation {
    struct sp_job job; /* first: a job is its mutation */
    struct sp_rpc_call *call;
    const struct sp_sync_method *of;
    const struct sp_admin_method *method;
    ProtobufCMessage *request;
    struct sp_sync_caller caller;
    struct sp_bytes reply;
};

/* Whose turn the job comes in. */
static enum sp_status set_job_turn(struct sp_job *job, struct sp_str workspace, struct sp_error *error) {
    if (workspace.size > SP_ID_MAX_BYTES)
        return sp_error_set(error, SP_ERR_CORRUPT, "the workspace's id is damaged");
    if (workspace.size > 0)
        memcpy(job->workspace, workspace.data, workspace.size);
    return SP_OK;
}

/* ---- mutations ---- */

static enum sp_status apply_mutation(struct sp_job *job, struct sp_write *write, struct sp_arena *scratch,
                                     struct sp_error *error) {
    struct mutation *mutation = (struct mutation *)job;
    ProtobufCMessage *reply = NULL;
    /* The client has given up, and does not expect the change any more. */
    if (sp_rpc_call_remaining_ms(mutation->call) == 0)
        return sp_error_set(error, SP_ERR_DEADLINE,
                            "the deadline passed while the change was queued; nothing was changed");
    mutation->caller.caller.now_s = sp_clock_now_s();
    enum sp_status status = sp_admin_mutate(mutation->method, write, &mutation->caller.caller, mutation->request,
                                            scratch, &reply, &job->narrowed, error);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(reply, sp_rpc_call_arena(mutation->call), &mutation->reply);
    if (status != SP_OK)
        return sp_error_set(error, status, "the reply needs more memory than one call may use");
    return SP_OK;
}

static void finish_mutation(struct sp_job *job, enum sp_status status, const struct sp_error *error) {
    struct mutation *mutation = (struct mutation *)job;
    sp_sync_report_call(mutation->method, &mutation->caller, mutation->request, status);
    sp_sync_caller_wipe(&mutation->caller);
    sp_sync_count_call(mutation->of, SP_SYNC_WRITER_SHARD, status);
    if (status == SP_OK)
        sp_rpc_reply(mutation->call, mutation->reply);
    else
        sp_rpc_fail(mutation->call, status, error->message);
}

/* On the worker's own snapshot, so that what is queued is a change that somebody may make. */
static enum sp_status admit_mutation(struct mutation *mutation, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_admin_admission admission = {0};
    const struct sp_sync_method *of = mutation->of;
    enum sp_status status = sp_sync_acquire(of->sync, sp_rpc_call_worker(mutation->call), &snapshot, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_admit(of->method, sp_snapshot_view(snapshot), &mutation->caller.caller, mutation->request,
                            sp_rpc_call_arena(mutation->call), &admission, error);
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        return status;
    status = set_job_turn(&mutation->job, admission.workspace, error);
    if (status != SP_OK)
        return status;
    mutation->job.narrowing = admission.narrowing;
    /* The use of the key was noted. */
    mutation->caller.caller.usage = NULL;
    return SP_OK;
}

/* A store that follows etcd may not have yet what another instance has just acknowledged: a new key
 * is tried again when the follower has had time to bring it. */
static bool may_instance_be_behind(const struct sp_sync_method *of, const struct sp_rpc_call *call,
                                   enum sp_status status) {
    bool unknown = status == SP_ERR_UNAUTHENTICATED || status == SP_ERR_PERMISSION || status == SP_ERR_NOT_FOUND;
    return of->sync->source != NULL && unknown && sp_rpc_call_retries(call) == 0;
}

static enum sp_status queue_mutation(const struct sp_sync_method *of, struct sp_rpc_call *call,
                                     ProtobufCMessage *request, struct sp_error *error) {
    struct mutation *mutation = sp_arena_calloc(sp_rpc_call_arena(call), 1, sizeof(*mutation));
    if (mutation == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the call needs more memory than one call may use");
    mutation->job.apply = apply_mutation;
    mutation->job.done = finish_mutation;
    mutation->job.deletes_in_pieces = sp_admin_method_deletes_in_pieces(of->method);
    mutation->job.alone = sp_admin_method_is_batch(of->method);
    mutation->job.bytes = sp_rpc_call_request(call).size;
    mutation->call = call;
    mutation->of = of;
    mutation->method = of->method;
    mutation->request = request;
    sp_sync_caller_of(of->sync, call, &mutation->caller);
    enum sp_status status = admit_mutation(mutation, error);
    if (status != SP_OK)
        goto refused;
    /* Once it is queued the call may end at any moment. */
    status = sp_writer_submit(of->sync->writer, &mutation->job, error);
    if (status == SP_OK)
        return SP_OK;
refused:
    if (!may_instance_be_behind(of, call, status))
        sp_sync_report_call(of->method, &mutation->caller, request, status);
    sp_sync_caller_wipe(&mutation->caller);
    return status;
}

/* ---- reads ---- */

/* A read, in the call's arena, from where a reader's thread may answer it. */
struct admin_read {
    struct sp_reading reading; /* first: a reading is its read */
    struct sp_rpc_call *call;
    const struct sp_sync_method *of;
    const ProtobufCMessage *request;
    struct sp_sync_caller caller;
};

/* Packs before the snapshot is released: parts of the reply may be borrowed from it. */
static enum sp_status answer_admin_read(struct admin_read *read, unsigned slot, struct sp_bytes *ret_packed,
                                        struct sp_error *error) {
    const struct sp_sync_method *of = read->of;
    struct sp_snapshot *snapshot = NULL;
    ProtobufCMessage *reply = NULL;
    struct sp_arena *arena = sp_rpc_call_arena(read->call);
    enum sp_status status = sp_sync_acquire(of->sync, slot, &snapshot, error);
    if (status != SP_OK)
        return status;
    read->caller.caller.now_s = sp_clock_now_s();
    status = sp_admin_answer(of->method, sp_snapshot_view(snapshot), &read->caller.caller, read->request, arena, &reply,
                             error);
    sp_sync_report_call(of->method, &read->caller, read->request, status);
    if (status != SP_OK)
        goto out;
    status = sp_wire_pack(reply, arena, ret_packed);
    if (status != SP_OK)
        sp_error_set(error, status, "the reply needs more memory than one call may use");
out:
    sp_snapshot_release(snapshot);
    return status;
}

/* Once the call is replied to, a read in its arena is gone. */
static void finish_admin_read(struct admin_read *read, unsigned slot) {
    struct sp_bytes reply = {0};
    struct sp_error error = {0};
    enum sp_status status = answer_admin_read(read, slot, &reply, &error);
    sp_sync_caller_wipe(&read->caller);
    sp_sync_count_call(read->of, slot, status);
    if (status == SP_OK)
        sp_rpc_reply(read->call, reply);
    else
        sp_rpc_fail(read->call, status, error.message);
}

static void run_reading(struct sp_reading *reading, unsigned slot) {
    struct admin_read *read = (struct admin_read *)reading;
    struct sp_rpc_call *call = read->call;
    if (sp_rpc_call_remaining_ms(call) > 0) {
        finish_admin_read(read, slot);
        return;
    }
    sp_sync_caller_wipe(&read->caller);
    sp_sync_count_call(read->of, slot, SP_ERR_DEADLINE);
    sp_rpc_fail(call, SP_ERR_DEADLINE, "the deadline passed while the call was queued");
}

/* On the worker's own snapshot: whose turn it is to be in, and that nothing is queued for
 * nobody. */
static enum sp_status admit_reading(struct admin_read *read, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_admin_admission admission = {0};
    enum sp_status status = sp_sync_acquire(read->of->sync, sp_rpc_call_worker(read->call), &snapshot, error);
    if (status != SP_OK)
        return status;
    status = sp_admin_admit(read->of->method, sp_snapshot_view(snapshot), &read->caller.caller, read->request,
                            sp_rpc_call_arena(read->call), &admission, error);
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        return status;
    return set_job_turn(&read->reading.job, admission.workspace, error);
}

static enum sp_status queue_reading(struct admin_read *read, struct sp_error *error) {
    read->reading.read = run_reading;
    enum sp_status status = admit_reading(read, error);
    if (status != SP_OK)
        goto refused;
    /* Once it is queued the call may end at any moment. */
    status = sp_readers_submit(read->of->sync->readers, &read->reading, error);
    if (status == SP_OK)
        return SP_OK;
refused:
    sp_sync_report_call(read->of->method, &read->caller, read->request, status);
    sp_sync_caller_wipe(&read->caller);
    return status;
}

static enum sp_status begin_read(const struct sp_sync_method *of, struct sp_rpc_call *call,
                                 const ProtobufCMessage *request, struct sp_error *error) {
    struct admin_read *read = sp_arena_calloc(sp_rpc_call_arena(call), 1, sizeof(*read));
    if (read == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the call needs more memory than one call may use");
    read->call = call;
    read->of = of;
    read->request = request;
    sp_sync_caller_of(of->sync, call, &read->caller);
    if (sp_admin_method_reads_much(of->method))
        return queue_reading(read, error);
    finish_admin_read(read, sp_rpc_call_worker(call));
    return SP_OK;
}

/* ---- all ---- */

static void handle_admin_call(struct sp_rpc_call *call, void *user) {
    const struct sp_sync_method *of = user;
    ProtobufCMessage *request = NULL;
    struct sp_error error = {0};
    if (sp_rpc_call_retries(call) > 0)
        sp_arena_wipe(sp_rpc_call_arena(call));
    enum sp_status status = sp_wire_unpack(sp_admin_method_request(of->method), sp_rpc_call_request(call),
                                           sp_rpc_call_arena(call), &request, &error);
    if (status != SP_OK)
        goto failed;
    if (sp_admin_method_type(of->method) == SP_ADMIN_MUTATION) {
        status = queue_mutation(of, call, request, &error);
        if (status == SP_OK)
            return; /* finish_mutation replies */
        if (!may_instance_be_behind(of, call, status))
            goto failed;
        sp_rpc_retry_after(call, FOLLOWER_WAIT_MS);
        return;
    }
    status = begin_read(of, call, request, &error);
    if (status == SP_OK)
        return; /* finish_admin_read has replied, or will */
failed:
    sp_sync_count_call(of, sp_rpc_call_worker(call), status);
    sp_rpc_fail(call, status, error.message);
}

static const struct sp_rpc_stream_ops *const stream_ops[SP_ADMIN_STREAMS] = {
    [SP_ADMIN_WATCH_CHANGES] = &sp_sync_watch_ops,
    [SP_ADMIN_BACKUP] = &sp_sync_backup_ops,
    [SP_ADMIN_IMPORT] = &sp_sync_import_ops,
};

/* Lists of 1,000 shares or members, a schema, a batch of an import; other streams have 0, the
 * default. */
static uint32_t limit_request(const struct sp_admin_method *method) {
    enum { UNARY_BYTES = 1024 * 1024 + 64 * 1024, IMPORT_BYTES = 4 * 1024 * 1024 + 64 * 1024 };
    if (sp_admin_method_type(method) != SP_ADMIN_STREAM)
        return sp_admin_method_is_batch(method) ? IMPORT_BYTES : UNARY_BYTES;
    return sp_admin_method_stream(method) == SP_ADMIN_IMPORT ? IMPORT_BYTES : 0;
}

size_t sp_sync_methods(struct sp_sync *sync, struct sp_rpc_method ret_methods[static SP_SYNC_MAX_METHODS]) {
    for (size_t i = 0; i < SP_ADMIN_METHODS; i++) {
        const struct sp_admin_method *method = sp_admin_method_at(i);
        bool is_stream = sp_admin_method_type(method) == SP_ADMIN_STREAM;
        sync->methods[i] = (struct sp_sync_method){.sync = sync, .method = method};
        ret_methods[i] = (struct sp_rpc_method){
            .path = sp_admin_method_path(method),
            .kind = is_stream ? SP_RPC_STREAM : SP_RPC_UNARY,
            .unary = is_stream ? NULL : handle_admin_call,
            .stream = stream_ops[sp_admin_method_stream(method)],
            .user = &sync->methods[i],
            .ages = is_stream && sp_admin_method_stream(method) == SP_ADMIN_WATCH_CHANGES,
            .max_request_bytes = limit_request(method),
        };
    }
    size_t count = SP_ADMIN_METHODS;
    if (sync->usage != NULL)
        ret_methods[count++] = sp_sync_usage_method(sync->usage);
    return count;
}

enum sp_status sp_sync_admit(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error) {
    const struct sp_sync *sync = user;
    return sp_admit_call(sync->callers, call, (enum sp_caller_role)permit, error);
}

static enum sp_status admit_unread(struct sp_sync *sync, struct sp_rpc_call *call, const struct sp_sync_method *of,
                                   const struct sp_sync_caller *caller, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_sync_acquire(sync, sp_rpc_call_worker(call), &snapshot, error);
    if (status != SP_OK)
        return status;
    status =
        sp_admin_admit_unread(of->method, sp_snapshot_view(snapshot), &caller->caller, sp_rpc_call_arena(call), error);
    sp_snapshot_release(snapshot);
    return status;
}

/* That of an accepted key is noted when the call itself is made. */
static void note_rejected_use(void *user, struct sp_str workspace, struct sp_str key_id, const struct sp_ip *ip,
                              enum sp_reason rejected) {
    const struct sp_sync *sync = user;
    const struct sp_admin_usage *usage = sp_sync_usage_admin(sync->usage);
    if (rejected != SP_REASON_NONE)
        usage->note(usage->user, workspace, key_id, ip, rejected);
}

enum sp_status sp_sync_authenticate(struct sp_rpc_call *call, void *user, struct sp_error *error) {
    struct sp_sync *sync = user;
    const struct sp_sync_method *of = sp_rpc_call_method(call)->user;
    struct sp_sync_caller caller;
    sp_sync_caller_of(sync, call, &caller);
    const struct sp_admin_usage rejections = {.note = note_rejected_use, .user = sync};
    if (caller.caller.usage != NULL)
        caller.caller.usage = &rejections;
    enum sp_status status = admit_unread(sync, call, of, &caller, error);
    if (status == SP_ERR_UNAUTHENTICATED && sync->source != NULL && sp_key_text_is_complete(caller.caller.credential))
        status = SP_OK;
    if (status != SP_OK) {
        sp_sync_report_call(of->method, &caller, NULL, status);
        sp_sync_count_call(of, sp_rpc_call_worker(call), status);
    }
    sp_sync_caller_wipe(&caller);
    return status;
}
