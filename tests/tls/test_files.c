/* When files are looked at, when they are taken over, and when they are complained of. The clock is
 * the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "support/certificates.h"
#include "support/process.h"
#include "tls/files.h"

static char folder[64], certificate[96], key[96], ca[96];
static struct certificate_authority *authority;
static struct sp_tls_watch watch;
static struct sp_tls_material material;
static struct sp_error error;

static int set_up(void **state) {
    (void)state;
    folder_make(folder);
    snprintf(certificate, sizeof(certificate), "%s/server.pem", folder);
    snprintf(key, sizeof(key), "%s/server.key", folder);
    snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
    authority = authority_make("test CA");
    authority_write(authority, ca);
    authority_sign(authority, "DNS:one.example.org", 30, certificate, key);
    const struct sp_tls_files files = {.certificate = certificate, .key = key, .ca = ca};
    assert_int_equal(sp_tls_watch_open(&watch, &files, &material, &error), SP_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_tls_material_fini(&material);
    authority_free(authority);
    folder_remove(folder);
    return 0;
}

/* Looks; what is new replaces `material`. */
static enum sp_tls_news look(int64_t now_ms) {
    struct sp_tls_material news = {0};
    enum sp_tls_news told = sp_tls_watch_look(&watch, now_ms, &news, &error);
    if (told == SP_TLS_CHANGED) {
        sp_tls_material_fini(&material);
        material = news;
    }
    return told;
}

static void sign_anew(void) {
    authority_sign(authority, "DNS:two.example.org", 30, certificate, key);
}

static void break_certificate(const char *text) {
    FILE *file = fopen(certificate, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void reads_what_the_files_hold(void **state) {
    (void)state;
    assert_non_null(strstr(material.certificate, "BEGIN CERTIFICATE"));
    assert_non_null(strstr(material.key, "BEGIN PRIVATE KEY"));
    assert_non_null(strstr(material.ca, "BEGIN CERTIFICATE"));
}

static void looks_at_most_once_a_second(void **state) {
    (void)state;
    assert_int_equal(look(5000), SP_TLS_UNCHANGED);
    sign_anew();
    assert_int_equal(look(5999), SP_TLS_UNCHANGED);
    assert_int_equal(look(6000), SP_TLS_CHANGED);
    assert_int_equal(look(7000), SP_TLS_UNCHANGED);
}

static void complains_once_of_what_stays_broken(void **state) {
    (void)state;
    break_certificate("nothing\n");
    assert_int_equal(look(5000), SP_TLS_UNCHANGED);
    assert_int_equal(look(6000), SP_TLS_BROKEN);
    assert_non_null(strstr(error.message, certificate));
    assert_int_equal(look(7000), SP_TLS_UNCHANGED);
    break_certificate("nothing else\n");
    assert_int_equal(look(8000), SP_TLS_UNCHANGED);
    assert_int_equal(look(9000), SP_TLS_BROKEN);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(look(10000), SP_TLS_UNCHANGED);
    assert_int_equal(look(11000), SP_TLS_BROKEN);
    sign_anew();
    assert_int_equal(look(12000), SP_TLS_CHANGED);
}

static void a_key_that_comes_a_moment_after_its_certificate_is_no_complaint(void **state) {
    char next_certificate[96], next_key[96];
    (void)state;
    snprintf(next_certificate, sizeof(next_certificate), "%s/next.pem", folder);
    snprintf(next_key, sizeof(next_key), "%s/next.key", folder);
    authority_sign(authority, "DNS:two.example.org", 30, next_certificate, next_key);
    assert_int_equal(rename(next_certificate, certificate), 0);
    assert_int_equal(look(5000), SP_TLS_UNCHANGED);
    assert_int_equal(rename(next_key, key), 0);
    assert_int_equal(look(6000), SP_TLS_CHANGED);
}

/* The same key, encrypted. */
static void encrypt_key(const char *password) {
    BIO *from = BIO_new_file(key, "r");
    EVP_PKEY *same = PEM_read_bio_PrivateKey(from, NULL, NULL, NULL);
    assert_non_null(same);
    BIO_free(from);
    BIO *to = BIO_new_file(key, "w");
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(to, same, EVP_aes_256_cbc(), password, (int)strlen(password), NULL, NULL), 1);
    BIO_free(to);
    EVP_PKEY_free(same);
}

static void a_key_with_a_password_is_refused_even_if_that_is_empty(void **state) {
    static const char *const passwords[] = {"a password", ""};
    (void)state;
    for (size_t i = 0; i < sizeof(passwords) / sizeof(*passwords); i++) {
        struct sp_tls_material unused = {0};
        sign_anew();
        encrypt_key(passwords[i]);
        assert_int_equal(sp_tls_material_read(&watch.files, &unused, &error), SP_ERR_INVALID);
        assert_non_null(strstr(error.message, "contains no private key that is readable without a password"));
        sp_tls_material_fini(&unused);
    }
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(reads_what_the_files_hold),
        CASE(looks_at_most_once_a_second),
        CASE(complains_once_of_what_stays_broken),
        CASE(a_key_that_comes_a_moment_after_its_certificate_is_no_complaint),
        CASE(a_key_with_a_password_is_refused_even_if_that_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
