#include "trial/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/import.h"
#include "admin/operator.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "trial/folder.h"

enum {
    BATCH = 5000,
    ARENA_FIRST_BYTES = 1 << 20,
    ARENA_BUDGET_BYTES = 1 << 30,
    /* The store's time is a floor for that of questions, which may be long ago. */
    LONG_AGO_S = 1,
};

struct sp_trial_world {
    char folder[SP_TRIAL_FOLDER_BYTES];
    struct sp_store *store;
    struct sp_snapshot *snapshot;
};

/* A place in the files, by the line of the record that came from it. */
struct origin {
    const struct sp_policy_place *place; /* NULL: of `key` */
    const struct sp_trial_key *key;
};

struct filling {
    struct sp_trial_world *world;
    const struct sp_trial_parts *parts;
    const char *workspace;
    char secret[SP_KEY_TEXT_BYTES];
    struct sp_arena arena; /* of a batch */
    Sallyport__V1__ImportRecord *records[BATCH];
    struct origin origins[BATCH];
    size_t count;
    struct sp_error *error;
};

/* Messages have texts that nobody changes, and say so nowhere. */
static char *borrow_trial_text(const char *text) {
    return (char *)(uintptr_t)text;
}

static void *new_trial_message(struct filling *filling, const ProtobufCMessageDescriptor *descriptor) {
    void *message = sp_arena_alloc(&filling->arena, descriptor->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(descriptor, message);
    return message;
}

/* ---- batches ---- */

/* "line N: what" becomes "FILE:LINE:COLUMN: what". */
static void place_record_error(const struct filling *filling, const struct sp_error *why) {
    unsigned long line = 0;
    const char *rest = sp_text_read_number(why->message, "line ", &line);
    if (rest == NULL || strncmp(rest, ": ", 2) != 0 || line == 0 || line > filling->count) {
        (void)sp_error_set(filling->error, why->status, "%s", why->message);
        return;
    }
    const struct origin *origin = &filling->origins[line - 1];
    const char *what = rest + 2;
    if (origin->key != NULL)
        (void)sp_error_set(filling->error, SP_ERR_INVALID, "%s:%zu:%zu: %s", filling->parts->spec->file,
                           origin->key->line, origin->key->column, what);
    else if (origin->place != NULL)
        (void)sp_error_set(filling->error, SP_ERR_INVALID, "%s:%u:%u: %s",
                           filling->parts->policy->files[origin->place->file], (unsigned)origin->place->line,
                           (unsigned)origin->place->column, what);
    else
        (void)sp_error_set(filling->error, why->status, "%s", what);
}

static enum sp_status import_batch(struct filling *filling) {
    const struct sp_admin_caller caller = {.credential = sp_str_from(filling->secret), .now_s = sp_clock_now_s()};
    struct sp_admin_import_refusals refusals = {.arena = &filling->arena};
    Sallyport__V1__ImportRequest request = SALLYPORT__V1__IMPORT_REQUEST__INIT;
    Sallyport__V1__ImportResponse *response = NULL;
    struct sp_write *write = NULL;
    struct sp_error why = {0};
    if (filling->count == 0)
        return SP_OK;
    enum sp_status status = sp_write_begin(filling->world->store, &write, filling->error);
    if (status != SP_OK)
        return status;
    request.records = filling->records;
    request.n_records = filling->count;
    status = sp_admin_import(write, &caller, &request, &filling->arena, &refusals, &response, &why);
    if (status != SP_OK) {
        sp_write_abort(write);
        place_record_error(filling, &why);
        return status;
    }
    filling->count = 0;
    status = sp_write_commit(write, filling->error);
    sp_arena_reset(&filling->arena);
    return status;
}

/* A record for the next batch, with its kind already set by the caller. NULL: the batch could not
 * be imported. */
static enum sp_status add_record(struct filling *filling, struct origin origin,
                                 Sallyport__V1__ImportRecord__RecordCase kind, void *message) {
    Sallyport__V1__ImportRecord *record = new_trial_message(filling, &sallyport__v1__import_record__descriptor);
    if (record == NULL || message == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    record->line = filling->count + 1;
    record->record_case = kind;
    record->workspace = message; /* all members of the oneof are one pointer */
    filling->origins[filling->count] = origin;
    filling->records[filling->count++] = record;
    return filling->count == BATCH ? import_batch(filling) : SP_OK;
}

/* ---- records ---- */

/* As large as one may be: quotas and plans are not what these tests are about. */
static enum sp_status add_trial_workspace(struct filling *filling) {
    enum { SEATS = 1000000 };
    static Sallyport__V1__Feature features[] = {SALLYPORT__V1__FEATURE__FEATURE_IP_ALLOWLIST};
    Sallyport__V1__Workspace *workspace = new_trial_message(filling, &sallyport__v1__workspace__descriptor);
    Sallyport__V1__Quotas *quotas = new_trial_message(filling, &sallyport__v1__quotas__descriptor);
    if (workspace == NULL || quotas == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    quotas->service_accounts = quotas->keys = quotas->groups = UINT32_MAX;
    quotas->members = quotas->grants = quotas->resources = UINT32_MAX;
    workspace->id = workspace->name = borrow_trial_text(filling->workspace);
    workspace->plan = SALLYPORT__V1__PLAN__PLAN_ENTERPRISE;
    workspace->seats = SEATS;
    workspace->features = features;
    workspace->n_features = 1;
    workspace->quotas = quotas;
    workspace->allow_private_ranges = true;
    return add_record(filling, (struct origin){0}, SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE, workspace);
}

static enum sp_status add_trial_principal(struct filling *filling, const struct sp_policy_principal *entry) {
    Sallyport__V1__Principal *principal = new_trial_message(filling, &sallyport__v1__principal__descriptor);
    if (principal == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    principal->workspace = borrow_trial_text(filling->workspace);
    principal->id = borrow_trial_text(entry->id);
    principal->name = borrow_trial_text(entry->name);
    principal->kind =
        entry->service_account ? SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT : SALLYPORT__V1__PRINCIPAL_KIND__USER;
    principal->role = entry->admin ? SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN
                                   : SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    principal->disabled = entry->disabled;
    return add_record(filling, (struct origin){.place = &entry->place}, SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL,
                      principal);
}

static enum sp_status add_trial_group(struct filling *filling, const struct sp_policy_group *entry) {
    Sallyport__V1__Group *group = new_trial_message(filling, &sallyport__v1__group__descriptor);
    if (group == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    group->workspace = borrow_trial_text(filling->workspace);
    group->id = borrow_trial_text(entry->id);
    group->name = borrow_trial_text(entry->name);
    return add_record(filling, (struct origin){.place = &entry->place}, SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP,
                      group);
}

static enum sp_status add_trial_member(struct filling *filling, const struct sp_policy_member *entry) {
    Sallyport__V1__Membership *member = new_trial_message(filling, &sallyport__v1__membership__descriptor);
    if (member == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    member->workspace = borrow_trial_text(filling->workspace);
    member->group = borrow_trial_text(entry->group);
    member->principal = borrow_trial_text(entry->principal);
    return add_record(filling, (struct origin){.place = &entry->place}, SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP,
                      member);
}

static Sallyport__V1__ResourceRef *new_trial_ref(struct filling *filling, const char *ref) {
    Sallyport__V1__ResourceRef *message = new_trial_message(filling, &sallyport__v1__resource_ref__descriptor);
    const char *slash = strchr(ref, '/');
    if (message == NULL || slash == NULL)
        return NULL;
    message->type = sp_arena_strdup(&filling->arena, (struct sp_str){ref, (size_t)(slash - ref)});
    message->id = borrow_trial_text(slash + 1);
    return message->type == NULL ? NULL : message;
}

static enum sp_status add_trial_resource(struct filling *filling, const char *ref,
                                         const struct sp_policy_place *place) {
    Sallyport__V1__Resource *resource = new_trial_message(filling, &sallyport__v1__resource__descriptor);
    if (resource == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    resource->workspace = borrow_trial_text(filling->workspace);
    resource->ref = new_trial_ref(filling, ref);
    return add_record(filling, (struct origin){.place = place}, SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE,
                      resource);
}

static enum sp_status add_trial_share(struct filling *filling, const struct sp_policy_share *entry) {
    Sallyport__V1__Grant *grant = new_trial_message(filling, &sallyport__v1__grant__descriptor);
    Sallyport__V1__Subject *subject = new_trial_message(filling, &sallyport__v1__subject__descriptor);
    if (grant == NULL || subject == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    subject->kind_case = entry->to_group ? SALLYPORT__V1__SUBJECT__KIND_GROUP : SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
    subject->principal = borrow_trial_text(entry->subject);
    grant->workspace = borrow_trial_text(filling->workspace);
    grant->resource = new_trial_ref(filling, entry->resource);
    grant->subject = subject;
    grant->role = (Sallyport__V1__Role)entry->role;
    return add_record(filling, (struct origin){.place = &entry->place}, SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT,
                      grant);
}

/* ---- keys ---- */

void sp_trial_key_sha256(size_t key, uint8_t ret_sha256[static 32]) {
    char text[64];
    int size = snprintf(text, sizeof(text), "the key of a test, number %zu", key);
    sp_sha256(text, (size_t)size, ret_sha256);
}

static char *write_hex(struct filling *filling, const uint8_t sha256[static SP_DIGEST_BYTES]) {
    char *text = sp_arena_alloc(&filling->arena, 2 * SP_DIGEST_BYTES + 1);
    for (size_t i = 0; text != NULL && i < SP_DIGEST_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", sha256[i]);
    return text;
}

static enum sp_status add_trial_key_record(struct filling *filling, size_t number) {
    const struct sp_trial_key *key = filling->parts->spec->keys[number];
    Sallyport__V1__ImportApiKey *record = new_trial_message(filling, &sallyport__v1__import_api_key__descriptor);
    Sallyport__V1__ApiKey *api_key = new_trial_message(filling, &sallyport__v1__api_key__descriptor);
    Sallyport__V1__Permissions *permissions = new_trial_message(filling, &sallyport__v1__permissions__descriptor);
    uint8_t sha256[SP_DIGEST_BYTES];
    sp_trial_key_sha256(number, sha256);
    if (record == NULL || api_key == NULL || permissions == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    permissions->all = key->permission_count == 0;
    permissions->names = (char **)(uintptr_t)key->permissions;
    permissions->n_names = key->permission_count;
    api_key->workspace = borrow_trial_text(filling->workspace);
    api_key->id = sp_arena_printf(&filling->arena, "test-%zu", number);
    api_key->name = borrow_trial_text("test");
    api_key->principal = borrow_trial_text(key->principal);
    api_key->permissions = permissions;
    api_key->allowed_ips = (char **)(uintptr_t)key->allowed_ips;
    api_key->n_allowed_ips = key->allowed_ip_count;
    api_key->expires_at = key->expires_at_s;
    api_key->disabled = key->disabled;
    record->key = api_key;
    record->sha256 = write_hex(filling, sha256);
    if (api_key->id == NULL || record->sha256 == NULL)
        return sp_error_set(filling->error, SP_ERR_MEMORY, "out of memory");
    return add_record(filling, (struct origin){.key = key}, SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY, record);
}

/* ---- all ---- */

static enum sp_status add_trial_resources(struct filling *filling) {
    const struct sp_policy *policy = filling->parts->policy;
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < policy->resource_count; i++)
        status = add_trial_resource(filling, policy->resources[i].ref, &policy->resources[i].place);
    if (policy->has[SP_POLICY_RESOURCES])
        return status;
    for (size_t i = 0; status == SP_OK && i < policy->share_count; i++)
        if (i == 0 || policy->shares[i].resource != policy->shares[i - 1].resource)
            status = add_trial_resource(filling, policy->shares[i].resource, &policy->shares[i].place);
    return status;
}

static enum sp_status add_everything(struct filling *filling) {
    const struct sp_policy *policy = filling->parts->policy;
    enum sp_status status = add_trial_workspace(filling);
    for (size_t i = 0; status == SP_OK && i < policy->principal_count; i++)
        status = add_trial_principal(filling, &policy->principals[i]);
    for (size_t i = 0; status == SP_OK && i < policy->group_count; i++)
        status = add_trial_group(filling, &policy->groups[i]);
    for (size_t i = 0; status == SP_OK && i < policy->member_count; i++)
        status = add_trial_member(filling, &policy->members[i]);
    if (status == SP_OK)
        status = add_trial_resources(filling);
    for (size_t i = 0; status == SP_OK && i < policy->share_count; i++)
        status = add_trial_share(filling, &policy->shares[i]);
    for (size_t i = 0; status == SP_OK && i < filling->parts->spec->key_count; i++)
        status = add_trial_key_record(filling, i);
    if (status != SP_OK)
        return status;
    return import_batch(filling);
}

static enum sp_status add_trial_operator(struct filling *filling) {
    const struct sp_admin_operator_terms unlimited = {.expires_at_s = 0};
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(filling->world->store, &write, filling->error);
    if (status != SP_OK)
        return status;
    status = sp_admin_operator_add(write, SP_STR_LITERAL("test"), &unlimited, sp_clock_now_s(), &filling->arena,
                                   filling->secret, filling->error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, filling->error);
}

static enum sp_status fill_world(struct sp_trial_world *world, const struct sp_trial_parts *parts,
                                 struct sp_error *error) {
    struct filling *filling = calloc(1, sizeof(*filling));
    if (filling == NULL || sp_arena_init(&filling->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        free(filling);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    filling->world = world;
    filling->parts = parts;
    filling->error = error;
    filling->workspace = parts->policy->workspace != NULL ? parts->policy->workspace : "test";
    enum sp_status status = add_trial_operator(filling);
    if (status == SP_OK)
        status = add_everything(filling);
    explicit_bzero(filling->secret, sizeof(filling->secret));
    sp_arena_fini(&filling->arena);
    free(filling);
    return status;
}

static enum sp_status make_trial_store(struct sp_trial_world *world, const struct sp_trial_parts *parts,
                                       struct sp_error *error) {
    const struct sp_store_create_options create = {
        .schema_yaml = parts->schema_yaml, .key_prefix = SP_STR_LITERAL("sp_"), .now_s = LONG_AGO_S};
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    enum sp_status status = sp_trial_folder_make(world->folder, error);
    if (status != SP_OK)
        return status;
    status = sp_store_create(world->folder, &create, error);
    if (status != SP_OK)
        return status;
    return sp_store_open(world->folder, &options, &world->store, error);
}

static enum sp_status prepare_world(struct sp_trial_world *world, const struct sp_trial_parts *parts,
                                    struct sp_error *error) {
    enum sp_status status = make_trial_store(world, parts, error);
    if (status != SP_OK)
        return status;
    status = fill_world(world, parts, error);
    if (status != SP_OK)
        return status;
    if (sp_snapshot_begin(world->store, &world->snapshot) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, "cannot read the scratch store");
    return SP_OK;
}

enum sp_status sp_trial_world_open(const struct sp_trial_parts *parts, struct sp_trial_world **ret_world,
                                   struct sp_error *error) {
    struct sp_trial_world *world = calloc(1, sizeof(*world));
    if (world == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = prepare_world(world, parts, error);
    if (status != SP_OK) {
        sp_trial_world_close(world);
        return status;
    }
    *ret_world = world;
    return SP_OK;
}

void sp_trial_world_close(struct sp_trial_world *world) {
    if (world == NULL)
        return;
    if (world->snapshot != NULL)
        sp_snapshot_end(world->snapshot);
    sp_store_close(world->store);
    sp_trial_folder_remove(world->folder);
    free(world);
}

struct sp_view *sp_trial_world_view(struct sp_trial_world *world) {
    return sp_snapshot_view(world->snapshot);
}
