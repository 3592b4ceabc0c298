#include "tls/refusal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"

enum { CERTIFICATE_MAX_BYTES = 16 * 1024 };

struct sp_tls_refusals {
    atomic_uint references; /* its owner's, and one of each handshake */
    pthread_mutex_t lock;   /* over what follows, and while it is called */
    void (*refused)(void *user, const struct sp_tls_refusal *refusal);
    void *user;
};

/* One SSL object's, until its client has finished the handshake or the object is freed. */
struct handshake {
    struct sp_tls_refusals *refusals;
    struct sp_peer peer;
    bool heard;       /* the client has sent something */
    bool said_hello;  /* that was TLS */
    bool showed_none; /* asked for a certificate, it sent an empty list */
    bool finished;
    bool alert_is_ours;
    int alert;          /* fatal; or SP_TLS_NO_ALERT */
    long verify_result; /* of the client's certificate */
    unsigned char *certificate;
    size_t certificate_size;
};

static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;
static int ssl_index = -1, context_index = -1;

static _Thread_local struct sp_tls_refusals *expected_refusals;
static _Thread_local struct sp_peer expected_peer;

static void release_refusals(struct sp_tls_refusals *refusals) {
    if (atomic_fetch_sub(&refusals->references, 1) > 1)
        return;
    pthread_mutex_destroy(&refusals->lock);
    free(refusals);
}

/* ---- what the messages show ---- */

static uint32_t load_be24(const unsigned char *at) {
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* The first certificate of a Certificate message (RFC 5246 section 7.4.2, RFC 8446 section
 * 4.4.2). */
static struct sp_bytes find_first_certificate(const unsigned char *message, size_t size, bool is_tls_1_3) {
    enum { HEADER = 4, LENGTH = 3 };
    const struct sp_bytes none = {NULL, 0};
    size_t at = HEADER;
    if (is_tls_1_3)
        at += at < size ? 1 + (size_t)message[at] : 1; /* the context of the request */
    at += LENGTH;                                      /* of the list */
    if (size < at + LENGTH)
        return none;
    size_t length = load_be24(message + at);
    at += LENGTH;
    return length == 0 || length > size - at ? none : (struct sp_bytes){message + at, length};
}

static void note_certificate(struct handshake *handshake, const unsigned char *message, size_t size, bool is_tls_1_3) {
    struct sp_bytes first = find_first_certificate(message, size, is_tls_1_3);
    handshake->showed_none = first.size == 0;
    if (first.size == 0 || first.size > CERTIFICATE_MAX_BYTES || handshake->certificate != NULL)
        return;
    handshake->certificate = malloc(first.size);
    if (handshake->certificate == NULL)
        return;
    memcpy(handshake->certificate, first.data, first.size);
    handshake->certificate_size = first.size;
}

static void drop_certificate(struct handshake *handshake) {
    free(handshake->certificate);
    handshake->certificate = NULL;
}

static void note_alert(struct handshake *handshake, bool ours, const unsigned char *alert, const SSL *ssl) {
    if (alert[0] != SSL3_AL_FATAL || handshake->alert != SP_TLS_NO_ALERT)
        return;
    handshake->alert = alert[1];
    handshake->alert_is_ours = ours;
    handshake->verify_result = SSL_get_verify_result(ssl);
}

static void note_client_message(struct handshake *handshake, const unsigned char *message, size_t size, SSL *ssl) {
    switch (message[0]) {
    case SSL3_MT_CLIENT_HELLO:
        handshake->said_hello = true;
        break;
    case SSL3_MT_CERTIFICATE:
        note_certificate(handshake, message, size, SSL_version(ssl) >= TLS1_3_VERSION);
        break;
    case SSL3_MT_FINISHED:
        handshake->finished = true;
        drop_certificate(handshake);
        SSL_set_msg_callback(ssl, NULL);
        break;
    default:
        break;
    }
}

/* OpenSSL calls it for each message and record of each connection. */
static void on_tls_message(int is_sent, int version, int type, const void *bytes, size_t size, SSL *ssl, void *user) {
    struct handshake *handshake = SSL_get_ex_data(ssl, ssl_index);
    (void)version;
    (void)user;
    if (handshake == NULL || size == 0)
        return;
    handshake->heard = handshake->heard || !is_sent;
    if (type == SSL3_RT_ALERT && size >= 2)
        note_alert(handshake, is_sent, bytes, ssl);
    else if (type == SSL3_RT_HANDSHAKE && !is_sent)
        note_client_message(handshake, bytes, size, ssl);
}

/* ---- names ---- */

static void append_name(char *text, size_t *size, const char *kind, const ASN1_STRING *name) {
    int more = snprintf(text + *size, SP_TLS_NAMES_BYTES - *size, "%s%s:%.*s", *size == 0 ? "" : ", ", kind,
                        ASN1_STRING_length(name), (const char *)ASN1_STRING_get0_data(name));
    *size += more < 0 ? 0 : (size_t)more;
    if (*size >= SP_TLS_NAMES_BYTES)
        *size = SP_TLS_NAMES_BYTES - 1;
}

static void write_alternative_names(const GENERAL_NAMES *names, char *text, size_t *size) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI)
            append_name(text, size, "URI", name->d.uniformResourceIdentifier);
        else if (name->type == GEN_DNS)
            append_name(text, size, "DNS", name->d.dNSName);
        else if (name->type == GEN_EMAIL)
            append_name(text, size, "email", name->d.rfc822Name);
    }
}

