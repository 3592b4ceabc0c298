#include "see.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

_Noreturn void see_fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(2);
}

ProtobufCMessage *see_call(struct sp_rpc_client *client, struct sp_arena *arena, const char *path,
                           const ProtobufCMessage *request, const ProtobufCMessageDescriptor *descriptor) {
    struct sp_bytes packed, reply;
    struct sp_error error = {0};
    ProtobufCMessage *message;
    if (sp_wire_pack(request, arena, &packed) != SP_OK ||
        sp_rpc_client_call(client, path, packed, arena, &reply, &error) != SP_OK ||
        sp_wire_unpack_trusted(descriptor, reply, arena, &message) != SP_OK)
        see_fail(error.message[0] != '\0' ? error.message : "out of memory");
    return message;
}

static char *drop_const(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text}; /* packing only reads */
    return cast.out;
}

Sallyport__V1__Revision *see_change(struct sp_rpc_client *admin, struct sp_arena *arena, int i) {
    char name[32];
    char *mask[] = {drop_const("name")};
    Sallyport__V1__Workspace workspace = SALLYPORT__V1__WORKSPACE__INIT;
    Sallyport__V1__UpdateWorkspaceRequest request = SALLYPORT__V1__UPDATE_WORKSPACE_REQUEST__INIT;
    snprintf(name, sizeof(name), "Change %d", i);
    workspace.id = drop_const("ws_0");
    workspace.name = name;
    request.workspace = &workspace;
    request.update_mask = mask;
    request.n_update_mask = 1;
    const Sallyport__V1__WorkspaceResponse *reply = (const Sallyport__V1__WorkspaceResponse *)see_call(
        admin, arena, "/sallyport.v1.Admin/UpdateWorkspace", &request.base,
        &sallyport__v1__workspace_response__descriptor);
    return reply->revision;
}

void see_answer(struct sp_rpc_client *server, struct sp_arena *arena, struct world_question *question,
                Sallyport__V1__Revision *revision) {
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = drop_const("voice");
    ref.id = question->voice;
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = question->key;
    request.ip = question->ip;
    request.resource = &ref;
    request.action = drop_const(question->action);
    request.min_revision = revision;
    const Sallyport__V1__CheckResponse *reply = (const Sallyport__V1__CheckResponse *)see_call(
        server, arena, "/sallyport.v1.Authorization/Check", &request.base, &sallyport__v1__check_response__descriptor);
    if ((unsigned)reply->reason != (unsigned)question->expected)
        see_fail("sallyportd gave a wrong answer");
}

struct sp_rpc_client *see_connect(const char *target, const char *key) {
    struct sp_rpc_client *client;
    struct sp_error error;
    const struct sp_rpc_client_options options = {.target = target, .key = sp_str_from(key)};
    if (sp_rpc_client_open(&options, &client, &error) != SP_OK)
        see_fail(error.message);
    return client;
}

void see_read_key(const char *path, char ret_key[static 128]) {
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(ret_key, 128, file) == NULL)
        see_fail("cannot read the operator key");
    fclose(file);
    ret_key[strcspn(ret_key, "\n")] = '\0';
}
