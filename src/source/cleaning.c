/* Removing from etcd what has expired. */
#include "base/clock.h"
#include "source/internal.h"

enum { CLEAN_EVERY_MS = 60000 };

static void remove_changes(struct sp_source *source, struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_source_found found;
    struct sp_etcd_outcome outcome;
    uint8_t from[8] = {0};
    uint8_t to[8];
    if (sp_source_ask_head(source, source->write, arena, &found, &error) != SP_OK ||
        found.head->anchor_number <= source->cleaned_anchor)
        return;
    sp_store_be64(to, found.head->anchor_number + 1);
    const struct sp_etcd_operation remove = {
        .what = SP_ETCD_DELETE,
        .key = sp_source_key_record(source, SP_REPLICA_CHANGE, (struct sp_bytes){from, 8}, 0, arena),
        .end = sp_source_key_record(source, SP_REPLICA_CHANGE, (struct sp_bytes){to, 8}, 0, arena),
    };
    const struct sp_etcd_txn txn = {.operations = &remove, .operation_count = 1};
    if (remove.key.data != NULL && remove.end.data != NULL &&
        sp_etcd_commit(source->write, &txn, arena, &outcome, &error) == SP_OK)
        source->cleaned_anchor = found.head->anchor_number;
}

static void remove_requests(struct sp_source *source, const struct sp_replica_record *expired, size_t count,
                            struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_etcd_outcome outcome;
    struct sp_source_operations operations = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        if (expired[i].space != SP_REPLICA_REQUEST || !expired[i].deleted)
            continue;
        if (sp_source_operations_add(&operations, source, &expired[i]) != SP_OK)
            return;
    }
    for (size_t at = 0; at < operations.count; at += SP_SOURCE_TXN_OPERATIONS) {
        size_t left = operations.count - at;
        const struct sp_etcd_txn txn = {
            .operations = operations.items + at,
            .operation_count = left < SP_SOURCE_TXN_OPERATIONS ? left : SP_SOURCE_TXN_OPERATIONS,
        };
        if (sp_etcd_commit(source->write, &txn, arena, &outcome, &error) != SP_OK)
            return;
    }
}

void sp_source_clean(struct sp_source *source, const struct sp_replica_record *expired, size_t count) {
    struct sp_arena arena;
    struct sp_source_state state;
    sp_source_get_state(source, &state);
    if (source->options.follow_only || !state.reachable ||
        sp_arena_init(&arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES) != SP_OK)
        return;
    if (count > 0)
        remove_requests(source, expired, count, &arena);
    if (sp_clock_monotonic_ms() >= source->clean_due_ms) {
        source->clean_due_ms = sp_clock_monotonic_ms() + CLEAN_EVERY_MS;
        remove_changes(source, &arena);
        sp_source_clean_staged(source, &arena);
    }
    sp_arena_fini(&arena);
}
