#include "server/methods.h"

#include "daemon/admit.h"
#include "daemon/caller.h"
#include "server/calls.h"
#include "server/ext_authz/ext_authz.h"
#include "server/list.h"
#include "server/service.h"
#include "server/stream.h"

enum {
    QUESTION_BYTES = 8 * 1024, /* the texts of one question, which are 1.3 KiB at most, and what may be added */
    BATCH_BYTES = 1024 * 1024,
    /* All headers of a client's request, which must be denied and not fail however many there are:
     * Envoy takes 60 KiB, if not configured otherwise. */
    ENVOY_QUESTION_BYTES = 1024 * 1024,
};

void sp_service_methods(struct sp_service *service, struct sp_rpc_method ret_methods[static SP_SERVER_METHODS]) {
    const struct sp_rpc_method methods[SP_SERVER_METHODS] = {
        {.path = "/sallyport.v1.Authorization/Check",
         .unary = sp_calls_check,
         .user = service,
         .hot = true,
         .permit = SP_CALLER_CHECK,
         .max_request_bytes = QUESTION_BYTES},
        {.path = "/sallyport.v1.Authorization/CheckBatch",
         .unary = sp_calls_check_batch,
         .user = service,
         .hot = true,
         .permit = SP_CALLER_CHECK,
         .max_request_bytes = BATCH_BYTES},
        {.path = "/sallyport.v1.Authorization/CheckStream",
         .kind = SP_RPC_STREAM,
         .stream = &sp_check_stream,
         .user = service,
         .ages = true,
         .permit = SP_CALLER_CHECK,
         .max_request_bytes = BATCH_BYTES},
        {.path = "/sallyport.v1.Authorization/Explain",
         .unary = sp_calls_explain,
         .user = service,
         .permit = SP_CALLER_EXPLAIN,
         .max_request_bytes = QUESTION_BYTES},
        {.path = "/sallyport.v1.Authorization/ListResources",
         .kind = SP_RPC_STREAM,
         .stream = &sp_list_resources_stream,
         .user = service,
         .permit = SP_CALLER_LIST,
         .max_request_bytes = QUESTION_BYTES},
        {.path = "/sallyport.v1.Authorization/ListSubjects",
         .kind = SP_RPC_STREAM,
         .stream = &sp_list_subjects_stream,
         .user = service,
         .permit = SP_CALLER_SUBJECTS,
         .max_request_bytes = QUESTION_BYTES},
        {.path = "/envoy.service.auth.v3.Authorization/Check",
         .unary = sp_ext_authz_check,
         .user = service,
         .hot = true,
         .max_request_bytes = ENVOY_QUESTION_BYTES},
    };
    for (size_t i = 0; i < SP_SERVER_METHODS; i++)
        ret_methods[i] = methods[i];
}

enum sp_status sp_service_admit(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error) {
    const struct sp_service *service = user;
    return sp_admit_call(service->callers, call, (enum sp_caller_role)permit, error);
}
