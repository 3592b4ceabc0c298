#include "connect/reply.h"

#include "base/arena.h"
#include "connect/call.h"
#include "wire/json_write.h"

bool sp_connect_add_header(struct sp_rpc_call *base, const char *name, struct sp_str value) {
    struct connect_call *call = sp_connect_call_of(base);
    return !call->begun && sp_http_add_header(call->exchange, name, value);
}

static bool add_unary_trailer(struct connect_call *call, const char *name, struct sp_str value) {
    const char *prefixed = sp_arena_printf(sp_http_arena(call->exchange), "Trailer-%s", name);
    return prefixed != NULL && sp_http_add_header(call->exchange, prefixed, value);
}

static bool add_stream_trailer(struct connect_call *call, const char *name, struct sp_str value) {
    if (call->trailers == NULL)
        call->trailers = json_object();
    if (json_object_get(call->trailers, name) == NULL && json_object_set_new(call->trailers, name, json_array()) != 0)
        return false;
    return json_array_append_new(json_object_get(call->trailers, name), json_stringn(value.data, value.size)) == 0;
}

bool sp_connect_add_trailer(struct sp_rpc_call *base, const char *name, struct sp_str value) {
    struct connect_call *call = sp_connect_call_of(base);
    return call->method->rpc.kind == SP_RPC_STREAM ? add_stream_trailer(call, name, value)
                                                   : add_unary_trailer(call, name, value);
}

bool sp_connect_add_detail(struct sp_rpc_call *base, const char *type, struct sp_bytes message) {
    struct connect_call *call = sp_connect_call_of(base);
    if (call->details == NULL)
        call->details = json_array();
    json_t *detail = json_pack("{s:s,s:o}", "type", type, "value", sp_json_from_bytes(message, false));
    return json_array_append_new(call->details, detail) == 0;
}
