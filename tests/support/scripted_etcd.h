/* An etcd in this process, behind the client's transport: it keeps every revision, speaks etcd's
 * protobuf messages, and misbehaves as the test tells it to. For what a real etcd does only by
 * chance, or not while a test waits; tests/etcd and tests/programs use a real one. */
#ifndef TEST_SUPPORT_SCRIPTED_ETCD_H
#define TEST_SUPPORT_SCRIPTED_ETCD_H

#include <pthread.h>

#include "etcd/transport.h"

struct scripted_change; /* a key's value from a revision on */

struct scripted_etcd {
    struct sp_etcd_transport transport;
    pthread_mutex_t lock;
    struct scripted_change *changes; /* in the order of their revisions */
    size_t change_count, change_capacity;
    uint64_t revision, compacted, cluster_id;

    /* The script: set between calls. */
    bool unreachable;                 /* no connection */
    bool read_only;                   /* transactions are PERMISSION_DENIED */
    uint64_t stale_revision;          /* what reads of the newest get; 0: the newest */
    unsigned lost_replies;            /* that many transactions are made, but go unanswered */
    unsigned lost_transactions;       /* that many transactions are neither made nor answered */
    size_t page_max;                  /* no page has more keys; 0: any */
    size_t max_operations;            /* of a transaction; 0: SP_ETCD_MAX_OPERATIONS */
    size_t max_bytes;                 /* of a request; 0: any */
    uint64_t size_bytes, quota_bytes; /* of the database, as it tells them; quota 0: it does not */
    size_t exhausted_above;           /* pages of more keys are RESOURCE_EXHAUSTED; 0: none are */
    size_t fragment_events;           /* events in a fragment of a watch's answer; 0: any */
    bool lose_last_fragment;
    uint64_t rewind;                           /* watches begin that many revisions too early */
    bool silent_watches;                       /* are never confirmed */
    void (*before_transaction)(void *context); /* called once, before the next transaction */
    void (*after_range)(void *context);        /* called once, after the next range was answered */
    void *context;

    /* What was asked. */
    size_t ranges, transactions, refused_transactions, watches;
};

void scripted_etcd_init(struct scripted_etcd *etcd);
void scripted_etcd_fini(struct scripted_etcd *etcd);

/* Another cluster with the same content from now on. */
void scripted_etcd_set_cluster(struct scripted_etcd *etcd, uint64_t cluster_id);
/* Back to the state at a revision, as after a restore from a snapshot. */
void scripted_etcd_restore(struct scripted_etcd *etcd, uint64_t revision);
/* Forgets everything before its newest revision. Open watches that are behind end. */
void scripted_etcd_compact(struct scripted_etcd *etcd);

/* Changes one key, as somebody else's transaction. A NULL value deletes. Returns the revision. */
uint64_t scripted_etcd_set(struct scripted_etcd *etcd, struct sp_bytes key, const struct sp_bytes *value);
/* The value of a key, valid until the next change; NULL data: there is none. */
struct sp_bytes scripted_etcd_get(struct scripted_etcd *etcd, struct sp_bytes key);
/* How many keys begin with the prefix. */
size_t scripted_etcd_count(struct scripted_etcd *etcd, const char *prefix);

/* A client of it. */
struct sp_etcd *scripted_etcd_client(struct scripted_etcd *etcd);

#endif
