#include "tls/signing_keys.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "tls/pem.h"

enum { PUBLIC_KEYS_MAX = 16, PUBLIC_KEY_BYTES = 32, LOOK_EVERY_MS = 1000 };

struct signing_key {
    EVP_PKEY *key; /* NULL: none */
    uint8_t id[SP_SIGNING_KEY_ID_BYTES];
};

struct key_ring {
    struct signing_key items[PUBLIC_KEYS_MAX];
    size_t count;
};

/* A file, and the state in which it was last read. */
struct key_file {
    const char *path; /* NULL: none */
    struct stat seen;
};

struct sp_signing_keys {
    pthread_mutex_t lock;
    struct key_file private_file, public_file;
    struct key_ring private_ring, public_ring;
    int64_t looked_ms;
};

/* ---- reading ---- */

static void free_key_ring(struct key_ring *ring) {
    for (size_t i = 0; i < ring->count; i++)
        EVP_PKEY_free(ring->items[i].key);
    *ring = (struct key_ring){.count = 0};
}

/* False: it is no Ed25519 key. */
static bool make_key_id(const EVP_PKEY *key, uint8_t ret_id[static SP_SIGNING_KEY_ID_BYTES]) {
    uint8_t bytes[PUBLIC_KEY_BYTES];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t size = sizeof(bytes);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, bytes, &size) != 1 ||
        size != sizeof(bytes) || SHA256(bytes, sizeof(bytes), digest) == NULL)
        return false;
    memcpy(ret_id, digest, SP_SIGNING_KEY_ID_BYTES);
    return true;
}

static enum sp_status read_private_pem(BIO *bio, const char *path, struct key_ring *ring, struct sp_error *error) {
    struct signing_key *place = &ring->items[0];
    place->key = PEM_read_bio_PrivateKey(bio, NULL, sp_pem_refuse_password, NULL);
    ring->count = place->key != NULL ? 1 : 0;
    if (place->key != NULL && make_key_id(place->key, place->id))
        return SP_OK;
    return sp_error_set(
        error, SP_ERR_INVALID,
        "%s does not hold an Ed25519 private key in PEM without a password; make one with `openssl genpkey "
        "-algorithm ed25519`",
        path);
}

/* The next block of a file, if it is a public key. *ret_key NULL: the file ends. */
static enum sp_status read_next_public_key(BIO *bio, const char *path, EVP_PKEY **ret_key, struct sp_error *error) {
    char *name = NULL;
    char *header = NULL;
    unsigned char *data = NULL;
    long size = 0;
    *ret_key = NULL;
    if (PEM_read_bio(bio, &name, &header, &data, &size) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
            return SP_OK;
        return sp_error_set(error, SP_ERR_INVALID, "%s holds a PEM block that cannot be read", path);
    }
    const unsigned char *at = data;
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        *ret_key = d2i_PUBKEY(NULL, &at, size);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t)size);
    if (*ret_key == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s holds something other than Ed25519 public keys", path);
    return SP_OK;
}

static enum sp_status read_public_pem(BIO *bio, const char *path, struct key_ring *ring, struct sp_error *error) {
    for (;;) {
        EVP_PKEY *key = NULL;
        enum sp_status status = read_next_public_key(bio, path, &key, error);
        if (status != SP_OK)
            return status;
        if (key == NULL)
            break;
        if (ring->count == PUBLIC_KEYS_MAX) {
            EVP_PKEY_free(key);
            return sp_error_set(error, SP_ERR_INVALID, "%s holds more than %d public keys", path, PUBLIC_KEYS_MAX);
        }
        struct signing_key *place = &ring->items[ring->count++];
        place->key = key;
        if (!make_key_id(key, place->id))
            return sp_error_set(error, SP_ERR_INVALID, "%s holds something other than Ed25519 public keys", path);
    }
    if (ring->count == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s does not hold a public key in PEM", path);
    return SP_OK;
}

typedef enum sp_status read_pem(BIO *bio, const char *path, struct key_ring *ring, struct sp_error *error);

static enum sp_status open_pem_file(const char *path, BIO **ret_bio, struct sp_error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "cannot read %s: %s", path, strerror(errno));
    *ret_bio = BIO_new_fp(file, BIO_CLOSE);
    if (*ret_bio != NULL)
        return SP_OK;
    (void)fclose(file);
    return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
}

/* The file's state is noted before it is read, so that a change in between is not missed. */
static enum sp_status read_key_file(struct key_file *file, read_pem *read, struct key_ring *ring,
                                    struct sp_error *error) {
    BIO *bio = NULL;
    struct key_ring fresh = {.count = 0};
    if (stat(file->path, &file->seen) != 0)
        file->seen = (struct stat){.st_ino = 0};
    enum sp_status status = open_pem_file(file->path, &bio, error);
    if (status != SP_OK)
        return status;
    status = read(bio, file->path, &fresh, error);
    BIO_free(bio);
    ERR_clear_error();
    if (status != SP_OK) {
        free_key_ring(&fresh);
        return status;
    }
    free_key_ring(ring);
    *ring = fresh;
    return SP_OK;
}

/* ---- reloading ---- */

