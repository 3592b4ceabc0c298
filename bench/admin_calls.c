#include "admin_calls.h"

#include <stdio.h>
#include <string.h>

#include "sallyport/v1/admin.pb-c.h"
#include "wire/wire.h"
#include "world.h"

enum { SHARES = 200, PAGE = 1000 };

/* protobuf-c's messages hold plain pointers, and packing only reads. */
static char *as_mutable(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text};
    return cast.out;
}

static bool pack_admin_request(const ProtobufCMessage *request, struct sp_arena *arena, struct sp_bytes *ret_request) {
    return sp_wire_pack(request, arena, ret_request) == SP_OK;
}

/* A new name and number of seats. An operator may change no more of a workspace without changing
 * answers. */
static bool pack_workspace(uint64_t key, uint64_t random, struct sp_arena *arena, struct sp_bytes *ret_request) {
    char id[32], name[32];
    char *mask[] = {as_mutable("name"), as_mutable("seats")};
    Sallyport__V1__Workspace workspace = SALLYPORT__V1__WORKSPACE__INIT;
    Sallyport__V1__UpdateWorkspaceRequest request = SALLYPORT__V1__UPDATE_WORKSPACE_REQUEST__INIT;
    world_workspace_id(key, id);
    snprintf(name, sizeof(name), "Change %llx", (unsigned long long)random);
    workspace.id = id;
    workspace.name = name;
    workspace.seats = 100 + (uint32_t)(random % 100);
    request.workspace = &workspace;
    request.update_mask = mask;
    request.n_update_mask = 2;
    return pack_admin_request(&request.base, arena, ret_request);
}

static bool is_workspace_changed(const ProtobufCMessage *reply) {
    const Sallyport__V1__WorkspaceResponse *response = (const Sallyport__V1__WorkspaceResponse *)reply;
    return response->revision != NULL && response->workspace != NULL &&
           strncmp(response->workspace->name, "Change ", 7) == 0;
}

/* A new name of a user. */
static bool pack_name(uint64_t key, uint64_t random, struct sp_arena *arena, struct sp_bytes *ret_request) {
    char workspace[32], id[32], name[32];
    char *mask[] = {as_mutable("name")};
    Sallyport__V1__Principal principal = SALLYPORT__V1__PRINCIPAL__INIT;
    Sallyport__V1__UpdatePrincipalRequest request = SALLYPORT__V1__UPDATE_PRINCIPAL_REQUEST__INIT;
    world_workspace_id(key, workspace);
    snprintf(id, sizeof(id), "p%llu", (unsigned long long)(random % WORLD_PRINCIPALS));
    snprintf(name, sizeof(name), "Change %llx", (unsigned long long)random);
    principal.workspace = workspace;
    principal.id = id;
    principal.name = name;
    request.principal = &principal;
    request.update_mask = mask;
    request.n_update_mask = 1;
    return pack_admin_request(&request.base, arena, ret_request);
}

static bool is_name_changed(const ProtobufCMessage *reply) {
    const Sallyport__V1__PrincipalResponse *response = (const Sallyport__V1__PrincipalResponse *)reply;
    return response->revision != NULL && response->principal != NULL &&
           strncmp(response->principal->name, "Change ", 7) == 0;
}

/* One of the texts and messages of an update. */
struct share_texts {
    Sallyport__V1__ShareUpdate update;
    Sallyport__V1__Subject subject;
    Sallyport__V1__ResourceRef ref;
    char voice[32], principal[16];
};

