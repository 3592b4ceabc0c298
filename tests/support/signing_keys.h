/* Ed25519 key pairs in PEM files. Every helper asserts. */
#ifndef TEST_SUPPORT_SIGNING_KEYS_H
#define TEST_SUPPORT_SIGNING_KEYS_H

/* A new pair. `password` NULL: none on the private key. */
void signing_keys_make(const char *private_path, const char *public_path, const char *password);

#endif
