/* What etcd 3.4.23, 3.5.35, 3.6.16 and 3.7.3 answered, each as it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "etcd/failure.h"

static void the_text_decides_whatever_the_code(void **state) {
    static const struct {
        enum sp_status came;
        const char *text;
        enum sp_status meant;
    } rows[] = {
        {SP_ERR_UNAUTHENTICATED, "etcdserver: invalid auth token", SP_ERR_UNAUTHENTICATED},
        {SP_ERR_INVALID, "etcdserver: revision of auth store is old", SP_ERR_UNAUTHENTICATED},
        {SP_ERR_INVALID, "etcdserver: user name is empty", SP_ERR_UNAUTHENTICATED},
        {SP_ERR_INVALID, "etcdserver: authentication failed, invalid user ID or password", SP_ERR_INVALID},
        {SP_ERR_PRECONDITION, "etcdserver: authentication is not enabled", SP_ERR_PRECONDITION},
        {SP_ERR_PERMISSION, "etcdserver: permission denied", SP_ERR_PERMISSION},
        {SP_ERR_OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", SP_ERR_OUT_OF_RANGE},
        {SP_ERR_OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision", SP_ERR_FUTURE},
        {SP_ERR_EXHAUSTED, "etcdserver: mvcc: database space exceeded", SP_ERR_EXHAUSTED},
        {SP_ERR_INVALID, "etcdserver: too many operations in txn request", SP_ERR_INVALID},
        {SP_ERR_INVALID, "etcdserver: request is too large", SP_ERR_INVALID},
        /* A learner of 3.4, and of 3.5 and later. */
        {SP_ERR_UNAVAILABLE, "etcdserver: rpc not supported for learner", SP_ERR_UNAVAILABLE},
        {SP_ERR_PRECONDITION, "etcdserver: rpc not supported for learner", SP_ERR_UNAVAILABLE},
        /* What answers UNIMPLEMENTED is no member that serves this. */
        {SP_ERR_UNIMPLEMENTED, "unknown service etcdserverpb.KV", SP_ERR_UNAVAILABLE},
        /* Through etcd's grpc-proxy, UNKNOWN. */
        {SP_ERR_INTERNAL, "etcdserver: invalid auth token", SP_ERR_UNAUTHENTICATED},
        {SP_ERR_INTERNAL, "etcdserver: mvcc: required revision has been compacted", SP_ERR_OUT_OF_RANGE},
        {SP_ERR_INTERNAL, "etcdserver: mvcc: required revision is a future revision", SP_ERR_FUTURE},
        /* Why a watch was cancelled. */
        {SP_ERR_UNAVAILABLE, "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
         SP_ERR_UNAUTHENTICATED},
        {SP_ERR_UNAVAILABLE, "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
         SP_ERR_UNAUTHENTICATED},
        {SP_ERR_UNAVAILABLE, "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
         SP_ERR_PERMISSION},
        /* Anything else as it came. */
        {SP_ERR_UNAVAILABLE, "etcdserver: no leader", SP_ERR_UNAVAILABLE},
        {SP_ERR_DEADLINE, "Deadline Exceeded", SP_ERR_DEADLINE},
        {SP_ERR_INTERNAL, "context deadline exceeded", SP_ERR_INTERNAL},
        {SP_OK, "", SP_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (sp_etcd_read_failure(rows[i].came, rows[i].text) != rows[i].meant)
            fail_msg("%s \"%s\" was taken for %s", sp_status_name(rows[i].came), rows[i].text,
                     sp_status_name(sp_etcd_read_failure(rows[i].came, rows[i].text)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_text_decides_whatever_the_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
