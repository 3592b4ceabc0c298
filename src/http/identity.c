#include "http/identity.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "http/client_certificate.h"
#include "http/exchange.h"
#include "http/exchange_state.h"

enum { NAME_MAX_BYTES = 512, NAMES_READ_MAX = 64 };

static void add_peer_user(const struct sp_http_exchange *exchange, struct sp_identity *identity) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred user;
    socklen_t size = sizeof(user);
    if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0)
        return;
    identity->uid_known = true;
    identity->uid = user.uid;
}

/* A name with a NUL or another control character is nobody's: what reads it may stop there. */
static void add_peer_name(struct sp_http_exchange *exchange, unsigned kind, struct sp_str name,
                          struct sp_identity *identity) {
    bool uri = kind == GNUTLS_SAN_URI;
    size_t *count = uri ? &identity->uri_count : &identity->dns_count;
    if ((!uri && kind != GNUTLS_SAN_DNSNAME) || *count == SP_IDENTITY_NAMES || !sp_text_is_printable(name))
        return;
    char *copy = sp_arena_strdup(&exchange->arena, name);
    if (copy != NULL)
        (uri ? identity->uris : identity->dns)[(*count)++] = (struct sp_str){copy, name.size};
}

static void add_peer_names(struct sp_http_exchange *exchange, const gnutls_datum_t *certificate,
                           struct sp_identity *identity) {
    gnutls_x509_crt_t read;
    if (gnutls_x509_crt_init(&read) != GNUTLS_E_SUCCESS)
        return;
    int result = gnutls_x509_crt_import(read, certificate, GNUTLS_X509_FMT_DER);
    for (unsigned i = 0; result >= 0 && i < NAMES_READ_MAX; i++) {
        char name[NAME_MAX_BYTES];
        size_t size = sizeof(name);
        unsigned kind = 0;
        result = gnutls_x509_crt_get_subject_alt_name2(read, i, name, &size, &kind, NULL);
        if (result >= 0)
            add_peer_name(exchange, kind, (struct sp_str){name, size}, identity);
        else if (result == GNUTLS_E_SHORT_MEMORY_BUFFER)
            result = 0; /* longer than any name that is given a role */
    }
    gnutls_x509_crt_deinit(read);
}

void sp_http_identity(struct sp_http_exchange *exchange, struct sp_identity *ret_identity) {
    if (exchange->fields != NULL) {
        *ret_identity = exchange->identity; /* of a deferred exchange */
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned count = 0;
    *ret_identity = (struct sp_identity){.kind = SP_PEER_PLAIN};
    if (info != NULL && info->tls_session != NULL) {
        const gnutls_datum_t *shown = gnutls_certificate_get_peers((gnutls_session_t)info->tls_session, &count);
        ret_identity->kind = SP_PEER_TLS;
        if (shown != NULL && count > 0 && exchange->exchanges->clients_need_certificates &&
            sp_http_client_is_verified(exchange)) {
            ret_identity->certified = true;
            add_peer_names(exchange, shown, ret_identity);
        }
    } else if (sp_str_equal(sp_http_peer(exchange), SP_STR_LITERAL("unix"))) {
        ret_identity->kind = SP_PEER_UNIX;
        add_peer_user(exchange, ret_identity);
    }
}
