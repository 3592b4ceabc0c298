/* Who the other end of a call's connection has proven to be. */
#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>

#include "rpc/internal.h"

enum sp_rpc_peer_kind sp_rpc_call_peer_kind(const struct sp_rpc_call *call) {
    return call->door->kind;
}

/* The values of a property lie in the connection's context, which lives as long as the call. */
static size_t read_names(const grpc_auth_context *context, const char *property,
                         struct sp_str ret_names[static SP_RPC_IDENTITY_NAMES]) {
    size_t count = 0;
    grpc_auth_property_iterator at = grpc_auth_context_find_properties_by_name(context, property);
    for (const grpc_auth_property *name = grpc_auth_property_iterator_next(&at);
         name != NULL && count < SP_RPC_IDENTITY_NAMES; name = grpc_auth_property_iterator_next(&at))
        ret_names[count++] = (struct sp_str){name->value, name->value_length};
    return count;
}

void sp_rpc_call_identity(const struct sp_rpc_call *call, struct sp_rpc_identity *ret_identity) {
    const struct door *door = call->door;
    ret_identity->kind = door->kind;
    ret_identity->uid_known = door->uid_known;
    ret_identity->uid = door->uid;
    ret_identity->uri_count = 0;
    ret_identity->dns_count = 0;
    if (door->kind != SP_RPC_PEER_TLS)
        return;
    grpc_auth_context *context = grpc_call_auth_context(call->grpc);
    if (context != NULL && grpc_auth_context_peer_is_authenticated(context) != 0) {
        ret_identity->uri_count = read_names(context, GRPC_PEER_URI_PROPERTY_NAME, ret_identity->uris);
        ret_identity->dns_count = read_names(context, GRPC_PEER_DNS_PROPERTY_NAME, ret_identity->dns);
    }
    grpc_auth_context_release(context);
}
