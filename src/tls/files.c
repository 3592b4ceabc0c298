#include "tls/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "tls/pem.h"

enum { MAX_BYTES = 1024 * 1024, LOOK_EVERY_MS = 1000 };

/* ---- reading ---- */

static void free_pem(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

static enum sp_status read_pem(const char *path, char **ret_text, struct sp_error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s: %s", path, strerror(errno));
    char *text = malloc(MAX_BYTES + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, MAX_BYTES + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (text == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    const char *why = failed                             ? "cannot be read"
                      : size > MAX_BYTES                 ? "is longer than 1 MiB"
                      : size == 0                        ? "is empty"
                      : memchr(text, '\0', size) != NULL ? "is not PEM text"
                                                         : NULL;
    text[size > MAX_BYTES ? MAX_BYTES : size] = '\0';
    if (why != NULL) {
        explicit_bzero(text, size);
        free(text);
        return sp_error_set(error, SP_ERR_INVALID, "%s: %s", path, why);
    }
    *ret_text = text;
    return SP_OK;
}

/* ---- checking ---- */

/* Counts the certificates that a PEM text begins with; *ret_first is the first, which the caller
 * frees. -1: one of them cannot be read. */
static int count_certificates(const char *pem, X509 **ret_first) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    int count = 0;
    bool broken = bio == NULL;
    while (!broken) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, sp_pem_refuse_password, NULL);
        if (certificate == NULL) {
            broken = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
            break;
        }
        if (count++ == 0)
            *ret_first = certificate;
        else
            X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error();
    return broken ? -1 : count;
}

static enum sp_status check_ca(const char *path, const char *pem, struct sp_error *error) {
    X509 *first = NULL;
    int count = count_certificates(pem, &first);
    X509_free(first);
    return count > 0 ? SP_OK : sp_error_set(error, SP_ERR_INVALID, "%s: contains no readable certificate", path);
}

static EVP_PKEY *read_private_key(const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, sp_pem_refuse_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static enum sp_status check_pair(const struct sp_tls_files *files, const struct sp_tls_material *material,
                                 struct sp_error *error) {
    X509 *certificate = NULL;
    EVP_PKEY *key = read_private_key(material->key);
    int count = count_certificates(material->certificate, &certificate);
    enum sp_status status = SP_OK;
    if (count <= 0)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: contains no readable certificate", files->certificate);
    else if (key == NULL)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: contains no private key that is readable without a password",
                              files->key);
    else if (X509_check_private_key(certificate, key) != 1)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: is not the key of the certificate in %s", files->key,
                              files->certificate);
    else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: the certificate has expired", files->certificate);
    ERR_clear_error();
    X509_free(certificate);
    EVP_PKEY_free(key);
    return status;
}

static enum sp_status read_pair(const struct sp_tls_files *files, struct sp_tls_material *material,
                                struct sp_error *error) {
    enum sp_status status = read_pem(files->certificate, &material->certificate, error);
    if (status != SP_OK)
        return status;
    status = read_pem(files->key, &material->key, error);
    if (status != SP_OK)
        return status;
    return check_pair(files, material, error);
}

