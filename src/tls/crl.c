#include "tls/crl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "base/file_mark.h"
#include "tls/pem.h"

enum {
    LOOK_EVERY_MS = 1000,
    REMEMBER_MS = 10 * 1000, /* a verdict, so that a list which expires counts soon */
    DIGEST_BYTES = 32,
    MEMO_SLOTS = 64,
    PART_MAX_BYTES = 256 * 1024,
};

struct sp_tls_crl {
    struct sp_tls_crl_options options;
    pthread_mutex_t lock;            /* over what follows but the atomics */
    X509_STORE *store;               /* replaced as a whole */
    time_t expires_at;               /* the first of its lists */
    uint64_t used_mark;              /* of the files that it was read from */
    uint64_t broken_mark;            /* of files that could not be used */
    bool told_of_expiry;             /* of this store */
    atomic_uint_fast64_t generation; /* of the store */
    atomic_int_fast64_t look_at_ms;  /* when to look at the files again */
};

struct verdict {
    uint8_t digest[DIGEST_BYTES];
    uint64_t generation; /* 0: empty */
    int64_t until_ms;
    const char *why; /* NULL: accepted */
};

struct sp_tls_crl_memo {
    EVP_MD_CTX *hash;
    struct verdict slots[MEMO_SLOTS];
};

/* ---- the files ---- */

static uint64_t mark_both_files(const struct sp_tls_crl *crl) {
    return sp_file_mark(sp_file_mark(1, crl->options.file), crl->options.ca);
}

/* Whether reading ended because there is nothing more. */
static bool is_at_end(void) {
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return at_end;
}

static enum sp_status add_authorities(X509_STORE *store, const char *path, struct sp_error *error) {
    BIO *bio = BIO_new_file(path, "r");
    size_t count = 0;
    X509 *certificate;
    while (bio != NULL && (certificate = PEM_read_bio_X509(bio, NULL, sp_pem_refuse_password, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
    }
    bool good = bio != NULL && is_at_end() && count > 0;
    BIO_free(bio);
    ERR_clear_error();
    return good ? SP_OK : sp_error_set(error, SP_ERR_INVALID, "%s: contains no readable certificate", path);
}

/* A list of an intermediate CA, whose certificate the clients show, cannot be checked before they
 * do. */
static bool has_wrong_signature(X509_STORE *store, X509_CRL *list) {
    bool wrong = false;
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (authority == NULL || X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(list)) != 0)
            continue;
        if (X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1)
            return false;
        wrong = true;
    }
    ERR_clear_error();
    return wrong;
}

/* 0: no time is given, or it has passed. */
static time_t expiry_of_list(const X509_CRL *list, time_t now) {
    int days = 0, seconds = 0;
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
    if (next == NULL || ASN1_TIME_diff(&days, &seconds, NULL, next) != 1 || days < 0 || seconds < 0)
        return 0;
    return now + (time_t)days * 24 * 60 * 60 + seconds;
}

static enum sp_status add_revocation_list(X509_STORE *store, X509_CRL *list, const char *path, time_t *expires_at,
                                          struct sp_error *error) {
    time_t expiry = expiry_of_list(list, sp_clock_now_s());
    if (expiry == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s: a revocation list has expired: get a new one from its CA",
                            path);
    if (has_wrong_signature(store, list))
        return sp_error_set(error, SP_ERR_INVALID, "%s: a revocation list is not signed by the CA that it names", path);
    if (X509_STORE_add_crl(store, list) != 1)
        return sp_error_set(error, SP_ERR_INVALID, "%s: a revocation list cannot be used", path);
    *expires_at = *expires_at == 0 || expiry < *expires_at ? expiry : *expires_at;
    return SP_OK;
}

static enum sp_status add_lists(X509_STORE *store, const char *path, time_t *expires_at, struct sp_error *error) {
    BIO *bio = BIO_new_file(path, "r");
    size_t count = 0;
    X509_CRL *list;
    while (bio != NULL && (list = PEM_read_bio_X509_CRL(bio, NULL, sp_pem_refuse_password, NULL)) != NULL) {
        enum sp_status status = add_revocation_list(store, list, path, expires_at, error);
        X509_CRL_free(list);
        if (status != SP_OK) {
            BIO_free(bio);
            ERR_clear_error();
            return status;
        }
        count++;
    }
    bool good = bio != NULL && is_at_end() && count > 0;
    BIO_free(bio);
    ERR_clear_error();
    return good ? SP_OK : sp_error_set(error, SP_ERR_INVALID, "%s: contains no readable revocation list", path);
}

