/* The property that everything else serves: whatever happened to a world, the
 * real server's answer is the naive model's.
 *
 * A random world is imported, random changes go through the real admin API, and
 * after each round real Check calls are compared with tests/support/model.c.
 * SP_TEST_SEED repeats a run; SP_TEST_CHECKS changes how many checks are made.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/listing.h"
#include "support/model.h"
#include "support/platform.h"

enum {
    WORKSPACES = 200,
    USERS = 3,
    SERVICE_ACCOUNTS = 3,
    GROUPS = 4,
    RESOURCES = 6,
    KEYS = 6,
    CHANGES_PER_ROUND = 40,
    CHECKS_PER_ROUND = 1000,
    LISTS_PER_ROUND = 40,
};

static const char schema_yaml[] = "version: 1\n"
                                  "permissions:\n"
                                  "  p_use: Use\n"
                                  "  p_edit: Edit\n"
                                  "  p_share: Share\n"
                                  "  p_speak: Speak\n"
                                  "types:\n"
                                  "  voice:\n"
                                  "    register: admin\n"
                                  "    actions:\n"
                                  "      use: {permission: p_use, role: viewer}\n"
                                  "      comment: {role: commenter}\n"
                                  "      edit: {permission: p_edit, role: editor}\n"
                                  "      share: {permission: p_share, role: admin}\n"
                                  "  note:\n"
                                  "    ids: workspace\n"
                                  "    actions:\n"
                                  "      read: {permission: p_use, role: viewer}\n"
                                  "      edit: {permission: p_edit, role: editor}\n"
                                  "  speech:\n"
                                  "    actions:\n"
                                  "      create: {permission: p_speak}\n"
                                  "      ping: {}\n";

static const struct model_action actions[] = {
    {"voice", "use", "p_use", 1, false},       {"voice", "comment", NULL, 2, false},
    {"voice", "edit", "p_edit", 3, false},     {"voice", "share", "p_share", 4, false},
    {"note", "read", "p_use", 1, true},        {"note", "edit", "p_edit", 3, true},
    {"speech", "create", "p_speak", 0, false}, {"speech", "ping", NULL, 0, false},
};

static const char *const permissions[] = {"p_use", "p_edit", "p_share", "p_speak", "workspace_read"};
static const char *const ranges[] = {"203.0.113.0/24", "203.0.113.64/26", "198.51.100.7/32",
                                     "2001:db8::/32",  "2001:db8:1::/48", "2001:db8::1/128"};
static const char *const addresses[] = {"203.0.113.0",
                                        "203.0.113.255",
                                        "203.0.114.0",
                                        "203.0.112.255",
                                        "203.0.113.63",
                                        "203.0.113.64",
                                        "203.0.113.127",
                                        "203.0.113.128",
                                        "198.51.100.7",
                                        "198.51.100.8",
                                        "::ffff:203.0.113.9",
                                        "2001:db8::",
                                        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
                                        "2001:db8::1",
                                        "2001:db8::2",
                                        "2001:db9::",
                                        "2001:db8:1:ffff::1",
                                        "2001:db8:2::",
                                        "10.0.0.1",
                                        ""};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct world {
    struct platform platform;
    struct model model;
    char admin_keys[WORKSPACES][96];
    char (*dead_texts)[96];
    size_t dead_count;
    unsigned long next_id;
    uint64_t random;
    unsigned long changes;
    unsigned long reasons[16];
    unsigned long listed_resources, listed_principals;
};

static uint64_t next_random(struct world *world) {
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random;
}

static size_t pick(struct world *world, size_t count) {
    return (size_t)(next_random(world) % count);
}

static bool chance(struct world *world, unsigned percent) {
    return pick(world, 100) < percent;
}

static void copy_text(char *to, size_t size, const char *from) {
    int length = snprintf(to, size, "%s", from);
    assert_true(length >= 0 && (size_t)length < size);
}

/* ---- the world at its beginning, by import ---- */

struct batch {
    struct world *world;
    Sallyport__V1__ImportRecord records[4096];
    Sallyport__V1__ImportRecord *pointers[4096];
    size_t count;
};

static Sallyport__V1__ImportRecord *new_record(struct batch *batch) {
    assert_true(batch->count < COUNT(batch->records));
    Sallyport__V1__ImportRecord *record = &batch->records[batch->count];
    sallyport__v1__import_record__init(record);
    record->line = batch->count + 1;
    batch->pointers[batch->count++] = record;
    return record;
}

static void *new_message(struct world *world, const ProtobufCMessageDescriptor *descriptor) {
    void *message = sp_arena_calloc(&world->platform.arena, 1, descriptor->sizeof_message);
    assert_non_null(message);
    protobuf_c_message_init(descriptor, message);
    return message;
}

static char *text_of(struct world *world, const char *text) {
    char *copy = sp_arena_strdup(&world->platform.arena, sp_str_from(text));
    assert_non_null(copy);
    return copy;
}

