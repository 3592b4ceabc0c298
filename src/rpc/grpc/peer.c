#include "rpc/grpc/peer.h"

#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>

#include "rpc/credit.h"

enum {
    SMALL_BYTES = 4 * 1024,  /* requests of hot methods that are settled when they end, and replies nobody owes */
    PER_HEADER_BYTES = 32,   /* of a header on the wire, besides its name and value */
    PER_REQUEST_BYTES = 128, /* frames, and headers that gRPC keeps to itself */
    PER_MESSAGE_BYTES = 32,  /* frames */
    FRAMES_PART = 64,        /* of a message that frames add at most, one of 576 bytes each */
    CANCELLED_BYTES = 28,    /* the fewest that open a call and cancel it */
};

static int value_of_hex(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Undoes percent-encoding in place; invalid escapes stay. */
static size_t decode_percent(char *text) {
    size_t out = 0;
    for (size_t in = 0; text[in] != '\0'; in++) {
        if (text[in] == '%' && value_of_hex(text[in + 1]) >= 0 && value_of_hex(text[in + 2]) >= 0) {
            text[out++] = (char)(value_of_hex(text[in + 1]) * 16 + value_of_hex(text[in + 2]));
            in += 2;
        } else {
            text[out++] = text[in];
        }
    }
    text[out] = '\0';
    return out;
}

/* "ipv4:192.0.2.1:5000", "ipv6:[2001:db8::1%eth0]:5000", "unix:/path": the part between the scheme
 * and the port. */
static struct sp_str host_of_peer(const char *peer) {
    if (strncmp(peer, "unix", 4) == 0)
        return sp_str_from("unix");
    if (strncmp(peer, "ipv4:", 5) == 0)
        return (struct sp_str){peer + 5, strcspn(peer + 5, ":")};
    if (strncmp(peer, "ipv6:[", 6) == 0)
        return (struct sp_str){peer + 6, strcspn(peer + 6, "]%")};
    return (struct sp_str){NULL, 0};
}

struct sp_str sp_rpc_peer_text(struct core_call *call) {
    char *peer = grpc_call_get_peer(call->grpc);
    decode_percent(peer);
    struct sp_str host = host_of_peer(peer);
    char *copy = sp_arena_strdup(call->base.arena, host);
    gpr_free(peer);
    return (struct sp_str){copy, copy == NULL ? 0 : host.size};
}

static bool read_counted_peer(const struct core_call *call, struct sp_peer *ret_peer) {
    if (call->door->kind == SP_PEER_UNIX)
        return false;
    char *peer = grpc_call_get_peer(call->grpc);
    decode_percent(peer);
    const char *colon = strrchr(peer, ':');
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
    struct sp_str host = host_of_peer(peer);
    bool found =
        port > 0 && port <= UINT16_MAX && host.data != NULL && sp_peer_from_text(host, (uint16_t)port, ret_peer);
    gpr_free(peer);
    return found;
}

/* NULL for Unix sockets, of which nothing is counted. Kept because it is wanted again when the call
 * ends: gRPC forgets the peer of a call that is cancelled. */
static const struct sp_peer *find_counted_peer(struct core_call *call) {
    if (call->peer_state == PEER_UNREAD)
        call->peer_state = read_counted_peer(call, &call->peer) ? PEER_COUNTED : PEER_UNCOUNTED;
    return call->peer_state == PEER_COUNTED ? &call->peer : NULL;
}

static size_t count_header_bytes(const struct core_call *call) {
    size_t bytes = PER_REQUEST_BYTES;
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *entry = &call->metadata.metadata[i];
        bytes += GRPC_SLICE_LENGTH(entry->key) + GRPC_SLICE_LENGTH(entry->value) + PER_HEADER_BYTES;
    }
    return bytes;
}

static struct connections *get_connections(const struct core_call *call) {
    return call->worker->server->shared.connections;
}

/* ---- what calls settle ---- */

static struct peer_memo *find_memo(struct worker *worker, const void *context) {
    uint64_t mixed = (uint64_t)(uintptr_t)context * 0x9e3779b97f4a7c15U;
    return &worker->peers[mixed >> 32 & (PEER_MEMOS - 1)];
}

/* A context's place in memory names its connection as long as that lasts, and the memo is renewed
 * when it ends: the peer's address, which costs more, is looked at once a connection. NULL if
 * nothing is counted. */