static enum sp_status read_files(const struct sp_tls_files *files, struct sp_tls_material *material,
                                 struct sp_error *error) {
    if ((files->certificate == NULL) != (files->key == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "a certificate and its key must be given together");
    if (files->certificate != NULL) {
        enum sp_status status = read_pair(files, material, error);
        if (status != SP_OK)
            return status;
    }
    if (files->ca == NULL)
        return SP_OK;
    enum sp_status status = read_pem(files->ca, &material->ca, error);
    if (status != SP_OK)
        return status;
    return check_ca(files->ca, material->ca, error);
}

enum sp_status sp_tls_material_read(const struct sp_tls_files *files, struct sp_tls_material *ret_material,
                                    struct sp_error *error) {
    struct sp_tls_material material = {0};
    enum sp_status status = read_files(files, &material, error);
    if (status != SP_OK) {
        sp_tls_material_fini(&material);
        return status;
    }
    *ret_material = material;
    return SP_OK;
}

void sp_tls_material_fini(struct sp_tls_material *material) {
    free_pem(material->certificate);
    free_pem(material->key);
    free_pem(material->ca);
    *material = (struct sp_tls_material){0};
}

/* ---- watching ---- */

/* A replaced file has another inode or time, even if only a link to it was changed. */
static uint64_t mark_file(const char *path) {
    struct stat about;
    if (path == NULL || stat(path, &about) != 0)
        return 0;
    const uint64_t parts[] = {(uint64_t)about.st_ino,          (uint64_t)about.st_dev,
                              (uint64_t)about.st_size,         (uint64_t)about.st_mtim.tv_sec,
                              (uint64_t)about.st_mtim.tv_nsec, (uint64_t)about.st_ctim.tv_sec,
                              (uint64_t)about.st_ctim.tv_nsec};
    uint64_t mark = 1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        mark = (mark ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15) + (mark >> 29);
    return mark;
}

static struct sp_tls_seen read_state(const struct sp_tls_files *files) {
    return (struct sp_tls_seen){{mark_file(files->certificate), mark_file(files->key), mark_file(files->ca)}};
}

static bool is_same_state(const struct sp_tls_seen *a, const struct sp_tls_seen *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

enum sp_status sp_tls_watch_open(struct sp_tls_watch *watch, const struct sp_tls_files *files,
                                 struct sp_tls_material *ret_material, struct sp_error *error) {
    /* Seen before it is read: what changes in between is read again. */
    *watch = (struct sp_tls_watch){.files = *files, .used = read_state(files)};
    return sp_tls_material_read(files, ret_material, error);
}

/* Remembers a state that cannot be used, and whether that is news: certificate and key are two
 * files, replaced one after the other, so a mismatch is reported only if it lasts, and once. */
static enum sp_tls_news note_broken_state(struct sp_tls_watch *watch, const struct sp_tls_seen *now) {
    if (!is_same_state(&watch->broken, now)) {
        watch->broken = *now;
        watch->complained = false;
        return SP_TLS_UNCHANGED;
    }
    if (watch->complained)
        return SP_TLS_UNCHANGED;
    watch->complained = true;
    return SP_TLS_BROKEN;
}

enum sp_tls_news sp_tls_watch_look(struct sp_tls_watch *watch, int64_t now_ms, struct sp_tls_material *ret_material,
                                   struct sp_error *error) {
    if (watch->looked_ms != 0 && now_ms - watch->looked_ms < LOOK_EVERY_MS)
        return SP_TLS_UNCHANGED;
    watch->looked_ms = now_ms;
    struct sp_tls_seen now = read_state(&watch->files);
    if (is_same_state(&now, &watch->used) || (watch->complained && is_same_state(&now, &watch->broken)))
        return SP_TLS_UNCHANGED;
    if (sp_tls_material_read(&watch->files, ret_material, error) != SP_OK)
        return note_broken_state(watch, &now);
    watch->used = now;
    return SP_TLS_CHANGED;
}

void sp_tls_tell_news(sp_tls_notice *notice, void *user, const char *why) {
    char message[sizeof(((struct sp_error *)NULL)->message) + 128];
    if (notice == NULL)
        return;
    if (why == NULL) {
        notice(user, true, "the TLS files have changed; new connections use the new certificate");
        return;
    }
    (void)snprintf(message, sizeof(message), "the TLS files have changed but cannot be used, keeping the old ones: %s",
                   why);
    notice(user, false, message);
}

bool sp_tls_watch_take_new(struct sp_tls_watch *watch, sp_tls_notice *notice, void *user,
                           struct sp_tls_material *ret_material) {
    struct sp_error error;
    switch (sp_tls_watch_look(watch, sp_clock_monotonic_ms(), ret_material, &error)) {
    case SP_TLS_UNCHANGED:
        return false;
    case SP_TLS_CHANGED:
        return true;
    case SP_TLS_BROKEN:
        sp_tls_tell_news(notice, user, error.message);
        return false;
    }
    return false;
}
