#include "server/authzen/admit.h"

#include "daemon/admit.h"

enum sp_status sp_authzen_admit(struct sp_authzen_call *call, enum sp_caller_role role, struct sp_error *error) {
    enum sp_status status = sp_admit_request(call->service->callers, call->exchange, role, error);
    if (status == SP_ERR_UNAUTHENTICATED || status == SP_ERR_PERMISSION)
        sp_http_add_header(call->exchange, "WWW-Authenticate", SP_STR_LITERAL("Bearer"));
    return status;
}

enum sp_status sp_authzen_admit_question(struct sp_authzen_call *call, const struct sp_authzen_question *question,
                                         struct sp_error *error) {
    if (question->subject != SP_AUTHZEN_PRINCIPAL || call->may_name_principals)
        return SP_OK;
    enum sp_status status = sp_authzen_admit(call, SP_CALLER_SUBJECTS, error);
    call->may_name_principals = status == SP_OK;
    return status;
}
