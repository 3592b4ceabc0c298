#include "http/client_certificate.h"

#include <gnutls/gnutls.h>

#include "http/exchange_state.h"
#include "tls/crl.h"

static bool is_revoked(const struct exchanges *exchanges, gnutls_session_t session) {
    struct sp_tls_chain chain = {.is_pem = false};
    unsigned count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);
    for (unsigned i = 0; shown != NULL && i < count && chain.count < SP_TLS_CHAIN_MAX; i++)
        chain.parts[chain.count++] = (struct sp_bytes){shown[i].data, shown[i].size};
    return sp_tls_crl_refuse(exchanges->crl, exchanges->crl_memo, &chain) != NULL;
}

bool sp_http_client_is_verified(const struct sp_http_exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned faults = 0;
    if (info == NULL || info->tls_session == NULL)
        return true;
    gnutls_session_t session = (gnutls_session_t)info->tls_session;
    if (gnutls_certificate_verify_peers2(session, &faults) != GNUTLS_E_SUCCESS || faults != 0)
        return false;
    return exchange->exchanges->crl == NULL || !is_revoked(exchange->exchanges, session);
}
