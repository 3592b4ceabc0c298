/* Which certificates are refused, by lists that change, break and expire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/certificates.h"
#include "support/process.h"
#include "tls/crl.h"

enum { PATH_BYTES = 96, LOOK_MS = 1100 };

static char folder[64], ca[PATH_BYTES], list[PATH_BYTES], good[PATH_BYTES], bad[PATH_BYTES], key[PATH_BYTES];
static struct certificate_authority *authority;
static unsigned good_notices, bad_notices;

static void count_notice(void *user, bool is_good, const char *message) {
    (void)user;
    assert_non_null(message);
    *(is_good ? &good_notices : &bad_notices) += 1;
}

static void name_file(char ret_path[static PATH_BYTES], const char *name) {
    snprintf(ret_path, PATH_BYTES, "%s/%s", folder, name);
}

static int set_up(void **state) {
    static const char *const none[] = {NULL};
    (void)state;
    folder_make(folder);
    name_file(ca, "ca.pem");
    name_file(list, "crl.pem");
    name_file(good, "good.pem");
    name_file(bad, "bad.pem");
    name_file(key, "any.key");
    authority = authority_make("test CA");
    authority_write(authority, ca);
    authority_sign(authority, "DNS:good.test", 30, good, key);
    authority_sign(authority, "DNS:bad.test", 30, bad, key);
    authority_revoke(authority, none, 30, list);
    good_notices = bad_notices = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    authority_free(authority);
    folder_remove(folder);
    return 0;
}

static struct sp_tls_crl *open_lists(void) {
    const struct sp_tls_crl_options options = {.file = list, .ca = ca, .notice = count_notice};
    struct sp_tls_crl *crl = NULL;
    struct sp_error error = {0};
    if (sp_tls_crl_open(&options, &crl, &error) != SP_OK)
        fail_msg("%s", error.message);
    return crl;
}

/* What is said of the certificates in files; NULL ends them. */
static const char *verdict_on(struct sp_tls_crl *crl, struct sp_tls_crl_memo *memo, const char *first,
                              const char *second) {
    const char *const files[] = {first, second};
    char *texts[2] = {NULL, NULL};
    struct sp_tls_chain chain = {.is_pem = true};
    for (size_t i = 0; i < 2 && files[i] != NULL; i++) {
        texts[i] = process_read(files[i]);
        chain.parts[chain.count++] = (struct sp_bytes){(const uint8_t *)texts[i], strlen(texts[i])};
    }
    const char *why = sp_tls_crl_refuse(crl, memo, &chain);
    free(texts[0]);
    free(texts[1]);
    return why;
}

static void wait_for_next_look(void) {
    nanosleep(&(struct timespec){.tv_sec = LOOK_MS / 1000, .tv_nsec = LOOK_MS % 1000 * 1000000L}, NULL);
}

static void a_revoked_certificate_is_refused_as_soon_as_the_list_names_it(void **state) {
    const char *const revoked[] = {bad, NULL};
    struct sp_tls_crl *crl = open_lists();
    struct sp_tls_crl_memo *memo = sp_tls_crl_memo_create();
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_null(verdict_on(crl, memo, good, NULL));
        assert_null(verdict_on(crl, memo, bad, NULL));
    }
    authority_revoke(authority, revoked, 30, list);
    wait_for_next_look();
    for (int i = 0; i < 2; i++) {
        assert_string_equal(verdict_on(crl, memo, bad, NULL), "certificate revoked");
        assert_null(verdict_on(crl, memo, good, NULL));
    }
    assert_int_equal(good_notices, 1);
    assert_int_equal(bad_notices, 0);
    sp_tls_crl_memo_free(memo);
    sp_tls_crl_close(crl);
}

static void lists_that_cannot_be_used_leave_the_last_good_ones_in_force(void **state) {
    const char *const revoked[] = {bad, NULL};
    (void)state;
    authority_revoke(authority, revoked, 30, list);
    struct sp_tls_crl *crl = open_lists();
    struct sp_tls_crl_memo *memo = sp_tls_crl_memo_create();
    assert_int_equal(unlink(list), 0);
    for (unsigned i = 0; i < 2; i++) {
        wait_for_next_look();
        assert_non_null(verdict_on(crl, memo, bad, NULL));
        assert_null(verdict_on(crl, memo, good, NULL));
        assert_int_equal(bad_notices, 1); /* once for each state of the files */
    }
    assert_int_equal(good_notices, 0);
    sp_tls_crl_memo_free(memo);
    sp_tls_crl_close(crl);
}

