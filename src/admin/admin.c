/* What happens around every handler. */
#include "admin/admin.h"

#include "admin/access.h"
#include "admin/actor.h"
#include "admin/aliases.h"
#include "admin/context.h"
#include "admin/idempotency.h"
#include "admin/message.h"
#include "admin/method_row.h"
#include "admin/witness.h"
#include "store/records/changeset.h"
#include "store/records/head.h"
#include "store/records/write.h"

/* Inner steps leave plain failures without words. */
static enum sp_status explain_plain_failure(struct sp_error *error, enum sp_status status) {
    if (status == SP_OK || error->status != SP_OK)
        return status;
    switch ((int)status) {
    case SP_ERR_MEMORY:
        return sp_error_set(error, status, "the request exceeds the memory limit of one call: send less at a time");
    case SP_ERR_CORRUPT:
        return sp_error_set(error, status, "the store is damaged: run `sallyport-sync verify`");
    default:
        return sp_error_set(error, status, "cannot read the store");
    }
}

/* Everything before the handler: who calls, whether it may, and about which workspace. */
static enum sp_status admit_method(struct sp_admin_context *ctx, bool fits, const ProtobufCMessage *request) {
    if (!fits || request->descriptor != ctx->method->request)
        return sp_error_set(ctx->error, SP_ERR_INTERNAL, "%s was called as a method of another type",
                            ctx->method->name);
    enum sp_status status = sp_admin_admit_caller(ctx);
    if (status != SP_OK)
        return status;
    status = sp_admin_resolve_workspace(ctx, request);
    if (status != SP_OK)
        return status;
    sp_admin_witness_workspace(ctx);
    return SP_OK;
}

/* Fills the reply's field `revision`, if it has one that is not filled. */
static enum sp_status fill_revision(struct sp_admin_context *ctx, struct sp_revision revision,
                                    ProtobufCMessage *reply) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(reply->descriptor, "revision");
    if (field == NULL || field->descriptor != &sallyport__v1__revision__descriptor)
        return SP_OK;
    Sallyport__V1__Revision *message = SP_ADMIN_NEW(ctx, Sallyport__V1__Revision, sallyport__v1__revision);
    if (message == NULL)
        return SP_ERR_MEMORY;
    message->epoch = revision.epoch;
    message->number = revision.number;
    memcpy((char *)reply + field->offset, &message, sizeof(void *));
    return SP_OK;
}

static enum sp_status handle_request(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                     ProtobufCMessage **ret_reply) {
    enum sp_status status = sp_admin_resolve_aliases(ctx, request, &request);
    if (status != SP_OK)
        return status;
    status = ctx->method->handler(ctx, request, ret_reply);
    if (status != SP_OK)
        return status;
    return sp_admin_fill_aliases(ctx, *ret_reply);
}

static enum sp_status answer_on_view(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                     ProtobufCMessage **ret_reply) {
    ProtobufCMessage *reply = NULL;
    struct sp_revision revision = {0};
    bool fits = ctx->method->type == SP_ADMIN_READ || ctx->method->type == SP_ADMIN_USAGE_WRITE;
    enum sp_status status = admit_method(ctx, fits, request);
    if (status != SP_OK)
        return status;
    status = handle_request(ctx, request, &reply);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(ctx->view, &revision);
    if (status != SP_OK)
        return status;
    status = fill_revision(ctx, revision, reply);
    if (status != SP_OK)
        return status;
    *ret_reply = reply;
    return SP_OK;
}

enum sp_status sp_admin_answer(const struct sp_admin_method *method, struct sp_view *view,
                               const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                               struct sp_arena *arena, ProtobufCMessage **ret_reply, struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_admin_context ctx = {
        .method = method, .view = view, .arena = arena, .caller = caller, .error = &why, .now_s = caller->now_s};
    enum sp_status status = explain_plain_failure(&why, answer_on_view(&ctx, request, ret_reply));
    if (error != NULL && status != SP_OK)
        *error = why;
    return status;
}

enum sp_status sp_admin_admit_unread(const struct sp_admin_method *method, struct sp_view *view,
                                     const struct sp_admin_caller *caller, struct sp_arena *arena,
                                     struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_admin_context ctx = {
        .method = method, .view = view, .arena = arena, .caller = caller, .error = &why, .now_s = caller->now_s};
    enum sp_status status = explain_plain_failure(&why, sp_admin_admit_caller(&ctx));
    if (error != NULL && status != SP_OK)
        *error = why;
    return status;
}

