#include "decide/response.h"

#include "decide/disclosure.h"
#include "store/records/head.h"

/* The core's numbers are the API's numbers. */
_Static_assert((int)SP_REASON_REQUEST_MALFORMED == (int)SALLYPORT__V1__REASON__REQUEST_MALFORMED, "reasons");
_Static_assert((int)SP_REASON_PRINCIPAL_UNKNOWN == (int)SALLYPORT__V1__REASON__PRINCIPAL_UNKNOWN, "reasons");
_Static_assert((int)SP_REASON_ALLOWED == (int)SALLYPORT__V1__REASON__ALLOWED, "reasons");
_Static_assert((int)SP_ROLE_ADMIN == (int)SALLYPORT__V1__ROLE__ROLE_ADMIN, "roles");
_Static_assert((int)SALLYPORT__V1__DECISION__DENY == 0, "the zero value denies");

enum sp_status sp_response_from_answer(const struct sp_answer *answer, struct sp_arena *arena,
                                       Sallyport__V1__CheckResponse *ret_response) {
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    response.decision = answer->allowed ? SALLYPORT__V1__DECISION__ALLOW : SALLYPORT__V1__DECISION__DENY;
    response.reason = (Sallyport__V1__Reason)answer->reason;
    response.http_status = sp_reason_http_status(answer->reason);
    if (answer->key_found) {
        const struct sp_disclosure disclosure = sp_answer_disclose(answer);
        response.workspace = sp_arena_strdup(arena, disclosure.workspace);
        response.principal = sp_arena_strdup(arena, disclosure.principal);
        response.key_id = sp_arena_strdup(arena, disclosure.key_id);
        response.principal_kind = (Sallyport__V1__PrincipalKind)disclosure.principal_kind;
        response.role = (Sallyport__V1__Role)disclosure.role;
    }
    if (response.workspace == NULL || response.principal == NULL || response.key_id == NULL)
        return SP_ERR_MEMORY;
    *ret_response = response;
    return SP_OK;
}

Sallyport__V1__Revision sp_response_revision(struct sp_revision revision) {
    Sallyport__V1__Revision message = SALLYPORT__V1__REVISION__INIT;
    message.epoch = revision.epoch;
    message.number = revision.number;
    return message;
}
