#include "daemon/caller_admit.h"

enum sp_status sp_caller_admit(const struct sp_callers *callers, struct sp_rpc_call *call, enum sp_caller_role wanted,
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
    /* Two tokens: which one counts could be read either way. */
    if (count > 1)
        caller.authorization = (struct sp_str){NULL, 0};
    if ((sp_callers_roles(callers, &caller) & (unsigned)wanted) == (unsigned)wanted)
        return SP_OK;
    return sp_caller_refuse(&caller, wanted, error);
}