static void import_workspace(struct batch *batch, size_t w) {
    struct world *world = batch->world;
    struct model_workspace *workspace =
        model_append(&world->model.workspaces, &world->model.workspace_count, sizeof(*workspace));
    snprintf(workspace->id, sizeof(workspace->id), "w%zu", w);
    Sallyport__V1__Workspace *message = new_message(world, &sallyport__v1__workspace__descriptor);
    static Sallyport__V1__Feature features[] = {SALLYPORT__V1__FEATURE__FEATURE_IP_ALLOWLIST};
    message->id = text_of(world, workspace->id);
    message->name = text_of(world, "World");
    message->plan = SALLYPORT__V1__PLAN__PLAN_ENTERPRISE;
    message->seats = 1000;
    message->features = features;
    message->n_features = 1;
    Sallyport__V1__ImportRecord *record = new_record(batch);
    record->record_case = SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE;
    record->workspace = message;
}

static void import_principal(struct batch *batch, size_t w, const char *id, bool service_account, bool admin) {
    struct world *world = batch->world;
    struct model_principal *principal =
        model_append(&world->model.principals, &world->model.principal_count, sizeof(*principal));
    snprintf(principal->workspace, sizeof(principal->workspace), "w%zu", w);
    copy_text(principal->id, sizeof(principal->id), id);
    principal->service_account = service_account;
    principal->admin = admin;
    Sallyport__V1__Principal *message = new_message(world, &sallyport__v1__principal__descriptor);
    message->workspace = text_of(world, principal->workspace);
    message->id = text_of(world, id);
    message->name = text_of(world, id);
    message->kind =
        service_account ? SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT : SALLYPORT__V1__PRINCIPAL_KIND__USER;
    message->role = admin ? SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN
                          : SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    Sallyport__V1__ImportRecord *record = new_record(batch);
    record->record_case = SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL;
    record->principal = message;
}

static void import_group(struct batch *batch, size_t w, const char *id) {
    struct world *world = batch->world;
    struct model_group *group = model_append(&world->model.groups, &world->model.group_count, sizeof(*group));
    snprintf(group->workspace, sizeof(group->workspace), "w%zu", w);
    copy_text(group->id, sizeof(group->id), id);
    Sallyport__V1__Group *message = new_message(world, &sallyport__v1__group__descriptor);
    message->workspace = text_of(world, group->workspace);
    message->id = text_of(world, id);
    message->name = text_of(world, id);
    Sallyport__V1__ImportRecord *record = new_record(batch);
    record->record_case = SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP;
    record->group = message;
}

static void import_key(struct batch *batch, struct model_key *key) {
    struct world *world = batch->world;
    struct model_key *kept = model_append(&world->model.keys, &world->model.key_count, sizeof(*kept));
    *kept = *key;
    Sallyport__V1__ImportApiKey *import = new_message(world, &sallyport__v1__import_api_key__descriptor);
    Sallyport__V1__ApiKey *message = new_message(world, &sallyport__v1__api_key__descriptor);
    message->workspace = text_of(world, key->workspace);
    message->id = text_of(world, key->id);
    message->principal = text_of(world, key->principal);
    message->name = text_of(world, key->id);
    message->permissions = platform_permissions(&world->platform, key->all, key->permissions, key->permission_count);
    message->allowed_ips = platform_texts(&world->platform, key->ranges, sizeof(*key->ranges), key->range_count);
    message->n_allowed_ips = key->range_count;
    message->expires_at = key->expires_at;
    import->key = message;
    Sallyport__V1__ImportRecord *record = new_record(batch);
    record->record_case = SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY;
    record->api_key = import;
}

static void random_powers(struct world *world, struct model_key *key) {
    key->all = chance(world, 40);
    key->permission_count = 0;
    key->range_count = 0;
    for (size_t i = 0; !key->all && i < COUNT(permissions); i++) {
        if (chance(world, 50) || (i + 1 == COUNT(permissions) && key->permission_count == 0))
            copy_text(key->permissions[key->permission_count++], MODEL_ID, permissions[i]);
    }
    for (size_t i = 0; chance(world, 35) && i < COUNT(ranges); i++) {
        if (chance(world, 40))
            copy_text(key->ranges[key->range_count++], sizeof(key->ranges[0]), ranges[i]);
    }
}

static void import_everything_of(struct batch *batch, size_t w) {
    struct world *world = batch->world;
    char id[MODEL_ID];
    import_workspace(batch, w);
    for (size_t i = 0; i < USERS + SERVICE_ACCOUNTS; i++) {
        snprintf(id, sizeof(id), "%s%zu", i < USERS ? "u" : "s", i);
        import_principal(batch, w, id, i >= USERS, i == 0);
    }
    for (size_t i = 0; i < GROUPS; i++) {
        snprintf(id, sizeof(id), "g%zu", i);
        import_group(batch, w, id);
    }
    for (size_t i = 0; i < KEYS; i++) {
        struct model_key key = {0};
        snprintf(key.workspace, sizeof(key.workspace), "w%zu", w);
        snprintf(key.id, sizeof(key.id), "k%zu", i);
        snprintf(key.principal, sizeof(key.principal), "%s%zu", i < USERS ? "u" : "s", i);
        if (i == 0)
            key.all = true;
        else
            random_powers(world, &key);
        import_key(batch, &key);
    }
}

