#include "server/callers.h"

#include "base/log.h"

enum sp_status sp_server_admit(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error) {
    const struct sp_service *service = user;
    return sp_caller_admit(service->callers, call, (enum sp_caller_role)permit, error);
}

enum sp_status sp_server_admit_http(const struct sp_service *service, struct sp_http_exchange *exchange,
                                    enum sp_caller_role wanted, struct sp_error *error) {
    static const enum sp_caller_kind kinds[] = {[SP_HTTP_PEER_PLAIN] = SP_CALLER_PLAINTEXT,
                                                [SP_HTTP_PEER_TLS] = SP_CALLER_TLS,
                                                [SP_HTTP_PEER_UNIX] = SP_CALLER_UNIX};
    struct sp_http_identity identity;
    size_t count;
    sp_http_identity(exchange, &identity);
    struct sp_caller caller = {
        .kind = kinds[identity.kind],
        .uid_known = identity.uid_known,
        .uid = identity.uid,
        .uri_count = identity.uri_count,
        .dns_count = identity.dns_count,
        .uris = identity.uris,
        .dns = identity.dns,
        .authorization = sp_http_header(exchange, "Authorization", &count),
    };
    if (count > 1)
        caller.authorization = (struct sp_str){NULL, 0};
    if ((sp_callers_roles(service->callers, &caller) & (unsigned)wanted) == (unsigned)wanted)
        return SP_OK;
    /* What is no token of anybody's proves nothing (AuthZEN 11.3): only tokens fit a caller that is nothing else. */
    const struct sp_caller bearer = {.kind = SP_CALLER_UNIX, .authorization = caller.authorization};
    if (sp_callers_roles(service->callers, &bearer) == 0)
        caller.authorization = (struct sp_str){NULL, 0};
    return sp_caller_refuse(&caller, wanted, error);
}

void sp_server_tend_callers(struct sp_service *service) {
    struct sp_error error = {0};
    switch (sp_callers_look(service->callers, &error)) {
    case SP_CALLERS_UNCHANGED:
        break;
    case SP_CALLERS_CHANGED:
        sp_log(SP_LOG_INFO, "the callers' file has changed: its roles hold from now on");
        break;
    case SP_CALLERS_BROKEN:
        sp_log(SP_LOG_ERROR, "the callers' file has changed and cannot be used, the old roles stay: %s", error.message);
        break;
    }
}