void sp_tls_write_names(struct sp_bytes certificate, char ret_names[static SP_TLS_NAMES_BYTES]) {
    const unsigned char *at = certificate.data;
    size_t size = 0;
    ret_names[0] = '\0';
    X509 *read = at == NULL ? NULL : d2i_X509(NULL, &at, (long)certificate.size);
    if (read == NULL)
        return;
    GENERAL_NAMES *names = X509_get_ext_d2i(read, NID_subject_alt_name, NULL, NULL);
    if (names != NULL)
        write_alternative_names(names, ret_names, &size);
    GENERAL_NAMES_free(names);
    if (size == 0) {
        int length = X509_NAME_get_text_by_NID(X509_get_subject_name(read), NID_commonName, ret_names + 3,
                                               SP_TLS_NAMES_BYTES - 3);
        if (length > 0)
            memcpy(ret_names, "CN:", 3);
        else
            ret_names[0] = '\0';
    }
    X509_free(read);
}

/* ---- the report ---- */

static bool is_about_certificates(int alert) {
    return (alert >= SSL_AD_NO_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) || alert == SSL_AD_UNKNOWN_CA;
}

void sp_tls_write_reason(const struct sp_tls_failure *failure, char ret_reason[static SP_TLS_REASON_BYTES]) {
    const size_t size = SP_TLS_REASON_BYTES;
    const char *alert = failure->alert == SP_TLS_NO_ALERT ? "" : SSL_alert_desc_string_long(failure->alert);
    if (!failure->said_hello)
        (void)snprintf(ret_reason, size, "it does not speak TLS");
    else if (failure->alert == SP_TLS_NO_ALERT)
        (void)snprintf(ret_reason, size, "it closed the connection during the handshake");
    else if (!failure->alert_is_ours && is_about_certificates(failure->alert))
        (void)snprintf(ret_reason, size, "it does not accept this server's certificate: %s", alert);
    else if (!failure->alert_is_ours)
        (void)snprintf(ret_reason, size, "it ended the handshake: %s", alert);
    else if (failure->showed_none)
        (void)snprintf(ret_reason, size, "it presented no certificate");
    else if (failure->verification != NULL)
        (void)snprintf(ret_reason, size, "its certificate is not accepted: %s", failure->verification);
    else
        (void)snprintf(ret_reason, size, "the handshake failed: %s", alert);
}

