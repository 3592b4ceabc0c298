#include "daemon/admit.h"

static bool has_role(const struct sp_callers *callers, const struct sp_caller *caller, enum sp_caller_role wanted) {
    return (sp_callers_roles(callers, caller) & (unsigned)wanted) == (unsigned)wanted;
}

enum sp_status sp_admit_call(const struct sp_callers *callers, struct sp_rpc_call *call, enum sp_caller_role wanted,
                             struct sp_error *error) {
    static const enum sp_caller_kind kinds[] = {[SP_RPC_PEER_PLAIN] = SP_CALLER_PLAINTEXT,
                                                [SP_RPC_PEER_TLS] = SP_CALLER_TLS,
                                                [SP_RPC_PEER_UNIX] = SP_CALLER_UNIX};
    struct sp_rpc_identity identity;
    sp_rpc_call_identity(call, &identity);
    struct sp_caller caller = {
        .kind = kinds[identity.kind],
        .uid_known = identity.uid_known,
        .uid = identity.uid,
        .uri_count = identity.uri_count,
        .dns_count = identity.dns_count,
        .uris = identity.uris,
        .dns = identity.dns,
    };
    size_t count = 0;
    if (sp_callers_read_tokens(callers))
        caller.authorization = sp_rpc_call_metadata(call, "authorization", &count);
    /* Of two tokens, different readers may believe different ones: neither counts. */
    if (count > 1)
        caller.authorization = (struct sp_str){NULL, 0};
    return has_role(callers, &caller, wanted) ? SP_OK : sp_caller_refuse(&caller, wanted, error);
}

enum sp_status sp_admit_request(const struct sp_callers *callers, struct sp_http_exchange *exchange,
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
    if (has_role(callers, &caller, wanted))
        return SP_OK;
    /* A token that nobody has proves nothing (AuthZEN 11.3). A caller that is nothing else has
     * roles by its token only. */
    const struct sp_caller bearer = {.kind = SP_CALLER_UNIX, .authorization = caller.authorization};
    if (sp_callers_roles(callers, &bearer) == 0)
        caller.authorization = (struct sp_str){NULL, 0};
    return sp_caller_refuse(&caller, wanted, error);
}
