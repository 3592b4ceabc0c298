#include "rpc/grpc/call.h"

#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>

#include "rpc/grpc/peer.h"
#include "rpc/grpc/stream.h"
#include "rpc/grpc/unary.h"

static size_t find_core_metadata(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                                 size_t room) {
    const struct core_call *call = (const struct core_call *)base;
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

static struct sp_str name_core_peer(struct sp_rpc_call *base) {
    return sp_rpc_peer_text((struct core_call *)base);
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

static void identify_core_peer(const struct sp_rpc_call *base, struct sp_identity *ret_identity) {
    const struct core_call *call = (const struct core_call *)base;
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

static int64_t count_core_remaining_ms(const struct sp_rpc_call *base) {
    return sp_rpc_unary_remaining_ms((const struct core_call *)base);
}

static void fail_core_call(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    if (((const struct core_call *)base)->is_stream)
        sp_rpc_core_end(base, status, message);
    else
        sp_rpc_unary_fail(base, status, message);
}

const struct call_ops sp_rpc_core_call_ops = {
    .metadata_all = find_core_metadata,
    .peer = name_core_peer,
    .identity = identify_core_peer,
    .remaining_ms = count_core_remaining_ms,
    .reply = sp_rpc_unary_reply,
    .fail = fail_core_call,
    .retry_after = sp_rpc_unary_park,
    .read = sp_rpc_core_read,
    .send = sp_rpc_core_send,
    .send_and_read = sp_rpc_core_send_and_read,
    .finish = sp_rpc_core_finish,
    .wake = sp_rpc_core_wake,
};
