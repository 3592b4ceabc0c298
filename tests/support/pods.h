/* Pods over one etcd: each has a store of its own, a sallyport-sync that follows etcd, and a
 * sallyportd that answers from the store. Every helper asserts. */
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
    int sync_port, server_port;          /* kept over restarts; 0: any */
    const char *sync_words[POD_WORDS];   /* more options, NULL-terminated */
    const char *server_words[POD_WORDS]; /* likewise */
    struct caller admin;                 /* with the operator's key */
    struct caller checker;
};

/* An etcd with a store of programs_schema, and the operator's key. `folder` is new. */
struct origin {
    char folder[64];
    struct etcd etcd;
    char operator_key[PROGRAMS_KEY_BYTES];
};
void origin_make(struct origin *origin);
/* With more options of etcd, NULL-terminated. */
void origin_make_with(struct origin *origin, const char *const *etcd_words);
void origin_end(struct origin *origin);

/* Sets what it follows; nothing runs yet. `url` NULL: the origin's. */
void pod_make(struct pod *pod, const struct origin *origin, const char *name, const char *url);
/* Starts both programs and waits until they serve. */
void pod_start(struct pod *pod, const struct origin *origin);
void pod_start_sync(struct pod *pod, const struct origin *origin);
void pod_start_server(struct pod *pod);
/* Ends the running programs with the signal; after SIGTERM their status must be 0. */
void pod_end(struct pod *pod, int signal);

/* Waits until the store has the same revision as the other's. */
void pod_await(struct pod *pod, struct pod *other);
/* Asserts that the store's indexes match its entities, and the store matches etcd. */
void pod_verify(struct pod *pod);

/* A Check at `revision` ("{'epoch': …, 'number': …}") or later; "" for any. Returns the reason, or
 * the error's status. */
const char *pod_check(struct pod *pod, const char *key, const char *revision);
/* The revision of the last reply to an admin call, in the form that pod_check takes. `ret_text` has
 * room for 96 bytes. */
void pod_revision(struct caller *admin, char *ret_text);

#endif
