#include "source/write/limits.h"

#include <stdint.h>

#include "base/log.h"
#include "etcd/kv.h"
#include "source/shared/ask.h"
#include "source/shared/keys.h"
#include "source/shared/records.h"

enum {
    MOST_OPERATIONS = SP_SOURCE_TXN_OPERATIONS + 1, /* and the head */
    LEAST_OPERATIONS = 2,                           /* of the transaction that folds a large change */
    REQUEST_BYTES = SP_SOURCE_TXN_BYTES + (64 << 10),
    PROBE_FIRST_BYTES = 64 << 10,
    PROBE_BUDGET_BYTES = 8 << 20,
};

/* Would put `count` keys, the first with a value of so many bytes; but what it is compared with
 * cannot be. etcd checks its limits before that. */
static enum sp_status try_transaction(const struct sp_source_link *link, size_t count, size_t bytes,
                                      struct sp_error *error) {
    struct sp_arena arena;
    struct sp_etcd_outcome outcome;
    enum sp_status status = sp_arena_init(&arena, PROBE_FIRST_BYTES, PROBE_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    struct sp_etcd_operation *operations = sp_arena_calloc(&arena, count, sizeof(*operations));
    const struct sp_bytes value = {sp_arena_calloc(&arena, bytes + 1, 1), bytes};
    const struct sp_etcd_compare never = {
        .key = sp_source_head_key(link->shared->prefix, &arena), .what = SP_ETCD_MOD_IS, .revision = INT64_MAX};
    const struct sp_etcd_txn txn = {
        .compares = &never, .compare_count = 1, .operations = operations, .operation_count = count};
    status = SP_ERR_MEMORY;
    if (operations == NULL || value.data == NULL || never.key.data == NULL)
        goto out;
    for (size_t i = 0; i < count; i++) {
        char *below = sp_arena_printf(&arena, "probe/%zu", i);
        if (below == NULL)
            goto out;
        operations[i] = (struct sp_etcd_operation){
            .what = SP_ETCD_PUT,
            .key = sp_source_full_key(link->shared->prefix, sp_bytes_of_str(sp_str_from(below)), &arena),
            .value = i == 0 ? value : (struct sp_bytes){NULL, 0}};
        if (operations[i].key.data == NULL)
            goto out;
    }
    status = sp_etcd_commit(link->etcd, &txn, &arena, &outcome, error);
out:
    sp_arena_fini(&arena);
    return status == SP_ERR_MEMORY ? sp_error_set(error, status, "out of memory") : status;
}

/* Between what etcd takes and what it does not take. */
static enum sp_status find_most_operations(const struct sp_source_link *link, size_t *ret_most,
                                           struct sp_error *error) {
    size_t taken = 0;
    size_t refused = MOST_OPERATIONS;
    while (refused - taken > 1) {
        size_t middle = taken + (refused - taken) / 2;
        enum sp_status status = try_transaction(link, middle, 0, error);
        if (status != SP_OK && status != SP_ERR_INVALID)
            return status;
        if (status == SP_OK)
            taken = middle;
        else
            refused = middle;
    }
    *ret_most = taken;
    return SP_OK;
}

enum sp_status sp_source_learn_limits(struct sp_source_link *link, struct sp_error *error) {
    size_t most = MOST_OPERATIONS;
    enum sp_status status = try_transaction(link, most, 0, error);
    if (status == SP_ERR_INVALID)
        status = find_most_operations(link, &most, error);
    if (status == SP_ERR_PERMISSION)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "etcd credentials are read-only here; use an instance with write access");
    if (status != SP_OK)
        return sp_source_tell(link, status, error);
    if (most < LEAST_OPERATIONS)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "etcd limits a transaction to one operation: raise its --max-txn-ops (its default is 128)");
    link->txn_operations = most - 1;
    if (most < MOST_OPERATIONS)
        sp_log(SP_LOG_WARNING,
               "etcd limits a transaction to %zu operations, so larger changes are written in parts, which takes "
               "longer: raise its --max-txn-ops (its default is 128)",
               most);
    return SP_OK;
}

enum sp_status sp_source_check_request_size(const struct sp_source_link *link, struct sp_error *error) {
    enum sp_status status = try_transaction(link, 1, REQUEST_BYTES, error);
    if (status != SP_ERR_INVALID)
        return status;
    return sp_error_set(
        error, SP_ERR_PRECONDITION,
        "etcd limits requests to less than %d bytes: raise its --max-request-bytes (its default is 1572864)",
        REQUEST_BYTES);
}