static struct model_key *model_key_of(struct model *model, const char *workspace, const char *id) {
    for (size_t i = 0; i < model->key_count; i++) {
        if (strcmp(model->keys[i].workspace, workspace) == 0 && strcmp(model->keys[i].id, id) == 0)
            return &model->keys[i];
    }
    return NULL;
}

static void import_world(struct world *world) {
    struct batch *batch = calloc(1, sizeof(*batch));
    assert_non_null(batch);
    batch->world = world;
    for (size_t w = 0; w < WORKSPACES; w += 50) {
        batch->count = 0;
        for (size_t i = w; i < w + 50; i++)
            import_everything_of(batch, i);
        Sallyport__V1__ImportResponse *response = platform_import(&world->platform, batch->pointers, batch->count);
        assert_int_equal(response->applied, batch->count);
        for (size_t i = 0; i < response->n_secrets; i++) {
            const Sallyport__V1__ImportResponse__Secret *secret = response->secrets[i];
            struct model_key *key = model_key_of(&world->model, secret->workspace, secret->key_id);
            assert_non_null(key);
            copy_text(key->text, sizeof(key->text), secret->secret);
            if (strcmp(key->id, "k0") == 0)
                copy_text(world->admin_keys[strtoul(key->workspace + 1, NULL, 10)], 96, secret->secret);
        }
    }
    free(batch);
}

/* ---- random changes ---- */

static char *admin_key_of(struct world *world, const char *workspace) {
    return world->admin_keys[strtoul(workspace + 1, NULL, 10)];
}

static bool call_as(struct world *world, const char *key, const char *method, const void *request, void *ret_reply) {
    struct sp_error error = {0};
    enum sp_status status = platform_admin_call(&world->platform, key, method, request, ret_reply, &error);
    world->changes++;
    if (status == SP_OK)
        return true;
    print_message("%s: %s: %s\n", method, sp_status_name(status), error.message);
    return false;
}

static void fresh_id(struct world *world, const char *prefix, char ret_id[MODEL_ID]) {
    snprintf(ret_id, MODEL_ID, "%s_%lu", prefix, ++world->next_id);
}

static void add_principal(struct world *world) {
    struct model *model = &world->model;
    struct model_principal made = {0};
    copy_text(made.workspace, sizeof(made.workspace), model->workspaces[pick(world, model->workspace_count)].id);
    made.service_account = chance(world, 50);
    fresh_id(world, made.service_account ? "sa" : "usr", made.id);
    Sallyport__V1__PrincipalResponse *reply;
    if (made.service_account) {
        Sallyport__V1__CreateServiceAccountRequest request = SALLYPORT__V1__CREATE_SERVICE_ACCOUNT_REQUEST__INIT;
        request.id = made.id;
        request.name = made.id;
        assert_true(call_as(world, admin_key_of(world, made.workspace), "CreateServiceAccount", &request, &reply));
    } else {
        Sallyport__V1__CreateUserRequest request = SALLYPORT__V1__CREATE_USER_REQUEST__INIT;
        request.id = made.id;
        request.name = made.id;
        assert_true(call_as(world, admin_key_of(world, made.workspace), "CreateUser", &request, &reply));
    }
    struct model_principal *kept = model_append(&model->principals, &model->principal_count, sizeof(*kept));
    *kept = made;
}

/* One that is not the admin whose key does all the work; NULL when chance
 * picked that one. */
static struct model_principal *some_principal(struct world *world) {
    struct model_principal *principal = &world->model.principals[pick(world, world->model.principal_count)];
    return strcmp(principal->id, "u0") == 0 ? NULL : principal;
}

static void update_principal(struct world *world) {
    struct model_principal *principal = some_principal(world);
    if (principal == NULL)
        return;
    Sallyport__V1__UpdatePrincipalRequest request = SALLYPORT__V1__UPDATE_PRINCIPAL_REQUEST__INIT;
    Sallyport__V1__Principal wanted = SALLYPORT__V1__PRINCIPAL__INIT;
    static char disabled_field[] = "disabled", role_field[] = "role";
    char *mask[] = {disabled_field, role_field};
    bool change_role = !principal->service_account && chance(world, 50);
    wanted.id = principal->id;
    wanted.disabled = change_role ? principal->disabled : !principal->disabled;
    wanted.role = principal->admin ? SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER
                                   : SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN;
    request.principal = &wanted;
    request.update_mask = change_role ? mask + 1 : mask;
    request.n_update_mask = 1;
    Sallyport__V1__PrincipalResponse *reply;
    assert_true(call_as(world, admin_key_of(world, principal->workspace), "UpdatePrincipal", &request, &reply));
    if (change_role)
        principal->admin = !principal->admin;
    else
        principal->disabled = !principal->disabled;
}

static void bury_text(struct world *world, const char *text) {
    char(*grave)[96] = model_append(&world->dead_texts, &world->dead_count, sizeof(*grave));
    copy_text(*grave, sizeof(*grave), text);
}