enum sp_status sp_admin_admit(const struct sp_admin_method *method, struct sp_view *view,
                              const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                              struct sp_arena *arena, struct sp_admin_admission *ret_admission,
                              struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_admin_context ctx = {
        .method = method, .view = view, .arena = arena, .caller = caller, .error = &why, .now_s = caller->now_s};
    enum sp_status status = explain_plain_failure(
        &why, admit_method(&ctx, method->type == SP_ADMIN_MUTATION || method->reads_much, request));
    if (status != SP_OK) {
        if (error != NULL)
            *error = why;
        return status;
    }
    ret_admission->workspace = ctx.is_operator ? (struct sp_str){0} : ctx.key.workspace;
    ret_admission->narrowing = method->narrowing == NULL ? SP_ADMIN_WIDENS : method->narrowing(request);
    return SP_OK;
}

static enum sp_status check_not_deleting(struct sp_admin_context *ctx) {
    if (ctx->stored_workspace == NULL || !ctx->stored_workspace->workspace->deleting)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "workspace %.*s is being deleted", SP_STR_ARG(ctx->workspace));
}

/* For a request that was not answered before. */
static enum sp_status make_change(struct sp_admin_context *ctx, const struct sp_admin_replay *replay,
                                  const ProtobufCMessage *request, ProtobufCMessage **ret_reply) {
    ProtobufCMessage *reply = NULL;
    struct sp_revision revision = {0};
    enum sp_status status = check_not_deleting(ctx);
    if (status != SP_OK)
        return status;
    status = sp_admin_begin_changes(ctx, sp_admin_request_id(request));
    if (status != SP_OK)
        return status;
    status = handle_request(ctx, request, &reply);
    if (status != SP_OK)
        return status;
    status = sp_changeset_apply(ctx->write, ctx->changes, &revision, ctx->error);
    if (status != SP_OK)
        return status;
    status = fill_revision(ctx, revision, reply);
    if (status != SP_OK)
        return status;
    sp_admin_witness_revision(ctx, revision);
    status = sp_admin_replay_keep(ctx, replay, reply);
    if (status != SP_OK)
        return status;
    *ret_reply = reply;
    return SP_OK;
}

static enum sp_status answer_mutation(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                      ProtobufCMessage **ret_reply) {
    struct sp_admin_replay replay = {0};
    enum sp_status status = admit_method(ctx, ctx->method->type == SP_ADMIN_MUTATION, request);
    if (status != SP_OK)
        return status;
    status = sp_admin_replay_open(ctx, request, &replay);
    if (status != SP_OK)
        return status;
    status = sp_admin_replay_find(ctx, &replay, ret_reply);
    return status == SP_ERR_NOT_FOUND ? make_change(ctx, &replay, request, ret_reply) : status;
}

enum sp_status sp_admin_mutate(const struct sp_admin_method *method, struct sp_write *write,
                               const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                               struct sp_arena *arena, ProtobufCMessage **ret_reply, bool *ret_narrowed,
                               struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_admin_context ctx = {.method = method,
                                   .view = sp_write_view(write),
                                   .write = write,
                                   .arena = arena,
                                   .caller = caller,
                                   .error = &why,
                                   .now_s = caller->now_s};
    uint64_t operations_before = sp_write_operations(write);
    enum sp_status status = explain_plain_failure(&why, answer_mutation(&ctx, request, ret_reply));
    *ret_narrowed = ctx.narrowed;
    if (status == SP_OK)
        return SP_OK;
    (void)sp_write_refuse(write, operations_before);
    if (error != NULL)
        *error = why;
    return status;
}

enum sp_status sp_admin_authorize_stream(const struct sp_admin_method *method, struct sp_view *view,
                                         const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                                         struct sp_arena *arena, struct sp_str *ret_workspace, struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_admin_context ctx = {
        .method = method, .view = view, .arena = arena, .caller = caller, .error = &why, .now_s = caller->now_s};
    enum sp_status status = explain_plain_failure(&why, admit_method(&ctx, method->type == SP_ADMIN_STREAM, request));
    if (status != SP_OK) {
        if (error != NULL)
            *error = why;
        return status;
    }
    *ret_workspace = ctx.workspace;
    return SP_OK;
}
