#include "http/handshake.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "http/connections.h"
#include "http/exchange_state.h"

enum {
    ALERT_RECORD = 21,
    HANDSHAKE_RECORD = 22,
    RECORD_HEADER_BYTES = 5,
    ALERT_BYTES = 2,
    FATAL = 2
}; /* RFC 8446 section 5.1 */

/* Whose bytes were read last: if a handshake fails, it is this one's. */
static _Thread_local struct connection *last_read;

static gnutls_session_t get_tls_session(const struct connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection->of, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info == NULL ? NULL : (gnutls_session_t)info->tls_session;
}

/* ---- watching ---- */

/* OpenSSL's clients refuse a certificate in TLS 1.3 by an alert that is not encrypted, which GnuTLS
 * fails to decrypt (findings/gnutls-misses-a-plain-alert.sh). It reads a record's header, then what
 * follows. */
static void note_plain_alert(struct connection *connection, const uint8_t *bytes, size_t size) {
    if (connection->is_alert_next && size == ALERT_BYTES && bytes[0] == FATAL)
        connection->alert = bytes[1];
    connection->is_alert_next = size == RECORD_HEADER_BYTES && bytes[0] == ALERT_RECORD && bytes[4] == ALERT_BYTES;
}

static ssize_t pull_bytes(gnutls_transport_ptr_t user, void *bytes, size_t size) {
    struct connection *connection = user;
    ssize_t got = recv(connection->fd, bytes, size, 0);
    last_read = connection;
    if (got > 0 && !connection->heard)
        connection->speaks_tls = *(const uint8_t *)bytes == HANDSHAKE_RECORD;
    if (got > 0 && !connection->is_established)
        note_plain_alert(connection, bytes, (size_t)got);
    connection->heard |= got > 0;
    connection->went_away = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    return got;
}

static int wait_for_bytes(gnutls_transport_ptr_t user, unsigned timeout_ms) {
    const struct connection *connection = user;
    struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)timeout_ms);
}

/* The client's is the last message of a handshake. */
static int note_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned is_incoming,
                         const gnutls_datum_t *message) {
    struct connection *connection = gnutls_transport_get_ptr(session);
    (void)type;
    (void)when;
    (void)message;
    connection->is_established |= is_incoming != 0;
    return 0;
}

void sp_http_handshake_watch(struct connection *connection) {
    gnutls_session_t session = get_tls_session(connection);
    if (session == NULL)
        return;
    connection->has_tls = true;
    gnutls_transport_set_ptr2(session, connection, (gnutls_transport_ptr_t)(intptr_t)connection->fd);
    gnutls_transport_set_pull_function(session, pull_bytes);
    gnutls_transport_set_pull_timeout_function(session, wait_for_bytes);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, note_finished);
}

/* ---- reporting ---- */

static struct sp_bytes get_shown_certificate(gnutls_session_t session) {
    unsigned count = 0;
    const gnutls_datum_t *shown = session == NULL ? NULL : gnutls_certificate_get_peers(session, &count);
    return shown == NULL || count == 0 ? (struct sp_bytes){NULL, 0} : (struct sp_bytes){shown->data, shown->size};
}

static bool is_report_wanted(const struct connections *connections, const struct connection *connection) {
    return !connection->is_reported && connections->tls_refused != NULL;
}

static void report_connection(const struct connections *connections, struct connection *connection,
                              const struct sp_tls_failure *failure, struct sp_bytes certificate) {
    char reason[SP_TLS_REASON_BYTES], names[SP_TLS_NAMES_BYTES];
    if (!is_report_wanted(connections, connection))
        return;
    connection->is_reported = true;
    sp_tls_write_reason(failure, reason);
    sp_tls_write_names(certificate, names);
    const struct sp_tls_refusal refusal = {.peer = connection->peer, .reason = reason, .names = names};
    connections->tls_refused(connections->user, &refusal);
}

/* Connections that were opened and closed without a byte are probes. */
void sp_http_handshake_failed(const struct connections *connections) {
    struct connection *connection = last_read;
    gnutls_session_t session = connection == NULL ? NULL : get_tls_session(connection);
    if (session == NULL || connection->is_established || !connection->heard)
        return;
    struct sp_tls_failure failure = {.said_hello = connection->speaks_tls, .alert = connection->alert};
    if (failure.alert == GNUTLS_A_CLOSE_NOTIFY)
        failure.alert = (int)gnutls_alert_get(session);
    if (failure.alert == GNUTLS_A_CLOSE_NOTIFY) { /* none was received */
        failure.alert_is_ours = !connection->went_away;
        failure.alert = connection->went_away ? SP_TLS_NO_ALERT : GNUTLS_A_HANDSHAKE_FAILURE;
    }
    report_connection(connections, connection, &failure, (struct sp_bytes){NULL, 0});
}

void sp_http_handshake_end(const struct connections *connections, struct connection *connection) {
    const struct sp_tls_failure failure = {.said_hello = connection->speaks_tls, .alert = SP_TLS_NO_ALERT};
    if (connection->has_tls && connection->heard && !connection->is_established)
        report_connection(connections, connection, &failure, (struct sp_bytes){NULL, 0});
    if (last_read == connection)
        last_read = NULL;
}

/* In OpenSSL's words, as the gRPC ports have them. */
static const char *explain_verification(unsigned faults) {
    static const struct {
        unsigned fault;
        const char *words;
    } rows[] = {
        {GNUTLS_CERT_REVOKED, "certificate revoked"},
        {GNUTLS_CERT_SIGNER_NOT_FOUND, "unable to get local issuer certificate"},
        {GNUTLS_CERT_EXPIRED, "certificate has expired"},
        {GNUTLS_CERT_NOT_ACTIVATED, "certificate is not yet valid"},
        {GNUTLS_CERT_PURPOSE_MISMATCH, "unsuitable certificate purpose"},
        {GNUTLS_CERT_SIGNATURE_FAILURE, "certificate signature failure"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if ((faults & rows[i].fault) != 0)
            return rows[i].words;
    /* GnuTLS finds nothing wrong, so it is on a list of ours. */
    return faults == 0 ? "certificate revoked" : "it cannot be verified";
}

void sp_http_report_certificate(const struct sp_http_exchange *exchange) {
    struct connection *connection = sp_http_connection_of(exchange->connection);
    unsigned faults = 0;
    if (connection == NULL || !is_report_wanted(exchange->exchanges->connections, connection))
        return;
    gnutls_session_t session = get_tls_session(connection);
    if (session == NULL)
        return;
    struct sp_bytes certificate = get_shown_certificate(session);
    struct sp_tls_failure failure = {.said_hello = true, .alert_is_ours = true, .alert = GNUTLS_A_BAD_CERTIFICATE};
    failure.showed_none = certificate.size == 0;
    if (!failure.showed_none && gnutls_certificate_verify_peers2(session, &faults) == GNUTLS_E_SUCCESS)
        failure.verification = explain_verification(faults);
    else if (!failure.showed_none)
        failure.verification = explain_verification(GNUTLS_CERT_INVALID);
    report_connection(exchange->exchanges->connections, connection, &failure, certificate);
}