static void delete_principal(struct world *world) {
    struct model_principal *principal = some_principal(world);
    if (principal == NULL || !chance(world, 30))
        return;
    struct model_principal gone = *principal;
    Sallyport__V1__DeletePrincipalRequest request = SALLYPORT__V1__DELETE_PRINCIPAL_REQUEST__INIT;
    request.id = gone.id;
    Sallyport__V1__MutationResponse *reply;
    assert_true(call_as(world, admin_key_of(world, gone.workspace), "DeletePrincipal", &request, &reply));
    for (size_t i = 0; i < world->model.key_count; i++) {
        const struct model_key *key = &world->model.keys[i];
        if (strcmp(key->workspace, gone.workspace) == 0 && strcmp(key->principal, gone.id) == 0)
            bury_text(world, key->text);
    }
    model_delete_principal(&world->model, gone.workspace, gone.id);
}

static void add_group(struct world *world) {
    struct model_group made = {0};
    copy_text(made.workspace, sizeof(made.workspace),
              world->model.workspaces[pick(world, world->model.workspace_count)].id);
    fresh_id(world, "grp", made.id);
    Sallyport__V1__CreateGroupRequest request = SALLYPORT__V1__CREATE_GROUP_REQUEST__INIT;
    request.id = made.id;
    request.name = made.id;
    Sallyport__V1__GroupResponse *reply;
    assert_true(call_as(world, admin_key_of(world, made.workspace), "CreateGroup", &request, &reply));
    struct model_group *kept = model_append(&world->model.groups, &world->model.group_count, sizeof(*kept));
    *kept = made;
}

static void delete_group(struct world *world) {
    if (!chance(world, 30))
        return;
    struct model_group gone = world->model.groups[pick(world, world->model.group_count)];
    Sallyport__V1__DeleteGroupRequest request = SALLYPORT__V1__DELETE_GROUP_REQUEST__INIT;
    request.id = gone.id;
    Sallyport__V1__MutationResponse *reply;
    assert_true(call_as(world, admin_key_of(world, gone.workspace), "DeleteGroup", &request, &reply));
    model_delete_group(&world->model, gone.workspace, gone.id);
}

/* Something of the workspace's list: a principal's or group's id, or NULL where
 * chance finds none. */
static const char *principal_in(struct world *world, const char *workspace) {
    for (int tries = 0; tries < 2000; tries++) {
        const struct model_principal *principal = &world->model.principals[pick(world, world->model.principal_count)];
        if (strcmp(principal->workspace, workspace) == 0)
            return principal->id;
    }
    return NULL;
}

static const char *group_in(struct world *world, const char *workspace) {
    for (int tries = 0; tries < 2000; tries++) {
        const struct model_group *group = &world->model.groups[pick(world, world->model.group_count)];
        if (strcmp(group->workspace, workspace) == 0)
            return group->id;
    }
    return NULL;
}

static void change_member(struct world *world) {
    struct model_group group = world->model.groups[pick(world, world->model.group_count)];
    const char *found = principal_in(world, group.workspace);
    if (found == NULL)
        return;
    char principal[MODEL_ID];
    copy_text(principal, sizeof(principal), found);
    char *principals[] = {principal};
    bool adding = chance(world, 75);
    Sallyport__V1__GroupMembersRequest request = SALLYPORT__V1__GROUP_MEMBERS_REQUEST__INIT;
    request.group = group.id;
    request.principals = principals;
    request.n_principals = 1;
    Sallyport__V1__GroupResponse *reply;
    assert_true(call_as(world, admin_key_of(world, group.workspace), adding ? "AddGroupMembers" : "RemoveGroupMembers",
                        &request, &reply));
    model_set_member(&world->model, group.workspace, group.id, principal, adding);
}

static void register_resource(struct world *world) {
    struct model_resource made = {0};
    copy_text(made.workspace, sizeof(made.workspace),
              world->model.workspaces[pick(world, world->model.workspace_count)].id);
    copy_text(made.type, sizeof(made.type), "voice");
    fresh_id(world, "v", made.id);
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = made.type;
    ref.id = made.id;
    Sallyport__V1__RegisterResourceRequest request = SALLYPORT__V1__REGISTER_RESOURCE_REQUEST__INIT;
    request.resource = &ref;
    Sallyport__V1__ResourceResponse *reply;
    assert_true(call_as(world, admin_key_of(world, made.workspace), "RegisterResource", &request, &reply));
    struct model_resource *kept = model_append(&world->model.resources, &world->model.resource_count, sizeof(*kept));
    *kept = made;
    /* The creator, whose key made the call, got the ADMIN grant. */
    struct model_grant grant = {.role = 4};
    copy_text(grant.workspace, sizeof(grant.workspace), made.workspace);
    copy_text(grant.type, sizeof(grant.type), made.type);
    copy_text(grant.resource, sizeof(grant.resource), made.id);
    copy_text(grant.subject, sizeof(grant.subject), "u0");
    model_set_grant(&world->model, &grant);
}

