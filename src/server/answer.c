#include "server/answer.h"

/* The core's numbers are the API's numbers. */
_Static_assert((int)SP_REASON_REQUEST_MALFORMED == (int)SALLYPORT__V1__REASON__REQUEST_MALFORMED, "reasons");
_Static_assert((int)SP_REASON_ALLOWED == (int)SALLYPORT__V1__REASON__ALLOWED, "reasons");
_Static_assert((int)SP_ROLE_ADMIN == (int)SALLYPORT__V1__ROLE__ROLE_ADMIN, "roles");
_Static_assert((int)SALLYPORT__V1__DECISION__DENY == 0, "the zero value denies");

static char *put_base32(char *at, uint64_t value, unsigned digits) {
    for (unsigned i = digits; i > 0; i--)
        *at++ = "0123456789abcdefghijklmnopqrstuv"[value >> (5 * (i - 1)) & 31];
    return at;
}

void sp_decision_id_next(struct sp_decision_ids *ids, char ret_id[static SP_DECISION_ID_BYTES]) {
    char *at = put_base32(ret_id, ids->process, 13);
    at = put_base32(at, ids->worker, 2);
    at = put_base32(at, ids->next++, 10);
    *at = '\0';
}

static enum sp_status name_owner(const struct sp_answer *answer, struct sp_arena *arena,
                                 Sallyport__V1__CheckResponse *response) {
    response->workspace = sp_arena_strdup(arena, answer->workspace);
    response->principal = sp_arena_strdup(arena, answer->principal);
    response->key_id = sp_arena_strdup(arena, answer->key_id);
    response->principal_kind = (Sallyport__V1__PrincipalKind)answer->principal_kind;
    response->role = (Sallyport__V1__Role)answer->role;
    return response->workspace != NULL && response->principal != NULL && response->key_id != NULL ? SP_OK
                                                                                                  : SP_ERR_MEMORY;
}

enum sp_status sp_answer_to_response(const struct sp_answer *answer, struct sp_decision_ids *ids,
                                     struct sp_arena *arena, Sallyport__V1__CheckResponse *ret_response) {
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    char *id = sp_arena_alloc(arena, SP_DECISION_ID_BYTES);
    if (id == NULL)
        return SP_ERR_MEMORY;
    sp_decision_id_next(ids, id);
    response.decision_id = id;
    response.decision = answer->allowed ? SALLYPORT__V1__DECISION__ALLOW : SALLYPORT__V1__DECISION__DENY;
    response.reason = (Sallyport__V1__Reason)answer->reason;
    response.http_status = sp_reason_http_status(answer->reason);
    if (answer->key_found) {
        enum sp_status status = name_owner(answer, arena, &response);
        if (status != SP_OK)
            return status;
    }
    *ret_response = response;
    return SP_OK;
}
