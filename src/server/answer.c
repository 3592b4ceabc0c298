#include "server/answer.h"

#include "decide/response.h"

char *sp_answer_id(struct sp_service *service, unsigned worker, struct sp_arena *arena) {
    char *id = sp_arena_alloc(arena, SP_DECISION_ID_BYTES);
    if (id != NULL)
        sp_decision_id_next(&service->snapshots.workers[worker].ids, id);
    return id;
}

enum sp_status sp_answer_question(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                                  struct sp_query *query, struct sp_arena *arena,
                                  Sallyport__V1__CheckResponse *ret_response, struct sp_error *error) {
    struct sp_answer answer = {0};
    Sallyport__V1__CheckResponse response;
    enum sp_status status = sp_service_answer(service, view, query, &answer);
    if (status != SP_OK)
        goto fail;
    status = sp_response_from_answer(&answer, arena, &response);
    if (status != SP_OK)
        goto fail;
    response.decision_id = sp_answer_id(service, asking->worker, arena);
    if (response.decision_id == NULL) {
        status = SP_ERR_MEMORY;
        goto fail;
    }
    sp_record_decision(&service->recorder, asking, query, &answer, response.decision_id);
    *ret_response = response;
    return SP_OK;

fail:
    sp_service_explain_failure(service, status, error);
    return status;
}
