/* A real etcd of one member on loopback, in a folder of the test's. Every helper asserts. */
#ifndef TEST_SUPPORT_ETCD_H
#define TEST_SUPPORT_ETCD_H

#include "etcd/etcd.h"
#include "support/process.h"

struct etcd {
    struct process process;
    char folder[96];
    char name[24];
    int port, peer_port; /* the same over restarts */
    char target[32];     /* "127.0.0.1:port" */
    const char *ca, *cert,
        *key; /* PEM files: TLS, and clients must show a certificate of the CA too; NULL: plaintext */
    const char *client_cert, *client_key;
    const char *quota; /* --quota-backend-bytes; NULL: etcd's own */
};

/* False, with a line that says so, where no etcd is installed: the test is skipped then. */
bool etcd_is_here(void);

/* Picks ports; nothing runs yet. */
void etcd_make(struct etcd *etcd, const char *folder, const char *name);
/* Starts it, on what it held before, and waits until it answers. */
void etcd_start(struct etcd *etcd);
/* SIGKILL, or a signal that it heeds. */
void etcd_end(struct etcd *etcd, int signal);
/* Forgets all but the newest revision. Returns it. */
uint64_t etcd_compact(struct etcd *etcd);
/* "etcd://127.0.0.1:port/sallyport/v1/". Valid until the next one. */
const char *etcd_url(const struct etcd *etcd);

/* A client of it. */
struct sp_etcd *etcd_client(const struct etcd *etcd);
/* Runs etcdctl with the words, which must succeed. */
void etcd_control(const struct etcd *etcd, const char *const *words);

/* A port on loopback that was free a moment ago. */
int free_port(void);

#endif