static void what_is_not_certain_is_refused(void **state) {
    char other[PATH_BYTES], expired[PATH_BYTES];
    struct certificate_authority *stranger = authority_make("another CA");
    struct sp_tls_crl *crl = open_lists();
    struct sp_tls_crl_memo *memo = sp_tls_crl_memo_create();
    (void)state;
    name_file(other, "other.pem");
    name_file(expired, "expired.pem");
    authority_sign(stranger, "DNS:other.test", 30, other, key);
    authority_sign(authority, "DNS:expired.test", -2, expired, key);
    assert_non_null(verdict_on(crl, memo, other, NULL));
    assert_non_null(verdict_on(crl, memo, expired, NULL));
    assert_non_null(verdict_on(crl, memo, key, NULL)); /* no certificate */
    assert_non_null(verdict_on(crl, memo, NULL, NULL));
    authority_free(stranger);
    sp_tls_crl_memo_free(memo);
    sp_tls_crl_close(crl);
}

static void append_file(const char *to, const char *from) {
    char *text = process_read(from);
    FILE *file = fopen(to, "ae");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(text);
}

static void each_ca_of_a_chain_needs_its_list(void **state) {
    static const char *const none[] = {NULL};
    char middle[PATH_BYTES], leaf[PATH_BYTES], middle_list[PATH_BYTES];
    struct certificate_authority *below = authority_make_below(authority, "middle CA");
    const char *const revoked_middle[] = {middle, NULL}, *const revoked_leaf[] = {leaf, NULL};
    (void)state;
    name_file(middle, "middle.pem");
    name_file(leaf, "leaf.pem");
    name_file(middle_list, "middle-crl.pem");
    authority_write(below, middle);
    authority_sign(below, "DNS:leaf.test", 30, leaf, key);
    struct sp_tls_crl_memo *memo = sp_tls_crl_memo_create();
    for (int round = 0; round < 4; round++) {
        authority_revoke(authority, round == 2 ? revoked_middle : none, 30, list);
        authority_revoke(below, round == 3 ? revoked_leaf : none, 30, middle_list);
        if (round > 0)
            append_file(list, middle_list);
        struct sp_tls_crl *crl = open_lists();
        assert_int_equal(verdict_on(crl, memo, leaf, middle) == NULL, round == 1);
        assert_non_null(verdict_on(crl, memo, leaf, NULL)); /* leads to no CA */
        sp_tls_crl_close(crl);
        sp_tls_crl_memo_free(memo);
        memo = sp_tls_crl_memo_create();
    }
    sp_tls_crl_memo_free(memo);
    authority_free(below);
}

/* The CA file names the CA in the middle itself: the one above it is nobody's concern. */
static void a_trusted_ca_needs_no_list_of_the_one_above_it(void **state) {
    static const char *const none[] = {NULL};
    struct certificate_authority *below = authority_make_below(authority, "middle CA");
    (void)state;
    authority_write(below, ca);
    authority_sign(below, "DNS:leaf.test", 30, good, key);
    authority_revoke(below, none, 30, list);
    struct sp_tls_crl *crl = open_lists();
    struct sp_tls_crl_memo *memo = sp_tls_crl_memo_create();
    assert_null(verdict_on(crl, memo, good, NULL));
    sp_tls_crl_memo_free(memo);
    sp_tls_crl_close(crl);
    authority_free(below);
}

static void refuses_to_begin_with_lists_that_prove_nothing(void **state) {
    static const char *const none[] = {NULL};
    static const char *const says[] = {
        "--tls-client-ca", "contains no readable revocation list",  "contains no readable revocation list",
        "has expired",     "is not signed by the CA that it names", "contains no readable certificate"};
    struct certificate_authority *impostor = authority_make("test CA"); /* of the same name */
    (void)state;
    for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++) {
        struct sp_tls_crl *crl = NULL;
        struct sp_error error = {0};
        struct sp_tls_crl_options options = {.file = list, .ca = ca};
        authority_revoke(authority, none, i == 3 ? -1 : 30, list);
        if (i == 0)
            options.ca = NULL;
        if (i == 1)
            options.file = ca;
        if (i == 2)
            assert_int_equal(unlink(list), 0);
        if (i == 4)
            authority_revoke(impostor, none, 30, list);
        if (i == 5)
            options.ca = key;
        assert_int_equal(sp_tls_crl_open(&options, &crl, &error), SP_ERR_INVALID);
        if (strstr(error.message, says[i]) == NULL)
            fail_msg("row %zu: %s", i, error.message);
    }
    authority_free(impostor);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_revoked_certificate_is_refused_as_soon_as_the_list_names_it),
        CASE(lists_that_cannot_be_used_leave_the_last_good_ones_in_force),
        CASE(what_is_not_certain_is_refused),
        CASE(each_ca_of_a_chain_needs_its_list),
        CASE(a_trusted_ca_needs_no_list_of_the_one_above_it),
        CASE(refuses_to_begin_with_lists_that_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
