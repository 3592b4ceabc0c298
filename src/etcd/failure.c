#include "etcd/failure.h"

#include <string.h>

/* Texts that etcd 3.4 to 3.7 were seen to answer with. */
static const struct {
    const char *text;
    enum sp_status status;
} known_failures[] = {
    {"etcdserver: invalid auth token", SP_ERR_UNAUTHENTICATED},
    {"etcdserver: revision of auth store is old", SP_ERR_UNAUTHENTICATED},
    {"etcdserver: user name is empty", SP_ERR_UNAUTHENTICATED},
    {"etcdserver: authentication is not enabled", SP_ERR_PRECONDITION},
    {"etcdserver: permission denied", SP_ERR_PERMISSION},
    {"etcdserver: rpc not supported for learner", SP_ERR_UNAVAILABLE},
    {"etcdserver: mvcc: required revision has been compacted", SP_ERR_OUT_OF_RANGE},
    {"etcdserver: mvcc: required revision is a future revision", SP_ERR_FUTURE},
    {"etcdserver: mvcc: database space exceeded", SP_ERR_EXHAUSTED},
    {"etcdserver: too many operations in txn request", SP_ERR_INVALID},
    {"etcdserver: request is too large", SP_ERR_INVALID},
};

enum sp_status sp_etcd_read_failure(enum sp_status status, const char *message) {
    if (status == SP_OK)
        return SP_OK;
    for (size_t i = 0; i < sizeof(known_failures) / sizeof(*known_failures); i++)
        if (strstr(message, known_failures[i].text) != NULL)
            return known_failures[i].status;
    /* Something that is not a member of etcd, or not one that serves this. */
    return status == SP_ERR_UNIMPLEMENTED ? SP_ERR_UNAVAILABLE : status;
}
