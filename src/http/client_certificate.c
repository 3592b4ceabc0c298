#include "http/client_certificate.h"

#include <gnutls/gnutls.h>

bool sp_http_client_is_verified(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned faults = 0;
    if (info == NULL || info->tls_session == NULL)
        return true;
    return gnutls_certificate_verify_peers2((gnutls_session_t)info->tls_session, &faults) == GNUTLS_E_SUCCESS &&
           faults == 0;
}
