#include "source/write/clean.h"

#include "base/clock.h"
#include "base/log.h"
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/head.h"
#include "source/shared/staged.h"
#include "store/records/journal.h"
#include "wire/wire.h"

enum {
    CLEAN_EVERY_MS = 60000,
    ABANDONED_S = 600, /* the writer of an older part that no head names is gone */
    PARTS_AT_A_TIME = 16,
};

/* ---- idempotency records ---- */

static void remove_expired_requests(const struct sp_source_link *link, const struct sp_replica_record *expired,
                                    size_t count, struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_etcd_outcome outcome;
    struct sp_source_operations operations = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        if (expired[i].space != SP_REPLICA_REQUEST || !expired[i].deleted)
            continue;
        if (sp_source_add_record_operations(&operations, link->shared->prefix, &expired[i]) != SP_OK)
            return;
    }
    size_t fit;
    for (size_t at = 0; at < operations.count; at += fit) {
        fit = sp_source_fit_operations(&operations, at, link->txn_operations);
        const struct sp_etcd_txn txn = {.operations = &operations.items[at], .operation_count = fit};
        if (sp_etcd_commit(link->etcd, &txn, arena, &outcome, &error) != SP_OK)
            return;
    }
}

/* ---- trimmed changes ---- */

static void remove_trimmed_changes(const struct sp_source_link *link, struct sp_source_cleaner *cleaner,
                                   const struct sp_source_found *found, struct sp_arena *arena) {
    struct sp_str prefix = link->shared->prefix;
    struct sp_error error = {0};
    struct sp_etcd_outcome outcome;
    uint8_t from[8] = {0};
    uint8_t to[8];
    if (found->head->anchor_number <= cleaner->cleaned_anchor)
        return;
    sp_store_be64(to, found->head->anchor_number + 1);
    const struct sp_etcd_operation remove = {
        .what = SP_ETCD_DELETE,
        .key = sp_source_record_key(prefix, SP_REPLICA_CHANGE, (struct sp_bytes){from, sizeof(from)}, 0, arena),
        .end = sp_source_record_key(prefix, SP_REPLICA_CHANGE, (struct sp_bytes){to, sizeof(to)}, 0, arena),
    };
    const struct sp_etcd_txn txn = {.operations = &remove, .operation_count = 1};
    if (remove.key.data != NULL && remove.end.data != NULL &&
        sp_etcd_commit(link->etcd, &txn, arena, &outcome, &error) == SP_OK)
        cleaner->cleaned_anchor = found->head->anchor_number;
}

/* ---- parts whose writer died ---- */

/* A malformed part is of no use to anybody; one that there is no memory for may be. */
static enum sp_status check_abandoned(struct sp_bytes value, struct sp_arena *arena, bool *ret_abandoned) {
    ProtobufCMessage *message = NULL;
    enum sp_status status =
        sp_wire_unpack(&sallyport__store__v1__staged_part__descriptor, value, arena, &message, NULL);
    if (status == SP_OK)
        *ret_abandoned =
            ((const Sallyport__Store__V1__StagedPart *)message)->created_at < sp_clock_now_s() - ABANDONED_S;
    else if (status == SP_ERR_INVALID)
        *ret_abandoned = true;
    else
        return status;
    return SP_OK;
}

static bool is_named_by_head(const struct sp_source_link *link, struct sp_bytes key,
                             const struct sp_source_found *found, struct sp_arena *arena) {
    if (found->head->staged == NULL)
        return false;
    struct sp_bytes named = sp_source_staged_key(link->shared->prefix, sp_source_staged_id(found->head->staged), arena);
    return named.data == NULL || sp_bytes_begin_with(key, named);
}

/* While the head is the one that does not name it. */
static enum sp_status remove_part(const struct sp_source_link *link, struct sp_bytes key,
                                  const struct sp_source_found *found, struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_etcd_outcome outcome;
    const struct sp_etcd_compare guard = {.key = sp_source_head_key(link->shared->prefix, arena),
                                          .what = SP_ETCD_MOD_IS,
                                          .revision = found->head_revision};
    const struct sp_etcd_operation remove = {.what = SP_ETCD_DELETE, .key = key};
    const struct sp_etcd_txn txn = {
        .compares = &guard, .compare_count = 1, .operations = &remove, .operation_count = 1};
    if (guard.key.data == NULL)
        return SP_ERR_MEMORY;
    return sp_etcd_commit(link->etcd, &txn, arena, &outcome, &error);
}

static void remove_abandoned_parts(const struct sp_source_link *link, const struct sp_source_found *found,
                                   struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_etcd_page page;
    struct sp_bytes prefix = sp_source_all_staged_key(link->shared->prefix, arena);
    struct sp_bytes end = prefix.data == NULL ? prefix : sp_etcd_prefix_end(prefix, arena);
    const struct sp_etcd_range range = {.key = prefix, .end = end, .limit = PARTS_AT_A_TIME};
    if (end.data == NULL || sp_etcd_get(link->etcd, &range, arena, &page, &error) != SP_OK)
        return;
    for (size_t i = 0; i < page.count; i++) {
        bool abandoned = false;
        if (is_named_by_head(link, page.kvs[i].key, found, arena))
            continue;
        if (check_abandoned(page.kvs[i].value, arena, &abandoned) != SP_OK)
            return;
        if (!abandoned)
            continue;
        sp_log(SP_LOG_WARNING, "removing from etcd a part of a large change whose writer died before it took effect");
        if (remove_part(link, page.kvs[i].key, found, arena) != SP_OK)
            return;
    }
}

void sp_source_clean(const struct sp_source_link *link, struct sp_source_cleaner *cleaner,
                     const struct sp_replica_record *expired, size_t count) {
    struct sp_arena arena;
    struct sp_error error = {0};
    struct sp_source_found found;
    struct sp_source_state state;
    sp_source_get_shared_state(link->shared, &state);
    if (link->shared->follow_only || !state.reachable ||
        sp_arena_init(&arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES) != SP_OK)
        return;
    remove_expired_requests(link, expired, count, &arena);
    if (sp_clock_monotonic_ms() >= cleaner->due_ms) {
        cleaner->due_ms = sp_clock_monotonic_ms() + CLEAN_EVERY_MS;
        if (sp_source_ask_head(link, &arena, &found, &error) == SP_OK) {
            remove_trimmed_changes(link, cleaner, &found, &arena);
            remove_abandoned_parts(link, &found, &arena);
        }
    }
    sp_arena_fini(&arena);
}
