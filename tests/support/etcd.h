/* A real etcd with one member on loopback, in a folder that the test gives it: the one in
 * SP_TEST_ETCD, a folder with etcd, etcdctl and perhaps etcdutl, or the one that is installed.
 * Every helper asserts. */
#ifndef TEST_SUPPORT_ETCD_H
#define TEST_SUPPORT_ETCD_H

#include <stdint.h>

#include "base/status.h"
#include "support/process.h"

struct sp_etcd;

enum { ETCD_WORDS = 8 };

struct etcd {
    struct process process;
    char folder[96];
    char name[24];
    int port, peer_port;         /* the same over restarts */
    char target[32];             /* "127.0.0.1:port" */
    const char *ca, *cert, *key; /* PEM files: TLS in both directions; NULL: plaintext */
    const char *client_cert, *client_key;
    const char *quota;             /* --quota-backend-bytes; NULL: etcd's own */
    const char *words[ETCD_WORDS]; /* more options, NULL-terminated */
    const char *user;              /* "name:password" for etcd_control; NULL: none */
};

/* What a test program exits with when it could not run, so that ctest counts it as skipped
 * (SKIP_RETURN_CODE). */
enum { TEST_SKIPPED = 77 };

/* False, with a line on stdout, if etcd or etcdctl is not installed: exit with TEST_SKIPPED
 * then. */
bool etcd_is_here(void);

/* Picks ports; nothing runs yet. */
void etcd_make(struct etcd *etcd, const char *folder, const char *name);
/* Starts it with the data it had before, and waits until it answers. */
void etcd_start(struct etcd *etcd);
/* Ends it with SIGKILL or SIGTERM, and waits. */
void etcd_end(struct etcd *etcd, int signal);
/* Compacts history up to the newest revision, and returns that. */
uint64_t etcd_compact(struct etcd *etcd);
/* "etcd://127.0.0.1:port/sallyport/v1/". Valid until the next one. */
const char *etcd_url(const struct etcd *etcd);

/* A client of this etcd. */
struct sp_etcd *etcd_client(const struct etcd *etcd);
/* Starts the etcd program with these words alone (NULL-terminated), as something that is no member
 * of its own cluster; it may not answer yet. */
void etcd_run(struct process *process, const char *folder, const char *name, const char *const *words);

/* Runs etcdctl with these words, which blanks separate; it must succeed. */
void etcd_control(const struct etcd *etcd, const char *format, ...) SP_PRINTF(2, 3);
/* False: it did not succeed. */
bool etcd_try_control(const struct etcd *etcd, const char *format, ...) SP_PRINTF(2, 3);
/* What the last one wrote to stdout, and to stderr; the caller frees it. */
char *etcd_control_said(const struct etcd *etcd);
char *etcd_control_complained(const struct etcd *etcd);
/* Puts a snapshot in the place of the data; etcd must have ended. */
void etcd_restore(const struct etcd *etcd, const char *snapshot);

/* A user root with the password "secret", a user pod with the password "word", who may `verb` what
 * is below `prefix` ("read", "readwrite"), and authentication on. */
void etcd_lock(struct etcd *etcd, const char *verb, const char *prefix);

/* Options of etcd with which its tokens live for two seconds. */
struct etcd_tokens {
    char secret[128], jwt[256];
    const char *words[3]; /* NULL-terminated */
};

/* Simple tokens, or JSON web tokens, whose secret is written to a file in `folder`, which etcd
 * reads when it starts. */
void etcd_tokens_make(struct etcd_tokens *tokens, const char *folder, bool jwt);

#endif
