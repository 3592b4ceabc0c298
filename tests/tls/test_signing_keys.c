/* Ed25519 keys from files: what is accepted, what signs, and what is loaded again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_clock.h"
#include "support/process.h"
#include "support/signing_keys.h"
#include "tls/signing_keys.h"

enum { PATH = 128 };

struct fixture {
    char folder[64];
    char private_files[2][PATH], public_files[2][PATH], other[PATH];
};

static int begin(void **state) {
    static struct fixture fixture;
    char folder[64];
    folder_make(folder);
    memcpy(fixture.folder, folder, sizeof(folder));
    fake_clock_start();
    for (int i = 0; i < 2; i++) {
        snprintf(fixture.private_files[i], PATH, "%s/private%d.pem", folder, i);
        snprintf(fixture.public_files[i], PATH, "%s/public%d.pem", folder, i);
        signing_keys_make(fixture.private_files[i], fixture.public_files[i], NULL);
    }
    snprintf(fixture.other, PATH, "%s/other.pem", folder);
    *state = &fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    fake_clock_end();
    folder_remove(fixture->folder);
    return 0;
}

/* The files one after the other, each as often as `times`. */
static void write_joined(const char *path, const char *first, const char *second, int times) {
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    for (int i = 0; i < times; i++) {
        const char *const parts[] = {first, second};
        for (int j = 0; j < 2; j++) {
            char *text = parts[j] == NULL ? NULL : process_read(parts[j]);
            assert_true(text == NULL || fputs(text, out) >= 0);
            free(text);
        }
    }
    assert_int_equal(fclose(out), 0);
}

static const struct sp_bytes message = {(const uint8_t *)"a message", 9};

static enum sp_status check_signature(struct sp_signing_keys *signer, struct sp_signing_keys *verifier,
                                      struct sp_bytes said) {
    uint8_t id[SP_SIGNING_KEY_ID_BYTES], signature[SP_SIGNATURE_BYTES];
    bool own;
    sp_signing_keys_own_id(signer, id, &own);
    assert_int_equal(sp_signing_keys_sign(signer, id, message, signature), SP_OK);
    return sp_signing_keys_verify(verifier, (struct sp_bytes){id, sizeof(id)}, said,
                                  (struct sp_bytes){signature, sizeof(signature)});
}

static void a_signature_counts_for_its_key_and_message_only(void **state) {
    struct fixture *fixture = *state;
    struct sp_signing_keys *signer = NULL, *verifier = NULL;
    struct sp_error error = {0};
    uint8_t id[SP_SIGNING_KEY_ID_BYTES] = {0}, signature[SP_SIGNATURE_BYTES] = {0};
    assert_int_equal(sp_signing_keys_open(fixture->private_files[0], NULL, &signer, &error), SP_OK);
    assert_int_equal(sp_signing_keys_open(NULL, fixture->public_files[0], &verifier, &error), SP_OK);
    assert_true(sp_signing_keys_can_sign(signer) && !sp_signing_keys_can_verify(signer));
    assert_true(!sp_signing_keys_can_sign(verifier) && sp_signing_keys_can_verify(verifier));
    assert_false(sp_signing_keys_can_sign(NULL) || sp_signing_keys_can_verify(NULL));
    assert_int_equal(check_signature(signer, verifier, message), SP_OK);
    assert_int_equal(check_signature(signer, verifier, (struct sp_bytes){(const uint8_t *)"another", 7}),
                     SP_ERR_UNAUTHENTICATED);
    assert_int_equal(sp_signing_keys_sign(signer, id, message, signature), SP_ERR_NOT_FOUND);
    assert_int_equal(sp_signing_keys_verify(verifier, (struct sp_bytes){id, sizeof(id)}, message,
                                            (struct sp_bytes){signature, sizeof(signature)}),
                     SP_ERR_NOT_FOUND);
    sp_signing_keys_close(verifier);
    assert_int_equal(sp_signing_keys_open(NULL, fixture->public_files[1], &verifier, &error), SP_OK);
    assert_int_equal(check_signature(signer, verifier, message), SP_ERR_NOT_FOUND);
    sp_signing_keys_close(verifier);
    sp_signing_keys_close(signer);
}

