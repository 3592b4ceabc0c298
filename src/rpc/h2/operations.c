#include "rpc/h2/operations.h"

#include <string.h>

#include "base/clock.h"
#include "rpc/h2/life.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/stream.h"
#include "rpc/h2/unary.h"

static struct h2_call *call_of(struct sp_rpc_call *base) {
    return (struct h2_call *)base; /* its first member */
}

static const struct h2_call *const_call_of(const struct sp_rpc_call *base) {
    return (const struct h2_call *)base;
}

static size_t find_h2_metadata(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                               size_t room) {
    return sp_rpc_h2_head_find(&const_call_of(base)->head, key, ret_values, room);
}

static struct sp_str name_h2_peer(struct sp_rpc_call *base) {
    const struct sp_str peer = sp_str_from(call_of(base)->connection->peer);
    char *copy = sp_arena_strdup(base->arena, peer);
    return (struct sp_str){copy, copy == NULL ? 0 : peer.size};
}

static void identify_h2_peer(const struct sp_rpc_call *base, struct sp_identity *ret_identity) {
    const struct h2_connection *connection = const_call_of(base)->connection;
    const struct h2_certificate *certificate = connection->certificate;
    *ret_identity =
        (struct sp_identity){.kind = connection->kind, .uid_known = connection->uid_known, .uid = connection->uid};
    if (certificate == NULL || !certificate->certified)
        return;
    ret_identity->certified = true;
    ret_identity->uri_count = certificate->uri_count;
    ret_identity->dns_count = certificate->dns_count;
    memcpy(ret_identity->uris, certificate->uris, sizeof(certificate->uris));
    memcpy(ret_identity->dns, certificate->dns, sizeof(certificate->dns));
}

static int64_t count_h2_remaining_ms(const struct sp_rpc_call *base) {
    int64_t deadline_ms = const_call_of(base)->deadline_ms;
    if (deadline_ms == INT64_MAX)
        return INT64_MAX;
    int64_t left_ms = deadline_ms - sp_clock_monotonic_ms();
    return left_ms < 0 ? 0 : left_ms;
}

static void reply_h2_unary(struct sp_rpc_call *base, struct sp_bytes reply) {
    sp_rpc_h2_unary_answer(call_of(base), SP_OK, reply, NULL);
}

static void fail_h2_call(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    if (sp_rpc_h2_call_is_stream(call_of(base)))
        sp_rpc_h2_call_end(call_of(base), status, message);
    else
        sp_rpc_h2_unary_answer(call_of(base), status == SP_OK ? SP_ERR_INTERNAL : status, (struct sp_bytes){NULL, 0},
                               message);
}

static void park_h2_unary(struct sp_rpc_call *base, unsigned delay_ms) {
    sp_rpc_h2_unary_park(call_of(base), delay_ms);
}

static void read_h2_stream(struct sp_rpc_call *base) {
    sp_rpc_h2_stream_read(call_of(base));
}

static void send_h2_message(struct sp_rpc_call *base, struct sp_bytes message) {
    sp_rpc_h2_stream_send(call_of(base), message);
}

static void send_and_read_h2_stream(struct sp_rpc_call *base, struct sp_bytes message) {
    sp_rpc_h2_stream_send_and_read(call_of(base), message);
}

static void finish_h2_stream(struct sp_rpc_call *base) {
    sp_rpc_h2_call_end(call_of(base), SP_OK, NULL);
}

static void wake_h2_stream(struct sp_rpc_call *base) {
    sp_rpc_h2_mail_call(call_of(base), H2_EVENT_WOKEN);
}

const struct call_ops sp_rpc_h2_call_ops = {
    .metadata_all = find_h2_metadata,
    .peer = name_h2_peer,
    .identity = identify_h2_peer,
    .remaining_ms = count_h2_remaining_ms,
    .reply = reply_h2_unary,
    .fail = fail_h2_call,
    .retry_after = park_h2_unary,
    .read = read_h2_stream,
    .send = send_h2_message,
    .send_and_read = send_and_read_h2_stream,
    .finish = finish_h2_stream,
    .wake = wake_h2_stream,
};
