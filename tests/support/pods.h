/* Pods over one etcd: each a store of its own, a sallyport-sync that follows, and a sallyportd that answers from it. Every helper
 * asserts. */
#ifndef TEST_SUPPORT_PODS_H
#define TEST_SUPPORT_PODS_H

#include "support/etcd.h"
#include "support/programs.h"

enum { POD_WORDS = 6 };

struct pod {
    char folder[64]; /* where its store and logs are */
    char name[24];
    char store[128];
    char url[96];
    struct process sync, server;
    char sync_target[PROGRAMS_TARGET_BYTES], server_target[PROGRAMS_TARGET_BYTES];
    int sync_port, server_port;          /* the same over restarts; 0: any */
    const char *sync_words[POD_WORDS];   /* more options, NULL-terminated */
    const char *server_words[POD_WORDS]; /* likewise */
    struct caller admin;                 /* with the operator's key */
    struct caller checker;
};

/* An etcd that holds the store of programs_schema; the operator's key. `folder` is new. */
struct origin {
    char folder[64];
    struct etcd etcd;
    char operator_key[PROGRAMS_KEY_BYTES];
};
void origin_make(struct origin *origin);
void origin_end(struct origin *origin);

/* Says what it follows; nothing runs yet. `url` NULL: the origin's. */
void pod_make(struct pod *pod, const struct origin *origin, const char *name, const char *url);
/* Starts and waits until both serve. */
void pod_start(struct pod *pod, const struct origin *origin);
void pod_start_sync(struct pod *pod, const struct origin *origin);
void pod_start_server(struct pod *pod);
/* Ends what runs: by SIGTERM with status 0, or else. */
void pod_end(struct pod *pod, int signal);

/* Waits until the store is where the other's is: the same revision. */
void pod_await(struct pod *pod, struct pod *other);
/* The store's indexes are those of its entities, and it is what etcd holds. */
void pod_verify(struct pod *pod);

/* A Check that is answered at `revision` ("{'epoch': …, 'number': …}") or later; "" for any. The reason, or the error's status. */
const char *pod_check(struct pod *pod, const char *key, const char *revision);
/* The revision of the last reply of an admin call, as pod_check takes it. `ret_text` has room for 96 bytes. */
void pod_revision(struct caller *admin, char *ret_text);

#endif