/* Connections that were opened and closed without a byte are probes. */
static void report_handshake(const struct handshake *handshake) {
    char reason[SP_TLS_REASON_BYTES], names[SP_TLS_NAMES_BYTES];
    bool is_bad = handshake->verify_result != X509_V_OK && handshake->certificate != NULL;
    const struct sp_tls_failure failure = {
        .said_hello = handshake->said_hello,
        .showed_none = handshake->showed_none,
        .alert_is_ours = handshake->alert_is_ours,
        .alert = handshake->alert,
        .verification = is_bad ? X509_verify_cert_error_string(handshake->verify_result) : NULL,
    };
    if (handshake->finished || !handshake->heard)
        return;
    sp_tls_write_reason(&failure, reason);
    sp_tls_write_names((struct sp_bytes){handshake->certificate, handshake->certificate_size}, names);
    const struct sp_tls_refusal refusal = {.peer = handshake->peer, .reason = reason, .names = names};
    struct sp_tls_refusals *refusals = handshake->refusals;
    pthread_mutex_lock(&refusals->lock);
    if (refusals->refused != NULL)
        refusals->refused(refusals->user, &refusal);
    pthread_mutex_unlock(&refusals->lock);
}

/* ---- hooks ---- */

/* Called while the object is made: nothing else may be done with it. */
static void on_ssl_made(void *ssl, void *unused, CRYPTO_EX_DATA *data, int index, long number, void *user) {
    (void)ssl;
    (void)unused;
    (void)number;
    (void)user;
    struct handshake *handshake = expected_refusals == NULL ? NULL : calloc(1, sizeof(*handshake));
    if (handshake == NULL)
        return;
    handshake->refusals = expected_refusals;
    handshake->peer = expected_peer;
    handshake->alert = SP_TLS_NO_ALERT;
    if (CRYPTO_set_ex_data(data, index, handshake) != 1) {
        free(handshake);
        return;
    }
    atomic_fetch_add(&handshake->refusals->references, 1);
}

/* Called when most of the object may be gone. */
static void on_ssl_freed(void *ssl, void *made, CRYPTO_EX_DATA *data, int index, long number, void *user) {
    struct handshake *handshake = made;
    (void)ssl;
    (void)data;
    (void)index;
    (void)number;
    (void)user;
    if (handshake == NULL)
        return;
    report_handshake(handshake);
    drop_certificate(handshake);
    release_refusals(handshake->refusals);
    free(handshake);
}

/* Objects take their callback over from the context that they are made from. */
static void on_context_made(void *context, void *unused, CRYPTO_EX_DATA *data, int index, long number, void *user) {
    (void)unused;
    (void)data;
    (void)index;
    (void)number;
    (void)user;
    SSL_CTX_set_msg_callback(context, on_tls_message);
}

static void set_hooks(void) {
    ssl_index = SSL_get_ex_new_index(0, NULL, on_ssl_made, NULL, on_ssl_freed);
    context_index = SSL_CTX_get_ex_new_index(0, NULL, on_context_made, NULL, NULL);
}

struct sp_tls_refusals *sp_tls_refusals_open(void (*refused)(void *user, const struct sp_tls_refusal *refusal),
                                             void *user) {
    struct sp_tls_refusals *refusals = malloc(sizeof(*refusals));
    if (refusals == NULL)
        return NULL;
    *refusals = (struct sp_tls_refusals){.refused = refused, .user = user};
    atomic_init(&refusals->references, 1);
    pthread_mutex_init(&refusals->lock, NULL);
    pthread_once(&hooks_once, set_hooks);
    return refusals;
}

void sp_tls_refusals_close(struct sp_tls_refusals *refusals) {
    if (refusals == NULL)
        return;
    pthread_mutex_lock(&refusals->lock);
    refusals->refused = NULL;
    pthread_mutex_unlock(&refusals->lock);
    release_refusals(refusals);
}

void sp_tls_refusals_expect(struct sp_tls_refusals *refusals, int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof(address);
    expected_refusals = NULL;
    if (refusals != NULL && getpeername(fd, &address.any, &size) == 0 &&
        sp_peer_from_sockaddr(&address.any, &expected_peer))
        expected_refusals = refusals;
}