/* A CA that is trusted needs no list of the CA above it. */
static int forgive_missing_list_of_anchor(int good, X509_STORE_CTX *context) {
    int code = X509_STORE_CTX_get_error(context);
    int last = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;
    bool is_missing = code == X509_V_ERR_UNABLE_TO_GET_CRL || code == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER;
    if (good == 0 && is_missing && last > 0 && X509_STORE_CTX_get_error_depth(context) == last) {
        X509_STORE_CTX_set_error(context, X509_V_OK);
        return 1;
    }
    return good;
}

static enum sp_status read_store(const struct sp_tls_crl *crl, X509_STORE **ret_store, time_t *ret_expires_at,
                                 struct sp_error *error) {
    time_t expires_at = 0;
    X509_STORE *store = X509_STORE_new();
    if (store == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_set_verify_cb(store, forgive_missing_list_of_anchor);
    enum sp_status status = add_authorities(store, crl->options.ca, error);
    if (status != SP_OK)
        goto failed;
    status = add_lists(store, crl->options.file, &expires_at, error);
    if (status != SP_OK)
        goto failed;
    *ret_store = store;
    *ret_expires_at = expires_at;
    return SP_OK;
failed:
    X509_STORE_free(store);
    return status;
}

/* ---- reloading ---- */

static void notify_of_lists(const struct sp_tls_crl *crl, bool good, const char *message) {
    if (crl->options.notice != NULL)
        crl->options.notice(crl->options.user, good, message);
}

static void use_store(struct sp_tls_crl *crl, X509_STORE *store, time_t expires_at, uint64_t mark) {
    X509_STORE_free(crl->store);
    crl->store = store;
    crl->expires_at = expires_at;
    crl->used_mark = mark;
    crl->broken_mark = 0;
    crl->told_of_expiry = false;
    atomic_fetch_add(&crl->generation, 1);
}

static void reload_lists(struct sp_tls_crl *crl) {
    struct sp_error error = {0};
    char message[sizeof(error.message) + 128];
    X509_STORE *store = NULL;
    time_t expires_at = 0;
    uint64_t mark = mark_both_files(crl);
    if (mark == crl->used_mark || mark == crl->broken_mark)
        return;
    if (read_store(crl, &store, &expires_at, &error) == SP_OK) {
        use_store(crl, store, expires_at, mark);
        notify_of_lists(crl, true, "the revocation lists have changed and are in effect");
        return;
    }
    crl->broken_mark = mark;
    (void)snprintf(message, sizeof(message),
                   "the revocation lists have changed but cannot be used, keeping the old ones: %s", error.message);
    notify_of_lists(crl, false, message);
}

static void tell_of_expiry(struct sp_tls_crl *crl) {
    struct sp_error error;
    if (crl->told_of_expiry || sp_clock_now_s() < crl->expires_at)
        return;
    crl->told_of_expiry = true;
    (void)sp_error_set(&error, SP_ERR_INVALID,
                       "%s: a revocation list has expired: clients of its CA are refused until it is replaced",
                       crl->options.file);
    notify_of_lists(crl, false, error.message);
}

/* Whoever comes first looks; others go on with what is there. */
static void check_revocation_files(struct sp_tls_crl *crl, int64_t now_ms) {
    if (now_ms < atomic_load_explicit(&crl->look_at_ms, memory_order_relaxed) || pthread_mutex_trylock(&crl->lock) != 0)
        return;
    atomic_store_explicit(&crl->look_at_ms, now_ms + LOOK_EVERY_MS, memory_order_relaxed);
    reload_lists(crl);
    tell_of_expiry(crl);
    pthread_mutex_unlock(&crl->lock);
}

/* ---- life ---- */

enum sp_status sp_tls_crl_open(const struct sp_tls_crl_options *options, struct sp_tls_crl **ret_crl,
                               struct sp_error *error) {
    X509_STORE *store = NULL;
    time_t expires_at = 0;
    if (options->ca == NULL)
        return sp_error_set(error, SP_ERR_INVALID,
                            "%s: revocation lists need the CA of the clients: set --tls-client-ca", options->file);
    struct sp_tls_crl *crl = calloc(1, sizeof(*crl));
    if (crl == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    crl->options = *options;
    uint64_t mark = mark_both_files(crl);
    enum sp_status status = read_store(crl, &store, &expires_at, error);
    if (status != SP_OK) {
        free(crl);
        return status;
    }
    pthread_mutex_init(&crl->lock, NULL);
    use_store(crl, store, expires_at, mark);
    *ret_crl = crl;
    return SP_OK;
}

void sp_tls_crl_close(struct sp_tls_crl *crl) {
    if (crl == NULL)
        return;
    X509_STORE_free(crl->store);
    pthread_mutex_destroy(&crl->lock);
    free(crl);
}

struct sp_tls_crl_memo *sp_tls_crl_memo_create(void) {
    struct sp_tls_crl_memo *memo = calloc(1, sizeof(*memo));
    if (memo == NULL)
        return NULL;
    memo->hash = EVP_MD_CTX_new();
    if (memo->hash != NULL)
        return memo;
    free(memo);
    return NULL;
}

void sp_tls_crl_memo_free(struct sp_tls_crl_memo *memo) {
    if (memo == NULL)
        return;
    EVP_MD_CTX_free(memo->hash);
    free(memo);
}

/* ---- verdicts ---- */

static bool push_certificate(STACK_OF(X509) * certificates, X509 *certificate) {
    if (certificate != NULL && sk_X509_num(certificates) < SP_TLS_CHAIN_MAX &&
        sk_X509_push(certificates, certificate) > 0)
        return true;
    X509_free(certificate);
    return false;
}

static void read_part(struct sp_bytes part, bool is_pem, STACK_OF(X509) * certificates) {
    if (!is_pem) {
        const uint8_t *at = part.data;
        (void)push_certificate(certificates, d2i_X509(NULL, &at, (long)part.size));
        return;
    }
    BIO *bio = BIO_new_mem_buf(part.data, (int)part.size);
    while (bio != NULL && push_certificate(certificates, PEM_read_bio_X509(bio, NULL, sp_pem_refuse_password, NULL)))
        continue;
    BIO_free(bio);
}

/* The first is the client's own. Empty if a part cannot be one. */
static STACK_OF(X509) * read_chain(const struct sp_tls_chain *chain) {
    STACK_OF(X509) *certificates = sk_X509_new_null();
    for (size_t i = 0; certificates != NULL && i < chain->count; i++)
        if (chain->parts[i].size > 0 && chain->parts[i].size <= PART_MAX_BYTES)
            read_part(chain->parts[i], chain->is_pem, certificates);
    return certificates;
}

static const char *verify_issuer_chain(X509_STORE *store, const struct sp_tls_chain *chain) {
    const char *why = "it cannot be read";
    STACK_OF(X509) *certificates = read_chain(chain);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (certificates == NULL || context == NULL || sk_X509_num(certificates) == 0)
        goto out;
    if (X509_STORE_CTX_init(context, store, sk_X509_value(certificates, 0), certificates) != 1)
        goto out;
    why = X509_verify_cert(context) == 1 ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
out:
    X509_STORE_CTX_free(context);
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
    return why;
}

static const char *verify_with_current(struct sp_tls_crl *crl, const struct sp_tls_chain *chain,
                                       uint64_t *ret_generation) {
    pthread_mutex_lock(&crl->lock);
    X509_STORE *store = crl->store;
    (void)X509_STORE_up_ref(store);
    *ret_generation = atomic_load(&crl->generation);
    pthread_mutex_unlock(&crl->lock);
    const char *why = verify_issuer_chain(store, chain);
    X509_STORE_free(store);
    return why;
}

static bool digest_chain(struct sp_tls_crl_memo *memo, const struct sp_tls_chain *chain,
                         uint8_t ret_digest[static DIGEST_BYTES]) {
    bool good = EVP_DigestInit_ex(memo->hash, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < chain->count; i++)
        good = EVP_DigestUpdate(memo->hash, chain->parts[i].data, chain->parts[i].size) == 1;
    return good && EVP_DigestFinal_ex(memo->hash, ret_digest, NULL) == 1;
}

const char *sp_tls_crl_refuse(struct sp_tls_crl *crl, struct sp_tls_crl_memo *memo, const struct sp_tls_chain *chain) {
    int64_t now_ms = sp_clock_monotonic_ms();
    uint8_t digest[DIGEST_BYTES];
    check_revocation_files(crl, now_ms);
    if (!digest_chain(memo, chain, digest))
        return "out of memory";
    struct verdict *verdict = &memo->slots[digest[0] % MEMO_SLOTS];
    bool known = verdict->generation == atomic_load_explicit(&crl->generation, memory_order_acquire) &&
                 now_ms < verdict->until_ms && memcmp(verdict->digest, digest, DIGEST_BYTES) == 0;
    if (known)
        return verdict->why;
    verdict->why = verify_with_current(crl, chain, &verdict->generation);
    verdict->until_ms = now_ms + REMEMBER_MS;
    memcpy(verdict->digest, digest, DIGEST_BYTES);
    return verdict->why;
}
