#include "sync/usage_report.h"

#include "admin/new_text.h"
#include "base/moment.h"
#include "base/text.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/usage/reports.h"
#include "store/usage/usage.h"

enum { IP4_BYTES = 4, IP6_BYTES = 16 };

/* ---- reading ---- */

static bool is_report_time(int64_t at_s) {
    return at_s >= 0 && at_s <= SP_MOMENT_LAST_S;
}

static bool is_report_ip(ProtobufCBinaryData ip) {
    return ip.len == 0 || ip.len == IP4_BYTES || ip.len == IP6_BYTES;
}

static enum sp_status check_use_entry(const Sallyport__V1__KeyUseEntry *entry, size_t i, struct sp_error *error) {
    const char *field = NULL;
    if (sp_text_check_id(sp_str_from(entry->workspace), "", NULL) != SP_OK)
        field = "workspace";
    else if (sp_text_check_id(sp_str_from(entry->key_id), "", NULL) != SP_OK)
        field = "key_id";
    else if (!is_report_time(entry->used_at))
        field = "used_at";
    else if (!is_report_time(entry->rejected_at))
        field = "rejected_at";
    else if (!is_report_ip(entry->used_ip))
        field = "used_ip";
    else if (!is_report_ip(entry->rejected_ip))
        field = "rejected_ip";
    if (field != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "uses[%zu].%s: is not valid", i, field);
    return SP_OK;
}

enum sp_status sp_usage_report_check(const Sallyport__V1__ReportUsageRequest *request, struct sp_error *error) {
    enum sp_status status = sp_text_check_id(sp_str_from(request->server), "server", error);
    if (status != SP_OK)
        return status;
    status = sp_admin_refuse_key_text(sp_str_from(request->server), "server", error);
    if (status != SP_OK)
        return status;
    if (request->sequence == 0)
        return sp_error_set(error, SP_ERR_INVALID, "sequence: starts at 1");
    if (!is_report_time(request->until))
        return sp_error_set(error, SP_ERR_INVALID, "until: is out of range");
    if (!is_report_time(request->lost_until))
        return sp_error_set(error, SP_ERR_INVALID, "lost_until: is out of range");
    if (request->sent_at_ms < 0 || !is_report_time(request->sent_at_ms / 1000))
        return sp_error_set(error, SP_ERR_INVALID, "sent_at_ms: is out of range");
    if (request->n_uses > SP_USAGE_MAX_USES)
        return sp_error_set(error, SP_ERR_INVALID, "uses: %zu are too many; send at most %d", request->n_uses,
                            SP_USAGE_MAX_USES);
    for (size_t i = 0; i < request->n_uses; i++) {
        status = check_use_entry(request->uses[i], i, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- applying ---- */

static int64_t min_time_s(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A server whose clock is ahead claims to know the future: the watermark is moved back. One that
 * is behind claims less than it knows, which is safe. */
static int64_t correct_watermark(const Sallyport__V1__ReportUsageRequest *request, int64_t now_ms) {
    int64_t ahead_ms = request->sent_at_ms > now_ms ? request->sent_at_ms - now_ms : 0;
    int64_t until_s = request->until - (ahead_ms + 999) / 1000;
    return request->until == 0 ? 0 : min_time_s(until_s > 0 ? until_s : 1, now_ms / 1000);
}

static struct sp_usage_moment read_usage_moment(int64_t at_s, ProtobufCBinaryData ip, int64_t now_s) {
    struct sp_usage_moment moment = {.at_s = min_time_s(at_s, now_s), .has_ip = ip.len > 0};
    if (ip.len == IP4_BYTES) {
        moment.ip.bytes[10] = moment.ip.bytes[11] = 0xff;
        memcpy(moment.ip.bytes + IP6_BYTES - IP4_BYTES, ip.data, IP4_BYTES);
    } else if (ip.len == IP6_BYTES) {
        memcpy(moment.ip.bytes, ip.data, IP6_BYTES);
    }
    return moment;
}

enum sp_status sp_usage_key_exists(struct sp_view *view, struct sp_str workspace, struct sp_str key_id,
                                   bool *ret_exists) {
    struct sp_entity_key key;
    bool is_operator = sp_str_equal(workspace, SP_STR_LITERAL(SP_USAGE_OPERATORS));
    enum sp_status status = is_operator ? sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, key_id, &key)
                                        : sp_entity_key_1(SP_KIND_KEY, workspace, key_id, &key);
    if (status != SP_OK)
        return status;
    return sp_entity_exists(view, &key, ret_exists);
}

static enum sp_status apply_use_entry(struct sp_usage_batch *batch, struct sp_view *view,
                                      const Sallyport__V1__KeyUseEntry *entry, int64_t now_s, uint32_t *unknown) {
    struct sp_str workspace = sp_str_from(entry->workspace);
    struct sp_str key_id = sp_str_from(entry->key_id);
    bool exists = false;
    enum sp_status status = sp_usage_key_exists(view, workspace, key_id, &exists);
    if (status != SP_OK)
        return status;
    if (!exists) {
        (*unknown)++;
        return SP_OK;
    }
    const struct sp_key_use use = {
        .accepted = read_usage_moment(entry->used_at, entry->used_ip, now_s),
        .rejected = read_usage_moment(entry->rejected_at, entry->rejected_ip, now_s),
        .reason = (enum sp_reason)entry->rejected_reason,
    };
    return sp_usage_batch_merge(batch, workspace, key_id, &use);
}

enum sp_status sp_usage_report_apply(struct sp_usage_batch *batch, struct sp_view *view,
                                     const Sallyport__V1__ReportUsageRequest *request, int64_t now_ms,
                                     Sallyport__V1__ReportUsageResponse *ret_reply) {
    int64_t now_s = now_ms / 1000;
    bool again = false;
    uint32_t unknown = 0;
    const struct sp_usage_report report = {
        .id = sp_str_from(request->server),
        .instance = request->instance,
        .sequence = request->sequence,
        .until_s = correct_watermark(request, now_ms),
        .lost_until_s = min_time_s(request->lost_until, now_s),
        .goodbye = request->goodbye,
    };
    enum sp_status status = sp_usage_batch_report(batch, &report, now_s, &again);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < request->n_uses && !again; i++) {
        status = apply_use_entry(batch, view, request->uses[i], now_s, &unknown);
        if (status != SP_OK)
            return status;
    }
    ret_reply->duplicate = again;
    ret_reply->unknown_keys = unknown;
    return SP_OK;
}