static void delete_resource(struct world *world) {
    if (world->model.resource_count == 0 || !chance(world, 30))
        return;
    struct model_resource gone = world->model.resources[pick(world, world->model.resource_count)];
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = gone.type;
    ref.id = gone.id;
    Sallyport__V1__DeleteResourceRequest request = SALLYPORT__V1__DELETE_RESOURCE_REQUEST__INIT;
    request.resource = &ref;
    Sallyport__V1__MutationResponse *reply;
    assert_true(call_as(world, admin_key_of(world, gone.workspace), "DeleteResource", &request, &reply));
    model_delete_resource(&world->model, gone.workspace, gone.type, gone.id);
}

static bool random_grant(struct world *world, struct model_grant *ret_grant) {
    struct model_grant grant = {.to_group = chance(world, 50), .role = (int)pick(world, 4) + 1};
    if (chance(world, 70) && world->model.resource_count > 0) {
        const struct model_resource *resource = &world->model.resources[pick(world, world->model.resource_count)];
        copy_text(grant.workspace, sizeof(grant.workspace), resource->workspace);
        copy_text(grant.type, sizeof(grant.type), resource->type);
        copy_text(grant.resource, sizeof(grant.resource), resource->id);
    } else {
        copy_text(grant.workspace, sizeof(grant.workspace),
                  world->model.workspaces[pick(world, world->model.workspace_count)].id);
        copy_text(grant.type, sizeof(grant.type), "note");
        snprintf(grant.resource, sizeof(grant.resource), "n%zu", pick(world, 5));
    }
    const char *subject = grant.to_group ? group_in(world, grant.workspace) : principal_in(world, grant.workspace);
    if (subject == NULL)
        return false;
    copy_text(grant.subject, sizeof(grant.subject), subject);
    *ret_grant = grant;
    return true;
}

/* One to four shares, replaced roles and removals in one change. */
static void change_shares(struct world *world) {
    struct model_grant grants[4];
    Sallyport__V1__ShareUpdate updates[4], *pointers[4];
    Sallyport__V1__ResourceRef refs[4];
    Sallyport__V1__Subject subjects[4];
    size_t count = 0;
    size_t wanted = pick(world, 4) + 1;
    for (size_t tries = 0; tries < 8 && count < wanted; tries++) {
        struct model_grant *grant = &grants[count];
        if (!random_grant(world, grant) || (count > 0 && strcmp(grant->workspace, grants[0].workspace) != 0))
            continue;
        if (chance(world, 30))
            grant->role = 0;
        sallyport__v1__resource_ref__init(&refs[count]);
        refs[count].type = grant->type;
        refs[count].id = grant->resource;
        sallyport__v1__subject__init(&subjects[count]);
        subjects[count].kind_case =
            grant->to_group ? SALLYPORT__V1__SUBJECT__KIND_GROUP : SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
        if (grant->to_group)
            subjects[count].group = grant->subject;
        else
            subjects[count].principal = grant->subject;
        sallyport__v1__share_update__init(&updates[count]);
        updates[count].resource = &refs[count];
        updates[count].subject = &subjects[count];
        updates[count].role = (Sallyport__V1__Role)grant->role;
        pointers[count] = &updates[count];
        count++;
    }
    if (count == 0)
        return;
    Sallyport__V1__UpdateSharesRequest request = SALLYPORT__V1__UPDATE_SHARES_REQUEST__INIT;
    request.updates = pointers;
    request.n_updates = count;
    Sallyport__V1__MutationResponse *reply;
    assert_true(call_as(world, admin_key_of(world, grants[0].workspace), "UpdateShares", &request, &reply));
    for (size_t i = 0; i < count; i++)
        model_set_grant(&world->model, &grants[i]);
}

/* time() may lag a few milliseconds behind the clock that the server reads. */
static int64_t clock_s(void) {
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (int64_t)now.tv_sec;
}

static void add_key(struct world *world) {
    struct model_principal owner = world->model.principals[pick(world, world->model.principal_count)];
    struct model_key made = {0};
    copy_text(made.workspace, sizeof(made.workspace), owner.workspace);
    copy_text(made.principal, sizeof(made.principal), owner.id);
    fresh_id(world, "key", made.id);
    random_powers(world, &made);
    made.expires_at = chance(world, 20) ? clock_s() + 2 + (int64_t)pick(world, 20) : 0;
    Sallyport__V1__CreateApiKeyRequest request = SALLYPORT__V1__CREATE_API_KEY_REQUEST__INIT;
    Sallyport__V1__AllowedIps ips = SALLYPORT__V1__ALLOWED_IPS__INIT;
    request.id = made.id;
    request.principal = made.principal;
    request.name = made.id;
    request.permissions = platform_permissions(&world->platform, made.all, made.permissions, made.permission_count);
    ips.entries = platform_texts(&world->platform, made.ranges, sizeof(*made.ranges), made.range_count);
    ips.n_entries = made.range_count;
    request.allowed_ips = made.range_count > 0 ? &ips : NULL;
    request.expires_at = made.expires_at;
    Sallyport__V1__ApiKeySecretResponse *reply;
    assert_true(call_as(world, admin_key_of(world, made.workspace), "CreateApiKey", &request, &reply));
    copy_text(made.text, sizeof(made.text), reply->secret);
    struct model_key *kept = model_append(&world->model.keys, &world->model.key_count, sizeof(*kept));
    *kept = made;
}