/* Other roles for all principals on all voices of the workspace. */
static bool pack_shares(uint64_t key, uint64_t random, struct sp_arena *arena, struct sp_bytes *ret_request) {
    char workspace[32];
    Sallyport__V1__UpdateSharesRequest request = SALLYPORT__V1__UPDATE_SHARES_REQUEST__INIT;
    struct share_texts *texts = sp_arena_calloc(arena, SHARES, sizeof(*texts));
    request.updates = sp_arena_calloc(arena, SHARES, sizeof(*request.updates));
    if (texts == NULL || request.updates == NULL)
        return false;
    for (unsigned i = 0; i < SHARES; i++) {
        struct share_texts *text = &texts[i];
        uint64_t voice = key / WORLD_KEYS * WORLD_VOICES + i % WORLD_VOICES;
        sallyport__v1__share_update__init(&text->update);
        sallyport__v1__subject__init(&text->subject);
        sallyport__v1__resource_ref__init(&text->ref);
        snprintf(text->voice, sizeof(text->voice), "voice_%llu", (unsigned long long)voice);
        snprintf(text->principal, sizeof(text->principal), "p%u", i / WORLD_VOICES % WORLD_PRINCIPALS);
        text->ref.type = as_mutable("voice");
        text->ref.id = text->voice;
        text->subject.kind_case = SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
        text->subject.principal = text->principal;
        text->update.resource = &text->ref;
        text->update.subject = &text->subject;
        text->update.role =
            world_random(&random) % 2 == 0 ? SALLYPORT__V1__ROLE__ROLE_VIEWER : SALLYPORT__V1__ROLE__ROLE_EDITOR;
        request.updates[i] = &text->update;
    }
    world_workspace_id(key, workspace);
    request.workspace = workspace;
    request.n_updates = SHARES;
    return pack_admin_request(&request.base, arena, ret_request);
}

static bool are_shares_changed(const ProtobufCMessage *reply) {
    return ((const Sallyport__V1__MutationResponse *)reply)->revision != NULL;
}

static bool pack_changes_list(uint64_t key, uint64_t random, struct sp_arena *arena, struct sp_bytes *ret_request) {
    char workspace[32];
    Sallyport__V1__ListChangesRequest request = SALLYPORT__V1__LIST_CHANGES_REQUEST__INIT;
    (void)random;
    world_workspace_id(key, workspace);
    request.workspace = workspace;
    request.page_size = PAGE;
    return pack_admin_request(&request.base, arena, ret_request);
}

static bool has_changes(const ProtobufCMessage *reply) {
    const Sallyport__V1__ListChangesResponse *response = (const Sallyport__V1__ListChangesResponse *)reply;
    return response->n_changes > 0 || response->next_page_token[0] != '\0';
}

static bool pack_keys_list(uint64_t key, uint64_t random, struct sp_arena *arena, struct sp_bytes *ret_request) {
    char workspace[32];
    Sallyport__V1__ListApiKeysRequest request = SALLYPORT__V1__LIST_API_KEYS_REQUEST__INIT;
    (void)random;
    world_workspace_id(key, workspace);
    request.workspace = workspace;
    request.page_size = PAGE;
    return pack_admin_request(&request.base, arena, ret_request);
}

static bool has_keys(const ProtobufCMessage *reply) {
    return ((const Sallyport__V1__ListApiKeysResponse *)reply)->n_api_keys > 0;
}

static const struct admin_call admin_calls[] = {
    {"workspaces", "/sallyport.v1.Admin/UpdateWorkspace", &sallyport__v1__workspace_response__descriptor,
     pack_workspace, is_workspace_changed},
    {"names", "/sallyport.v1.Admin/UpdatePrincipal", &sallyport__v1__principal_response__descriptor, pack_name,
     is_name_changed},
    {"shares", "/sallyport.v1.Admin/UpdateShares", &sallyport__v1__mutation_response__descriptor, pack_shares,
     are_shares_changed},
    {"list-changes", "/sallyport.v1.Admin/ListChanges", &sallyport__v1__list_changes_response__descriptor,
     pack_changes_list, has_changes},
    {"list-keys", "/sallyport.v1.Admin/ListApiKeys", &sallyport__v1__list_api_keys_response__descriptor, pack_keys_list,
     has_keys},
};

const struct admin_call *admin_call_find(const char *name) {
    for (size_t i = 0; i < sizeof(admin_calls) / sizeof(*admin_calls); i++) {
        if (strcmp(admin_calls[i].name, name) == 0)
            return &admin_calls[i];
    }
    return NULL;
}
