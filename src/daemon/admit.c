#include "daemon/admit.h"

#include "daemon/refused_caller.h"
#include "http/identity.h"

static bool has_role(const struct sp_callers *callers, const struct sp_caller *caller, enum sp_caller_role wanted) {
    return (sp_callers_roles(callers, caller) & (unsigned)wanted) == (unsigned)wanted;
}

/* If there are two tokens, different readers may believe different ones: neither counts. */
static struct sp_str take_only_value(struct sp_str first, size_t count) {
    return count == 1 ? first : (struct sp_str){NULL, 0};
}

enum sp_status sp_admit_call(const struct sp_callers *callers, struct sp_rpc_call *call, enum sp_caller_role wanted,
                             struct sp_error *error) {
    struct sp_caller caller;
    size_t count = 0;
    sp_rpc_call_identity(call, &caller.identity);
    caller.authorization = (struct sp_str){NULL, 0};
    if (sp_callers_read_tokens(callers)) {
        struct sp_str value = sp_rpc_call_metadata(call, "authorization", &count);
        caller.authorization = take_only_value(value, count);
    }
    if (has_role(callers, &caller, wanted))
        return SP_OK;
    enum sp_status status = sp_caller_refuse(&caller, wanted, error);
    sp_event_put_refused_caller(&caller, wanted, sp_rpc_call_peer(call), status);
    return status;
}

enum sp_status sp_admit_request(const struct sp_callers *callers, struct sp_http_exchange *exchange,
                                enum sp_caller_role wanted, struct sp_error *error) {
    struct sp_caller caller;
    size_t count = 0;
    sp_http_identity(exchange, &caller.identity);
    struct sp_str value = sp_http_header(exchange, "Authorization", &count);
    caller.authorization = take_only_value(value, count);
    if (has_role(callers, &caller, wanted))
        return SP_OK;
    /* A token that nobody has proves nothing (AuthZEN 11.3). A caller that is nothing else has
     * roles by its token only. */
    const struct sp_caller bearer = {.identity = {.kind = SP_PEER_UNIX}, .authorization = caller.authorization};
    if (sp_callers_roles(callers, &bearer) == 0)
        caller.authorization = (struct sp_str){NULL, 0};
    enum sp_status status = sp_caller_refuse(&caller, wanted, error);
    sp_event_put_refused_caller(&caller, wanted, sp_http_peer(exchange), status);
    return status;
}

enum sp_status sp_admit_connection(const struct sp_callers *callers, struct sp_http_exchange *exchange,
                                   enum sp_caller_role wanted, struct sp_error *error) {
    struct sp_caller caller = {.authorization = {NULL, 0}};
    sp_http_identity(exchange, &caller.identity);
    if (has_role(callers, &caller, wanted))
        return SP_OK;
    enum sp_status status = sp_caller_refuse(&caller, wanted, error);
    if (status == SP_ERR_UNAUTHENTICATED)
        (void)sp_error_set(error, status,
                           "this call needs the role \"%s\", which a token cannot prove here: use a client certificate "
                           "or a Unix socket user that the server's --callers file names",
                           sp_caller_role_name(wanted));
    sp_event_put_refused_caller(&caller, wanted, sp_http_peer(exchange), status);
    return status;
}