/* One that is not an admin's working key; NULL when chance picked that one. */
static struct model_key *some_key(struct world *world) {
    struct model_key *key = &world->model.keys[pick(world, world->model.key_count)];
    return strcmp(key->id, "k0") == 0 ? NULL : key;
}

static void update_key(struct world *world) {
    struct model_key *key = some_key(world);
    if (key == NULL)
        return;
    struct model_key wanted = *key;
    random_powers(world, &wanted);
    static char permissions_field[] = "permissions", ips_field[] = "allowed_ips";
    char *mask[] = {permissions_field, ips_field};
    Sallyport__V1__UpdateApiKeyRequest request = SALLYPORT__V1__UPDATE_API_KEY_REQUEST__INIT;
    Sallyport__V1__AllowedIps ips = SALLYPORT__V1__ALLOWED_IPS__INIT;
    ips.entries = platform_texts(&world->platform, wanted.ranges, sizeof(*wanted.ranges), wanted.range_count);
    ips.n_entries = wanted.range_count;
    request.id = wanted.id;
    request.permissions =
        platform_permissions(&world->platform, wanted.all, wanted.permissions, wanted.permission_count);
    request.update_mask = mask;
    request.n_update_mask = wanted.range_count > 0 ? 2 : 1;
    request.clear_allowed_ips = wanted.range_count == 0;
    request.allowed_ips = wanted.range_count > 0 ? &ips : NULL;
    Sallyport__V1__ApiKeyResponse *reply;
    assert_true(call_as(world, admin_key_of(world, wanted.workspace), "UpdateApiKey", &request, &reply));
    *key = wanted;
}

static void toggle_key(struct world *world) {
    struct model_key *key = some_key(world);
    if (key == NULL)
        return;
    Sallyport__V1__ApiKeyResponse *reply;
    if (key->disabled) {
        Sallyport__V1__EnableApiKeyRequest request = SALLYPORT__V1__ENABLE_API_KEY_REQUEST__INIT;
        request.id = key->id;
        assert_true(call_as(world, admin_key_of(world, key->workspace), "EnableApiKey", &request, &reply));
    } else {
        Sallyport__V1__DisableApiKeyRequest request = SALLYPORT__V1__DISABLE_API_KEY_REQUEST__INIT;
        request.id = key->id;
        static char reason[] = "by chance";
        request.reason = reason;
        assert_true(call_as(world, admin_key_of(world, key->workspace), "DisableApiKey", &request, &reply));
    }
    key->disabled = !key->disabled;
}

static void rotate_key(struct world *world) {
    struct model_key *key = some_key(world);
    if (key == NULL || key->disabled || key->expires_at != 0)
        return;
    struct model_key made = *key;
    fresh_id(world, "rot", made.id);
    uint32_t grace_s = chance(world, 50) ? (uint32_t)pick(world, 10) + 1 : 0;
    Sallyport__V1__RotateApiKeyRequest request = SALLYPORT__V1__ROTATE_API_KEY_REQUEST__INIT;
    request.id = key->id;
    request.new_id = made.id;
    request.grace_s = grace_s;
    Sallyport__V1__ApiKeySecretResponse *reply;
    assert_true(call_as(world, admin_key_of(world, made.workspace), "RotateApiKey", &request, &reply));
    copy_text(made.text, sizeof(made.text), reply->secret);
    if (grace_s > 0)
        key->expires_at = reply->api_key->created_at + (int64_t)grace_s;
    struct model_key *kept = model_append(&world->model.keys, &world->model.key_count, sizeof(*kept));
    *kept = made;
}

static void delete_key(struct world *world) {
    struct model_key *key = some_key(world);
    if (key == NULL || !chance(world, 40))
        return;
    Sallyport__V1__DeleteApiKeyRequest request = SALLYPORT__V1__DELETE_API_KEY_REQUEST__INIT;
    request.id = key->id;
    Sallyport__V1__MutationResponse *reply;
    assert_true(call_as(world, admin_key_of(world, key->workspace), "DeleteApiKey", &request, &reply));
    bury_text(world, key->text);
    model_take_out(world->model.keys, &world->model.key_count, sizeof(*key), (size_t)(key - world->model.keys));
}

/* A disabled workspace's admin cannot work, so a workspace is disabled only
 * while checks are made. */
static void set_workspace_disabled(struct world *world, struct model_workspace *workspace, bool disabled) {
    if (workspace->disabled == disabled)
        return;
    Sallyport__V1__UpdateWorkspaceRequest request = SALLYPORT__V1__UPDATE_WORKSPACE_REQUEST__INIT;
    Sallyport__V1__Workspace wanted = SALLYPORT__V1__WORKSPACE__INIT;
    static char disabled_field[] = "disabled";
    char *mask[] = {disabled_field};
    wanted.id = workspace->id;
    wanted.disabled = disabled;
    request.workspace = &wanted;
    request.update_mask = mask;
    request.n_update_mask = 1;
    Sallyport__V1__WorkspaceResponse *reply;
    assert_true(call_as(world, world->platform.programs.operator_key, "UpdateWorkspace", &request, &reply));
    workspace->disabled = disabled;
}

