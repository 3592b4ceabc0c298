#include "rpc/grpc/revocation.h"

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>

#include "tls/crl.h"

static void add_pem(const grpc_auth_context *context, const char *property, struct sp_tls_chain *chain) {
    grpc_auth_property_iterator at = grpc_auth_context_find_properties_by_name(context, property);
    const grpc_auth_property *pem = grpc_auth_property_iterator_next(&at);
    if (pem != NULL && chain->count < SP_TLS_CHAIN_MAX)
        chain->parts[chain->count++] = (struct sp_bytes){(const uint8_t *)pem->value, pem->value_length};
}

enum sp_status sp_rpc_revocation_check(const struct core_call *call, struct sp_error *error) {
    struct sp_tls_crl *crl = call->worker->server->shared.crl;
    if (crl == NULL || call->door->kind != SP_PEER_TLS)
        return SP_OK;
    struct sp_tls_chain chain = {.is_pem = true};
    grpc_auth_context *context = grpc_call_auth_context(call->grpc);
    if (context != NULL) {
        add_pem(context, GRPC_X509_PEM_CERT_PROPERTY_NAME, &chain);
        add_pem(context, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME, &chain);
    }
    const char *why = sp_tls_crl_refuse(crl, call->worker->crl_memo, &chain);
    grpc_auth_context_release(context);
    if (why == NULL)
        return SP_OK;
    return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "the client's certificate is not accepted: %s", why);
}
