#include "connect/failure.h"

#include <string.h>

/* By gRPC code: connectrpc.com/docs/protocol, "Error codes". */
static const struct {
    const char *code;
    unsigned http_status;
} failures[] = {
    [1] = {"canceled", 499},
    [2] = {"unknown", 500},
    [3] = {"invalid_argument", 400},
    [4] = {"deadline_exceeded", 504},
    [5] = {"not_found", 404},
    [6] = {"already_exists", 409},
    [7] = {"permission_denied", 403},
    [8] = {"resource_exhausted", 429},
    [9] = {"failed_precondition", 400},
    [10] = {"aborted", 409},
    [11] = {"out_of_range", 400},
    [12] = {"unimplemented", 501},
    [13] = {"internal", 500},
    [14] = {"unavailable", 503},
    [15] = {"data_loss", 500},
    [16] = {"unauthenticated", 401},
};

static size_t find_failure(int code) {
    return code > 0 && (size_t)code < sizeof(failures) / sizeof(*failures) ? (size_t)code : 2;
}

const char *sp_connect_code_of_grpc(int code) {
    return failures[find_failure(code)].code;
}

const char *sp_connect_code(enum sp_status status) {
    return sp_connect_code_of_grpc(sp_status_to_grpc(status));
}

unsigned sp_connect_http_status(enum sp_status status) {
    return failures[find_failure(sp_status_to_grpc(status))].http_status;
}

json_t *sp_connect_failure_json(enum sp_status status, const char *message, json_t *details) {
    json_t *json = json_pack("{s:s}", "code", sp_connect_code(status));
    /* A message that was cut may end within a character, which JSON does not allow. */
    size_t size = message == NULL ? 0 : strlen(message);
    json_t *text = NULL;
    while (json != NULL && size > 0 && (text = json_stringn(message, size)) == NULL)
        size--;
    if (text != NULL)
        (void)json_object_set_new(json, "message", text);
    if (json != NULL && details != NULL)
        (void)json_object_set(json, "details", details);
    return json;
}