static void several_public_keys_count_and_a_reload_follows_the_file(void **state) {
    struct fixture *fixture = *state;
    struct sp_signing_keys *signers[2] = {NULL}, *verifier = NULL;
    struct sp_error error = {0};
    write_joined(fixture->other, fixture->public_files[0], fixture->public_files[1], 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sp_signing_keys_open(fixture->private_files[i], NULL, &signers[i], &error), SP_OK);
    assert_int_equal(sp_signing_keys_open(NULL, fixture->other, &verifier, &error), SP_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(check_signature(signers[i], verifier, message), SP_OK);
    write_joined(fixture->other, fixture->public_files[1], NULL, 1);
    assert_int_equal(check_signature(signers[0], verifier, message), SP_OK); /* not looked at yet */
    fake_clock_pass(1001);
    assert_int_equal(check_signature(signers[0], verifier, message), SP_ERR_NOT_FOUND);
    assert_int_equal(check_signature(signers[1], verifier, message), SP_OK);
    /* What cannot be used changes nothing. */
    file_write(fixture->other, "not a key");
    fake_clock_pass(1001);
    assert_int_equal(check_signature(signers[1], verifier, message), SP_OK);
    assert_int_equal(remove(fixture->other), 0);
    fake_clock_pass(1001);
    assert_int_equal(check_signature(signers[1], verifier, message), SP_OK);
    for (int i = 0; i < 2; i++)
        sp_signing_keys_close(signers[i]);
    sp_signing_keys_close(verifier);
}

static void files_that_hold_anything_else_are_refused_by_name(void **state) {
    struct fixture *fixture = *state;
    struct sp_signing_keys *keys = NULL;
    struct sp_error error = {0};
    char secret[PATH], missing[PATH], unused[PATH];
    snprintf(secret, PATH, "%s/secret.pem", fixture->folder);
    snprintf(missing, PATH, "%s/missing.pem", fixture->folder);
    snprintf(unused, PATH, "%s/unused.pem", fixture->folder);
    signing_keys_make(secret, unused, "a password");
    const char *const not_private[] = {secret, missing, fixture->public_files[0]};
    for (size_t i = 0; i < sizeof(not_private) / sizeof(*not_private); i++) {
        assert_int_equal(sp_signing_keys_open(not_private[i], NULL, &keys, &error), SP_ERR_INVALID);
        assert_non_null(strstr(error.message, not_private[i]));
    }
    static const char *const texts[] = {"", "not a key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                                        "-----BEGIN PUBLIC KEY-----\nnot base64\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        file_write(fixture->other, texts[i]);
        assert_int_equal(sp_signing_keys_open(NULL, fixture->other, &keys, &error), SP_ERR_INVALID);
        assert_non_null(strstr(error.message, fixture->other));
    }
    /* A private key does not belong there, and 16 are enough. */
    write_joined(fixture->other, fixture->public_files[0], fixture->private_files[0], 1);
    assert_int_equal(sp_signing_keys_open(NULL, fixture->other, &keys, &error), SP_ERR_INVALID);
    write_joined(fixture->other, fixture->public_files[0], fixture->public_files[1], 8);
    assert_int_equal(sp_signing_keys_open(NULL, fixture->other, &keys, &error), SP_OK);
    sp_signing_keys_close(keys);
    write_joined(fixture->other, fixture->public_files[0], NULL, 17);
    assert_int_equal(sp_signing_keys_open(NULL, fixture->other, &keys, &error), SP_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signature_counts_for_its_key_and_message_only, begin, end),
        cmocka_unit_test_setup_teardown(several_public_keys_count_and_a_reload_follows_the_file, begin, end),
        cmocka_unit_test_setup_teardown(files_that_hold_anything_else_are_refused_by_name, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