static bool is_unchanged(const struct key_file *file, const struct stat *now) {
    return file->seen.st_dev == now->st_dev && file->seen.st_ino == now->st_ino && file->seen.st_size == now->st_size &&
           file->seen.st_mtim.tv_sec == now->st_mtim.tv_sec && file->seen.st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

static void reread_key_file(struct key_file *file, read_pem *read, struct key_ring *ring) {
    struct stat now;
    struct sp_error error = {0};
    if (file->path == NULL)
        return;
    if (stat(file->path, &now) != 0)
        now = (struct stat){.st_ino = 0}; /* a missing file is a state too */
    if (is_unchanged(file, &now))
        return;
    if (read_key_file(file, read, ring, &error) == SP_OK)
        sp_log(SP_LOG_INFO, "reloaded %s", file->path);
    else
        sp_log(SP_LOG_ERROR, "keeping the previous keys: %s", error.message);
}

static void lock_keys(struct sp_signing_keys *keys) {
    pthread_mutex_lock(&keys->lock);
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms - keys->looked_ms < LOOK_EVERY_MS)
        return;
    keys->looked_ms = now_ms;
    reread_key_file(&keys->private_file, read_private_pem, &keys->private_ring);
    reread_key_file(&keys->public_file, read_public_pem, &keys->public_ring);
}

/* ---- open and close ---- */

enum sp_status sp_signing_keys_open(const char *private_file, const char *public_file,
                                    struct sp_signing_keys **ret_keys, struct sp_error *error) {
    enum sp_status status;
    struct sp_signing_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    pthread_mutex_init(&keys->lock, NULL);
    keys->private_file.path = private_file;
    keys->public_file.path = public_file;
    keys->looked_ms = sp_clock_monotonic_ms();
    if (private_file != NULL) {
        status = read_key_file(&keys->private_file, read_private_pem, &keys->private_ring, error);
        if (status != SP_OK)
            goto failed;
    }
    if (public_file != NULL) {
        status = read_key_file(&keys->public_file, read_public_pem, &keys->public_ring, error);
        if (status != SP_OK)
            goto failed;
    }
    *ret_keys = keys;
    return SP_OK;
failed:
    sp_signing_keys_close(keys);
    return status;
}

void sp_signing_keys_close(struct sp_signing_keys *keys) {
    if (keys == NULL)
        return;
    free_key_ring(&keys->private_ring);
    free_key_ring(&keys->public_ring);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

bool sp_signing_keys_can_sign(const struct sp_signing_keys *keys) {
    return keys != NULL && keys->private_file.path != NULL;
}

bool sp_signing_keys_can_verify(const struct sp_signing_keys *keys) {
    return keys != NULL && keys->public_file.path != NULL;
}

/* ---- use ---- */

static const struct signing_key *find_key(const struct key_ring *ring, struct sp_bytes id) {
    for (size_t i = 0; i < ring->count; i++)
        if (sp_bytes_equal(id, (struct sp_bytes){ring->items[i].id, SP_SIGNING_KEY_ID_BYTES}))
            return &ring->items[i];
    return NULL;
}

void sp_signing_keys_own_id(struct sp_signing_keys *keys, uint8_t ret_id[static SP_SIGNING_KEY_ID_BYTES],
                            bool *ret_public) {
    lock_keys(keys);
    memcpy(ret_id, keys->private_ring.items[0].id, SP_SIGNING_KEY_ID_BYTES);
    *ret_public = find_key(&keys->public_ring, (struct sp_bytes){ret_id, SP_SIGNING_KEY_ID_BYTES}) != NULL;
    pthread_mutex_unlock(&keys->lock);
}

static bool sign_message(EVP_PKEY *key, struct sp_bytes message, uint8_t ret_signature[static SP_SIGNATURE_BYTES]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = SP_SIGNATURE_BYTES;
    bool made = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, ret_signature, &size, message.data, message.size) == 1 &&
                size == SP_SIGNATURE_BYTES;
    EVP_MD_CTX_free(context);
    return made;
}

enum sp_status sp_signing_keys_sign(struct sp_signing_keys *keys, const uint8_t id[static SP_SIGNING_KEY_ID_BYTES],
                                    struct sp_bytes message, uint8_t ret_signature[static SP_SIGNATURE_BYTES]) {
    enum sp_status status = SP_OK;
    lock_keys(keys);
    const struct signing_key *own = find_key(&keys->private_ring, (struct sp_bytes){id, SP_SIGNING_KEY_ID_BYTES});
    if (own == NULL)
        status = SP_ERR_NOT_FOUND;
    else if (!sign_message(own->key, message, ret_signature))
        status = SP_ERR_INTERNAL;
    pthread_mutex_unlock(&keys->lock);
    return status;
}

static bool is_signature_of(EVP_PKEY *key, struct sp_bytes message, struct sp_bytes signature) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fits = context != NULL && signature.size == SP_SIGNATURE_BYTES &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature.data, signature.size, message.data, message.size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return fits;
}

enum sp_status sp_signing_keys_verify(struct sp_signing_keys *keys, struct sp_bytes id, struct sp_bytes message,
                                      struct sp_bytes signature) {
    enum sp_status status = SP_OK;
    lock_keys(keys);
    const struct signing_key *trusted = find_key(&keys->public_ring, id);
    if (trusted == NULL)
        status = SP_ERR_NOT_FOUND;
    else if (!is_signature_of(trusted->key, message, signature))
        status = SP_ERR_UNAUTHENTICATED;
    pthread_mutex_unlock(&keys->lock);
    return status;
}
