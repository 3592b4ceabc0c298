/* What was decided about a gateway's request. */
#ifndef SP_SERVER_GATEWAY_VERDICT_H
#define SP_SERVER_GATEWAY_VERDICT_H

#include "decide/disclosure.h"
#include "server/gateway/request.h"

/* Texts are borrowed. */
struct sp_gateway_verdict {
    enum sp_reason reason; /* SP_REASON_NONE: there is no answer */
    struct sp_disclosure key;
    struct sp_str decision_id;
    struct sp_str plan; /* of an allowed key's workspace, if the settings want it told; else empty */
};

#endif
