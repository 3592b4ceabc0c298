#include "support/store_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/digest.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/changeset.h"
#include "store/records/create.h"
#include "store/records/edit.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/store_time.h"
#include "store/records/write.h"

const char world_schema[] = "version: 1\n"
                            "permissions:\n"
                            "  text_to_speech: Turn text into speech\n"
                            "  voices_write: Change voices\n"
                            "types:\n"
                            "  note:\n"
                            "    ids: workspace\n"
                            "    actions:\n"
                            "      read: {role: viewer}\n"
                            "  voice:\n"
                            "    actions:\n"
                            "      use: {permission: text_to_speech, role: viewer}\n"
                            "      edit: {permission: voices_write, role: editor}\n"
                            "      preview: {}\n";

enum { NAME_BYTES = 32, NOW_S = 1700000000, ARENA_FIRST = 1 << 20, ARENA_BUDGET = 1 << 30 };

static char *name_of(struct world *world, char letter, uint64_t number) {
    char *name = sp_arena_printf(&world->arena, "%c%" PRIu64, letter, number);
    assert_non_null(name);
    return name;
}

static char *copy_of(struct world *world, const char *text) {
    char *copy = sp_arena_strdup(&world->arena, sp_str_from(text));
    assert_non_null(copy);
    return copy;
}

/* ---- the store ---- */

static void ok(enum sp_status status, const struct sp_error *error) {
    if (status != SP_OK)
        fail_msg("%s: %s", sp_status_name(status), error->message);
}

void world_reopen(struct world *world, const struct sp_store_options *options) {
    struct sp_error error = {.status = SP_OK};
    sp_store_close(world->store);
    world->store = NULL;
    ok(sp_store_open(world->path, options, &world->store, &error), &error);
}

/* Tests choose their numbers; the ones that the store assigns begin far above. */
static void skip_numbers(struct world *world) {
    struct sp_error error = {.status = SP_OK};
    uint8_t next[16] = {[2] = 1, [10] = 1};
    struct sp_write *write;
    ok(sp_write_begin(world->store, &write, &error), &error);
    assert_int_equal(sp_write_meta(write, "next", (struct sp_bytes){next, sizeof(next)}), SP_OK);
    ok(sp_write_commit(write, &error), &error);
}

void world_init_with_map(struct world *world, uint64_t map_size_bytes) {
    struct sp_error error = {.status = SP_OK};
    *world = (struct world){.path = "/tmp/sp-store-test-XXXXXX"};
    assert_non_null(mkdtemp(world->path));
    struct sp_store_create_options options = {
        .map_size_bytes = map_size_bytes,
        .schema_yaml = sp_str_from(world_schema),
        .key_prefix = SP_STR_LITERAL("sp_"),
        /* Long ago: the store's time is a floor for that of decisions, which tests set as they
         * like. */
        .now_s = NOW_S - 1000 * SP_STORE_TIME_DAY_S,
    };
    ok(sp_store_create(world->path, &options, &error), &error);
    world_reopen(world, &(struct sp_store_options){.mode = SP_STORE_WRITE, .no_sync = true});
    skip_numbers(world);
    assert_int_equal(sp_arena_init(&world->arena, ARENA_FIRST, ARENA_BUDGET), SP_OK);
}

void world_init(struct world *world) {
    world_init_with_map(world, (uint64_t)1 << 30);
}