static struct credit *find_credit(struct core_call *call) {
    if (call->door->kind == SP_PEER_UNIX)
        return NULL;
    grpc_auth_context *context = grpc_call_auth_context(call->grpc);
    struct peer_memo *memo = find_memo(call->worker, context);
    bool known = memo->credit != NULL && memo->context == context &&
                 !atomic_load_explicit(&memo->credit->ended, memory_order_relaxed);
    grpc_auth_context_release(context);
    if (known)
        return memo->credit;
    const struct sp_peer *peer = find_counted_peer(call);
    sp_rpc_credit_drop(memo->credit);
    *memo =
        (struct peer_memo){.context = context,
                           .credit = peer == NULL ? NULL : sp_rpc_connections_hold_credit(get_connections(call), peer)};
    return memo->credit;
}

void sp_rpc_peer_forget_all(struct worker *worker) {
    for (size_t i = 0; i < PEER_MEMOS; i++) {
        sp_rpc_credit_drop(worker->peers[i].credit);
        worker->peers[i] = (struct peer_memo){0};
    }
}

static void credit_bytes(struct core_call *call, size_t bytes) {
    struct credit *credit = find_credit(call);
    if (credit != NULL)
        atomic_fetch_add_explicit(&credit->bytes, bytes, memory_order_release);
}

static void credit_call(struct core_call *call, size_t bytes) {
    call->settled = true;
    credit_bytes(call, bytes);
}

void sp_rpc_peer_settle_stream(struct core_call *call) {
    credit_call(call, count_header_bytes(call));
}

static size_t count_framed_bytes(size_t message_bytes) {
    return message_bytes + message_bytes / FRAMES_PART;
}

void sp_rpc_peer_settle_message(struct core_call *call, size_t message_bytes) {
    credit_bytes(call, count_framed_bytes(message_bytes) + PER_MESSAGE_BYTES);
}

void sp_rpc_peer_settle_request(struct core_call *call) {
    if (call->payload == NULL)
        return;
    call->message_bytes = grpc_byte_buffer_length(call->payload);
    bool awaited = call->admission.bytes > 0;
    if (!awaited && call->base.method->hot && call->message_bytes < SMALL_BYTES)
        return;
    credit_call(call, count_framed_bytes(call->message_bytes) + count_header_bytes(call));
    if (awaited)
        sp_rpc_connections_release(get_connections(call), &call->admission, true);
}

void sp_rpc_peer_grant(struct core_call *call) {
    struct credit *credit = call->base.method->is_public ? NULL : find_credit(call);
    if (credit != NULL)
        atomic_fetch_add_explicit(&credit->grants, 1, memory_order_relaxed);
}

/* A flood of calls that are cancelled at once sends as little for each as can be, however large
 * gRPC has made their headers. */
static size_t count_ended_bytes(const struct core_call *call) {
    return count_framed_bytes(call->message_bytes) +
           (call->cancelled != 0 ? CANCELLED_BYTES : count_header_bytes(call));
}

void sp_rpc_peer_release(struct core_call *call) {
    if (!call->settled)
        credit_call(call, count_ended_bytes(call));
    if (call->granted && call->cancelled == 0)
        sp_rpc_peer_grant(call);
    sp_rpc_connections_release(get_connections(call), &call->admission, false);
    sp_rpc_connections_pay(get_connections(call), &call->owed);
}

void sp_rpc_peer_owe(struct core_call *call, size_t answer_bytes) {
    const struct sp_peer *peer = answer_bytes < SMALL_BYTES ? NULL : find_counted_peer(call);
    if (peer != NULL)
        sp_rpc_connections_owe(get_connections(call), peer, answer_bytes, &call->owed);
}

void sp_rpc_peer_pay(struct core_call *call) {
    sp_rpc_connections_pay(get_connections(call), &call->owed);
}

bool sp_rpc_peer_admit(struct core_call *call) {
    const struct sp_peer *peer = find_counted_peer(call);
    if (peer == NULL || call->admission.bytes > 0)
        return true;
    if (sp_rpc_connections_admit(get_connections(call), peer, call->base.method->max_request_bytes, &call->admission))
        return true;
    sp_rpc_bound_count(call->worker->server->shared.counts, SP_RPC_BOUND_MEMORY);
    return false;
}
