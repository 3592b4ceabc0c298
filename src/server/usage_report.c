#include "server/usage_report.h"

#include "sallyport/v1/usage.pb-c.h"
#include "wire/wire.h"

enum { IP4_BYTES = 4 };

/* Empty if the moment has no address. */
static enum sp_status copy_moment_address(const struct sp_usage_moment *moment, struct sp_arena *arena,
                                          ProtobufCBinaryData *ret_bytes) {
    *ret_bytes = (ProtobufCBinaryData){0};
    if (moment->at_s == 0 || !moment->has_ip)
        return SP_OK;
    size_t size = sp_ip_is_v4(&moment->ip) ? IP4_BYTES : sizeof(moment->ip.bytes);
    uint8_t *bytes = sp_arena_alloc(arena, size);
    if (bytes == NULL)
        return SP_ERR_MEMORY;
    memcpy(bytes, moment->ip.bytes + sizeof(moment->ip.bytes) - size, size);
    *ret_bytes = (ProtobufCBinaryData){size, bytes};
    return SP_OK;
}

static enum sp_status fill_use_entry(const struct sp_usage_table *table, uint32_t i, struct sp_arena *arena,
                                     Sallyport__V1__KeyUseEntry *entry) {
    struct sp_str workspace;
    struct sp_str key_id;
    struct sp_key_use use;
    sp_usage_table_at(table, i, &workspace, &key_id, &use);
    sallyport__v1__key_use_entry__init(entry);
    entry->workspace = sp_arena_strdup(arena, workspace);
    entry->key_id = sp_arena_strdup(arena, key_id);
    if (entry->workspace == NULL || entry->key_id == NULL)
        return SP_ERR_MEMORY;
    entry->used_at = use.accepted.at_s;
    entry->rejected_at = use.rejected.at_s;
    entry->rejected_reason = (Sallyport__V1__Reason)use.reason;
    enum sp_status status = copy_moment_address(&use.accepted, arena, &entry->used_ip);
    if (status != SP_OK)
        return status;
    return copy_moment_address(&use.rejected, arena, &entry->rejected_ip);
}

enum sp_status sp_usage_pack_uses(const struct sp_usage_table *table, uint32_t count, struct sp_arena *arena,
                                  struct sp_bytes *ret_bytes) {
    Sallyport__V1__ReportUsageRequest message = SALLYPORT__V1__REPORT_USAGE_REQUEST__INIT;
    Sallyport__V1__KeyUseEntry *entries = sp_arena_calloc(arena, count, sizeof(*entries));
    message.uses = sp_arena_calloc(arena, count, sizeof(*message.uses));
    if (count > 0 && (entries == NULL || message.uses == NULL))
        return SP_ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        enum sp_status status = fill_use_entry(table, table->count - 1 - i, arena, &entries[i]);
        if (status != SP_OK)
            return status;
        message.uses[i] = &entries[i];
    }
    message.n_uses = count;
    return sp_wire_pack(&message.base, arena, ret_bytes);
}

enum sp_status sp_usage_pack_report(const struct sp_usage_report_head *head, struct sp_bytes uses,
                                    struct sp_arena *arena, struct sp_bytes *ret_bytes) {
    Sallyport__V1__ReportUsageRequest message = SALLYPORT__V1__REPORT_USAGE_REQUEST__INIT;
    struct sp_bytes packed;
    message.server = sp_arena_strdup(arena, sp_str_from(head->server));
    if (message.server == NULL)
        return SP_ERR_MEMORY;
    message.instance = head->instance;
    message.sequence = head->sequence;
    message.sent_at_ms = head->sent_at_ms;
    message.until = head->until_s;
    message.lost_until = head->lost_until_s;
    message.goodbye = head->goodbye;
    enum sp_status status = sp_wire_pack(&message.base, arena, &packed);
    if (status != SP_OK)
        return status;
    /* Two packed messages, one behind the other, are read as one message that holds the fields
     * of both. */
    uint8_t *bytes = sp_arena_alloc(arena, packed.size + uses.size);
    if (bytes == NULL)
        return SP_ERR_MEMORY;
    memcpy(bytes, packed.data, packed.size);
    if (uses.size > 0)
        memcpy(bytes + packed.size, uses.data, uses.size);
    *ret_bytes = (struct sp_bytes){bytes, packed.size + uses.size};
    return SP_OK;
}
