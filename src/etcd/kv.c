#include "etcd/kv.h"

#include <string.h>

#include "etcd/call.h"
#include "etcd/client_state.h"
#include "etcd/decode.h"
#include "wire/wire.h"

struct sp_bytes sp_etcd_prefix_end(struct sp_bytes prefix, struct sp_arena *arena) {
    uint8_t *end = prefix.size == 0 || prefix.data[prefix.size - 1] == 0xff ? NULL : sp_arena_alloc(arena, prefix.size);
    if (end == NULL)
        return (struct sp_bytes){NULL, 0};
    memcpy(end, prefix.data, prefix.size);
    end[prefix.size - 1]++;
    return (struct sp_bytes){end, prefix.size};
}

static enum sp_status report_full_arena(struct sp_error *error) {
    return sp_error_set(error, SP_ERR_EXHAUSTED, "the call to etcd exceeds its memory budget");
}

/* ---- ranges ---- */

static enum sp_status copy_page(const Etcdserverpb__RangeResponse *answer, struct sp_arena *arena,
                                struct sp_etcd_page *ret_page, struct sp_error *error) {
    struct sp_etcd_kv *kvs = sp_arena_alloc(arena, (answer->n_kvs + 1) * sizeof(*kvs));
    if (kvs == NULL)
        return report_full_arena(error);
    for (size_t i = 0; i < answer->n_kvs; i++)
        kvs[i] = sp_etcd_kv_of(answer->kvs[i]);
    *ret_page = (struct sp_etcd_page){
        .header = sp_etcd_header_of(answer->header), .kvs = kvs, .count = answer->n_kvs, .more = answer->more != 0};
    return SP_OK;
}

enum sp_status sp_etcd_get(struct sp_etcd *etcd, const struct sp_etcd_range *range, struct sp_arena *arena,
                           struct sp_etcd_page *ret_page, struct sp_error *error) {
    ProtobufCMessage *answer = NULL;
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    request.key = sp_wire_field(range->key);
    request.range_end = sp_wire_field(range->end);
    request.limit = (int64_t)range->limit;
    request.revision = (int64_t)range->revision;
    request.keys_only = range->keys_only;
    enum sp_status status = sp_etcd_call(etcd, "/etcdserverpb.KV/Range", &request.base,
                                         &etcdserverpb__range_response__descriptor, arena, &answer, NULL, error);
    if (status != SP_OK)
        return status;
    return copy_page((const Etcdserverpb__RangeResponse *)answer, arena, ret_page, error);
}

/* ---- transactions ---- */

static Etcdserverpb__Compare **make_compares(const struct sp_etcd_txn *txn, struct sp_arena *arena) {
    Etcdserverpb__Compare **list = sp_arena_calloc(arena, txn->compare_count + 1, sizeof(void *));
    Etcdserverpb__Compare *all = sp_arena_calloc(arena, txn->compare_count + 1, sizeof(*all));
    if (list == NULL || all == NULL)
        return NULL;
    for (size_t i = 0; i < txn->compare_count; i++) {
        const struct sp_etcd_compare *compare = &txn->compares[i];
        bool create = compare->what == SP_ETCD_CREATE_IS;
        etcdserverpb__compare__init(&all[i]);
        all[i].result = ETCDSERVERPB__COMPARE__COMPARE_RESULT__EQUAL;
        all[i].target =
            create ? ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE : ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD;
        all[i].target_union_case = create ? ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION
                                          : ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION;
        all[i].key = sp_wire_field(compare->key);
        all[i].mod_revision = (int64_t)compare->revision; /* one union with create_revision */
        list[i] = &all[i];
    }
    return list;
}

union request {
    Etcdserverpb__PutRequest put;
    Etcdserverpb__DeleteRangeRequest remove;
};

static void fill_operation(const struct sp_etcd_operation *operation, Etcdserverpb__RequestOp *op,
                           union request *request) {
    etcdserverpb__request_op__init(op);
    if (operation->what == SP_ETCD_PUT) {
        etcdserverpb__put_request__init(&request->put);
        request->put.key = sp_wire_field(operation->key);
        request->put.value = sp_wire_field(operation->value);
        op->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
        op->request_put = &request->put;
        return;
    }
    etcdserverpb__delete_range_request__init(&request->remove);
    request->remove.key = sp_wire_field(operation->key);
    request->remove.range_end = sp_wire_field(operation->end);
    op->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
    op->request_delete_range = &request->remove;
}

static Etcdserverpb__RequestOp **make_operations(const struct sp_etcd_txn *txn, struct sp_arena *arena) {
    Etcdserverpb__RequestOp **list = sp_arena_calloc(arena, txn->operation_count + 1, sizeof(void *));
    Etcdserverpb__RequestOp *all = sp_arena_calloc(arena, txn->operation_count + 1, sizeof(*all));
    union request *requests = sp_arena_calloc(arena, txn->operation_count + 1, sizeof(*requests));
    if (list == NULL || all == NULL || requests == NULL)
        return NULL;
    for (size_t i = 0; i < txn->operation_count; i++) {
        fill_operation(&txn->operations[i], &all[i], &requests[i]);
        list[i] = &all[i];
    }
    return list;
}