static void change_something(struct world *world) {
    static void (*const changes[])(struct world *) = {
        add_principal, update_principal, delete_principal,  add_group,         delete_group,
        change_member, change_member,    register_resource, register_resource, delete_resource,
        change_shares, change_shares,    change_shares,     add_key,           add_key,
        update_key,    toggle_key,       rotate_key,        delete_key,
    };
    changes[pick(world, COUNT(changes))](world);
}

/* ---- checks ---- */

static void random_key_text(struct world *world, char ret_text[96]) {
    const struct model_key *key = &world->model.keys[pick(world, world->model.key_count)];
    copy_text(ret_text, 96, key->text);
    if (world->dead_count > 0 && chance(world, 5))
        copy_text(ret_text, 96, world->dead_texts[pick(world, world->dead_count)]);
    else if (chance(world, 3))
        ret_text[3 + pick(world, 49)] = "0Zz_"[pick(world, 4)];
}

static void random_question(struct world *world, char text[96], struct model_question *ret_question) {
    const struct model *model = &world->model;
    random_key_text(world, text);
    const struct model_action *action = &actions[pick(world, COUNT(actions))];
    const struct model_resource *resource =
        model->resource_count > 0 ? &model->resources[pick(world, model->resource_count)] : NULL;
    static char note[16];
    const char *id = "nothing";
    if (strcmp(action->type, "note") == 0) {
        snprintf(note, sizeof(note), "n%zu", pick(world, 5));
        id = note;
    } else if (resource != NULL) {
        id = resource->id;
    }
    /* Mostly a resource of the key's own workspace: look for one. */
    const struct model_key *key = NULL;
    for (size_t i = 0; i < model->key_count && key == NULL; i++) {
        if (strcmp(model->keys[i].text, text) == 0)
            key = &model->keys[i];
    }
    for (size_t tries = 0; key != NULL && strcmp(action->type, "voice") == 0 && tries < 400 && !chance(world, 1);
         tries++) {
        const struct model_grant *grant = &model->grants[pick(world, model->grant_count)];
        if (strcmp(grant->workspace, key->workspace) == 0 && strcmp(grant->type, "voice") == 0) {
            id = grant->resource;
            break;
        }
    }
    *ret_question = (struct model_question){
        .key = text,
        .ip = addresses[pick(world, COUNT(addresses))],
        .type = chance(world, 3) ? "nonesuch" : action->type,
        .resource = strcmp(action->type, "speech") == 0 || chance(world, 3) ? "" : id,
        .action = action->name,
        .workspace = "",
    };
    if (key != NULL && chance(world, 20))
        ret_question->workspace =
            chance(world, 80) ? key->workspace : model->workspaces[pick(world, model->workspace_count)].id;
    if (key != NULL && key->range_count == 0 && chance(world, 30))
        ret_question->ip = "";
}

static void check_one(struct world *world) {
    char text[96];
    struct model_question question;
    random_question(world, text, &question);
    int before = model_decide(&world->model, &question, clock_s());
    Sallyport__V1__CheckResponse *answer = platform_check(&world->platform, question.key, question.ip, question.type,
                                                          question.resource, question.action, question.workspace);
    int after = model_decide(&world->model, &question, clock_s());
    int got = (int)answer->reason;
    if (got != before && got != after) {
        print_message("key %.6s… ip '%s' %s/%s %s in '%s': model says %d, server %d\n", question.key, question.ip,
                      question.type, question.resource, question.action, question.workspace, before, got);
        fail_msg("the server and the naive model disagree after %lu changes", world->changes);
    }
    assert_int_equal(answer->decision, got == 1 ? SALLYPORT__V1__DECISION__ALLOW : SALLYPORT__V1__DECISION__DENY);
    world->reasons[got]++;
}

/* ---- lists ---- */

static struct listing list(struct world *world, const ProtobufCMessage *request) {
    struct listing listing;
    struct sp_error error = {0};
    if (listing_read(world->platform.check_client, request, &world->platform.arena, &listing, &error) != SP_OK)
        fail_msg("list: %s: %s", sp_status_name(error.status), error.message);
    return listing;
}

/* Mostly a key that something is shared with, or its admin's; from an address that it allows. */
static void likely_key(struct world *world, char text[96], struct model_question *question) {
    const struct model *model = &world->model;
    if (model->grant_count == 0 || chance(world, 20))
        return;
    const struct model_grant *grant = &model->grants[pick(world, model->grant_count)];
    question->type = grant->type;
    question->action = strcmp(grant->type, "note") == 0 ? "read" : chance(world, 50) ? "use" : "comment";
    question->workspace = "";
    if (chance(world, 30)) {
        copy_text(text, 96, admin_key_of(world, grant->workspace));
        return;
    }
    for (size_t tries = 0; tries < 400; tries++) {
        const struct model_key *key = &model->keys[pick(world, model->key_count)];
        if (strcmp(key->workspace, grant->workspace) == 0 && !key->disabled &&
            (grant->to_group || strcmp(key->principal, grant->subject) == 0)) {
            copy_text(text, 96, key->text);
            question->ip = key->range_count == 0 ? "" : question->ip;
            return;
        }
    }
}