static void remove_file(const char *folder, const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

void world_fini(struct world *world) {
    sp_store_close(world->store);
    sp_arena_fini(&world->arena);
    remove_file(world->path, "data.mdb");
    remove_file(world->path, "lock.mdb");
    rmdir(world->path);
}

/* ---- changesets ---- */

void world_begin(struct world *world) {
    struct sp_error error = {.status = SP_OK};
    sp_arena_reset(&world->arena);
    ok(sp_write_begin(world->store, &world->write, &error), &error);
    Sallyport__V1__Change head = SALLYPORT__V1__CHANGE__INIT;
    char method[] = "Test";
    head.method = method;
    head.time = NOW_S;
    world->set = sp_changeset_new(&world->arena, &head);
    assert_non_null(world->set);
}

struct sp_revision world_commit(struct world *world) {
    struct sp_error error = {.status = SP_OK};
    struct sp_revision revision;
    ok(sp_changeset_apply(world->write, world->set, &revision, &error), &error);
    ok(sp_write_commit(world->write, &error), &error);
    return revision;
}

enum sp_status world_try(struct world *world, struct sp_error *error) {
    struct sp_revision revision;
    enum sp_status status = sp_changeset_apply(world->write, world->set, &revision, error);
    sp_write_abort(world->write);
    return status;
}

static struct sp_entity_key key_of(enum sp_kind kind, const char *workspace, const char *const *parts, size_t count) {
    struct sp_entity_key key;
    struct sp_str texts[4];
    for (size_t i = 0; i < count; i++)
        texts[i] = sp_str_from(parts[i]);
    assert_int_equal(sp_entity_key_make(kind, sp_str_from(workspace), texts, count, &key), SP_OK);
    return key;
}

static void put(struct world *world, const struct sp_entity_key *key, const ProtobufCMessage *message) {
    assert_int_equal(sp_changeset_put(world->set, key, message), SP_OK);
}

/* ---- entities ---- */

void world_put_workspace(struct world *world, uint64_t workspace, bool disabled) {
    Sallyport__V1__Workspace content = SALLYPORT__V1__WORKSPACE__INIT;
    Sallyport__Store__V1__StoredWorkspace stored = SALLYPORT__STORE__V1__STORED_WORKSPACE__INIT;
    content.id = name_of(world, 'w', workspace);
    content.disabled = disabled;
    stored.workspace = &content;
    stored.number = workspace;
    struct sp_entity_key key = key_of(SP_KIND_WORKSPACE, content.id, NULL, 0);
    put(world, &key, &stored.base);
}

static void put_principal(struct world *world, uint64_t workspace, uint64_t number, Sallyport__V1__Principal *content) {
    Sallyport__Store__V1__StoredPrincipal stored = SALLYPORT__STORE__V1__STORED_PRINCIPAL__INIT;
    content->workspace = name_of(world, 'w', workspace);
    content->id = name_of(world, 'p', number);
    stored.principal = content;
    stored.number = number;
    stored.workspace_number = workspace;
    const char *parts[] = {content->id};
    struct sp_entity_key key = key_of(SP_KIND_PRINCIPAL, content->workspace, parts, 1);
    put(world, &key, &stored.base);
}

void world_put_user(struct world *world, uint64_t workspace, uint64_t number, bool admin, bool disabled) {
    Sallyport__V1__Principal content = SALLYPORT__V1__PRINCIPAL__INIT;
    content.kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    content.role = admin ? SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN
                         : SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    content.disabled = disabled;
    put_principal(world, workspace, number, &content);
}

void world_put_service_account(struct world *world, uint64_t workspace, uint64_t number, bool disabled) {
    Sallyport__V1__Principal content = SALLYPORT__V1__PRINCIPAL__INIT;
    content.kind = SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT;
    content.role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    content.disabled = disabled;
    put_principal(world, workspace, number, &content);
}

void world_put_group(struct world *world, uint64_t workspace, uint64_t number) {
    Sallyport__V1__Group content = SALLYPORT__V1__GROUP__INIT;
    Sallyport__Store__V1__StoredGroup stored = SALLYPORT__STORE__V1__STORED_GROUP__INIT;
    content.workspace = name_of(world, 'w', workspace);
    content.id = name_of(world, 'g', number);
    stored.group = &content;
    stored.number = number;
    stored.workspace_number = workspace;
    const char *parts[] = {content.id};
    struct sp_entity_key key = key_of(SP_KIND_GROUP, content.workspace, parts, 1);
    put(world, &key, &stored.base);
}

static struct sp_entity_key member_key(struct world *world, uint64_t workspace, uint64_t group, uint64_t principal) {
    const char *parts[] = {name_of(world, 'g', group), name_of(world, 'p', principal)};
    return key_of(SP_KIND_MEMBERSHIP, name_of(world, 'w', workspace), parts, 2);
}

void world_put_member(struct world *world, uint64_t workspace, uint64_t group, uint64_t principal) {
    Sallyport__V1__Membership content = SALLYPORT__V1__MEMBERSHIP__INIT;
    Sallyport__Store__V1__StoredMembership stored = SALLYPORT__STORE__V1__STORED_MEMBERSHIP__INIT;
    content.workspace = name_of(world, 'w', workspace);
    content.group = name_of(world, 'g', group);
    content.principal = name_of(world, 'p', principal);
    stored.membership = &content;
    stored.group_number = group;
    stored.principal_number = principal;
    stored.workspace_number = workspace;
    struct sp_entity_key key = member_key(world, workspace, group, principal);
    put(world, &key, &stored.base);
}

static struct sp_entity_key resource_entity_key(struct world *world, uint64_t workspace, bool voice, const char *id) {
    const char *parts[] = {voice ? "voice" : "note", id};
    return key_of(SP_KIND_RESOURCE, name_of(world, 'w', workspace), parts, 2);
}

void world_put_resource(struct world *world, uint64_t workspace, bool voice, const char *id) {
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    Sallyport__V1__Resource content = SALLYPORT__V1__RESOURCE__INIT;
    Sallyport__Store__V1__StoredResource stored = SALLYPORT__STORE__V1__STORED_RESOURCE__INIT;
    ref.type = copy_of(world, voice ? "voice" : "note");
    ref.id = copy_of(world, id);
    content.workspace = name_of(world, 'w', workspace);
    content.ref = &ref;
    stored.resource = &content;
    stored.type_number = voice ? WORLD_TYPE_VOICE : WORLD_TYPE_NOTE;
    stored.workspace_number = workspace;
    stored.workspace_scoped = !voice;
    struct sp_entity_key key = resource_entity_key(world, workspace, voice, id);
    put(world, &key, &stored.base);
}

static struct sp_entity_key grant_key(struct world *world, uint64_t workspace, const struct world_grant *grant) {
    struct sp_entity_key key;
    assert_int_equal(sp_entity_key_grant(sp_str_from(name_of(world, 'w', workspace)),
                                         sp_str_from(grant->voice ? "voice" : "note"), sp_str_from(grant->resource),
                                         grant->subject_kind,
                                         sp_str_from(name_of(world, grant->subject_kind, grant->subject)), &key),
                     SP_OK);
    return key;
}

void world_put_grant(struct world *world, uint64_t workspace, const struct world_grant *grant) {
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    Sallyport__V1__Subject subject = SALLYPORT__V1__SUBJECT__INIT;
    Sallyport__V1__Grant content = SALLYPORT__V1__GRANT__INIT;
    Sallyport__Store__V1__StoredGrant stored = SALLYPORT__STORE__V1__STORED_GRANT__INIT;
    ref.type = copy_of(world, grant->voice ? "voice" : "note");
    ref.id = copy_of(world, grant->resource);
    subject.kind_case =
        grant->subject_kind == 'p' ? SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL : SALLYPORT__V1__SUBJECT__KIND_GROUP;
    subject.principal = name_of(world, grant->subject_kind, grant->subject);
    content.workspace = name_of(world, 'w', workspace);
    content.resource = &ref;
    content.subject = &subject;
    content.role = (Sallyport__V1__Role)grant->role;
    stored.grant = &content;
    stored.type_number = grant->voice ? WORLD_TYPE_VOICE : WORLD_TYPE_NOTE;
    stored.subject_number = grant->subject;
    stored.workspace_number = workspace;
    stored.workspace_scoped = !grant->voice;
    struct sp_entity_key key = grant_key(world, workspace, grant);
    put(world, &key, &stored.base);
}

void world_digest_of(uint64_t key_number, uint8_t ret_digest[static 32]) {
    sp_sha256(&key_number, sizeof(key_number), ret_digest);
}

static char **copy_list(struct world *world, const char *const *texts, size_t count) {
    char **copies = sp_arena_calloc(&world->arena, count + 1, sizeof(*copies));
    assert_non_null(copies);
    for (size_t i = 0; i < count; i++)
        copies[i] = copy_of(world, texts[i]);
    return copies;
}

void world_put_key(struct world *world, uint64_t workspace, const struct world_key *key) {
    uint8_t digest[32];
    uint8_t bits[32];
    char any[] = "any";
    char *names[] = {any};
    Sallyport__V1__Permissions permissions = SALLYPORT__V1__PERMISSIONS__INIT;
    Sallyport__V1__ApiKey content = SALLYPORT__V1__API_KEY__INIT;
    Sallyport__Store__V1__StoredKey stored = SALLYPORT__STORE__V1__STORED_KEY__INIT;
    memcpy(bits, key->permissions, sizeof(bits));
    world_digest_of(key->number, digest);
    if (key->digest != NULL)
        memcpy(digest, key->digest, sizeof(digest));
    permissions.all = key->all;
    permissions.names = names;
    permissions.n_names = key->all ? 0 : 1;
    content.workspace = name_of(world, 'w', workspace);
    content.id = name_of(world, 'k', key->number);
    content.principal = name_of(world, 'p', key->principal);
    content.permissions = &permissions;
    content.allowed_ips = copy_list(world, key->allowed_ips, key->allowed_ip_count);
    content.n_allowed_ips = key->allowed_ip_count;
    content.expires_at = key->expires_at_s;
    content.disabled = key->disabled;
    stored.key = &content;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    stored.permission_bits = (ProtobufCBinaryData){key->all ? 0 : sizeof(bits), bits};
    stored.principal_number = key->principal;
    stored.workspace_number = workspace;
    stored.principal_kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    const char *parts[] = {content.id};
    struct sp_entity_key entity_key = key_of(SP_KIND_KEY, content.workspace, parts, 1);
    put(world, &entity_key, &stored.base);
}

void world_put_operator(struct world *world, const char *name, const uint8_t digest[static 32]) {
    uint8_t copy[32];
    Sallyport__V1__Operator content = SALLYPORT__V1__OPERATOR__INIT;
    Sallyport__Store__V1__StoredOperator stored = SALLYPORT__STORE__V1__STORED_OPERATOR__INIT;
    memcpy(copy, digest, sizeof(copy));
    content.name = copy_of(world, name);
    stored.operator_ = &content;
    stored.digest = (ProtobufCBinaryData){sizeof(copy), copy};
    const char *parts[] = {name};
    struct sp_entity_key key = key_of(SP_KIND_OPERATOR, "", parts, 1);
    put(world, &key, &stored.base);
}

/* ---- deleting ---- */

static void delete_key(struct world *world, const struct sp_entity_key *key) {
    assert_int_equal(sp_changeset_delete(world->set, key, NOW_S), SP_OK);
}

void world_delete(struct world *world, enum sp_kind kind, uint64_t workspace, const char *id) {
    const char *parts[] = {id};
    bool of_workspace = kind != SP_KIND_OPERATOR && kind != SP_KIND_SCHEMA;
    struct sp_entity_key key =
        key_of(kind, of_workspace ? name_of(world, 'w', workspace) : "", parts, id != NULL ? 1 : 0);
    delete_key(world, &key);
}

void world_delete_member(struct world *world, uint64_t workspace, uint64_t group, uint64_t principal) {
    struct sp_entity_key key = member_key(world, workspace, group, principal);
    delete_key(world, &key);
}

void world_delete_resource(struct world *world, uint64_t workspace, bool voice, const char *id) {
    struct sp_entity_key key = resource_entity_key(world, workspace, voice, id);
    delete_key(world, &key);
}

void world_delete_grant(struct world *world, uint64_t workspace, const struct world_grant *grant) {
    struct sp_entity_key key = grant_key(world, workspace, grant);
    delete_key(world, &key);
}

/* ---- reading ---- */

struct sp_bytes world_resource_key(uint64_t workspace, bool voice, const char *id,
                                   uint8_t buffer[static SP_RESOURCE_KEY_MAX_BYTES]) {
    size_t size =
        sp_resource_key(voice ? WORLD_TYPE_VOICE : WORLD_TYPE_NOTE, voice ? 0 : workspace, sp_str_from(id), buffer);
    assert_true(size > 0);
    return (struct sp_bytes){buffer, size};
}

/* ---- random ---- */

uint64_t world_seed(const char *test) {
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("%s: SP_TEST_SEED=%" PRIu64 "\n", test, seed);
    return seed;
}

/* xorshift64*, after spreading small seeds. */
uint64_t world_random(uint64_t *state) {
    uint64_t x = *state + UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (x * UINT64_C(0x2545f4914f6cdd1d)) >> 16;
}
