/* A gateway's request, from what its dialect read to the decision and its record. */
#ifndef SP_SERVER_GATEWAY_DECIDE_H
#define SP_SERVER_GATEWAY_DECIDE_H

#include "server/gateway/verdict.h"
#include "server/service.h"

/* A request while it is judged. */
struct sp_gateway_call {
    struct sp_service *service;
    struct sp_asking asking;
    struct sp_arena *arena;
    const char *part; /* of the gateway's configuration, that a request's `culprit` is: "header" */
    struct sp_gateway_request request;
    char decision_id[SP_DECISION_ID_BYTES];
    /* Makes the dialect's reply, while what the verdict borrows is there. SP_ERR_MEMORY. */
    enum sp_status (*reply)(struct sp_gateway_call *call, const struct sp_gateway_verdict *verdict);
};

/* Judges the request, has the reply made, and records the decision. After an error no reply was
 * made and there is no answer: deny. The failure is recorded. */
enum sp_status sp_gateway_decide(struct sp_gateway_call *call) SP_MUST_USE;

/* Has the reply made of a request that was not judged, whose reason is SP_REASON_NONE. */
enum sp_status sp_gateway_reply_without_answer(struct sp_gateway_call *call) SP_MUST_USE;

/* Whether a gateway's fault may be logged: at most one a second, since every request of a route has
 * the same. */
bool sp_gateway_may_log(struct sp_service *service);

#endif
