#include "server/methods.h"

#include "daemon/caller.h"
#include "server/calls.h"
#include "server/ext_authz/ext_authz.h"
#include "server/list.h"
#include "server/stream.h"

void sp_service_methods(struct sp_service *service, struct sp_rpc_method ret_methods[static SP_SERVER_METHODS]) {
    const struct sp_rpc_method methods[SP_SERVER_METHODS] = {
        {.path = "/sallyport.v1.Authorization/Check",
         .unary = sp_calls_check,
         .user = service,
         .hot = true,
         .permit = SP_CALLER_CHECK},
        {.path = "/sallyport.v1.Authorization/CheckBatch",
         .unary = sp_calls_check_batch,
         .user = service,
         .hot = true,
         .permit = SP_CALLER_CHECK},
        {.path = "/sallyport.v1.Authorization/CheckStream",
         .kind = SP_RPC_STREAM,
         .stream = &sp_check_stream,
         .user = service,
         .permit = SP_CALLER_CHECK},
        {.path = "/sallyport.v1.Authorization/Explain",
         .unary = sp_calls_explain,
         .user = service,
         .permit = SP_CALLER_EXPLAIN},
        {.path = "/sallyport.v1.Authorization/ListResources",
         .kind = SP_RPC_STREAM,
         .stream = &sp_list_resources_stream,
         .user = service,
         .permit = SP_CALLER_LIST},
        {.path = "/sallyport.v1.Authorization/ListSubjects",
         .kind = SP_RPC_STREAM,
         .stream = &sp_list_subjects_stream,
         .user = service,
         .permit = SP_CALLER_SUBJECTS},
        {.path = "/envoy.service.auth.v3.Authorization/Check",
         .unary = sp_ext_authz_check,
         .user = service,
         .hot = true},
    };
    for (size_t i = 0; i < SP_SERVER_METHODS; i++)
        ret_methods[i] = methods[i];
}
