/* Certificates and keys from files, reloaded when the files change: a new pair is used only if all
 * of it can be read and fits together, so that a broken or half-written file leaves the last good
 * one in use.
 *
 * Files are PEM (RFC 7468). A certificate file holds the certificate first and then its
 * intermediates; a key file one private key without a password; a CA file one or more certificates.
 * At most 1 MiB each. */
#ifndef SP_TLS_FILES_H
#define SP_TLS_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* Which files; NULL: none. A certificate and its key come together. The texts are borrowed. */
struct sp_tls_files {
    const char *certificate;
    const char *key;
    const char *ca;  /* who is trusted; for a server, the CAs of clients, which must then show a certificate */
    const char *crl; /* for a server: revoked certificates of clients; read by tls/crl.h */
};

/* The contents of the files; NULL if no file was named. */
struct sp_tls_material {
    char *certificate;
    char *key; /* wiped when it is freed */
    char *ca;
};

/* Reads and checks: all can be parsed, the key is the certificate's, the certificate is not
 * expired. SP_ERR_INVALID with a message that names the file and what is wrong with it.
 * SP_ERR_MEMORY. */
enum sp_status sp_tls_material_read(const struct sp_tls_files *files, struct sp_tls_material *ret_material,
                                    struct sp_error *error) SP_MUST_USE;
void sp_tls_material_fini(struct sp_tls_material *material);

/* The state that files were last seen in. */
struct sp_tls_seen {
    uint64_t mark[3]; /* of each file: its inode, size and times */
};

/* Files in use, and how they were when last checked. One thread at a time. */
struct sp_tls_watch {
    struct sp_tls_files files;
    struct sp_tls_seen used;   /* what the material in use was read from */
    struct sp_tls_seen broken; /* what could not be used */
    bool complained;           /* about `broken` */
    int64_t looked_ms;
};

/* Begins with what is there: the first material. As sp_tls_material_read. */
enum sp_status sp_tls_watch_open(struct sp_tls_watch *watch, const struct sp_tls_files *files,
                                 struct sp_tls_material *ret_material, struct sp_error *error) SP_MUST_USE;

enum sp_tls_news {
    SP_TLS_UNCHANGED,
    SP_TLS_CHANGED, /* *ret_material is new */
    SP_TLS_BROKEN,  /* `error` explains it; reported once for each state of the files that lasts at least a second */
};

/* Checks again, at most once a second (`now_ms` of a monotonic clock); costs nothing in between. */
enum sp_tls_news sp_tls_watch_look(struct sp_tls_watch *watch, int64_t now_ms, struct sp_tls_material *ret_material,
                                   struct sp_error *error) SP_MUST_USE;

/* Tells an operator of such news. `why`: NULL if the new files are in use, else what is wrong with
 * them. `notice` may be NULL. */
typedef void sp_tls_notice(void *user, bool good, const char *message);
void sp_tls_tell_news(sp_tls_notice *notice, void *user, const char *why);

/* Looks now, and tells of files that cannot be used. True: *ret_material is new; whoever uses it
 * tells of it. */
bool sp_tls_watch_take_new(struct sp_tls_watch *watch, sp_tls_notice *notice, void *user,
                           struct sp_tls_material *ret_material) SP_MUST_USE;

#endif
