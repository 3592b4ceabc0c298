#include "support/signing_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

void signing_keys_make(const char *private_path, const char *public_path, const char *password) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    FILE *private_file = fopen(private_path, "we"), *public_file = fopen(public_path, "we");
    assert_non_null(key);
    assert_non_null(private_file);
    assert_non_null(public_file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(private_file, key, password == NULL ? NULL : EVP_aes_128_cbc(), password,
                                               password == NULL ? 0 : (int)strlen(password), NULL, NULL),
                     1);
    assert_int_equal(PEM_write_PUBKEY(public_file, key), 1);
    assert_int_equal(fclose(private_file), 0);
    assert_int_equal(fclose(public_file), 0);
    EVP_PKEY_free(key);
}
