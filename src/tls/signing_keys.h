/* Ed25519 keys (RFC 8032) from files: one private key that signs, and public keys whose signatures
 * count. Reloaded when the files change; a file that cannot be used leaves the last good keys in
 * use, with an error in the log.
 *
 * Files are PEM, as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them: one
 * private key without a password; one to 16 public keys, one after the other. A key's id is the
 * first 8 bytes of the SHA-256 of its 32 public bytes. Any thread. */
#ifndef SP_TLS_SIGNING_KEYS_H
#define SP_TLS_SIGNING_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum { SP_SIGNING_KEY_ID_BYTES = 8, SP_SIGNATURE_BYTES = 64 };

struct sp_signing_keys;

/* Either file may be NULL; the names are borrowed. SP_ERR_INVALID: a file cannot be used, with a
 * message that names it; SP_ERR_MEMORY. */
enum sp_status sp_signing_keys_open(const char *private_file, const char *public_file,
                                    struct sp_signing_keys **ret_keys, struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_signing_keys_close(struct sp_signing_keys *keys);

/* Whether a file was named. */
bool sp_signing_keys_can_sign(const struct sp_signing_keys *keys);
bool sp_signing_keys_can_verify(const struct sp_signing_keys *keys);

/* The id of the private key, which must have been named, and whether its public key is among the
 * public ones. */
void sp_signing_keys_own_id(struct sp_signing_keys *keys, uint8_t ret_id[static SP_SIGNING_KEY_ID_BYTES],
                            bool *ret_public);

/* Signs with the private key of that id. SP_ERR_NOT_FOUND: another has been loaded since;
 * SP_ERR_INTERNAL: it cannot. */
enum sp_status sp_signing_keys_sign(struct sp_signing_keys *keys, const uint8_t id[static SP_SIGNING_KEY_ID_BYTES],
                                    struct sp_bytes message,
                                    uint8_t ret_signature[static SP_SIGNATURE_BYTES]) SP_MUST_USE;

/* SP_ERR_NOT_FOUND: no public key has that id; SP_ERR_UNAUTHENTICATED: the signature is wrong. */
enum sp_status sp_signing_keys_verify(struct sp_signing_keys *keys, struct sp_bytes id, struct sp_bytes message,
                                      struct sp_bytes signature) SP_MUST_USE;

#endif