static void read_outcome(const Etcdserverpb__TxnResponse *answer, struct sp_etcd_outcome *outcome) {
    outcome->header = sp_etcd_header_of(answer->header);
    outcome->made = answer->succeeded != 0;
    if (outcome->made || answer->n_responses == 0 ||
        answer->responses[0]->response_case != ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE)
        return;
    const Etcdserverpb__RangeResponse *range = answer->responses[0]->response_range;
    outcome->found = range->n_kvs > 0;
    if (outcome->found)
        outcome->otherwise = sp_etcd_kv_of(range->kvs[0]);
}

/* etcd's gRPC server refuses messages beyond the limit of requests and some more with another
 * code. */
static enum sp_status explain_refused_txn(enum sp_status status, struct sp_error *error) {
    if (error == NULL || status != SP_ERR_EXHAUSTED)
        return status;
    if (strstr(error->message, "message larger than max") != NULL)
        return sp_error_set(error, SP_ERR_INVALID,
                            "the request is larger than etcd accepts: raise its --max-request-bytes");
    if (strstr(error->message, "database space exceeded") != NULL)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "etcd's database has reached its quota: compact and defragment it (`etcdctl compact`, "
                            "`etcdctl defrag`) or raise --quota-backend-bytes, then `etcdctl alarm disarm`");
    return status;
}

enum sp_status sp_etcd_commit(struct sp_etcd *etcd, const struct sp_etcd_txn *txn, struct sp_arena *arena,
                              struct sp_etcd_outcome *ret_outcome, struct sp_error *error) {
    ProtobufCMessage *answer = NULL;
    struct sp_etcd_outcome outcome = {.made = false};
    Etcdserverpb__TxnRequest request = ETCDSERVERPB__TXN_REQUEST__INIT;
    Etcdserverpb__RangeRequest range = ETCDSERVERPB__RANGE_REQUEST__INIT;
    Etcdserverpb__RequestOp read = ETCDSERVERPB__REQUEST_OP__INIT;
    Etcdserverpb__RequestOp *failure[] = {&read};
    request.compare = make_compares(txn, arena);
    request.n_compare = txn->compare_count;
    request.success = make_operations(txn, arena);
    request.n_success = txn->operation_count;
    if (request.compare == NULL || request.success == NULL)
        return report_full_arena(error);
    range.key = sp_wire_field(txn->otherwise);
    read.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
    read.request_range = &range;
    request.failure = failure;
    request.n_failure = txn->otherwise.size > 0 ? 1 : 0;
    enum sp_status status =
        sp_etcd_call(etcd, "/etcdserverpb.KV/Txn", &request.base, &etcdserverpb__txn_response__descriptor, arena,
                     &answer, &outcome.repeated, error);
    if (status != SP_OK)
        return explain_refused_txn(status, error);
    read_outcome((const Etcdserverpb__TxnResponse *)answer, &outcome);
    *ret_outcome = outcome;
    return SP_OK;
}

enum { ARENA_FIRST_BYTES = 1024, ARENA_BUDGET_BYTES = 64 * 1024 };

enum sp_status sp_etcd_compact(struct sp_etcd *etcd, uint64_t revision, struct sp_error *error) {
    struct sp_arena arena;
    ProtobufCMessage *answer = NULL;
    Etcdserverpb__CompactionRequest request = ETCDSERVERPB__COMPACTION_REQUEST__INIT;
    request.revision = (int64_t)revision;
    request.physical = 1;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_etcd_call(etcd, "/etcdserverpb.KV/Compact", &request.base,
                          &etcdserverpb__compaction_response__descriptor, &arena, &answer, NULL, error);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_etcd_get_room(struct sp_etcd *etcd, uint64_t *ret_size_bytes, uint64_t *ret_quota_bytes,
                                struct sp_error *error) {
    struct sp_arena arena;
    ProtobufCMessage *message = NULL;
    Etcdserverpb__StatusRequest request = ETCDSERVERPB__STATUS_REQUEST__INIT;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_etcd_call(etcd, "/etcdserverpb.Maintenance/Status", &request.base,
                          &etcdserverpb__status_response__descriptor, &arena, &message, NULL, error);
    if (status == SP_OK) {
        const Etcdserverpb__StatusResponse *answer = (const Etcdserverpb__StatusResponse *)message;
        *ret_size_bytes = answer->dbsize > 0 ? (uint64_t)answer->dbsize : 0;
        *ret_quota_bytes = answer->dbsizequota > 0 ? (uint64_t)answer->dbsizequota : 0;
    }
    sp_arena_fini(&arena);
    return status;
}
