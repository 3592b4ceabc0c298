/* Certificates for tests, made with OpenSSL: a CA and what it signs, as PEM files. Every helper
 * asserts. */
#ifndef TEST_SUPPORT_CERTIFICATES_H
#define TEST_SUPPORT_CERTIFICATES_H

struct certificate_authority;

struct certificate_authority *authority_make(const char *name);
/* A CA whose certificate `above` has signed. */
struct certificate_authority *authority_make_below(const struct certificate_authority *above, const char *name);
void authority_free(struct certificate_authority *authority);
/* Writes the CA's own certificate. */
void authority_write(const struct certificate_authority *authority, const char *file);

/* Signs a new key. `names` are subject alternative names as OpenSSL writes them:
 * "DNS:localhost,IP:127.0.0.1" or "URI:spiffe://example.org/gateway". Valid for `days` from now;
 * negative: expired that long ago. */
void authority_sign(const struct certificate_authority *authority, const char *names, int days,
                    const char *certificate_file, const char *key_file);

/* Writes a revocation list of the CA with the certificates of these files (NULL ends them), valid
 * for `days` from now; negative: expired that long ago. */
void authority_revoke(const struct certificate_authority *authority, const char *const *certificate_files, int days,
                      const char *list_file);

#endif
