#include "cli/call.h"

const char *sp_cli_local(const struct cli_call *call, const char *name) {
    return json_string_value(json_object_get(call->local, name));
}

bool sp_cli_local_flag(const struct cli_call *call, const char *name) {
    return json_is_true(json_object_get(call->local, name));
}
