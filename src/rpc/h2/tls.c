#include "rpc/h2/tls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct h2_tls {
    pthread_mutex_t lock; /* over what follows */
    struct sp_tls_watch watch;
    SSL_CTX *context;
    struct sp_tls_refusals *refusals;
    void (*notice)(void *user, bool good, const char *message);
    void *user;
};

/* All of TLS 1.2 that RFC 9113 section 9.2.2 leaves and that need no choice of parameters. */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* ---- contexts ---- */

static int select_h2(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_size, const unsigned char *offered,
                     unsigned offered_size, void *user) {
    static const unsigned char h2[] = {2, 'h', '2'};
    (void)ssl;
    (void)user;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, ret_size, h2, sizeof(h2), offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static X509 *read_certificate(BIO *bio) {
    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static bool use_chain(SSL_CTX *context, const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    if (bio == NULL)
        return false;
    X509 *certificate = read_certificate(bio);
    bool good = certificate != NULL && SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    while (good && (certificate = read_certificate(bio)) != NULL) {
        good = SSL_CTX_add0_chain_cert(context, certificate) == 1;
        if (!good)
            X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text is an error to OpenSSL */
    return good;
}

static bool use_key(SSL_CTX *context, const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    bool good = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return good;
}

/* Clients must show a certificate that one of these has signed. */
static bool require_clients(SSL_CTX *context, const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    if (bio == NULL)
        return false;
    bool good = true;
    size_t count = 0;
    for (X509 *ca = read_certificate(bio); good && ca != NULL; ca = read_certificate(bio)) {
        good = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1 && SSL_CTX_add_client_CA(context, ca) == 1;
        X509_free(ca);
        count++;
    }
    BIO_free(bio);
    ERR_clear_error();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return good && count > 0;
}

static bool fill_context(SSL_CTX *context, const struct sp_tls_material *material) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, select_h2, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set_cipher_list(context, tls12_ciphers) == 1 && use_chain(context, material->certificate) &&
           use_key(context, material->key) && SSL_CTX_check_private_key(context) == 1 &&
           (material->ca == NULL || require_clients(context, material->ca));
}

static SSL_CTX *create_context(const struct sp_tls_material *material) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context != NULL && !fill_context(context, material)) {
        SSL_CTX_free(context);
        context = NULL;
    }
    return context;
}

/* ---- files ---- */

enum sp_status sp_rpc_h2_tls_open(const struct sp_tls_files *files, struct sp_tls_refusals *refusals,
                                  void (*notice)(void *user, bool good, const char *message), void *user,
                                  struct h2_tls **ret_tls, struct sp_error *error) {
    struct sp_tls_material material;
    struct h2_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_tls_watch_open(&tls->watch, files, &material, error);
    if (status != SP_OK) {
        free(tls);
        return status;
    }
    tls->context = create_context(&material);
    sp_tls_material_fini(&material);
    if (tls->context == NULL) {
        free(tls);
        return sp_error_set(error, SP_ERR_INVALID, "OpenSSL cannot use %s with its key", files->certificate);
    }
    tls->refusals = refusals;
    tls->notice = notice;
    tls->user = user;
    pthread_mutex_init(&tls->lock, NULL);
    *ret_tls = tls;
    return SP_OK;
}

void sp_rpc_h2_tls_close(struct h2_tls *tls) {
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

static void use_new_files(struct h2_tls *tls, const struct sp_tls_material *material) {
    SSL_CTX *context = create_context(material);
    if (context == NULL) {
        sp_tls_tell_news(tls->notice, tls->user, "OpenSSL refuses them");
        return;
    }
    SSL_CTX_free(tls->context);
    tls->context = context;
    sp_tls_tell_news(tls->notice, tls->user, NULL);
}

static void reload_changed_tls_files(struct h2_tls *tls) {
    struct sp_tls_material material;
    if (!sp_tls_watch_take_new(&tls->watch, tls->notice, tls->user, &material))
        return;
    use_new_files(tls, &material);
    sp_tls_material_fini(&material);
}

SSL *sp_rpc_h2_tls_accept(struct h2_tls *tls, int fd) {
    pthread_mutex_lock(&tls->lock);
    reload_changed_tls_files(tls);
    sp_tls_refusals_expect(tls->refusals, fd);
    SSL *ssl = SSL_new(tls->context);
    sp_tls_refusals_expect(NULL, -1);
    pthread_mutex_unlock(&tls->lock);
    if (ssl == NULL)
        return NULL;
    if (SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}

/* ---- what clients show ---- */

/* A name with a NUL in it is nobody's. */
static void keep_name(struct sp_str *names, size_t *count, char **at, const ASN1_STRING *text) {
    size_t size = (size_t)ASN1_STRING_length(text);
    const unsigned char *data = ASN1_STRING_get0_data(text);
    if (*count == SP_IDENTITY_NAMES || size == 0 || memchr(data, '\0', size) != NULL)
        return;
    memcpy(*at, data, size);
    names[(*count)++] = (struct sp_str){*at, size};
    *at += size;
}

static size_t count_name_bytes(const GENERAL_NAMES *names) {
    size_t bytes = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI || name->type == GEN_DNS)
            bytes += (size_t)ASN1_STRING_length(name->d.ia5);
    }
    return bytes;
}

static bool read_names(struct h2_certificate *certificate, const X509 *x509) {
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    if (names == NULL)
        return true;
    char *at = certificate->memory = malloc(count_name_bytes(names) + 1);
    for (int i = 0; at != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI)
            keep_name(certificate->uris, &certificate->uri_count, &at, name->d.ia5);
        else if (name->type == GEN_DNS)
            keep_name(certificate->dns, &certificate->dns_count, &at, name->d.ia5);
    }
    GENERAL_NAMES_free(names);
    return certificate->memory != NULL;
}

static bool keep_der(struct sp_tls_chain *chain, const X509 *x509) {
    unsigned char *der = NULL;
    int size = i2d_X509(x509, &der);
    if (size <= 0)
        return false;
    chain->parts[chain->count++] = (struct sp_bytes){der, (size_t)size};
    return true;
}

static bool read_chain(struct h2_certificate *certificate, const SSL *ssl, const X509 *leaf) {
    const STACK_OF(X509) *others = SSL_get_peer_cert_chain(ssl);
    struct sp_tls_chain *chain = &certificate->chain;
    bool good = keep_der(chain, leaf);
    for (int i = 0; good && i < sk_X509_num(others) && chain->count < SP_TLS_CHAIN_MAX; i++)
        good = keep_der(chain, sk_X509_value(others, i));
    return good;
}

struct h2_certificate *sp_rpc_h2_certificate_read(const SSL *ssl) {
    struct h2_certificate *certificate = calloc(1, sizeof(*certificate));
    X509 *leaf = SSL_get1_peer_certificate(ssl);
    if (certificate == NULL || leaf == NULL) {
        X509_free(leaf);
        return certificate;
    }
    certificate->certified = SSL_get_verify_result(ssl) == X509_V_OK;
    bool good = read_names(certificate, leaf) && read_chain(certificate, ssl, leaf);
    X509_free(leaf);
    if (!good) {
        sp_rpc_h2_certificate_free(certificate);
        return NULL;
    }
    return certificate;
}

void sp_rpc_h2_certificate_free(struct h2_certificate *certificate) {
    if (certificate == NULL)
        return;
    for (size_t i = 0; i < certificate->chain.count; i++)
        OPENSSL_free((void *)(uintptr_t)certificate->chain.parts[i].data);
    free(certificate->memory);
    free(certificate);
}