/* The model is asked before and after: a key may expire meanwhile. */
static void list_resources_once(struct world *world) {
    char text[96];
    struct model_question question;
    struct model *model = &world->model;
    random_question(world, text, &question);
    likely_key(world, text, &question);
    Sallyport__V1__ListAllowedResourcesRequest request = SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__INIT;
    request.subject_case = SALLYPORT__V1__LIST_ALLOWED_RESOURCES_REQUEST__SUBJECT_API_KEY;
    request.api_key = text;
    request.ip = text_of(world, question.ip);
    request.type = text_of(world, question.type);
    request.action = text_of(world, question.action);
    request.workspace = text_of(world, question.workspace);
    const char **ids =
        sp_arena_calloc(&world->platform.arena, model->resource_count + model->grant_count + 1, sizeof(*ids));
    assert_non_null(ids);
    size_t before = listing_expected_resources(model, &question, clock_s(), ids);
    struct listing listing = list(world, &request.base);
    bool equal = listing_equals(&listing, ids, before);
    size_t after = listing_expected_resources(model, &question, clock_s(), ids);
    if (!equal && !listing_equals(&listing, ids, after))
        fail_msg("key %.6s… ip '%s' %s %s in '%s': the model lists %zu, the server %zu after %lu changes", question.key,
                 question.ip, question.type, question.action, question.workspace, before, listing.count,
                 world->changes);
    world->listed_resources += listing.count;
}

static void list_subjects_once(struct world *world) {
    char text[96];
    struct model_question question;
    struct model *model = &world->model;
    random_question(world, text, &question);
    question.workspace = model->workspaces[pick(world, model->workspace_count)].id;
    for (size_t tries = 0; tries < 200 && model->grant_count > 0; tries++) {
        const struct model_grant *grant = &model->grants[pick(world, model->grant_count)];
        if (strcmp(grant->type, question.type) == 0) {
            question.resource = grant->resource;
            question.workspace = grant->workspace;
            break;
        }
    }
    question.key = world->platform.programs.operator_key; /* well formed, and nobody's */
    question.ip = "";
    Sallyport__V1__ListAllowedSubjectsRequest request = SALLYPORT__V1__LIST_ALLOWED_SUBJECTS_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = text_of(world, question.type);
    ref.id = text_of(world, question.resource);
    request.resource = &ref;
    request.action = text_of(world, question.action);
    request.workspace = text_of(world, question.workspace);
    const char **ids = sp_arena_calloc(&world->platform.arena, model->principal_count + 1, sizeof(*ids));
    assert_non_null(ids);
    size_t expected = listing_expected_principals(model, &question, clock_s(), ids);
    struct listing listing = list(world, &request.base);
    if (!listing_equals(&listing, ids, expected))
        fail_msg("%s/%s %s in %s: the model lists %zu, the server %zu after %lu changes", question.type,
                 question.resource, question.action, question.workspace, expected, listing.count, world->changes);
    world->listed_principals += listing.count;
}

static void answers_as_the_naive_model_does_after_any_changes(void **state) {
    (void)state;
    const char *seed_text = getenv("SP_TEST_SEED");
    const char *checks_text = getenv("SP_TEST_CHECKS");
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL);
    unsigned long checks = checks_text != NULL ? strtoul(checks_text, NULL, 10) : 100000;
    print_message("SP_TEST_SEED=%" PRIu64 "\n", seed);

    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world->random = seed * 2654435761U + 1;
    world->model.actions = actions;
    world->model.action_count = COUNT(actions);
    platform_start(&world->platform, schema_yaml);
    import_world(world);

    for (unsigned long done = 0; done < checks; done += CHECKS_PER_ROUND) {
        for (int i = 0; i < CHANGES_PER_ROUND; i++) {
            change_something(world);
            sp_arena_reset(&world->platform.arena);
        }
        struct model_workspace *closed = &world->model.workspaces[pick(world, world->model.workspace_count)];
        set_workspace_disabled(world, closed, true);
        for (int i = 0; i < CHECKS_PER_ROUND; i++) {
            check_one(world);
            sp_arena_reset(&world->platform.arena);
        }
        for (int i = 0; i < LISTS_PER_ROUND; i++) {
            list_resources_once(world);
            list_subjects_once(world);
            sp_arena_reset(&world->platform.arena);
        }
        set_workspace_disabled(world, closed, false);
    }
    print_message("%lu checks, %lu changes, %zu keys, %zu grants; by reason:", checks, world->changes,
                  world->model.key_count, world->model.grant_count);
    for (int reason = 1; reason < 16; reason++)
        print_message(" %d:%lu", reason, world->reasons[reason]);
    print_message("; listed: %lu resources, %lu principals\n", world->listed_resources, world->listed_principals);
    assert_true(checks < 100000 || (world->listed_resources > 500 && world->listed_principals > 1000));
    static const int expected[] = {1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t i = 0; checks >= 100000 && i < COUNT(expected); i++)
        assert_true(world->reasons[expected[i]] > 0);
    platform_stop(&world->platform);
    model_free(&world->model);
    free(world->dead_texts);
    free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_the_naive_model_does_after_any_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
