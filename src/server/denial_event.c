#include "server/denial_event.h"

#include "daemon/event_log.h"
#include "decide/disclosure.h"

enum { UNAUTHENTICATED = 401 };

static bool is_worth_event(enum sp_reason reason) {
    return reason == SP_REASON_IP_NOT_ALLOWED || sp_reason_http_status(reason) == UNAUTHENTICATED;
}

void sp_server_report_denial(const struct sp_asking *asking, const struct sp_query *query,
                             const struct sp_answer *answer) {
    char address[SP_CIDR_TEXT_BYTES] = "";
    if (!sp_event_log_is_open() || !is_worth_event(answer->reason))
        return;
    const struct sp_ip *ip = query != NULL ? query->ip : NULL;
    if (ip != NULL)
        sp_ip_format(ip, address);
    const struct sp_disclosure who = sp_answer_disclose(answer);
    const struct sp_event event = {
        .class_uid = SP_EVENT_AUTHENTICATION,
        .activity = SP_EVENT_LOGON,
        .status = answer->reason == SP_REASON_IP_NOT_ALLOWED ? SP_ERR_PERMISSION : SP_ERR_UNAUTHENTICATED,
        .status_detail = sp_reason_name(answer->reason),
        .service = "sallyport.v1.Authorization",
        .operation = sp_transport_name(asking->transport),
        .actor = who.principal.size > 0 ? SP_EVENT_PRINCIPAL : SP_EVENT_NOBODY,
        .actor_id = who.principal,
        .actor_workspace = who.workspace,
        .key_id = who.key_id,
        .address = sp_str_from(address),
        .network = sp_event_network(ip),
        .workspace = who.workspace,
        .epoch = answer->revision.epoch,
        .revision = answer->revision.number,
    };
    sp_event_log_put(&event);
}
