/* What a handler learns about its call. */
#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "rpc/grpc/peer.h"

unsigned sp_rpc_call_worker(const struct sp_rpc_call *call) {
    return call->worker->index;
}

struct sp_bytes sp_rpc_call_request(const struct sp_rpc_call *call) {
    return call->request;
}

struct sp_arena *sp_rpc_call_arena(struct sp_rpc_call *call) {
    return &call->scratch->arena;
}

unsigned sp_rpc_call_retries(const struct sp_rpc_call *call) {
    return call->retries;
}

int64_t sp_rpc_call_started_ms(const struct sp_rpc_call *call) {
    return call->started_ms;
}

int64_t sp_rpc_call_remaining_ms(const struct sp_rpc_call *call) {
    if (call->deadline.tv_sec == INT64_MAX)
        return INT64_MAX;
    gpr_timespec left = gpr_time_sub(call->deadline, gpr_now(call->deadline.clock_type));
    if (left.tv_sec < 0)
        return 0;
    /* Rounded up, so that what is left of the last millisecond is not "passed". */
    return left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000;
}

size_t sp_rpc_call_metadata_all(const struct sp_rpc_call *call, const char *key, struct sp_str *ret_values,
                                size_t room) {
    size_t count = 0;
    size_t key_size = strlen(key);
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *entry = &call->metadata.metadata[i];
        if (GRPC_SLICE_LENGTH(entry->key) != key_size || memcmp(GRPC_SLICE_START_PTR(entry->key), key, key_size) != 0)
            continue;
        if (count < room) {
            ret_values[count] =
                (struct sp_str){(const char *)GRPC_SLICE_START_PTR(entry->value), GRPC_SLICE_LENGTH(entry->value)};
        }
        count++;
    }
    return count;
}

struct sp_str sp_rpc_call_metadata(const struct sp_rpc_call *call, const char *key, size_t *ret_count) {
    struct sp_str first = {NULL, 0};
    *ret_count = sp_rpc_call_metadata_all(call, key, &first, 1);
    return first;
}

struct sp_str sp_rpc_call_peer(struct sp_rpc_call *call) {
    return sp_rpc_peer_text(call);
}

/* ---- who the peer has proven to be ---- */

/* The values of a property lie in the connection's context, which lives as long as the call. */
static size_t read_property(const grpc_auth_context *context, const char *property,
                            struct sp_str ret_names[static SP_IDENTITY_NAMES]) {
    size_t count = 0;
    grpc_auth_property_iterator at = grpc_auth_context_find_properties_by_name(context, property);
    for (const grpc_auth_property *name = grpc_auth_property_iterator_next(&at);
         name != NULL && count < SP_IDENTITY_NAMES; name = grpc_auth_property_iterator_next(&at))
        ret_names[count++] = (struct sp_str){name->value, name->value_length};
    return count;
}

void sp_rpc_call_identity(const struct sp_rpc_call *call, struct sp_identity *ret_identity) {
    const struct door *door = call->door;
    ret_identity->kind = door->kind;
    ret_identity->certified = false;
    ret_identity->uid_known = door->uid_known;
    ret_identity->uid = door->uid;
    ret_identity->uri_count = 0;
    ret_identity->dns_count = 0;
    if (door->kind != SP_PEER_TLS)
        return;
    grpc_auth_context *context = grpc_call_auth_context(call->grpc);
    if (context != NULL && grpc_auth_context_peer_is_authenticated(context) != 0) {
        ret_identity->certified = true;
        ret_identity->uri_count = read_property(context, GRPC_PEER_URI_PROPERTY_NAME, ret_identity->uris);
        ret_identity->dns_count = read_property(context, GRPC_PEER_DNS_PROPERTY_NAME, ret_identity->dns);
    }
    grpc_auth_context_release(context);
}
