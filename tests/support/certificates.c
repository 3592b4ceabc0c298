#include "support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { SECONDS_A_DAY = 86400 };

struct certificate_authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `names` NULL: a CA. */
static X509 *make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, long from_s, long to_s,
                  const char *names) {
    X509 *certificate = X509_new();
    uint64_t serial = 0;
    assert_non_null(certificate);
    assert_int_equal(RAND_bytes((unsigned char *)&serial, 7), 1);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer == NULL ? certificate : issuer));
    X509_set_pubkey(certificate, key);
    if (names == NULL)
        add_extension(certificate, issuer == NULL ? certificate : issuer, NID_basic_constraints, "critical,CA:TRUE");
    else
        add_extension(certificate, issuer, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, signer, EVP_sha256()) > 0);
    return certificate;
}

static struct certificate_authority *make_authority(const struct certificate_authority *above, const char *name) {
    struct certificate_authority *authority = calloc(1, sizeof(*authority));
    assert_non_null(authority);
    authority->key = EVP_EC_gen("P-256");
    assert_non_null(authority->key);
    authority->certificate =
        make(name, authority->key, above == NULL ? NULL : above->certificate,
             above == NULL ? authority->key : above->key, -SECONDS_A_DAY, 365L * SECONDS_A_DAY, NULL);
    return authority;
}

struct certificate_authority *authority_make(const char *name) {
    return make_authority(NULL, name);
}

struct certificate_authority *authority_make_below(const struct certificate_authority *above, const char *name) {
    return make_authority(above, name);
}

void authority_free(struct certificate_authority *authority) {
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}

static void write_certificate(const X509 *certificate, const char *path) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
}

void authority_write(const struct certificate_authority *authority, const char *file) {
    write_certificate(authority->certificate, file);
}

void authority_sign(const struct certificate_authority *authority, const char *names, int days,
                    const char *certificate_file, const char *key_file) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    long from_s = days < 0 ? 2L * days * SECONDS_A_DAY : -SECONDS_A_DAY;
    X509 *certificate =
        make("test", key, authority->certificate, authority->key, from_s, (long)days * SECONDS_A_DAY, names);
    write_certificate(certificate, certificate_file);
    FILE *file = fopen(key_file, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void add_revoked(X509_CRL *list, const char *certificate_file) {
    FILE *file = fopen(certificate_file, "re");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    assert_int_equal(fclose(file), 0);
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    assert_int_equal(X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(certificate)), 1);
    assert_int_equal(X509_REVOKED_set_revocationDate(revoked, now), 1);
    assert_int_equal(X509_CRL_add0_revoked(list, revoked), 1);
    ASN1_TIME_free(now);
    X509_free(certificate);
}

void authority_revoke(const struct certificate_authority *authority, const char *const *certificate_files, int days,
                      const char *list_file) {
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, days < 0 ? 2L * days * SECONDS_A_DAY : -SECONDS_A_DAY);
    ASN1_TIME *to = X509_gmtime_adj(NULL, (long)days * SECONDS_A_DAY);
    assert_non_null(list);
    assert_int_equal(X509_CRL_set_version(list, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->certificate)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(list, from), 1);
    assert_int_equal(X509_CRL_set1_nextUpdate(list, to), 1);
    for (size_t i = 0; certificate_files[i] != NULL; i++)
        add_revoked(list, certificate_files[i]);
    assert_true(X509_CRL_sign(list, authority->key, EVP_sha256()) > 0);
    FILE *file = fopen(list_file, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509_CRL(file, list), 1);
    assert_int_equal(fclose(file), 0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(list);
}
