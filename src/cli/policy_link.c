#include "cli/policy_link.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/print.h"
#include "wire/wire.h"

enum { PATH_BYTES = 128, TRIES = 3 };

static enum sp_status call_policy_method(void *context, const char *method, const ProtobufCMessage *request,
                                         const ProtobufCMessageDescriptor *reply_descriptor, struct sp_arena *arena,
                                         ProtobufCMessage **ret_reply, struct sp_error *error) {
    struct sp_bytes packed, reply;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "/sallyport.v1.Admin/%s", method);
    enum sp_status status = sp_wire_pack(request, arena, &packed);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    for (unsigned tries = 1;; tries++) {
        status = sp_rpc_client_call(context, path, packed, arena, &reply, error);
        if (status != SP_ERR_UNAVAILABLE || tries == TRIES)
            break;
        sp_clock_sleep_ms(200);
    }
    if (status != SP_OK)
        return status;
    return sp_wire_unpack(reply_descriptor, reply, arena, ret_reply, error);
}

struct sp_policy_link sp_cli_policy_link(struct sp_rpc_client *client) {
    return (struct sp_policy_link){.call = call_policy_method, .progress = sp_cli_progress, .context = client};
}
